"""Operations packed into batches, and the form in which batches keep them. Pure.

A payload is compressed JSON, a list with an entry for each operation: `[key text, match key, {field:
value}, fingerprint, counts, remote id, former match key, owner, in doubt]`. Fields are as on the wire; those
that are left alone are absent, None clears. Where the run itself fills fields, with the same in all records,
the payload is `{"constants": {field: value}, "operations": [...]}`: they are sent, and not remembered.
"""

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from itertools import repeat
from typing import Any, NamedTuple, TypeVar

import orjson

from destinations.contract import ACCEPTED, JSON, Mode, Operation, Outcome, Packing, Verdict
from syncs.engine.mapping import Layout

# A named tuple's own constructor runs in Python: five times the cost, for every record that is sent.
_OPERATION: Callable[[Iterable[Any]], Operation] = partial(tuple.__new__, Operation)

T = TypeVar("T")

ENVELOPE_BYTES = 200  # what a call adds around one operation's values, generously


@dataclass(frozen=True, slots=True)
class Planned:
    """One operation of the plan, by its ledger key.

    `counts`: it stands for its row in the run's totals (a companion's operation does only where its row
    has none of its own). `owner` is the key text of the row that a companion belongs to. `former_match`
    is the upsert key that the ledger had for the row, if it changed. `in_doubt`: it may have been applied
    before. `not_before`: an unanswered request for the same key may take effect until then.
    """

    key: bytes
    line: bytes
    fingerprint: int
    counts: bool = True
    remote_id: str = ""
    former_match: str = ""
    owner: str = ""
    in_doubt: bool = False
    not_before: datetime | None = None


def packing_for(count: int, packings: Sequence[Packing]) -> Packing:
    """The largest packing that is worth while for so many operations."""
    return next(one for one in packings if count >= one.least or one is packings[-1])


def pack(
    planned: Iterable[Planned], packings: Sequence[Packing], size: int, *, each: int = 0
) -> Iterator[list[Planned]]:
    """Group operations into batches of the largest packing and about `size` bytes, in order.

    The rest that is too few for it goes by a smaller one. `each` is what an operation takes beside its
    own values, in bytes.
    """
    batch: list[Planned] = []
    held = 0
    for one in planned:
        cost = len(one.line) + ENVELOPE_BYTES + each
        if batch and (len(batch) >= packings[0].per_batch or held + cost > size):
            yield from repack(batch, packings)
            batch, held = [], 0
        batch.append(one)
        held += cost
    yield from repack(batch, packings)


def repack(batch: list[T], packings: Sequence[Packing]) -> Iterator[list[T]]:
    """One batch as several of the packing that is worth while for it; none where it is empty."""
    per_batch = packing_for(len(batch), packings).per_batch
    for at in range(0, len(batch), per_batch):
        yield batch[at : at + per_batch]


def write(batch: Sequence[Planned], layout: Layout) -> bytes:
    """A batch's payload."""
    fields, cleared = layout.wire_fields, frozenset(layout.cleared)
    entries = []
    for one in batch:
        key_text, match_key, *values = orjson.loads(one.line)
        record = {f: v for f, v in zip(fields, values, strict=True) if v is not None or f in cleared}
        entries.append(
            (
                key_text,
                match_key,
                record,
                one.fingerprint,
                one.counts,
                one.remote_id,
                one.former_match,
                one.owner,
                one.in_doubt,
            )
        )
    return _packed(entries, layout.constants)


def _packed(entries: Sequence[Any], constants: Mapping[str, JSON]) -> bytes:
    content = {"constants": dict(constants), "operations": entries} if constants else entries
    return zlib.compress(orjson.dumps(content), 1)


def _unpacked(payload: bytes) -> tuple[list[list[Any]], dict[str, JSON]]:
    """A payload's entries, and what is the same in all records."""
    found: Any = orjson.loads(zlib.decompress(payload))
    return (found["operations"], found["constants"]) if isinstance(found, dict) else (found, {})


class Row(NamedTuple):
    """An operation read back from a payload."""

    key_text: str
    match_key: str
    record: dict[str, JSON]
    fingerprint: int
    counts: bool
    remote_id: str
    former_match: str
    owner: str
    in_doubt: bool


class Columns(NamedTuple):
    """Operations read back from a payload, column by column; records without what the run itself filled."""

    key_texts: Sequence[str]
    match_keys: Sequence[str]
    records: Sequence[dict[str, JSON]]
    fingerprints: Sequence[int]
    counts: Sequence[bool]
    remote_ids: Sequence[str]
    former_matches: Sequence[str]
    owners: Sequence[str]
    in_doubt: Sequence[bool]


class Payload:
    """A batch's payload, read when it is first asked for something."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    @cached_property
    def _read(self) -> tuple[list[list[Any]], dict[str, JSON]]:
        return _unpacked(self._packed)

    @property
    def _entries(self) -> list[list[Any]]:
        return self._read[0]

    @property
    def constants(self) -> Mapping[str, JSON]:
        """The fields that the run itself fills, as on the wire: the same in all records."""
        return self._read[1]

    def __len__(self) -> int:
        return len(self._entries)

    def row(self, at: int) -> Row:
        """One operation; its record is what is sent."""
        row = Row._make(self._entries[at])
        return row._replace(record={**row.record, **self.constants}) if row.record and self.constants else row

    def columns(self, positions: Iterable[int]) -> Columns:
        """The rows at these positions, column by column; there must be one at least."""
        entries = self._entries
        return Columns._make(zip(*[entries[at] for at in positions], strict=True))

    def counted(self, positions: Iterable[int]) -> list[int]:
        """Those positions whose operation stands for its row."""
        entries = self._entries
        return [at for at in positions if entries[at][4]]

    def to_find(self, wanted: Callable[[Row], bool]) -> list[int]:
        """Positions of the operations whose records are to be looked up first."""
        return [at for at, entry in enumerate(self._entries) if wanted(Row._make(entry))]

    def part(self, positions: Iterable[int]) -> bytes:
        """The payload of a batch of its own for these positions."""
        return _packed([self._entries[at] for at in positions], self.constants)

    def operations(
        self,
        batch_id: int,
        mode: Mode,
        positions: Iterable[int],
        found: Mapping[int, str] = {},
        *,
        to_find: bool = False,
    ) -> tuple[Operation, ...]:
        """The operations at these positions, named `batch-position` for good.

        `found` are remote ids by position, from a look-up: they count more than those of the plan. `to_find`:
        for a look-up, which knows a record that an earlier run sent, whatever that run filled itself.
        """
        chosen = list(positions)
        if not chosen:
            return ()
        rows = self.columns(chosen)
        remote_ids, records = rows.remote_ids, rows.records
        if self.constants and not to_find:
            records = [{**record, **self.constants} for record in records]
        if found:
            remote_ids = [found.get(at, known) for at, known in zip(chosen, remote_ids, strict=True)]
        names = [f"{batch_id}-{at}" for at in chosen]
        columns = zip(
            names, repeat(mode), rows.match_keys, records, remote_ids, rows.former_matches, strict=False
        )
        return tuple(map(_OPERATION, columns))


def is_all_accepted(outcomes: Mapping[int, Outcome]) -> bool:
    """Whether each is a plain acceptance, as most are: with no remote id, nor anything else to tell."""
    return list(outcomes.values()).count(ACCEPTED) == len(outcomes)


def write_outcomes(outcomes: Mapping[int, Outcome], *, given_up: Iterable[int], lost: bool) -> bytes:
    """What is proved about a batch's operations, by position; the rest as in `Settled`."""
    by_verdict: dict[Verdict, list[int]] = {verdict: [] for verdict in Verdict}
    if is_all_accepted(outcomes):
        by_verdict[Verdict.ACCEPTED] = list(outcomes)
    else:
        for at, outcome in outcomes.items():
            by_verdict[outcome.verdict].append(at)
    accepted, rejected = by_verdict[Verdict.ACCEPTED], by_verdict[Verdict.REJECTED]
    return zlib.compress(
        orjson.dumps(
            {
                "accepted": accepted,
                "remote_ids": {str(at): outcomes[at].remote_id for at in accepted if outcomes[at].remote_id},
                "rejected": {str(at): [outcomes[at].reason, outcomes[at].field] for at in rejected},
                "in_doubt": by_verdict[Verdict.UNPROVED],
                "given_up": list(given_up),
                "lost": lost,
            }
        ),
        1,
    )


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcomes of a batch, read back, by position.

    `given_up` are those among the rejected that failed too often though nothing speaks against them.
    `lost`: an answer went missing on the way, and may have been of a request that still takes effect.
    """

    accepted: Sequence[int]
    remote_ids: Mapping[str, str]
    rejected: Mapping[str, tuple[str, str]]
    in_doubt: Sequence[int]
    given_up: Sequence[int]
    lost: bool


def read_outcomes(packed: bytes) -> Settled:
    found: dict[str, Any] = orjson.loads(zlib.decompress(packed))
    return Settled(**found)


def without(payload: bytes, positions: Collection[int]) -> bytes:
    """The payload without what it says of the operations at these positions, which stay as empty ones."""
    entries, constants = _unpacked(payload)
    for at in positions:
        entries[at] = ["", "", {}, 0, entries[at][4], "", "", "", False]
    return _packed(entries, constants)


def outcomes_without(packed: bytes, positions: Collection[int], *, reason: str) -> bytes:
    """The outcomes without remote ids and reasons at these positions; `reason` stands instead."""
    found: dict[str, Any] = orjson.loads(zlib.decompress(packed))
    for at in map(str, positions):
        found["remote_ids"].pop(at, None)
        if at in found["rejected"]:
            found["rejected"][at] = [reason, ""]
    return zlib.compress(orjson.dumps(found), 1)
