"""What fills one field of the destination."""

from django.db import models
from django.db.models import Q

from syncadmin.teams.models import Team
from syncs.models.sync import Sync

LONGEST_NAME = 500  # of a column or a field


class FieldMapping(models.Model):
    """A column, or a fixed value, that fills a field; and what an empty value means.

    `steps` is the chain of transformations, as `engine/mapping.py` reads it: ["trim", "lower",
    {"map": {"a": "b"}}]. `default` is used where `empty` is DEFAULT.
    """

    class Empty(models.TextChoices):
        LEAVE = "leave", "Leave as is"
        CLEAR = "clear", "Clear it there"
        DEFAULT = "default", "Use a default"
        ATTENTION = "attention", "Row needs attention"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="mappings")
    position = models.PositiveSmallIntegerField()
    field = models.CharField(max_length=LONGEST_NAME)
    column = models.CharField(max_length=LONGEST_NAME, null=True, blank=True)
    value = models.JSONField(null=True, blank=True)
    steps = models.JSONField(default=list, blank=True)
    empty = models.CharField(max_length=10, choices=Empty, default=Empty.LEAVE)
    default = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["sync", "field"],
                name="field_mapped_once",
                violation_error_message="This field is mapped twice.",
            ),
            models.CheckConstraint(
                condition=Q(column__isnull=True) ^ Q(value__isnull=True),
                name="mapping_is_column_or_value",
                violation_error_message="Give a column or a value, not both.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.column or self.value!r} → {self.field}"
