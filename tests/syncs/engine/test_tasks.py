"""The doors for the queue: they may ring twice, and what they do is bounded."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from syncadmin.lib.crypto import Secret
from syncs import tasks
from syncs.engine import doorbell
from syncs.engine.run import start
from syncs.models import AlertMessage, AlertRule, AlertTarget, Run
from tests.syncs.engine.scene import (
    Scene,
    check_history,
    counts,
    make_connection,
    make_sync,
    person,
    plan_only,
)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "PATIENCE_SECONDS", 2.0)
    monkeypatch.setattr(tasks, "LOOK_APART_SECONDS", 0.0)


def test_work_serves_due_runs_to_their_end(scene: Scene) -> None:
    scene.rows = [person(1)]
    other = make_sync(team=scene.team, connection=scene.connection, name="second")
    runs = [scene.start(), start(other, ring=False)]

    assert tasks.work() >= 2

    for run in runs:
        run.refresh_from_db()
        assert run.status == Run.Status.SUCCEEDED
        check_history(run)


def test_work_with_nothing_to_do_ends_at_once(scene: Scene) -> None:
    assert tasks.work() == 0
    scene.rows = [person(1)]
    run = scene.start()
    Run.objects.update(due_at=timezone.now() + timedelta(minutes=5))
    assert tasks.work() == 0
    run.refresh_from_db()
    assert run.status == Run.Status.QUEUED


def test_a_run_that_needs_many_slices_is_served_in_turn_with_others(scene: Scene, settings: Any) -> None:
    settings.SLICE_SECONDS = 0
    scene.options(batch_size=1, concurrency=1)
    scene.rows = [person(id) for id in range(1, 4)]
    run = scene.start()
    settings.SLICE_SECONDS = 0.05

    assert tasks.work() > 1

    run.refresh_from_db()
    assert counts(run) == {"read": 3, "planned": 3, "accepted": 3}


def test_a_run_that_cannot_even_be_ended_does_not_keep_others_from_work(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.rows = [person(1)]
    gone = make_connection(team=scene.team, url=scene.sandbox.url, name="gone")
    stuck = start(make_sync(team=scene.team, connection=gone, name="stuck"), ring=False)
    scene.write()
    plan_only(stuck)
    stuck.batches.update(attempt=1, status="waiting")
    gone.destination = "gone"
    gone.save()
    run = scene.start()

    tasks.work()

    run.refresh_from_db()
    stuck.refresh_from_db()
    assert run.status == Run.Status.SUCCEEDED
    assert stuck.status == Run.Status.FINISHING
    assert stuck.due_at > timezone.now() + timedelta(seconds=30)
    assert "Misconfigured" in caplog.text
    assert stuck.lease_token is None


def test_a_start_rings_in_the_same_transaction(scene: Scene) -> None:
    scene.rows = [person(1)]
    scene.write()
    start(scene.sync)

    assert OrmQ.objects.count() == 1


def test_no_more_rings_wait_than_there_are_workers(scene: Scene, settings: Any) -> None:
    settings.WORKERS = 2
    for _ in range(5):
        doorbell.ring()
    assert OrmQ.objects.count() == 2

    OrmQ.objects.update(lock=timezone.now() + timedelta(hours=1))  # both were heard, and are being worked on
    doorbell.ring()
    assert OrmQ.objects.count() == 3


def test_a_tick_rings_once_for_what_is_due_and_has_no_live_worker(scene: Scene) -> None:
    tasks.tick()
    assert OrmQ.objects.count() == 0
    scene.rows = [person(1)]
    run = scene.start()
    Run.objects.filter(pk=run.pk).update(
        lease_token=uuid4(), lease_expires_at=timezone.now() + timedelta(minutes=1)
    )
    tasks.tick()
    assert OrmQ.objects.count() == 0

    Run.objects.filter(pk=run.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    tasks.tick()
    assert OrmQ.objects.count() == 1


def test_a_run_that_stops_is_told_without_waiting_for_the_next_tick(scene: Scene) -> None:
    AlertRule.objects.create(team=scene.team, kind="failed")
    AlertTarget.objects.create(team=scene.team, name="us", kind="email")
    scene.connection.credentials = {"api_key": Secret("wrong")}
    scene.connection.save()
    scene.rows = [person(1)]
    scene.start()
    tasks.work()
    assert [message.sort for message in AlertMessage.objects.all()] == ["opened"]
    assert "syncs.tasks.send_alerts" in [ring.task["func"] for ring in OrmQ.objects.all()]
