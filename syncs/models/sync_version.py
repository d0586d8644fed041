"""A sync as somebody saved it once."""

import json
from typing import Any

from django.db import models

from syncadmin.teams.models import Team, User
from syncs.models.sync import Sync


class OrderedJSON(models.TextField):
    """JSON whose objects keep the order of their members, which PostgreSQL's own type does not."""

    def from_db_value(self, value: str | None, *_: object) -> Any:
        return None if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value)

    def value_to_string(self, obj: models.Model) -> str:
        return json.dumps(self.value_from_object(obj))


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
