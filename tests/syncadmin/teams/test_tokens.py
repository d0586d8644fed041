"""API tokens: Alice owns the team, Bob may only look, Charlie is of another team."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from syncadmin.lib import bearer
from syncadmin.teams.models import ApiToken, AuditEntry, Team, User

ADD = {"name": "dbt", "scopes": ["read", "run"], "lasts": "90"}


@pytest.fixture
def page(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def text(page: Client, name: str, *ids: object) -> str:
    return page.get(reverse(name, args=["acme", *ids])).content.decode()


def make(page: Client, **data: object) -> str:
    """Make a token on the page; its secret."""
    answer = page.post(reverse("api_token_add", args=["acme"]), {**ADD, **data})
    assert answer.status_code == 200, answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    found = re.search(r"api_[\w-]{43}", answer.content.decode())
    assert found
    return found[0]


def test_alice_makes_a_token_which_is_shown_once_and_kept_as_a_digest(page: Client, team: Team) -> None:
    assert "No program has a token" in text(page, "api_tokens")
    secret = make(page)
    token = ApiToken.objects.get()
    assert (token.team, token.scopes, token.digest) == (team, ["read", "run"], bearer.digest(secret))
    assert timedelta(days=89) < token.expires_at - timezone.now() < timedelta(days=91)
    assert secret not in str(vars(token))
    listed = text(page, "api_tokens")
    assert "See syncs and runs, with their counts; Start and cancel runs" in listed
    assert (secret in listed, f"…{secret[-4:]}" in listed, "alice@example.com" in listed) == (
        False,
        True,
        True,
    )
    entry = AuditEntry.objects.get(action="api_token.made")
    assert (entry.name, entry.after["scopes"], secret in str(vars(entry))) == ("dbt", ["read", "run"], False)
    assert (
        Client().get(reverse("api_syncs"), headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    )


def test_a_token_that_was_taken_back_opens_nothing(page: Client) -> None:
    secret = make(page)
    token = ApiToken.objects.get()
    address = reverse("api_token_remove", args=["acme", token.public_id])
    assert "gets in no more" in page.get(address).content.decode()
    assert page.post(address).url == reverse("api_tokens", args=["acme"])
    answer = Client().get(reverse("api_syncs"), headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 401
    assert AuditEntry.objects.filter(action="api_token.revoked", name="dbt").count() == 1


def test_a_form_that_lacks_something_says_what_and_keeps_the_rest(page: Client) -> None:
    make(page)
    address = reverse("api_token_add", args=["acme"])
    twice = page.post(address, ADD)
    nothing = page.post(address, {"name": "report", "lasts": "7"})
    assert (twice.status_code, nothing.status_code) == (422, 422)
    assert "already has a token with this name" in twice.content.decode()
    assert "Choose what it may do." in nothing.content.decode()
    assert 'value="report"' in nothing.content.decode()
    assert ApiToken.objects.count() == 1


def test_bob_may_not_and_charlie_finds_nothing(page: Client, bob: User, charlie: User) -> None:
    make(page)
    token = ApiToken.objects.get()
    for user, status in ((bob, 403), (charlie, 404)):
        page.force_login(user)
        assert page.get(reverse("api_tokens", args=["acme"])).status_code == status
        assert page.post(reverse("api_token_add", args=["acme"]), ADD | {"name": "x"}).status_code == status
        remove = reverse("api_token_remove", args=["acme", token.public_id])
        assert page.post(remove).status_code == status
    page.force_login(charlie)
    theirs = reverse("api_token_remove", args=["globex", token.public_id])
    assert page.post(theirs).status_code == 404
    assert ApiToken.objects.get() == token
