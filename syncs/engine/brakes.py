"""Brakes: what in a plan must wait until a person has looked at it. Pure: rules over counts.

A sync's brakes are stored as what differs from the defaults, in the words of a configuration document:

```
{}                                                     all of them, as they are by default
{"changes": {"percent": 60, "least": 1000}, "new": false}
```

A brake with a `percent` wants that share and at least so many rows. Nothing that a run does removes
anything at a destination: harm is what is overwritten, emptied, created in numbers, or no longer kept up to
date without anybody knowing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from destinations.contract import JSON

EMPTY, LOST, CHANGES, BLANKS = "empty", "lost", "changes", "blanks"
NEW, REKEYED, FIRST = "new", "rekeyed", "first"
OF_LEFT = (EMPTY, LOST)  # about rows that left the model

TIMES = 5  # what a run usually does is far exceeded from here on
MOST_ROWS = 1_000_000_000
# How much more than was shown an approval still covers: source data goes on living.
MORE_PERCENT, MORE_ROWS = 5, 10


@dataclass(frozen=True, slots=True)
class Limit:
    """When a brake holds: None where it knows no such limit."""

    on: bool = True
    percent: int | None = None
    least: int | None = None

    def reaches(self, count: int, of: int) -> bool:
        """Whether so many of these rows are as much as the limit says."""
        least, percent = self.least or 1, self.percent or 0
        return count >= least and 100 * count >= percent * of


Limits = Mapping[str, Limit]

DEFAULTS: Limits = {
    EMPTY: Limit(),
    LOST: Limit(percent=30, least=100),
    CHANGES: Limit(percent=30, least=500),
    BLANKS: Limit(percent=20, least=100),
    NEW: Limit(percent=50, least=500),
    REKEYED: Limit(percent=10, least=100),
    FIRST: Limit(least=500),
}
NONE: dict[str, JSON] = dict.fromkeys(DEFAULTS, False)  # as it is stored where all are switched off


class BrakesWrong(Exception):
    """What was written is no setting of brakes. `part` names where: a brake, and a limit of it."""

    def __init__(self, message: str, *part: str) -> None:
        super().__init__(message)
        self.part = part


def read(stored: JSON) -> dict[str, Limit]:
    """Every brake's limits. BrakesWrong where something in it means nothing."""
    if isinstance(stored, bool) or stored is None:
        stored = {} if stored is not False else NONE
    if not isinstance(stored, dict):
        raise BrakesWrong("must be false, or such as {changes: {percent: 60, least: 1000}, new: false}")
    for name in stored:
        if name not in DEFAULTS:
            raise BrakesWrong(f"there is no brake `{name}`; there are {', '.join(DEFAULTS)}", name)
    return {name: _read(name, stored.get(name, True)) for name in DEFAULTS}


def _read(name: str, told: JSON) -> Limit:
    default = DEFAULTS[name]
    if told is True or told is None:
        return default
    if told is False:
        return Limit(False, default.percent, default.least)
    if not isinstance(told, dict):
        raise BrakesWrong(f"`{name}` must be true, false, or its limits", name)
    found = {"percent": default.percent, "least": default.least}
    known = [key for key, value in found.items() if value is not None]
    for key, value in told.items():
        if key not in known:
            limits = f"only {' and '.join(f'`{one}`' for one in known)}" if known else "no limits"
            raise BrakesWrong(f"`{name}` knows no `{key}`: it has {limits}", name, key)
        most = 100 if key == "percent" else MOST_ROWS
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise BrakesWrong(f"`{key}` must be a whole number from 1 to {most:,}", name, key)
        found[key] = value
    return Limit(True, found["percent"], found["least"])


def as_stored(limits: Limits) -> dict[str, JSON]:
    """What of these limits differs from the defaults, as it is stored and exported."""
    found: dict[str, JSON] = {}
    for name, limit in limits.items():
        default = DEFAULTS[name]
        if not limit.on:
            found[name] = False
        elif limit != default:
            pairs = (("percent", limit.percent, default.percent), ("least", limit.least, default.least))
            found[name] = {key: value for key, value, usual in pairs if value != usual}
    return found


# What is judged


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do, in rows. `known` were sent before and are in the model; `changed` of them would
    be sent; `new` nobody ever tried to send; `left` are in the model no more, of all times together.

    `blanks` tells of each field in how many rows that were sent before it would be emptied.
    """

    read: int = 0
    planned: int = 0
    known: int = 0
    changed: int = 0
    new: int = 0
    left: int = 0
    rekeyed: int = 0
    invalid: int = 0
    blanks: Mapping[str, int] = field(default_factory=dict)
    is_full: bool = False  # every row is sent, as somebody asked for


@dataclass(frozen=True, slots=True)
class Past:
    """What the sync's runs came to so far.

    `read`, `left` and `invalid` are of the last good run over all rows, None and 0 where there is none.
    `usual` is how many rows a run sends most often, `usual_left` how many leave; None where nobody knows.
    `waiting` are rows that an earlier run was free to send, and could not. `is_first`: none was; `confirmed`
    rows were shown to whoever started it.
    """

    read: int | None = None
    left: int = 0
    invalid: int = 0
    usual: int | None = None
    usual_left: int | None = None
    waiting: int = 0
    is_first: bool = False
    confirmed: int | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What things are called: the upsert key, and fields by their names."""

    upsert_key: str = "upsert key"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A brake that holds the run, in a sentence. `count` rows; `name` is a field's, where it is about one."""

    kind: str
    text: str
    count: int = 0
    name: str = ""


def judge(plan: Plan, past: Past, limits: Limits, words: Words) -> list[Found]:
    """Everything that must be looked at before the plan is sent, the worst first."""
    if past.is_first and plan.read:
        return [*_first(plan, past, limits)]
    return [
        *_empty(plan, past, limits),
        *_blanks(plan, limits, words),
        *_changes(plan, past, limits),
        *_rekeyed(plan, limits, words),
        *_new(plan, past, limits),
        *_lost(plan, past, limits),
    ]


def _first(plan: Plan, past: Past, limits: Limits) -> Iterator[Found]:
    limit = limits[FIRST]
    if not limit.on or not limit.reaches(plan.planned, 0):
        return
    would = f"{_rows(plan.planned)} would be sent"
    if past.confirmed is None:
        said = f"This is the first run over all rows: {would}, and nobody has looked at the numbers yet."
        yield Found(FIRST, said, plan.planned)
    elif plan.planned > allowed(past.confirmed):
        said = f"This is the first run over all rows: {would}, where {past.confirmed:,} were shown before."
        yield Found(FIRST, said, plan.planned)


def _empty(plan: Plan, past: Past, limits: Limits) -> Iterator[Found]:
    had = past.read if past.read is not None else plan.left
    if limits[EMPTY].on and not plan.read and had:
        before = f"{_rows(had)} in the last run" if past.read else f"{_rows(had)} when they were sent"
        yield Found(
            EMPTY,
            f"The model has no rows, and had {before}. Nothing would be sent and nothing is removed at the "
            "destination; but what is there would no longer be kept up to date.",
        )


def _blanks(plan: Plan, limits: Limits, words: Words) -> Iterator[Found]:
    limit = limits[BLANKS]
    for name, count in sorted(plan.blanks.items(), key=lambda pair: -pair[1]):
        if limit.on and limit.reaches(count, plan.known):
            label = words.labels.get(name, name)
            rows = f"{_of(count, plan.known)} rows that were sent before"
            said = f"{label} would be emptied in {rows[0].lower()}{rows[1:]}."
            yield Found(BLANKS, said, count, name)


def _changes(plan: Plan, past: Past, limits: Limits) -> Iterator[Found]:
    limit, count = limits[CHANGES], plan.changed
    if plan.is_full or not limit.on or not limit.reaches(count, plan.known):
        return
    if _is_unusual(count, past):
        said = f"{_of(count, plan.known)} rows that were sent before would change{_usual(past)}."
        yield Found(CHANGES, said, count)


def _rekeyed(plan: Plan, limits: Limits, words: Words) -> Iterator[Found]:
    limit = limits[REKEYED]
    if limit.on and limit.reaches(plan.rekeyed, plan.known):
        yield Found(
            REKEYED,
            f"{_of(plan.rekeyed, plan.known)} rows come with another {words.upsert_key} than before: they "
            "would be other records at the destination, and the old ones stay there.",
            plan.rekeyed,
        )


def _new(plan: Plan, past: Past, limits: Limits) -> Iterator[Found]:
    limit, so_far = limits[NEW], plan.known + plan.left
    if not limit.on or not limit.reaches(plan.new, so_far):
        return
    if _is_unusual(plan.new, past):
        said = f"{plan.new:,} new records would be sent, where {so_far:,} were sent so far{_usual(past)}."
        yield Found(NEW, said, plan.new)


def _lost(plan: Plan, past: Past, limits: Limits) -> Iterator[Found]:
    limit = limits[LOST]
    fresh = plan.left - past.left - max(0, plan.invalid - past.invalid)  # what cannot be read has not left
    if not plan.read or not limit.on or not limit.reaches(fresh, plan.known + fresh):
        return
    if past.usual_left is None or fresh > TIMES * past.usual_left:
        yield Found(
            LOST,
            f"{_of(fresh, plan.known + fresh)} rows that were sent before are no longer in the model. They "
            "stay at the destination, but would no longer be kept up to date.",
            fresh,
        )


# What an approval covers


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person sees of a run that waits. `mark` stands for what the plan was made with."""

    found: tuple[Found, ...]
    planned: int
    mark: str = ""
    since: tuple[str, ...] = ()  # what is other than when it was approved

    def write(self) -> dict[str, Any]:
        """As JSON."""
        told = [
            {"kind": one.kind, "text": one.text, "count": one.count, "name": one.name} for one in self.found
        ]
        return {"found": told, "planned": self.planned, "mark": self.mark, "since": list(self.since)}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "Shown":
        found = tuple(Found(**one) for one in written["found"])
        return cls(found, written["planned"], written["mark"], tuple(written.get("since", ())))


def allowed(count: int) -> int:
    """How many rows may go where this many were shown."""
    return count + max(MORE_ROWS, count * MORE_PERCENT // 100)


def beyond(approved: Shown, now: Shown) -> list[str]:
    """In what a new plan does more than was approved, in sentences; empty where the approval covers it."""
    if approved.mark != now.mark:
        return ["The sync, its model or its source was changed since."]
    found = []
    if now.planned > allowed(approved.planned):
        found.append(f"{_rows(now.planned)} would be sent now; {approved.planned:,} were approved.")
    before = {(one.kind, one.name): one.count for one in approved.found}
    for one in now.found:
        count = before.get((one.kind, one.name))
        if count is None:
            found.append(f"This is new: {one.text}")
        elif one.count > allowed(count):
            found.append(f"{_rows(count)} were approved of this: {one.text}")
    return found


def _is_unusual(count: int, past: Past) -> bool:
    return count > TIMES * (past.usual or 0) + past.waiting


def _usual(past: Past) -> str:
    if past.usual is None:
        return ""
    return f"; usual are about {_rows(past.usual)} a run" if past.usual else "; in a usual run none does"


def _of(count: int, of: int) -> str:
    return f"All {count:,}" if count >= of else f"{count:,} of {of:,}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
