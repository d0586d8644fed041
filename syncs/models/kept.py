"""What is kept for a time: how much of it is there, and until when it was removed."""

from datetime import datetime

from django.db import models
from django.db.models import Q


class KeptQuerySet(models.QuerySet["Kept"]):
    def removed(self, kind: "Kept.Kind", until: datetime, *, by_size: bool) -> None:
        """Write down that what is older goes now. An older mark stays behind a younger one."""
        self.get_or_create(kind=kind)
        self.filter(Q(removed_until__lt=until) | Q(removed_until__isnull=True), kind=kind).update(
            removed_until=until, is_by_size=by_size
        )

    def removed_until(self, kind: "Kept.Kind") -> datetime | None:
        """What is older than this was removed; None: nothing was yet."""
        found = self.filter(kind=kind).values_list("removed_until", flat=True)
        return found.first()

    def measured(self, kind: "Kept.Kind", rows: int, size: int, at: datetime) -> None:
        """Write down how much is there."""
        self.update_or_create(kind=kind, defaults={"row_count": rows, "byte_count": size, "measured_at": at})


class Kept(models.Model):
    """One kind of what `engine/pruning.py` removes; of the installation, not of a team.

    Nothing that is older than `removed_until` is there any more, but for what is never removed. `is_by_size`:
    for lack of space, before its days were over. Counts are as of `measured_at`; bytes are about those of the
    data, without what the database needs for itself.
    """

    class Kind(models.TextChoices):
        RUNS = "runs", "Runs"
        ROWS = "rows", "Records that did not arrive"
        REQUESTS = "requests", "Requests and answers"
        PAYLOADS = "payloads", "What was sent"

    kind = models.CharField(max_length=10, choices=Kind, unique=True)
    removed_until = models.DateTimeField(null=True, blank=True)
    is_by_size = models.BooleanField(default=False)
    row_count = models.PositiveBigIntegerField(default=0)
    byte_count = models.PositiveBigIntegerField(default=0)
    measured_at = models.DateTimeField(null=True, blank=True)

    objects = KeptQuerySet.as_manager()

    class Meta:
        verbose_name = "kind of history"
        verbose_name_plural = "history and its size"

    def __str__(self) -> str:
        return self.get_kind_display()
