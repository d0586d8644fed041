"""Rows of a run that were planned: which arrived, and which still wait. Read from its batches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeAlias

from django.db.models import F, QuerySet
from django.db.models.expressions import Combinable

from destinations.contract import JSON
from syncadmin.lib.paging import A_PAGE
from syncs.engine.batches import BROKEN, Payload, Settled, read_outcomes
from syncs.engine.settle import failed_owners
from syncs.models import Batch, Run

Place: TypeAlias = tuple[int, int]  # a batch's number and the position in it
Fits: TypeAlias = Callable[[Batch, Payload, Settled | None], Sequence[int]]  # the positions that are meant


@dataclass(frozen=True, slots=True)
class Sent:
    """A planned row. `is_companion`: only its companion (a lead's company) was to be sent."""

    place: Place
    key_text: str
    match_key: str
    values: dict[str, JSON]
    remote_id: str
    at: datetime | None
    is_companion: bool


@dataclass(frozen=True, slots=True)
class SentPage:
    """Some planned rows; `newer` and `older` are the places to go on from."""

    rows: list[Sent]
    newer: Place | None = None
    older: Place | None = None


def arrived(run: Run, *, start: Place | None, back: bool = False, size: int = A_PAGE) -> SentPage:
    """Exactly the rows that the run counts as arrived, in the order of sending."""
    batches = run.batches.filter(plan_attempt=run.plan_attempt, accepted_count__gt=0)
    failed = failed_owners(run) if run.rejected_count else frozenset()

    def fits(batch: Batch, payload: Payload, settled: Settled | None) -> Sequence[int]:
        if settled is None:
            return ()
        counted = payload.counted(sorted(settled.accepted))
        if not failed or batch.stage == Batch.Stage.COMPANIONS:
            return counted
        return [at for at in counted if payload.row(at).key_text not in failed]

    return _page(batches, F("accepted_count"), fits, start, back=back, size=size)


def waiting(run: Run, *, start: Place | None, back: bool = False, size: int = A_PAGE) -> SentPage:
    """Exactly the rows that the run counts as waiting: planned, and nothing is known of them yet."""
    decided = F("accepted_count") + F("rejected_count") + F("in_doubt_count")
    batches = run.batches.filter(plan_attempt=run.plan_attempt, row_count__gt=decided)

    def fits(batch: Batch, payload: Payload, settled: Settled | None) -> Sequence[int]:
        counted = payload.counted(range(len(payload)))
        if settled is None:
            return counted
        known = {*settled.accepted, *settled.in_doubt, *map(int, settled.rejected)}
        return [at for at in counted if at not in known]

    return _page(batches, F("row_count") - decided, fits, start, back=back, size=size)


def one(run: Run, place: Place) -> tuple[Sent, Batch] | None:
    """The planned row at a place, and its batch; None where nothing is kept of it."""
    number, at = place
    batch = run.batches.filter(plan_attempt=run.plan_attempt, number=number).first()
    return of_batch(batch, at) if batch is not None else None


def of_batch(batch: Batch, at: int) -> tuple[Sent, Batch] | None:
    """The row at a position of the batch; None where nothing is kept of it."""
    if not batch.payload or at >= batch.operation_count:
        return None
    try:
        return _sent(batch, Payload(bytes(batch.payload)), _settled(batch), at), batch
    except BROKEN:
        return None


def _page(
    batches: QuerySet[Batch], counts: Combinable, fits: Fits, start: Place | None, *, back: bool, size: int
) -> SentPage:
    """A page of the positions that `fits`, of which each batch has as many as `counts` says.

    Two queries: which batches hold enough rows for a page, then those with their payloads.
    """
    found = list(islice(_from(batches, counts, fits, start, back=back, size=size), size + 1))
    is_more = len(found) > size
    rows = found[:size]
    if back:
        rows.reverse()
        if not is_more and len(rows) < size and start is not None:
            return _page(batches, counts, fits, None, back=False, size=size)
    if not rows:
        return SentPage([])
    has_newer = is_more if back else start is not None
    return SentPage(rows, rows[0].place if has_newer else None, rows[-1].place if back or is_more else None)


def _from(
    batches: QuerySet[Batch], counts: Combinable, fits: Fits, start: Place | None, *, back: bool, size: int
) -> Iterator[Sent]:
    order = "-number" if back else "number"
    kept = batches.exclude(payload=b"")
    if start is not None:
        kept = kept.filter(number__lte=start[0]) if back else kept.filter(number__gte=start[0])
    wanted, held = [], 0
    for number, rows in kept.order_by(order).values_list("number", counts)[: size + 2]:
        wanted.append(number)
        held += rows if start is None or number != start[0] else 0
        if held > size:
            break
    for batch in kept.filter(number__in=wanted).order_by(order):
        try:
            payload, settled = Payload(bytes(batch.payload)), _settled(batch)
            positions = fits(batch, payload, settled)
            for at in reversed(positions) if back else positions:
                place = (batch.number, at)
                if start is None or (place < start if back else place > start):
                    yield _sent(batch, payload, settled, at)
        except BROKEN:  # written by another version: the rest can be read all the same
            continue


def _settled(batch: Batch) -> Settled | None:
    return read_outcomes(bytes(batch.outcomes)) if batch.outcomes else None


def _sent(batch: Batch, payload: Payload, settled: Settled | None, at: int) -> Sent:
    row = payload.row(at)
    is_companion = batch.stage == Batch.Stage.COMPANIONS
    return Sent(
        (batch.number, at),
        row.owner if is_companion else row.key_text,
        row.match_key,
        row.record,
        settled.remote_ids.get(str(at), "") if settled is not None else "",
        batch.settled_at,
        is_companion,
    )
