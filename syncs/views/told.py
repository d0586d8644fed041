"""What is told of a row, without its person: a reason's own words stay, the values that it quotes go."""

import re
from collections.abc import Iterable

from syncadmin.lib import personal
from syncs.models import RejectedRow

# Where a reason of `engine/reasons.py` names other rows by their keys, which nothing marks as quoted.
_OTHERS = (
    (re.compile(r"(Equal to row ).+?(, with the same )"), r"\1{0}\2"),
    (re.compile(r"(\(also: ).+?(\), and only one )"), r"\1{0}\2"),
    (re.compile(r"( of this row was ).+?( and is ).+?( now\. )"), r"\1{0}\2{0}\3"),
)


def reason(row: RejectedRow) -> str:
    """Why a row did not arrive. Needs its payload."""
    return said(row.reason, (row.key_text, row.match_key, *_unmarked(row)))


def _unmarked(row: RejectedRow) -> list[str]:
    """The values that the reason may hold without quotes: ours quote texts, not numbers and times."""
    values = [str(value) for value in row.payload.values()] if isinstance(row.payload, dict) else []
    if row.stage in (RejectedRow.Stage.REJECTED, RejectedRow.Stage.IN_DOUBT):
        return values
    return [value for value in values if any(sign.isdigit() for sign in value)]


def said(sentence: str, known: Iterable[object]) -> str:
    """A sentence of ours or of a destination's about a row with these values."""
    if not personal.is_shown():
        for form, without in _OTHERS:
            sentence = form.sub(without.format(personal.HIDDEN), sentence)
    return personal.words(sentence, known)
