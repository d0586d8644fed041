"""Operations packed into batches, and the form in which batches keep them. Pure.

A payload is compressed JSON: `{"fields": [...], "cleared": [...], "ops": [[line, fingerprint, counts,
remote id, former match key, companion], ...]}`, where a line is the record's canonical JSON `[primary
key text, match key, value, ...]` as it was staged, untouched.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from destinations.contract import JSON, Mode, Operation, Outcome, Verdict
from syncs.engine.mapping import Layout

ENVELOPE_BYTES = 200  # what a call adds around one operation's values, generously


@dataclass(frozen=True, slots=True)
class Planned:
    """One operation of the plan, by its ledger key.

    `counts`: it stands for its row in the run's totals (a companion's operation does only where its row
    has none of its own). `owner` is the key text of the row that a companion belongs to. `former_match`
    is the upsert key that the ledger had for the row, if it changed. `not_before`: an unanswered request
    for the same key may take effect until then.
    """

    key: bytes
    line: bytes
    fingerprint: int
    counts: bool = True
    remote_id: str = ""
    former_match: str = ""
    owner: str = ""
    not_before: datetime | None = None


def pack(planned: Iterable[Planned], operations: int, size: int) -> Iterator[list[Planned]]:
    """Group operations into batches of at most `operations` and about `size` bytes, in order."""
    batch: list[Planned] = []
    held = 0
    for one in planned:
        cost = len(one.line) + ENVELOPE_BYTES
        if batch and (len(batch) >= operations or held + cost > size):
            yield batch
            batch, held = [], 0
        batch.append(one)
        held += cost
    if batch:
        yield batch


def write(batch: Sequence[Planned], layout: Layout) -> bytes:
    """A batch's payload."""
    return zlib.compress(
        orjson.dumps(
            {
                "fields": layout.wire_fields,
                "cleared": layout.cleared,
                "ops": [
                    [
                        orjson.Fragment(one.line),
                        one.fingerprint,
                        one.counts,
                        one.remote_id,
                        one.former_match,
                        one.owner,
                    ]
                    for one in batch
                ],
            }
        ),
        1,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """An operation read back from a payload. `values` are by wire field, None included."""

    key_text: str
    match_key: str
    values: tuple[JSON, ...]
    fingerprint: int
    counts: bool
    remote_id: str
    former_match: str
    owner: str


class Payload:
    """A batch's payload, read."""

    def __init__(self, packed: bytes) -> None:
        found: dict[str, Any] = orjson.loads(zlib.decompress(packed))
        self.fields: list[str] = found["fields"]
        self.cleared = frozenset(found["cleared"])
        self._ops: list[list[Any]] = found["ops"]

    def __len__(self) -> int:
        return len(self._ops)

    def row(self, at: int) -> Row:
        line, fingerprint, counts, remote_id, former_match, owner = self._ops[at]
        return Row(line[0], line[1], tuple(line[2:]), fingerprint, counts, remote_id, former_match, owner)

    def record(self, at: int) -> dict[str, JSON]:
        """What is sent: fields without a value are left out, unless None clears them."""
        values = self._ops[at][0][2:]
        if None not in values:
            return dict(zip(self.fields, values, strict=True))
        cleared = self.cleared
        return {f: v for f, v in zip(self.fields, values, strict=True) if v is not None or f in cleared}

    def counts(self, at: int) -> bool:
        return bool(self._ops[at][2])

    def operations(self, batch_id: int, mode: Mode, positions: Iterable[int]) -> tuple[Operation, ...]:
        """The operations at these positions, named `batch-position` for good."""
        return tuple(
            Operation(
                id=f"{batch_id}-{at}",
                mode=mode,
                match_key=self._ops[at][0][1],
                values=self.record(at),
                remote_id=self._ops[at][3],
            )
            for at in positions
        )


def write_outcomes(outcomes: Mapping[int, Outcome], *, given_up: Iterable[int], lost: bool) -> bytes:
    """What is proved about a batch's operations, by position; the rest as in `Settled`."""
    accepted = {at: o.remote_id for at, o in outcomes.items() if o.verdict is Verdict.ACCEPTED}
    return zlib.compress(
        orjson.dumps(
            {
                "accepted": list(accepted),
                "remote_ids": {str(at): remote_id for at, remote_id in accepted.items() if remote_id},
                "rejected": {
                    str(at): [o.reason, o.field]
                    for at, o in outcomes.items()
                    if o.verdict is Verdict.REJECTED
                },
                "in_doubt": [at for at, o in outcomes.items() if o.verdict is Verdict.UNPROVED],
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
