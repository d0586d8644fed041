"""What every test may ask for. The people: Alice owns, Bob may only look, Charlie is of another team."""

import hypothesis
import pytest
from django.db import connection
from django.test import Client, TransactionTestCase

from syncadmin.teams import append_only
from syncadmin.teams.models import Membership, Team, User

# The same examples each time, however busy the machine: a test that fails, fails again.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")


_empty_the_database = TransactionTestCase._fixture_teardown


def _empty_the_audit_log_too(case: TransactionTestCase) -> None:
    """After a test with real transactions all tables are emptied. Only this one refuses that."""
    for step in (append_only.remove, append_only.install):
        with connection.schema_editor() as editor:
            step(None, editor)
        if step is append_only.remove:
            _empty_the_database(case)


TransactionTestCase._fixture_teardown = _empty_the_audit_log_too


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--only-database",
        action="store_true",
        help="Leave out tests that neither touch a database nor start processes: they say the same on both.",
    )


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
