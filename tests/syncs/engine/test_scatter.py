"""Where a bulk job is not taken after all, its people go one by one, once, whatever else is at work."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from django.db import connection as database

from destinations.models import Connection, RemoteAccount
from destinations.sandbox.salesloft import Salesloft
from syncs.engine import deliver, telling
from syncs.engine.run import cancel, finish_here, start
from syncs.models import Batch, PlannedRow, RejectedRow, Run
from tests.syncs.engine.scene import check_history, plan_only, write_csv
from tests.syncs.engine.test_salesloft_runs import (
    PEOPLE,
    connection,
    crowd,
    finish,
    make_sync,
    salesloft,
)

__all__ = ["connection", "salesloft"]
UPLOADS = "POST /v2/bulk_jobs/"
UPSERTS = "/v2/person_upserts"


def small_jobs(connection: Connection, **options: int) -> None:
    connection.options |= {"batch_size": 60, "bulk_from": 50, **options}
    connection.save(update_fields=["options"])


def count(salesloft: Salesloft, path: str, method: str = "POST") -> int:
    return sum(seen.path.startswith(path) and seen.method == method for seen in salesloft.requests)


@contextmanager
def meanwhile(*steps: tuple[Callable[[], bool], Callable[[], None]]) -> Iterator[None]:
    """Beside the run: wait for the first, do the second; and so on."""

    def watch() -> None:
        for is_time, act in steps:
            until = time.monotonic() + 100
            while not is_time() and time.monotonic() < until:
                time.sleep(0.002)
            act()

    beside = threading.Thread(target=watch)
    beside.start()
    yield
    beside.join()


def writes(salesloft: Salesloft) -> set[int]:
    return {one.write_count for one in salesloft.people()}


def test_a_job_at_work_goes_on_where_another_is_refused(
    connection: Connection, salesloft: Salesloft, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_jobs(connection)
    RemoteAccount.objects.update(concurrency=1)
    salesloft.faults.set(hold_jobs=True)

    def strike(request: str) -> str:
        """Every upload is lost but those of the first job."""
        return "drop_after" if request.startswith(UPLOADS) and not request.startswith(f"{UPLOADS}1/") else ""

    monkeypatch.setattr(salesloft.faults, "strike", strike)
    with meanwhile(
        (lambda: count(salesloft, UPSERTS) >= 60, lambda: salesloft.faults.set(hold_jobs=False)),
    ):
        run = finish(make_sync(connection, PEOPLE), crowd(120))

    assert (run.status, run.accepted_count) == (Run.Status.SUCCEEDED, 120)
    assert (len(salesloft.people()), writes(salesloft)) == (120, {1})
    assert count(salesloft, UPSERTS) == 60
    check_history(run)


def test_a_run_can_be_cancelled_after_a_job_was_given_up(
    connection: Connection, salesloft: Salesloft, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_jobs(connection)
    RemoteAccount.objects.update(concurrency=1)  # sixty calls take twelve seconds
    monkeypatch.setattr(deliver, "LOOK_EVERY", 0.05)
    salesloft.faults.set(drop_after_next=3, only=UPLOADS, latency_seconds=0.2)
    write_csv("rows.csv", crowd(60))
    run = start(make_sync(connection, PEOPLE), ring=False)
    with meanwhile((lambda: count(salesloft, UPSERTS) >= 2, lambda: cancelled(run))):
        run = finish_here(run)

    assert (run.status, run.stop_reason) == (Run.Status.CANCELLED, "")
    assert 0 < run.accepted_count < 60
    assert writes(salesloft) == {1}
    check_history(run)


def cancelled(run: Run) -> None:
    cancel(run)
    database.close()  # this thread's


def test_where_few_people_count_as_many_a_refusal_of_jobs_still_ends(
    connection: Connection, salesloft: Salesloft
) -> None:
    small_jobs(connection, bulk_from=2)
    salesloft.faults.set(bulk_jobs=False)
    run = finish(make_sync(connection, PEOPLE), crowd(60))

    assert (run.status, run.accepted_count) == (Run.Status.SUCCEEDED, 60)
    assert count(salesloft, "/v2/bulk_jobs") == 1
    check_history(run)


def test_a_worker_that_died_asking_for_a_job_leaves_nobody_in_doubt(
    connection: Connection, salesloft: Salesloft
) -> None:
    small_jobs(connection)
    salesloft.faults.set(bulk_jobs=False)
    write_csv("rows.csv", crowd(60))
    run = plan_only(start(make_sync(connection, PEOPLE), ring=False))
    Batch.objects.filter(run=run).update(status="sending", attempt=1, lease_token=uuid4())

    run = finish_here(run)

    assert (run.status, run.accepted_count, run.in_doubt_count) == (Run.Status.SUCCEEDED, 60, 0)
    check_history(run)


def test_each_row_is_found_in_the_batch_that_it_went_with(
    connection: Connection, salesloft: Salesloft
) -> None:
    small_jobs(connection)
    salesloft.faults.set(bulk_jobs=False)
    run = finish(make_sync(connection, PEOPLE), crowd(113))

    batches = {batch.number: batch for batch in Batch.objects.filter(run=run)}
    places = sorted(PlannedRow.objects.filter(run=run).values_list("batch_number", "position"))
    assert places == [
        (number, at) for number in sorted(batches) for at in range(batches[number].operation_count)
    ]
    assert sum(batch.operation_count for batch in batches.values()) == 113
    check_history(run)


def test_of_a_job_of_refused_people_each_is_told_once_though_the_worker_dies_over_it(
    connection: Connection, salesloft: Salesloft, monkeypatch: pytest.MonkeyPatch
) -> None:
    salesloft.faults.set(row_fail_rate=1.0)
    write_csv("rows.csv", crowd(1_100))
    run = start(make_sync(connection, PEOPLE), confirmed=1_100, ring=False)
    written = RejectedRow.objects.bulk_create
    rows: list[int] = []

    def dying(told: list[RejectedRow], **more: object) -> object:
        rows.append(len(told))
        if len(rows) == 3:
            raise KeyboardInterrupt  # nothing that we catch
        return written(told, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(RejectedRow.objects, "bulk_create", dying)
    with pytest.raises(KeyboardInterrupt):
        finish_here(run)
    assert 0 < RejectedRow.objects.filter(run=run).count() < 1_100
    Run.objects.filter(pk=run.pk).update(lease_expires_at=None, lease_token=None)

    run = finish_here(run)

    assert (run.status, run.rejected_count) == (Run.Status.ATTENTION, 1_100)
    assert max(rows) <= telling.A_WRITE
    check_history(run)
