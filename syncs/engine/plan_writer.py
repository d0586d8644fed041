"""Writes a plan down: batches with the index of their rows, and the rows that are not sent.

Everything carries the attempt's number; what an earlier attempt wrote is taken away first.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from syncs.engine import bulk
from syncs.engine.batches import Planned, write
from syncs.engine.lease import Lease
from syncs.engine.mapping import Layout
from syncs.models import Batch, BatchDiff, LeftRows, PlannedRow, RejectedRow, Run

OPERATIONS_A_WRITE = 2_000  # keeps SQLite's write transactions under 50 ms
REJECTED_A_WRITE = 500
DELETED_A_WRITE = 200

_INDEX = PlannedRow._meta.db_table
_INDEX_COLUMNS = {
    "team_id": "int8",
    "sync_id": "int8",
    "run_id": "int8",
    "key": "bytea",
    "part": "int2",
    "batch_number": "int4",
    "position": "int4",
}


def discard(run: Run, lease: Lease, *, but: int | None = None) -> None:
    """Take away what attempts at the run's plan wrote, in small writes; all `but` one."""
    attempts = [] if but is None else [but]
    for model in (Batch, RejectedRow, BatchDiff, LeftRows):
        stale = model._default_manager.filter(run=run).exclude(plan_attempt__in=attempts)
        while found := list(stale.values_list("pk", flat=True)[:DELETED_A_WRITE]):
            lease.demand()
            model._default_manager.filter(pk__in=found).delete()
    PlannedRow.objects.filter(run=run).delete()


class PlanWriter:
    """One attempt's pen."""

    def __init__(self, run: Run, lease: Lease, attempt: int, object_key: str) -> None:
        self.run = run
        self._lease = lease
        self._attempt = attempt
        self._object_key = object_key
        self._number = 0

    def batches(
        self,
        packed: Iterable[Sequence[Planned]],
        layout: Layout,
        *,
        stage: Batch.Stage,
        object_key: str = "",
    ) -> int:
        """Write batches; returns how many."""
        part = int(stage == Batch.Stage.COMPANIONS)
        first = self._number
        for group in _writes(packed):
            self._lease.demand()
            rows, index = [], []
            for batch in group:
                self._number += 1
                rows.append(self._batch(batch, layout, stage, object_key or self._object_key))
                index += [
                    (self.run.team_id, self.run.sync_id, self.run.pk, one.key, part, self._number, at)
                    for at, one in enumerate(batch)
                ]
            with bulk.unhurried():
                self._lease.fence()
                Batch.objects.bulk_create(rows)
                bulk.insert(_INDEX, _INDEX_COLUMNS, index)
        return self._number - first

    def rejected(self, rows: Sequence[RejectedRow]) -> None:
        """Write rows that are not sent, each with its reason."""
        for at in range(0, len(rows), REJECTED_A_WRITE):
            self._lease.demand()
            with bulk.unhurried():
                self._lease.fence()
                RejectedRow.objects.bulk_create(rows[at : at + REJECTED_A_WRITE])

    def left(self, keys: Collection[bytes]) -> None:
        """Write the keys of rows that left the model, those of one span of the comparison."""
        self._lease.demand()
        packed = b"".join(sorted(keys))
        with bulk.unhurried():
            self._lease.fence()
            LeftRows.objects.create(
                team_id=self.run.team_id,
                run=self.run,
                plan_attempt=self._attempt,
                number=packed[0],
                keys=packed,
            )

    def _batch(self, batch: Sequence[Planned], layout: Layout, stage: Batch.Stage, object_key: str) -> Batch:
        return Batch(
            team_id=self.run.team_id,
            run=self.run,
            plan_attempt=self._attempt,
            number=self._number,
            stage=stage,
            object_key=object_key,
            operation_count=len(batch),
            row_count=sum(1 for one in batch if one.counts),
            due_at=max((one.not_before for one in batch if one.not_before), default=self.run.created_at),
            payload=write(batch, layout),
        )


def _writes(packed: Iterable[Sequence[Planned]]) -> Iterator[list[Sequence[Planned]]]:
    """Batches by what is written in one transaction."""
    group: list[Sequence[Planned]] = []
    size = 0
    for batch in packed:
        group.append(batch)
        size += len(batch)
        if size >= OPERATIONS_A_WRITE:
            yield group
            group, size = [], 0
    if group:
        yield group
