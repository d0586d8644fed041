"""The stretch of time that a page looks back over, and what was counted in it, cut into hours or days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import BigIntegerField, Func, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format

from syncadmin.lib import spans
from syncadmin.lib.spans import Span

CHOICES = {"24h": "24 hours", "7d": "7 days", "30d": "30 days"}
USUAL = "24h"


class SlotOf(Func):
    """The number of the quarter of an hour that a time lies in, as `spans.slot_of` has it."""

    arity = 1
    output_field = BigIntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) / 900)"
        return super().as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "FLOOR(EXTRACT(EPOCH FROM %(expressions)s) / 900)::bigint"
        return super().as_sql(compiler, connection, template=template, **context)


@dataclass(frozen=True, slots=True)
class Period:
    """What is looked back over: a name of CHOICES, and its hours or days in the reader's zone."""

    name: str
    spans: Sequence[Span]

    @property
    def words(self) -> str:
        return f"The last {CHOICES[self.name]}"

    @property
    def start(self) -> datetime:
        return self.spans[0].start

    @property
    def end(self) -> datetime:
        return self.spans[-1].end

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """(name, words, chosen) of each."""
        return [(name, words, name == self.name) for name, words in CHOICES.items()]

    def label(self, span: Span) -> str:
        """Under the axis."""
        return date_format(span.start, "H:i" if self.name == "24h" else "j M")

    def title(self, span: Span) -> str:
        """In full."""
        if self.name == "24h":
            return f"{date_format(span.start, 'j M, H:i')} to {date_format(span.end, 'H:i T')}"
        start = timezone.localtime(span.start)
        is_whole = (start.hour, start.minute) == (0, 0)
        return date_format(start, "D j M" if is_whole else "D j M, H:i")


def asked(query: QueryDict, now: datetime, *, whole_hours: bool = False) -> Period:
    """The period that an address asks for. `whole_hours`: it is cut at hours of UTC, which counters have."""
    name = query.get("range", "")
    name = name if name in CHOICES else USUAL
    zone = timezone.get_current_timezone()
    if name == "24h":
        found = spans.hours(now, UTC if whole_hours else zone)
        return Period(name, [Span(one.start.astimezone(zone), one.end.astimezone(zone)) for one in found])
    found = spans.days(now, zone, int(name.removesuffix("d")))
    if whole_hours:
        found = [Span(_whole(one.start, zone), _whole(one.end, zone)) for one in found]
    return Period(name, found)


def between(span: Span | Period) -> dict[str, str]:
    """The stretch as an address names it."""
    return {"from": moment(span.start), "to": moment(span.end)}


def moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def summed(rows: "QuerySet[Any]", at: str, period: Period, sums: dict[str, Any]) -> list[list[int]]:
    """The sums of rows by the spans that their time `at` lies in, in the order of `sums`. One query."""
    within = rows.filter(**{f"{at}__gte": period.start, f"{at}__lt": period.end}).order_by()
    found = within.annotate(slot=SlotOf(at)).values_list("slot").annotate(**sums)
    return spans.gathered(period.spans, {slot: numbers for slot, *numbers in found}, len(sums))


def _whole(at: datetime, zone: Any) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0).astimezone(zone)
