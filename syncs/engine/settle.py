"""The fenced writes of delivery: claim, keep, settle. Each demands the run's lease token.

A batch is `sending` in the database before its call leaves, and an answer counts only while the batch is
still sending by the same attempt of the same worker.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from django.db import connection, transaction
from django.utils import timezone

from destinations.contract import Adapter, Call, Verdict
from destinations.http import Sent
from destinations.models import Exchange
from syncs.engine import bulk, telling
from syncs.engine.batches import Payload, write_outcomes
from syncs.engine.journal import Journal
from syncs.engine.lease import Lease
from syncs.models import Batch, RejectedRow, Run

UNANSWERED = "the run ended before the answer came."


@dataclass(slots=True)
class Held:
    """A batch that this worker has claimed, read."""

    batch: Batch
    payload: Payload
    journal: Journal
    call: Call | None = None  # the one that is out, or that a job works on

    @property
    def call_id(self) -> str:
        """Names the call at the destination and in our records of it: `batch-attempt`, and `-position` where
        it carries one operation of several.
        """
        name, out = f"{self.batch.pk}-{self.batch.attempt}", self.journal.call
        alone = out is not None and out.at is not None and len(out.at) == 1 < self.batch.operation_count
        return f"{name}-{out.at[0]}" if alone and out is not None and out.at else name


def claim(
    batch: Batch,
    lease: Lease,
    now: datetime,
    read: Callable[[Batch, Payload], Journal],
    *,
    together: bulk.Together | None = None,
) -> Held | None:
    """Mark the batch as sending by us. None: it is not as we thought, or the run is not ours.

    `read` gives the batch's journal. A batch that a dead worker was sending is taken over: its call may
    have been applied. What is written `together` is not claimed before that has been carried out.
    """
    lease.demand()
    was_sending = batch.status == Batch.Status.SENDING
    first = batch.first_sent_at or now
    token, at = _token(lease), bulk.moment(now)
    writes = together or bulk.Together()
    writes.add(
        f"""
        UPDATE {_BATCH} SET status = 'sending', attempt = attempt + 1, lease_token = %s, first_sent_at = %s,
            last_sent_at = %s
        WHERE id = %s AND status = %s AND attempt = %s AND EXISTS (
            SELECT 1 FROM {_RUN} WHERE id = %s AND lease_token = %s AND lease_expires_at > %s)
        """,
        (token, bulk.moment(first), at, batch.pk, batch.status, batch.attempt, batch.run_id, token, at),
        changes=1,
    )
    if together is None and not writes.run():
        return None
    batch.status = Batch.Status.SENDING
    batch.attempt += 1
    batch.first_sent_at, batch.last_sent_at = first, now
    payload = Payload(bytes(batch.payload))
    journal = read(batch, payload)
    if was_sending and journal.call is not None and journal.call.state is None:
        journal.lost_answer()
    return Held(batch, payload, journal)


def go_on(held: Held, lease: Lease, now: datetime, together: bulk.Together) -> None:
    """Write the journal, and with it that the batch's next call is out."""
    together.add(
        f"UPDATE {_BATCH} SET journal = %s, last_sent_at = %s WHERE {_OURS}",
        (held.journal.write(), bulk.moment(now), *_our(held, lease)),
        changes=1,
    )
    held.call = None


def keep(
    held: Held, lease: Lease, *, due_at: datetime, error: str, together: bulk.Together | None = None
) -> None:
    """Write the journal: the call's job goes on, or its next call goes at `due_at`. LostLease if fenced."""
    out = held.journal.call
    status = Batch.Status.SENDING if out is not None and out.state is not None else Batch.Status.WAITING
    writes = together or bulk.Together()
    writes.add(
        f"UPDATE {_BATCH} SET status = %s, journal = %s, due_at = %s, last_error = %s WHERE {_OURS}",
        (status.value, held.journal.write(), bulk.moment(due_at), error, *_our(held, lease)),
        changes=1,
    )
    if together is None and not writes.run():
        lease.lose()
    held.batch.status, held.batch.due_at = status, due_at
    if status == Batch.Status.WAITING:
        held.call = None


def settle(
    run: Run,
    settled: Sequence[Held],
    exchanges: Sequence[Sent],
    lease: Lease,
    *,
    failed_owners: frozenset[str],
    adapter: type[Adapter],
    companion: str,
    together: bulk.Together | None = None,
    is_told: bool = False,
) -> None:
    """Write outcomes, failures and counters in one transaction. LostLease if fenced: nothing is written.

    `failed_owners` are rows whose companion failed: they fail with it. `companion` is what to call one.
    `is_told`: the rows that did not arrive are written already.
    """
    now = timezone.now()
    totals = dict.fromkeys(Verdict, 0)
    writes = together or bulk.Together()
    told: list[RejectedRow] = []
    for held in settled:
        counts = _counts(held, failed_owners)
        journal, left = held.journal, bool(held.journal.left)
        writes.add(
            f"""
            UPDATE {_BATCH} SET status = 'settled', lease_token = NULL, journal = %s, outcomes = %s,
                accepted_count = %s, rejected_count = %s, in_doubt_count = %s, settled_at = %s,
                left_at = %s, due_at = %s
            WHERE {_OURS}
            """,
            (
                journal.write_left() if left else b"",
                write_outcomes(journal.proved, given_up=journal.given_up, lost=journal.lost),
                *(counts[verdict] for verdict in Verdict),
                bulk.moment(now),
                bulk.moment(now) if left else None,
                bulk.moment(now if left else held.batch.due_at),
                *_our(held, lease),
            ),
            changes=1,
        )
        for verdict, count in counts.items():
            totals[verdict] += count
        if not (journal.is_all_accepted or is_told):
            told += telling.rows_of(held.batch, held.payload, journal, adapter, companion)
    if exchanges:
        _keep_exchanges(run, exchanges, writes)
    begun = [
        held.batch.number
        for held in settled
        if not is_told and held.batch.attempt > 1 and held.batch.operation_count > telling.A_WRITE
    ]
    writes.add(
        f"""
        UPDATE {_RUN} SET accepted_count = accepted_count + %s, rejected_count = rejected_count + %s,
            in_doubt_count = in_doubt_count + %s, waiting_count = waiting_count - %s
        WHERE id = %s AND lease_token = %s
        """,
        (*(totals[verdict] for verdict in Verdict), sum(totals.values()), run.pk, _token(lease)),
        changes=1,
    )
    with transaction.atomic(savepoint=False):
        if together is None and not writes.run():
            lease.lose()
        if begun:  # a worker may have died over telling ahead
            telling.forget(run, begun)
        if told:
            RejectedRow.objects.bulk_create(told, batch_size=500)


def keep_part(held: Held, lease: Lease) -> None:
    """Write the journal of a batch whose calls are over, and that it stands only for what is proved of it.

    LostLease if fenced.
    """
    rows = len(held.payload.counted(held.journal.proved))
    writes = bulk.Together()
    writes.add(
        f"UPDATE {_BATCH} SET journal = %s, row_count = %s WHERE {_OURS}",
        (held.journal.write(), rows, *_our(held, lease)),
        changes=1,
    )
    if not writes.run():
        lease.lose()
    held.batch.row_count = rows


def take_away(held: Held, lease: Lease) -> None:
    """Delete a batch that was claimed. LostLease if fenced."""
    writes = bulk.Together()
    writes.add(f"DELETE FROM {_BATCH} WHERE {_OURS}", _our(held, lease), changes=1)
    if not writes.run():
        lease.lose()


def abandon(
    run: Run,
    lease: Lease,
    *,
    adapter: type[Adapter],
    companion: str,
    read: Callable[[Batch, Payload], Journal],
) -> None:
    """Nothing more is sent: what may have been applied is in doubt, what was proved stays proved.

    Operations that never left stay waiting: the next run plans them again.
    """
    while True:
        batch = (
            Batch.objects.filter(run=run, plan_attempt=run.plan_attempt, attempt__gt=0)
            .exclude(status=Batch.Status.SETTLED)
            .order_by("number")
            .first()
        )
        if batch is None:
            return
        batch.run = run
        sent_at = batch.last_sent_at
        was_sending = batch.status == Batch.Status.SENDING
        owners = failed_owners(run)
        payload = Payload(bytes(batch.payload))
        journal = read(batch, payload)
        journal.abandon(UNANSWERED, sending=was_sending)
        if is_told := telling.is_long(journal):
            telling.ahead(batch, payload, journal, lease, adapter=adapter, companion=companion)
        with transaction.atomic():  # claimed alone, it would look as if it had been sent
            held = claim(batch, lease, timezone.now(), read)
            if held is None:
                lease.lose()
            Batch.objects.filter(pk=batch.pk).update(last_sent_at=sent_at)
            held.journal.abandon(UNANSWERED, sending=was_sending)
            settle(
                run,
                [held],
                [],
                lease,
                failed_owners=owners,
                adapter=adapter,
                companion=companion,
                is_told=is_told,
            )


def failed_owners(run: Run) -> frozenset[str]:
    """Keys of rows whose companion was refused or is in doubt in this run."""
    return frozenset(
        RejectedRow.objects.filter(run=run, plan_attempt=run.plan_attempt, part=1).values_list(
            "key_text", flat=True
        )
    )


class FailedOwners:
    """Those of a run, read when first wanted: companions are settled before the first row is sent."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._found: frozenset[str] | None = None

    def of(self, settled: Sequence[Held]) -> frozenset[str]:
        """What counts for these batches."""
        if not any(held.batch.stage != Batch.Stage.COMPANIONS for held in settled):
            return frozenset()
        if self._found is None:
            self._found = failed_owners(self._run)
        return self._found


# Plain statements: they run for every call, and the ORM would take longer to write them than the
# database to carry them out.

_BATCH = Batch._meta.db_table
_RUN = Run._meta.db_table
_KEEP_EXCHANGE = f"""
    INSERT INTO {Exchange._meta.db_table} (
        team_id, connection_id, subject, public_id, call, method, url, status, error, request_headers,
        reply_headers, request_body, reply_body, started_at, milliseconds
    ) VALUES ({", ".join(["%s"] * 15)})
"""
_OURS = f"""
    id = %s AND status = 'sending' AND attempt = %s AND lease_token = %s AND EXISTS (
        SELECT 1 FROM {_RUN} WHERE id = %s AND lease_token = %s)
"""


def _our(held: Held, lease: Lease) -> tuple[Any, ...]:
    token, batch = _token(lease), held.batch
    return batch.pk, batch.attempt, token, batch.run_id, token


def _keep_exchanges(run: Run, exchanges: Sequence[Sent], writes: bulk.Together) -> None:
    """What `bulk_create` does, in a fourth of the time."""
    common = (run.team_id, run.sync.connection_id, _uuid(run.public_id))
    for sent in exchanges:
        values = (
            *common,
            _uuid(uuid4()),
            sent.call,
            sent.method,
            sent.url,
            sent.status,
            sent.error,
            orjson.dumps(sent.request_headers).decode(),
            orjson.dumps(sent.reply_headers).decode(),
            sent.request_body,
            sent.reply_body,
            bulk.moment(sent.started_at),
            sent.milliseconds,
        )
        writes.add(_KEEP_EXCHANGE, values)


def _token(lease: Lease) -> Any:
    return _uuid(lease.token)


def _uuid(value: UUID | None) -> Any:
    """As the database's driver takes it."""
    return value if value is None or connection.features.has_native_uuid_field else value.hex


def _counts(held: Held, failed_owners: frozenset[str]) -> Mapping[Verdict, int]:
    """How many rows came to what: only operations that stand for their row are counted."""
    counts = dict.fromkeys(Verdict, 0)
    rows = held.batch.stage != Batch.Stage.COMPANIONS
    proved = held.journal.proved
    if not failed_owners and held.journal.is_all_accepted:
        whole = held.batch.row_count == held.batch.operation_count == len(proved)
        counts[Verdict.ACCEPTED] = len(proved) if whole else len(held.payload.counted(proved))
        return counts
    for at in held.payload.counted(proved):
        verdict = proved[at].verdict
        if rows and failed_owners and held.payload.row(at).key_text in failed_owners:
            verdict = Verdict.REJECTED
        counts[verdict] += 1
    return counts
