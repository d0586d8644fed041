"""The fenced writes of delivery: claim, keep, settle. Each demands the run's lease token.

A batch is `sending` in the database before its call leaves, and an answer counts only while the batch is
still sending by the same attempt of the same worker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from destinations.contract import Adapter, Verdict
from destinations.models import Exchange
from syncs.engine import reasons
from syncs.engine.batches import Payload, write_outcomes
from syncs.engine.journal import Journal
from syncs.engine.lease import Lease
from syncs.models import Batch, RejectedRow, Run


@dataclass(slots=True)
class Held:
    """A batch that this worker has claimed, read."""

    batch: Batch
    payload: Payload
    journal: Journal

    @property
    def converges(self) -> bool:
        return self.batch.run.sync.mode != "insert"


def claim(batch: Batch, lease: Lease, now: datetime) -> Held | None:
    """Mark the batch as sending by us. None: it is not as we thought, or the run is not ours.

    A batch that a dead worker was sending is taken over: its call may have been applied.
    """
    lease.demand()
    was_sending = batch.status == Batch.Status.SENDING
    first = batch.first_sent_at or now
    claimed = Batch.objects.filter(
        pk=batch.pk,
        status=batch.status,
        attempt=batch.attempt,
        run__lease_token=lease.token,
        run__lease_expires_at__gt=now,
    ).update(
        status=Batch.Status.SENDING,
        attempt=batch.attempt + 1,
        lease_token=lease.token,
        first_sent_at=first,
        last_sent_at=now,
    )
    if not claimed:
        return None
    batch.status = Batch.Status.SENDING
    batch.attempt += 1
    batch.first_sent_at, batch.last_sent_at = first, now
    journal = Journal.read(batch.operation_count, batch.journal)
    if was_sending and journal.call is not None and journal.call.state is None:
        journal.lost_answer()
    return Held(batch, Payload(bytes(batch.payload)), journal)


def keep(held: Held, lease: Lease, *, due_at: datetime, error: str) -> None:
    """Write the journal: the call's job goes on, or its next call goes at `due_at`. LostLease if fenced."""
    out = held.journal.call
    status = Batch.Status.SENDING if out is not None and out.state is not None else Batch.Status.WAITING
    kept = _ours(held, lease).update(
        status=status, journal=held.journal.write(), due_at=due_at, last_error=error
    )
    if not kept:
        lease.lose()
    held.batch.status, held.batch.due_at = status, due_at


def settle(
    run: Run,
    settled: Sequence[Held],
    exchanges: Sequence[Exchange],
    lease: Lease,
    *,
    failed_owners: frozenset[str],
    adapter: type[Adapter],
    companion: str,
) -> None:
    """Write outcomes, failures and counters in one transaction. LostLease if fenced: nothing is written.

    `failed_owners` are rows whose companion failed: they fail with it. `companion` is what to call one.
    """
    now = timezone.now()
    totals = dict.fromkeys(Verdict, 0)
    with transaction.atomic():
        told: list[RejectedRow] = []
        for held in settled:
            counts = _counts(held, failed_owners)
            updated = _ours(held, lease).update(
                status=Batch.Status.SETTLED,
                journal={},
                outcomes=write_outcomes(
                    held.journal.proved, given_up=held.journal.given_up, lost=held.journal.lost
                ),
                accepted_count=counts[Verdict.ACCEPTED],
                rejected_count=counts[Verdict.REJECTED],
                in_doubt_count=counts[Verdict.UNPROVED],
                settled_at=now,
                lease_token=None,
            )
            if not updated:
                lease.lose()
            for verdict, count in counts.items():
                totals[verdict] += count
            if any(o.verdict is not Verdict.ACCEPTED for o in held.journal.proved.values()):
                told += reasons.of_outcomes(
                    held.batch,
                    held.payload,
                    held.journal.proved.items(),
                    held.journal.given_up,
                    adapter,
                    companion,
                )
        if told:
            RejectedRow.objects.bulk_create(told, batch_size=500)
        if exchanges:
            Exchange.objects.bulk_create(exchanges)
        if any(totals.values()) and not (
            Run.objects.filter(pk=run.pk, lease_token=lease.token).update(
                accepted_count=F("accepted_count") + totals[Verdict.ACCEPTED],
                rejected_count=F("rejected_count") + totals[Verdict.REJECTED],
                in_doubt_count=F("in_doubt_count") + totals[Verdict.UNPROVED],
                waiting_count=F("waiting_count") - sum(totals.values()),
            )
        ):
            lease.lose()


def abandon(run: Run, lease: Lease, *, adapter: type[Adapter], companion: str) -> None:
    """Nothing more is sent: what may have been applied is in doubt, what was proved stays proved.

    Operations that never left stay waiting: the next run plans them again.
    """
    while True:
        batch = (
            Batch.objects.filter(run=run, plan_attempt=run.plan_attempt, attempt__gt=0)
            .exclude(status=Batch.Status.SETTLED)
            .order_by("number")
            .first()
        )
        if batch is None:
            return
        batch.run = run
        sent_at = batch.last_sent_at
        was_sending = batch.status == Batch.Status.SENDING
        held = claim(batch, lease, timezone.now())
        if held is None:
            lease.lose()
        Batch.objects.filter(pk=batch.pk).update(last_sent_at=sent_at)
        held.journal.abandon("the run ended before the answer came.", sending=was_sending)
        settle(run, [held], [], lease, failed_owners=failed_owners(run), adapter=adapter, companion=companion)


def failed_owners(run: Run) -> frozenset[str]:
    """Keys of rows whose companion was refused or is in doubt in this run."""
    return frozenset(
        RejectedRow.objects.filter(run=run, plan_attempt=run.plan_attempt, part=1).values_list(
            "key_text", flat=True
        )
    )


def _ours(held: Held, lease: Lease) -> QuerySet[Batch]:
    return Batch.objects.filter(
        pk=held.batch.pk,
        status=Batch.Status.SENDING,
        attempt=held.batch.attempt,
        lease_token=lease.token,
        run__lease_token=lease.token,
    )


def _counts(held: Held, failed_owners: frozenset[str]) -> Mapping[Verdict, int]:
    """How many rows came to what: only operations that stand for their row are counted."""
    counts = dict.fromkeys(Verdict, 0)
    rows = held.batch.stage != Batch.Stage.COMPANIONS
    for at, outcome in held.journal.proved.items():
        if not held.payload.counts(at):
            continue
        verdict = outcome.verdict
        if rows and failed_owners and held.payload.row(at).key_text in failed_owners:
            verdict = Verdict.REJECTED
        counts[verdict] += 1
    return counts
