"""Words of the pages about syncs. Pure."""

import re

from destinations.contract import Mode
from syncs.models import FieldMapping

MODES = {
    Mode.UPSERT: ("Update or create", "A record that is there is updated; one that is not is created."),
    Mode.INSERT: ("Create only", "New records are created; those that are there stay as they are."),
    Mode.UPDATE: ("Update only", "Records that are there are updated; nothing is created."),
}
EMPTY = {
    FieldMapping.Empty.LEAVE: "Leave the field as it is there",
    FieldMapping.Empty.CLEAR: "Clear the field there",
    FieldMapping.Empty.DEFAULT: "Use a default",
    FieldMapping.Empty.ATTENTION: "The row needs attention",
}


def mode_of(word: str) -> Mode | None:
    """The mode of this name; None where there is none."""
    return next((mode for mode in Mode if mode.value == word), None)


def sentence(message: str) -> str:
    """A remark of the checks as a sentence: a capital, quotation marks, a full stop."""
    quoted = re.sub(r"`([^`]*)`", r"“\1”", message.strip())
    ended = quoted if quoted.endswith((".", "?", "!", ")")) else f"{quoted}."
    return ended[:1].upper() + ended[1:]


def rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
