"""The ledger: what a sync last had accepted, and what is in doubt. Read by ranges, written by folding.

Folding brings the ledger up to date from settled batches: one batch a transaction, marked in the same
transaction, so that a crash on any line folds every batch exactly once.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import repeat
from struct import Struct, unpack
from typing import Any

import orjson
import psycopg
from django.db import connection
from django.utils import timezone

from syncs.engine import bulk
from syncs.engine.batches import Columns, Payload, read_outcomes
from syncs.engine.keys import ledger_keys
from syncs.engine.lease import Lease
from syncs.engine.plan import Known
from syncs.models import Batch, LedgerEntry, Run, Sync

LOOKUP = 400  # keys in one look-up
MANY = 100_000  # rows; more are not counted while somebody waits

_TABLE = LedgerEntry._meta.db_table
_ROW = {  # of every statement: column and PostgreSQL's type, in order
    "team_id": "bigint",
    "sync_id": "bigint",
    "generation": "int",
    "key": "bytea",
    "key_text": "text",
    "part": "smallint",
    "match_key": "text",
    "run_number": "int",
    "remote_id": "text",
    "refused_count": "smallint",
}
_FORGET_REFUSAL = "refused_count = 0, refused_fingerprint = NULL, next_try_run = NULL, next_try_at = NULL"

ACCEPTED = bulk.Upsert(
    _TABLE,
    _ROW
    | {"fingerprint": "bigint", "record": "bytea", "accepted_at": "timestamptz", "settles_at": "timestamptz"},
    key=("sync_id", "generation", "key"),
    update=f"""
        key_text = excluded.key_text, match_key = excluded.match_key, fingerprint = excluded.fingerprint,
        record = excluded.record, run_number = excluded.run_number, accepted_at = excluded.accepted_at,
        settles_at = excluded.settles_at, {_FORGET_REFUSAL},
        remote_id = CASE WHEN excluded.remote_id = '' THEN {_TABLE}.remote_id ELSE excluded.remote_id END""",
)
DOUBT = bulk.Upsert(
    _TABLE,
    _ROW | {"settles_at": "timestamptz"},
    key=("sync_id", "generation", "key"),
    update=f"""
        fingerprint = NULL, settles_at = excluded.settles_at, run_number = excluded.run_number,
        {_FORGET_REFUSAL}""",
)
REFUSED = bulk.Upsert(  # with `settles_at` where an answer was lost before: then it is in doubt as well
    _TABLE,
    _ROW
    | {
        "refused_fingerprint": "bigint",
        "next_try_run": "int",
        "next_try_at": "timestamptz",
        "settles_at": "timestamptz",
    },
    key=("sync_id", "generation", "key"),
    update=f"""
        fingerprint = CASE WHEN excluded.settles_at IS NULL THEN {_TABLE}.fingerprint END,
        settles_at = COALESCE(excluded.settles_at, {_TABLE}.settles_at),
        refused_fingerprint = excluded.refused_fingerprint, refused_count = excluded.refused_count,
        next_try_run = excluded.next_try_run, next_try_at = excluded.next_try_at""",
)


# Keys and fingerprints as one long value: rows took three times as long to come, and to be read.
_PACKED = (
    "string_agg(key || int8send(fingerprint), ''), string_agg(key, '') FILTER (WHERE fingerprint IS NULL)"
)
_PAIR = Struct(">16sq")
_KEY = Struct("16s")


def size(sync_id: int, generation: int) -> int:
    """How many rows (companions too) the ledger of a sync's generation holds."""
    return LedgerEntry.objects.filter(sync_id=sync_id, generation=generation).count()


def sent(sync: Sync, part: int = 0, *, accepted: bool = False) -> tuple[int, bool]:
    """How many rows (0) or companions (1) the sync's present generation has sent, and whether that is about.

    `accepted`: only those that are not in doubt. Up to `MANY` they are counted. Of more, a sixteenth is: the
    keys are digests, so that it tells the rest to a hundredth.
    """
    found = LedgerEntry.objects.filter(sync=sync, generation=sync.generation, part=part)
    if accepted:
        found = found.filter(fingerprint__isnull=False)
    reckoned = 16 * found.filter(key__lt=b"\x10").count()
    if reckoned <= MANY:
        return found.count(), False
    return int(float(f"{reckoned:.2g}")), True


def size_about(run: Run, part: int) -> int:
    """About how many rows (part 0) or companions (1): the keys are digests, so a share of them will tell."""
    share = LedgerEntry.objects.filter(
        sync_id=run.sync_id, generation=run.generation, part=part, key__lt=b"\x01"
    )
    return 256 * share.count()


def has_any(run: Run) -> bool:
    """Whether anything was sent in this life of the ledger."""
    return LedgerEntry.objects.filter(sync_id=run.sync_id, generation=run.generation, part=0).exists()


def accepted(run: Run, part: int, start: bytes, end: bytes | None) -> tuple[int, set[int]]:
    """How many entries there are from `start` up to `end`, and the fingerprints of what was accepted.

    As one long value: rows take three times as long to come, and to be read. Which fingerprint is whose is
    not told, as a record's holds its key too.
    """
    where, values = _range(run, part, start, end)
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*), group_concat(fingerprint) {where}", values)
            count, texts = cursor.fetchone()
        return count, set(orjson.loads(f"[{texts or ''}]"))
    row = _binary(f"SELECT count(*), string_agg(int8send(fingerprint), '') {where}", values)
    count, packed = row or (0, None)
    return count, set(unpack(f">{len(packed or b'') // 8}q", packed or b""))


def fingerprints(run: Run, part: int, start: bytes, end: bytes | None) -> dict[bytes, int | None]:
    """The fingerprints of the entries from `start` up to `end`, by key."""
    where, values = _range(run, part, start, end)
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor, connection.wrap_database_errors:
            cursor.execute(f"SELECT key, fingerprint {where}", values)
            return dict(cursor.cursor)  # not as a list first: a third faster
    packed, doubted = _binary(f"SELECT {_PACKED} {where}", values) or (None, None)
    found: dict[bytes, int | None] = dict(_PAIR.iter_unpack(packed or b""))
    found.update((key, None) for (key,) in _KEY.iter_unpack(doubted or b""))
    return found


def _range(run: Run, part: int, start: bytes, end: bytes | None) -> tuple[str, list[Any]]:
    """Of a statement: the entries from `start` up to `end`."""
    where = f"FROM {_TABLE} WHERE sync_id = %s AND generation = %s AND part = %s AND key >= %s"
    values: list[Any] = [run.sync_id, run.generation, part, start]
    return (where, values) if end is None else (f"{where} AND key < %s", [*values, end])


def _binary(statement: str, values: list[Any]) -> tuple[Any, ...] | None:
    """PostgreSQL's row, its values as bytes. Django's cursor puts what it is given into the statement, and
    then takes no binary answer.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement.encode(), values, binary=True)
        return cursor.fetchone()


def known(run: Run, keys: Sequence[bytes]) -> dict[bytes, Known]:
    """What the ledger holds of these keys."""
    found: dict[bytes, Known] = {}
    for at in range(0, len(keys), LOOKUP):
        entries = LedgerEntry.objects.filter(
            sync_id=run.sync_id, generation=run.generation, key__in=keys[at : at + LOOKUP]
        ).values_list("key", *Known._fields)
        found.update((bytes(key), Known(*rest)) for key, *rest in entries)
    return found


def release_refused(sync: Sync) -> int:
    """End the wait of refused rows: mapping or fields changed, or somebody asked. Returns how many."""
    return LedgerEntry.objects.filter(
        sync=sync, generation=sync.generation, refused_fingerprint__isnull=False
    ).update(next_try_run=None, next_try_at=None)


def fold(run: Run, lease: Lease, *, settle_seconds: float) -> None:
    """Fold what is settled, in the run's order. LostLease where another worker has the run."""
    while True:
        found = list(
            Batch.objects.filter(run=run, status=Batch.Status.SETTLED, folded_at__isnull=True)
            .order_by("number")
            .values_list("pk", flat=True)[:50]
        )
        if not found:
            return
        for pk in found:
            lease.demand()
            _fold_batch(run, Batch.objects.get(pk=pk), lease, settle_seconds)


def _fold_batch(run: Run, batch: Batch, lease: Lease, settle_seconds: float) -> None:
    now = timezone.now()
    payload, settled = Payload(bytes(batch.payload)), read_outcomes(bytes(batch.outcomes))
    part = int(batch.stage == Batch.Stage.COMPANIONS)
    # From when nobody waited for an answer any more: it may have been lost long after the call was sent.
    settled_at = bulk.moment(batch.settled_at)
    settles_at = bulk.moment((batch.settled_at or now) + timedelta(seconds=settle_seconds))
    lost_until = settles_at if settled.lost else None

    def common(rows: Columns, remote_ids: Iterable[str], refusals: Iterable[int]) -> list[Iterable[Any]]:
        """The values of `_ROW`'s columns."""
        keys = ledger_keys(rows.key_texts, part)
        sync = (repeat(run.team_id), repeat(run.sync_id), repeat(run.generation))
        at_run = repeat(run.number)
        return [*sync, keys, rows.key_texts, repeat(part), rows.match_keys, at_run, remote_ids, refusals]

    def accepted(rows: Columns) -> list[Iterable[Any]]:
        remote_ids = [settled.remote_ids.get(str(at), "") for at in settled.accepted]
        keeps = run.sync.keep_records
        records = map(_packed, payload.record_texts(settled.accepted)) if keeps else repeat(None)
        more = (rows.fingerprints, records, repeat(settled_at), repeat(lost_until))
        return [*common(rows, remote_ids, repeat(0)), *more]

    def doubted(rows: Columns) -> list[Iterable[Any]]:
        return [*common(rows, rows.remote_ids, repeat(0)), repeat(settles_at)]

    def refused(rows: Columns) -> list[Iterable[Any]]:
        keys = ledger_keys(rows.key_texts, part)
        before = _refusals(run, keys)
        counts = [
            before[key][1] + 1 if key in before and before[key][0] == fingerprint else 1
            for key, fingerprint in zip(keys, rows.fingerprints, strict=True)
        ]
        tries = [next_try(count, run.number, now) for count in counts]
        next_runs, next_times = [again for again, _ in tries], [bulk.moment(at) for _, at in tries]
        more = (rows.fingerprints, next_runs, next_times, repeat(lost_until))
        return [*common(rows, rows.remote_ids, counts), *more]

    refusals = [at for at in map(int, settled.rejected) if at not in settled.given_up]
    parts = ((ACCEPTED, settled.accepted, accepted), (DOUBT, settled.in_doubt, doubted))
    written = [
        (upsert, list(zip(*columns(payload.columns(at)), strict=False)))
        for upsert, at, columns in (*parts, (REFUSED, refusals, refused))
        if at
    ]
    with bulk.unhurried():
        marked = Batch.objects.filter(
            pk=batch.pk, folded_at__isnull=True, run__lease_token=lease.token
        ).update(folded_at=now)
        if not marked:
            lease.lose()
        for upsert, rows in written:
            upsert.run(rows)


def accept_late(batch: Batch, accepted: Mapping[int, str]) -> None:
    """A job told of these positions, with their remote ids, after its run had ended in doubt of them.

    In the caller's transaction. What the ledger no longer has in doubt since that run stays as it is.
    """
    run, payload, part = batch.run, Payload(bytes(batch.payload)), int(batch.stage == Batch.Stage.COMPANIONS)
    is_lost = read_outcomes(bytes(batch.outcomes)).lost
    found = {at: payload.row(at) for at in accepted}
    keys = dict(zip(found, ledger_keys([row.key_text for row in found.values()], part), strict=True))
    doubted = LedgerEntry.objects.filter(
        sync_id=run.sync_id, generation=run.generation, run_number=run.number, fingerprint__isnull=True
    )
    settles: dict[bytes, datetime | None] = {}
    for n in range(0, len(keys), LOOKUP):
        chunk = doubted.filter(key__in=list(keys.values())[n : n + LOOKUP])
        settles.update((bytes(key), at) for key, at in chunk.values_list("key", "settles_at"))
    now = bulk.moment(timezone.now())
    records = dict(zip(accepted, payload.record_texts(accepted), strict=True))
    ACCEPTED.run(
        [
            (
                *(run.team_id, run.sync_id, run.generation, keys[at], row.key_text, part, row.match_key),
                *(run.number, accepted[at], 0, row.fingerprint),
                _packed(records[at]) if run.sync.keep_records else None,
                *(now, bulk.moment(settles[keys[at]]) if is_lost else None),
            )
            for at, row in found.items()
            if keys[at] in settles
        ]
    )


def _packed(record: bytes) -> bytes:
    """As `zlib.compress` would, with a window that fits a record: to set up its own takes thrice the time."""
    pack = zlib.compressobj(1, zlib.DEFLATED, 12, 5)
    return pack.compress(record) + pack.flush()


def next_try(refusals: int, run_number: int, now: datetime) -> tuple[int | None, datetime | None]:
    """When a row refused so often, and unchanged, is tried again: after one run, a day, a week."""
    if refusals <= 1:
        return run_number + 2, None
    return None, now + timedelta(days=1 if refusals == 2 else 7)


def _refusals(run: Run, keys: Sequence[bytes]) -> dict[bytes, tuple[int | None, int]]:
    found: dict[bytes, tuple[int | None, int]] = {}
    for at in range(0, len(keys), LOOKUP):
        entries = LedgerEntry.objects.filter(
            sync_id=run.sync_id, generation=run.generation, key__in=keys[at : at + LOOKUP]
        ).values_list("key", "refused_fingerprint", "refused_count")
        found.update((bytes(key), (fingerprint, count)) for key, fingerprint, count in entries)
    return found
