from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from syncadmin.lib import spans

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_hours_of_the_night_when_clocks_go_back_are_all_there_and_an_hour_long():
    found = spans.hours(at("2026-10-25T05:20+01:00"), BERLIN, 6)
    assert [f"{span.start:%H:%M %Z}" for span in found] == [
        "01:00 CEST",
        "02:00 CEST",
        "02:00 CET",
        "03:00 CET",
        "04:00 CET",
        "05:00 CET",
    ]
    assert {span.end.astimezone(UTC) - span.start.astimezone(UTC) for span in found} == {spans.HOUR}


@pytest.mark.parametrize(("day", "hours"), [("2026-10-25", 25), ("2026-03-29", 23), ("2026-06-01", 24)])
def test_days_are_as_long_as_the_calendar_has_them(day, hours):
    last = spans.days(at(f"{day}T12:00+01:00"), BERLIN, 3)[-1]
    assert f"{last.start:%Y-%m-%d %H:%M}" == f"{day} 00:00"
    assert last.end.astimezone(UTC) - last.start.astimezone(UTC) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "name", ["Asia/Kathmandu", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"]
)
def test_spans_follow_each_other_and_begin_at_a_quarter_of_an_hour(name):
    zone = ZoneInfo(name)
    for found in (
        spans.hours(at("2026-11-01T12:34+00:00"), zone),
        spans.days(at("2026-11-05T12:34Z"), zone, 30),
    ):
        assert all(one.end == two.start for one, two in pairwise(found))
        assert {span.start.timestamp() % 900 for span in found} == {0}


def test_what_was_counted_lands_in_the_span_that_it_lies_in():
    found = spans.hours(at("2026-10-25T05:20+01:00"), BERLIN, 3)
    first, last = spans.slot_of(found[0].start), spans.slot_of(found[-1].end)
    counted = {first - 1: [9], first: [1], first + 3: [2], first + 4: [4], last - 1: [8], last: [9]}
    assert spans.gathered(found, counted, 1) == [[3], [4], [8]]
