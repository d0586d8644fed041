"""From a stored connection to the wire and back: adapters, connection tests, field lists."""

import json
from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet

from destinations import connect
from destinations.contract import Kind
from destinations.errors import AuthExpired, Cause, Misconfigured, Temporary
from destinations.gate import Gate
from destinations.models import Connection, Exchange, RemoteAccount
from tests.destinations.conftest import KEY
from tests.destinations.wire import answers, listening
from tests.destinations.wire import http as reply

ROLE = {"id": "f1", "name": "role", "label": "Role", "type": "picklist"}
FIELDS = {"data": [ROLE | {"options": [{"value": "vp", "label": "VP"}]}]}
NO_ITEMS = {"code": "invalid_items", "message": "items must not be empty"}


def answer(status: str, body: Any) -> bytes:
    return reply(status, orjson.dumps(body), "Content-Type: application/json")


GOOD = (answer("200 OK", FIELDS), answer("200 OK", {"data": []}), answer("422 No", NO_ITEMS))


def fresh(connection: Connection) -> Connection:
    return Connection.objects.get(pk=connection.pk)


# Opening


def test_an_adapter_talks_with_the_connections_key_at_its_own_address(connect_to):
    with listening(*answers(answer("200 OK", FIELDS))) as line:
        adapter = connect.open_adapter(connect_to(line.url), call_id="7-1")
        adapter.fields(adapter.object("companies"))
    assert f"Authorization: Bearer {KEY}".encode() in line.requests[0]
    rows = connect.exchange_rows(adapter, connect_to(line.url, name="other"), team_id=1)
    assert [(row.call, row.status, row.subject) for row in rows] == [("7-1", 200, None)]


def test_a_call_without_budget_is_not_sent(connect_to):
    with listening(*answers(answer("200 OK", FIELDS))) as line:
        adapter = connect.open_adapter(connect_to(line.url), gate=Gate())
        with pytest.raises(Temporary, match="budget"):
            adapter.fields(adapter.object("companies"))
    assert line.requests == []


def test_the_settings_proxy_is_honoured_and_this_machine_goes_past_it(connect_to, settings):
    with listening(*answers(answer("200 OK", {"data": []}))) as proxy:
        settings.HTTP_PROXY = proxy.url
        far = connect.open_adapter(connect_to("http://api.acme.internal"))
        far.fields(far.object("companies"))
        with listening(*answers(answer("200 OK", {"data": []}))) as line:
            near = connect.open_adapter(connect_to(line.url, name="near"))
            near.fields(near.object("companies"))
    assert [request.split(b" ")[1] for request in proxy.requests] == [
        b"http://api.acme.internal/v2/companies/fields"
    ]
    assert len(line.requests) == 1


def test_the_time_out_of_the_advanced_settings_holds(connect_to):
    def silence(line: Any, _request: bytes) -> None:
        line.recv(1)

    with listening(silence) as line:
        connection = connect_to(line.url)
        connection.options["timeout_seconds"] = 0.1
        adapter = connect.open_adapter(connection)
        with pytest.raises(Temporary, match=r"within 0\.1 seconds"):
            adapter.fields(adapter.object("companies"))


def test_a_connection_without_a_key_says_so(connect_to):
    connection = connect_to("http://127.0.0.1:1")
    connection.credentials = {}
    with pytest.raises(AuthExpired, match="has no API key"):
        connect.open_adapter(connection)


def test_a_key_that_cannot_be_decrypted_is_the_operators_to_mend(connect_to, settings):
    connection = connect_to("http://127.0.0.1:1")
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(Misconfigured, match="ENCRYPTION_KEYS") as caught:
        connect.open_adapter(connection)
    assert caught.value.cause is Cause.CREDENTIALS


def test_a_destination_that_is_not_installed_is_told_as_such(connect_to):
    connection = connect_to("http://127.0.0.1:1")
    connection.destination = "faxmachine"
    with pytest.raises(Misconfigured, match="faxmachine"):
        connect.open_adapter(connection)


# Testing a connection


def test_a_good_connection_is_marked_as_working(connect_to):
    with listening(*answers(*GOOD)) as line:
        connection = connect_to(line.url)
        assert connect.check(connection) is not None
    found = fresh(connection)
    assert (found.health, found.health_reason) == (Connection.Health.GOOD, "")
    assert found.checked_at == found.last_good_at is not None


def test_a_wrong_key_is_told_with_what_to_do_and_the_last_good_time_is_kept(connect_to):
    with listening(*answers(*GOOD, answer("401 No", {"code": "invalid_token"}))) as line:
        connection = connect_to(line.url)
        connect.check(connection)
        last_good_at = fresh(connection).last_good_at
        assert connect.check(connection) is None
    found = fresh(connection)
    assert found.health == Connection.Health.ATTENTION
    assert "does not accept the API key" in found.health_reason
    assert found.last_good_at == last_good_at < found.checked_at


def test_a_missing_scope_needs_attention_though_the_key_is_good(connect_to):
    refused = answer("403 No", {"code": "insufficient_scope"})
    with listening(*answers(*GOOD[:2], refused)) as line:
        connection = connect_to(line.url)
        assert connect.check(connection).missing
    assert "bulk_job:manage" in fresh(connection).health_reason


def test_a_closed_door_is_told_in_plain_words(connect_to):
    with listening() as line:
        connection = connect_to(line.url)
    assert connect.check(connection) is None
    assert f"{line.host} does not take connections" in fresh(connection).health_reason


def test_a_limit_that_is_used_up_says_that_nothing_was_found_out(connect_to):
    with listening(*answers(reply("429 Slow", b"{}", "Retry-After: 60"))) as line:
        connection = connect_to(line.url)
        assert connect.check(connection) is None
    assert fresh(connection).health_reason.startswith("The connection could not be tested now.")


def test_a_test_writes_only_what_it_found_out(connect_to):
    with listening(*answers(*GOOD)) as line:
        connection = connect_to(line.url)
        Connection.objects.filter(pk=connection.pk).update(name="renamed meanwhile")
        connect.check(connection)
    assert fresh(connection).name == "renamed meanwhile"


def test_a_test_keeps_its_exchanges_and_counts_in_the_budget(connect_to, team):
    with listening(*answers(*GOOD)) as line:
        connection = connect_to(line.url)
        connect.check(connection)
    kept = Exchange.objects.filter(team=team, connection=connection, subject=None).order_by("id")
    assert [(one.method, one.status) for one in kept] == [("GET", 200), ("GET", 200), ("POST", 422)]
    assert json.loads(kept[0].reply_text) == FIELDS
    assert not any(KEY in str(vars(one)) for one in kept)
    windows = RemoteAccount.objects.get(pk=connection.account_id).budget["windows"]
    assert {name: sum(used for _, used in window["used"]) for name, window in windows.items()} == {
        "900": 3,
        "3600": 3,
        "86400": 3,
    }


def test_a_test_that_fails_keeps_its_exchange_with_the_error(connect_to):
    with listening() as line:
        connection = connect_to(line.url)
    connect.check(connection)
    kept = Exchange.objects.get(connection=connection)
    assert (kept.status, "does not take connections" in kept.error) == (None, True)


def test_a_good_test_ends_the_accounts_outage(connect_to):
    with listening(*answers(*GOOD)) as line:
        connection = connect_to(line.url)
        for _ in range(5):
            connect.budget.failed(connection.account_id, "down")
        connect.check(connection)
    assert connect.budget.outage(connection.account_id) is None


# Fields


def test_fields_are_fetched_kept_and_read_back_the_same(connect_to):
    with listening(*answers(answer("200 OK", FIELDS))) as line:
        connection = connect_to(line.url)
        assert connect.known_fields(connection, "leads") == []
        fetched = connect.refresh_fields(connection, "leads")
    assert connect.known_fields(fresh(connection), "leads") == fetched
    role = next(field for field in fetched if field.key == "role")
    assert (role.kind, role.options[0].label) == (Kind.PICKLIST, "VP")
    assert fresh(connection).fields["leads"]["fetched_at"]
    assert Exchange.objects.filter(connection=connection).exists()


def test_refreshing_one_objects_fields_keeps_those_of_another(connect_to):
    with listening(*answers(answer("200 OK", FIELDS))) as line:
        connection = connect_to(line.url)
        stale = fresh(connection)
        connect.refresh_fields(connection, "leads")
        connect.refresh_fields(stale, "companies")
    assert fresh(connection).fields.keys() == {"leads", "companies"}


def test_a_refresh_that_fails_keeps_what_was_known(connect_to):
    with listening(
        *answers(answer("200 OK", FIELDS), answer("200 OK", FIELDS), answer("500 No", {}))
    ) as line:
        connection = connect_to(line.url)
        connect.refresh_fields(connection, "leads")
        before = fresh(connection).fields
        with pytest.raises(Temporary):
            connect.refresh_fields(connection, "leads")
    assert fresh(connection).fields == before


def test_a_connection_never_shows_its_key(connect_to):
    connection = connect_to("http://127.0.0.1:1")
    adapter = connect.open_adapter(connection)
    assert KEY not in f"{connection!r} {vars(connection)!r} {adapter!r} {adapter.client!r}"
