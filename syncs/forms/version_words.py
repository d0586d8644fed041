"""What changed from one version of a sync to the next, field by field, in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from destinations.contract import JSON
from syncs import schedule
from syncs.configuration import guards
from syncs.configuration.checks import Filling
from syncs.configuration.definition import fillings_in, meaning
from syncs.configuration.differences import LONGEST, same, told
from syncs.configuration.guard_reading import Guard
from syncs.forms.field_maps import pairs_of, shown
from syncs.forms.field_words import quoted, steps_told
from syncs.forms.sync_words import EMPTY, MODES, mode_of

SETTINGS = {
    "name": "Name",
    "model": "Model",
    "connection": "Destination",
    "object": "Object",
    "mode": "Mode",
    "upsert_key": "Records are known by",
    "keep_records": "Values last sent",
    "schedule": "Schedule",
    "guards": "Guards",
    "brakes": "Brakes",
}
ELSEWHERE = ("schedule", "guards", "brakes")  # have pages of their own: a draft does not hold them
MOST_PAIRS = 3  # of a value map, told one by one

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one field (`field` is its key) or of one setting. `lines` have no full stop."""

    what: str
    subject: str
    lines: tuple[str, ...]
    field: str = ""
    setting: str = ""


@dataclass(frozen=True, slots=True)
class Saved:
    """A version: its definition, and the public ids of its model and connection."""

    definition: Mapping[str, Any]
    refs: Mapping[str, str]


def changes(before: Saved | None, after: Saved, labels: Mapping[str, str]) -> list[Change]:
    """What is other than before: settings first, then fields in their order. `labels` name the fields."""
    if before is None:
        return []
    return [*_settings(before, after), *_fields(before.definition, after.definition, labels)]


def source_told(one: Filling) -> str:
    """What fills a field, before its steps."""
    if one.variable is not None:
        return f"the run variable {one.variable}"
    if one.template is not None:
        return f"the template {quoted(one.template)}"
    if one.first_of:
        return f"the first of {', '.join(one.first_of)} that is not empty"
    return f"column {one.column}" if one.column is not None else f"the fixed value {quoted(shown(one.value))}"


def _settings(before: Saved, after: Saved) -> Iterator[Change]:
    old, new = meaning(before.definition, before.refs), meaning(after.definition, after.refs)
    for key in dict.fromkeys((*SETTINGS, *old, *new)):
        if key == "mapping" or same(old.get(key), new.get(key)):
            continue
        was, shall = before.definition.get(key), after.definition.get(key)
        subject = SETTINGS.get(key, key.replace("_", " ").capitalize())
        yield Change(CHANGED, subject, tuple(_setting(key, was, shall)), setting=key)


def _setting(key: str, was: JSON, shall: JSON) -> Iterator[str]:
    if key == "keep_records":
        yield "are remembered again" if shall is None else "are no longer kept"
    elif key == "mode":
        yield f"{_mode(shall)} instead of {_mode(was)}"
    elif key == "guards":
        yield from _guards(was or (), shall or ())
    elif key == "brakes":
        yield f"{_brakes(shall)} instead of {_brakes(was)}"
    elif key == "schedule":
        yield f"{_schedule(shall)} instead of {_schedule(was)}"
    elif isinstance(was, dict | None) and isinstance(shall, dict | None):
        for name in dict.fromkeys((*(was or {}), *(shall or {}))):
            old, new = (was or {}).get(name), (shall or {}).get(name)
            if not same(old, new):
                yield f"{name.replace('_', ' ')}: {_brief(new)} instead of {_brief(old)}"
    elif was == shall:  # another one of the same name
        yield f"another {key} of the name {_brief(shall)}"
    else:
        yield f"{_brief(shall)} instead of {_brief(was)}"


def _mode(value: JSON) -> str:
    mode = mode_of(str(value))
    return f"“{MODES[mode][0]}”" if mode is not None else _brief(value)


def _guards(was: Sequence[Guard], shall: Sequence[Guard]) -> list[str]:
    try:
        return [line.removeprefix("guards: ") for line in guards.differences(was, shall)]
    except LookupError:  # of another version of Syncadmin
        return ["changed"]


def _brakes(value: JSON) -> str:
    if value is False:
        return "all are off"
    return f"with limits of its own ({_brief(value)})" if value else "as by default"


def _schedule(value: JSON) -> str:
    if not isinstance(value, dict):
        return "by hand alone"
    try:
        return str(schedule.read(value))
    except schedule.ScheduleWrong:  # of another version of Syncadmin
        return _brief(value)


def _brief(value: JSON) -> str:
    text = told(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _fields(
    before: Mapping[str, Any], after: Mapping[str, Any], labels: Mapping[str, str]
) -> Iterator[Change]:
    old = {one.field: one for one in fillings_in(before)}
    new = {one.field: one for one in fillings_in(after)}
    for key in dict.fromkeys((*new, *old)):
        was, shall = old.get(key), new.get(key)
        subject = labels.get(key, key)
        if was is None and shall is not None:
            yield Change(ADDED, subject, tuple(_whole(shall)), key)
        elif shall is None and was is not None:
            yield Change(REMOVED, subject, (f"was filled by {source_told(was)}",), key)
        elif was is not None and shall is not None and (lines := tuple(_field(was, shall))):
            yield Change(CHANGED, subject, lines, key)


def _whole(one: Filling) -> Iterator[str]:
    yield f"filled by {source_told(one)}"
    yield from (step for step in steps_told(one.steps))
    if one.empty != "leave":
        yield f"if it is empty: {_empty(one)}"


def _field(was: Filling, shall: Filling) -> Iterator[str]:
    if (
        source_told(was) != source_told(shall)
        or not same(was.value, shall.value)
        or was.template != shall.template
    ):
        if was.template is not None and shall.template is not None:
            yield f"the template is {quoted(shall.template)} instead of {quoted(was.template)}"
        else:
            yield f"now from {source_told(shall)} instead of {source_told(was)}"
    if not same(list(was.steps), list(shall.steps)):
        yield from _steps(was.steps, shall.steps)
    if was.empty != shall.empty or not same(was.default, shall.default):
        yield f"if it is empty: {_empty(shall)} instead of {_empty(was)}"


def _empty(one: Filling) -> str:
    words = {policy.value: words for policy, words in EMPTY.items()}
    text = f"“{words.get(one.empty, one.empty)}”"
    return f"{text}, {quoted(shown(one.default))}" if one.empty == "default" else text


def _steps(was: Sequence[JSON], shall: Sequence[JSON]) -> Iterator[str]:
    """One line for each step that is new, gone or other; the order is told where that alone changed."""
    if len(was) == len(shall):
        pairs = [(old, new) for old, new in zip(was, shall, strict=True) if not same(old, new)]
        if len(pairs) == 1:
            yield from _step(*pairs[0])
            return
    rest = list(was)
    fresh = []
    for step in shall:
        at = next((at for at, old in enumerate(rest) if same(old, step)), None)
        if at is None:
            fresh.append(step)
        else:
            rest.pop(at)
    for line in steps_told(fresh):
        yield f"new step: {line}"
    for line in steps_told(rest):
        yield f"step taken out: {line}"
    if not fresh and not rest:
        yield f"the steps come in another order: {'; '.join(steps_told(shall))}"


def _step(old: JSON, new: JSON) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict) and "map" in old and "map" in new:
        lines = list(_pairs(dict(pairs_of(old)), dict(pairs_of(new))))
        if lines and all(same(old.get(key), new.get(key)) for key in (old | new).keys() - {"map"}):
            yield from lines[:MOST_PAIRS]
            if len(lines) > MOST_PAIRS:
                yield f"{len(lines) - MOST_PAIRS:,} more values are mapped otherwise"
            return
    (was,), (shall,) = steps_told([old]), steps_told([new])
    yield f"step: {shall}, instead of: {was}" if was != shall else f"step changed: {shall}"


def _pairs(old: Mapping[str, JSON], new: Mapping[str, JSON]) -> Iterator[str]:
    for key in dict.fromkeys((*new, *old)):
        if key not in new:
            yield f"the value {quoted(key)} is mapped no more"
        elif key not in old:
            yield f"the value {quoted(key)} is mapped to {_to(new[key])}"
        elif not same(old[key], new[key]):
            yield f"the value {quoted(key)} is mapped to {_to(new[key])} instead of {_to(old[key])}"


def _to(value: JSON) -> str:
    return quoted(shown(value)) if shown(value) else "empty"
