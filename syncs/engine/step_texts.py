"""Transformations of texts and lists: case, replacing, regular expressions, splitting, joining. Pure.

Each makes a function from column to column of what its spec says. It never raises, keeps length and order,
never changes the list given, and may give it back. What is no text stays as it is.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import tzinfo
from typing import Any, TypeAlias

from destinations.contract import JSON
from syncs.engine.patience import GIVEN_UP, Share
from syncs.engine.patterns import Pattern, Replacement, TooCostly
from syncs.engine.plain import Misfit, Unfit, plain_text

Column: TypeAlias = list[Any]
Chain: TypeAlias = Callable[[Column], Column]

_FIRST_LETTER = re.compile(r"[^\W\d_]")
_SENTENCE_END = re.compile(r"[.!?]\s+[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_TOO_COSTLY = Misfit(None, "too_costly", "is too long for the regular expression to be tried in time.")


def _capital(word: str) -> str:
    """Titlecase of the first letter only: "ß" is "Ss", as Unicode has it."""
    return word[:1].title() + word[1:].lower()


def title(text: str) -> str:
    """`o'neil SMITH-jones` → `O'neil Smith-Jones`: the letter after an apostrophe stays small."""
    return _WORD.sub(lambda found: _capital(found[0]), text)


def sentence(text: str) -> str:
    """Small letters, but for the first one of each sentence."""
    text = _FIRST_LETTER.sub(lambda found: found[0].title(), text.lower(), count=1)
    return _SENTENCE_END.sub(lambda found: found[0][:-1] + found[0][-1].title(), text)


TEXT_STEPS: dict[str, Callable[[str], str]] = {
    "trim": str.strip,
    "lower": str.lower,
    "upper": str.upper,
    "title": title,
    "sentence": sentence,
}


def text_step(functions: Sequence[Callable[[str], str]]) -> Chain:
    """Text functions in a row, as one pass over the column where it holds nothing but text."""

    def step(values: Column) -> Column:
        try:
            cells = iter(values)
            for function in functions:
                cells = map(function, cells)
            return list(cells)
        except (TypeError, AttributeError):  # these functions take text alone
            pass
        if functions == [str.strip, str.lower]:  # what most chains are
            return [value.strip().lower() if isinstance(value, str) else value for value in values]
        for function in functions:
            values = [function(value) if isinstance(value, str) else value for value in values]
        return values

    return step


def per_text(function: Callable[[str], Any]) -> Chain:
    """Each different text of a column once: what is not cheap need not be done twice."""

    def step(values: Column) -> Column:
        known: dict[str, Any] = {}
        out = []
        for value in values:
            if not isinstance(value, str):
                out.append(value)
                continue
            if value not in known:
                try:
                    known[value] = function(value)
                except Unfit as unfit:
                    known[value] = Misfit(value, unfit.code, unfit.says)
            out.append(known[value])
        return out

    return step


def make_replace(spec: dict[str, JSON], zone: tzinfo) -> Chain:
    old, new = spec["replace"]

    def step(values: Column) -> Column:
        with suppress(Exception):  # not all is text, and what is not may raise anything
            if old not in "".join(filter(None, values)):
                return values
        return [value.replace(old, new) if isinstance(value, str) else value for value in values]

    return step


def per_slow_text(function: Callable[[str], Any], share: Share) -> Chain:
    """As `per_text`, for what may be slow: with no patience left, texts are not tried."""

    def tried(text: str) -> Any:
        if share.is_over:
            raise Unfit("too_costly", f"was not tried: {GIVEN_UP}")
        try:
            return function(text)
        except TooCostly:
            raise Unfit(_TOO_COSTLY.code, _TOO_COSTLY.says) from None
        finally:
            share.tick()

    each = per_text(tried)

    def step(values: Column) -> Column:
        with share:
            return each(values)

    return step


def make_extract(spec: dict[str, JSON], zone: tzinfo, share: Share) -> Chain:
    """What the pattern finds: the group that was asked for, else the first one, else all of it."""
    pattern = Pattern(spec["extract"])
    group = spec.get("group", 1 if pattern.groups else 0)
    group = pattern.names[group] if isinstance(group, str) else group

    def extract(text: str) -> str | None:
        found = pattern.search(text)
        return found.groups[group] if found else None

    return per_slow_text(extract, share)


def make_replace_pattern(spec: dict[str, JSON], zone: tzinfo, share: Share) -> Chain:
    pattern = Pattern(spec["replace_pattern"][0])
    replacement = Replacement(spec["replace_pattern"][1], pattern)

    def replace(text: str) -> str:
        parts, end = [], 0
        for found in pattern.matches(text):
            parts += [text[end : found.start], replacement.fill(found)]
            end = found.end
        return "".join((*parts, text[end:])) if parts else text

    return per_slow_text(replace, share)


def make_split(spec: dict[str, JSON], zone: tzinfo) -> Chain:
    """The parts of a text as a list, or the one that was asked for: 1 is the first, -1 the last."""
    glue, item = spec["split"], spec.get("item")

    def split(text: str) -> Any:
        parts = [part.strip() for part in text.split(glue)]
        if item is None:
            return parts
        at = item - 1 if item > 0 else item
        return parts[at] if -len(parts) <= at < len(parts) else None

    if item is not None:
        return per_text(split)
    return lambda values: [split(value) if isinstance(value, str) else value for value in values]


def make_join(spec: dict[str, JSON], zone: tzinfo) -> Chain:
    """A list as one text, without its empty items."""
    glue = spec["join"]

    def joined(value: list[Any] | tuple[Any, ...]) -> Any:
        try:
            return glue.join(text for item in value if (text := plain_text(item, zone)) is not None)
        except Unfit as unfit:
            return Misfit(value, unfit.code, f"cannot be joined: an item {unfit.says}")
        except Exception:  # a type nobody foresaw may raise anything
            return Misfit(value, "unreadable", "cannot be joined. Cast it in the model's SQL.")

    return lambda values: [joined(value) if isinstance(value, list | tuple) else value for value in values]


# What is wrong with a spec: a list of sentences


def pair_faults(spec: dict[str, JSON]) -> list[str]:
    pair = spec["replace"]
    if not _are_texts(pair):
        return [
            "A replace needs two texts, in quotes if they look like numbers. "
            'Write {"replace": ["old", "new"]}.'
        ]
    return [] if pair[0] else ["A replace needs a text to look for; an empty one is everywhere."]


def extract_faults(spec: dict[str, JSON]) -> list[str]:
    text, group = spec["extract"], spec.get("group", 0)
    if not isinstance(text, str) or not text:
        return ['An extract needs a regular expression, in quotes. Write {"extract": "[0-9]+"}.']
    try:
        pattern = Pattern(text)
    except ValueError as error:
        return [str(error)]
    is_known = group in pattern.names if isinstance(group, str) else _is_whole(group, 0, pattern.groups)
    return [] if is_known else [f'The regular expression has no group "{group}".']


def replace_pattern_faults(spec: dict[str, JSON]) -> list[str]:
    pair = spec["replace_pattern"]
    if not _are_texts(pair) or not pair[0]:
        return [
            "A replace_pattern needs a regular expression and a text. "
            'Write {"replace_pattern": ["[^0-9]+", ""]}.'
        ]
    try:
        pattern = Pattern(pair[0])
        Replacement(pair[1], pattern)
    except ValueError as error:
        return [str(error)]
    if pattern.may_be_empty:
        return ["The regular expression may match nothing, which is everywhere. Write + instead of *."]
    return []


def split_faults(spec: dict[str, JSON]) -> list[str]:
    if not isinstance(spec["split"], str) or not spec["split"]:
        return ['A split needs the text between the parts, in quotes. Write {"split": ",", "item": 1}.']
    if "item" in spec and (not _is_whole(spec["item"], -1_000, 1_000) or spec["item"] == 0):
        return ["The item of a split is a whole number: 1 is the first part, -1 the last."]
    return []


def join_faults(spec: dict[str, JSON]) -> list[str]:
    return [] if isinstance(spec["join"], str) else ['A join needs the text between. Write {"join": ", "}.']


def _are_texts(pair: JSON) -> bool:
    return isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(one, str) for one in pair)


def _is_whole(number: JSON, least: int, most: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and least <= number <= most
