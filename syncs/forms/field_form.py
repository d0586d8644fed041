"""One field's page as it was typed: its source, its steps, and what an empty value means. Pure.

What is typed goes back into the field's row of the mapping, right or wrong; what belongs to a choice that is
not made now is put aside in the draft, and is there again when it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from destinations.contract import JSON
from syncs.configuration.checks import LEAVE
from syncs.forms.field_source import Source, moved, read_source, source_of, without
from syncs.forms.field_steps import MOST_STEPS, STEP_FORMS, new_spec, read_steps, verb_of
from syncs.forms.sync_rows import Row
from syncs.models import FieldMapping


@dataclass(slots=True)
class FieldForm:
    """What stands on the page. `new` is the step just added, `focus` the id of what has the focus."""

    source: Source
    steps: list[JSON] = field(default_factory=list)
    empty: str = LEAVE
    default: str = ""
    new: int | None = None
    focus: str = ""

    @classmethod
    def of(cls, row: Row, aside: Mapping[str, Any]) -> "FieldForm":
        source = source_of(row, aside)
        if source.has_steps:
            return cls(source, _listed(_loaded(row.steps)), row.empty, row.default)
        return cls(source, _listed(aside.get("steps")), str(aside.get("empty") or row.empty), row.default)

    @classmethod
    def read(cls, data: Mapping[str, str], before: "FieldForm") -> "FieldForm":
        """What was submitted, from the page that showed `before`."""
        empty = data.get("empty", "")
        return cls(
            read_source(data),
            read_steps(data, before.steps),
            empty if empty in FieldMapping.Empty.values else LEAVE,
            data.get("default", "").replace("\0", ""),
        )

    def put_into(self, row: Row) -> Row:
        """The row with what stands here, as it is kept in the draft."""
        has_steps = self.source.has_steps
        return Row(
            source=self.source.stored,
            value=self.source.value,
            field=row.field,
            name=row.name,
            empty=self.empty if has_steps else LEAVE,
            default=self.default,
            steps=orjson.dumps(self.steps).decode() if has_steps and self.steps else "",
        )

    @property
    def aside(self) -> dict[str, Any]:
        """What the row has no place for."""
        found = self.source.aside
        if not self.source.has_steps:
            if self.steps:
                found["steps"] = self.steps
            if self.empty != LEAVE:
                found["empty"] = self.empty
        return found

    def act(self, action: str, verb: str = "") -> None:
        """What a button that changes the page asks for; anything else changes nothing."""
        what, _, at = action.rpartition("-")
        number = int(at) if at.isascii() and at.isdigit() and len(at) < 5 else -1
        if action == "add":
            self._add(verb)
        elif action == "first-add":
            self.focus = "first-new"
        elif number < 0:
            return
        elif what in ("up", "down", "remove", "more"):
            self._change_steps(what, number)
        elif what in ("first-up", "first-down", "first-remove"):
            self._change_columns(what.removeprefix("first-"), number)

    def _add(self, verb: str) -> None:
        if verb not in STEP_FORMS or len(self.steps) >= MOST_STEPS:
            self.focus = "add-verb"
            return
        self.steps.append(new_spec(verb))
        self.new = len(self.steps) - 1
        inputs = STEP_FORMS[verb].inputs
        first = "blank" if verb == "map" else inputs[0].name if inputs else "remove"
        self.focus = f"step-{self.new}-{first}"

    def _change_steps(self, what: str, at: int) -> None:
        if at >= len(self.steps):
            return
        if what == "remove":
            del self.steps[at]
            self.focus = f"step-{max(at - 1, 0)}-remove" if self.steps else "add-verb"
        elif what == "more" and verb_of(self.steps[at]) == "map":
            self.focus = f"step-{at}-blank"
        elif what in ("up", "down"):
            by = -1 if what == "up" else 1
            self.steps = moved(self.steps, at, by)
            self.focus = _after_moving(f"step-{at + by}", what, at + by, len(self.steps))

    def _change_columns(self, what: str, at: int) -> None:
        names = self.source.first_of
        if at >= len(names):
            return
        if what == "remove":
            self.source.first_of = without(names, at)
            self.focus = f"first-{max(at - 1, 0)}-remove" if len(names) > 1 else "first-new"
            return
        by = -1 if what == "up" else 1
        self.source.first_of = moved(names, at, by)
        self.focus = _after_moving(f"first-{at + by}", what, at + by, len(names))


def _after_moving(place: str, what: str, at: int, count: int) -> str:
    """The button that was pressed, where it is now; the other one where it can go no further."""
    if what == "up":
        return f"{place}-{'up' if at > 0 else 'down'}"
    return f"{place}-{'down' if at < count - 1 else 'up'}"


def _listed(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []


def _loaded(text: str) -> JSON:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
