"""`manage.py createowner`: the first person, and others."""

import io
from collections.abc import Callable

import pytest

from syncadmin.teams.models import Membership, Team, User
from tests.syncs.commands.conftest import World

GOOD = "correct horse battery"


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What is typed where a password is asked for."""

    def prepare(*answers: str) -> None:
        left = list(answers)
        monkeypatch.setattr("syncs.management.commands.createowner.getpass", lambda prompt="": left.pop(0))

    return prepare


def test_the_first_person_owns_the_team_and_enters_the_admin(
    world: World, types_in: Callable[..., None], ask: Callable[..., None]
) -> None:
    types_in()
    ask(GOOD, GOOD)
    done = world.manage("createowner", "Alice@Example.com", "--team", "acme", "--name", "Acme Inc.")
    assert (done.code, done.err) == (0, "")
    alice = User.objects.get()
    assert (alice.email, alice.is_staff, alice.is_superuser) == ("alice@example.com", True, True)
    assert alice.check_password(GOOD)
    assert Team.objects.get().name == "Acme Inc."
    assert Membership.objects.get().role == Membership.Role.OWNER
    assert GOOD not in done.out


def test_what_is_missing_is_asked_for(
    world: World, types_in: Callable[..., None], ask: Callable[..., None]
) -> None:
    types_in("alice@example.com", "acme")
    ask(GOOD, GOOD)
    assert world.manage("createowner").code == 0
    assert User.objects.get().teams.get().slug == "acme"


def test_a_later_person_does_not_enter_the_admin(
    world: World, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_PASSWORD", GOOD)
    done = world.manage(
        "createowner", "dora@example.com", "--team", "acme", "--password-from-env", "THE_PASSWORD"
    )
    assert done.code == 0
    dora = User.objects.get(email="dora@example.com")
    assert (dora.is_staff, dora.is_superuser, dora.check_password(GOOD)) == (False, False, True)


def test_the_password_may_come_from_standard_input(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{GOOD}\n"))
    assert world.manage("createowner", "alice@example.com", "--team", "acme", "--password-stdin").code == 0
    assert User.objects.get().check_password(GOOD)


def test_somebody_who_is_here_keeps_the_password_and_becomes_an_owner(world: World, bob: User) -> None:
    done = world.manage("createowner", "BOB@example.com", "--team", "acme")
    assert done.code == 0
    assert "keeps the password" in done.out
    bob.refresh_from_db()
    assert bob.check_password("correct horse")
    assert Membership.objects.get(user=bob).role == Membership.Role.OWNER


@pytest.mark.parametrize(
    ("words", "password", "message"),
    [
        (["nobody", "--team", "acme"], GOOD, "will not do as e-mail address"),
        (["a@example.com", "--team", "no team"], GOOD, "will not do as team"),
        (["a@example.com", "--team", "acme"], "short", "The password will not do"),
        (["a@example.com", "--team", "acme"], "1234567890123", "The password will not do"),
    ],
)
def test_what_will_not_do_makes_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch, words: list[str], password: str, message: str
) -> None:
    monkeypatch.setenv("THE_PASSWORD", password)
    done = world.manage("createowner", *words, "--password-from-env", "THE_PASSWORD")
    assert (done.code, message in done.err) == (2, True)
    assert not User.objects.exists()
    assert not Team.objects.exists()


def test_without_a_terminal_the_password_must_be_given(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    done = world.manage("createowner", "a@example.com", "--team", "acme")
    assert (done.code, "--password-from-env" in done.err) == (2, True)
    assert world.manage("createowner", "--team", "acme").code == 2


def test_two_passwords_that_differ_make_nobody(
    world: World, types_in: Callable[..., None], ask: Callable[..., None]
) -> None:
    types_in()
    ask(GOOD, GOOD + "!")
    assert world.manage("createowner", "a@example.com", "--team", "acme").code == 2
    assert not User.objects.exists()
