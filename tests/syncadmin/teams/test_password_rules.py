"""What a password must be, and how it is kept. Alice has one."""

import subprocess
import sys

import pytest
from django.conf import settings as project
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from syncadmin.teams.models import User
from tests.syncadmin.teams.test_passwords import ask, link, sent

CHANGE = reverse("password_change")


def change(client: Client, new: str):  # type: ignore[no-untyped-def]
    return client.post(
        CHANGE, {"old_password": "correct horse", "new_password1": new, "new_password2": new}, follow=True
    )


def test_a_password_has_twelve_characters_at_least(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert "at least 12 characters" in change(client, "a long walk").text
    assert "At least 12 characters." in client.get(CHANGE).text
    assert "Your password is changed" in change(client, "a long walk!").text


def test_a_password_may_be_long_and_of_any_signs_and_counts_whole(client: Client, alice: User) -> None:
    client.force_login(alice)
    password = " שלום 🙂 zoë\t" * 20
    change(client, password.strip())
    alice.refresh_from_db()
    assert alice.check_password(password.strip())
    assert not alice.check_password(password.strip()[:-1])
    assert not alice.check_password(password.strip()[:128])


@pytest.mark.parametrize("password", ["Password12345", "q1w2e3r4t5y6", "123456789012", "alice@example.com"])
def test_common_passwords_are_refused(alice: User, password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password, alice)


def test_passwords_are_stored_salted_and_slow() -> None:
    """The suite itself hashes fast; production has Django's own."""
    source = "from syncadmin import settings; print(hasattr(settings, 'PASSWORD_HASHERS'))"
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=project.BASE_DIR, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
    hasher = PBKDF2PasswordHasher()
    assert hasher.iterations >= 600_000
    one, other = hasher.encode("x", hasher.salt(), 1), hasher.encode("x", hasher.salt(), 1)
    assert one.startswith("pbkdf2_sha256$")
    assert one != other


def test_a_new_password_is_told_by_e_mail(client: Client, alice: User) -> None:
    client.force_login(alice)
    change(client, "a long walk home")
    (told,) = sent()
    assert (told.to, told.subject) == (["alice@example.com"], "Your password for Syncadmin was changed")
    assert "from 127.0.0.1" in told.body
    assert "a long walk" not in told.body
    client.post(reverse("logout"))
    ask(client, "alice@example.com")
    form = client.get(link(), follow=True)
    new = {"new_password1": "another long walk", "new_password2": "another long walk"}
    client.post(form.request["PATH_INFO"], new)
    assert [message.subject for message in sent()].count(told.subject) == 2


def test_where_no_e_mail_is_sent_a_password_is_changed_all_the_same(
    client: Client, alice: User, settings: Settings
) -> None:
    settings.SENDS_MAIL = False
    client.force_login(alice)
    assert "Your password is changed" in change(client, "a long walk home").text
    assert not sent()
