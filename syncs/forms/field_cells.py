"""A value as a table shows it: whatever it holds, it is safe, short, and nothing of it is invisible. Pure."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import orjson

from destinations.contract import JSON
from syncs.engine.plain import Misfit, canonical, is_empty, jsonable

LONGEST = 80
_JOINERS = "\u200c\u200d"  # within emojis, and in scripts that need them
_LAST_LATIN = 0x2FF
_SEEN = {"\n": "↵", "\r": "↵", "\t": "⇥", "\u00a0": "⍽"}


@dataclass(frozen=True, slots=True)
class Cell:
    """`text` is what is shown; `before` and `after` stand for blanks around it, a sign each.

    `note` says what the text cannot: that there is nothing, how long it is, what it is if it is no text.
    `wrong` is why a step could not read it. `is_same`: a step left it as it was.
    """

    text: str = ""
    before: str = ""
    after: str = ""
    note: str = ""
    wrong: str = ""
    is_same: bool = False


def cell_of(value: Any, previous: Any = None, *, has_previous: bool = False) -> Cell:
    """The value's cell, beside the value from which a step made it."""
    if isinstance(value, Misfit):
        if has_previous and isinstance(previous, Misfit):
            return Cell(note="–", is_same=True)
        return Cell(note="cannot be read", wrong=value.says)
    is_same = has_previous and _is_same(value, previous)
    if is_empty(value):
        return Cell(note=_nothing(value), is_same=is_same)
    if isinstance(value, str):
        text = str.__str__(value)
        inner = text.strip()
        start = text.index(inner)
        end = len(text) - start - len(inner)
        shown, note = _cut(inner)
        return Cell(shown, "␣" * min(start, 5), "␣" * min(end, 5), note, is_same=is_same)
    shown, note = _cut(_plain(value))
    return Cell(shown, note=note or _type(value), is_same=is_same)


def sent_text(value: JSON) -> tuple[str, str]:
    """What is sent, as JSON writes it, and a note where it is cut."""
    if isinstance(value, str):
        shown, note = _cut(value)
        return f'"{shown}"', note
    return _cut(orjson.dumps(value).decode())


def _is_same(value: Any, previous: Any) -> bool:
    try:
        return type(value) is type(previous) and bool(value == previous)
    except Exception:  # a type nobody foresaw may raise anything
        return value is previous


def _nothing(value: Any) -> str:
    if isinstance(value, str) and value:
        return "blanks only"
    return "empty text" if isinstance(value, str) else "empty"


def _type(value: Any) -> str:
    """What it is, where that cannot be seen."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, list | tuple):
        return "list"
    if isinstance(value, dict):
        return "structure"
    return ""


def _plain(value: Any) -> str:
    readable = jsonable(value)
    if isinstance(readable, list | dict):
        return orjson.dumps(readable).decode()
    return readable if isinstance(readable, str) else canonical(readable) or ""


def _cut(text: str) -> tuple[str, str]:
    """The beginning of a long text, and how long it is. Signs that cannot be seen are written as escapes."""
    note = f"{len(text):,} signs" if len(text) > LONGEST else ""
    kept = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return "".join(_visible(sign, before) for before, sign in pairwise(f" {kept}")), note


def _visible(sign: str, before: str) -> str:
    if sign in _SEEN:
        return _SEEN[sign]
    if sign in _JOINERS and ord(before) > _LAST_LATIN:
        return sign
    return sign if sign.isprintable() else sign.encode("unicode_escape").decode()
