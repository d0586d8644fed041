"""A destination that is away while syncs write to it: one alert and one recovery, and nothing is lost."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from destinations.models import RemoteAccount
from syncs import tasks
from syncs.alerts.look import look
from syncs.engine.run import start
from syncs.models import AlertMessage, AlertRule, AlertTarget, Run
from tests.syncs.engine.scene import Scene, make_sync, person

SYNCS = 2


@pytest.fixture(autouse=True)
def short_tasks(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.SLICE_SECONDS = 0.5
    monkeypatch.setattr(tasks, "TASK_SECONDS", 0.2)
    monkeypatch.setattr(tasks, "LOOK_APART_SECONDS", 0.0)


def test_an_outage_over_the_wire_is_one_alert_and_one_recovery(scene: Scene) -> None:
    AlertTarget.objects.create(team=scene.team, name="us", kind="email")
    for kind in ("connection", "failed", "missed"):
        AlertRule.objects.create(team=scene.team, kind=kind)
    scene.rows = [person(1), person(2)]
    scene.sandbox.faults.set(down=True)
    scene.start()
    for number in range(1, SYNCS):
        other = make_sync(team=scene.team, connection=scene.connection, name=f"sync {number}")
        start(other, ring=False)
    account = RemoteAccount.objects.filter(pk=scene.connection.account_id)
    ends = time.monotonic() + 100
    while account.get().down_since is None and time.monotonic() < ends:
        tasks.work()
    look(timezone.now() + timedelta(minutes=11))
    look(timezone.now() + timedelta(minutes=12))
    assert [message.title for message in AlertMessage.objects.all()] == [
        "[Acme] Qualified (“qualified”) is not answering"
    ]

    scene.sandbox.faults.set(down=False)
    while Run.objects.active().exists() and time.monotonic() < ends:
        tasks.work()
    assert set(Run.objects.values_list("status", flat=True)) == {Run.Status.SUCCEEDED}
    look(timezone.now() + timedelta(minutes=30))
    assert [message.sort for message in AlertMessage.objects.order_by("pk")] == ["opened", "over"]
