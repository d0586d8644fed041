"""Operations stored together, and where each changed row went."""

from django.db import models
from django.db.models import Q

from syncadmin.teams.models import Team
from syncs.models.run import Run
from syncs.models.sync import Sync


class Batch(models.Model):
    """A numbered share of a run's plan; any worker can take the next.

    ```
    planned → sending → settled        sending: a call is out, or may be; `journal` says which
       ↑         ↓
       └──── waiting                   nothing is out; the next call goes at `due_at`
    ```

    Each move demands the run's lease token and, for what is `sending`, the same attempt. `stage` orders
    delivery: companions are settled before rows are sent. `payload` and `outcomes` are compressed JSON as
    written by `engine/batches.py`, `journal` is JSON as written by `engine/journal.py`. A settled batch
    has a journal only while `left_at` is set: until it is known that a job which its run no longer waited
    for is over, as `engine/leftovers.py` finds out; `due_at` is then its next look.
    """

    class Status(models.TextChoices):
        PLANNED = "planned", "Planned"
        SENDING = "sending", "Sending"
        WAITING = "waiting", "Waiting"
        SETTLED = "settled", "Settled"

    class Stage(models.IntegerChoices):
        COMPANIONS = 0, "Companions"
        ROWS = 1, "Rows"
        LATE_ROWS = 2, "Rows that wait out an unanswered request"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="batches")
    plan_attempt = models.PositiveIntegerField()
    number = models.PositiveIntegerField()
    stage = models.PositiveSmallIntegerField(choices=Stage, default=Stage.ROWS)
    object_key = models.CharField(max_length=60)
    operation_count = models.PositiveIntegerField()
    row_count = models.PositiveIntegerField(help_text="Operations that stand for a row in the run's counts.")
    status = models.CharField(max_length=8, choices=Status, default=Status.PLANNED)
    attempt = models.PositiveIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    due_at = models.DateTimeField()
    first_sent_at = models.DateTimeField(null=True, blank=True)
    last_sent_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    folded_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(
        null=True, blank=True, help_text="When its run ended without waiting for the destination's job."
    )
    payload = models.BinaryField()
    journal = models.BinaryField(default=b"")
    outcomes = models.BinaryField(default=b"")
    accepted_count = models.PositiveIntegerField(default=0)
    rejected_count = models.PositiveIntegerField(default=0)
    in_doubt_count = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "batches"
        constraints = [
            models.UniqueConstraint(
                fields=["run", "plan_attempt", "number"], name="batch_number_once_per_plan"
            ),
        ]
        indexes = [
            models.Index(
                fields=["run", "stage", "number"],
                condition=~Q(status="settled"),
                name="batch_open",
            ),
            models.Index(
                fields=["run", "number"],
                condition=Q(status="settled", folded_at__isnull=True),
                name="batch_unfolded",
            ),
            models.Index(fields=["run"], condition=Q(left_at__isnull=False), name="batch_left"),
        ]

    def __str__(self) -> str:
        return f"{self.run} batch {self.number}"


class PlannedRow(models.Model):
    """Where a changed row of a run went: found by key, pruned with the run.

    The database does not check its references: PostgreSQL looks each of them up for each row, which takes
    longer than all else. A plan is written under a lock on its run, and a sync is not removed while a run
    is active.
    """

    pk = models.CompositePrimaryKey("sync_id", "key", "run_id", "part")
    team = models.ForeignKey(
        Team, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    sync = models.ForeignKey(
        Sync, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    key = models.BinaryField(max_length=16)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    part = models.PositiveSmallIntegerField(default=0, help_text="0 the row itself, 1 its companion.")
    batch_number = models.PositiveIntegerField()
    position = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.key.hex()} in batch {self.batch_number}"
