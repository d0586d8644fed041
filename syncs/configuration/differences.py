"""What changes between two states, in words: one line a change, before → after. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

import orjson

from destinations.contract import JSON
from syncs.configuration.checks import DEFAULT, LEAVE, Filling

LONGEST = 100
NOTHING = "nothing"

_SORTED = orjson.OPT_SORT_KEYS


def differences(before: Mapping[str, JSON], after: Mapping[str, JSON]) -> Iterator[str]:
    """`key: before → after` for each key whose values differ. None stands for nothing."""
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if same(old, new):
            continue
        shown, wanted = told(old), told(new)
        fits = len(shown) <= LONGEST and len(wanted) <= LONGEST and "\n" not in shown + wanted
        yield f"{key}: {shown} → {wanted}" if fits else f"{key}: changed"


def same(one: JSON, other: JSON) -> bool:
    """Equality as JSON has it: true is not 1."""
    return bool(one == other) and orjson.dumps(one, option=_SORTED) == orjson.dumps(other, option=_SORTED)


def same_fillings(before: Sequence[Filling], after: Sequence[Filling]) -> bool:
    """Whether two mappings mean the same, whatever the order of their fields."""
    return not list(mapping_differences(before, after))


def mapping_differences(before: Sequence[Filling], after: Sequence[Filling]) -> Iterator[str]:
    """One line for each field that another thing fills."""
    old = {filling.field: filling for filling in before}
    new = {filling.field: filling for filling in after}
    for field in dict.fromkeys((*old, *new)):
        was, shall = old.get(field), new.get(field)
        if _json(asdict(was) if was else None) != _json(asdict(shall) if shall else None):
            yield f"mapping: {field}: {filled(was)} → {filled(shall)}"


def filled(filling: Filling | None) -> str:
    """What fills a field, for people."""
    if filling is None:
        return NOTHING
    if filling.is_fixed:
        return f"the value {_json(filling.value)}"
    if filling.variable is not None:
        return f"the run variable {filling.variable}"
    if filling.template is not None:
        parts = [f"the template {_json(filling.template)}"]
    elif filling.first_of:
        parts = [f"the first of {', '.join(filling.first_of)}"]
    else:
        parts = [filling.column or ""]
    if filling.steps:
        parts.append(f"steps {_json(list(filling.steps))}")
    if filling.empty == DEFAULT:
        parts.append(f"empty: default {_json(filling.default)}")
    elif filling.empty != LEAVE:
        parts.append(f"empty: {filling.empty}")
    return ", ".join(parts)


def told(value: JSON) -> str:
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else _json(value)


def _json(value: JSON) -> str:
    return orjson.dumps(value, option=_SORTED).decode()
