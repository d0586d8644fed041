"""Operations packed into batches, and the form in which batches keep them. Pure.

A payload is compressed lines of JSON. After the first each is the record of one operation: its fields as on
the wire; those that are left alone are absent, null clears. The first is `{"key": …, "constants": {…},
"columns": […]}`:

- `columns` are what `Columns` names, in its order; one in which all are the same is written once;
- `key` is the field that every record has with its match key as the value, and that its line leaves out; ""
  where there is none such;
- `constants` are fields that the run itself fills, with the same in all: sent, and not remembered.

So a destination that takes the fields as they are is sent the lines as they are: to read them, only to write
them again, would take most of the time that a large job needs.
"""

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from itertools import repeat
from operator import or_
from typing import Any, NamedTuple, TypeVar

import orjson

from destinations.contract import (
    ACCEPTED,
    JSON,
    Mode,
    Operation,
    Operations,
    Outcome,
    Packing,
    Piece,
    Verdict,
)
from syncs.engine.mapping import Layout

# A named tuple's own constructor runs in Python: five times the cost, for every record that is sent.
_OPERATION: Callable[[Iterable[Any]], Operation] = partial(tuple.__new__, Operation)

T = TypeVar("T")

BROKEN = (zlib.error, ValueError, KeyError, TypeError, IndexError)  # what reading another version's may raise
ENVELOPE_BYTES = 200  # what a call adds around one operation's values, generously
EMPTY = b"{}"  # a record of no fields


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
    key_texts, match_keys, *columns = zip(*[orjson.loads(one.line) for one in batch], strict=True)
    values = dict(zip(layout.wire_fields, columns, strict=True))
    key = next((name for name, column in values.items() if column == match_keys), "")
    values.pop(key, None)
    rows: Iterable[Sequence[JSON]] = zip(*values.values(), strict=True) if values else [()] * len(batch)
    cleared = frozenset(layout.cleared)
    texts = [
        orjson.dumps({f: v for f, v in zip(values, row, strict=True) if v is not None or f in cleared})
        for row in rows
    ]
    known = Columns(
        key_texts,
        match_keys,
        [one.fingerprint for one in batch],
        [one.counts for one in batch],
        [one.remote_id for one in batch],
        [one.former_match for one in batch],
        [one.owner for one in batch],
        [one.in_doubt for one in batch],
    )
    return _packed(_Content(known, texts, key, layout.constants))


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
    """What is known of operations beside their records, column by column."""

    key_texts: Sequence[str]
    match_keys: Sequence[str]
    fingerprints: Sequence[int]
    counts: Sequence[bool]
    remote_ids: Sequence[str]
    former_matches: Sequence[str]
    owners: Sequence[str]
    in_doubt: Sequence[bool]

    def at(self, positions: Sequence[int]) -> "Columns":
        """Those at these positions; there must be one at least."""
        if len(positions) == len(self.key_texts) and list(positions) == list(range(len(positions))):
            return self
        return Columns._make([column[at] for at in positions] for column in self)


class _Content(NamedTuple):
    columns: Columns
    texts: Sequence[bytes]
    key: str
    constants: Mapping[str, JSON]


def _packed(content: _Content) -> bytes:
    columns, texts, key, constants = content
    once = [column[:1] if column.count(column[0]) == len(column) else column for column in columns]
    head = {"key": key, "constants": dict(constants), "columns": once}
    return zlib.compress(b"\n".join([orjson.dumps(head), *texts]), 1)


def _unpacked(payload: bytes) -> _Content:
    head, *texts = zlib.decompress(payload).split(b"\n")
    found: dict[str, Any] = orjson.loads(head)
    size = len(texts)
    columns = Columns._make(c if len(c) == size else c * size for c in found["columns"])
    return _Content(columns, texts, found["key"], found["constants"])


class Payload:
    """A batch's payload, read when it is first asked for something."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    @cached_property
    def _read(self) -> _Content:
        return _unpacked(self._packed)

    def __len__(self) -> int:
        return len(self._read.texts)

    @property
    def constants(self) -> Mapping[str, JSON]:
        """The fields that the run itself fills, as on the wire: the same in all records."""
        return self._read.constants

    def row(self, at: int) -> Row:
        """One operation; its record is what is sent."""
        columns, texts, key, constants = self._read
        known: list[Any] = [column[at] for column in columns]
        key_text, match_key, *rest = known
        record = _record(texts[at], key, match_key)
        return Row._make((key_text, match_key, {**record, **constants} if record else record, *rest))

    def columns(self, positions: Sequence[int]) -> Columns:
        """What is known of the rows at these positions; there must be one at least."""
        return self._read.columns.at(positions)

    def records(self, positions: Iterable[int]) -> list[dict[str, JSON]]:
        """The records at these positions, without what the run itself filled."""
        columns, texts, key, _ = self._read
        return [_record(texts[at], key, columns.match_keys[at]) for at in positions]

    def record_texts(self, positions: Iterable[int]) -> list[bytes]:
        """The same as JSON."""
        columns, texts, key, _ = self._read
        if not key:
            return [texts[at] for at in positions]
        begun, match_keys = b"{%b:" % orjson.dumps(key), columns.match_keys
        return [
            begun + orjson.dumps(match_keys[at]) + (b"}" if texts[at] == EMPTY else b"," + texts[at][1:])
            for at in positions
        ]

    def counted(self, positions: Iterable[int]) -> list[int]:
        """Those positions whose operation stands for its row."""
        counts = self._read.columns.counts
        return [at for at in positions if counts[at]]

    def without_remote_id(self) -> list[int]:
        """Positions of the operations of whose records the plan knew no id."""
        return [at for at, known in enumerate(self._read.columns.remote_ids) if not known]

    def in_doubt(self) -> list[int]:
        """Positions of the operations that an earlier run may have applied."""
        return [at for at, doubted in enumerate(self._read.columns.in_doubt) if doubted]

    def part(self, positions: Sequence[int]) -> bytes:
        """The payload of a batch of its own for these positions."""
        columns, texts, key, constants = self._read
        return _packed(_Content(columns.at(positions), [texts[at] for at in positions], key, constants))

    def operations(
        self,
        batch_id: int,
        mode: Mode,
        positions: Sequence[int],
        found: Mapping[int, str] = {},
        *,
        to_find: bool = False,
    ) -> Sequence[Operation]:
        """The operations at these positions, named `batch-position` for good.

        `found` are remote ids by position, from a look-up: they count more than those of the plan. `to_find`:
        for a look-up, which knows a record that an earlier run sent, whatever that run filled itself.
        """
        if not positions:
            return ()
        columns, texts, key, constants = self._read
        rows = columns.at(positions)
        remote_ids = rows.remote_ids
        if found:
            remote_ids = [found.get(at, known) for at, known in zip(positions, remote_ids, strict=True)]
        return _Operations(
            mode,
            [f"{batch_id}-{at}" for at in positions],
            rows.match_keys,
            texts if rows is columns else [texts[at] for at in positions],
            remote_ids,
            rows.former_matches,
            key,
            {} if to_find else constants,
        )


@dataclass(frozen=True, eq=False)
class _Operations(Operations):
    """Operations whose records are JSON until somebody wants to see one."""

    mode: Mode
    ids: Sequence[str]
    match_keys: Sequence[str]
    texts: Sequence[bytes]
    remote_ids: Sequence[str]
    former_matches: Sequence[str]
    key: str
    constants: Mapping[str, JSON]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, at: Any) -> Any:
        return self._made[at]

    def pieces(self, upsert_key: str) -> Iterable[Piece]:
        if upsert_key != self.key:
            return super().pieces(upsert_key)
        texts = self.texts
        if self.constants:
            more = orjson.dumps(dict(self.constants))
            texts = [more if text == EMPTY else text[:-1] + b"," + more[1:] for text in texts]
        fields = [None if text == EMPTY else orjson.Fragment(text) for text in texts]
        return zip(self.ids, self.match_keys, fields, strict=True)

    @cached_property
    def _made(self) -> tuple[Operation, ...]:
        records = map(_record, self.texts, repeat(self.key), self.match_keys)
        if self.constants:
            records = map(or_, records, repeat(dict(self.constants)))
        columns = (
            self.ids,
            repeat(self.mode),
            self.match_keys,
            records,
            self.remote_ids,
            self.former_matches,
        )
        return tuple(map(_OPERATION, zip(*columns, strict=False)))


def _record(text: bytes, key: str, match_key: str) -> dict[str, JSON]:
    """A record, with the field that its text leaves out; of one that was forgotten nothing is left."""
    record: dict[str, JSON] = orjson.loads(text)
    return {key: match_key, **record} if key and match_key else record


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
    columns, texts, key, constants = _unpacked(payload)
    nothing = dict.fromkeys(("key_texts", "match_keys", "remote_ids", "former_matches", "owners"), "")
    left = {name: list(column) for name, column in columns._asdict().items()}
    for name, empty in {**nothing, "fingerprints": 0, "in_doubt": False}.items():
        for at in positions:
            left[name][at] = empty
    kept = [EMPTY if at in positions else text for at, text in enumerate(texts)]
    return _packed(_Content(Columns(**left), kept, key, constants))


def outcomes_without(packed: bytes, positions: Collection[int], *, reason: str) -> bytes:
    """The outcomes without remote ids and reasons at these positions; `reason` stands instead."""
    found: dict[str, Any] = orjson.loads(zlib.decompress(packed))
    for at in map(str, positions):
        found["remote_ids"].pop(at, None)
        if at in found["rejected"]:
            found["rejected"][at] = [reason, ""]
    return zlib.compress(orjson.dumps(found), 1)
