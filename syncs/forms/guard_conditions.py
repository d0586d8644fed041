"""The conditions of a guard as their form has them: read as they were typed, and made into conditions. Pure.

Conditions stand in groups. Groups are joined by one word, “all” or “any”, and the conditions within a group
by the other: a group of one is a plain condition. A list of values has one to a line.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from destinations.contract import JSON
from syncs.engine.guard_columns import COLUMN, FIELD
from syncs.engine.guard_conditions import LISTED, NUMBERS, Fault
from syncs.engine.guard_words import WORDS

EMPTY, FILLED = "is_empty", "is_filled"
WAYS = {
    **{way: words for way, words in WORDS.items() if way != EMPTY},
    EMPTY: "is empty",
    FILLED: "is not empty",
}
MOST_GROUPS = 50
LONGEST = 200_000  # signs of a value: a list has one to a line
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")


@dataclass(slots=True)
class TypedCondition:
    """One line of the form. `look` is `column:country` or `field:email`."""

    look: str = ""
    way: str = "is"
    value: str = ""
    errors: list[str] = field(default_factory=list)

    @property
    def is_blank(self) -> bool:
        return not self.look and not self.value.strip()

    @property
    def lines(self) -> int:
        """How many lines the box for the value shows."""
        return min(8, max(1, self.value.count("\n") + 1))


Groups = list[list[TypedCondition]]


def read_groups(data: Mapping[str, str]) -> Groups:
    """The form's lines, right or wrong."""
    return [
        [_read(data, f"group-{at}-{within}") for within in range(_count(data, f"group-{at}"))]
        for at in range(_count(data, "groups"))
    ]


def _read(data: Mapping[str, str], name: str) -> TypedCondition:
    look, way, value = (data.get(f"{name}-{part}", "")[:LONGEST] for part in ("look", "way", "value"))
    return TypedCondition(look, way, value.strip())


def _count(data: Mapping[str, str], name: str) -> int:
    text = data.get(name, "")
    return min(int(text), MOST_GROUPS) if text.isascii() and text.isdecimal() and len(text) < 6 else 0


def change(groups: Groups, action: str) -> bool:
    """What a button other than “save” asks for. False: there is no such button."""
    verb, *places = action.split("-")
    numbers = [int(place) for place in places if place.isdecimal() and len(place) < 6]
    if verb == "add" and not places and len(groups) < MOST_GROUPS:
        groups.append([TypedCondition()])
    elif verb == "or" and len(numbers) == 1 and numbers[0] < len(groups):
        groups[numbers[0]].append(TypedCondition(look=groups[numbers[0]][-1].look))
    elif verb == "drop" and len(numbers) == 2 and numbers[0] < len(groups):
        group = groups[numbers[0]]
        if numbers[1] < len(group):
            del group[numbers[1]]
        if not group:
            del groups[numbers[0]]
    else:
        return False
    return True


def groups_of(tree: Mapping[str, Any]) -> tuple[str, Groups]:
    """Stored conditions as the form has them: the word between groups, and the groups."""
    word = "all" if "all" in tree else "any"
    other = "any" if word == "all" else "all"
    groups: Groups = []
    for item in tree[word]:
        if word in item:  # a group of the same word says what its conditions say by themselves
            groups += [[_typed(one)] for one in item[word]]
        elif other in item:
            groups.append([_typed(one) for one in item[other]])
        else:
            groups.append([_typed(item)])
    return word, groups


def _typed(spec: Mapping[str, Any]) -> TypedCondition:
    look = f"{COLUMN}:{spec[COLUMN]}" if COLUMN in spec else f"{FIELD}:{spec[FIELD]}"
    way = next(key for key in spec if key not in (COLUMN, FIELD))
    value = spec[way]
    if way == EMPTY:
        return TypedCondition(look, EMPTY if value else FILLED)
    texts = [_text(one) for one in (value if isinstance(value, list) else [value])]
    return TypedCondition(look, way, "\n".join(texts))


def _text(value: JSON) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def tree_of(word: str, groups: Groups) -> dict[str, JSON]:
    """The conditions that were typed; lines that are blank are left out."""
    other = "any" if word == "all" else "all"
    items: list[JSON] = []
    for group in groups:
        specs: list[JSON] = [_spec(one) for one in group if not one.is_blank]
        if len(specs) == 1:
            items += specs
        elif specs:
            items.append({other: specs})
    return {word: items}


def _spec(one: TypedCondition) -> dict[str, JSON]:
    look = spec_of_look(one.look)
    if one.way in (EMPTY, FILLED):
        return look | {EMPTY: one.way == EMPTY}
    lines = [line.strip() for line in one.value.splitlines() if line.strip()]
    if one.way in LISTED:
        return look | {one.way: lines}
    value: JSON = one.value.strip()
    if one.way in NUMBERS and _NUMBER.fullmatch(one.value.strip()):
        value = float(one.value) if "." in one.value else int(one.value)
    return look | {one.way: value}


def spec_of_look(look: str) -> dict[str, JSON]:
    """What a choice of column or field stands for; a name alone is that of a column."""
    kind, parted, name = look.partition(":")
    if parted and kind in (COLUMN, FIELD):
        return {kind: name}
    return {COLUMN: look.strip()} if look.strip() else {}


def put_faults(word: str, groups: Groups, faults: Sequence[Fault]) -> list[str]:
    """Put what is wrong with `tree_of` at its lines; returns what belongs to none of them."""
    places: dict[tuple[str, ...], TypedCondition] = {}
    other = "any" if word == "all" else "all"
    at = 0
    for group in groups:
        filled = [one for one in group if not one.is_blank]
        for within, one in enumerate(filled):
            path: tuple[str, ...] = (
                (word, str(at)) if len(filled) == 1 else (word, str(at), other, str(within))
            )
            places[path] = one
        at += bool(filled)
    rest = []
    for path, message in faults:
        found = next((places[path[:end]] for end in range(len(path), 0, -1) if path[:end] in places), None)
        if found is None:
            rest.append(message)
        elif message not in found.errors:
            found.errors.append(message)
    return rest
