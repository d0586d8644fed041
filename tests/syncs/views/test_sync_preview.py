"""One row as it would be sent, and sent. Alice owns, Bob may only look, Charlie is of another team."""

import json

import pytest
from django.test import Client

from destinations.models import Exchange
from destinations.sandbox.running import API_KEY
from syncadmin.teams.models import Team, User
from syncs.engine.run import finish_here
from syncs.models import LedgerEntry, Run, Sync
from syncs.views import one_row, sample_rows
from tests.syncs.engine.conftest import folders, impatience, sandbox, scene  # noqa: F401
from tests.syncs.engine.scene import LEADS, Scene, person, set_mapping
from tests.syncs.views.test_runs import text, url


@pytest.fixture
def acme(transactional_db: None, folders: None, team: Team) -> Team:  # noqa: F811
    sample_rows._kept.clear()  # of the process; ids begin anew with each test
    return team


@pytest.fixture
def as_alice(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def world(scene: Scene) -> Scene:  # noqa: F811
    """Three people, of whom the third has no address; nobody was sent yet."""
    set_mapping(scene.sync, LEADS | {"company.city": "note"})
    scene.rows = [person(1, note="Pune"), person(2), person(3, email="bad@")]
    scene.write()
    return scene


def preview(client: Client, sync: Sync, **asked: object) -> object:
    response = client.get(url("sync_preview", sync.public_id), asked)
    assert response.status_code == 200
    return response


# Looking


def test_the_request_that_is_shown_is_the_one_that_is_then_sent(as_alice: Client, world: Scene) -> None:
    shown = preview(as_alice, world.sync, key="1").context["looked"].wires

    assert world.sandbox.requests[-1].method == "GET"  # when its fields were listed: nothing since
    world.finish(keys=["1"])
    sent = [seen for seen in world.sandbox.requests if seen.method == "POST"]
    assert [wire.method for wire in shown] == ["POST", "POST"]
    for wire, seen in zip(shown, sent, strict=True):
        assert wire.url.endswith(seen.path)
        ours, theirs = json.loads(wire.body), seen.json()
        names = [body["items"][0].pop("request_id") for body in (ours, theirs)]
        assert names[0] == "preview"
        assert ours == theirs


def test_no_secret_is_shown_nor_read(as_alice: Client, world: Scene) -> None:
    page = preview(as_alice, world.sync, key="1")

    assert API_KEY not in page.content.decode()
    headers = dict(page.context["looked"].wires[0].headers)
    assert headers["Authorization"] == "[removed]"
    world.connection.sealed_credentials = ""
    world.connection.save()
    assert preview(as_alice, world.sync, key="1").context["looked"].wires


def test_source_record_and_request_stand_side_by_side(as_alice: Client, world: Scene) -> None:
    words = text(preview(as_alice, world.sync, key="1"))

    assert "A run would send this row: it was never sent." in words
    assert "id 1" in words and "person1@acme.com" in words
    assert "from first_name Person 1" in words
    assert "POST" in words and "Send this row now" in words


def test_what_is_wrong_stands_at_its_field_and_no_request_is_made(as_alice: Client, world: Scene) -> None:
    page = preview(as_alice, world.sync, key="3")

    looked = page.context["looked"]
    assert "it needs attention" in looked.sentence
    (wrong,) = [line for line in looked.lines if line.of.flaws]
    assert wrong.of.field.key == "email" and "is not an e-mail address" in wrong.of.flaws[0]
    assert looked.wires == []
    assert "Send this row now" not in text(page)


def test_a_guard_that_would_hold_the_row_back_is_named(as_alice: Client, world: Scene) -> None:
    world.sync.guards = [{"hold_back": {"all": [{"column": "note", "is": "Pune"}]}}]
    Sync.objects.filter(pk=world.sync.pk).update(guards=world.sync.guards)

    looked = preview(as_alice, world.sync, key="1").context["looked"]

    assert "A run would hold this row back: the guard “" in looked.sentence


def test_a_changed_row_is_compared_with_what_was_sent(as_alice: Client, world: Scene) -> None:
    world.finish()
    assert "it is as it was last sent" in text(preview(as_alice, world.sync, key="1"))
    world.change(1, title="CEO")
    world.write()

    words = text(preview(as_alice, world.sync, key="1"))

    assert "A run would send this row: 1 field changed." in words
    assert "Changed; last sent VP" in words


def test_rows_are_stepped_through_from_the_first(as_alice: Client, world: Scene) -> None:
    page = preview(as_alice, world.sync)

    assert (page.context["place"], page.context["count"]) == (1, 3)
    assert (page.context["former"], page.context["next"]) == (None, 1)
    last = preview(as_alice, world.sync, at=2)
    assert (last.context["place"], last.context["next"]) == (3, None)
    world.change(1, title="CEO")
    world.write()
    assert "CEO" not in text(preview(as_alice, world.sync, at=0))
    assert "CEO" in text(preview(as_alice, world.sync, at=0, again=1))


def test_a_row_beyond_the_first_is_asked_of_the_source(
    as_alice: Client, world: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_rows, "MOST_ROWS", 1)
    world.rows += [person(id) for id in range(10, 60)] + [person(99, email="o'hara@acme.com")]
    world.write()

    assert preview(as_alice, world.sync, key="99").context["looked"].preview.match_key == "o'hara@acme.com"
    assert "no row with this primary key" in text(preview(as_alice, world.sync, key="' or 1=1 --"))
    assert "no row with this primary key" in text(preview(as_alice, world.sync, key="100"))


@pytest.mark.parametrize("sql_end", [";", " -- the people", "\n;\n"])
def test_whatever_the_query_ends_in_its_rows_are_found(
    world: Scene, sql_end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_rows, "MOST_ROWS", 1)
    model = world.sync.model
    model.sql += sql_end
    model.save()

    found = one_row.by_key(model, "2")

    assert found.row is not None and "2" in map(str, found.row)


def test_a_model_that_cannot_be_read_says_why(as_alice: Client, world: Scene) -> None:
    world.sync.model.sql = "select * from read_csv('gone.csv')"
    world.sync.model.save()

    page = preview(as_alice, world.sync, key="1")

    assert page.context["looked"].preview is None
    assert "gone.csv" in page.context["looked"].problem


def test_the_mapping_that_is_not_saved_is_tried_from_the_review(as_alice: Client, world: Scene) -> None:
    edit = url("sync_edit_preview", world.sync.public_id)

    page = as_alice.get(edit, {"key": "2"})

    words = text(page)
    assert "with your changes, which are not saved" in words
    assert "Send this row now" not in words
    assert [wire.method for wire in page.context["looked"].wires] == ["POST"]


# Sending


def test_alice_sends_one_row_and_reads_request_and_answer(as_alice: Client, world: Scene) -> None:
    answer = as_alice.post(url("sync_send_row", world.sync.public_id), {"key": "1"})

    run = Run.objects.get()
    assert (run.keys, run.full, run.started_by.email) == (["1"], True, "alice@example.com")
    assert answer["Location"] == url("sync_sent_row", world.sync.public_id, run.public_id)
    going_on = as_alice.get(answer["Location"])
    assert 'hx-trigger="every 1s"' in going_on.content.decode()
    finish_here(run)
    assert as_alice.get(answer["Location"], headers={"HX-Request": "true"})["HX-Refresh"] == "true"

    page = as_alice.get(answer["Location"])
    words = text(page)
    assert "It arrived: Qualified took the record." in words
    assert "person1@acme.com" in words
    assert page.context["spoken"][0].exchange.method == "POST"
    assert sorted(world.sandbox.leads()) == ["person1@acme.com"]
    assert API_KEY not in page.content.decode()


def test_a_row_that_did_not_change_is_sent_again_when_asked(as_alice: Client, world: Scene) -> None:
    world.finish()
    before = len(world.sandbox.requests)

    as_alice.post(url("sync_send_row", world.sync.public_id), {"key": "2"})
    run = finish_here(Run.objects.get(keys=["2"]))

    assert run.accepted_count == 1
    assert len(world.sandbox.requests) > before
    assert LedgerEntry.objects.get(key_text="2", part=0).run_number == run.number


def test_a_refusal_is_told_in_the_first_sentence(as_alice: Client, world: Scene) -> None:
    world.change_field("Score__c", "picklist", options=["1"])
    set_mapping(world.sync, LEADS | {"Score__c": "note"})
    as_alice.post(url("sync_send_row", world.sync.public_id), {"key": "1"})
    run = finish_here(Run.objects.get())

    words = text(as_alice.get(url("sync_sent_row", world.sync.public_id, run.public_id)))

    assert "It was sent, and Qualified refused it." in words
    assert "Pune" in words


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("3", "It was not sent: it needs attention first."),
        ("77", "It was not sent: the model has no row with this primary key now."),
    ],
)
def test_what_was_not_sent_says_so(as_alice: Client, world: Scene, key: str, sentence: str) -> None:
    as_alice.post(url("sync_send_row", world.sync.public_id), {"key": key})
    run = finish_here(Run.objects.get())

    assert sentence in text(as_alice.get(url("sync_sent_row", world.sync.public_id, run.public_id)))
    assert not Exchange.objects.filter(subject=run.public_id).exists()


def test_a_paused_sync_sends_no_row(as_alice: Client, world: Scene) -> None:
    Sync.objects.update(paused=True)

    answer = as_alice.post(url("sync_send_row", world.sync.public_id), {"key": "1"}, follow=True)

    assert "is paused" in text(answer) or "is paused" in answer.content.decode()
    assert not Run.objects.exists()


def test_while_another_run_goes_on_it_is_shown_instead(as_alice: Client, world: Scene) -> None:
    other = world.start()

    answer = as_alice.post(url("sync_send_row", world.sync.public_id), {"key": "1"})

    assert answer["Location"] == url("run", other.public_id)
    assert Run.objects.count() == 1


def test_a_run_of_more_rows_has_no_such_page(as_alice: Client, world: Scene) -> None:
    run = world.finish()
    assert as_alice.get(url("sync_sent_row", world.sync.public_id, run.public_id)).status_code == 404


def test_bob_sends_nothing_and_may_read_what_was_answered(client: Client, world: Scene, bob: User) -> None:
    run = world.finish(keys=["1"], full=True)
    client.force_login(bob)

    assert client.post(url("sync_send_row", world.sync.public_id), {"key": "1"}).status_code == 403
    assert client.get(url("sync_preview", world.sync.public_id)).status_code == 403
    page = client.get(url("sync_sent_row", world.sync.public_id, run.public_id))
    assert "It arrived" in text(page)
    assert Run.objects.count() == 1


def test_charlie_finds_nothing(client: Client, world: Scene, charlie: User) -> None:
    run = world.finish(keys=["1"], full=True)
    client.force_login(charlie)
    id = world.sync.public_id
    for address in (
        url("sync_preview", id),
        url("sync_edit_preview", id),
        url("sync_send_row", id),
        url("sync_sent_row", id, run.public_id),
    ):
        assert client.get(address).status_code == 404
