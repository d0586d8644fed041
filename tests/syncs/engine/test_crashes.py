"""A run dies on any line, or another worker takes it: the next one goes on where the database says it is."""

import errno
import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from io import BufferedWriter
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from destinations.adapters.qualified import Adapter
from destinations.contract import Operation
from destinations.models import RemoteAccount
from syncs import tasks
from syncs.engine import run as conductor
from syncs.engine import staging
from syncs.engine.calls import Rest
from syncs.engine.lease import Lease, LostLease, this_holder
from syncs.engine.plan_writer import PlanWriter
from syncs.engine.run import cancel, finish_here, serve, start
from syncs.models import Batch, LedgerEntry, PlannedRow, RejectedRow, Run
from tests.syncs.engine.scene import (
    LEADS,
    Scene,
    check_history,
    counts,
    make_sync,
    person,
    plan_only,
    set_mapping,
    steal,
)

BULK = "POST /v2/bulk"


class Killed(BaseException):
    """The process is gone: nothing catches this."""


@contextmanager
def dying_at(statement: int) -> Iterator[list[int]]:
    """From this database statement on (counted from 0) none goes through, as if the process were dead."""
    seen = [0]

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen[0] += 1
        if seen[0] > statement:
            raise Killed
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield seen


def bury(run: Run) -> None:
    """The worker that held the run is gone; so are its slots at the account."""
    dead = this_holder().rpartition(" ")[0] + " 0.00"
    Run.objects.filter(pk=run.pk).exclude(lease_token=None).update(lease_holder=dead)
    RemoteAccount.objects.update(budget={})


# A process that is killed closes no cursor, and PostgreSQL's say so when they are collected.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <function ServerCursorMixin")
@pytest.mark.parametrize("offset", range(4))
def test_a_crash_at_any_statement_loses_and_doubles_nothing(scene: Scene, offset: int) -> None:
    set_mapping(scene.sync, LEADS | {"company.city": "note"})
    scene.options(batch_size=2)
    scene.rows = [person(1), person(2), person(3), person(4, email="bad@")]
    scene.finish()
    statement, is_through = offset * 3, False
    while not is_through:
        for row in scene.rows:
            row |= {"title": f"VP {statement}", "note": f"City {statement}"}
        run = scene.start()
        with dying_at(statement) as seen, suppress(Killed):
            finish_here(run)
        is_through = seen[0] <= statement
        before = scene.requests().count(BULK)
        bury(run)

        run = finish_here(run)

        assert run.status == Run.Status.ATTENTION, (statement, run.stop_reason)
        found = counts(run)
        assert (found["read"], found["invalid"], found["planned"], found["accepted"]) == (4, 1, 3, 3)
        for id in (1, 2, 3):
            assert scene.lead(id)["title"] == f"VP {statement}"
        assert scene.sandbox.companies()["acme.com"].fields["city"] == f"City {statement}"
        assert scene.requests().count(BULK) <= 3 + min(2, before)  # only what was in flight goes again
        check_history(run)
        assert not PlannedRow.objects.filter(run=run).exclude(batch_number__lte=3).exists()
        statement += 12
    assert counts(scene.finish()) == {"read": 4, "unchanged": 3, "invalid": 1}


class FullDisk(BufferedWriter):
    """A file on a disk without room."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_two_workers_over_the_same_runs_send_each_row_once(scene: Scene, settings: Any) -> None:
    settings.SLICE_SECONDS = 0.1
    scene.options(batch_size=3)
    scene.rows = [person(id) for id in range(1, 31)]
    runs = [scene.start()]
    other = make_sync(team=scene.team, connection=scene.connection, name="second", mapping={"email": "email"})
    runs.append(start(other, ring=False))
    faults: list[BaseException] = []

    def worker() -> None:
        try:
            while Run.objects.active().exists():
                tasks.work()
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    workers = [threading.Thread(target=worker) for _ in range(2)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()

    assert faults == []
    for run in runs:
        run.refresh_from_db()
        assert counts(run) == {"read": 30, "planned": 30, "accepted": 30}
        check_history(run)
    assert scene.requests().count(BULK) == 20
    assert {lead.write_count for lead in scene.sandbox.leads().values()} == {2}


def test_a_full_disk_stops_the_run_and_the_next_one_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.rows = [person(1), person(2, email="bad@")]
    with monkeypatch.context() as patch:
        patch.setattr(staging, "BufferedWriter", lambda raw, size: FullDisk(raw))
        run = scene.finish()

    assert run.status == Run.Status.STOPPED
    assert run.stop_reason.startswith("There is no room left on the disk")
    assert counts(run) == {}
    check_history(run)
    assert counts(scene.finish()) == {"read": 2, "invalid": 1, "planned": 1, "accepted": 1}


def test_a_finished_run_is_not_touched_by_another_ring(scene: Scene) -> None:
    scene.rows = [person(1)]
    run = scene.finish()

    assert Lease.take(run) is None
    assert finish_here(run).finished_at == run.finished_at
    assert scene.requests().count(BULK) == 1


def during_the_call(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """While the first answer is on its way back, this happens."""
    real = Adapter.send
    calls = []

    def send(self: Adapter, *arguments: Any) -> Any:
        answer = real(self, *arguments)
        calls.append(answer)
        if len(calls) == 1:
            happens()
            connection.close()
        return answer

    monkeypatch.setattr(Adapter, "send", send)


def test_an_answer_that_comes_after_the_lease_was_lost_changes_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.rows = [person(1), person(2)]
    run = scene.start()
    during_the_call(monkeypatch, lambda: steal(run, seconds=30))
    lease = Lease.take(run)
    assert lease is not None

    with lease, pytest.raises(LostLease):
        serve(run, lease, until=float("inf"), others_wait=lambda: False)

    batch = run.batches.get()
    assert (batch.status, batch.attempt, batch.journal) == (Batch.Status.SENDING, 1, b"")
    run.refresh_from_db()
    assert counts(run) == {"read": 2, "planned": 2, "waiting": 2}
    assert not LedgerEntry.objects.exists()

    steal(run, seconds=0)
    run = finish_here(run)
    assert counts(run) == {"read": 2, "planned": 2, "accepted": 2}
    assert run.batches.get().attempt == 2
    assert scene.requests().count(BULK) == 2
    assert scene.entry(1).settles_at is not None  # the first call may take effect after the second
    check_history(run)


def test_a_worker_that_slept_writes_no_plan_any_more(scene: Scene) -> None:
    scene.rows = [person(1)]
    run = scene.start()
    lease = Lease.take(run)
    assert lease is not None
    writer = PlanWriter(run, lease, 1, "leads")
    steal(run)

    row = RejectedRow(
        team=run.team, sync=run.sync, run=run, key=bytes(16), key_text="1", stage="invalid", problem="x"
    )
    with pytest.raises(LostLease):
        writer.rejected([row])

    assert not RejectedRow.objects.exists()
    with pytest.raises(LostLease):
        lease.demand()


def test_a_plan_that_is_older_than_an_hour_is_made_anew(scene: Scene) -> None:
    scene.rows = [person(1, title="old"), person(2, email="bad@")]
    run = plan_only(scene.start())
    Run.objects.filter(pk=run.pk).update(planned_at=timezone.now() - timedelta(minutes=61))
    scene.rows[0]["title"] = "new"
    scene.rows.pop()
    scene.write()

    run = finish_here(run)

    assert run.plan_attempt == 2
    assert counts(run) == {"read": 1, "planned": 1, "accepted": 1}
    assert scene.lead(1)["title"] == "new"
    check_history(run)


def test_a_plan_that_was_sent_in_part_is_sent_to_its_end(scene: Scene) -> None:
    scene.rows = [person(1)]
    run = plan_only(scene.start())
    Run.objects.filter(pk=run.pk).update(planned_at=timezone.now() - timedelta(minutes=61))
    run.batches.update(attempt=1, status=Batch.Status.WAITING)

    assert finish_here(run).plan_attempt == 1


def test_a_rest_does_not_put_off_a_run_that_was_cancelled_meanwhile(scene: Scene) -> None:
    scene.rows = [person(1)]
    run = plan_only(scene.start())
    lease = Lease.take(run)
    assert lease is not None
    cancel(run)

    conductor._rest(run, lease, Rest(timezone.now() + timedelta(hours=5), "tomorrow"))

    run.refresh_from_db()
    assert run.due_at < timezone.now()
    assert run.waits_for == "Being cancelled."


def test_a_cancel_before_anything_was_sent_leaves_the_rows_waiting(scene: Scene) -> None:
    scene.rows = [person(1)]
    run = plan_only(scene.start())
    cancel(run)

    run = finish_here(run)

    assert run.status == Run.Status.CANCELLED
    assert counts(run) == {"read": 1, "planned": 1, "waiting": 1}
    assert scene.requests() == []
    assert counts(scene.finish())["accepted"] == 1


# Adapters that break their promises


class Surprise(Exception):
    pass


def one_too_few(self: Adapter, target: Any, call: Any) -> Any:
    return []


def surprising(self: Adapter, target: Any, call: Any) -> Any:
    raise Surprise(f"what about {call.operations[0].match_key}?")


def nothing_at_all(self: Adapter, target: Any, call: Any) -> Any:
    return None


def not_an_outcome(self: Adapter, target: Any, call: Any) -> Any:
    return [operation for operation in call.operations if isinstance(operation, Operation)]


@pytest.mark.parametrize("send", [one_too_few, surprising, nothing_at_all, not_an_outcome])
def test_an_adapters_fault_stops_the_run_and_logs_no_values(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, send: Any
) -> None:
    monkeypatch.setattr(Adapter, "send", send)
    scene.options(batch_size=1)
    scene.rows = [person(id) for id in range(1, 9)]

    with caplog.at_level(logging.DEBUG):
        run = scene.finish()

    assert run.status == Run.Status.STOPPED
    assert run.stop_reason.startswith("A fault in Syncadmin (")
    found = counts(run)
    assert found["planned"] == found["in_doubt"] + found["waiting"] == 8
    assert "ERROR" in caplog.text
    for text in (caplog.text, run.stop_reason, *Batch.objects.values_list("last_error", flat=True)):
        assert "acme.com" not in text
    check_history(run)
    monkeypatch.undo()
    assert counts(scene.finish())["accepted"] == 8


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL cannot be told to be full")
def test_a_database_without_room_for_the_plan_stops_the_run(scene: Scene) -> None:
    scene.rows = [person(id, title=secrets.token_hex(100)) for id in range(1, 2_001)]
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # pages that are free already would be room
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0] + 20}")
    try:
        run = scene.finish(confirmed=2_000)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA max_page_count = 1073741823")

    assert (run.status, counts(run)) == (Run.Status.STOPPED, {})
    assert "no room left on the disk of Syncadmin's own database" in run.stop_reason
    assert scene.requests() == []
    assert counts(scene.finish(confirmed=2_000))["accepted"] == 2_000
