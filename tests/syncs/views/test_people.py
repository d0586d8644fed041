"""Where is this person? Over real runs. Alice owns, Bob may only look, Charlie is of another team."""

import re
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection as database
from django.db.models import Q
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from destinations.models import Connection, RemoteAccount
from syncadmin.teams.models import Team, User
from syncs.engine.forget import forget
from syncs.engine.keys import row_key
from syncs.engine.run import finish_here, start
from syncs.engine.standing import OfSync
from syncs.engine.whereabouts import begins
from syncs.management.base import UserError
from syncs.models import LedgerEntry, QueryModel, Run, Source, Sync, SyncSchedule, WaitingRetry
from syncs.views.people_words import next_run
from tests.syncs.engine.conftest import folders, impatience, sandbox, scene  # noqa: F401
from tests.syncs.engine.scene import LEADS, Scene, make_sync, person, plan_only, set_mapping
from tests.syncs.engine.test_guarded_runs import ONLY_VPS, guard
from tests.syncs.views.test_runs import text, url


@pytest.fixture
def acme(transactional_db: None, folders: None, team: Team) -> Team:  # noqa: F811
    return team


@pytest.fixture
def world(scene: Scene) -> Scene:  # noqa: F811
    """Rows that come to every end: 1 arrives with its company, 2 is no VP, 3 and 4 are equal, 5 is refused,
    6 has no address, 7 and 8 share one.
    """
    scene.change_field("Score__c", "picklist", options=["1", "2"])
    set_mapping(scene.sync, LEADS | {"Score__c": "note", "company.city": "first_name"})
    guard(scene, ONLY_VPS)
    scene.rows = [
        person(1, note="1"),
        person(2, title="CEO"),
        person(3),
        person(4, email="person3@acme.com", first_name="Person 3"),
        person(5, note="high", email="Zoë@bücher.example"),
        person(6, email="bad@"),
        person(7),
        person(8, email="PERSON7@acme.com "),
    ]
    return scene


@pytest.fixture
def as_alice(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def ask(client: Client, what: str) -> Any:
    """The page to which the search leads."""
    sent = client.post(url("people"), {"what": what})
    assert sent.status_code == 302, text(sent)
    page = client.get(sent["Location"])
    assert page.status_code == 200
    return page


def where(client: Client, what: str) -> str:
    """What the page says of what is known, in one line."""
    found = re.search(r'<section id="found".*?</section>', ask(client, what).content.decode(), re.DOTALL)
    assert found is not None
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0])).replace("&#x27;", "'")


def send(client: Client, page: Any, sync: Sync, key: str) -> Any:
    ref = page.context["ref"]
    return client.post(url("person_send", ref), {"sync": sync.public_id, "key": key})


def test_each_end_of_a_run_is_told_in_one_sentence_with_who_must_act(as_alice: Client, world: Scene) -> None:
    world.finish()

    arrived = where(as_alice, "Person1@ACME.com ")
    assert re.search(r"It arrived in Qualified on \d+ \w+ \d{4}, \d\d:\d\d \w+, in run #1\.", arrived)
    assert "Who must act Nobody What comes next It is sent again as soon as it changes." in arrived
    assert "run #1 · request and answer" in arrived
    held = where(as_alice, "person2@acme.com")
    assert "It is held back by the guard “Only VPs”." in held
    assert "then whoever edits the sync changes the guard" in held
    equal = where(as_alice, "3")
    assert "It is held back: an equal row is sent in its place." in equal and "Equal to row 4" in equal
    refused = where(as_alice, " zoë@xn--bcher-kva.example")
    assert "Qualified refused it on" in refused and "Run #3 tries it again, unless" in refused
    assert re.search(r"Who must act (Whoever|An admin)", refused)
    invalid = where(as_alice, "6")
    assert "It was not sent: run #1 stopped it for its data." in invalid and "is not an e-mail add" in invalid
    assert "Who must act Whoever owns the source" in invalid
    twins = ask(as_alice, "person7@acme.com").context["told"]
    assert [(one.standing.key_text, one.badge) for one in twins] == [
        ("7", "Stopped for its data"),
        ("8", "Stopped for its data"),
    ]
    company = where(as_alice, "https://www.acme.com/")
    assert "The company arrived in Qualified on" in company and "the rows that name it" in company

    forget(world.team, "person1@acme.com")
    assert "No sync knows of it." in where(as_alice, "person1@acme.com")
    assert "No sync knows of it." in where(as_alice, "1")


def test_the_command_line_tells_the_same(world: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    world.finish()
    capsys.readouterr()

    call_command("where", "person2@acme.com")
    told = capsys.readouterr().out
    assert told.startswith(
        "It is held back by the guard “Only VPs”.\n\nleads → Qualified leads: person2@acme.com"
    )
    assert "Who must act: Nobody, unless it should be sent" in told
    call_command("where", "person", "--team", "acme", "--closely")
    assert "begin like this: person1@acme.com, person2@acme.com" in capsys.readouterr().out
    with pytest.raises(UserError, match="Give an e-mail address"):
        call_command("where", "  ")


def test_a_row_of_which_nothing_changed_says_since_when(as_alice: Client, world: Scene) -> None:
    world.finish()
    world.finish()

    assert "no run since had anything new to send of it." in where(as_alice, "person1@acme.com")
    assert "Qualified refused it on" in where(as_alice, "5")
    assert "The next run sends it again. The sync runs when somebody starts it." in where(as_alice, "5")
    before = make_sync(team=world.team, connection=world.connection, name="companies")
    SyncSchedule.objects.create(team=world.team, sync=world.sync, follows=before)
    assert "The sync runs after each good run of companies." in where(as_alice, "5")


def test_what_was_wrong_and_is_right_now_arrived(as_alice: Client, world: Scene) -> None:
    world.finish()
    world.change(6, email="six@acme.com")
    world.change(2, title="VP")
    world.rows = [row for row in world.rows if row["id"] != 7]
    world.finish()

    assert "It arrived in Qualified" in where(as_alice, "6")
    assert "It arrived in Qualified" in where(as_alice, "person2@acme.com")
    gone = where(as_alice, "7")
    assert "It was never sent: run #1 stopped it for its data on" in gone
    assert "run #2 did not meet it any more" in gone

    Sync.objects.update(generation=2)  # all that was sent counts no more
    assert "No sync knows of it." in where(as_alice, "6")


def test_a_new_address_tells_of_the_record_left_behind(as_alice: Client, world: Scene) -> None:
    world.finish()
    world.change(1, email="ada@acme.com")
    world.finish()

    left = where(as_alice, "person1@acme.com")
    assert "It stayed behind in Qualified: its row is known as ada@acme.com now." in left
    assert "An admin of the destination" in left
    assert "It arrived in Qualified" in where(as_alice, "ada@acme.com")


def test_an_answer_that_never_came_is_told_as_doubt(as_alice: Client, scene: Scene) -> None:  # noqa: F811
    scene.rows = [person(1)]
    scene.sandbox.faults.set(item_missing_rate=1.0)
    scene.finish()

    doubt = where(as_alice, "person1@acme.com")
    assert "nobody knows whether Qualified took it." in doubt
    assert "The next run sends it again." in doubt


def test_a_row_in_a_run_under_way_waits_there_though_it_was_never_seen_before(
    as_alice: Client,
    scene: Scene,  # noqa: F811
) -> None:
    scene.rows = [person(1), person(2)]
    run = plan_only(scene.start())

    page = ask(as_alice, "person2@acme.com")
    assert "It waits in run #1, which is under way." in text(page)
    assert "Nobody: it goes on by itself" in text(page)
    assert 'hx-trigger="every 2s"' in page.content.decode()
    assert page.context["told"][0].can_be_sent is False
    ends = {"brakes": {}, "approval_ends_at": timezone.now()}
    Run.objects.filter(pk=run.pk).update(status=Run.Status.APPROVAL, **ends)
    assert "of which nothing is sent before an admin has approved it." in where(as_alice, "2")
    Run.objects.filter(pk=run.pk).update(status=Run.Status.STOPPED, stop_reason="It went wrong.")
    stopped = where(as_alice, "2")
    assert "It was not sent: run #1 stopped before its turn." in stopped and "It went wrong." in stopped


def test_send_now_sends_the_row_and_the_page_tells_what_became_of_it(as_alice: Client, world: Scene) -> None:
    world.finish()
    world.change(5, note="2")
    page = ask(as_alice, "5")
    assert "Send now" in text(page)
    world.write()

    sent = send(as_alice, page, world.sync, "5")

    assert sent.status_code == 302 and "5" not in sent["Location"].partition("?")[2].partition("=")[0]
    run = Run.objects.latest("pk")
    assert (run.keys, run.full, run.started_by.email) == (["5"], True, "alice@example.com")
    waiting = as_alice.get(sent["Location"])
    assert "Run #2 was started for it and is about to look at it." in text(waiting)
    assert 'hx-get="' in waiting.content.decode()
    assert send(as_alice, page, world.sync, "5")["Location"] == sent["Location"]  # pressed twice
    finish_here(run)
    done = as_alice.get(sent["Location"], headers={"HX-Request": "true"})
    assert "It arrived: Qualified took the record." in text(done)
    assert "It arrived in Qualified" in text(done) and 'hx-get="' not in done.content.decode()


def test_while_a_run_goes_on_the_wish_waits_and_a_paused_sync_is_told(
    as_alice: Client,
    scene: Scene,  # noqa: F811
) -> None:
    scene.rows = [person(1)]
    page = ask(as_alice, "1")
    run = scene.start()
    told = as_alice.get(send(as_alice, page, scene.sync, "1")["Location"])
    assert "A run of this sync is going on. As soon as it ends, another one looks at the row" in text(told)
    assert "It is sent again as soon as run #1 has ended." in text(told)

    finish_here(run)
    WaitingRetry.objects.all().delete()
    Sync.objects.update(paused=True)
    told = as_alice.get(send(as_alice, page, scene.sync, "1")["Location"])
    assert "leads is paused. Resume it" in text(told)
    assert "The sync is paused: whoever edits it must resume it first." in text(told)


def test_a_look_in_the_source_tells_what_a_run_would_do(as_alice: Client, world: Scene) -> None:
    world.write()
    page = ask(as_alice, "Person1@acme.com")
    assert "No sync knows of it." in text(page) and "It has not run yet." in text(page)

    def look(page: Any) -> str:
        model = page.context["near"][0].model
        return text(as_alice.get(url("person_in_source", page.context["ref"], model.public_id)))

    found = look(page)
    assert "It is in the source now. Row 1" in found
    assert "A run would send this row: it was never sent." in found and "Send now" in found
    assert "It is in the source now. Row 5" in look(ask(as_alice, "zoë@xn--bcher-kva.example"))
    assert "2 rows of it are in the source now." in look(ask(as_alice, "person7@acme.com"))
    assert "the guard “Only VPs” stops it" in look(ask(as_alice, "2"))
    nobody = look(ask(as_alice, "nobody@acme.com"))
    assert "It is not in the source: none of the model’s 8 rows is it." in nobody
    world.sync.model.sql = "select nothing"
    world.sync.model.save()
    assert "nothing" in look(page)


def test_the_beginning_of_an_address_offers_those_that_are_known(as_alice: Client, world: Scene) -> None:
    world.finish()

    page = ask(as_alice, "Person")

    offered = [key for key, _ in page.context["candidates"]]
    assert offered == ["person1@acme.com", "person2@acme.com", "person3@acme.com", "person7@acme.com"]
    ref = page.context["candidates"][0][1]
    assert "It arrived in Qualified" in text(as_alice.get(url("person", ref)))
    assert ask(as_alice, "Pe").context["candidates"] == []
    assert ask(as_alice, "perso_").context["candidates"] == []


def test_a_closer_look_knows_ids_of_the_destination_and_values_that_make_no_key(
    as_alice: Client,
    scene: Scene,  # noqa: F811
) -> None:
    scene.rows = [person(1), person(2, email="zoë@acme,com")]
    scene.finish()
    LedgerEntry.objects.update(remote_id="701-42")

    page = ask(as_alice, "701-42")
    assert "No sync knows of it." in text(page) and "Look more closely" in text(page)
    found = text(as_alice.get(url("person", page.context["ref"], closely=1)))
    assert "It arrived in Qualified" in found and "Its id there 701-42" in found
    page = ask(as_alice, "zoë@acme,com")
    found = text(as_alice.get(url("person", page.context["ref"], closely=1)))
    assert "run #1 stopped it for its data" in found and "Primary key 2" in found
    assert "Look more closely" not in text(ask(as_alice, "nobody@acme.com"))


def test_what_is_typed_is_in_no_address_and_means_nothing_to_another_team(
    as_alice: Client, world: Scene, charlie: User, client: Client
) -> None:
    world.finish()
    sent = as_alice.post(url("people"), {"what": "person1@acme.com"})
    assert "person1" not in sent["Location"] and len(sent["Location"]) < 400
    refused = as_alice.post(url("people"), {"what": "   "})
    assert "Type an e-mail address" in text(refused)
    assert as_alice.get(url("person", "gAAAAAnothing"))["Location"] == url("people")

    client.force_login(charlie)
    assert client.get(sent["Location"]).status_code == 404
    theirs = client.get(sent["Location"].replace("/t/acme/", "/t/globex/"))
    assert theirs.status_code == 404
    found = client.post(reverse("people", args=["globex"]), {"what": "person1@acme.com"}, follow=True)
    assert "There is no sync yet to look through." in text(found)


def test_bob_reads_all_of_it_and_sends_nothing(client: Client, bob: User, world: Scene) -> None:
    world.finish()
    client.force_login(bob)

    page = ask(client, "5")

    assert "Qualified refused it on" in text(page) and "Send now" not in page.content.decode()
    assert "bücher" in text(page) and "Zoë" not in text(page) and "zoë" not in text(page)
    nobody = ask(client, "person")
    assert "person1" not in text(nobody) and "takes the role editor" in text(nobody)
    model = page.context["near"][0].model
    looked = client.get(url("person_in_source", page.context["ref"], model.public_id))
    assert "It is in the source now." in text(looked) and "Send now" not in looked.content.decode()
    assert send(client, page, world.sync, "5").status_code == 403
    assert Run.objects.count() == 1


def test_several_syncs_are_told_of_apart_at_the_cost_of_one(
    as_alice: Client, world: Scene, django_assert_max_num_queries: Any
) -> None:
    world.finish()
    for number in range(12):
        key = ("first_name", "id") if number == 1 else ("id",)
        made = {"team": world.team, "connection": world.connection, "primary_key": key}
        other = make_sync(name=f"more {number:02}", **made)
        if number < 2:
            finish_here(start(other, ring=False))
    with django_assert_max_num_queries(24):
        page = ask(as_alice, "person1@acme.com")

    words = text(page)
    assert "It arrived by leads, more 00 and more 01. 10 other syncs know nothing of it." in words
    assert len(page.context["told"]) == 3
    (told,) = ask(as_alice, "Person 1, 1").context["told"]
    assert (told.standing.sync.name, told.standing.key_text) == ("more 01", '["Person 1","1"]')


def test_a_search_is_one_look_in_an_index_among_many_syncs_and_records(
    as_alice: Client, team: Team, django_assert_max_num_queries: Any
) -> None:
    source = Source.objects.create(team=team, name="files", kind="duckdb")
    model = QueryModel.objects.create(team=team, source=source, name="people", primary_key=["id"])
    account = RemoteAccount.objects.create(team=team, destination="qualified")
    connection = Connection.objects.create(team=team, account=account, name="q", destination="qualified")
    of_all = {"team": team, "model": model, "connection": connection, "object_key": "leads"}
    Sync.objects.bulk_create(Sync(name=f"sync {n:03}", upsert_key="email", **of_all) for n in range(200))
    syncs = list(Sync.objects.order_by("name"))
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            team=team,
            sync=syncs[n % 40],
            generation=1,
            key=row_key(str(n)),
            key_text=str(n),
            match_key=f"person{n}@acme.com",
            fingerprint=n,
            run_number=1,
            accepted_at=timezone.now(),
        )
        for n in range(4_000)
    )

    with django_assert_max_num_queries(24):
        page = ask(as_alice, "person77@acme.com")
    assert [one.standing.sync.name for one in page.context["told"]] == ["sync 037"]
    assert len(page.context["elsewhere"]) == 199
    assert "more than" not in text(page)
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            cursor.execute("set enable_seqscan = off")  # so few rows would be read through
    of_team = LedgerEntry.objects.filter(team=team)
    for wanted in (Q(match_key__in=["a@b.com", "b.com"]), begins("person7")):
        assert "ledger_person" in of_team.filter(wanted).explain()


def test_a_run_that_waits_for_approval_is_told_as_such() -> None:
    waits = OfSync(Sync(), Run(number=3, status=Run.Status.APPROVAL))
    assert next_run(waits) == "Run #3 waits for approval."
    assert next_run(OfSync(Sync(), Run(number=3, status=Run.Status.DELIVERING))) == "Run #3 is under way."
