"""A model that another team may use, as it is."""

from uuid import uuid4

from django.db import models
from django.db.models import F, Q

from syncadmin.teams.models import Team, User
from syncs.models.query_model import QueryModel


class ModelShare(models.Model):
    """What one team lets another do with a model of its own: look at it, and send its rows.

    `team` owns the model. The other team neither changes it nor sees the credentials of its source.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="model_shares_given")
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    model = models.ForeignKey(QueryModel, on_delete=models.CASCADE, related_name="shares")
    with_team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="model_shares_received")
    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "shared model"
        constraints = [
            models.UniqueConstraint(
                fields=["model", "with_team"],
                name="model_share_once_per_team",
                violation_error_message="The model is shared with this team already.",
            ),
            models.CheckConstraint(condition=~Q(team=F("with_team")), name="model_share_is_with_others"),
        ]

    def __str__(self) -> str:
        return f"{self.model} for {self.with_team}"
