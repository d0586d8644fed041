"""Who is let into a team by a provider of OpenID Connect, and whom that provider knows."""

from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.db.models import Q

from syncadmin.lib.crypto import Secret, Vault
from syncadmin.teams.models.people import Membership, Team, User


class SingleSignOn(models.Model):
    """A team's provider, and who it lets in with which role.

    `rules` are [[group, role], …]: the highest role of all that fit; without a fit `default_role`, and where
    that is empty nobody comes in. Where it is enforced, members come in through the provider alone, but for
    `break_glass`: an owner who may sign in with a password on the day on which the provider is gone.
    """

    team = models.OneToOneField(Team, on_delete=models.CASCADE, related_name="single_sign_on")
    issuer = models.URLField(
        max_length=500, help_text="As the provider calls itself, without a slash at its end."
    )
    client_id = models.CharField(max_length=300)
    sealed_credentials = models.TextField(editable=False)
    domains = models.JSONField(default=list, help_text="E-mail domains that may come in; at least one.")
    trusts_addresses = models.BooleanField(
        default=False, help_text="The provider verifies e-mail addresses, and does not say so (Entra ID)."
    )
    groups_claim = models.CharField(max_length=100, default="groups")
    scopes = models.CharField(max_length=300, default="openid email profile")
    rules = models.JSONField(default=list, blank=True)
    default_role = models.CharField(max_length=10, choices=Membership.Role, blank=True)
    is_enforced = models.BooleanField(default=False)
    break_glass = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    tested_at = models.DateTimeField(null=True, blank=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "single sign-on"
        constraints = [
            models.CheckConstraint(
                condition=Q(is_enforced=False) | Q(break_glass__isnull=False, tested_at__isnull=False),
                name="single_sign_on_is_enforced_with_a_way_out",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team}: {self.issuer}"

    @property
    def host(self) -> str:
        """The provider, as people know it."""
        return urlsplit(self.issuer).netloc

    @property
    def client_secret(self) -> Secret:
        """Raises UnreadableSecret where its key is no longer configured."""
        return Vault(settings.ENCRYPTION_KEYS).open(self.sealed_credentials)["client_secret"]

    @client_secret.setter
    def client_secret(self, secret: Secret) -> None:
        self.sealed_credentials = Vault(settings.ENCRYPTION_KEYS).seal({"client_secret": secret})


class Identity(models.Model):
    """Somebody as a provider knows them: by issuer and subject, which never change, and not by address."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    made_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="identity_is_somebody"),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.issuer}"
