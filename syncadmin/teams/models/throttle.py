"""How often somebody tried something lately."""

from django.db import models


class Throttle(models.Model):
    """Tries of one kind by one who, since `started_at`; `throttle.py` says how many there may be.

    `who` is a keyed digest: neither e-mail addresses nor where people are can be read from it.
    """

    kind = models.CharField(max_length=20)
    who = models.CharField(max_length=64)
    started_at = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "who"], name="throttle_once")]

    def __str__(self) -> str:
        return f"{self.count} × {self.kind}"
