"""A team's sign-in at a destination."""

from uuid import uuid4

from django.conf import settings
from django.db import models

from destinations.models.remote_account import RemoteAccount
from syncadmin.lib.crypto import Secret, Vault
from syncadmin.teams.models import Team


class Connection(models.Model):
    """Credentials and advanced settings (`options`) for one remote account.

    `fields` is the last answer of the service per object, as written by `registry.remember_fields`:
    {object: {"fetched_at": iso, "fields": [...]}}. `notes` are sentences for people that the last test which
    got in found out: as whom, and what this sign-in is not told.
    """

    class Health(models.TextChoices):
        UNTESTED = "untested", "Not tested"
        GOOD = "good", "Working"
        ATTENTION = "attention", "Needs attention"

    class SignIn(models.TextChoices):
        API_KEY = "api_key", "API key"
        OAUTH = "oauth", "Sign-in"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="connections")
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    account = models.ForeignKey(RemoteAccount, on_delete=models.PROTECT, related_name="connections")
    name = models.CharField(max_length=100)
    destination = models.CharField(max_length=40)
    sign_in = models.CharField(max_length=10, choices=SignIn, default=SignIn.API_KEY, editable=False)
    sealed_credentials = models.TextField(blank=True, editable=False)
    options = models.JSONField(default=dict, blank=True)
    fields = models.JSONField(default=dict, blank=True, editable=False)
    health = models.CharField(max_length=10, choices=Health, default=Health.UNTESTED, editable=False)
    health_reason = models.TextField(blank=True, editable=False)
    notes = models.JSONField(default=list, blank=True, editable=False)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    test_begun_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When a test last began by itself."
    )
    last_good_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name"],
                name="connection_name_once_per_team",
                violation_error_message="The team already has a connection with this name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def credentials(self) -> dict[str, Secret]:
        """The secrets by name. Raises UnreadableSecret where their key is no longer configured."""
        return Vault(settings.ENCRYPTION_KEYS).open(self.sealed_credentials)

    @credentials.setter
    def credentials(self, secrets: dict[str, Secret]) -> None:
        self.sealed_credentials = Vault(settings.ENCRYPTION_KEYS).seal(secrets)
