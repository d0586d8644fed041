"""A sync as somebody saved it once."""

from django.db import models

from syncadmin.teams.models import Team, User
from syncs.models.ordered_json import OrderedJSON
from syncs.models.sync import Sync


class SyncVersion(models.Model):
    """The whole definition of a sync after one save, numbered from 1 for each sync; never pruned.

    `definition` is what a configuration document says of the sync (no secrets), without the switch
    `paused`. `refs` has the public ids of its model and connection, whose names may change. `origin` is the
    way it was saved: a sync from before versions were kept was FOUND.
    """

    class Origin(models.TextChoices):
        PAGES = "pages", "in the browser"
        APPLY = "apply", "with apply"
        FOUND = "found", "as it was when versions were first kept"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    author = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    origin = models.CharField(max_length=10, choices=Origin)
    definition = OrderedJSON()
    refs = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sync", "number"], name="version_number_once_per_sync"),
        ]

    def __str__(self) -> str:
        return f"{self.sync}, version {self.number}"

    @property
    def by(self) -> str:
        """Who saved it, for people."""
        if self.author is not None:
            return self.author.email
        if self.origin == self.Origin.APPLY:
            return "apply, on the command line"
        return "somebody who has left" if self.origin == self.Origin.PAGES else "nobody is known"
