"""The steps of a field as forms: what each asks for, and the way from its inputs to its spec and back. Pure.

The spec is what is stored, and what `engine/steps.py` reads. What was typed wrong makes a spec that is wrong
in the same place, so that nothing typed is lost; what was not touched stays as it was written.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import phonenumbers

from destinations.contract import JSON
from syncs.engine.steps import check_steps
from syncs.forms.field_maps import MAP_INPUTS, map_faults, map_spec, map_typed

Typed = dict[str, str]  # what stands in a step's inputs, by their names
Spec = dict[str, JSON]

LINE, AREA, LINES, CHOICE, ZONE = "line", "area", "lines", "choice", "zone"


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a step. `kind` is how it is drawn; `must` is said where it is empty and may not be."""

    name: str
    label: str
    kind: str = LINE
    help: str = ""
    must: str = ""
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StepForm:
    """A kind of step. `spec` makes its spec of what was typed, `typed` goes the other way."""

    verb: str
    label: str
    group: str
    spec: Callable[[Typed], JSON]
    typed: Callable[[Spec], Typed]
    inputs: tuple[Input, ...] = ()
    help: str = ""
    faults: Callable[[JSON], list[str]] = field(default=lambda spec: [])


def _texts(value: JSON) -> list[str]:
    """A list of texts from one, several, or whatever else stands there."""
    items = value if isinstance(value, list) else [] if value is None else [value]
    return [_text(item) for item in items]


def _text(value: JSON) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _whole(text: str) -> JSON:
    """A whole number; as it was typed where it is none."""
    tidy = text.strip()
    return int(tidy) if re.fullmatch(r"[+-]?[0-9]{1,6}", tidy, re.ASCII) else text


def _plain(verb: str, label: str, group: str, help: str = "") -> StepForm:
    return StepForm(verb, label, group, lambda typed: verb, lambda spec: {}, help=help)


def _pair(verb: str) -> Callable[[Spec], Typed]:
    def typed(spec: Spec) -> Typed:
        old, new = [*_texts(spec[verb]), "", ""][:2]
        return {"old": old, "new": new}

    return typed


def _one(verb: str, name: str) -> Callable[[Spec], Typed]:
    return lambda spec: {name: _text(spec[verb])}


def _extract(typed: Typed) -> JSON:
    spec: Spec = {"extract": typed["pattern"]}
    if typed["group"].strip():
        spec["group"] = _whole(typed["group"])
    return spec


def _split(typed: Typed) -> JSON:
    spec: Spec = {"split": typed["between"]}
    if typed["item"].strip():
        spec["item"] = _whole(typed["item"])
    return spec


def _dates(typed: Typed) -> JSON:
    formats = _lines(typed["formats"])
    return {"parse_date": formats[0] if len(formats) == 1 else formats}


def _number(typed: Typed) -> JSON:
    given = {name: typed[name] for name in ("thousands", "decimal") if typed[name]}
    return {"number": given} if given and given != {"decimal": "."} else "number"


def _boolean(typed: Typed) -> JSON:
    given = {name: _lines(typed[name]) for name in ("yes", "no") if _lines(typed[name])}
    return {"boolean": given} if given else "boolean"


def _given(verb: str, *names: str) -> Callable[[Spec], Typed]:
    def typed(spec: Spec) -> Typed:
        given = spec[verb] if isinstance(spec[verb], dict) else {}
        return {name: "\n".join(_texts(given.get(name))) for name in names}

    return typed


_COUNTRIES = (
    ("", "No country: numbers begin with +"),
    *((code, f"{code} · +{phonenumbers.country_code_for_region(code)}")
      for code in sorted(phonenumbers.SUPPORTED_REGIONS)),
)  # fmt: skip
_OLD = Input("old", "Look for", AREA, must="Type the text to look for.")
_NEW = Input("new", "Write instead", AREA, help="Leave it empty to remove what was found.")
_PATTERN = "A regular expression, such as [0-9]+. What looks back or ahead cannot be used."
_FORMAT = "%d day, %m month, %Y year, %y year in two digits, %H:%M time, %b or %B month’s name."
_ZONE = Input("zone", "Time zone", ZONE, help="Such as Europe/Berlin.", must="Type a time zone.")

_ALL = (
    _plain("trim", "Trim blanks", "Text", "Blanks at both ends go."),
    _plain("lower", "Lower case", "Text"),
    _plain("upper", "Upper case", "Text"),
    _plain("title", "A capital for each word", "Text"),
    _plain("sentence", "A capital for each sentence", "Text"),
    StepForm(
        "replace", "Replace a text", "Text",
        lambda typed: {"replace": [typed["old"], typed["new"]]}, _pair("replace"), (_OLD, _NEW),
    ),
    StepForm(
        "extract", "Take what a pattern finds", "Text", _extract,
        lambda spec: {"pattern": _text(spec["extract"]), "group": _text(spec.get("group"))},
        (
            Input("pattern", "Pattern", help=_PATTERN, must="Type the pattern to look for."),
            Input("group", "Group", help="Its number or name. Empty: the first group, or all that is found."),
        ),
    ),
    StepForm(
        "replace_pattern", "Replace by a pattern", "Text",
        lambda typed: {"replace_pattern": [typed["old"], typed["new"]]}, _pair("replace_pattern"),
        (
            Input("old", "Pattern", help=_PATTERN, must="Type the pattern to look for."),
            Input("new", "Write instead", help="\\1 stands for the first group. Empty: it is removed."),
        ),
    ),
    StepForm(
        "split", "Split into parts", "Text", _split,
        lambda spec: {"between": _text(spec["split"]), "item": _text(spec.get("item"))},
        (
            Input("between", "Text between the parts", AREA, must="Type what stands between the parts."),
            Input("item", "Which part", help="1 is the first, -1 the last. Empty: all, as a list."),
        ),
    ),
    StepForm(
        "join", "Join a list", "Text", lambda typed: {"join": typed["between"]}, _one("join", "between"),
        (Input("between", "Text between the items", AREA),),
    ),
    StepForm(
        "map", "Map values", "Values", map_spec, map_typed, tuple(Input(*one) for one in MAP_INPUTS),
        "Each value on the left becomes what stands on its right. Small and capital letters differ.",
        map_faults,
    ),
    StepForm(
        "phone", "Phone number to E.164", "Values",
        lambda typed: {"phone": typed["country"]} if typed["country"] else "phone", _one("phone", "country"),
        (Input("country", "Numbers without + are of", CHOICE, choices=_COUNTRIES),),
        "As +4915112345678. What is no phone number needs attention.",
    ),
    StepForm(
        "parse_date", "Read a date", "Dates and times", _dates,
        lambda spec: {"formats": "\n".join(_texts(spec["parse_date"]))},
        (
            Input(
                "formats", "Written as", LINES, f"{_FORMAT} One format a line; the first that fits counts.",
                "Type how dates are written.",
            ),
        ),
    ),
    StepForm(
        "from_zone", "Say the zone of a time", "Dates and times",
        lambda typed: {"from_zone": typed["zone"].strip()}, _one("from_zone", "zone"), (_ZONE,),
        "A time without a zone is in this one.",
    ),
    StepForm(
        "to_zone", "Move to a time zone", "Dates and times",
        lambda typed: {"to_zone": typed["zone"].strip()}, _one("to_zone", "zone"), (_ZONE,),
        "The same moment, as clocks there show it.",
    ),
    _plain("day", "Keep the day alone", "Dates and times", "The time of day goes."),
    StepForm(
        "write_date", "Write a date", "Dates and times",
        lambda typed: {"write_date": typed["format"]}, _one("write_date", "format"),
        (Input("format", "As", help=_FORMAT, must="Type how the date is to be written."),),
    ),
    StepForm(
        "number", "Read a number", "Numbers", _number, _given("number", "thousands", "decimal"),
        (
            Input("thousands", "Sign between thousands", help="Such as . in 1.234,5. Empty: there is none."),
            Input("decimal", "Sign before decimals", help="Such as , in 1.234,5. Empty: a point."),
        ),
    ),
    StepForm(
        "round", "Round a number", "Numbers",
        lambda typed: {"round": _whole(typed["digits"])}, _one("round", "digits"),
        (Input("digits", "Digits after the point", must="Type how many digits are kept: 0 for none."),),
        "Halves go away from zero: 2.5 is 3.",
    ),
    StepForm(
        "boolean", "Read true or false", "True and false", _boolean, _given("boolean", "yes", "no"),
        (
            Input("yes", "Words for true", LINES, "One a line. Empty: true, yes, y, t, on, 1."),
            Input("no", "Words for false", LINES, "One a line. Empty: false, no, n, f, off, 0."),
        ),
    ),
)  # fmt: skip
STEP_FORMS = {form.verb: form for form in _ALL}
MOST_STEPS = 50
KEPT = "kept"  # a step that this page has no form for: it is shown and kept


def verb_of(spec: JSON) -> str:
    """Which step it is; KEPT where there is no form for it."""
    if isinstance(spec, str):
        return spec if spec in STEP_FORMS else KEPT
    names = [name for name in spec if name in STEP_FORMS] if isinstance(spec, dict) else []
    return names[0] if len(names) == 1 else KEPT


def typed_of(spec: JSON) -> Typed:
    """What stands in its inputs."""
    verb = verb_of(spec)
    if verb == KEPT:
        return {}
    return STEP_FORMS[verb].typed({verb: None} if isinstance(spec, str) else spec)


def new_spec(verb: str) -> JSON:
    """A step of this kind as it is added, with nothing typed."""
    form = STEP_FORMS[verb]
    return form.spec(dict.fromkeys((one.name for one in form.inputs), ""))


def read_steps(data: Mapping[str, str], stored: Sequence[JSON]) -> list[JSON]:
    """The steps of a submitted page. Of `stored`, from which it was drawn, what reads as it did stays."""
    told = data.get("steps", "")
    count = min(int(told), MOST_STEPS) if told.isascii() and told.isdigit() and len(told) < 9 else 0
    found = [_read(data, f"step-{at}-", stored[at] if at < len(stored) else None) for at in range(count)]
    return [spec for spec in found if spec is not None]


def _read(data: Mapping[str, str], place: str, was: JSON) -> JSON:
    verb = data.get(f"{place}verb", "")
    if verb not in STEP_FORMS:
        return was
    typed = {
        name.removeprefix(place): text.replace("\r\n", "\n").replace("\0", "")
        for name, text in data.items()
        if name.startswith(place)
    }
    form = STEP_FORMS[verb]
    typed = dict.fromkeys((one.name for one in form.inputs), "") | typed
    if verb_of(was) == verb and _reads_the_same(typed, typed_of(was)):
        return was
    if verb == "map":
        return map_spec(typed, was if verb_of(was) == verb else None)
    return form.spec(typed)


def _reads_the_same(typed: Typed, before: Typed) -> bool:
    """Whether the inputs hold what they held; those that are blank count for nothing."""
    names = {name for name in (*typed, *before) if name != "verb"}
    return all(
        typed.get(name, "") == before.get(name, "").replace("\r\n", "\n").replace("\r", "\n")
        for name in names
    )


def step_faults(spec: JSON) -> list[str]:
    """What is wrong with one step, for people who fill in its form."""
    verb = verb_of(spec)
    if verb == KEPT:
        return [_plainly(one) for one in check_steps([spec])]
    form, typed = STEP_FORMS[verb], typed_of(spec)
    missing = [one.must for one in form.inputs if one.must and not typed.get(one.name)]
    return missing or form.faults(spec) or [_plainly(one) for one in check_steps([spec])]


def _plainly(fault: str) -> str:
    """Without its number, and without how it is written in a file."""
    return re.sub(r" ?Write \{.*\}\.", "", fault.removeprefix("Step 1: ")).strip()
