"""A sync that somebody is still putting together."""

from django.db import models

from syncadmin.teams.models import Team, User
from syncs.models.sync import Sync


class SyncDraft(models.Model):
    """What one person has typed so far, of a new sync or of changes to one: left and taken up at will.

    `content` is JSON as `syncs/forms/sync_draft.py` reads it; it may be wrong in every way that people can
    type. `based_on` is the sync's `updated_at` that the person saw, None for a new sync.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    sync = models.ForeignKey(Sync, null=True, blank=True, on_delete=models.CASCADE, related_name="drafts")
    content = models.JSONField(default=dict)
    based_on = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user", "sync"], name="draft_once_per_user"),
            models.UniqueConstraint(
                fields=["team", "user"], condition=models.Q(sync=None), name="draft_of_new_once_per_user"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.sync or 'a new sync'}"
