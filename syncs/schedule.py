"""When a sync runs by itself: what a schedule says, and when the next time is. Pure.

Clock times are those of the schedule's own zone. Where the clocks go forward, a time that is left out comes
right after the gap; where they go back, a time that comes twice counts once, except in schedules that run
each hour or more often. Intervals are of elapsed time, counted from midnight UTC: clocks do not move them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from itertools import islice, pairwise, takewhile
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from destinations.contract import JSON

MANUAL, EVERY, DAILY, WEEKLY, CRON, AFTER = "manual", "every", "daily", "weekly", "cron", "after"
KINDS = (EVERY, DAILY, WEEKLY, CRON, AFTER)
KEYS = (*KINDS, "zone", "between")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
UNITS = {"minute": 1, "hour": 60, "day": 1_440}
LEAST_MINUTES, MOST_MINUTES = 5, 7 * 1_440
FARTHEST = timedelta(days=366 * 5)  # a time that is farther away is none
MOST_TRIES = 100_000  # times outside the hours that were asked for, in a row
LONGEST_CRON = 200
OVERLAP = timedelta(hours=3)  # so much earlier we begin, to know which clock times were there already

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_INTERVAL = re.compile(r"(?:every\s+)?(\d{1,5})\s*(minute|hour|day)s?")


class ScheduleWrong(Exception):
    """A schedule that cannot be; `part` is the key that is wrong, the message says how it should be."""

    def __init__(self, part: str, message: str) -> None:
        super().__init__(message)
        self.part = part


@dataclass(frozen=True)
class Schedule:
    """One of: `minutes` between times; `at` each day, or on `days` (0 is Monday); `cron`; `after`, the name
    of another sync; nothing, where only people start it. `between` are the hours to keep to, as (from,
    until); until may be on the next day."""

    kind: str
    minutes: int = 0
    at: time | None = None
    days: tuple[int, ...] = ()
    cron: str = ""
    after: str = ""
    zone: str = "UTC"
    between: tuple[time, time] | None = None

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def next(self, moment: datetime) -> datetime | None:
        """The first time after the moment, in UTC. None: never, or only after another sync."""
        return next(iter(self.times(moment)), None)

    def times(self, moment: datetime, count: int = 1) -> list[datetime]:
        """The first times after the moment, in UTC."""
        tries = islice(self._times(moment), MOST_TRIES)
        near = takewhile(lambda at: at - moment < FARTHEST, tries)
        return list(islice((at for at in near if self._is_open(at)), count))

    def _times(self, moment: datetime) -> Iterator[datetime]:
        if self.kind in {MANUAL, AFTER}:
            return
        if self.kind == EVERY:
            step = timedelta(minutes=self.minutes)
            at = _EPOCH + (moment - _EPOCH) // step * step
            while True:
                at += step
                yield at
        try:
            for at in CronSim(self._as_cron, (moment - OVERLAP).astimezone(self._zone)):
                if (found := at.astimezone(UTC)) > moment:
                    yield found
        except (CronSimError, OverflowError):
            return

    @property
    def _as_cron(self) -> str:
        if self.kind == CRON or self.at is None:
            return self.cron
        days = ",".join(DAYS[day] for day in self.days) if self.kind == WEEKLY else "*"
        return f"{self.at.minute} {self.at.hour} * * {days}"

    def _is_open(self, at: datetime) -> bool:
        if self.between is None:
            return True
        opens, closes = self.between
        clock = at.astimezone(self._zone).time()
        return opens <= clock < closes if opens < closes else clock >= opens or clock < closes

    def __str__(self) -> str:
        """The schedule in words: `every day at 07:30 (Europe/Berlin)`."""
        if self.kind == MANUAL:
            return "by hand"
        if self.kind == AFTER:
            return f"after each good run of {self.after}"
        hours = f", from {self.between[0]:%H:%M} until {self.between[1]:%H:%M}" if self.between else ""
        zone = f" ({self.zone})" if self.kind != EVERY or self.between else ""
        return f"{self._rhythm}{hours}{zone}"

    @property
    def _rhythm(self) -> str:
        if self.kind == EVERY:
            return f"every {interval(self.minutes)}"
        if self.kind == CRON or self.at is None:
            return f"at the times of “{self.cron}”"
        if self.kind == DAILY:
            return f"every day at {self.at:%H:%M}"
        names = [DAY_NAMES[day] for day in self.days]
        listed = ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
        return f"every {listed} at {self.at:%H:%M}"

    def as_json(self) -> dict[str, JSON]:
        """As it is stored and exported; `read` takes it back. Of what people start: nothing."""
        found: dict[str, JSON]
        if self.kind == MANUAL:
            return {}
        if self.kind == EVERY:
            number, unit = in_unit(self.minutes)
            found = {EVERY: f"{number} {unit}{'' if number == 1 else 's'}"}
        elif self.kind == AFTER:
            return {AFTER: self.after}
        elif self.kind == CRON or self.at is None:
            found = {CRON: self.cron}
        elif self.kind == DAILY:
            found = {DAILY: f"{self.at:%H:%M}"}
        else:
            found = {WEEKLY: {"days": [DAYS[day] for day in self.days], "at": f"{self.at:%H:%M}"}}
        if self.between:
            found["between"] = [f"{one:%H:%M}" for one in self.between]
        return found | ({"zone": self.zone} if self.zone != "UTC" else {})


BY_HAND = Schedule(MANUAL)


def read(told: Mapping[str, Any]) -> Schedule:
    """A schedule as it is stored or written in YAML. ScheduleWrong where it cannot be.

    `{every: 15 minutes}`, `{daily: "07:30"}`, `{weekly: {days: [mon, fri], at: "07:30"}}`,
    `{cron: "0 7 * * 1-5"}` or `{after: "the name of a sync"}`; and `zone`, `between: ["20:00", "06:00"]`.
    """
    for key in told:
        if key not in KEYS:
            raise ScheduleWrong(str(key), f"there is no “{key}” in a schedule, but {', '.join(KEYS)}")
    kinds = [kind for kind in KINDS if told.get(kind) is not None]
    if len(kinds) != 1:
        raise ScheduleWrong("", f"a schedule has one of {', '.join(KINDS)}")
    kind = kinds[0]
    found = Schedule(kind, **_RHYTHMS[kind](told[kind]), zone=_zone(told), between=_between(told))
    if kind == AFTER:
        if found.between or told.get("zone"):
            raise ScheduleWrong("between", "a sync that follows another one has no hours of its own")
    elif not found.next(datetime(2000, 1, 1, tzinfo=UTC)):
        if found.between:
            raise ScheduleWrong("between", "none of its times is within these hours, so it would never run")
        raise ScheduleWrong(kind, "there is no such time in five years, so it would never run")
    return found


def interval(minutes: int) -> str:
    """“hour”, “15 minutes”."""
    number, unit = in_unit(minutes)
    return unit if number == 1 else f"{number} {unit}s"


def in_unit(minutes: int) -> tuple[int, str]:
    """The minutes as a whole number of the largest unit: (6, "hour")."""
    unit = next(name for name, length in reversed(UNITS.items()) if minutes % length == 0)
    return minutes // UNITS[unit], unit


def _every(told: Any) -> dict[str, Any]:
    found = _INTERVAL.fullmatch(told.strip().lower()) if isinstance(told, str) else None
    minutes = int(found[1]) * UNITS[found[2]] if found else 0
    if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise ScheduleWrong(
            EVERY, f"an interval is from {LEAST_MINUTES} minutes to 7 days, such as “15 minutes” or “6 hours”"
        )
    return {"minutes": minutes}


def _daily(told: Any) -> dict[str, Any]:
    return {"at": clock(told, DAILY)}


def _weekly(told: Any) -> dict[str, Any]:
    days = told.get("days") if isinstance(told, Mapping) else None
    if not isinstance(told, Mapping) or {*told} != {"days", "at"} or not isinstance(days, list) or not days:
        raise ScheduleWrong(WEEKLY, "weekly needs days and a time, such as {days: [mon, fri], at: “07:30”}")
    known = [str(day).strip().lower()[:3] for day in days]
    if not {*known} <= {*DAYS}:
        raise ScheduleWrong(WEEKLY, f"the days are {', '.join(DAYS)}")
    return {"days": tuple(at for at, day in enumerate(DAYS) if day in known), "at": clock(told["at"], WEEKLY)}


def _cron(told: Any) -> dict[str, Any]:
    text = " ".join(told.split()) if isinstance(told, str) else ""
    try:
        if len(text.split()) != 5 or len(text) > LONGEST_CRON:
            raise CronSimError("Wrong number of fields")
        CronSim(text, _EPOCH)
    except CronSimError as error:
        raise ScheduleWrong(
            CRON,
            f"this is no cron schedule ({_why(error)}). It has five parts: minute, hour, day of the "
            "month, month, day of the week, such as “0 7 * * 1-5”",
        ) from None
    times = Schedule(CRON, cron=text).times(_EPOCH, 300)
    if any(later - sooner < timedelta(minutes=LEAST_MINUTES) for sooner, later in pairwise(times)):
        raise ScheduleWrong(CRON, f"two of its times are less than {LEAST_MINUTES} minutes apart")
    return {"cron": text}


def _why(error: CronSimError) -> str:
    """What is wrong with a cron schedule, in words: “there is no such day of month”."""
    bad, _, part = str(error).lower().replace("-", " ").partition("bad ")
    return f"there is no such {part}" if part and not bad else str(error).lower()


def _after(told: Any) -> dict[str, Any]:
    if not isinstance(told, str) or not told.strip():
        raise ScheduleWrong(AFTER, "name the sync whose good runs it follows")
    return {"after": told}


_RHYTHMS = {EVERY: _every, DAILY: _daily, WEEKLY: _weekly, CRON: _cron, AFTER: _after}


def clock(told: Any, part: str) -> time:
    """A time of day. ScheduleWrong at `part` where it is none."""
    found = _CLOCK.fullmatch(told.strip()) if isinstance(told, str) else None
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise ScheduleWrong(part, "a time of day is written such as “07:30”")
    return time(int(found[1]), int(found[2]))


def _zone(told: Mapping[str, Any]) -> str:
    """The zone by its own spelling, however it was written: europe/berlin is Europe/Berlin."""
    zone = str(told.get("zone") or "UTC").strip()
    if zone in available_timezones():
        return zone
    spelt = {name.lower(): name for name in available_timezones()}.get(zone.lower().replace(" ", "_"))
    if spelt is None:
        raise ScheduleWrong("zone", f"there is no time zone “{zone}”; write one such as Europe/Berlin")
    return spelt


def _between(told: Mapping[str, Any]) -> tuple[time, time] | None:
    given = told.get("between")
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 2:
        raise ScheduleWrong("between", "hours are written such as [“20:00”, “06:00”]")
    opens, closes = (clock(one, "between") for one in given)
    if opens == closes:
        raise ScheduleWrong("between", "the hours end when they begin: leave them out to run at any time")
    return opens, closes
