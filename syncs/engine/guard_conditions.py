"""Conditions on a row: checked, compiled, and answered for whole columns. Pure and total.

A condition names what it looks at, and one way to compare:

- `{"column": "country", "is": "DE"}`, `is_not`, `contains`, `does_not_contain`, `starts_with`, `ends_with`
- `{"column": "country", "in": ["DE", "AT"]}`, `not_in`
- `{"column": "phone", "is_empty": true}`, or false
- `{"column": "score", "greater_than": 5}`, `less_than`
- `{"column": "created_at", "before": "2026-01-31"}`, `after`; also a time: `2026-01-31T12:00:00Z`
- with `"field"` in place of `"column"`, a field as it would be sent

They stand in `{"all": […]}` or `{"any": […]}`, where a group of the other kind may stand in place of a
condition. Texts are compared without regard to case and to blanks around them. An empty value is not
greater, less, before or after anything. What cannot be compared makes the answer unsure, unless the rest
of the conditions decides.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Any

from destinations.contract import JSON
from syncs.engine.guard_columns import COLUMN, FIELD, Chunk, Look, Unreadable, day, folded, moment, number
from syncs.engine.plain import is_empty, jsonable

LISTED = ("in", "not_in")
TEXTS = ("is", "is_not", "contains", "does_not_contain", "starts_with", "ends_with")
NUMBERS = ("greater_than", "less_than")
TIMES = ("before", "after")
WAYS = (*TEXTS, *LISTED, "is_empty", *NUMBERS, *TIMES)
MOST_CONDITIONS = 50
MOST_LISTED = 1_000
LONGEST = 500
_SHOWN = 60

Path = tuple[str, ...]
Fault = tuple[Path, str]


@dataclass(slots=True)
class Answer:
    """For each row whether it is so. `unsure` says why it cannot be told; there `yes` is False."""

    yes: list[bool]
    unsure: dict[int, str] = field(default_factory=dict)


Test = Callable[[Chunk], Answer]


def look_of(spec: Mapping[str, Any]) -> Look:
    """What a checked spec looks at."""
    return Look(COLUMN, spec[COLUMN]) if COLUMN in spec else Look(FIELD, spec[FIELD])


def looks_of(tree: Mapping[str, Any]) -> list[Look]:
    """All that checked conditions look at."""
    return [look for item in _items(tree) for look in (looks_of(item) if is_group(item) else [look_of(item)])]


def is_group(item: Mapping[str, Any]) -> bool:
    return "all" in item or "any" in item


# Checking


def look_faults(spec: Mapping[str, Any], path: Path) -> list[Fault]:
    """Whether a spec says what it looks at."""
    given = [kind for kind in (COLUMN, FIELD) if kind in spec]
    if len(given) != 1:
        return [(path, "name the `column` of the model to look at, or the `field` as it would be sent")]
    name = spec[given[0]]
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST:
        return [((*path, given[0]), f"`{given[0]}` must be a name of 1 to {LONGEST} signs")]
    return []


def condition_faults(tree: JSON, path: Path, *, inner: bool = False) -> list[Fault]:
    """What is wrong with conditions, each with the path where."""
    kinds = [kind for kind in ("all", "any") if isinstance(tree, dict) and kind in tree]
    if not isinstance(tree, dict) or len(kinds) != 1 or len(tree) > 1:
        return [(path, "conditions stand in a list under `all` or `any`, only one of them")]
    path, items = (*path, kinds[0]), tree[kinds[0]]
    if not isinstance(items, list) or not items:
        return [(path, f"`{kinds[0]}` must be a list of conditions, at least one")]
    if len(items) > MOST_CONDITIONS:
        return [(path, f"at most {MOST_CONDITIONS} conditions can stand in one list")]
    faults = []
    for at, item in enumerate(items):
        here = (*path, str(at))
        if not isinstance(item, dict):
            faults.append((here, "a condition is a mapping such as {column: country, is: DE}"))
        elif not is_group(item):
            faults += _one_faults(item, here)
        elif inner:
            faults.append((here, "groups stand within one another at most once"))
        else:
            faults += condition_faults(item, here, inner=True)
    return faults


def _one_faults(spec: Mapping[str, Any], path: Path) -> list[Fault]:
    faults = look_faults(spec, path)
    ways = [way for way in spec if way not in (COLUMN, FIELD)]
    if len(ways) != 1 or ways[0] not in WAYS:
        strange = next((way for way in ways if way not in WAYS), "")
        told = f"there is no comparison `{strange}`; " if strange else ""
        return [*faults, (path, f"{told}a condition has one comparison: {', '.join(WAYS)}")]
    way, value = ways[0], spec[ways[0]]
    if said := _value_fault(way, value):
        faults.append(((*path, way), said))
    return faults


def _value_fault(way: str, value: JSON) -> str:
    if way == "is_empty":
        return "" if isinstance(value, bool) else "`is_empty` must be true or false"
    if way in LISTED:
        if not isinstance(value, list) or not value or not all(map(_is_plain, value)):
            return f"`{way}` must be a list of texts or numbers, at least one"
        if len(value) > MOST_LISTED:
            return f"`{way}` takes at most {MOST_LISTED:,} values; longer lists are for a suppression list"
        return ""
    if not _is_plain(value):
        return f"`{way}` needs a value, of at most {LONGEST} signs"
    try:
        if way in NUMBERS:
            number(value)
        elif way in TIMES:
            _bound(value)
    except Unreadable:
        form = "no number; write it like 5 or 2.5"
        if way in TIMES:
            form = "no date; write it like 2026-01-31, or 2026-01-31T12:00:00Z"
        return f"“{str(value)[:_SHOWN]}” is {form}"
    return ""


def _is_plain(value: JSON) -> bool:
    if isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        return not is_empty(value) and abs(value) < 10**300
    return isinstance(value, str) and bool(value.strip()) and len(value) <= LONGEST


# Compiling


def compile_conditions(tree: Mapping[str, Any], zone: tzinfo) -> Test:
    """Checked conditions as one function over a chunk. Times without a zone are in `zone`."""
    tests = [
        compile_conditions(item, zone) if is_group(item) else _compile_one(item, zone)
        for item in _items(tree)
    ]
    if len(tests) == 1:
        return tests[0]
    join = _all if "all" in tree else _any
    return lambda chunk: join([test(chunk) for test in tests])


def _items(tree: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = tree["all"] if "all" in tree else tree["any"]
    return found


def _all(answers: list[Answer]) -> Answer:
    """A plain no decides; else what is unsure stays so."""
    yes = list(map(all, zip(*(answer.yes for answer in answers), strict=True)))
    unsure: dict[int, str] = {}
    for answer in answers:
        for at, why in answer.unsure.items():
            if all(other.yes[at] or at in other.unsure for other in answers):
                unsure.setdefault(at, why)
    return Answer(yes, unsure)


def _any(answers: list[Answer]) -> Answer:
    """A plain yes decides; else what is unsure stays so."""
    yes = list(map(any, zip(*(answer.yes for answer in answers), strict=True)))
    unsure: dict[int, str] = {}
    for answer in answers:
        for at, why in answer.unsure.items():
            if not yes[at]:
                unsure.setdefault(at, why)
    return Answer(yes, unsure)


def _compile_one(spec: Mapping[str, Any], zone: tzinfo) -> Test:
    look = look_of(spec)
    way = next(key for key in spec if key not in (COLUMN, FIELD))
    value = spec[way]
    if way == "is_empty":
        return lambda chunk: Answer([is_empty(cell) is value for cell in chunk.cells(look)])
    if way in NUMBERS:
        limit = number(value)
        return _compared(look, number, limit, greater=way == "greater_than")
    if way in TIMES:
        bound = _bound(value)
        if not isinstance(bound, datetime):
            return _compared(look, lambda cell: day(cell, zone), bound, greater=way == "after")
        return _compared(look, lambda cell: moment(cell, zone), moment(bound, zone), greater=way == "after")
    wanted = frozenset(map(folded, value if way in LISTED else [value]))
    text = next(iter(wanted))
    tests: dict[str, Callable[[str], bool]] = {
        "is": lambda cell: cell in wanted,
        "in": lambda cell: cell in wanted,
        "is_not": lambda cell: cell not in wanted,
        "not_in": lambda cell: cell not in wanted,
        "contains": lambda cell: text in cell,
        "does_not_contain": lambda cell: text not in cell,
        "starts_with": lambda cell: cell.startswith(text),
        "ends_with": lambda cell: cell.endswith(text),
    }
    test = tests[way]
    return lambda chunk: Answer(list(map(test, chunk.texts(look))))


def _bound(value: JSON) -> date | datetime:
    """The day or the time that a text names; a day where it says no time."""
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise Unreadable("no date") from None


def _compared(look: Look, read: Callable[[Any], Any], limit: Any, *, greater: bool) -> Test:
    def test(chunk: Chunk) -> Answer:
        yes: list[bool] = []
        unsure: dict[int, str] = {}
        for at, cell in enumerate(chunk.cells(look)):
            try:
                found = read(cell)
                yes.append(found is not None and bool(found > limit if greater else found < limit))
            except Unreadable as problem:
                yes.append(False)
                unsure[at] = f"{look.name} is {_shown(cell)}, which is {problem}"
            except Exception:  # a value of a type nobody foresaw, that only looks like a number or a date
                yes.append(False)
                unsure[at] = f"{look.name} is {_shown(cell)}, which cannot be compared"
        return Answer(yes, unsure)

    return test


def _shown(value: object) -> str:
    text = str(jsonable(value))
    return f"“{text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}”"
