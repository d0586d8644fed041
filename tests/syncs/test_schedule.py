"""When the next run is: in every zone, over both clock changes."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncs.schedule import Schedule, ScheduleWrong, read

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def local(schedule: Schedule, start: datetime, count: int) -> list[str]:
    return [
        at.astimezone(ZoneInfo(schedule.zone)).strftime("%d %H:%M %Z") for at in schedule.times(start, count)
    ]


def test_fifteen_minutes_come_at_the_quarters_and_clocks_do_not_move_them() -> None:
    schedule = read({"every": "15 minutes", "zone": "Europe/Berlin"})
    times = schedule.times(datetime(2026, 10, 25, 0, 7, tzinfo=UTC), 8)
    assert times[0] == datetime(2026, 10, 25, 0, 15, tzinfo=UTC)
    assert {later - sooner for sooner, later in pairwise(times)} == {timedelta(minutes=15)}


def test_a_daily_time_that_the_clocks_leave_out_comes_right_after_the_gap() -> None:
    schedule = read({"daily": "02:30", "zone": "Europe/Berlin"})
    start = datetime(2026, 3, 27, 12, tzinfo=UTC)
    assert local(schedule, start, 3) == ["28 02:30 CET", "29 03:00 CEST", "30 02:30 CEST"]


def test_a_daily_time_that_comes_twice_counts_once() -> None:
    schedule = read({"daily": "02:30", "zone": "Europe/Berlin"})
    start = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert local(schedule, start, 2) == ["25 02:30 CEST", "26 02:30 CET"]


def test_a_week_has_its_days_in_its_own_zone() -> None:
    schedule = read({"weekly": {"days": ["Mon", "fri"], "at": "07:05"}, "zone": "America/New_York"})
    assert local(schedule, NOON, 3) == ["05 07:05 EDT", "08 07:05 EDT", "12 07:05 EDT"]
    assert str(schedule) == "every Monday and Friday at 07:05 (America/New_York)"


def test_hours_may_go_past_midnight() -> None:
    schedule = read({"every": "2 hours", "between": ["22:00", "05:00"], "zone": "UTC"})
    assert local(schedule, NOON, 5) == [
        "01 22:00 UTC",
        "02 00:00 UTC",
        "02 02:00 UTC",
        "02 04:00 UTC",
        "02 22:00 UTC",
    ]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("month", [3, 4, 10, 11])
@pytest.mark.parametrize("at", ["01:45", "02:15", "02:30"])
@pytest.mark.parametrize("late", [0, 7, 59])
def test_a_month_over_a_clock_change_runs_each_day_once(zone: str, month: int, at: str, late: int) -> None:
    schedule = read({"daily": at, "zone": zone})
    here = ZoneInfo(zone)
    start = datetime(2026, month, 1, tzinfo=here)
    due = schedule.next(start)
    days: list[date] = []
    while len(days) < 31:
        assert due is not None
        now = due + timedelta(minutes=late)  # somebody looks, and reckons from then
        days.append(due.astimezone(here).date())
        due = schedule.next(now)
    assert days == [start.date() + timedelta(days=n) for n in range(31)]


MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# A month around each change of the clocks: forward and back, by an hour and by half of one, north and south.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
]


def ticks(start: datetime, end: datetime, away: tuple[datetime, datetime]) -> list[datetime]:
    """Each minute from the start to the end, but those in which nobody was there."""
    every = [start + n * MINUTE for n in range(int((end - start) / MINUTE))]
    return [at for at in every if not away[0] <= at < away[1]]


@pytest.mark.parametrize(("zone", "change"), CHANGES)
@pytest.mark.parametrize(
    "rhythm",
    [
        {"daily": "02:30"},
        {"daily": "02:15", "between": ["01:00", "04:00"]},
        {"weekly": {"days": ["sun", "wed"], "at": "02:00"}},
        {"cron": "30 1,2,3 * * *"},
        {"every": "20 minutes"},
        {"every": "1 hour", "between": ["22:00", "05:00"]},
    ],
    ids=lambda rhythm: " ".join(rhythm),
)
def test_a_month_of_minutes_over_a_clock_change_runs_each_time_once(
    zone: str, change: datetime, rhythm: dict[str, object]
) -> None:
    """Somebody looks each minute, as the queue's clock does, but for two nights and a day of downtime."""
    schedule, here = read({**rhythm, "zone": zone}), ZoneInfo(zone)
    start, end = change - 15 * DAY, change + 16 * DAY
    away = (change + 4 * DAY - 7 * HOUR, change + 5 * DAY + 8 * HOUR)
    due, begun = schedule.next(start), []
    for now in ticks(start, end, away):
        assert due is not None
        if due <= now:
            begun.append((due, now))
            due = schedule.next(now)

    lates = [now for of, now in begun if of != now]
    assert lates in ([], [away[1]]), "what was missed runs once, as soon as somebody is there"
    times = [of for of in schedule.times(start, 3_000) if of < end]
    missed = [of for of in times if away[0] <= of <= away[1]]
    assert bool(lates) == bool(missed)
    wanted = [of for of in times if of not in missed[1:]]
    assert [of for of, _ in begun] == wanted, "and nothing else is left out or comes twice"
    if "daily" in rhythm:
        nights = Counter(of.astimezone(here).date() for of, _ in begun)
        assert set(nights.values()) == {1}, nights
        left_out = [one - DAY for before, one in pairwise(sorted(nights)) if one - before != DAY]
        assert left_out == [of.astimezone(here).date() for of in missed[1:]]


rhythms = st.one_of(
    st.integers(1, 168).map(lambda n: {"every": f"{n} hours"}),
    st.times().map(lambda at: {"daily": f"{at:%H:%M}"}),
    st.tuples(st.sets(st.sampled_from(["mon", "wed", "sun"]), min_size=1), st.times()).map(
        lambda it: {"weekly": {"days": sorted(it[0]), "at": f"{it[1]:%H:%M}"}}
    ),
    st.sampled_from(["*/20 * * * *", "0 7 * * 1-5", "30 2 1 * *", "0 */6 * * *"]).map(
        lambda text: {"cron": text}
    ),
)
moments = st.integers(1_600_000_000, 2_050_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(rhythms, st.sampled_from(ZONES), moments)
def test_times_go_forward_and_none_is_left_out(
    rhythm: dict[str, object], zone: str, moment: datetime
) -> None:
    schedule = read({**rhythm, "zone": zone})
    times = schedule.times(moment, 4)
    assert len(times) == 4
    assert all(sooner < later for sooner, later in pairwise([moment, *times]))
    assert schedule.next(times[0]) == times[1]
    assert schedule.next(times[1] - timedelta(seconds=1)) == times[1]
    assert read(schedule.as_json()) == schedule


@pytest.mark.parametrize(
    ("told", "part", "words"),
    [
        ({}, "", "one of every"),
        ({"every": "1 minute"}, "every", "from 5 minutes"),
        ({"every": "soon"}, "every", "15 minutes"),
        ({"every": "1 hour", "daily": "07:00"}, "", "one of"),
        ({"daily": "25:00"}, "daily", "07:30"),
        ({"weekly": {"days": ["someday"], "at": "07:00"}}, "weekly", "mon, tue"),
        ({"weekly": "mon"}, "weekly", "days"),
        ({"cron": "* * * *"}, "cron", "five parts"),
        ({"cron": "* * * * *"}, "cron", "less than 5 minutes"),
        ({"cron": "61 * * * *"}, "cron", "minute"),
        ({"cron": "0 0 30 2 *"}, "cron", "month"),
        ({"daily": "07:00", "zone": "Mars/Olympus"}, "zone", "no time zone"),
        ({"daily": "12:00", "between": ["20:00", "06:00"]}, "between", "never run"),
        ({"daily": "12:00", "between": ["20:00"]}, "between", "hours"),
        ({"daily": "12:00", "between": ["20:00", "20:00"]}, "between", "end when they begin"),
        ({"after": "x", "between": ["20:00", "06:00"]}, "between", "follows"),
        ({"daily": "12:00", "hours": 3}, "hours", "there is no"),
    ],
)
def test_what_cannot_be_is_told_with_how_it_should_be(told: dict[str, object], part: str, words: str) -> None:
    with pytest.raises(ScheduleWrong) as caught:
        read(told)
    assert caught.value.part == part
    assert words in str(caught.value)
