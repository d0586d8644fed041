"""Who is told what goes wrong: targets, rules, what is open, and what was sent."""

from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q

from syncadmin.lib.crypto import Secret, Vault
from syncadmin.teams.models import Team, User
from syncs.alerting.addresses import KINDS, TargetKind
from syncs.alerting.rules import Kind
from syncs.models.sync import Sync

LEASE = dict[str, Any](null=True, blank=True, editable=False)


class AlertTarget(models.Model):
    """Where alerts go: people of the team by e-mail (`people`, their ids), or an address of apprise, sealed.

    One worker at a time sends to a target, in order: it holds `lease_token` until `lease_expires_at`. After a
    failure nothing goes there before `paused_until`; `problem` says why, `problem_since` since when.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="alert_targets")
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=[(one.value, KINDS[one].label) for one in TargetKind])
    sealed_address = models.TextField(blank=True, editable=False)
    shown = models.CharField(max_length=200, blank=True, editable=False, help_text="Of the address.")
    people = models.JSONField(default=list, blank=True)
    failure_count = models.PositiveIntegerField(default=0, editable=False)
    problem = models.TextField(blank=True, editable=False)
    problem_since = models.DateTimeField(null=True, blank=True, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    lease_token = models.UUIDField(**LEASE)
    lease_expires_at = models.DateTimeField(**LEASE)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name"],
                name="alert_target_name_once_per_team",
                violation_error_message="The team already has a target with this name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> Secret:
        """Empty for e-mail. Raises UnreadableSecret where its key is no longer configured."""
        return Vault(settings.ENCRYPTION_KEYS).open(self.sealed_address).get("url", Secret(""))

    @address.setter
    def address(self, url: Secret) -> None:
        self.sealed_address = Vault(settings.ENCRYPTION_KEYS).seal({"url": url}) if url else ""

    def readers(self) -> "models.QuerySet[User]":
        """To whom an e-mail goes: those chosen who are still of the team."""
        chosen = User.objects.filter(pk__in=self.people, is_active=True, memberships__team_id=self.team_id)
        return chosen.order_by("email").distinct()


class AlertRule(models.Model):
    """When to tell whom. `sync` null: for all syncs of the team that have no rule of the kind of their own.

    `to_all`: to every target of the team, those included that are added later; else to `targets`.
    """

    KINDS = (
        (Kind.CONNECTION.value, "A connection needs attention"),
        (Kind.FAILED.value, "A run stopped"),
        (Kind.WAITS.value, "A run waits for approval"),
        (Kind.ROWS.value, "Many rows need attention"),
        (Kind.STALE.value, "No success for a time"),
        (Kind.MISSED.value, "A schedule was missed"),
    )

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="alert_rules")
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=12, choices=KINDS)
    sync = models.ForeignKey(
        Sync, null=True, blank=True, on_delete=models.CASCADE, related_name="alert_rules"
    )
    rows = models.PositiveIntegerField(null=True, blank=True)
    percent = models.PositiveSmallIntegerField(null=True, blank=True)
    hours = models.PositiveIntegerField(null=True, blank=True)
    to_all = models.BooleanField(default=True)
    targets = models.ManyToManyField(  # type: ignore[var-annotated]
        AlertTarget, through="AlertRoute", related_name="rules"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "kind"], condition=Q(sync__isnull=True), name="alert_rule_once_per_team"
            ),
            models.UniqueConstraint(
                fields=["team", "kind", "sync"],
                condition=Q(sync__isnull=False),
                name="alert_rule_once_per_sync",
            ),
            models.CheckConstraint(
                condition=~Q(kind="rows") | Q(rows__isnull=False) | Q(percent__isnull=False),
                name="alert_rule_of_rows_has_a_limit",
            ),
            models.CheckConstraint(
                condition=~Q(kind="stale") | Q(hours__isnull=False), name="alert_rule_of_success_has_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(kind="connection") | Q(sync__isnull=True),
                name="alert_rule_of_connections_is_the_teams",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}{f', {self.sync}' if self.sync_id else ''}"


class AlertRoute(models.Model):
    """A target of a rule."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="routes")
    target = models.ForeignKey(AlertTarget, on_delete=models.CASCADE, related_name="routes")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "target"], name="alert_route_once")]

    def __str__(self) -> str:
        return f"{self.rule} → {self.target}"


class Alert(models.Model):
    """Something that is wrong, from when it was seen until it was over.

    `subject` names the cause, as `alerting/rules.py` does; of each there is one open alert. `title` is what
    was said first; `now_title`, `text` and `todo` say how it is now. `page` and `page_id` lead there.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="alerts")
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    rule = models.ForeignKey(AlertRule, null=True, on_delete=models.SET_NULL, related_name="alerts")
    kind = models.CharField(max_length=12, choices=AlertRule.KINDS)
    subject = models.CharField(max_length=60)
    title = models.CharField(max_length=400)
    now_title = models.CharField(max_length=400)
    text = models.TextField(blank=True)
    todo = models.TextField(blank=True)
    page = models.CharField(max_length=40, blank=True)
    page_id = models.UUIDField(null=True, blank=True)
    opened_at = models.DateTimeField()
    recovered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "subject"],
                condition=Q(recovered_at__isnull=True),
                name="alert_open_once_per_subject",
            ),
        ]
        indexes = [models.Index(fields=["team", "-id"], name="alert_newest")]

    def __str__(self) -> str:
        return self.title


class AlertMessage(models.Model):
    """A message to a target, written in the transaction that opens or ends its alert, and sent later.

    It is tried until it is sent or given up. A sender that dies leaves it waiting: it may arrive twice, and
    is never lost. Alert and target may be gone; the words stay.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", "Not sent yet"
        SENT = "sent", "Sent"
        GIVEN_UP = "given_up", "Given up"

    class Sort(models.TextChoices):
        OPENED = "opened", "Alert"
        OVER = "over", "Over"
        TEST = "test", "Test"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="alert_messages")
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    alert = models.ForeignKey(Alert, null=True, on_delete=models.SET_NULL, related_name="messages")
    target = models.ForeignKey(AlertTarget, null=True, on_delete=models.SET_NULL, related_name="messages")
    target_name = models.CharField(max_length=100)
    sort = models.CharField(max_length=6, choices=Sort)
    title = models.CharField(max_length=500)
    body = models.TextField()
    short = models.CharField(max_length=700)
    link = models.CharField(max_length=500, blank=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    result = models.TextField(blank=True, help_text="What came of the last attempt, in plain words.")
    created_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "target", "sort"],
                condition=Q(alert__isnull=False, target__isnull=False),
                name="alert_message_once",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "-id"], name="alert_message_newest"),
            models.Index(
                fields=["target", "id"], condition=Q(status="waiting"), name="alert_message_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_sort_display()} to {self.target_name}"
