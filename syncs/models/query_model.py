"""A saved query with a primary key."""

from uuid import uuid4

from django.db import models

from syncadmin.teams.models import Team
from syncs.models.source import Source


class QueryModel(models.Model):
    """A model: SQL over one source, and the columns that identify a row in it."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="models")
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="models")
    name = models.CharField(max_length=100)
    sql = models.TextField()
    primary_key = models.JSONField(help_text="The columns that identify a row, in order.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "model"
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name"],
                name="model_name_once_per_team",
                violation_error_message="The team already has a model with this name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
