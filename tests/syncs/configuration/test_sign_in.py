"""Connections of a document that sign in with an app: what is written, told, exported and refused."""

from collections.abc import Callable
from typing import Any

import pytest
import responses

from destinations import oauth
from destinations.models import Connection, OAuthToken
from syncadmin.teams.models import Team
from syncs.configuration import goals
from syncs.configuration.apply import apply, try_connections
from syncs.configuration.export import export
from syncs.models import Sync
from tests.syncs.configuration.conftest import ENVIRONMENT

Apply = Callable[..., list[str]]
Refused = Callable[..., list[tuple[int, str]]]

SALESLOFT = "https://api.salesloft.com"
ENV = ENVIRONMENT | {"LOFT_ID": "the-app", "LOFT_SECRET": "s3cret-of-the-app", "LOFT_KEY": "k3y-of-loft"}
APP = 'client_id: "${LOFT_ID}", client_secret: "${LOFT_SECRET}"'
KEY = 'api_key: "${LOFT_KEY}"'
DOCUMENT = """\
team: acme
sources:
  files: {type: duckdb, path: "."}
models:
  leads: {source: files, sql: "select * from 'leads.csv'", primary_key: id}
connections:
  loft: {destination: salesloft, APP}
syncs:
  people:
    model: leads
    connection: loft
    object: people
    mapping: {email_address: email, first_name: given_name, custom_fields.Plan: score}
"""
WAITS = f"connection loft: {goals.WAITS}"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.syncs.configuration.conftest.ENVIRONMENT", ENV)


@pytest.fixture
def written(applied: Apply) -> Apply:
    """Apply the document with this way to sign in: written(APP) → the lines printed."""

    def do(way: str = APP, **more: Any) -> list[str]:
        return applied(text=DOCUMENT.replace("APP", way), **more)

    return do


@pytest.fixture
def wrong(refused: Refused) -> Refused:
    """As `written`, where nothing may be written."""

    def do(way: str) -> list[tuple[int, str]]:
        return refused(text=DOCUMENT.replace("APP", way))

    return do


def signed_in() -> Connection:
    connection = Connection.objects.get()
    told = {"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 7200}
    oauth.store(connection, told)
    return connection


def test_an_app_makes_a_connection_that_waits_for_a_person_and_its_sync(
    written: Apply, wire: responses.RequestsMock
) -> None:
    lines = written()

    assert [line for line in lines if line.startswith("connection")] == [
        "connection loft: new, to Salesloft",
        WAITS,
    ]
    connection = Connection.objects.get()
    assert connection.sign_in == Connection.SignIn.OAUTH
    assert connection.credentials["client_secret"].reveal() == "s3cret-of-the-app"
    assert "s3cret" not in " ".join(lines) + connection.sealed_credentials
    assert Sync.objects.get().mappings.count() == 3
    assert len(wire.calls) == 0

    assert written() == []


def test_a_connection_that_waits_is_not_tested(db: None, files: Any, wire: responses.RequestsMock) -> None:
    applied = apply(DOCUMENT.replace("APP", APP), ENV)
    assert list(try_connections(applied)) == []
    assert len(wire.calls) == 0


def test_the_installations_app_needs_only_the_way(
    written: Apply, wrong: Refused, settings: Any, wire: responses.RequestsMock
) -> None:
    ((line, told),) = wrong("sign_in: oauth")
    assert line == 7
    assert "no app of Salesloft to sign in with" in told
    assert "OAUTH_APPS" in told

    settings.OAUTH_APPS = {"salesloft": ("theirs", "hidden")}
    assert WAITS in written("sign_in: oauth")
    assert not Connection.objects.get().credentials
    assert "sign_in: oauth" in export(Team.objects.get())
    assert written("sign_in: oauth") == []


def test_the_export_refers_to_the_app_and_applies_to_nothing_new(
    written: Apply, wire: responses.RequestsMock
) -> None:
    written()
    signed_in()

    text = export(Team.objects.get())

    assert 'client_id: "${LOFT_CLIENT_ID}"' in text
    assert 'client_secret: "${LOFT_CLIENT_SECRET}"' in text
    for secret in ("the-app", "s3cret", "access-1", "refresh-1", "api_key"):
        assert secret not in text
    variables = ENV | {"LOFT_CLIENT_ID": "the-app", "LOFT_CLIENT_SECRET": "s3cret-of-the-app"}
    assert apply(text, variables).lines == []
    assert OAuthToken.objects.exists()


def test_a_document_without_secrets_leaves_the_sign_in_as_it_is(
    written: Apply, wire: responses.RequestsMock
) -> None:
    written()
    signed_in()
    assert written("reserve_percent: 30") == ["connection loft: reserve_percent: 20 → 30"]
    assert OAuthToken.objects.exists()
    assert set(Connection.objects.get().credentials) == {"client_id", "client_secret"}


def test_from_an_app_to_a_key_says_whether_the_account_is_the_same(
    written: Apply, wrong: Refused, wire: responses.RequestsMock
) -> None:
    written()
    signed_in()
    ((line, told),) = wrong(KEY)
    assert line == 7
    assert "same_account: true" in told

    lines = written(f"{KEY}, same_account: true")

    assert "connection loft: sign_in: oauth → api_key" in lines
    connection = Connection.objects.get()
    assert set(connection.credentials) == {"api_key"}
    assert not OAuthToken.objects.exists()
    assert connection.health == Connection.Health.UNTESTED


def test_from_a_key_to_an_app_asks_for_a_sign_in_and_nothing_else(
    written: Apply, wire: responses.RequestsMock
) -> None:
    for path in ("custom_fields", "users", "person_stages", "account_stages", "account_tiers"):
        wire.get(f"{SALESLOFT}/v2/{path}", json={"data": [], "metadata": {}})
    written(KEY)
    asked = len(wire.calls)

    lines = written(APP)

    assert "connection loft: sign_in: api_key → oauth" in lines
    assert WAITS in lines
    assert set(Connection.objects.get().credentials) == {"client_id", "client_secret"}
    assert Sync.objects.get().generation == 1  # whose account it is shows when somebody signs in
    assert len(wire.calls) == asked


def test_another_app_must_be_signed_in_with(written: Apply, wire: responses.RequestsMock) -> None:
    written()
    signed_in()
    lines = written(APP.replace("${LOFT_ID}", "another-app"))
    assert lines == ["connection loft: client_id: changed", WAITS]
    assert not OAuthToken.objects.exists()


def test_a_new_secret_of_the_same_app_keeps_the_sign_in(written: Apply, wire: responses.RequestsMock) -> None:
    written()
    signed_in()
    assert written(APP.replace("${LOFT_SECRET}", "rotated")) == ["connection loft: client_secret: changed"]
    assert OAuthToken.objects.exists()


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ('client_id: "${LOFT_ID}"', "has no `client_secret`"),
        ('client_secret: "${LOFT_SECRET}"', "has no `client_id`"),
        ('client_id: "${LOFT_ID}", client_secret: ""', "has no `client_secret`"),
        (f"{KEY}, {APP}", "has `api_key` and `client_id`"),
        (f"sign_in: api_key, {APP}", "has `sign_in: api_key` and `client_id`"),
        (f"sign_in: oauth, {KEY}", "has `api_key` and `sign_in: oauth`"),
        (f"sign_in: saml, {APP}", "`sign_in` must be oauth or api_key"),
        ("reserve_percent: 20", "nor `client_id` and `client_secret` to sign in with"),
        ("sign_in: api_key", "has no `api_key`"),
        ('client_id: "${LOFT_ID}", client_secrt: x', "did you mean `client_secret`"),
    ],
)
def test_what_is_wrong_stands_at_its_line(wrong: Refused, way: str, words: str) -> None:
    problems = wrong(way)
    assert {line for line, _ in problems} == {7}
    assert words in " ".join(told for _, told in problems)
    assert "s3cret" not in str(problems)


def test_a_missing_variable_is_told_once(wrong: Refused) -> None:
    ((line, told),) = wrong('client_id: "${LOFT_ID}", client_secret: "${NOT_SET}"')
    assert (line, "NOT_SET" in told) == (7, True)


def test_a_destination_without_a_sign_in_knows_no_app(refused: Refused) -> None:
    told = refused({'api_key: "${QUALIFIED_API_KEY}"': 'client_id: "x", client_secret: "y"'})
    assert any("unknown key `client_id`" in message for _, message in told)
