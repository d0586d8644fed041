"""A connection that another team may use."""

from uuid import uuid4

from django.db import models
from django.db.models import F, Q

from destinations.models.connection import Connection
from syncadmin.teams.models import Team, User


class ConnectionShare(models.Model):
    """What one team lets another do with a connection of its own: build and run syncs on some objects.

    `team` owns the connection. `budget_percent` is the part of the account's limits (of what is left to us of
    them) beyond which the other team's runs wait. The other team never sees credentials or settings.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="shares_given")
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="shares")
    with_team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="shares_received")
    objects_allowed = models.JSONField(help_text="The keys of the objects that may be written.")
    budget_percent = models.PositiveSmallIntegerField(default=50)
    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "shared connection"
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "with_team"],
                name="connection_share_once_per_team",
                violation_error_message="The connection is shared with this team already.",
            ),
            models.CheckConstraint(condition=~Q(team=F("with_team")), name="connection_share_is_with_others"),
            models.CheckConstraint(
                condition=Q(budget_percent__gte=5, budget_percent__lte=100),
                name="connection_share_budget_is_a_part",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.connection} for {self.with_team}"
