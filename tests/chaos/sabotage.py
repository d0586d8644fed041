"""`manage.py`, with one fault of ours built in, or none: the chaos tests must notice each.

    SABOTAGE=no_fence python -m tests.chaos.sabotage run …

`LEASE_SECONDS` shortens the lease, so that a worker that sleeps loses it in time for a test; `FOLD_SECONDS`
is how long each batch takes to be folded, so that a test can kill it meanwhile.
"""

import os
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

import django
from django.core.management import execute_from_command_line
from django.db import transaction
from django.utils import timezone

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncadmin.settings")
django.setup()

from syncs.engine import batches, calls, journal, lease, ledger, leftovers, settle  # noqa: E402 - as settings
from syncs.models import Batch, Run  # noqa: E402

Reader: TypeAlias = Callable[[Batch, batches.Payload], journal.Journal]


def no_fence() -> None:
    """A worker that lost its lease goes on as if it had it."""

    def claim(batch: Batch, held_lease: lease.Lease, now: datetime, read: Reader, **_: Any) -> settle.Held:
        token = {"lease_token": held_lease.token, "last_sent_at": now}
        Batch.objects.filter(pk=batch.pk).update(status=Batch.Status.SENDING, **token)
        batch.status = Batch.Status.SENDING
        payload = batches.Payload(bytes(batch.payload))
        return settle.Held(batch, payload, read(batch, payload))

    _replace(lease.Lease, "demand", lambda self: None)
    _replace(lease.Lease, "lose", lambda self: None)
    _replace(lease.Lease, "is_held", property(lambda self: True))
    _replace(settle, "claim", claim)
    _replace(settle, "_OURS", "id = %s")
    _replace(settle, "_our", lambda held, its_lease: (held.batch.pk,))


def no_sending_mark() -> None:
    """What may have been sent is marked only when its answer is there."""
    claim, keep, settle_all = settle.claim, settle.keep, settle.settle

    def unwritten(*arguments: Any, together: Any) -> settle.Held | None:
        with transaction.atomic():
            held = claim(*arguments)
            transaction.set_rollback(True)
        return held

    def mark(held: settle.Held, its_lease: lease.Lease) -> None:
        Batch.objects.filter(pk=held.batch.pk).update(
            status=Batch.Status.SENDING,
            attempt=held.batch.attempt,
            lease_token=its_lease.token,
            first_sent_at=held.batch.first_sent_at,
            last_sent_at=held.batch.last_sent_at,
        )

    def late_keep(held: settle.Held, its_lease: lease.Lease, **more: Any) -> None:
        mark(held, its_lease)
        keep(held, its_lease, **more)

    def late_settle(run: Any, settled: Any, exchanges: Any, its_lease: lease.Lease, **more: Any) -> None:
        for held in settled:
            mark(held, its_lease)
        settle_all(run, settled, exchanges, its_lease, **more)

    _replace(settle, "claim", unwritten)
    _replace(settle, "keep", late_keep)
    _replace(settle, "settle", late_settle)


def no_fold() -> None:
    """The ledger does not follow."""
    _replace(ledger, "fold", lambda *_, **__: None)


def no_fold_mark() -> None:
    """What is folded is not marked batch by batch, with its entries, but all of it beforehand."""
    fold = ledger.fold

    def hasty(run: Run, its_lease: lease.Lease, *, settle_seconds: float) -> None:
        found = Batch.objects.filter(run=run, status=Batch.Status.SETTLED, folded_at__isnull=True)
        batches_of_it = list(found.order_by("number").values_list("pk", flat=True))
        found.update(folded_at=timezone.now())
        for pk in batches_of_it:
            Batch.objects.filter(pk=pk).update(folded_at=None)
            fold(run, its_lease, settle_seconds=settle_seconds)

    _replace(ledger, "fold", hasty)


def blind_inserts() -> None:
    """An insert whose answer was lost is sent again as if that did no harm."""
    read = calls.Way.journal

    def converging(self: calls.Way, *arguments: Any) -> journal.Journal:
        found = read(self, *arguments)
        found.converges = True
        return found

    _replace(calls.Way, "journal", converging)


def doubt_keeps_the_fingerprint() -> None:
    """A record whose sending is in doubt still counts as the last accepted one."""

    class Nothing:
        def run(self, rows: object) -> None:
            """Write nothing."""

    _replace(ledger, "DOUBT", Nothing())


def no_settling_time() -> None:
    """Another value is sent at once, though the one before may still take effect."""
    known = ledger.known

    def hasty(*arguments: Any) -> Any:
        return {key: one._replace(settles_at=None) for key, one in known(*arguments).items()}

    _replace(ledger, "known", hasty)
    _replace(leftovers, "unsettled", lambda *_: leftovers.Unsettled())


def dead_calls_are_forgotten() -> None:
    """A call that was in flight when its sender died counts as never sent."""
    _replace(journal.Journal, "lost_answer", lambda self: None)


def jobs_are_forgotten() -> None:
    """A job that the destination works on is not written down."""
    keep = settle.keep

    def forgetful(held: settle.Held, *arguments: Any, together: Any, **more: Any) -> None:
        call = held.journal.call
        state = call.state if call else None
        if call:
            call.state = None
        keep(held, *arguments, **more)
        if call and state is not None:
            call.state = state
            Batch.objects.filter(pk=held.batch.pk).update(status=Batch.Status.SENDING)
            held.batch.status = Batch.Status.SENDING

    _replace(settle, "keep", forgetful)


def left_jobs_are_forgotten() -> None:
    """Nobody waits for a job that an earlier run left at the destination."""
    _replace(leftovers, "watch", lambda *_, **__: None)


FAULTS: dict[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        no_fence,
        no_sending_mark,
        no_fold,
        no_fold_mark,
        blind_inserts,
        doubt_keeps_the_fingerprint,
        no_settling_time,
        dead_calls_are_forgotten,
        jobs_are_forgotten,
        left_jobs_are_forgotten,
    )
}


def _fold_slowly(seconds: float) -> None:
    fold = ledger._fold_batch

    def slowly(*arguments: Any) -> None:
        time.sleep(seconds)
        fold(*arguments)

    _replace(ledger, "_fold_batch", slowly)


def _replace(owner: Any, name: str, value: Any) -> None:
    """Swap what is there; an AttributeError tells that the product has moved on from this sabotage."""
    getattr(owner, name)
    setattr(owner, name, value)


def main() -> None:
    if seconds := float(os.environ.get("LEASE_SECONDS", "0")):
        _replace(lease, "LASTS", seconds)
        _replace(lease, "RENEW_EVERY", seconds / 5)
        _replace(lease, "MARGIN", seconds / 10)
    if seconds := float(os.environ.get("FOLD_SECONDS", "0")):
        _fold_slowly(seconds)
    if fault := os.environ.get("SABOTAGE", ""):
        FAULTS[fault]()
    execute_from_command_line(["manage.py", *sys.argv[1:]])


if __name__ == "__main__":
    main()
