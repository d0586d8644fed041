"""Removing a sync with all that is remembered of it, in writes that others need not wait long for."""

from django.db import transaction

from syncadmin.teams import audit
from syncs.models import Batch, LedgerEntry, PlannedRow, RejectedRow, Run, Sync

AT_ONCE = 500


def remove(sync: Sync) -> bool:
    """Remove the sync, its mapping, runs and ledger. False, with nothing removed, while a run is active.

    It is paused first, so that nobody starts a run of what is half gone. After a crash it can be removed
    again.
    """
    with transaction.atomic():
        Sync.objects.select_for_update().get(pk=sync.pk)
        if Run.objects.active().filter(sync=sync).exists():
            return False
        Sync.objects.filter(pk=sync.pk).update(paused=True)
    for run in Run.objects.filter(sync=sync).only("pk").iterator():
        PlannedRow.objects.filter(run=run).delete()
        _in_parts(RejectedRow, run)
        _in_parts(Batch, run)
    for generation in LedgerEntry.objects.filter(sync=sync).values_list("generation", flat=True).distinct():
        entries = LedgerEntry.objects.filter(sync=sync, generation=generation)
        while keys := list(entries.values_list("key", flat=True)[:AT_ONCE]):
            entries.filter(key__in=keys).delete()
    with transaction.atomic():
        if Run.objects.active().filter(sync=sync).exists():
            return False
        audit.record(None, sync.team, audit.Action.SYNC_REMOVED, sync)
        sync.delete()
    return True


def _in_parts(model: type[RejectedRow] | type[Batch], run: Run) -> None:
    rows = model._default_manager.filter(run=run)
    while keys := list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        rows.filter(pk__in=keys).delete()
