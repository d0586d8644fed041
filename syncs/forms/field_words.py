"""What fills a field, in plain words: its steps as sentences, and what the filters of templates do. Pure."""

import re
from collections.abc import Sequence

from destinations.contract import JSON
from syncs.engine.templates import FILTERS as KNOWN_FILTERS
from syncs.forms.field_maps import pairs_of, shown
from syncs.forms.field_steps import KEPT, STEP_FORMS, typed_of, verb_of

LONGEST = 40  # signs of a text that somebody typed, within a sentence
SHOWN_PAIRS = 2

FILTER_WORDS = {
    "abs": "a number without its sign",
    "append": "adds a text at the end: append: \"!\"",
    "at_least": "a number, or this one if that is larger",
    "at_most": "a number, or this one if that is smaller",
    "capitalize": "a capital first, small letters after",
    "ceil": "rounds a number up",
    "compact": "a list without its empty items",
    "concat": "joins two lists to one",
    "date": "writes a date: date: \"%d.%m.%Y\"",
    "default": "another value where it is empty: default: \"-\"",
    "divided_by": "divides a number",
    "downcase": "small letters",
    "escape": "writes <, > and & as HTML does",
    "first": "the first item of a list",
    "floor": "rounds a number down",
    "join": "a list as one text: join: \", \"",
    "last": "the last item of a list",
    "lstrip": "without blanks at the beginning",
    "minus": "takes a number away",
    "modulo": "what is left after dividing",
    "newline_to_br": "<br> for each line break",
    "plus": "adds a number",
    "prepend": "adds a text at the beginning",
    "remove": "without this text",
    "remove_first": "without this text where it stands first",
    "remove_last": "without this text where it stands last",
    "replace": "one text for another: replace: \"a\", \"b\"",
    "replace_first": "the same, once, from the beginning",
    "replace_last": "the same, once, from the end",
    "reverse": "a list from its end",
    "round": "rounds a number: round: 2",
    "rstrip": "without blanks at the end",
    "size": "how many signs or items",
    "slice": "a part of a text: slice: 0, 3",
    "sort": "a list in order",
    "sort_natural": "a list in order, capital and small letters alike",
    "split": "a text as a list: split: \",\"",
    "squish": "without blanks at both ends, one blank for several",
    "strip": "without blanks at both ends",
    "strip_newlines": "without line breaks",
    "sum": "the sum of a list of numbers",
    "times": "multiplies a number",
    "truncate": "at most so many signs: truncate: 20",
    "truncatewords": "at most so many words",
    "uniq": "a list without repetitions",
    "upcase": "capital letters",
    "url_decode": "reads %20 and the like",
    "url_encode": "writes a text for an address",
}  # fmt: skip


def filters() -> list[tuple[str, str]]:
    """The filters that templates know, each with what it does."""
    return [(name, FILTER_WORDS.get(name, "")) for name in KNOWN_FILTERS]


def steps_told(specs: JSON) -> list[str]:
    """A chain of steps, a sentence each; empty where it is no chain."""
    return [step_told(spec) for spec in specs] if isinstance(specs, list | tuple) else []


def step_told(spec: JSON) -> str:
    """One step as a sentence without its full stop: `Replace “a” by “b”`."""
    verb = verb_of(spec)
    if verb == KEPT:
        name = spec if isinstance(spec, str) else next(iter(spec), "?") if isinstance(spec, dict) else "?"
        return f"{name}, a step that is unknown here"
    form, typed = STEP_FORMS[verb], typed_of(spec)
    if any(one.must and not typed.get(one.name) for one in form.inputs) and verb != "map":
        return form.label
    told = _SENTENCES.get(verb)
    return told(typed, spec) if told is not None else form.label


def quoted(text: str, *, longest: int = LONGEST) -> str:
    """A text that somebody typed; what is long is cut, and line breaks can be seen."""
    seen = re.sub(r"\s*\n\s*", "↵", text) if text.strip() else text.replace("\n", "↵")
    return f"“{seen if len(seen) <= longest else seen[: longest - 1] + '…'}”"


def listed(words: Sequence[str], *, join: str = "and") -> str:
    return f"{', '.join(words[:-1])} {join} {words[-1]}" if len(words) > 1 else "".join(words)


def _replace(typed: dict[str, str], spec: JSON) -> str:
    if not typed["new"]:
        return f"Remove {quoted(typed['old'])}"
    return f"Replace {quoted(typed['old'])} by {quoted(typed['new'])}"


def _replace_pattern(typed: dict[str, str], spec: JSON) -> str:
    if not typed["new"]:
        return f"Remove what matches {quoted(typed['old'])}"
    return f"Replace what matches {quoted(typed['old'])} by {quoted(typed['new'])}"


def _extract(typed: dict[str, str], spec: JSON) -> str:
    group = f", group {typed['group']}" if typed["group"] else ""
    return f"Take what {quoted(typed['pattern'])} finds{group}"


def _split(typed: dict[str, str], spec: JSON) -> str:
    where = f"Split at {quoted(typed['between'])}"
    item = typed["item"]
    if not item:
        return f"{where} to a list"
    if re.fullmatch(r"-?[0-9]{1,4}", item, re.ASCII) and int(item):
        number = abs(int(item))
        last = "the last part" if number == 1 else f"part {number} from the end"
        return f"{where}, take {last if int(item) < 0 else f'part {number}'}"
    return f"{where}, take part {quoted(item)}"


def _map(typed: dict[str, str], spec: JSON) -> str:
    pairs = pairs_of(spec)
    if not pairs:
        return "Map values"
    some = [f"{quoted(old)} to {quoted(shown(new)) if shown(new) else 'empty'}" for old, new in pairs]
    more = [f"{len(pairs) - SHOWN_PAIRS:,} more"] if len(pairs) > SHOWN_PAIRS else []
    rest = {
        "attention": "; others need attention",
        "else": f"; others to {quoted(typed['other'])}" if typed["other"] else "; others to empty",
    }
    return f"Map {listed([*some[:SHOWN_PAIRS], *more])}{rest.get(typed['rest'], '')}"


def _phone(typed: dict[str, str], spec: JSON) -> str:
    return "Phone number to E.164" + (f", read as in {typed['country']}" if typed["country"] else "")


def _parse_date(typed: dict[str, str], spec: JSON) -> str:
    formats = [quoted(one) for one in typed["formats"].split("\n")]
    return f"Read a date written as {listed(formats, join='or')}"


def _number(typed: dict[str, str], spec: JSON) -> str:
    if not any(typed.values()):
        return "Read a number"
    return f"Read a number written like 1{typed['thousands']}234{typed['decimal'] or '.'}5"


def _boolean(typed: dict[str, str], spec: JSON) -> str:
    words = [
        f"{listed([quoted(word) for word in typed[name].split(chr(10))[:3]], join='or')} is {told}"
        for name, told in (("yes", "true"), ("no", "false"))
        if typed[name]
    ]
    return f"Read true or false: {', '.join(words)}" if words else "Read true or false"


_SENTENCES = {
    "replace": _replace,
    "replace_pattern": _replace_pattern,
    "extract": _extract,
    "split": _split,
    "join": lambda typed, spec: f"Join a list with {quoted(typed['between'])}",
    "map": _map,
    "phone": _phone,
    "parse_date": _parse_date,
    "from_zone": lambda typed, spec: f"Take a time without a zone as {typed['zone']}",
    "to_zone": lambda typed, spec: f"Move the time to {typed['zone']}",
    "write_date": lambda typed, spec: f"Write the date as {quoted(typed['format'])}",
    "number": _number,
    "round": lambda typed, spec: (
        "Round to a whole number" if typed["digits"] == "0" else f"Round to {typed['digits']} digits"
    ),
    "boolean": _boolean,
}
