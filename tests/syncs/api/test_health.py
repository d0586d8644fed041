"""What load balancers and Prometheus are told."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule
from prometheus_client.parser import text_string_to_metric_families

from syncs.engine.run import cancel
from syncs.models import Run, WorkerBeat, worker_beat
from syncs.models.worker_beat import Kind
from tests.syncs.engine.scene import Scene, person


@pytest.fixture
def works(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker, its supervisor and the clock are going, however long the test takes."""
    monkeypatch.setattr(worker_beat, "LASTS", timedelta(hours=1))
    monkeypatch.setattr(worker_beat, "SUPERVISOR_LASTS", timedelta(hours=1))
    WorkerBeat.objects.beat("here")
    WorkerBeat.objects.beat("its supervisor", Kind.SUPERVISOR)
    Schedule.objects.create(name="tick", func="syncs.tasks.tick", next_run=timezone.now())


def health(client: Client) -> tuple[int, dict[str, Any]]:
    answer = client.get("/healthz")
    return answer.status_code, answer.json()


def test_all_is_well(client: Client, works: None) -> None:
    parts = dict.fromkeys(["web", "database", "worker", "supervisor", "clock", "queue"], "ok")
    assert health(client) == (200, {"ok": True, **parts, "queue_seconds": 0})


def test_a_worker_or_a_supervisor_that_is_gone_is_told(client: Client, works: None) -> None:
    for kind, gone, there in (
        (Kind.WORKER, "worker", "supervisor"),
        (Kind.SUPERVISOR, "supervisor", "worker"),
    ):
        WorkerBeat.objects.update(beat_at=timezone.now())
        WorkerBeat.objects.filter(kind=kind).update(beat_at=timezone.now() - timedelta(hours=2))
        status, told = health(client)
        assert (status, told["ok"], told["database"], told[there]) == (503, False, "ok", "ok")
        assert "none has shown itself" in told[gone]


def test_a_clock_that_stands_still_is_told(client: Client, works: None) -> None:
    for late in (6, -60):  # an hour ahead, it would not tick until then
        Schedule.objects.update(next_run=timezone.now() - timedelta(minutes=late))
        status, told = health(client)
        assert (status, "schedules stand still" in told["clock"]) == (503, True)


def test_a_run_that_nobody_takes_is_told_and_one_that_rests_is_not(
    client: Client, works: None, scene: Scene
) -> None:
    scene.rows = [person(1)]
    run = scene.start()
    Run.objects.update(due_at=timezone.now() + timedelta(hours=1))
    assert health(client)[0] == 200
    Run.objects.update(due_at=timezone.now() - timedelta(minutes=7))
    status, told = health(client)
    assert status == 503
    assert told["queue_seconds"] >= 7 * 60
    cancel(run)
    Run.objects.update(status=Run.Status.CANCELLED)
    assert health(client)[0] == 200


def test_a_database_that_does_not_answer_is_told(
    client: Client, works: None, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def refuse() -> None:
        raise OperationalError("could not connect: password of syncadmin")

    settings.METRICS_TOKEN = "t0ken"
    with monkeypatch.context() as patch:
        patch.setattr(connection, "ensure_connection", refuse)
        status, told = health(client)
        figures = client.get("/metrics", headers={"Authorization": "Bearer t0ken"}).content.decode()
    assert 'syncadmin_up{part="database"} 0.0' in figures
    assert "syncadmin_sync_rows" not in figures
    assert (status, told["database"]) == (503, "it does not answer")
    assert "password" not in str(told)


@pytest.fixture
def figures(client: Client, settings: Any) -> Iterator[Any]:
    """The figures by name and labels, as Prometheus reads them."""
    settings.METRICS_TOKEN = "t0ken"

    def read() -> dict[tuple[str, ...], float]:
        answer = client.get("/metrics", headers={"Authorization": "Bearer t0ken"})
        assert answer.status_code == 200
        families = text_string_to_metric_families(answer.content.decode())
        return {
            (one.name, *sorted(one.labels.values())): one.value
            for family in families
            for one in family.samples
        }

    yield read


def test_the_figures_of_runs_are_told_by_sync(works: None, scene: Scene, figures: Any) -> None:
    scene.rows = [person(1), person(2, email="none")]
    run = scene.finish()
    found = figures()
    assert found["syncadmin_up", "worker"] == 1
    assert found["syncadmin_queue_oldest_seconds",] == 0
    assert found["syncadmin_active_runs", "delivering"] == 0
    assert found["syncadmin_sync_rows", "accepted", "acme", "leads"] == 1
    assert found["syncadmin_sync_rows", "acme", "invalid", "leads"] == 1
    assert found["syncadmin_sync_runs", "acme", "attention", "leads"] == 1
    assert run.finished_at is not None
    last = found["syncadmin_sync_last_good_run_timestamp_seconds", "acme", "leads"]
    assert last == pytest.approx(run.finished_at.timestamp())


def test_the_figures_are_closed_without_their_token(client: Client, works: None, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
    settings.METRICS_TOKEN = "t0ken"
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer wröng"}).status_code == 401


def test_what_is_told_without_tls_is_health_alone(client: Client, works: None, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz").status_code == 200
    assert client.get("/metrics").status_code == 301
