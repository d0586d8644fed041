"""A change of a field as people read it: two texts that can be told apart, and what happens."""

from dataclasses import dataclass

import orjson

from destinations.contract import JSON
from syncs.engine.diff import BLANK, CHANGED, CLEARED, SAME, SET, UNKNOWN, Change

LONGEST = 300

# What becomes of a field, or of a row of which no field can be told.
KINDS = {CLEARED: "Cleared", CHANGED: "Changed", SET: "Set anew", BLANK: "Sent empty"}
OF_ROWS = {SAME: "Sent as it was", UNKNOWN: "Before is not known"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A field's change in words. `was_sent`: what stood there before is known, if only as empty."""

    name: str
    kind: str
    words: str
    before: str
    after: str
    was_sent: bool
    is_before_empty: bool
    is_after_empty: bool


def shown(name: str, change: Change) -> Shown:
    """The change; where both texts look the same, as JSON, in which 1 is not "1" and blanks can be seen."""
    before, after = text_of(change.before), text_of(change.after)
    if before.strip() and before.split() == after.split():
        before, after = _json(change.before), _json(change.after)
    return Shown(
        name,
        change.kind,
        KINDS[change.kind],
        before[:LONGEST],
        after[:LONGEST],
        change.was_sent,
        change.before in (None, "", []),
        change.after in (None, "", []),
    )


def text_of(value: JSON) -> str:
    """A value as a cell's text: lists and the like as JSON, nothing as an empty one."""
    if value is None:
        return ""
    return value if isinstance(value, str) else _json(value)


def _json(value: JSON) -> str:
    return orjson.dumps(value).decode()
