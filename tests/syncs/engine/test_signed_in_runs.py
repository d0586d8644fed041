"""Runs under a sign-in: tokens that end in mid-run, workers that renew them, and what a person must do."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection as database

from destinations import connect, oauth
from destinations.models import Connection, Exchange, OAuthToken, RemoteAccount
from destinations.sandbox.running import running_service
from destinations.sandbox.salesloft import SCOPES, Salesloft
from destinations.sandbox.salesloft_lookups import CLIENT_ID, CLIENT_SECRET
from destinations.sandbox.salesloft_state import Token
from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import Team
from syncs.engine.resuming import resume_stopped
from syncs.engine.run import finish_here, start
from syncs.models import QueryModel, Run, Source, Sync
from tests.syncs.engine.scene import QUICK, set_mapping, write_csv

PEOPLE = {"email_address": "email", "title": "title"}
ONE_BY_ONE = 1_000_000  # no bulk job below


@pytest.fixture
def salesloft() -> Iterator[Salesloft]:
    switches = {"job_seconds": 0.0, "window_cost": 100_000, "latency_seconds": 0.03}
    with running_service(Salesloft, switches=switches) as running:
        yield running


@pytest.fixture
def connection(acme: Team, salesloft: Salesloft, impatience: None) -> Connection:
    """Alice has signed in a moment ago."""
    account = RemoteAccount.objects.create(
        team=acme, destination="salesloft", windows=[[100_000, 60]], reserve_percent=0
    )
    made = Connection(
        team=acme,
        account=account,
        name="salesloft",
        destination="salesloft",
        sign_in=Connection.SignIn.OAUTH,
        options={"base_url": salesloft.url, "sign_in_url": salesloft.url, "bulk_from": ONE_BY_ONE} | QUICK,
    )
    made.credentials = {"client_id": Secret(CLIENT_ID), "client_secret": Secret(CLIENT_SECRET)}
    made.save()
    sign_in(made, salesloft)
    for object_key in ("people", "accounts"):
        connect.refresh_fields(made, object_key)
    Exchange.objects.all().delete()
    salesloft.requests.clear()
    return made


def sign_in(connection: Connection, salesloft: Salesloft) -> None:
    """What comes of a person's sign-in: the service knows the tokens, and so do we."""
    number = salesloft.state.tokens(limit=1)[0].id + 1 if salesloft.state.tokens(limit=1) else 1
    seconds = salesloft.faults.number("token_seconds")
    now = salesloft.clock.now()
    given = Token(
        id=0,
        grant_id=0,
        access=f"access-{number}",
        refresh=f"refresh-{number}",
        client_id=CLIENT_ID,
        user_id=1,
        scopes=SCOPES,
        created_at=now,
        expires_at=now + seconds,
        access_revoked=False,
        refresh_revoked=False,
    )
    salesloft.state.save_token(given)
    told = {"access_token": given.access, "refresh_token": given.refresh, "expires_in": seconds}
    oauth.store(connection, told)


def make_sync(connection: Connection, name: str, mapping: dict[str, Any] = PEOPLE, **facts: Any) -> Sync:
    source, _ = Source.objects.get_or_create(team=connection.team, name="files", kind="duckdb")
    model = QueryModel.objects.create(
        team=connection.team,
        source=source,
        name=name,
        sql=f"select * from read_csv('{name}.csv', header = true, all_varchar = true)",
        primary_key=["id"],
    )
    facts = {"object_key": "people", "upsert_key": "email_address", **facts}
    made = Sync.objects.create(team=connection.team, name=name, model=model, connection=connection, **facts)
    set_mapping(made, mapping)
    return made


def crowd(name: str, count: int) -> None:
    rows = [{"id": at, "email": f"{name}{at}@x.test", "title": "VP"} for at in range(count)]
    write_csv(f"{name}.csv", rows)


def statuses(salesloft: Salesloft, path: str) -> list[int | None]:
    return [seen.status for seen in list(salesloft.requests) if seen.path == path]


@contextmanager
def once_some_arrived(salesloft: Salesloft, act: Callable[[], None]) -> Iterator[None]:
    """Act as soon as the service has some people, before it answers the next request."""
    strike, acted = salesloft.faults.strike, False

    def watching(request: str) -> str:
        nonlocal acted
        if not acted and salesloft.people():
            acted = True
            act()
        return strike(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(salesloft.faults, "strike", watching)
        yield


def in_threads(*runs: Run) -> None:
    def work(run: Run) -> None:
        try:
            finish_here(run)
        finally:
            database.close()

    workers = [threading.Thread(target=work, args=(run,)) for run in runs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(250)
    for run in runs:
        run.refresh_from_db()


@pytest.mark.parametrize("ends_access", [False, True])
def test_two_workers_share_tokens_of_three_seconds(
    connection: Connection, salesloft: Salesloft, ends_access: bool
) -> None:
    """Whether or not the service ends the former access token with each renewal."""
    salesloft.faults.set(token_seconds=3.0, refresh_ends_access=ends_access)
    sign_in(connection, salesloft)
    first, second = (make_sync(connection, name) for name in ("first", "second"))
    crowd("first", 250)
    crowd("second", 250)

    runs = [start(sync, ring=False) for sync in (first, second)]
    in_threads(*runs)

    assert [(run.status, run.accepted_count) for run in runs] == [(Run.Status.SUCCEEDED, 250)] * 2
    assert len(salesloft.people()) == 500
    asked = statuses(salesloft, "/oauth/token")
    assert set(asked) == {200}
    assert len(asked) >= 2
    twice = [one.match_key for one in salesloft.people() if one.write_count > 1]
    assert not twice
    if not ends_access:
        refused = statuses(salesloft, "/v2/person_upserts").count(401)
        assert refused <= 4 * len(asked), "only what was in flight as a token ended"


def test_a_token_that_ends_in_mid_run_is_renewed_once(connection: Connection, salesloft: Salesloft) -> None:
    sync = make_sync(connection, "first")
    crowd("first", 60)

    with once_some_arrived(salesloft, lambda: salesloft.state.revoke(0, access=True, refresh=False)):
        run = finish_here(start(sync, ring=False))

    assert (run.status, run.accepted_count) == (Run.Status.SUCCEEDED, 60)
    assert statuses(salesloft, "/oauth/token").count(200) >= 1
    assert len(salesloft.people()) == 60


def test_a_service_that_takes_no_token_at_all_stops_the_run_after_one_renewal(
    connection: Connection, salesloft: Salesloft
) -> None:
    sync = make_sync(connection, "first")
    crowd("first", 5)
    salesloft.sign_in.token = lambda access: None  # type: ignore[method-assign]  # it forgets all it gave

    run = finish_here(start(sync, ring=False))

    assert run.status == Run.Status.STOPPED
    assert (run.accepted_count, run.waiting_count) == (0, 5)
    assert statuses(salesloft, "/oauth/token") == [200]
    connection.refresh_from_db()
    assert (connection.health, connection.health_reason) == (
        Connection.Health.ATTENTION,
        run.stop_reason,
    )


def test_a_sign_in_revoked_in_mid_run_stops_it_and_the_rest_goes_after_reconnecting(
    connection: Connection, salesloft: Salesloft
) -> None:
    sync = make_sync(connection, "first")
    crowd("first", 60)

    with once_some_arrived(salesloft, lambda: salesloft.state.revoke(0, access=True, refresh=True)):
        run = finish_here(start(sync, ring=False))

    assert run.status == Run.Status.STOPPED
    assert "choose Reconnect" in run.stop_reason
    sent = len(salesloft.people())
    assert (run.accepted_count, run.waiting_count) == (sent, 60 - sent)
    assert 0 < sent < 60
    assert run.in_doubt_count == 0
    connection.refresh_from_db()
    assert connection.health == Connection.Health.ATTENTION

    assert OAuthToken.objects.get().refused_reason == run.stop_reason
    assert run.stopped_by == Run.StoppedBy.SIGN_IN
    sign_in(connection, salesloft)
    (again,) = resume_stopped(connection, started_by=None)
    again = finish_here(again)
    assert (again.status, again.accepted_count) == (Run.Status.SUCCEEDED, 60 - sent)
    assert len(salesloft.people()) == 60
    assert salesloft.state.count("people", "write_count > 1", ()) == 0


def test_a_job_goes_on_under_a_renewed_token(connection: Connection, salesloft: Salesloft) -> None:
    """Tokens of a second: created, uploaded, started and read under several of them."""
    connection.options |= {"bulk_from": 10}
    connection.save()
    salesloft.faults.set(token_seconds=1.0, job_seconds=2.0)
    sign_in(connection, salesloft)
    sync = make_sync(connection, "first")
    crowd("first", 50)

    run = finish_here(start(sync, ring=False))

    assert (run.status, run.accepted_count) == (Run.Status.SUCCEEDED, 50)
    assert statuses(salesloft, "/v2/bulk_jobs").count(200) >= 1
    assert set(statuses(salesloft, "/oauth/token")) == {200}
    assert salesloft.state.count("people", "write_count > 1", ()) == 0
