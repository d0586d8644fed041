"""What went over the wire for one row: the requests that carried it and their answers, its own part."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from destinations.models import Exchange
from syncadmin.lib.shown import pretty
from syncs.engine.keys import companion_key, row_key
from syncs.models import Batch, PlannedRow, RejectedRow

SHOWN_EXCHANGES = 20
AROUND = 600  # characters on both sides of a mention, in what is not JSON
LONGEST = 20_000  # characters of one body on a page
_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Part:
    """What one body says of a row. `others` of its list are left out; `is_whole`: it names no single row."""

    text: str
    others: int = 0
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Carried:
    """A request that carried the row, and its answer."""

    exchange: Exchange
    request: Part
    answer: Part


def batch_of(row: RejectedRow) -> Batch | None:
    """The batch that carried the row, without what it sent. Needs the row's run."""
    if row.batch_number is None:
        return None
    found = Batch.objects.filter(
        run_id=row.run_id, plan_attempt=row.plan_attempt, number=row.batch_number
    ).only("team_id", "number", "attempt")
    return found.first()


def position_of(row: RejectedRow) -> int | None:
    """Where in its batch the row was; None where that is no longer kept."""
    key = companion_key(row.match_key) if row.part else row_key(row.key_text)
    found = PlannedRow.objects.filter(sync=row.sync_id, key=key, run=row.run_id, part=row.part)
    return found.values_list("position", flat=True).first()


def carried(batch: Batch, subject: Any, *, position: int | None, match_key: str) -> tuple[list[Carried], int]:
    """The requests of the batch with the row's part, in their order; and how many say nothing of it.

    `subject` is the run's public id. The last SHOWN_EXCHANGES are looked at.
    """
    first = max(1, batch.attempt - SHOWN_EXCHANGES + 1)
    calls = [f"{batch.pk}-{attempt}" for attempt in range(first, batch.attempt + 1)]
    alone = [] if position is None else [f"{call}-{position}" for call in calls]  # it went by itself
    found = Exchange.objects.filter(team_id=batch.team_id, subject=subject, call__in=[*calls, *alone])
    marks = [match_key] if position is None else [f"{batch.pk}-{position}", match_key]
    lines: list[Carried] = []
    silent = 0
    for exchange in reversed(found.order_by("-pk")[:SHOWN_EXCHANGES]):
        request, answer = (part(text, marks) for text in (exchange.request_text, exchange.reply_text))
        refused = exchange.status is None or exchange.status >= 400
        if (
            exchange.call in alone
            or refused
            or (request and not request.is_whole)
            or (answer and not answer.is_whole)
        ):
            lines.append(Carried(exchange, request or Part(""), answer or Part("")))
        else:
            silent += 1
    return lines, silent


def part(text: str, marks: Collection[str]) -> Part | None:
    """The part of a body that is about the row which one of the marks names; None where there is no body."""
    if not text:
        return None
    marks = [mark for mark in marks if mark]
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return _around(text, marks)
    for mark in marks:
        counted = _Narrowing(mark)
        narrowed = counted.narrow(body)
        if counted.is_found:
            return Part(_cut(pretty(narrowed)), counted.others)
    return Part(_cut(pretty(body)), is_whole=True)


class _Narrowing:
    """Leaves out of a body's lists whatever does not hold the mark, where something does."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.others = 0
        self.is_found = False

    def narrow(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.narrow(inner) for key, inner in value.items()}
        if isinstance(value, list):
            about = [inner for inner in value if self._holds(inner)]
            if about:
                self.is_found = True
                self.others += len(value) - len(about)
                return about
            if len(value) > 1 and all(isinstance(inner, dict) for inner in value):
                self.others += len(value)
                return []
        return value

    def _holds(self, value: Any) -> bool:
        if isinstance(value, dict):
            return any(self._holds(inner) for inner in value.values())
        if isinstance(value, list):
            return any(self._holds(inner) for inner in value)
        return isinstance(value, str) and value == self.mark


def _around(text: str, marks: Collection[str]) -> Part:
    for mark in marks:
        at = re.search(rf"(?<![\w-]){re.escape(mark)}(?![\w-])", text)
        if at is not None:
            start, end = max(0, at.start() - AROUND), min(len(text), at.end() + AROUND)
            cut = f"{_ELLIPSIS if start else ''}{text[start:end]}{_ELLIPSIS if end < len(text) else ''}"
            return Part(cut)
    return Part(_cut(text), is_whole=True)


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}\n{_ELLIPSIS} and {len(text) - LONGEST:,} characters more"
