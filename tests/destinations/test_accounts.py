"""Which account a connection leads to, when that is asked, and what follows from the answer."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet

from destinations import accounts, budget
from destinations.contract import Identity, Window
from destinations.gate import Gate
from destinations.models import Connection, RemoteAccount
from destinations.pacing import Rules
from syncadmin.lib.crypto import Secret
from tests.destinations.conftest import KEY

HOME = "https://api.qualified.com"
NEW_KEY = {"api_key": Secret("qk_live_another_0002")}
TEAM_ONE = Identity(account_id="t-1", account_name="Acme US")
TEAM_TWO = Identity(account_id="t-2", account_name="Acme EU")


@pytest.fixture
def connection(connect_to) -> Connection:
    return connect_to(HOME)


def fresh(connection: Connection) -> Connection:
    return Connection.objects.get(pk=connection.pk)


def change(connection: Connection, *, said: bool | None, **options) -> accounts.Change:
    given = {"credentials": NEW_KEY, "options": connection.options, **options}
    return accounts.apply_change(connection, same_account=said, **given)


def test_an_account_without_a_name_is_called_by_the_ways_there(connection, team):
    assert str(connection.account) == f"the account of “{connection.name}”"
    Connection.objects.create(team=team, name="a second", destination="qualified", account=connection.account)
    assert str(fresh(connection).account) == f"the account of “a second” and “{connection.name}”"
    RemoteAccount.objects.filter(pk=connection.account_id).update(name="Acme US")
    assert str(fresh(connection).account) == "Acme US"
    assert str(RemoteAccount(destination="qualified", team=team)) == "an unnamed account of qualified"


# When it asks


@pytest.mark.parametrize(
    ("credentials", "options", "asks"),
    [
        ({}, {"base_url": HOME}, False),
        ({"api_key": Secret(KEY)}, {"base_url": HOME}, False),
        ({"api_key": Secret("")}, {"base_url": HOME}, False),  # an empty form field means: as before
        ({}, {}, False),  # the default is the same address
        ({}, {"base_url": f"{HOME}/", "batch_size": 100}, False),
        ({}, {"base_url": "https://API.qualified.com/api"}, False),
        (NEW_KEY, {"base_url": HOME}, True),
        ({}, {"base_url": "https://eu.qualified.com"}, True),
        ({}, {"base_url": "http://127.0.0.1:9001"}, True),
    ],
)
def test_a_new_key_or_host_asks_and_nothing_else_does(connection, credentials, options, asks):
    assert accounts.change_asks(connection, credentials, options) is asks


def test_a_connection_that_is_not_saved_yet_never_asks(team):
    new = Connection(team=team, destination="qualified")
    assert not accounts.change_asks(new, NEW_KEY, {"base_url": "http://127.0.0.1:1"})


def test_a_key_that_takes_the_place_of_an_unreadable_one_asks(connection, settings):
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert accounts.change_asks(connection, {"api_key": Secret(KEY)}, connection.options)


# What follows


def test_the_same_account_keeps_its_budget_and_its_syncs_their_generation(connection):
    before = connection.account_id
    found = change(connection, said=True)
    assert (found.account.pk, found.new_generation) == (before, False)
    assert fresh(connection).credentials["api_key"].reveal() == "qk_live_another_0002"
    assert fresh(connection).health == Connection.Health.UNTESTED


def test_another_account_is_a_new_one_with_the_same_limits_and_asks_for_new_generations(connection):
    account = connection.account
    account.windows, account.concurrency, account.reserve_percent = [[10, 2]], 3, 5
    account.save(update_fields=["windows", "concurrency", "reserve_percent"])
    found = change(connection, said=False)
    assert found.new_generation
    assert found.account.pk != account.pk
    assert fresh(connection).account == found.account
    assert (found.account.windows, found.account.concurrency, found.account.reserve_percent) == (
        [[10, 2]],
        3,
        5,
    )
    assert RemoteAccount.objects.filter(pk=account.pk).exists()  # a run may still be sending there


def test_a_change_that_asks_is_not_made_until_somebody_says(connection):
    with pytest.raises(accounts.SameAccountUnsaid, match="same_account: true"):
        change(connection, said=None)
    assert fresh(connection).credentials["api_key"].reveal() == KEY


@pytest.mark.parametrize("said", [True, False, None])
def test_an_answer_that_nothing_asked_for_changes_no_account(connection, said):
    before = connection.account_id
    found = change(connection, said=said, credentials={}, options={"base_url": HOME, "batch_size": 50})
    assert (found.account.pk, found.new_generation) == (before, False)
    assert fresh(connection).options == {"base_url": HOME, "batch_size": 50}
    assert fresh(connection).credentials["api_key"].reveal() == KEY


def test_a_change_writes_only_its_own_columns(connection):
    Connection.objects.filter(pk=connection.pk).update(name="renamed meanwhile")
    change(connection, said=True)
    assert fresh(connection).name == "renamed meanwhile"


# Where the service tells an id


def test_the_services_id_decides_whatever_is_said(connection):
    accounts.recognise(connection, TEAM_ONE)
    assert not change(connection, said=False, identity=TEAM_ONE).new_generation

    another = {"api_key": Secret("qk_live_third_0003")}
    found = change(connection, said=True, identity=TEAM_TWO, credentials=another)
    assert (found.new_generation, found.account.remote_id, found.account.name) == (True, "t-2", "Acme EU")


def test_a_known_account_is_found_again_by_its_id(connection, connect_to):
    accounts.recognise(connection, TEAM_ONE)
    elsewhere = connect_to(HOME, name="second")
    accounts.recognise(elsewhere, TEAM_TWO)
    assert change(elsewhere, said=None, identity=TEAM_ONE).account == connection.account


def test_an_id_that_is_told_for_the_first_time_is_noted(connection):
    assert change(connection, said=True, identity=TEAM_ONE).account.remote_id == "t-1"
    assert str(fresh(connection).account) == "Acme US"


def test_two_connections_to_one_vendor_team_share_its_account(connection, connect_to):
    second = connect_to(HOME, name="second")
    assert accounts.recognise(connection, TEAM_ONE)
    assert accounts.recognise(second, TEAM_ONE)
    assert fresh(second).account == fresh(connection).account


def test_charlies_team_has_an_account_of_its_own_under_the_same_id(connection, connect_to, other_team):
    theirs = connect_to(HOME, of=other_team)
    accounts.recognise(connection, TEAM_ONE)
    accounts.recognise(theirs, TEAM_ONE)
    assert fresh(theirs).account != fresh(connection).account
    assert fresh(theirs).account.team == other_team


def test_another_account_than_before_is_not_taken_over_silently(connection):
    accounts.recognise(connection, TEAM_ONE)
    assert not accounts.recognise(connection, TEAM_TWO)
    assert fresh(connection).account.remote_id == "t-1"


def test_a_service_that_tells_no_id_changes_nothing(connection):
    assert accounts.recognise(connection, Identity())
    assert fresh(connection).account.remote_id == ""


# Where a person says it


def test_two_connections_share_an_account_when_a_person_says_so(connection, connect_to):
    second = connect_to(HOME, name="second")
    accounts.same_account_as(second, connection)
    assert fresh(second).account == fresh(connection).account


def test_of_two_accounts_the_one_with_an_id_is_kept(connection, connect_to):
    second = connect_to(HOME, name="second")
    accounts.recognise(second, TEAM_ONE)
    accounts.same_account_as(second, connection)
    assert fresh(second).account == fresh(connection).account
    assert fresh(second).account.remote_id == "t-1"


def test_two_accounts_that_the_service_tells_apart_cannot_be_one(connection, connect_to):
    second = connect_to(HOME, name="second")
    accounts.recognise(connection, TEAM_ONE)
    accounts.recognise(second, TEAM_TWO)
    with pytest.raises(ValueError, match="different accounts"):
        accounts.same_account_as(second, connection)


def test_connections_of_two_teams_cannot_share_an_account(connection, connect_to, other_team):
    with pytest.raises(ValueError, match="one team"):
        accounts.same_account_as(connect_to(HOME, of=other_team), connection)


# Tidying up


def test_old_accounts_without_connection_are_deleted_unless_a_run_sends_there(connection, team):
    now = datetime.now(UTC)
    idle, busy, young = (RemoteAccount.objects.create(team=team, destination="qualified") for _ in range(3))
    kept = RemoteAccount.objects.exclude(pk=young.pk)
    kept.update(created_at=now - timedelta(days=1))
    budget.take(busy.pk, Rules((Window(9, 60),), 2), "worker", Gate(), requests=1, slots=1)

    assert accounts.prune(now) == 1
    assert set(RemoteAccount.objects.all()) == {connection.account, busy, young}
    assert not RemoteAccount.objects.filter(pk=idle.pk).exists()
