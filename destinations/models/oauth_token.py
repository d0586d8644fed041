"""What a connection got when somebody signed in at the service."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from destinations.models.connection import Connection
from syncadmin.lib.crypto import Secret, Vault
from syncadmin.teams.models import Team


class OAuthToken(models.Model):
    """A connection's access and refresh token.

    The service revokes a refresh token once it gave a new one, so one worker renews at a time: it holds
    `lease_token` until `lease_expires_at`, and what it was given is stored before it is used. `version`
    grows with each token. `refused_reason` says why nobody can renew any more: a person must sign in.
    """

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="token")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    sealed_tokens = models.TextField(editable=False)
    scopes = models.TextField(blank=True, editable=False, help_text="As the service granted them.")
    expires_at = models.DateTimeField(editable=False)
    signed_in_at = models.DateTimeField(editable=False)
    renewed_at = models.DateTimeField(null=True, blank=True, editable=False)
    version = models.PositiveBigIntegerField(default=1, editable=False)
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    refused_reason = models.TextField(blank=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(lease_token__isnull=True, lease_expires_at__isnull=True)
                | Q(lease_token__isnull=False, lease_expires_at__isnull=False),
                name="oauth_token_lease_whole_or_none",
            ),
        ]

    def __str__(self) -> str:
        return f"sign-in of {self.connection}"

    @property
    def secrets(self) -> dict[str, Secret]:
        """`access_token` and, where the service gave one, `refresh_token`. May raise UnreadableSecret."""
        return Vault(settings.ENCRYPTION_KEYS).open(self.sealed_tokens)

    @secrets.setter
    def secrets(self, tokens: dict[str, Secret]) -> None:
        self.sealed_tokens = Vault(settings.ENCRYPTION_KEYS).seal(tokens)
