"""What fills one field of the destination."""

from django.db import models
from django.db.models import Q

from syncadmin.teams.models import Team
from syncs.models.ordered_json import OrderedJSON
from syncs.models.sync import Sync

LONGEST_NAME = 500  # of a column or a field
SOURCES = ("column", "first_of", "template", "value", "variable")


def _only(name: str) -> Q:
    return Q(**{f"{one}__isnull": one != name for one in SOURCES})


class FieldMapping(models.Model):
    """What fills a field, and what an empty value means.

    Exactly one of these fills it: `column`; `first_of`, columns of which the first that is not empty does;
    `template`, in Liquid; `value`, the same for every row; `variable`, which the run tells
    (`engine/variables.py`).

    `steps` is the chain of transformations, as `engine/steps.py` reads it: ["trim", "lower",
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
    first_of = models.JSONField(null=True, blank=True)
    template = models.TextField(null=True, blank=True)
    value = models.JSONField(null=True, blank=True)
    variable = models.CharField(max_length=40, null=True, blank=True)
    steps = OrderedJSON(default=list, blank=True)
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
                condition=_only("column")
                | _only("first_of")
                | _only("template")
                | _only("value")
                | _only("variable"),
                name="mapping_has_one_source",
                violation_error_message="Give only one of column, first_of, template, value and variable.",
            ),
        ]

    def __str__(self) -> str:
        given = [one for one in (self.column, self.first_of, self.template, self.variable) if one is not None]
        return f"{given[0] if given else repr(self.value)} → {self.field}"
