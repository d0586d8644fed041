"""The batches of a run that are not settled: their list, and the next ones of them, read together.

The list is small and stays with the conductor. Payloads are large: they come a few at a time, because a
query costs as much as a few batches, and go with the batch.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from syncs.models import Batch, Run

READ_AHEAD = 16  # batches read at once

_TILL_SETTLED = "Waiting until an unanswered request of an earlier run can no longer take effect."


class Open(NamedTuple):
    """A batch that is not settled, as the conductor's list has it."""

    pk: int
    stage: int
    number: int
    due_at: datetime


def load(run: Run) -> dict[int, Open]:
    """The open batches of the run's plan by their id, in the order of sending."""
    found = (
        Batch.objects.filter(run=run, plan_attempt=run.plan_attempt)
        .exclude(status=Batch.Status.SETTLED)
        .order_by("stage", "number")
        .values_list("pk", "stage", "number", "due_at")
    )
    return {row[0]: Open(*row) for row in found}


def with_more(known: Mapping[int, Open], batches: Iterable[Batch]) -> dict[int, Open]:
    """The list with these batches in their places."""
    more = {one.pk: Open(one.pk, one.stage, one.number, one.due_at) for one in batches}
    return dict(sorted({**known, **more}.items(), key=lambda item: (item[1].stage, item[1].number)))


def waits_for(known: Mapping[int, Open]) -> str:
    """What is waited for where nothing is left but what waits out an unanswered request, in plain words."""
    return _TILL_SETTLED if all(one.stage == Batch.Stage.LATE_ROWS for one in known.values()) else ""


class ReadAhead:
    """Batches as they were when they were read: a claim notices where they are not so any more."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._read: dict[int, Batch] = {}

    def forget(self, pk: int) -> None:
        """The batch was written since it was read."""
        self._read.pop(pk, None)

    def take(self, pk: int, after: Iterable[int], *, write: Callable[[], None]) -> Batch:
        """The batch, to be claimed. Where it must be read, the next ones of `after` are read with it.

        Before that `write` is called: what is still to be written may be of these batches.
        """
        if pk not in self._read:
            write()
            self._read = Batch.objects.in_bulk({pk, *islice(after, READ_AHEAD)})
        batch = self._read.pop(pk)
        batch.run = self._run
        return batch
