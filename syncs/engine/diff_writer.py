"""Compares a plan with what was last sent, and writes down what it would change.

Batch by batch, so that memory stays flat: the changes beside their batch, the counts on the run. Only dry
runs pay for it, and runs that a brake holds.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

import orjson

from destinations.contract import JSON
from syncs.engine import bulk
from syncs.engine.batches import Payload
from syncs.engine.diff import ALONG, KNOWN, NEW, Summary, Told, read_before, write_befores
from syncs.engine.keys import ledger_keys
from syncs.engine.lease import Lease
from syncs.engine.ledger import LOOKUP
from syncs.engine.mapping import Shape
from syncs.models import Batch, BatchDiff, LedgerEntry, Run

OPERATIONS_AT_ONCE = 2_000  # keeps SQLite's write transactions under 50 ms
BATCHES_LISTED = 500
RECENT_RUNS = 10
FEWEST_RUNS = 3  # from which something is usual


class Before(NamedTuple):
    """What is known of a key: whether it was sent, and what was; None where that is not kept."""

    was_sent: bool
    record: dict[str, JSON] | None


NEVER = Before(was_sent=False, record={})


def compare_plan(
    run: Run, lease: Lease, attempt: int, shape: Shape, pulse: Callable[[int], None]
) -> dict[str, Any]:
    """Write what each batch of the plan would change; returns what the run keeps.

    `pulse` is told the operations compared so far; it raises where the run must stop.
    """
    summary = _compare(run, lease, attempt, shape, pulse, keep=True)
    return summary.write() | {"usual": usual(run), "keeps_records": run.sync.keep_records}


def summarise(run: Run, lease: Lease, attempt: int, shape: Shape, pulse: Callable[[int], None]) -> Summary:
    """The same, and nothing is written."""
    return _compare(run, lease, attempt, shape, pulse, keep=False)


def _compare(
    run: Run, lease: Lease, attempt: int, shape: Shape, pulse: Callable[[int], None], *, keep: bool
) -> Summary:
    summary, done = Summary(), 0
    prefix = shape.companion.prefix if shape.companion is not None else ""
    for group in _groups(run, attempt):
        lease.demand()
        payloads = {batch.pk: Payload(bytes(batch.payload)) for batch in group}
        befores = _befores(run, [key for batch in group for key in _keys(batch, payloads[batch.pk])])
        rows = []
        for batch in group:
            told, rekeyed = _told(batch, payloads[batch.pk], befores, prefix)
            of_batch = Summary(rekeyed=rekeyed)
            of_batch.add(((batch.number, at), one) for at, one in enumerate(told))
            summary.merge(of_batch)
            done += len(told)
            if not keep:
                continue
            kept = zlib.compress(orjson.dumps(write_befores(told)), 1)
            rows.append(
                BatchDiff(
                    team_id=run.team_id,
                    run=run,
                    plan_attempt=attempt,
                    number=batch.number,
                    counts=of_batch.counts,
                    befores=kept,
                )
            )
        if rows:
            with bulk.unhurried():
                lease.fence()
                BatchDiff.objects.bulk_create(rows)
        pulse(done)
    return summary


def read_told(diff: BatchDiff, payload: Payload, *, prefix: str) -> list[Told]:
    """A batch's changes, read back; of what was forgotten since nothing is told."""
    written = orjson.loads(zlib.decompress(bytes(diff.befores)))
    records = _records(payload, prefix)
    return [read_before(one, record) for one, record in zip(written, records, strict=True)]


def befores_without(befores: bytes, positions: Sequence[int]) -> bytes:
    """What is kept of a batch, without the values at these positions."""
    written = orjson.loads(zlib.decompress(befores))
    for at in positions:
        written[at][1] = {}
    return zlib.compress(orjson.dumps(written), 1)


def _groups(run: Run, attempt: int) -> Iterator[list[Batch]]:
    """The plan's batches in their order, so many at once as can be held."""
    planned = Batch.objects.filter(run=run, plan_attempt=attempt)
    last = 0
    while listed := list(
        planned.filter(number__gt=last)
        .order_by("number")
        .values_list("number", "operation_count")[:BATCHES_LISTED]
    ):
        first, held = listed[0][0], 0
        for number, size in listed:
            if held and held + size > OPERATIONS_AT_ONCE:
                break
            last, held = number, held + size
        wanted = planned.filter(number__gte=first, number__lte=last).order_by("number")
        yield list(wanted.only("number", "stage", "payload"))


def _keys(batch: Batch, payload: Payload) -> list[bytes]:
    return ledger_keys(_columns(payload).key_texts, _part(batch)) if len(payload) else []


def _told(
    batch: Batch, payload: Payload, befores: Mapping[bytes, Before], prefix: str
) -> tuple[list[Told], int]:
    """What each operation changes, and how many rows have another upsert key than before."""
    if not len(payload):
        return [], 0
    part = _part(batch)
    columns = _columns(payload)
    told = []
    for key, counts, after in zip(
        _keys(batch, payload), columns.counts, _records(payload, prefix if part else ""), strict=True
    ):
        before = befores.get(key, NEVER)
        if part:
            group = KNOWN if counts else ALONG
        else:
            group = KNOWN if before.was_sent else NEW
        record = before.record
        if part and record:
            record = {prefix + name: value for name, value in record.items()}
        told.append(Told.of(group, record, after))
    return told, sum(map(bool, columns.former_matches))


def _befores(run: Run, keys: Sequence[bytes]) -> dict[bytes, Before]:
    """What was last accepted of these keys; those that nobody ever sent are left out."""
    found = {}
    for at in range(0, len(keys), LOOKUP):
        entries = LedgerEntry.objects.filter(
            sync_id=run.sync_id, generation=run.generation, key__in=keys[at : at + LOOKUP]
        ).values_list("key", "record", "accepted_at", "settles_at")
        for key, record, accepted_at, settles_at in entries:
            if record is not None:
                found[bytes(key)] = Before(True, orjson.loads(zlib.decompress(bytes(record))))
            elif accepted_at is not None or settles_at is not None:
                found[bytes(key)] = Before(True, None)
    return found


def _columns(payload: Payload) -> Any:
    return payload.columns(range(len(payload)))


def _records(payload: Payload, prefix: str) -> list[dict[str, JSON]]:
    """What would be sent, without what the run itself fills: that is never remembered."""
    records = payload.records(range(len(payload)))
    return [{prefix + name: value for name, value in one.items()} if prefix else one for one in records]


def _part(batch: Batch) -> int:
    return int(batch.stage == Batch.Stage.COMPANIONS)


def usual(run: Run) -> int | None:
    """How many rows a run of the sync sends, most often; None where it ran too seldom to know."""
    whole = Run.objects.over_all_rows().ended_well()
    recent = whole.filter(sync=run.sync_id, generation=run.generation, full=False)
    counts = list(recent.order_by("-pk").values_list("planned_count", flat=True)[: RECENT_RUNS + 1])
    if len(counts) <= RECENT_RUNS:
        counts = counts[:-1]  # the first of all sent every row
    return round(median(counts[:RECENT_RUNS])) if len(counts) >= FEWEST_RUNS else None
