"""Writes down the rows of a batch that did not arrive, with their reasons.

They are written with the batch's outcomes, in one transaction. Of a job of thousands that would stop all
other writers to SQLite for too long: there they are written ahead, a few at a time.
"""

from collections.abc import Sequence

from django.db import transaction

from destinations.contract import Adapter, Verdict
from syncs.engine import reasons
from syncs.engine.batches import Payload
from syncs.engine.journal import Journal
from syncs.engine.lease import Lease
from syncs.models import Batch, RejectedRow, Run

A_WRITE = 250  # rows; keeps SQLite's write transactions under 50 ms


def is_long(journal: Journal) -> bool:
    """Whether there is more to tell than one short transaction can write."""
    if len(journal.proved) <= A_WRITE or journal.is_all_accepted:
        return False
    return sum(outcome.verdict is not Verdict.ACCEPTED for outcome in journal.proved.values()) > A_WRITE


def rows_of(
    batch: Batch, payload: Payload, journal: Journal, adapter: type[Adapter], companion: str
) -> list[RejectedRow]:
    """What is to be told. `companion` is what to call one."""
    return reasons.of_outcomes(batch, payload, journal.proved.items(), journal.given_up, adapter, companion)


def ahead(
    batch: Batch,
    payload: Payload,
    journal: Journal,
    lease: Lease,
    *,
    adapter: type[Adapter],
    companion: str,
) -> None:
    """Write it before the batch is settled, in several transactions. LostLease if fenced.

    Where we die in between, whoever settles the batch begins anew.
    """
    rows = rows_of(batch, payload, journal, adapter, companion)
    with transaction.atomic():
        lease.fence()
        forget(batch.run, [batch.number])
    for at in range(0, len(rows), A_WRITE):
        lease.demand()
        with transaction.atomic():
            lease.fence()
            RejectedRow.objects.bulk_create(rows[at : at + A_WRITE])


def forget(run: Run, numbers: Sequence[int]) -> None:
    """Take away what was written ahead for batches of these numbers."""
    RejectedRow.objects.filter(run=run, plan_attempt=run.plan_attempt, batch_number__in=numbers).delete()
