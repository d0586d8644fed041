"""Connections and accounts, as the staff see them: health, limits and outages in plain words."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone

from destinations import budget, oauth, pacing, registry
from destinations.admin.standing import budget_lines, outage_words
from destinations.models import Connection, OAuthToken, RemoteAccount
from syncadmin.lib.history import list_of, page_of
from syncadmin.lib.redact import HIDDEN
from tests.syncs.admin.test_pages import listed, text_of

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def connection(connect_to: Callable[..., Connection]) -> Connection:
    return connect_to("https://api.example.com")


def spend(account: RemoteAccount, requests: int) -> None:
    rules = budget.rules(account, registry.adapter("qualified").limits)
    account.budget = pacing.spend({}, rules, NOW.timestamp(), requests=requests)


def test_a_connection_tells_its_health_and_where_its_account_stands(
    staff_client: Client, connection: Connection
):
    Connection.objects.filter(pk=connection.pk).update(
        health="attention", health_reason="The key is wrong.", checked_at=NOW
    )
    told = text_of(staff_client.get(page_of(connection)).text)
    assert "Health: Needs attention Health reason: The key is wrong." in told
    assert "2026-03-04 05:06:07 UTC" in told
    assert "Outage: No outage is known." in told
    assert "requests in flight at once" in told
    assert "Stored, encrypted; never shown" in told


def test_a_sign_in_is_told_without_its_tokens(staff_client: Client, connection: Connection):
    Connection.objects.filter(pk=connection.pk).update(sign_in=Connection.SignIn.OAUTH)
    told = text_of(staff_client.get(page_of(connection)).text)
    assert "Sign-in: Nobody has signed in yet" in told

    tokens = {"access_token": "access-hush", "refresh_token": "refresh-hush", "scope": "people:read"}
    token = oauth.store(connection, tokens)
    page = staff_client.get(page_of(connection)).text
    assert "renewed not yet, good until" in text_of(page)
    assert "may people:read" in text_of(page)
    for secret in ("access-hush", "refresh-hush", token.sealed_tokens):
        assert secret not in page

    OAuthToken.objects.update(refused_reason="It was revoked.")
    told = text_of(staff_client.get(page_of(connection)).text)
    assert "Sign-in: No longer good It was revoked." in told


def test_tokens_have_no_pages_of_their_own():
    assert OAuthToken not in admin.site._registry


def test_settings_that_look_like_secrets_are_hidden(staff_client: Client, connection: Connection):
    options = {"base_url": "https://api.example.com", "client": {"client_secret": "hush-hush"}}
    Connection.objects.filter(pk=connection.pk).update(options=options)
    page = staff_client.get(page_of(connection)).text
    assert "hush-hush" not in page
    assert HIDDEN in page
    assert "https://api.example.com" in page


def test_an_account_leads_to_its_connections(staff_client: Client, connection: Connection):
    page = staff_client.get(page_of(connection.account)).text
    assert page_of(connection) in page
    assert page_of(connection.account) in staff_client.get(page_of(connection)).text


def test_a_destination_that_is_not_part_of_the_installation_has_its_pages(
    staff_client: Client, connection: Connection
):
    Connection.objects.update(destination="gone")
    RemoteAccount.objects.update(destination="gone")
    for one in (connection, connection.account):
        assert "gone (not part of this installation)" in text_of(staff_client.get(page_of(one)).text)
    assert staff_client.get(list_of(Connection)).status_code == 200


def test_limits_tell_what_is_used_by_us_and_by_others(connection: Connection):
    account = connection.account
    account.windows, account.reserve_percent = [[2000, 900]], 20
    spend(account, 312)
    account.budget["windows"]["900"]["foreign"] = [40, NOW.timestamp() + 60]
    account.budget["holders"] = {"worker": [3, 3, NOW.timestamp() + 30]}
    assert budget_lines(account, {}, NOW) == [
        "2,000 requests in 15 minutes: 312 used by us, and 40 by others; we use at most 1,600.",
        "At most 4 requests in flight at once: 3 held now.",
        "20% of every limit is left to the team's other tools.",
    ]


def test_what_was_used_before_the_window_is_not_told(connection: Connection):
    account = connection.account
    account.windows, account.reserve_percent = [[2000, 900]], 0
    spend(account, 312)
    lines = budget_lines(account, {}, NOW + timedelta(hours=1))
    assert lines[0] == "2,000 requests in 15 minutes: 0 used by us; we use at most 2,000."


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (
            {"blocked_until": NOW.timestamp() + 60},
            "The service asked us to wait until 2026-03-04 05:07:07 UTC.",
        ),
        (
            {"throttle": [1, NOW.timestamp()]},
            "The service refused too many requests at once: fewer go for a while.",
        ),
    ],
)
def test_what_holds_an_account_back_is_told(connection: Connection, state: dict[str, Any], told: str):
    account = connection.account
    account.budget = state
    assert told in budget_lines(account, {}, NOW)


def test_limits_that_nobody_can_read_are_told_not_raised(connection: Connection):
    connection.account.windows = [["many", 1]]
    (line,) = budget_lines(connection.account, {}, NOW)
    assert "Each limit must be [requests, seconds]" in line


@pytest.mark.parametrize(
    ("until", "then"),
    [
        (timedelta(seconds=30), "It is tried again at 2026-03-04 05:06:37 UTC."),
        (timedelta(seconds=-1), "The next call tries whether it is back."),
        (None, "The next call tries whether it is back."),
    ],
)
def test_an_outage_tells_since_when_why_and_what_comes_next(until: timedelta | None, then: str):
    account = RemoteAccount(
        down_since=NOW - timedelta(minutes=5),
        down_until=NOW + until if until else None,
        down_reason="Qualified had an error of its own (503).",
    )
    assert outage_words(account, NOW) == (
        "It has not been answering since 2026-03-04 05:01:07 UTC: Qualified had an error of its own (503). "
        + then
    )


def test_lists_are_searched_by_name_and_id(staff_client: Client, connection: Connection):
    RemoteAccount.objects.update(name="Acme Inc", remote_id="org-77")
    for model, term, count in [
        (Connection, "quali", 1),
        (Connection, "else", 0),
        (RemoteAccount, "acme", 1),
        (RemoteAccount, "org-77", 1),
        (RemoteAccount, "org-7", 0),
    ]:
        assert listed(staff_client.get(list_of(model, q=term)).text) == count, term


def test_an_account_that_is_down_is_seen_in_the_list(staff_client: Client, connection: Connection):
    RemoteAccount.objects.update(down_since=timezone.now(), down_reason="503")
    assert "Not answering" in staff_client.get(list_of(RemoteAccount)).text
