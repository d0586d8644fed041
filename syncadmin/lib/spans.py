"""Stretches of time that charts and lists are cut by: hours and days of a reader's zone. Pure.

Hours are hours: on the day when clocks go back two of them have one name. Days are the calendar's: 23, 24 or
25 hours long.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

HOUR = timedelta(hours=1)
SLOT = timedelta(minutes=15)  # every zone's hours and days begin at one


@dataclass(frozen=True, slots=True)
class Span:
    """From `start`, included, to `end`, not; both in the reader's zone."""

    start: datetime
    end: datetime


def hours(now: datetime, zone: tzinfo, count: int = 24) -> list[Span]:
    """The last hours; the last of them is going on."""
    local = now.astimezone(zone)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    last = now.astimezone(UTC) - past
    starts = [last - HOUR * back for back in range(count - 1, -1, -1)]
    return [Span(start.astimezone(zone), (start + HOUR).astimezone(zone)) for start in starts]


def days(now: datetime, zone: tzinfo, count: int) -> list[Span]:
    """The last days of the calendar; the last of them is going on."""
    today = now.astimezone(zone).date()
    return [
        Span(_midnight(today - timedelta(days=back), zone), _midnight(today - timedelta(days=back - 1), zone))
        for back in range(count - 1, -1, -1)
    ]


def slot_of(at: datetime) -> int:
    """The number of the quarter of an hour that a time lies in, as `SlotOf` has it in SQL."""
    return int(at.timestamp() // SLOT.total_seconds())


def gathered(spans: Sequence[Span], by_slot: Mapping[int, Sequence[int]], width: int) -> list[list[int]]:
    """What was counted by slots, summed up by spans: a list of `width` numbers for each."""
    sums = [[0] * width for _ in spans]
    edges = [slot_of(span.start) for span in spans]
    for slot, numbers in by_slot.items():
        at = next((at for at in range(len(edges) - 1, -1, -1) if edges[at] <= slot), None)
        if at is not None and slot < slot_of(spans[-1].end):
            for place, number in enumerate(numbers):
                sums[at][place] += number or 0
    return sums


def _midnight(day: date, zone: tzinfo) -> datetime:
    """When the day begins; where that hour is left out, the moment that the clocks jump to."""
    return datetime.combine(day, time.min, zone).astimezone(UTC).astimezone(zone)
