"""The transformation that looks values up in a table. Pure; see `step_texts` for what all promise."""

from datetime import tzinfo
from types import NoneType
from typing import Any

from destinations.contract import JSON
from syncs.engine.plain import Misfit, canonical, canonical_column
from syncs.engine.step_texts import Chain, Column

ATTENTION = "attention"
UNLISTED = "is not in the table of the value map. Add it there, or correct it at the source."


def make_map(spec: dict[str, JSON], zone: tzinfo) -> Chain:
    """What the table lists; else the `else`, else an error of the row if `unlisted` says so, else itself."""
    table = {canonical(key) or "": value for key, value in spec["map"].items()}
    found = table.get
    has_else = "else" in spec
    other = spec.get("else")
    is_strict = spec.get("unlisted") == ATTENTION

    def mapped(value: Any, text: str | None) -> Any:
        text = value if isinstance(value, str) else text
        if isinstance(value, Misfit):
            return value
        if text in table:
            return table[text]
        if is_strict and text and not text.isspace():
            return Misfit(value, "unlisted", UNLISTED)
        return other if has_else and text and not text.isspace() else value

    def step(values: Column) -> Column:
        if is_strict or not set(map(type, values)) <= {str, NoneType}:
            return list(map(mapped, values, canonical_column(values)))
        if not has_else:
            return list(map(found, values, values))
        return [found(v, other) if v and not v.isspace() else found(v, v) for v in values]

    return step


def map_faults(spec: dict[str, JSON]) -> list[str]:
    table = spec["map"]
    if not isinstance(table, dict) or not table:
        return ['A map needs at least one pair of values. Write {"map": {"old": "new"}}.']
    faults: list[str] = []
    texts: set[str] = set()
    for key, value in table.items():
        if key is None or isinstance(key, bool):
            read = "null" if key is None else str(key).lower()
            faults.append(
                f"The map lists {read} without quotes, which is also how YAML reads yes, no, on, off and ~. "
                "Put the value in quotes, as it is written in the data."
            )
            continue
        text = canonical(key) or ""
        if text in texts:
            faults.append(f'The map lists "{text}" twice.')
        texts.add(text)
        if not is_scalar(value):
            faults.append(f'What the map has for "{text}" must be a text, a number, true, false or null.')
    if not is_scalar(spec.get("else")):
        faults.append('The "else" must be a text, a number, true, false or null.')
    if "unlisted" in spec and spec["unlisted"] != ATTENTION:
        faults.append('The "unlisted" of a map can only be "attention": such a row needs attention.')
    elif "unlisted" in spec and "else" in spec:
        faults.append('A map has an "else" or an "unlisted", not both.')
    return faults


def is_scalar(value: JSON) -> bool:
    return value is None or isinstance(value, str | int | float)
