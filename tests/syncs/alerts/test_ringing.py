"""Who looks and sends, and when: each minute, when a run ends, and two at once."""

import threading

import pytest
from django.core import mail
from django.db import connections
from django_q.models import OrmQ

from syncadmin.teams.models import Team, User
from syncs import tasks
from syncs.alerting.rules import Kind
from syncs.alerts.look import look
from syncs.models import Alert, AlertMessage, AlertTarget, Run
from tests.syncs.alerts.conftest import connection_of, ended, rule_of, syncs_of, target_at

pytestmark = pytest.mark.django_db


def rung() -> list[str]:
    return [task.task["func"] for task in OrmQ.objects.order_by("pk")]


def test_a_tick_sees_what_is_wrong_and_rings_for_a_sender(team: Team, alice: User) -> None:
    rule_of(team, Kind.FAILED)
    AlertTarget.objects.create(team=team, name="us", kind="email", people=[alice.pk])
    syncs = syncs_of(connection_of(team), 1)
    tasks.tick()
    assert rung() == []
    ended(syncs, Run.Status.STOPPED)
    tasks.tick()
    assert rung() == ["syncs.tasks.send_alerts"]
    assert tasks.send_alerts() == 1
    assert len(mail.outbox) == 1
    assert tasks.send_alerts() == 0
    assert len(rung()) == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_look_at_once_tell_it_once() -> None:
    team = Team.objects.create(slug="acme", name="Acme")
    rule_of(team, Kind.FAILED)
    target_at(team, "json://127.0.0.1:9/")
    ended(syncs_of(connection_of(team), 5), Run.Status.STOPPED)
    both = threading.Barrier(2, timeout=60)
    written: list[int] = []

    def one() -> None:
        try:
            both.wait()
            written.append(look())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(written) == 5
    assert (Alert.objects.count(), AlertMessage.objects.count()) == (5, 5)
