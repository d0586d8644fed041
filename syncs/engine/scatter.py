"""A batch that the account does not take whole, written anew as smaller ones."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Case, F, Max, Value, When

from destinations.contract import Packing
from syncs.engine.batches import Payload, packing_for, repack
from syncs.engine.journal import Journal
from syncs.engine.lease import Lease
from syncs.engine.settle import Held, keep_part, take_away
from syncs.models import Batch, PlannedRow, Run


def scatter(
    run: Run,
    held: Held,
    lease: Lease,
    packings: Sequence[Packing],
    *,
    due_at: datetime,
    begin: Callable[[Batch, Payload, int], Journal],
) -> list[Batch]:
    """Write the operations of a batch of which nothing is proved as smaller batches.

    `packings` are those that are smaller than its call, `begin` gives the journal of a batch for calls of so
    many operations. They come last in the run's order. The batch is gone; where some of it is proved it
    keeps that alone, and can be settled. LostLease if fenced.
    """
    batch, entries = held.batch, held.payload
    is_whole = not held.journal.proved
    positions = [at for at in range(batch.operation_count) if at not in held.journal.proved]
    packing = packing_for(len(positions), packings)
    parts = list(repack(positions, (packing,)))
    made = [
        Batch(
            team_id=batch.team_id,
            run=run,
            plan_attempt=batch.plan_attempt,
            stage=batch.stage,
            object_key=batch.object_key,
            operation_count=len(part),
            row_count=len(entries.counted(part)),
            due_at=due_at,
            payload=entries.part(part),
        )
        for part in parts
    ]
    for one in made:  # by this packing, whatever a batch of its size would go by otherwise
        journal = begin(one, Payload(one.payload), packing.per_call)
        journal.lost = journal.lost or held.journal.lost
        one.journal = journal.write()
    with transaction.atomic(savepoint=False):
        if is_whole:
            take_away(held, lease)
        else:
            held.journal.calls = []
            keep_part(held, lease)
        number = Batch.objects.filter(run=run, plan_attempt=batch.plan_attempt).aggregate(Max("number"))
        first = max(int(number["number__max"] or 0), batch.number) + 1
        for at, one in enumerate(made):
            one.number = first + at
        Batch.objects.bulk_create(made)
        planned = PlannedRow.objects.filter(run=run, batch_number=batch.number)
        if is_whole:
            planned.update(
                batch_number=first + F("position") / packing.per_batch,
                position=F("position") % packing.per_batch,
            )
        else:
            for one, part in zip(made, parts, strict=True):
                places = [When(position=at, then=Value(now)) for now, at in enumerate(part)]
                moved = planned.filter(position__in=part)
                moved.update(batch_number=one.number, position=Case(*places))
    return made
