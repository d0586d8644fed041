"""What a batch sends, operation by operation, and what became of each."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from destinations.contract import Verdict
from syncadmin.lib import personal
from syncadmin.lib.shown import Tone, moment, pretty
from syncs.engine.batches import Payload, Settled, read_outcomes
from syncs.engine.journal import Journal
from syncs.models import Batch
from syncs.views import told

A_PAGE = 50
FORGOTTEN = "(removed on request)"
UNREADABLE = (zlib.error, ValueError, KeyError, TypeError, IndexError)


class Unreadable(Exception):
    """What was stored is not what this version writes."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One operation for people. `owner` is the key of the row that it belongs to, `key` the same in full."""

    at: int
    key: str
    owner: str
    match_key: str
    former_match: str
    values: str
    outcome: str
    tone: Tone
    reason: str
    field: str
    remote_id: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a batch's operations; `is_kept` is False where the payload was pruned."""

    shown: tuple[Shown, ...]
    start: int
    total: int
    is_kept: bool = True

    @property
    def end(self) -> int:
        return self.start + len(self.shown)

    @property
    def earlier(self) -> int | None:
        return max(0, self.start - A_PAGE) if self.start else None

    @property
    def later(self) -> int | None:
        return self.end if self.end < self.total else None


def page(batch: Batch, start: int) -> Page:
    """The operations from `start`. Unreadable where payload or outcomes are broken."""
    if not batch.payload:
        return Page((), 0, batch.operation_count, is_kept=False)
    try:
        payload = Payload(bytes(batch.payload))
        fates = _fates(batch)
        start = start if 0 <= start < len(payload) else 0
        shown = tuple(
            _shown(payload, at, fates.get(at, _NOT_SENT))
            for at in range(start, min(start + A_PAGE, len(payload)))
        )
    except UNREADABLE as fault:
        raise Unreadable from fault
    return Page(shown, start, len(payload))


@dataclass(frozen=True, slots=True)
class _Fate:
    outcome: str
    tone: Tone
    reason: str = ""
    field: str = ""
    remote_id: str = ""


_NOT_SENT = _Fate("Not sent", Tone.QUIET)
_UNDER_WAY = _Fate("Under way", Tone.BUSY)
_IN_DOUBT = _Fate("In doubt", Tone.CARE)


def _fates(batch: Batch) -> Mapping[int, _Fate]:
    """What became of each operation so far, by position."""
    if batch.outcomes:
        return _settled(read_outcomes(bytes(batch.outcomes)))
    journal = Journal.read(batch.operation_count, bytes(batch.journal))
    fates = {at: _proved(o.verdict, o.reason, o.field, o.remote_id) for at, o in journal.proved.items()}
    if batch.status == Batch.Status.SENDING and journal.call is not None:
        fates |= dict.fromkeys(journal.positions(journal.call), _UNDER_WAY)
    return fates


def _settled(found: Settled) -> dict[int, _Fate]:
    fates = {
        at: _proved(Verdict.ACCEPTED, remote_id=found.remote_ids.get(str(at), "")) for at in found.accepted
    }
    fates |= dict.fromkeys(found.in_doubt, _IN_DOUBT)
    for at, (reason, field) in found.rejected.items():
        fates[int(at)] = _proved(Verdict.REJECTED, reason, field)
    return fates


def _proved(verdict: Verdict, reason: str = "", field: str = "", remote_id: str = "") -> _Fate:
    match verdict:
        case Verdict.ACCEPTED:
            return _Fate("Arrived", Tone.GOOD, remote_id=remote_id)
        case Verdict.REJECTED:
            return _Fate("Refused", Tone.BAD, reason, field)
        case Verdict.UNPROVED:
            return _Fate("In doubt", Tone.CARE, reason, field)


def _shown(payload: Payload, at: int, fate: _Fate) -> Shown:
    row = payload.row(at)
    key = row.owner or row.key_text
    return Shown(
        at,
        key,
        personal.text(key) or FORGOTTEN,
        personal.text(row.match_key),
        personal.text(row.former_match),
        pretty(personal.values(row.record)),
        fate.outcome,
        fate.tone,
        told.said(fate.reason, (key, row.match_key, row.former_match, row.record)),
        fate.field,
        personal.text(fate.remote_id),
    )


def journal_of(batch: Batch) -> Journal:
    """What an open batch still has to send. Unreadable where its journal is broken."""
    try:
        return Journal.read(batch.operation_count, bytes(batch.journal))
    except UNREADABLE as fault:
        raise Unreadable from fault


def calls_of(batch: Batch) -> list[dict[str, Any]]:
    """The calls that an open batch still has to make, in words."""
    if batch.status == Batch.Status.SETTLED:
        return []
    journal = journal_of(batch)
    return [
        {
            "operations": len(journal.positions(call)),
            "at_work": call.state is not None,
            "state": pretty(personal.values(call.state)) if call.state else "",
            "since": moment(datetime.fromisoformat(call.since)) if call.since else "",
            "failures": call.failures,
            "looks": call.looks,
            "refusal": personal.words(call.refusal),
        }
        for call in journal.calls
    ]
