"""Sending rows again: at once, or as soon as the run that is going on has ended.

A wish that cannot begin yet is kept (`WaitingRetry`), and wishes that come meanwhile are added to it. It is
taken away in the transaction that starts its run: two workers start it once, and a crash leaves it waiting.
"""

from collections.abc import Sequence

from django.db import transaction

from destinations.contract import JSON
from syncadmin.teams.models import User
from syncs.engine.run import AlreadyRunning, Paused, start
from syncs.models import Run, Sync, WaitingRetry


def send_again(
    sync: Sync,
    *,
    asked_by: User | None,
    keys: Sequence[str] = (),
    open_rows: Sequence[JSON] = (),
) -> Run | WaitingRetry:
    """Start a run of these rows, or let them wait for the end of the one that is going on.

    `open_rows` are choices as `attention.py` reads them. Paused where the sync is, and no run goes on.
    """
    while True:
        try:
            return start(
                sync,
                trigger=Run.Trigger.RETRY,
                started_by=asked_by,
                keys=list(keys) if keys or not open_rows else None,
                open_rows=list(open_rows) or None,
            )
        except AlreadyRunning:
            pass
        with transaction.atomic():
            locked = Sync.objects.select_for_update().only("pk", "generation").get(pk=sync.pk)
            if Run.objects.active().filter(sync=sync).exists():
                return _let_wait(locked, sync.team_id, asked_by, keys, open_rows)
        # it ended between the two: nothing stands in the way now


def start_waiting(sync_id: int | None = None) -> int:
    """Start what waits, of one sync or of all, where no run goes on. Returns how many runs were started."""
    waiting = WaitingRetry.objects.select_related("sync__team", "asked_by").filter(sync__paused=False)
    if sync_id is not None:
        waiting = waiting.filter(sync=sync_id)
    free = waiting.exclude(sync__in=Run.objects.active().values("sync"))
    return sum(_begin(one) for one in free.order_by("pk"))


def take_back(sync: Sync) -> bool:
    """Forget what waits. False: there was nothing any more."""
    return bool(WaitingRetry.objects.filter(sync=sync).delete()[0])


def _begin(waiting: WaitingRetry) -> bool:
    try:
        with transaction.atomic():
            kept = WaitingRetry.objects.select_for_update().filter(pk=waiting.pk).first()
            if kept is None:
                return False
            kept.delete()
            if kept.generation != waiting.sync.generation:
                return False  # the sync was changed, and its next run sends every row anew
            start(
                waiting.sync,
                trigger=Run.Trigger.RETRY,
                started_by=waiting.asked_by,
                keys=kept.keys if kept.keys or not kept.open_rows else None,
                open_rows=kept.open_rows or None,
            )
    except (AlreadyRunning, Paused):
        return False  # it waits on
    return True


def _let_wait(
    sync: Sync, team_id: int, asked_by: User | None, keys: Sequence[str], open_rows: Sequence[JSON]
) -> WaitingRetry:
    """Keep the wish. The sync's row is locked: wishes come one by one."""
    waiting = WaitingRetry.objects.filter(sync=sync).first()
    if waiting is not None and waiting.generation == sync.generation:
        every_key = dict.fromkeys([*waiting.keys, *keys])
        choices = [*waiting.open_rows, *(one for one in open_rows if one not in waiting.open_rows)]
        if len(every_key) > Run.MOST_KEYS:  # too many to name: all that needs attention then
            every_key, choices = {}, [{}]
        waiting.keys, waiting.open_rows, waiting.asked_by = list(every_key), choices, asked_by
        waiting.save(update_fields=["keys", "open_rows", "asked_by"])
        return waiting
    WaitingRetry.objects.filter(sync=sync).delete()
    return WaitingRetry.objects.create(
        team_id=team_id,
        sync=sync,
        generation=sync.generation,
        keys=list(dict.fromkeys(keys)),
        open_rows=list(open_rows),
        asked_by=asked_by,
    )
