"""Takes away what is no longer needed, in small writes. Never what is unfolded, never the present ledger."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, QuerySet
from django.utils import timezone

from destinations import accounts
from destinations.models import Exchange
from syncs.engine.staging import sweep
from syncs.models import Batch, BatchDiff, LedgerEntry, LeftRows, MissedTime, PlannedRow, Run, Source
from syncs.sources import uploads
from syncs.sources.duckdb import Upload

AT_ONCE = 500


def prune() -> dict[str, int]:
    """Apply the retention of KEEP_DAYS; tell how much went, by kind."""
    now = timezone.now()
    before = now - timedelta(days=settings.KEEP_DAYS)
    old = Run.objects.exclude(status__in=Run.ACTIVE).filter(finished_at__lt=before)
    payloads = Batch.objects.filter(run__in=old).exclude(payload=b"")
    unfolded = Batch.objects.filter(run__in=old, status=Batch.Status.SETTLED, folded_at__isnull=True)
    return {
        "exchanges": _delete(Exchange.objects.filter(started_at__lt=before)),
        "payloads": _in_parts(
            payloads.exclude(pk__in=unfolded),
            lambda some: some.update(payload=b"", outcomes=b"", journal=b""),
        ),
        "missed times": _delete(MissedTime.objects.filter(at__lt=before)),
        "what dry runs would change": _delete(BatchDiff.objects.filter(run__in=old)),
        "rows that left": _delete(LeftRows.objects.filter(run__in=old)),
        "planned rows": _delete_planned(old),
        "former generations": _delete_former(),
        "accounts": accounts.prune(now),
        "scratch": sweep(settings.SCRATCH_DIR),
        "uploads": uploads.sweep(settings.UPLOADS_DIR, _uploaded()),
    }


def _uploaded() -> set[str]:
    """The folders of uploads that sources name."""
    found = Source.objects.filter(kind=Upload.key).values_list("options", flat=True)
    return {str(options.get("path")) for options in found}


def _delete(rows: "QuerySet[Any]") -> int:
    return _in_parts(rows, lambda some: some.delete()[0])


def _in_parts(rows: "QuerySet[Any]", act: Callable[..., int]) -> int:
    """Act on rows by their ids, a few hundred a write: SQLite's writers wait for each other."""
    count = 0
    while some := list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        act(rows.model._default_manager.filter(pk__in=some))
        count += len(some)
    return count


def _delete_planned(runs: "QuerySet[Run]") -> int:
    count = 0
    for run in runs.filter(pk__in=PlannedRow.objects.values("run")).only("pk"):
        count += PlannedRow.objects.filter(run=run).delete()[0]
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
