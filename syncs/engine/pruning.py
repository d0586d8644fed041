"""Takes away, in small writes, what `retention.py` found, and what nothing stands on any more.

Each kind's mark is written before the first of it goes, so that pages can tell what is missing. Killed at any
line, the next time goes on; done twice, or by two at once, nothing more goes.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from destinations import accounts
from destinations.models import AccountHour, Exchange
from syncadmin.teams import throttle
from syncs.engine import retention
from syncs.engine.retention import Share
from syncs.engine.staging import sweep
from syncs.models import (
    Batch,
    BatchDiff,
    Kept,
    LedgerEntry,
    LeftRows,
    MissedTime,
    PlannedRow,
    RejectedRow,
    Run,
    Source,
)
from syncs.sources import uploads
from syncs.sources.duckdb import Upload

AT_ONCE = 500
LARGE_AT_ONCE = 50  # of rows with bodies
RUNS_AT_ONCE = 50


def prune(now: datetime | None = None) -> dict[str, int]:
    """Apply the settings' days and sizes; tell how much went, by kind."""
    now = now or timezone.now()
    before = now - timedelta(days=settings.KEEP_DAYS)
    history = now - timedelta(days=settings.HISTORY_KEEP_DAYS)
    gone = {
        "exchanges": _requests(retention.requests(now)),
        **_payloads(retention.payloads(now)),
        "records": _records(retention.records(now)),
        "runs": _runs(retention.runs(now)),
        "missed times": _delete(MissedTime.objects.filter(at__lt=before)),
        "hours of accounts": _delete(AccountHour.objects.filter(hour__lt=history)),
        "former generations": _delete_former(),
        "sessions": _delete(Session.objects.filter(expire_date__lt=now)),
        "tries": sum(_delete(rows) for rows in throttle.old(now)),
        "accounts": accounts.prune(now),
        "scratch": sweep(settings.SCRATCH_DIR),
        "uploads": uploads.sweep(settings.UPLOADS_DIR, _uploaded()),
    }
    for share in retention.look(now):
        Kept.objects.measured(share.kind, share.rows, share.size, now)
    return gone


def _requests(share: Share) -> int:
    _mark(share)
    over = Exchange.objects.filter(Q(pk__lte=share.last) | Q(started_at__lt=share.before))
    return _delete(over, at_once=LARGE_AT_ONCE)


def _records(share: Share) -> int:
    """In one walk along the table: what stays is looked at once, not before each write."""
    if share.until is None:
        return 0
    _mark(share)
    rows = RejectedRow.objects.filter(Q(pk__lte=share.last) | Q(created_at__lt=share.before))
    count, last = 0, 0
    while some := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        last = some[-1]
        may_go = RejectedRow.objects.filter(retention.records_that_may_go(), pk__in=some)
        pks = list(may_go.values_list("pk", flat=True))
        count += RejectedRow.objects.filter(pk__in=pks, is_open=False).delete()[0]
    return count


def _payloads(share: Share) -> dict[str, int]:
    """What was sent by these runs, and what says where in it a row is."""
    if share.pks:
        _mark(share)
    gone = dict.fromkeys(("payloads", "what dry runs would change", "rows that left", "planned rows"), 0)
    for some in _in_groups(share.pks):
        batches = Batch.objects.filter(run__in=some).exclude(payload=b"")
        gone["payloads"] += _in_parts(
            batches.exclude(status=Batch.Status.SETTLED, folded_at__isnull=True),
            lambda few: few.update(payload=b"", outcomes=b"", journal=b"", left_at=None),
            at_once=LARGE_AT_ONCE,
        )
        gone["what dry runs would change"] += _delete(BatchDiff.objects.filter(run__in=some))
        gone["rows that left"] += _delete(LeftRows.objects.filter(run__in=some))
        gone["planned rows"] += sum(_delete_planned(run) for run in some)
    return gone


def _runs(share: Share) -> int:
    """Runs with all that hangs on them, the largest parts first and in small writes."""
    if not share.pks:
        return 0
    _mark(share)
    count = 0
    for pk in share.pks:
        _delete_planned(pk)
        for model in (BatchDiff, LeftRows, Batch):
            _delete(model.objects.filter(run=pk))
        _delete(RejectedRow.objects.filter(run=pk, is_open=False))
        if not RejectedRow.objects.filter(run=pk).exists():
            Run.objects.exclude(status__in=Run.ACTIVE).filter(pk=pk).delete()
            count += 1
    return count


def _mark(share: Share) -> None:
    if share.until is not None:
        Kept.objects.removed(share.kind, share.until, by_size=share.by_size)


def _uploaded() -> set[str]:
    """The folders of uploads that sources name."""
    found = Source.objects.filter(kind=Upload.key).values_list("options", flat=True)
    return {str(options.get("path")) for options in found}


def _delete(rows: "QuerySet[Any]", *, at_once: int = AT_ONCE) -> int:
    return _in_parts(rows, lambda some: some.delete()[0], at_once=at_once)


def _in_parts(rows: "QuerySet[Any]", act: Callable[..., int], *, at_once: int) -> int:
    """Act on rows by their ids, a few hundred a write: SQLite's writers wait for each other."""
    count = 0
    while some := list(rows.order_by("pk").values_list("pk", flat=True)[:at_once]):
        act(rows.model._default_manager.filter(pk__in=some))
        count += len(some)
    return count


def _in_groups(pks: Sequence[int]) -> Iterator[Sequence[int]]:
    return (pks[at : at + RUNS_AT_ONCE] for at in range(0, len(pks), RUNS_AT_ONCE))


def _delete_planned(run: int) -> int:
    """The index of one run's rows. It may have millions."""
    count = 0
    rows = PlannedRow.objects.filter(run=run)
    while some := list(rows.order_by().values_list("sync_id", "key")[:AT_ONCE]):
        for sync in {sync for sync, _ in some}:
            count += rows.filter(sync=sync, key__in=[key for _, key in some]).delete()[0]
    return count


def _delete_former() -> int:
    """Ledgers of generations that are over, those aside that an active run still folds into."""
    former = LedgerEntry.objects.filter(generation__lt=F("sync__generation")).exclude(
        sync__in=Run.objects.active().values("sync")
    )
    count = 0
    while some := list(former.values_list("sync_id", "generation", "key")[:AT_ONCE]):
        for sync, generation in {(sync, generation) for sync, generation, _ in some}:
            keys = [key for s, g, key in some if (s, g) == (sync, generation)]
            entries = LedgerEntry.objects.filter(sync_id=sync, generation=generation, key__in=keys)
            count += entries.delete()[0]
    return count
