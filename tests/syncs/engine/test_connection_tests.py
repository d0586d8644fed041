"""Connections are tested by themselves: once a day, and sooner where something is wrong."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from destinations.models import Connection, OAuthToken, RemoteAccount
from destinations.sandbox.running import Sandbox, running_sandbox
from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import Team
from syncs.engine.connection_tests import due, test_due
from syncs.models import Run
from tests.syncs.alerts.conftest import connection_of, ended, syncs_of
from tests.syncs.engine.scene import make_connection

test_due.__test__ = False  # type: ignore[attr-defined]  # it is the product's

pytestmark = pytest.mark.django_db

GOOD, BAD = Connection.Health.GOOD, Connection.Health.ATTENTION


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as running:
        yield running


def ago(**length: float) -> datetime:
    return timezone.now() - timedelta(**length)


def is_due(connection: Connection, **facts: Any) -> bool:
    Connection.objects.filter(pk=connection.pk).update(**facts)
    return due(timezone.now()).filter(pk=connection.pk).exists()


def test_a_connection_is_due_once_a_day_and_sooner_where_something_is_wrong(team: Team) -> None:
    connection = connection_of(team)
    assert not is_due(connection, health=GOOD, checked_at=ago(hours=23))
    assert is_due(connection, checked_at=ago(hours=25))
    assert not is_due(connection, test_begun_at=ago(minutes=9))
    assert is_due(connection, test_begun_at=ago(minutes=11))
    assert not is_due(connection, health=BAD, checked_at=ago(minutes=14))
    assert is_due(connection, health=BAD, checked_at=ago(minutes=16))
    assert not is_due(connection, health=GOOD)
    RemoteAccount.objects.update(down_since=ago(minutes=16))
    assert is_due(connection)


def test_a_run_that_was_refused_has_its_connection_tested_at_once(team: Team) -> None:
    connection = connection_of(team)
    syncs = syncs_of(connection, 1)
    assert not is_due(connection, health=BAD, checked_at=ago(minutes=3))
    ended(syncs, Run.Status.STOPPED, stopped_by=Run.StoppedBy.SIGN_IN)
    assert is_due(connection)
    assert not is_due(connection, checked_at=timezone.now())


def test_a_connection_that_waits_for_somebodys_first_sign_in_is_not_tested(team: Team) -> None:
    connection = connection_of(team)
    old = {"sign_in": Connection.SignIn.OAUTH, "checked_at": None, "created_at": ago(days=2)}
    assert not is_due(connection, **old)
    token = OAuthToken(team=team, connection=connection, expires_at=ago(), signed_in_at=ago(days=1))
    token.secrets = {"access_token": Secret("x")}
    token.save()
    assert is_due(connection)


def test_an_outage_is_not_the_connections_fault_and_it_stays_due(team: Team, sandbox: Sandbox) -> None:
    connection = make_connection(team=team, url=sandbox.url)
    connection.health, connection.checked_at = GOOD, ago(days=2)
    connection.save()
    now = timezone.now()
    sandbox.faults.set(down=True)
    for number in range(5):
        assert test_due(now + timedelta(minutes=11 * number)) == 1
    sandbox.faults.reset()
    connection.refresh_from_db()
    assert (connection.health, connection.health_reason) == (GOOD, "")
    account = RemoteAccount.objects.get()
    assert account.down_since is not None, "the account is the one that does not answer"
    assert "503" in account.down_reason

    assert test_due(now + timedelta(minutes=66)) == 1
    connection.refresh_from_db()
    assert (connection.health, RemoteAccount.objects.get().down_since) == (GOOD, None)
    assert connection.checked_at is not None and connection.checked_at > ago(minutes=5)


def test_a_test_keeps_what_it_found_and_is_made_once(team: Team, sandbox: Sandbox) -> None:
    connection = make_connection(team=team, url=sandbox.url)
    other = make_connection(team=team, url=sandbox.url, name="other")
    other.credentials = {"api_key": Secret("wrong")}
    other.checked_at = connection.checked_at = ago(days=2)
    for one in (connection, other):
        one.save()
    now = timezone.now()
    assert test_due(now) == 2
    assert test_due(now) == 0
    connection.refresh_from_db()
    other.refresh_from_db()
    assert (connection.health, other.health) == (GOOD, BAD)
    assert connection.checked_at is not None and connection.checked_at > ago(minutes=5)
    other.credentials = {"api_key": connection.credentials["api_key"]}
    other.save()
    assert test_due(now + timedelta(minutes=16)) == 1
    other.refresh_from_db()
    assert other.health == GOOD
