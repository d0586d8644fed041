"""Pausing a sync and resuming it, as everybody's pages do."""

from django.db import transaction

from syncadmin.teams import audit
from syncadmin.teams.access import TeamRequest
from syncs.models import Sync

PAUSED = "The sync is paused: nothing is sent until somebody resumes it."
RESUMED = "The sync is resumed."


def switch(request: TeamRequest, sync: Sync, *, paused: bool) -> bool:
    """False where it was so already.

    `updated_at` stays as it is: whoever edits the sync meanwhile is not held up by it.
    """
    with transaction.atomic():
        is_done = Sync.objects.filter(pk=sync.pk, paused=not paused).update(paused=paused, pause_reason="")
        if is_done:
            action = audit.Action.SYNC_PAUSED if paused else audit.Action.SYNC_RESUMED
            audit.record(request, request.team, action, sync)
    return bool(is_done)
