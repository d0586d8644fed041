"""What guards stand on beside a sync's own settings: pasted keys, and the team's own lists of domains."""

from django.db import models

from syncadmin.teams.models import Team
from syncs.models.sync import Sync


class GuardKeys(models.Model):
    """Keys that somebody pasted for a sync's suppression list, as digests (`engine/guard_keys.py`).

    `name` is that of the content, so that the sync's `guards` say by it which keys they mean. A list that no
    guard names any more is removed with the change.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="guard_keys")
    name = models.CharField(max_length=32)
    digests = models.BinaryField()
    key_count = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "guard keys"
        constraints = [
            models.UniqueConstraint(fields=["sync", "name"], name="guard_keys_once_per_sync"),
        ]

    def __str__(self) -> str:
        return f"{self.key_count:,} keys of {self.sync}"


class MailDomain(models.Model):
    """What a team says of one domain: never held back for being personal or disposable, or always."""

    class Verdict(models.TextChoices):
        ALLOWED = "allowed", "Allowed"
        BLOCKED = "blocked", "Blocked"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="mail_domains")
    domain = models.CharField(max_length=255, help_text="In lower case, an international name as Punycode.")
    verdict = models.CharField(max_length=7, choices=Verdict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "domain"],
                name="mail_domain_once_per_team",
                violation_error_message="This domain is on the team's lists already.",
            ),
        ]

    def __str__(self) -> str:
        return self.domain
