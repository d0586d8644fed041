"""Conditions in the words of people. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from destinations.contract import JSON

_LISTED = 5
WORDS = {
    "is": "is",
    "is_not": "is not",
    "contains": "contains",
    "does_not_contain": "does not contain",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "in": "is one of",
    "not_in": "is none of",
    "is_empty": "is empty",
    "greater_than": "is greater than",
    "less_than": "is less than",
    "before": "is before",
    "after": "is after",
}


def conditions_told(tree: Mapping[str, Any], *, inner: bool = False) -> str:
    """Checked conditions as they go on after “rows where”."""
    kind = "all" if "all" in tree else "any"
    parts = [
        conditions_told(item, inner=True) if "all" in item or "any" in item else condition_told(item)
        for item in tree[kind]
    ]
    text = f" {'and' if kind == 'all' else 'or'} ".join(parts)
    return f"({text})" if inner and len(parts) > 1 else text


def condition_told(spec: Mapping[str, Any]) -> str:
    """One checked condition: `country is DE`."""
    name = spec["column"] if "column" in spec else spec["field"]
    way = next(key for key in spec if key not in ("column", "field"))
    value = spec[way]
    if way == "is_empty":
        return f"{name} is {'' if value else 'not '}empty"
    shown = listed(map(_plain, value)) if isinstance(value, list) else _plain(value)
    return f"{name} {WORDS[way]} {shown}"


def listed(words: Iterable[str], *, most: int = _LISTED) -> str:
    """Words as a sentence has them, the first few of many: `a, b and 3 more`."""
    every = list(words)
    shown, rest = every[:most], len(every) - most
    if rest > 0:
        return f"{', '.join(shown)} and {rest:,} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def _plain(value: JSON) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
