"""A sync: a model kept up to date in an object of a destination."""

from uuid import uuid4

from django.db import models

from destinations.contract import Mode
from destinations.models import Connection
from syncadmin.teams.models import Team
from syncs.models.query_model import QueryModel


class Sync(models.Model):
    """Model → object, with mapping, mode and upsert key.

    `generation` is one life of the ledger: a new account, object, upsert key or primary key starts a
    new one. `last_run_number` numbers the runs.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="syncs")
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100)
    model = models.ForeignKey(QueryModel, on_delete=models.PROTECT, related_name="syncs")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="syncs")
    object_key = models.CharField(max_length=60)
    mode = models.CharField(
        max_length=10, choices=[(m.value, m.value.title()) for m in Mode], default=Mode.UPSERT.value
    )
    upsert_key = models.CharField(max_length=100)
    generation = models.PositiveIntegerField(default=1, editable=False)
    keep_records = models.BooleanField(
        default=True, help_text="Keep what was last sent, for before → after. Off: fingerprints only."
    )
    paused = models.BooleanField(default=False)
    pause_reason = models.TextField(blank=True, editable=False, help_text="Empty: somebody paused it.")
    guards = models.JSONField(
        default=list, blank=True, help_text="Which rows are held back, as `engine/guard_kinds.py` reads it."
    )
    brakes = models.JSONField(
        default=dict, blank=True, help_text="What must be approved, as `engine/brakes.py` reads it."
    )
    last_run_number = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name"],
                name="sync_name_once_per_team",
                violation_error_message="The team already has a sync with this name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
