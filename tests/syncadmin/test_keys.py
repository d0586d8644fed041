"""What a stolen database shows, and new keys for what is stored. Alice owns, staff run the installation."""

import io
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection as database
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from destinations import connect
from destinations.models import Connection, Exchange, OAuthToken, RemoteAccount
from syncadmin.lib.crypto import Secret, Vault
from syncadmin.management.commands import rotate_keys
from syncadmin.management.commands.rotate_keys import sealed_fields
from syncadmin.teams import audit
from syncadmin.teams.audit import Action
from syncadmin.teams.models import SingleSignOn, Team, User
from syncs.engine import start_tokens
from syncs.models import AlertTarget, Source
from tests.destinations.wire import answers, listening
from tests.destinations.wire import http as reply
from tests.syncs.admin.history import make_sync

SECRETS = {
    name: f"{name}-that-nobody-sees"
    for name in (
        *("api-key", "password", "access-token", "refresh-token", "client-secret", "typed"),
        *("webhook", "sign-on"),
    )
}


def connection_of(team: Team, base_url: str = "https://api.example.com") -> Connection:
    made = Connection(
        team=team,
        account=RemoteAccount.objects.create(team=team, destination="qualified"),
        name="qualified",
        destination="qualified",
        options={"base_url": base_url},
    )
    made.credentials = {
        "api_key": Secret(SECRETS["api-key"]),
        "client_secret": Secret(SECRETS["client-secret"]),
    }
    made.save()
    token = OAuthToken(connection=made, team=team, expires_at=timezone.now(), signed_in_at=timezone.now())
    token.secrets = {
        "access_token": Secret(SECRETS["access-token"]),
        "refresh_token": Secret(SECRETS["refresh-token"]),
    }
    token.save()
    return made


def source_of(team: Team, name: str = "warehouse") -> Source:
    made = Source(team=team, name=name, kind="postgres", options={"host": "db.example.com"})
    made.credentials = {"password": Secret(SECRETS["password"])}
    made.save()
    return made


def everything_stored() -> Iterator[str]:
    """Every value of every table, as a thief would read it: unpacked, and sessions opened."""
    with database.cursor() as cursor:
        for table in database.introspection.table_names(cursor):
            cursor.execute(f"select * from {database.ops.quote_name(table)}")
            for row in cursor.fetchall():
                yield from (text for value in row for text in _texts(value))
    yield from (str(session.get_decoded()) for session in Session.objects.all())


def _texts(value: Any) -> Iterator[str]:
    yield str(value)
    if isinstance(value, (bytes, memoryview)):
        yield bytes(value).decode(errors="replace")
        with suppress(zlib.error):
            yield zlib.decompress(value).decode(errors="replace")


def test_a_stolen_database_shows_no_secret(client: Client, team: Team, alice: User, staff: User) -> None:
    token = start_tokens.make(make_sync(team=team), made_by=alice)
    source_of(team)
    echo = f'{{"message": "Who is {SECRETS["api-key"]}?"}}'.encode()  # a service that repeats the key
    told = reply("401 Unauthorized", echo, f"X-Echo: {SECRETS['api-key']}")
    with listening(*answers(told)) as line:
        connection = connection_of(team, line.url)
        assert connect.check(connection) is None
    target = AlertTarget(team=team, name="ops", kind="webhook")
    target.address = Secret(f"jsons://hooks.example.com/{SECRETS['webhook']}")
    target.save()
    sign_on = SingleSignOn(team=team, issuer="https://id.example.com", client_id="syncadmin")
    sign_on.client_secret = Secret(SECRETS["sign-on"])
    sign_on.save()
    client.force_login(alice)
    typed = {"name": "", "setting-host": "db.example.com", "setting-password": SECRETS["typed"]}
    client.post(reverse("source_add_kind", args=["acme", "postgres"]), typed)
    changed = {"credentials": {"api_key": Secret(SECRETS["api-key"])}, "password": SECRETS["password"]}
    audit.record(alice, team, Action.CREDENTIALS_REPLACED, connection, before={}, after=changed)

    stored = "\n".join(everything_stored())

    assert Exchange.objects.get().status == 401
    assert "typed:acme" in stored  # the form waits in the session
    assert "db.example.com" in stored
    for secret in (*SECRETS.values(), token, "correct horse"):
        assert secret not in stored, secret.partition("-that")[0]


def run(**options: Any) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("rotate_keys", stdout=out, stderr=out, **options)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


@pytest.fixture
def keys(settings: Settings) -> list[str]:
    """An old key, with which all is sealed, and a new one."""
    found = [Fernet.generate_key().decode() for _ in range(2)]
    settings.ENCRYPTION_KEYS = found[:1]
    return found


def test_every_secret_is_sealed_with_the_newest_key_so_that_the_old_one_can_go(
    team: Team, keys: list[str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotate_keys, "AT_ONCE", 10)
    connection = connection_of(team)
    sources = [source_of(team, f"source {number}") for number in range(25)]  # it takes three looks
    Source.objects.create(team=team, name="files", kind="duckdb")  # has no secret
    settings.ENCRYPTION_KEYS = [keys[1], keys[0]]

    code, said = run()

    assert code == 0
    assert "27 secrets are sealed with the newest key; 0 had been before." in said
    assert "the others may be taken out" in said
    settings.ENCRYPTION_KEYS = [keys[1]]
    assert Connection.objects.get(pk=connection.pk).credentials["api_key"] == Secret(SECRETS["api-key"])
    assert OAuthToken.objects.get().secrets["access_token"] == Secret(SECRETS["access-token"])
    for source in Source.objects.filter(pk__in=[one.pk for one in sources]):
        assert source.credentials == {"password": Secret(SECRETS["password"])}
    assert run() == (0, "0 secrets are sealed with the newest key; 27 had been before.\n")


def test_what_no_key_reads_is_named_and_left_as_it_is(
    team: Team, keys: list[str], settings: Settings
) -> None:
    lost = source_of(team, "lost")
    settings.ENCRYPTION_KEYS = [keys[1]]
    source_of(team, "good")

    code, said = run()

    assert code == 1
    assert "source “lost”" in said
    assert "Add the key that they were saved with" in said
    assert "good" not in said
    assert SECRETS["password"] not in said
    assert Source.objects.get(pk=lost.pk).sealed_credentials == lost.sealed_credentials


def test_what_somebody_enters_meanwhile_is_kept(team: Team, keys: list[str], settings: Settings) -> None:
    """Between our reading and our writing an admin saves another password, by a process with the old key."""
    source = source_of(team)
    settings.ENCRYPTION_KEYS = [keys[1], keys[0]]
    typed = Vault(keys[:1]).seal({"password": Secret("entered meanwhile")})
    seen = []

    def meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and "syncs_source" in sql and not seen:
            seen.append(sql)
            Source.objects.filter(pk=source.pk).update(sealed_credentials=typed)
        return execute(sql, params, many, context)

    with database.execute_wrapper(meanwhile):
        code, _ = run()

    assert (code, len(seen)) == (0, 1)
    settings.ENCRYPTION_KEYS = [keys[1]]
    assert Source.objects.get().credentials == {"password": Secret("entered meanwhile")}


def test_every_field_that_is_sealed_is_found() -> None:
    found = {(model.__name__, field) for model, field in sealed_fields()}
    assert {
        ("Connection", "sealed_credentials"),
        ("OAuthToken", "sealed_tokens"),
        ("Source", "sealed_credentials"),
        ("AlertTarget", "sealed_address"),
        ("SingleSignOn", "sealed_credentials"),
    } <= found
