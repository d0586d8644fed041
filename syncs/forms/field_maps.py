"""A value map as a form: a table of pairs, lines from a spreadsheet, and what becomes of the rest. Pure.

In a draft the pairs may be a list where they cannot be a map: when a value is listed twice. Long maps are one
box of lines, a value and what it becomes with a tab between.
"""

import re
from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches

import orjson

from destinations.contract import JSON, Option

Typed = dict[str, str]
Spec = dict[str, JSON]
Pairs = list[tuple[str, JSON]]

MOST_IN_TABLE = 100  # pairs; more are lines in a box
BLANK_PAIRS = 3
MOST_LISTED = 50  # values of the samples that are put in at once
KEEP, ELSE, ATTENTION = "keep", "else", "attention"
REST = (
    (KEEP, "stays as it is"),
    (ELSE, "becomes the value below"),
    (ATTENTION, "needs attention: its row is not sent"),
)
# name, label, kind, help, must, choices: see `field_steps.Input`
MAP_INPUTS: tuple[tuple[str, str, str, str, str, tuple[tuple[str, str], ...]], ...] = (
    ("rest", "A value that is not listed", "choice", "", "", REST),
    ("other", "It becomes", "line", "Empty: it becomes empty.", "", ()),
)
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_ESCAPED = re.compile(r"\\(.)")


def pairs_of(spec: JSON) -> Pairs:
    """The pairs of a map, in order."""
    table = spec.get("map") if isinstance(spec, dict) else None
    if isinstance(table, dict):
        return [(str(key), value) for key, value in table.items()]
    listed = table if isinstance(table, list) else []
    return [(str(one[0]), one[1]) for one in listed if isinstance(one, list | tuple) and len(one) == 2]


def shown(value: JSON) -> str:
    """What a value becomes, as it stands in its input."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def map_typed(spec: Spec) -> Typed:
    pairs = pairs_of(spec)
    rest = ATTENTION if spec.get("unlisted") == ATTENTION else ELSE if "else" in spec else KEEP
    typed = {"rest": rest, "other": shown(spec.get("else"))}
    if len(pairs) > MOST_IN_TABLE:
        return typed | {"lines": to_lines(pairs)}
    for at, (old, new) in enumerate(pairs):
        typed |= {f"old-{at}": old, f"new-{at}": shown(new)}
    return typed


def map_spec(typed: Typed, was: JSON = None) -> JSON:
    """The spec of what was typed. A value that reads as it did in `was` keeps its type."""
    before = {(_as_sent(old), _as_sent(shown(new))): (old, new) for old, new in pairs_of(was)}
    found = [
        (typed.get(f"old-{at}", ""), typed.get(f"new-{at}", ""))
        for at in sorted(int(name[4:]) for name in typed if re.fullmatch(r"old-[0-9]{1,4}", name, re.ASCII))
    ]
    found = [pair for pair in found if any(pair)]
    found += [*from_lines(typed.get("lines", "")), *from_lines(typed.get("paste", ""))]
    spec = with_pairs({}, [before.get(pair, pair) for pair in found])
    if typed.get("rest") == ATTENTION:
        spec["unlisted"] = ATTENTION
    elif typed.get("rest") == ELSE:
        other = was.get("else") if isinstance(was, dict) else None
        text = typed.get("other", "")
        spec["else"] = other if other is not None and shown(other) == text else text
    return spec


def with_pairs(spec: Spec, pairs: Pairs) -> Spec:
    """The map with these pairs instead of its own."""
    unique = dict(pairs)
    return spec | {"map": unique if len(unique) == len(pairs) else [list(pair) for pair in pairs]}


def map_faults(spec: JSON) -> list[str]:
    """What the engine's own checks do not know of: pairs that are no map yet."""
    pairs = pairs_of(spec)
    if not pairs:
        return ["List at least one value and what it becomes."]
    twice = [old for old, count in Counter(old for old, _ in pairs).items() if count > 1]
    return [f"“{old}” is listed twice. Keep one of the two." for old in twice[:3]]


def to_lines(pairs: Pairs) -> str:
    return "\n".join(f"{_escaped(old)}\t{_escaped(shown(new))}" for old, new in pairs)


def from_lines(text: str) -> list[tuple[str, str]]:
    """The pairs of pasted lines; a line without a tab is a value that becomes empty."""
    found = []
    for line in text.split("\n"):
        old, _, new = line.removesuffix("\r").partition("\t")
        if old or new:
            found.append((_unescaped(old), _unescaped(new)))
    return found


def with_values(spec: Spec, values: Iterable[str], options: Iterable[Option] = ()) -> Spec:
    """The map with those values put in that it does not list yet: each becomes the option that it very nearly
    is, or itself.
    """
    folded = {
        text.strip().casefold(): one.value
        for one in options
        if not one.closed
        for text in (*one.aliases, one.label, one.value)
    }
    pairs = pairs_of(spec)
    known = {old for old, _ in pairs}
    new = [value for value in dict.fromkeys(values) if value not in known][:MOST_LISTED]
    return with_pairs(spec, [*pairs, *((value, _near(value, folded)) for value in new)])


def _near(value: str, folded: dict[str, str]) -> str:
    text = value.strip().casefold()
    found = [text] if text in folded else get_close_matches(text[:80], folded, n=1, cutoff=0.8)
    return folded[found[0]] if found else value


def _as_sent(text: str) -> str:
    """As a form gives it back: browsers know one kind of line break."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(sign, sign) for sign in text)


def _unescaped(text: str) -> str:
    signs = {"t": "\t", "n": "\n", "r": "\r"}
    return _ESCAPED.sub(lambda found: signs.get(found[1], found[1]), text)
