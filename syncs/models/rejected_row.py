"""A row that did not arrive, with its reason and who must act."""

from typing import Self
from uuid import uuid4

from django.db import models
from django.db.models import Max, Min, Q

from syncadmin.teams.models import Team
from syncs.models.run import Run
from syncs.models.sync import Sync


class RejectedRowQuerySet(models.QuerySet["RejectedRow"]):
    def needing_attention(self) -> Self:
        """Rows that a run counts as in need of somebody."""
        return self.filter(stage__in=RejectedRow.ATTENTION)

    def still_open(self) -> Self:
        """Rows that need attention now, as nothing newer is known of them; those of an active run too."""
        return self.needing_attention().filter(is_open=True)

    def sendable(self) -> Self:
        """Rows that can be sent again: not arrived, and with a primary key to find them by."""
        return self.needing_attention().exclude(key_text="")

    def within_span(self) -> Self:
        """The same rows, by id between the oldest and the newest: for pages in the order of ids.

        Without it PostgreSQL may go through the rows of all other runs for a page of an old one. The bounds
        are counted by stage, in an index alone; asked for at once, it would look for them in the same way.
        """
        ends = list(self.order_by().values_list("stage").annotate(Min("pk"), Max("pk")))
        if not ends:
            return self.none()
        return self.filter(pk__range=(min(low for _, low, _ in ends), max(high for _, _, high in ends)))


class RejectedRow(models.Model):
    """One row of one run that needs attention or was held back.

    `problem` is a short stable word that groups rows, `reason` the sentence for people, `who` must act.
    `payload` is what would have been sent (or the source's values, where no record could be made).
    `is_open`: it needs attention, and no later run told anything else of the row (`engine/attention.py`).
    """

    class Stage(models.TextChoices):
        INVALID = "invalid", "Stopped for its data"
        HELD_BACK = "held_back", "Held back"
        REJECTED = "rejected", "Refused by the destination"
        IN_DOUBT = "in_doubt", "In doubt"
        LEFT_BEHIND = "left_behind", "Left behind at the destination"

    ATTENTION = (Stage.INVALID, Stage.REJECTED, Stage.IN_DOUBT)

    class Who(models.TextChoices):
        DATA = "data", "Whoever owns the source's data"
        EDITOR = "editor", "Whoever edits the sync"
        ADMIN = "admin", "An admin of the destination"
        NOBODY = "nobody", "Nobody: it is tried again by itself"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="rejected_rows", db_index=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="rejected_rows", db_index=False)
    plan_attempt = models.PositiveIntegerField(default=0)
    batch_number = models.PositiveIntegerField(null=True, blank=True)
    key = models.BinaryField(max_length=16)
    key_text = models.TextField()
    part = models.PositiveSmallIntegerField(default=0, help_text="0 the row itself, 1 its companion.")
    match_key = models.TextField(blank=True)
    stage = models.CharField(max_length=12, choices=Stage)
    problem = models.CharField(max_length=60)
    field = models.CharField(max_length=500, blank=True)
    reason = models.TextField()
    who = models.CharField(max_length=10, choices=Who)
    payload = models.JSONField(default=dict)
    is_open = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RejectedRowQuerySet.as_manager()

    class Meta:
        verbose_name = "failed record"
        indexes = [
            models.Index(fields=["team", "-id"], name="rejected_newest"),
            models.Index(fields=["sync", "-id"], name="rejected_of_sync"),
            models.Index(fields=["run", "stage", "problem", "field", "-id"], name="rejected_of_run"),
            # For the beginnings of keys too, whatever the database's language (PostgreSQL).
            models.Index(
                fields=["team", "match_key"],
                name="rejected_person",
                opclasses=["int8_ops", "text_pattern_ops"],
            ),
            models.Index(fields=["sync", "key_text"], name="rejected_key"),
            models.Index(
                fields=["sync", "stage", "problem", "field", "-id"],
                include=["run"],
                condition=Q(is_open=True),
                name="rejected_open",
            ),
        ]

    def __str__(self) -> str:
        return f"Failed record {str(self.public_id)[:8]}"  # its key and reason tell of a person
