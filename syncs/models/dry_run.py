"""What a dry run keeps beside its plan: what its rows would change, and which rows left the model."""

from django.db import models

from syncadmin.teams.models import Team
from syncs.models.run import Run


class BatchDiff(models.Model):
    """What the operations of a dry run's batch would change; known by the batch's number, so that batches of
    all other runs are kept and removed as if there were none of it.

    `counts` is JSON as in `engine/diff.py`; `befores` is compressed JSON as `write_befores` there makes it,
    an entry for each operation of the batch, in which the values after stand.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="batch_diffs", db_index=False)
    plan_attempt = models.PositiveIntegerField()
    number = models.PositiveIntegerField()
    counts = models.JSONField(default=dict)
    befores = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "plan_attempt", "number"], name="batch_diff_once_per_plan"
            ),
        ]

    def __str__(self) -> str:
        return f"What batch {self.number} of {self.run} would change"


class LeftRows(models.Model):
    """Rows that were sent before and are in the model no more, as a dry run found them.

    `keys` are 16-byte ledger keys, one after the other in their order. All of them begin with the byte
    `number` or a later one, and those of the next such row with a later one still.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="left_rows", db_index=False)
    plan_attempt = models.PositiveIntegerField()
    number = models.PositiveSmallIntegerField()
    keys = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "plan_attempt", "number"], name="left_rows_once_per_plan"),
        ]

    def __str__(self) -> str:
        return f"Rows that left the model of {self.run}"
