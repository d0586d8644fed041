"""Signing in at a service: whose tokens are used, when they are renewed, and what people are told."""

import threading
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from django.db import connection as database
from django.utils import timezone

from destinations import connect, oauth
from destinations.errors import AuthExpired, DestinationError, Misconfigured, Temporary
from destinations.models import Connection, OAuthToken, RemoteAccount
from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import Team

HOST = "http://127.0.0.1:9"
TOKEN = f"{HOST}/oauth/token"
ME = f"{HOST}/v2/me"
REDIRECT = "https://syncadmin.acme.com/oauth/salesloft"


@pytest.fixture
def signed_in(team: Team) -> Connection:
    """Alice's connection to Salesloft, signed in a moment ago for two hours."""
    connection = Connection(
        team=team,
        account=RemoteAccount.objects.create(team=team, destination="salesloft"),
        name="salesloft",
        destination="salesloft",
        sign_in=Connection.SignIn.OAUTH,
        options={"base_url": HOST, "sign_in_url": HOST},
    )
    connection.credentials = {"client_id": Secret("our-app"), "client_secret": Secret("app-secret")}
    connection.save()
    oauth.store(connection, answer(1))
    return connection


def answer(number: int, **more: Any) -> dict[str, Any]:
    return {
        "access_token": f"access-{number}",
        "refresh_token": f"refresh-{number}",
        "token_type": "bearer",
        "expires_in": 7200,
        "scope": "people:read people:write",
    } | more


def ends_in(connection: Connection, seconds: float) -> None:
    """Let the token be one of two hours that ends in so many seconds."""
    end = timezone.now() + timedelta(seconds=seconds)
    OAuthToken.objects.filter(connection=connection).update(
        expires_at=end, signed_in_at=end - timedelta(hours=2)
    )


def token_of(connection: Connection) -> OAuthToken:
    return OAuthToken.objects.get(connection=connection)


def asked() -> list[dict[str, str]]:
    """What the token address was asked for."""
    calls = [call.request for call in responses.calls if call.request.url == TOKEN]
    return [{name: values[0] for name, values in parse_qs(str(call.body)).items()} for call in calls]


# Signing in


@responses.activate
def test_a_person_is_sent_there_and_comes_back_with_a_code(signed_in: Connection) -> None:
    address = urlsplit(oauth.sign_in_address(signed_in, redirect=REDIRECT, state="s1"))
    asked_for = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{HOST}/oauth/authorize"
    assert asked_for["redirect_uri"] == REDIRECT
    assert (asked_for["state"], asked_for["client_id"], asked_for["response_type"]) == (
        "s1",
        "our-app",
        "code",
    )
    assert "people:write" in asked_for["scope"].split()
    assert "app-secret" not in address.query

    responses.post(TOKEN, json=answer(2))
    query = {"code": "c1", "scope": "people:read", "context": "x", "state": "s1"}
    told = oauth.sign_in(signed_in, redirect=REDIRECT, answer=query)

    assert told["access_token"] == "access-2"
    assert asked() == [
        {
            "grant_type": "authorization_code",
            "code": "c1",
            "redirect_uri": REDIRECT,
            "client_id": "our-app",
            "client_secret": "app-secret",
            "scope": "people:read",
            "context": "x",
        }
    ]


def test_the_installations_app_serves_connections_without_one(signed_in: Connection, settings: Any) -> None:
    signed_in.credentials = {}
    assert oauth.app_of(signed_in) is None
    with pytest.raises(Misconfigured, match="client id and a client secret"):
        oauth.sign_in_address(signed_in, redirect=REDIRECT, state="s1")

    settings.OAUTH_APPS = {"salesloft": ("theirs", "hidden")}
    assert oauth.app_of(signed_in) == oauth.App("theirs", Secret("hidden"))


@responses.activate
def test_a_wrong_app_is_told_from_a_code_that_is_used_up(signed_in: Connection) -> None:
    responses.post(TOKEN, status=401, json={"error": "invalid_client", "error_description": "No app-secret."})
    with pytest.raises(Misconfigured, match="client secret in the connection") as wrong:
        oauth.sign_in(signed_in, redirect=REDIRECT, answer={"code": "c1"})
    assert "app-secret" not in str(wrong.value)

    responses.replace(responses.POST, TOKEN, status=400, json={"error": "invalid_grant"})
    with pytest.raises(AuthExpired, match="invalid_grant"):
        oauth.sign_in(signed_in, redirect=REDIRECT, answer={"code": "c1"})


@responses.activate
@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"access_token": ""}', "null"])
def test_an_answer_without_a_token_is_not_taken_for_one(signed_in: Connection, body: str) -> None:
    responses.post(TOKEN, body=body)
    with pytest.raises(DestinationError):
        oauth.sign_in(signed_in, redirect=REDIRECT, answer={"code": "c1"})


# Renewing


@responses.activate
def test_a_good_token_is_used_without_asking(signed_in: Connection) -> None:
    assert oauth.current(signed_in).secrets["access_token"].reveal() == "access-1"
    assert asked() == []


@responses.activate
def test_a_token_is_renewed_ahead_of_its_end_and_stored_with_its_successor(signed_in: Connection) -> None:
    ends_in(signed_in, 60)
    responses.post(TOKEN, json=answer(2))

    token = oauth.current(signed_in)

    assert token.secrets["access_token"].reveal() == "access-2"
    assert [one["refresh_token"] for one in asked()] == ["refresh-1"]
    stored = token_of(signed_in)
    assert stored.secrets == {"access_token": Secret("access-2"), "refresh_token": Secret("refresh-2")}
    assert (stored.version, stored.lease_token) == (2, None)
    assert stored.expires_at > timezone.now() + timedelta(hours=1)
    assert "refresh-2" not in stored.sealed_tokens


@responses.activate
def test_tokens_of_two_minutes_are_not_renewed_at_each_call(signed_in: Connection) -> None:
    oauth.store(signed_in, answer(1, expires_in=120))
    assert oauth.current(signed_in).version == token_of(signed_in).version
    assert asked() == []


@responses.activate
def test_a_token_that_the_service_no_longer_takes_is_renewed_once(signed_in: Connection) -> None:
    responses.post(TOKEN, json=answer(2))
    assert oauth.renewed(signed_in, used=1).version == 2
    assert oauth.renewed(signed_in, used=1).version == 2  # another worker found out later
    assert len(asked()) == 1


@responses.activate
def test_a_renewed_token_that_is_refused_is_renewed_again_only_where_its_time_is_over(
    signed_in: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    responses.post(TOKEN, json=answer(2))
    opener = connect.Opener(signed_in)
    opener.renew(opener("call 1"))
    adapter = opener("call 2")
    assert not opener.may_renew(adapter), "a person must see why it is refused"

    later = timezone.now() + timedelta(hours=2)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert opener.may_renew(adapter), "it was on its way for too long"


@responses.activate
def test_a_dead_refresh_token_asks_for_a_person_and_is_not_tried_again(signed_in: Connection) -> None:
    ends_in(signed_in, -1)
    said = "The provided authorization grant is invalid, expired, revoked."
    responses.post(TOKEN, status=400, json={"error": "invalid_grant", "error_description": said})

    for _ in range(3):
        with pytest.raises(AuthExpired, match="choose Reconnect") as told:
            oauth.current(signed_in)
    assert said.rstrip(".") in str(told.value)
    assert "refresh-1" not in str(told.value)
    assert len(asked()) == 1

    oauth.store(signed_in, answer(5))
    assert oauth.current(signed_in).secrets["access_token"].reveal() == "access-5"


@responses.activate
def test_trouble_at_the_service_is_waited_out_while_the_token_lasts(signed_in: Connection) -> None:
    ends_in(signed_in, 60)
    responses.post(TOKEN, status=503)
    assert oauth.current(signed_in).secrets["access_token"].reveal() == "access-1"

    ends_in(signed_in, -1)
    with pytest.raises(Temporary) as error:
        oauth.current(signed_in)
    assert not error.value.may_be_applied
    assert token_of(signed_in).refused_reason == ""

    responses.replace(responses.POST, TOKEN, json=answer(2))
    assert oauth.current(signed_in).secrets["access_token"].reveal() == "access-2"


@responses.activate
def test_a_worker_that_died_between_the_answer_and_the_storing_leaves_a_sign_in_to_do(
    signed_in: Connection,
) -> None:
    ends_in(signed_in, -1)
    OAuthToken.objects.update(
        lease_token="00000000-0000-0000-0000-000000000007",
        lease_expires_at=timezone.now() + timedelta(seconds=0.5),
    )
    responses.post(TOKEN, status=400, json={"error": "invalid_grant"})

    with pytest.raises(AuthExpired, match="Reconnect") as told:
        oauth.current(signed_in)  # once the dead worker's lease is over
    assert "what it gave was lost" in str(told.value)
    assert len(asked()) == 1


@responses.activate
def test_an_answer_that_never_came_is_told_where_the_service_had_rotated(signed_in: Connection) -> None:
    ends_in(signed_in, -1)
    responses.post(TOKEN, body=requests.ConnectionError("reset"))
    with pytest.raises(Temporary):
        oauth.current(signed_in)

    responses.replace(responses.POST, TOKEN, status=400, json={"error": "invalid_grant"})
    with pytest.raises(AuthExpired, match="what it gave was lost"):
        oauth.current(signed_in)  # at once: nobody waits for a lease that is over
    assert token_of(signed_in).lease_token is None


@responses.activate
def test_an_answer_that_never_came_costs_nothing_where_the_service_had_not_rotated(
    signed_in: Connection,
) -> None:
    ends_in(signed_in, -1)
    responses.post(TOKEN, body=requests.ConnectionError("reset"))
    with pytest.raises(Temporary):
        oauth.current(signed_in)

    responses.replace(responses.POST, TOKEN, json=answer(2))
    assert oauth.current(signed_in).secrets["access_token"].reveal() == "access-2"
    assert token_of(signed_in).lease_token is None


@pytest.mark.django_db(transaction=True)
@responses.activate
def test_of_many_workers_one_renews(signed_in: Connection) -> None:
    """The service gives a second token for one refresh token to nobody."""
    ends_in(signed_in, -1)
    entered = threading.Barrier(4)
    given: list[str] = []

    def renew(request: Any) -> tuple[int, dict[str, str], str]:
        sent = parse_qs(request.body)["refresh_token"][0]
        given.append(sent)
        if given.count(sent) > 1:
            return 400, {}, '{"error": "invalid_grant"}'
        return 200, {"Content-Type": "application/json"}, '{"access_token": "access-2", "expires_in": 7200}'

    responses.add_callback(responses.POST, TOKEN, callback=renew)
    found: list[str] = []

    def work() -> None:
        try:
            entered.wait(100)
            found.append(oauth.current(signed_in).secrets["access_token"].reveal())
        finally:
            database.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(100)

    assert found == ["access-2"] * 4
    assert given == ["refresh-1"]
    assert token_of(signed_in).secrets["refresh_token"].reveal() == "refresh-1"  # none was given in its place


# At work


@responses.activate
def test_an_adapter_carries_the_token_and_hides_it_in_what_is_kept(signed_in: Connection) -> None:
    responses.get(ME, json={"data": {"id": 1, "team": {"id": 7}, "echo": "access-1"}})
    adapter = connect.open_adapter(signed_in)
    adapter.client.get("/v2/me")

    assert responses.calls[0].request.headers["Authorization"] == "Bearer access-1"
    rows = connect.exchange_rows(adapter, signed_in, team_id=signed_in.team_id)
    assert "access-1" not in f"{rows[0].request_headers} {rows[0].reply_text} {rows[0].url}"


@responses.activate
def test_a_401_is_answered_with_one_renewal_and_one_more_try(signed_in: Connection) -> None:
    responses.post(TOKEN, json=answer(2))
    wrong = {"error": "Invalid Bearer token"}
    tokens: list[str] = []

    def me(request: Any) -> tuple[int, dict[str, str], str]:
        tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
        return 401, {"Content-Type": "application/json"}, str(wrong).replace("'", '"')

    responses.add_callback(responses.GET, ME, callback=me)

    assert connect.check(signed_in) is None

    assert list(dict.fromkeys(tokens)) == ["access-1", "access-2"]
    assert len(asked()) == 1
    assert signed_in.health == Connection.Health.ATTENTION


def test_nobody_signed_in_yet_is_told_as_such(signed_in: Connection) -> None:
    OAuthToken.objects.all().delete()
    with pytest.raises(AuthExpired, match="Nobody has signed in yet"):
        connect.open_adapter(signed_in)
