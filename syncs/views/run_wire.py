"""What went over the wire for one row: the requests that carried it and their answers, its own part."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from destinations.contract import Adapter
from destinations.models import Exchange
from syncadmin.lib import personal
from syncadmin.lib.shown import pretty
from syncs.engine.keys import companion_key, row_key
from syncs.models import Batch, PlannedRow, RejectedRow, Run

MOST_TRIES = 200
MOST_READ = 100  # requests of one batch whose bodies are looked through
AROUND = 600  # characters on both sides of a mention, in what is not JSON
LONGEST = 20_000  # characters of one body on a page
_ELLIPSIS = "…"
_SPELT = frozenset("\"\\/&<>'")


@dataclass(frozen=True, slots=True)
class Part:
    """What one body says of a row. `others` of its list are left out; `is_whole`: it names no single row."""

    text: str
    others: int = 0
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Carried:
    """A request on the row's way, and its answer. `step` is what it is for, `attempt` the how-manyeth try.

    One that says nothing of the row has no parts, and stands for `times` such requests in a row.
    """

    exchange: Exchange
    step: str
    attempt: int
    request: Part | None = None
    answer: Part | None = None
    times: int = 1

    @property
    def is_silent(self) -> bool:
        return self.request is None


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


def carried(
    batch: Batch, run: Run, *, position: int | None, match_key: str, adapter: type[Adapter] | None
) -> list[Carried]:
    """The requests of the batch in their order, with the row's part of those that speak of it.

    The last MOST_READ are looked at; where there were more, the first is added: it handed the rows over.
    """
    tries = range(max(1, batch.attempt - MOST_TRIES + 1), batch.attempt + 1)
    calls = [f"{batch.pk}-{attempt}" for attempt in tries]
    if position is not None:
        calls += [f"{call}-{position}" for call in calls]  # it went by itself
    found = Exchange.objects.filter(team_id=batch.team_id, subject=run.public_id, call__in=calls)
    pks = list(found.order_by("-pk").values_list("pk", flat=True)[:MOST_READ])
    if len(pks) == MOST_READ and (first := found.order_by("pk").values_list("pk", flat=True).first()):
        pks.append(first)
    marks = [match_key] if position is None else [f"{batch.pk}-{position}", match_key]
    lines: list[Carried] = []
    for exchange in found.filter(pk__in=pks).order_by("pk").iterator(chunk_size=10):
        one = _line(exchange, marks, adapter)
        last = lines[-1] if lines else None
        if (
            last is not None
            and last.is_silent
            and one.is_silent
            and (last.step, last.attempt, last.exchange.status) == (one.step, one.attempt, exchange.status)
        ):
            lines[-1] = replace(last, times=last.times + 1)
        else:
            lines.append(one)
    return lines


def step_of(exchange: Exchange, adapter: type[Adapter] | None) -> str:
    """What a request is for."""
    return (adapter.step(exchange.method, exchange.url) if adapter is not None else "") or (
        "Read" if exchange.method == "GET" else "Write"
    )


def _line(exchange: Exchange, marks: Collection[str], adapter: type[Adapter] | None) -> Carried:
    step, parts = step_of(exchange, adapter), exchange.call.split("-")
    attempt = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 1
    sent, told = exchange.request_text, exchange.reply_text
    is_alone = len(parts) > 2
    refused = exchange.status is None or exchange.status >= 400
    if not (is_alone or refused) and not any(_may_hold(text, marks) for text in (sent, told)):
        return Carried(exchange, step, attempt)
    request, answer = part(sent, marks), part(told, marks)
    speaks = (request and not request.is_whole) or (answer and not answer.is_whole)
    if not (is_alone or refused or speaks):
        return Carried(exchange, step, attempt)
    return Carried(exchange, step, attempt, request or Part(""), answer or Part(""))


def _may_hold(text: str, marks: Collection[str]) -> bool:
    """Whether it is worth while to read a body for the marks: a large one takes long. JSON may spell some
    signs otherwise.
    """
    return any(mark and (mark in text or not mark.isascii() or set(mark) & _SPELT) for mark in marks)


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
            return Part(_cut(pretty(personal.values(narrowed))), counted.others)
    return Part(_cut(pretty(personal.values(body))), is_whole=True)


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
            return Part(personal.body(cut))
    return Part(_cut(personal.body(text)), is_whole=True)


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}\n{_ELLIPSIS} and {len(text) - LONGEST:,} characters more"
