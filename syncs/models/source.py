"""A database or file store that models read from."""

from uuid import uuid4

from django.conf import settings
from django.db import models

from syncadmin.lib.crypto import Secret, Vault
from syncadmin.teams.models import Team
from syncs.sources import registry
from syncs.sources.base import Reader
from syncs.sources.duckdb import Upload


class Source(models.Model):
    """Where rows come from. `kind` is a reader's key; `options` are its settings, secrets apart."""

    class Health(models.TextChoices):
        UNTESTED = "untested", "Not tested"
        GOOD = "good", "Working"
        ATTENTION = "attention", "Needs attention"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="sources")
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=40)
    options = models.JSONField(default=dict, blank=True)
    sealed_credentials = models.TextField(blank=True, editable=False)
    time_zone = models.CharField(
        max_length=64, default="UTC", help_text="The zone of timestamps that carry none."
    )
    health = models.CharField(max_length=10, choices=Health, default=Health.UNTESTED, editable=False)
    health_reason = models.TextField(blank=True, editable=False)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name"],
                name="source_name_once_per_team",
                violation_error_message="The team already has a source with this name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def reader(self) -> Reader:
        """Opens it. UnreadableSecret as for `credentials`; KeyError for a kind that there is no more."""
        folder = settings.UPLOADS_DIR if self.kind == Upload.key else settings.FILES_DIR
        return registry.get(self.kind)(
            self.options,
            self.credentials,
            files_dir=folder,
            time_zone=self.time_zone,
            networks=settings.ALLOWED_NETWORKS,
        )

    @property
    def credentials(self) -> dict[str, Secret]:
        """The secrets by name. Raises UnreadableSecret where their key is no longer configured."""
        return Vault(settings.ENCRYPTION_KEYS).open(self.sealed_credentials)

    @credentials.setter
    def credentials(self, secrets: dict[str, Secret]) -> None:
        self.sealed_credentials = Vault(settings.ENCRYPTION_KEYS).seal(secrets)
