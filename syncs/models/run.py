"""One execution of a sync."""

from datetime import datetime, timedelta
from typing import Self
from uuid import uuid4

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from syncadmin.teams.models import Team, User
from syncs.models.sync import Sync


class RunQuerySet(models.QuerySet["Run"]):
    def active(self) -> Self:
        """Runs that are not over."""
        return self.filter(status__in=Run.ACTIVE)

    def over_all_rows(self) -> Self:
        """Runs that are no try and keep to no part of the rows."""
        return self.filter(dry_run=False, limit=None, keys__isnull=True, open_rows__isnull=True)

    def ended_well(self) -> Self:
        """Runs that came to their end, if some of their rows need attention."""
        return self.filter(status__in=Run.GOOD)

    def not_held(self) -> Self:
        """Runs that no brake held, or that somebody approved."""
        return self.filter(Q(brakes__isnull=True) | Q(decision=Run.Decision.APPROVED))

    def waiting_for_approval(self) -> Self:
        """Runs that a person must look at, and that nobody has cancelled."""
        return self.filter(status=Run.Status.APPROVAL, cancel_requested_at__isnull=True)

    def due(self, at: datetime) -> Self:
        """Active runs whose time has come and that no live worker holds."""
        return self.active().filter(
            Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lt=at), due_at__lte=at
        )


class Run(models.Model):
    """One execution of a sync: also of a few rows, of a retry, of a dry run; always the same path.

    ```
    queued → planning → delivering → finishing → succeeded | attention | stopped | cancelled
                ↓ ↑         ↑
              approval ─────┘                  a brake holds it: nothing is sent before somebody agrees
    ```

    While it waits for approval nobody holds its lease: who approves, denies or cancels it moves it on alone,
    at a demand for the status and for the plan that was shown. `brakes` says what holds the present plan,
    `approved` what somebody agreed to, both as `Shown` of `engine/brakes.py` writes them.

    Transitions are conditional updates that demand the old status and the holder's lease token. Counts
    are of rows: read = unchanged + deferred + held back + invalid + planned, and planned = accepted +
    rejected + in doubt + waiting (database constraints). `left_count` are rows that left the model,
    `rekeyed_count` rows whose upsert key changed, `normalised_count` rows whose upsert key was tidied.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        PLANNING = "planning", "Planning"
        APPROVAL = "approval", "Waiting for approval"
        DELIVERING = "delivering", "Delivering"
        FINISHING = "finishing", "Finishing"
        SUCCEEDED = "succeeded", "Succeeded"
        ATTENTION = "attention", "Finished with rows that need attention"
        STOPPED = "stopped", "Stopped"
        CANCELLED = "cancelled", "Cancelled"

    ACTIVE = (Status.QUEUED, Status.PLANNING, Status.APPROVAL, Status.DELIVERING, Status.FINISHING)

    GOOD = (Status.SUCCEEDED, Status.ATTENTION)  # to their end, if some rows need attention

    MOST_KEYS = 5_000  # of the rows that one run may be told to keep to

    class Trigger(models.TextChoices):
        MANUAL = "manual", "Started by hand"
        SCHEDULE = "schedule", "Schedule"
        AFTER = "after", "After another sync"
        CALL = "call", "Started by another program"
        RETRY = "retry", "Rows sent again"

    class StoppedBy(models.TextChoices):
        """Where a person must act before a stopped run goes on. Empty: at the sync, or it never stopped."""

        SIGN_IN = "sign_in", "The destination's sign-in is no longer good"
        DESTINATION = "destination", "The destination"
        SOURCE = "source", "The source"

    class Decision(models.TextChoices):
        """What became of a run that waited for approval. Empty: it never did, or waits."""

        APPROVED = "approved", "Approved"
        DENIED = "denied", "Not to be sent"
        EXPIRED = "expired", "Nobody decided in time"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="runs")
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="runs")
    number = models.PositiveIntegerField()
    generation = models.PositiveIntegerField()
    version = models.PositiveIntegerField(
        null=True, blank=True, help_text="The number of the sync's version that it does."
    )
    trigger = models.CharField(max_length=10, choices=Trigger, default=Trigger.MANUAL)
    started_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)

    full = models.BooleanField(default=False, help_text="Send every row, changed or not.")
    dry_run = models.BooleanField(default=False, help_text="Plan only.")
    limit = models.PositiveIntegerField(null=True, blank=True, help_text="Plan at most this many rows.")
    keys = models.JSONField(null=True, blank=True, help_text="Only these primary keys; empty: all.")
    open_rows = models.JSONField(
        null=True,
        blank=True,
        editable=False,
        help_text="Only what needs attention when it is planned: a list of choices, see engine/attention.py.",
    )

    read_count = models.PositiveBigIntegerField(default=0)
    unchanged_count = models.PositiveBigIntegerField(default=0)
    deferred_count = models.PositiveBigIntegerField(default=0)
    held_back_count = models.PositiveBigIntegerField(default=0)
    invalid_count = models.PositiveBigIntegerField(default=0)
    planned_count = models.PositiveBigIntegerField(default=0)
    accepted_count = models.PositiveBigIntegerField(default=0)
    rejected_count = models.PositiveBigIntegerField(default=0)
    in_doubt_count = models.PositiveBigIntegerField(default=0)
    waiting_count = models.PositiveBigIntegerField(default=0)
    left_count = models.PositiveBigIntegerField(default=0)
    rekeyed_count = models.PositiveBigIntegerField(default=0)
    normalised_count = models.PositiveBigIntegerField(default=0)
    held_by = models.JSONField(
        default=list, blank=True, help_text="The guards that held rows back: [[name, rows], …]."
    )
    notes = models.JSONField(default=list, help_text="Sentences for people: what the run noticed.")
    diff = models.JSONField(
        null=True, blank=True, editable=False, help_text="What a dry run would change, counted by field."
    )

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    planned_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(
        max_length=12, choices=Status, blank=True, editable=False, help_text="What finishing will end as."
    )
    stop_reason = models.TextField(blank=True)
    stopped_by = models.CharField(
        max_length=12, choices=StoppedBy, blank=True, editable=False, help_text="Where a person must act."
    )
    waits_for = models.TextField(blank=True, help_text="What it waits for, in plain words.")

    confirmed_rows = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="How many rows were shown to whoever started a first full run."
    )
    brakes = models.JSONField(null=True, blank=True, editable=False, help_text="What holds its plan.")
    approval_ends_at = models.DateTimeField(null=True, blank=True, help_text="Until when it can be approved.")
    approved = models.JSONField(null=True, blank=True, editable=False, help_text="What somebody agreed to.")
    decision = models.CharField(max_length=8, choices=Decision, blank=True, editable=False)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    due_at = models.DateTimeField(help_text="Not worth looking at before this time.")
    served_at = models.DateTimeField(null=True, blank=True, help_text="When a worker last held it.")
    plan_attempt = models.PositiveIntegerField(default=0, editable=False)
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    lease_holder = models.CharField(max_length=200, blank=True, editable=False)

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sync", "number"], name="run_number_once_per_sync"),
            models.UniqueConstraint(
                fields=["sync"],
                condition=Q(status__in=["queued", "planning", "approval", "delivering", "finishing"]),
                name="run_one_active_per_sync",
                violation_error_message="This sync is already running.",
            ),
            models.CheckConstraint(
                condition=Q(
                    read_count=F("unchanged_count")
                    + F("deferred_count")
                    + F("held_back_count")
                    + F("invalid_count")
                    + F("planned_count")
                ),
                name="run_read_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(
                    planned_count=F("accepted_count")
                    + F("rejected_count")
                    + F("in_doubt_count")
                    + F("waiting_count")
                ),
                name="run_planned_adds_up",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["succeeded", "attention"]) | Q(dry_run=True) | Q(waiting_count=0),
                name="run_complete_leaves_nothing_waiting",
            ),
            models.CheckConstraint(
                condition=~Q(status="approval") | Q(brakes__isnull=False, approval_ends_at__isnull=False),
                name="run_approval_says_why_and_until_when",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "-id"], name="run_newest"),
            models.Index(fields=["team", "created_at"], name="run_asked"),
            models.Index(fields=["team", "-served_at"], name="run_served"),
            models.Index(
                fields=["due_at"],
                condition=Q(status__in=["queued", "planning", "approval", "delivering", "finishing"]),
                name="run_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sync} #{self.number}"

    @property
    def is_over(self) -> bool:
        return self.status not in self.ACTIVE

    @property
    def is_over_named_rows(self) -> bool:
        """Whether it keeps to rows that somebody chose."""
        return self.keys is not None or self.open_rows is not None

    @property
    def waits_for_approval(self) -> bool:
        return self.status == self.Status.APPROVAL and self.cancel_requested_at is None

    @property
    def attention_count(self) -> int:
        """Rows that need somebody: stopped for their data, refused, or in doubt."""
        return self.invalid_count + self.rejected_count + self.in_doubt_count

    @property
    def pending_count(self) -> int:
        """Rows that are still to be sent: in this run, or refused before and due later."""
        return self.waiting_count + self.deferred_count

    @property
    def settled_count(self) -> int:
        """Planned rows of which it is known what became of them."""
        return self.planned_count - self.waiting_count

    @property
    def took(self) -> timedelta | None:
        """From its first step to its end, or until now. None: it has not begun."""
        return (self.finished_at or timezone.now()) - self.started_at if self.started_at else None
