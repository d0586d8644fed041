"""The chain of transformations of a mapped column, checked and compiled once. Pure and total.

A chain is a list, as in YAML and JSON: `["trim", "lower", {"map": {"a": "b"}, "else": null}, {"replace":
["old", "new"]}]`. Text steps leave what is not text untouched. A map looks up the plain text of any value
("42" for the number); what it does not list stays, or becomes the `else`. An empty value stays empty, but
for the text "" where the map lists it.
"""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from itertools import groupby
from types import NoneType
from typing import Any, TypeAlias

from destinations.contract import JSON
from syncs.engine.plain import canonical, canonical_column

Column: TypeAlias = list[Any]
Chain: TypeAlias = Callable[[Column], Column]

_TEXT_STEPS: dict[str, Callable[[str], str]] = {"trim": str.strip, "lower": str.lower, "upper": str.upper}
_NAMES = (*_TEXT_STEPS, "replace", "map")
_KNOWN = "trim, lower, upper, replace and map"
_WRITE = {
    "map": 'Write {"map": {"old": "new"}}.',
    "replace": 'Write {"replace": ["old", "new"]}.',
}


def check_steps(specs: JSON) -> list[str]:
    """What is wrong with a chain, a sentence each; an empty list if it can be compiled."""
    if not isinstance(specs, list | tuple):
        return ['The steps must be a list, such as ["trim", "lower"].']
    return [f"Step {number}: {fault}" for number, spec in enumerate(specs, 1) for fault in _faults(spec)]


def compile_steps(specs: Sequence[JSON]) -> Chain:
    """The chain as one function from column to column: never raises, keeps length and order.

    The list given is never changed; it may be the one given back. ValueError with the first
    sentence of `check_steps` if the chain is wrong.
    """
    for fault in check_steps(specs):
        raise ValueError(fault)
    steps: list[Chain] = []
    for is_name, group in groupby(specs, key=lambda spec: isinstance(spec, str)):
        if is_name:
            steps.append(_text_step([_TEXT_STEPS[name] for name in group]))
        else:
            steps += [_replace(*spec["replace"]) if "replace" in spec else _value_map(spec) for spec in group]

    def chain(values: Column) -> Column:
        for step in steps:
            values = step(values)
        return values

    return chain


def _text_step(functions: Sequence[Callable[[str], str]]) -> Chain:
    """Text functions in a row, as one pass over the column where it holds nothing but text."""

    def step(values: Column) -> Column:
        try:
            cells = iter(values)
            for function in functions:
                cells = map(function, cells)
            return list(cells)
        except TypeError:  # these functions take text alone
            pass
        if functions == [str.strip, str.lower]:  # what most chains are
            return [value.strip().lower() if isinstance(value, str) else value for value in values]
        for function in functions:
            values = [function(value) if isinstance(value, str) else value for value in values]
        return values

    return step


def _replace(old: str, new: str) -> Chain:
    def step(values: Column) -> Column:
        try:
            if old not in "".join(filter(None, values)):
                return values
        except TypeError:  # not all is text
            pass
        return [value.replace(old, new) if isinstance(value, str) else value for value in values]

    return step


def _value_map(spec: dict[str, JSON]) -> Chain:
    table = {canonical(key) or "": value for key, value in spec["map"].items()}
    found = table.get
    has_else = "else" in spec
    other = spec.get("else")

    def mapped(value: Any, text: str | None) -> JSON:
        text = value if isinstance(value, str) else text
        if text in table:
            return table[text]
        return other if has_else and text and not text.isspace() else value

    def step(values: Column) -> Column:
        if not set(map(type, values)) <= {str, NoneType}:
            return list(map(mapped, values, canonical_column(values)))
        if not has_else:
            return list(map(found, values, values))
        return [found(v, other) if v and not v.isspace() else found(v, v) for v in values]

    return step


def _faults(spec: JSON) -> list[str]:
    """What is wrong with one step."""
    if isinstance(spec, str):
        if spec in _TEXT_STEPS:
            return []
        return [f'"{spec}" needs its values. {_WRITE[spec]}' if spec in _WRITE else _unknown(spec)]
    if not isinstance(spec, dict):
        return [f"A step is a name or an object with one. The steps are {_KNOWN}."]
    verbs = [key for key in spec if key != "else"]
    if len(verbs) != 1:
        return [f"An object holds exactly one step ({_KNOWN}), and a map may have an else."]
    verb = verbs[0]
    if verb in _TEXT_STEPS:
        return [f'"{verb}" takes no values: write its name alone.']
    if verb not in _WRITE:
        return [_unknown(verb)]
    faults = _map_faults(spec["map"]) if verb == "map" else _replace_faults(spec["replace"])
    if "else" in spec:
        if verb != "map":
            faults.append('Only a map has an "else".')
        elif not _is_scalar(spec["else"]):
            faults.append('The "else" must be a text, a number, true, false or null.')
    return faults


def _unknown(name: object) -> str:
    near = get_close_matches(str(name).strip().lower(), _NAMES, n=1)
    hint = f'Did you mean "{near[0]}"? ' if near else ""
    return f'There is no step "{name}". {hint}The steps are {_KNOWN}.'


def _replace_faults(pair: JSON) -> list[str]:
    if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(p, str) for p in pair):
        return [f"A replace needs two texts, in quotes if they look like numbers. {_WRITE['replace']}"]
    return [] if pair[0] else ["A replace needs a text to look for; an empty one is everywhere."]


def _map_faults(table: JSON) -> list[str]:
    if not isinstance(table, dict) or not table:
        return [f"A map needs at least one pair of values. {_WRITE['map']}"]
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
        if not _is_scalar(value):
            faults.append(f'What the map has for "{text}" must be a text, a number, true, false or null.')
    return faults


def _is_scalar(value: JSON) -> bool:
    return value is None or isinstance(value, str | int | float)
