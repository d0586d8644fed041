"""What every test may ask for. The people: Alice owns, Bob may only look, Charlie is of another team."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import hypothesis
import pytest
from django.db import connection, connections
from django.test import Client, TransactionTestCase
from pytest_django import DjangoDbBlocker

from syncadmin.teams.models import Membership, Team, User
from tests import databases

# The same examples each time, however busy the machine: a test that fails, fails again.
hypothesis.settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """The database of this process: a copy of the migrated one. It goes with the folder of the run."""
    wanted = connection.settings_dict
    wanted["NAME"] = name = wanted["TEST"]["NAME"]
    if databases.IS_POSTGRES:
        databases.copy_database(name)
    else:
        databases.copy_file(Path(name))
    yield
    with django_db_blocker.unblock():
        connection.close()


def _empty_the_database(case: TransactionTestCase) -> None:
    for alias in case._databases_names(include_mirrors=False):
        databases.empty(connections[alias])


# Django's own way fills its tables of models and permissions anew after each test: three times as slow.
TransactionTestCase._fixture_teardown = _empty_the_database


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--only-database",
        action="store_true",
        help="Leave out tests that neither touch a database nor start processes: they say the same on both.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """While several processes find their tests, the first one migrates for all of them."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        migrating = Thread(target=databases.prepare)
        migrating.start()
        config.add_cleanup(migrating.join)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--only-database"):
        left_out = [item for item in items if not _needs_database(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _needs_database(item)]


def _needs_database(item: pytest.Item) -> bool:
    marks = ("django_db", "slow")
    asked = {"db", "transactional_db"}.intersection(getattr(item, "fixturenames", ()))
    return bool(asked) or any(item.get_closest_marker(name) for name in marks)


def _member(team: Team, name: str, role: Membership.Role) -> User:
    user = User.objects.create_user(f"{name}@example.com", "correct horse")
    Membership.objects.create(team=team, user=user, role=role)
    return user


@pytest.fixture
def team(db: None) -> Team:
    return Team.objects.create(slug="acme", name="Acme")


@pytest.fixture
def other_team(db: None) -> Team:
    return Team.objects.create(slug="globex", name="Globex")


@pytest.fixture
def alice(team: Team) -> User:
    """Owns the team acme."""
    return _member(team, "alice", Membership.Role.OWNER)


@pytest.fixture
def bob(team: Team) -> User:
    """May only look at the team acme."""
    return _member(team, "bob", Membership.Role.VIEWER)


@pytest.fixture
def charlie(other_team: Team) -> User:
    """Owns another team."""
    return _member(other_team, "charlie", Membership.Role.OWNER)


@pytest.fixture
def staff(db: None) -> User:
    """Runs the installation: may enter the Django admin."""
    return User.objects.create_superuser("staff@example.com", "correct horse")


@pytest.fixture
def staff_client(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client
