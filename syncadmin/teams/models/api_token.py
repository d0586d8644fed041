"""What lets another program act for a team."""

from collections.abc import Collection
from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils import timezone

from syncadmin.teams.models.people import Team, User


class ApiToken(models.Model):
    """A secret by which a program asks and acts for a team, as far as its scopes go and until it expires.

    Only the secret's digest is kept. What the program does is written down under the token's name.
    """

    class Scope(models.TextChoices):
        READ = "read", "See syncs and runs, with their counts"
        ROWS = "rows", "See the rows that need attention, with their keys and reasons"
        RUN = "run", "Start and cancel runs"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="api_tokens")
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    ending = models.CharField(max_length=4, editable=False, help_text="Its last signs, to know it by.")
    scopes = models.JSONField(default=list)
    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API token"
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name"],
                name="api_token_name_once_per_team",
                violation_error_message="The team already has a token with this name.",
            ),
            models.CheckConstraint(condition=~Q(digest=""), name="api_token_has_a_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.name} …{self.ending}"

    @property
    def has_expired(self) -> bool:
        return self.expires_at <= timezone.now()

    @property
    def scope_words(self) -> list[str]:
        """What it may do, for people."""
        return [str(words) for scope, words in self.Scope.choices if scope in self.scopes]

    @property
    def who(self) -> str:
        """As the audit log names it."""
        return f"the API token “{self.name}”"

    def may(self, scopes: Collection[str]) -> bool:
        """Whether it reaches one of the scopes."""
        return not set(scopes).isdisjoint(self.scopes)
