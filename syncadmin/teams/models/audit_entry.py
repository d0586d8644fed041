"""Who did what: rows that can be added, and neither changed nor taken away. The database sees to it."""

from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils import timezone

from syncadmin.teams.models.people import Team, User


class AuditEntry(models.Model):
    """One act: who, what, to what, from where, and how it was before and after.

    Triggers refuse UPDATE and DELETE (`syncadmin/teams/append_only.py`). On SQLite a migration that alters
    this table makes it anew without them: it must install them again.
    """

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    # Of no team: what concerns the whole installation, such as the sign-in of somebody unknown.
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    # Nobody: a stranger, a command line, a token. `who` says which.
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    who = models.CharField(max_length=254)
    action = models.CharField(max_length=40)
    kind = models.CharField(max_length=40, blank=True)  # what it was done to: its kind, name and public id
    name = models.CharField(max_length=300, blank=True)
    subject_id = models.CharField(max_length=40, blank=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "audit entries"
        constraints = [
            models.CheckConstraint(
                condition=Q(team__isnull=False)
                | Q(action__startswith="signin.")
                | Q(action__startswith="installation."),
                name="audit_entry_is_of_a_team_or_of_the_installation",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "at", "id"], name="audit_by_time"),
            models.Index(fields=["team", "action", "at", "id"], name="audit_by_action"),
            models.Index(fields=["team", "who", "at", "id"], name="audit_by_who"),
            models.Index(fields=["team", "who", "action", "at", "id"], name="audit_by_who_and_action"),
        ]

    def __str__(self) -> str:
        return f"{self.who} · {self.action}"


class TeamDeletion(models.Model):
    """The one stated way to take entries away: while a team's number stands here, its entries may go.

    `manage.py deleteteam` writes it and takes it out again, in the transaction in which the team goes.
    """

    team_number = models.BigIntegerField(unique=True)

    def __str__(self) -> str:
        return f"team {self.team_number}"
