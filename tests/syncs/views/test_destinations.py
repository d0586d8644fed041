"""Destinations in the browser: Alice owns, Bob may only look, Charlie is of another team."""

from urllib.parse import urlsplit

import pytest
import requests
from django.urls import reverse

from destinations import registry
from destinations.auth import OAuth
from destinations.models import Connection
from destinations.sandbox.running import API_KEY, running_sandbox
from destinations.sandbox.service import services
from syncadmin.lib.crypto import Secret
from syncs.configuration.connections import save_connection
from syncs.models import LedgerEntry, QueryModel, Source, Sync

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox(settings):
    with running_sandbox() as sandbox:
        settings.SANDBOX = True
        settings.SANDBOX_PORT = urlsplit(sandbox.url).port
        yield sandbox


@pytest.fixture
def connection(team, sandbox):
    return save_connection(
        Connection(team=team, name="Qualified", destination="qualified"),
        credentials={"api_key": Secret(API_KEY)},
        options={"base_url": sandbox.url},
        reserve_percent=20,
        same_account=None,
    )


@pytest.fixture
def sync(team, connection):
    source = Source.objects.create(team=team, name="files", kind="duckdb")
    model = QueryModel.objects.create(team=team, source=source, name="m", sql="select 1", primary_key=["id"])
    sync = Sync.objects.create(
        team=team, name="leads", model=model, connection=connection, object_key="leads", upsert_key="email"
    )
    LedgerEntry.objects.create(
        team=team, sync=sync, generation=1, key=bytes(16), key_text="1", match_key="a@acme.com", run_number=1
    )
    return sync


def _fields(sandbox, **changes):
    return {
        "name": "Qualified",
        "reserve_percent": "20",
        "connection-api_key": API_KEY,
        "connection-base_url": sandbox.url,
        "connection-bulk_style": "unified",
        "connection-probe_bulk": "always",
    } | changes


def test_alice_connects_with_a_key_and_reads_that_it_works(client, alice, sandbox):
    client.force_login(alice)

    answer = client.post(reverse("connection_add", args=["acme", "qualified"]), _fields(sandbox), follow=True)

    connection = Connection.objects.get()
    assert connection.health == Connection.Health.GOOD
    assert "The connection works" in answer.text
    assert set(connection.fields) == {"leads", "companies"}


@pytest.mark.parametrize("key", sorted(registry.adapters()))
def test_the_sandbox_needs_no_key_and_is_marked(client, alice, sandbox, key):
    adapter = registry.adapter(key)
    client.force_login(alice)
    gallery = client.get(reverse("destination_add", args=["acme"]))
    address = reverse("connection_add", args=["acme", key]) + "?account=sandbox"
    assert f'href="{address}' in gallery.text

    answer = client.post(address, {"name": "Try it", "reserve_percent": "0"}, follow=True)

    connection = Connection.objects.get()
    assert connection.health == Connection.Health.GOOD
    assert set(connection.fields) == {one.key for one in adapter.objects}
    assert f"nothing is sent to {adapter.label}" in answer.text
    for auth in adapter.auths:
        if isinstance(auth, OAuth):
            ours = f"{sandbox.url}{services()[key].prefix}"
            assert connection.options[auth.host_setting] == ours
            assert requests.get(ours + auth.authorize_path, timeout=60).status_code == 400


def test_without_a_sandbox_none_is_offered(client, alice, settings):
    settings.SANDBOX = False
    client.force_login(alice)

    assert "sandbox" not in client.get(reverse("destination_add", args=["acme"])).text


def test_a_wrong_key_is_told_with_what_to_do_and_never_shown(client, alice, sandbox):
    client.force_login(alice)
    wrong = _fields(sandbox, **{"connection-api_key": "wrong-key-of-alice"})

    answer = client.post(reverse("connection_add", args=["acme", "qualified"]), wrong, follow=True)

    assert Connection.objects.get().health == Connection.Health.ATTENTION
    assert "does not accept the API key" in answer.text
    assert "wrong-key-of-alice" not in answer.text
    edit = client.get(reverse("connection_edit", args=["acme", Connection.objects.get().public_id]))
    assert "wrong-key-of-alice" not in edit.text


def test_a_mistake_stands_at_its_field_and_what_was_typed_is_kept(client, alice, sandbox):
    client.force_login(alice)
    typed = _fields(sandbox, name="My name", **{"connection-batch_size": "9000", "connection-api_key": ""})

    answer = client.post(reverse("connection_add", args=["acme", "qualified"]), typed)

    assert answer.status_code == 200
    assert "must be at most 500" in answer.text
    assert "My name" in answer.text
    assert not Connection.objects.exists()


def test_the_gallery_tells_why_a_mode_is_missing(client, alice):
    client.force_login(alice)

    text = client.get(reverse("destination_add", args=["acme"])).text

    assert "What it cannot do, and why" in text


def test_a_new_key_asks_whether_the_account_is_the_same(client, alice, sandbox, connection, sync):
    sandbox.add_key("second-key", "bulk_job:manage", "lead:manage", "company:manage")
    client.force_login(alice)
    address = reverse("connection_edit", args=["acme", connection.public_id])
    changed = _fields(sandbox, **{"connection-api_key": "second-key"})

    asked = client.post(address, changed)
    assert "same account" in asked.text
    assert "about 1 rows" in asked.text or "about 1 row" in asked.text

    client.post(address, changed | {"same_account": "other"})
    sync.refresh_from_db()
    assert sync.generation == 2
    connection.refresh_from_db()
    assert connection.credentials["api_key"].reveal() == "second-key"


def test_the_second_of_two_people_is_told_and_keeps_what_was_typed(client, alice, sandbox, connection):
    client.force_login(alice)
    address = reverse("connection_edit", args=["acme", connection.public_id])
    opened = connection.updated_at.isoformat()
    client.post(address, _fields(sandbox, name="First", seen_at=opened, **{"connection-api_key": ""}))

    second = client.post(address, _fields(sandbox, name="Second", seen_at=opened))

    assert "Somebody else saved this connection" in second.text
    assert "Second" in second.text
    connection.refresh_from_db()
    assert connection.name == "First"


def test_a_connection_with_syncs_stays(client, alice, connection, sync):
    client.force_login(alice)
    address = reverse("connection_remove", args=["acme", connection.public_id])

    assert "leads" in client.post(address).text
    assert Connection.objects.exists()
    sync.delete()
    client.post(address)
    assert not Connection.objects.exists()


def _pages(connection):
    return [
        reverse("destinations", args=["acme"]),
        reverse("destination_add", args=["acme"]),
        reverse("connection_add", args=["acme", "qualified"]),
        *(
            reverse(name, args=["acme", connection.public_id])
            for name in ("connection", "connection_edit", "connection_remove")
        ),
    ]


def test_of_many_syncs_on_it_twenty_are_shown_and_all_a_click_away(client, alice, team, connection, sync):
    client.force_login(alice)
    page = reverse("connection", args=["acme", connection.public_id])
    listed = f"{reverse('syncs', args=['acme'])}?destination={connection.public_id}"
    Sync.objects.bulk_create(
        Sync(
            team=team,
            name=f"more {n}",
            model=sync.model,
            connection=connection,
            object_key="leads",
            upsert_key="email",
        )
        for n in range(19)
    )
    assert listed not in client.get(page).text
    Sync.objects.create(
        team=team,
        name="one more",
        model=sync.model,
        connection=connection,
        object_key="leads",
        upsert_key="email",
    )
    assert listed in client.get(page).text


def test_what_needs_attention_is_mended_by_the_main_button(client, alice, connection):
    client.force_login(alice)
    page = reverse("connection", args=["acme", connection.public_id])
    edit = reverse("connection_edit", args=["acme", connection.public_id])
    assert f'<a class="button plain" href="{edit}">Change</a>' in client.get(page).text
    Connection.objects.update(health=Connection.Health.ATTENTION)
    assert f'<a class="button" href="{edit}">Reconnect</a>' in client.get(page).text


def test_charlie_finds_nothing(client, charlie, connection):
    client.force_login(charlie)

    assert {client.get(page).status_code for page in _pages(connection)} == {404}
    for name in ("connection_test", "connection_refresh", "connection_remove", "connection_edit"):
        assert client.post(reverse(name, args=["acme", connection.public_id])).status_code == 404


def test_bob_looks_and_changes_nothing(client, bob, connection):
    client.force_login(bob)

    assert client.get(reverse("destinations", args=["acme"])).status_code == 200
    page = client.get(reverse("connection", args=["acme", connection.public_id]))
    assert page.status_code == 200
    assert "Test now" not in page.text
    for name in ("connection_test", "connection_refresh", "connection_remove", "connection_edit"):
        assert client.post(reverse(name, args=["acme", connection.public_id])).status_code == 403


@pytest.mark.parametrize("count", [2, 50])
def test_the_list_asks_the_database_as_often_for_two_as_for_fifty(
    client, alice, connection, count, django_assert_max_num_queries
):
    for number in range(count - 1):
        Connection.objects.create(
            team=connection.team, account=connection.account, name=f"c{number}", destination="qualified"
        )
    client.force_login(alice)

    with django_assert_max_num_queries(6):
        client.get(reverse("destinations", args=["acme"]))


def test_markup_in_a_name_is_shown_as_text(client, alice, connection):
    Connection.objects.update(name="<script>alert(1)</script>")
    client.force_login(alice)

    assert "<script>alert(1)" not in client.get(reverse("destinations", args=["acme"])).text
