"""A batch that the account does not take whole, written anew as smaller ones."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, Max

from destinations.contract import Packing
from syncs.engine.batches import Payload, packing_for, repack
from syncs.engine.journal import Journal
from syncs.engine.lease import Lease
from syncs.engine.settle import Held, take_away
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
    """Write the operations of a batch, none of which was applied, as smaller batches in its place.

    `packings` are those that are smaller than its call, `begin` gives the journal of a batch for calls of so
    many operations. They come last in the run's order. LostLease if fenced.
    """
    batch, entries = held.batch, held.payload
    packing = packing_for(batch.operation_count, packings)
    parts = list(repack(list(range(batch.operation_count)), (packing,)))
    with transaction.atomic(savepoint=False):
        take_away(held, lease)
        number = Batch.objects.filter(run=run, plan_attempt=batch.plan_attempt).aggregate(Max("number"))
        first = max(int(number["number__max"] or 0), batch.number) + 1
        made = [
            Batch(
                team_id=batch.team_id,
                run=run,
                plan_attempt=batch.plan_attempt,
                number=first + at,
                stage=batch.stage,
                object_key=batch.object_key,
                operation_count=len(part),
                row_count=len(entries.counted(part)),
                due_at=due_at,
                payload=entries.part(part[0], part[-1] + 1),
            )
            for at, part in enumerate(parts)
        ]
        for one in made:  # by this packing, whatever a batch of its size would go by otherwise
            journal = begin(one, Payload(one.payload), packing.per_call)
            journal.lost = journal.lost or held.journal.lost
            one.journal = journal.write()
        Batch.objects.bulk_create(made)
        PlannedRow.objects.filter(run=run, batch_number=batch.number).update(
            batch_number=first + F("position") / packing.per_batch,
            position=F("position") % packing.per_batch,
        )
    return made
