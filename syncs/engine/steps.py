"""The chain of transformations of what fills a field, checked and compiled once. Pure and total.

A chain is a list, as in YAML and JSON. Each step is a name, or an object with one:

- `trim`, `lower`, `upper`, `title`, `sentence`; `{"replace": ["old", "new"]}`
- `{"extract": "[0-9]+"}`, also with a `group`; `{"replace_pattern": ["([0-9]+)km", "\\\\1"]}`
- `{"split": ","}` makes a list, `{"split": ",", "item": 1}` gives its first part; `{"join": ", "}`
- `{"map": {"a": "b"}}`, also with `"else": value` or `"unlisted": "attention"`
- `phone`, or `{"phone": "DE"}` for numbers written as within a country
- `{"parse_date": "%d.%m.%Y"}`, `{"from_zone": "Europe/Berlin"}`, `{"to_zone": …}`, `day`, `{"write_date": …}`
- `number`, `{"number": {"thousands": ".", "decimal": ","}}`, `{"round": 2}`
- `boolean`, `{"boolean": {"yes": ["ja"], "no": ["nein"]}}`

Text steps leave what is not text untouched. A map looks up the plain text of any value ("42" for the
number); what it does not list stays, or becomes the `else`. An empty value stays empty, but for the text ""
where the map lists it. What a step cannot read becomes a `Misfit`, which no later step touches.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from difflib import get_close_matches
from itertools import groupby
from typing import Any

from destinations.contract import JSON
from syncs.engine import step_map, step_texts, step_values
from syncs.engine.patience import RunPatience, Share
from syncs.engine.step_texts import TEXT_STEPS, Chain, Column

Spec = dict[str, JSON]


@dataclass(frozen=True, slots=True)
class Step:
    """How a step is made of its spec, and what is wrong with one. `by_name`: its name alone will do.

    `make` gets spec, zone and, where the step `may_be_slow`, its share of the run's patience.
    """

    make: Callable[..., Chain]
    faults: Callable[[Spec], list[str]]
    write: str
    also: tuple[str, ...] = ()
    by_name: bool = False
    may_be_slow: bool = False


def _none(spec: Spec) -> list[str]:
    return []


STEPS = {
    "replace": Step(step_texts.make_replace, step_texts.pair_faults, '{"replace": ["old", "new"]}'),
    "extract": Step(
        step_texts.make_extract,
        step_texts.extract_faults,
        '{"extract": "[0-9]+"}',
        also=("group",),
        may_be_slow=True,
    ),
    "replace_pattern": Step(
        step_texts.make_replace_pattern,
        step_texts.replace_pattern_faults,
        '{"replace_pattern": ["[^0-9]+", ""]}',
        may_be_slow=True,
    ),
    "split": Step(
        step_texts.make_split, step_texts.split_faults, '{"split": ",", "item": 1}', also=("item",)
    ),
    "join": Step(step_texts.make_join, step_texts.join_faults, '{"join": ", "}'),
    "map": Step(step_map.make_map, step_map.map_faults, '{"map": {"old": "new"}}', also=("else", "unlisted")),
    "phone": Step(step_values.make_phone, step_values.phone_faults, '{"phone": "GB"}', by_name=True),
    "parse_date": Step(
        step_values.make_parse_date, step_values.parse_date_faults, '{"parse_date": "%d.%m.%Y"}'
    ),
    "from_zone": Step(
        step_values.make_from_zone, step_values.zone_faults("from_zone"), '{"from_zone": "Europe/Berlin"}'
    ),
    "to_zone": Step(
        step_values.make_to_zone, step_values.zone_faults("to_zone"), '{"to_zone": "Europe/Berlin"}'
    ),
    "day": Step(step_values.make_day, _none, '"day"', by_name=True),
    "write_date": Step(
        step_values.make_write_date, step_values.write_date_faults, '{"write_date": "%d.%m.%Y"}'
    ),
    "number": Step(
        step_values.make_number,
        step_values.number_faults,
        '{"number": {"thousands": ".", "decimal": ","}}',
        by_name=True,
    ),
    "round": Step(step_values.make_round, step_values.round_faults, '{"round": 2}'),
    "boolean": Step(
        step_values.make_boolean,
        step_values.boolean_faults,
        '{"boolean": {"yes": ["ja"], "no": ["nein"]}}',
        by_name=True,
    ),
}
NAMES = (*TEXT_STEPS, *STEPS)
_KNOWN = f"{', '.join(NAMES[:-1])} and {NAMES[-1]}"
_PARTS = {part: name for name, step in STEPS.items() for part in step.also}


def check_steps(specs: JSON) -> list[str]:
    """What is wrong with a chain, a sentence each; an empty list if it can be compiled."""
    if not isinstance(specs, list | tuple):
        return ['The steps must be a list, such as ["trim", "lower"].']
    return [f"Step {number}: {fault}" for number, spec in enumerate(specs, 1) for fault in _faults(spec)]


def compile_steps(specs: Sequence[JSON], zone: tzinfo = UTC, patience: RunPatience | None = None) -> Chain:
    """The chain as one function from column to column: never raises, keeps length and order.

    The list given is never changed; it may be the one given back. Times without a zone are in `zone`.
    `patience` is what the run bears in all; without one the chain has its own. ValueError with the first
    sentence of `check_steps` if the chain is wrong.
    """
    for fault in check_steps(specs):
        raise ValueError(fault)
    steps: list[Chain] = []
    for is_text, group in groupby(specs, key=lambda spec: isinstance(spec, str) and spec in TEXT_STEPS):
        if is_text:
            steps.append(step_texts.text_step([TEXT_STEPS[name] for name in group]))
        else:
            steps += [_made(spec, zone, patience) for spec in group]

    def chain(values: Column) -> Column:
        for step in steps:
            values = step(values)
        return values

    return chain


def _made(spec: Any, zone: tzinfo, patience: RunPatience | None) -> Chain:
    step = STEPS[_verb(spec)]
    return step.make(_whole(spec), zone, *([Share(patience)] if step.may_be_slow else []))


def _verb(spec: Any) -> str:
    return spec if isinstance(spec, str) else next(key for key in spec if key in STEPS)


def _whole(spec: Any) -> Spec:
    return {spec: None} if isinstance(spec, str) else spec


def _faults(spec: JSON) -> list[str]:
    """What is wrong with one step."""
    if isinstance(spec, str):
        if spec in TEXT_STEPS or (spec in STEPS and STEPS[spec].by_name):
            return []
        if spec in STEPS:
            return [f'"{spec}" needs its values. Write {STEPS[spec].write}.']
        return [_unknown(spec)]
    if not isinstance(spec, dict):
        return [f"A step is a name or an object with one. The steps are {_KNOWN}."]
    verbs = [key for key in spec if key not in _PARTS]
    if len(verbs) != 1:
        return [f"An object holds exactly one step ({_KNOWN}), and what belongs to it."]
    verb = verbs[0]
    if verb in TEXT_STEPS:
        return [f'"{verb}" takes no values: write its name alone.']
    if verb not in STEPS:
        return [_unknown(verb)]
    if verb == "day" and spec[verb] is not None:
        return ['"day" takes no values: write its name alone.']
    strange = [part for part in spec if part != verb and part not in STEPS[verb].also]
    return [
        *STEPS[verb].faults(spec),
        *(f'Only a {_PARTS[part]} has an "{part}".' for part in strange),
    ]


def _unknown(name: object) -> str:
    near = get_close_matches(str(name).strip().lower(), NAMES, n=1)
    hint = f'Did you mean "{near[0]}"? ' if near else ""
    return f'There is no step "{name}". {hint}The steps are {_KNOWN}.'
