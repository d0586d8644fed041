"""Rows that somebody wants to send again, once the run that is going on has ended."""

from django.db import models

from syncadmin.teams.models import Team, User
from syncs.models.sync import Sync


class WaitingRetry(models.Model):
    """What a sync sends again as soon as it may: one for each sync, to which later wishes are added.

    `keys` are primary keys, `open_rows` choices of what needs attention, as `Run` has them; either may be
    empty. Gone with the start of its run (`engine/again.py`).
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    sync = models.OneToOneField(Sync, on_delete=models.CASCADE, related_name="waiting_retry")
    generation = models.PositiveIntegerField()
    keys = models.JSONField(default=list)
    open_rows = models.JSONField(default=list)
    asked_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "waiting retries"

    def __str__(self) -> str:
        return f"{self.sync}: rows that wait to be sent again"
