"""The page of what a dry run would change. Alice owns, Bob may only look, Charlie is of another team."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from syncadmin.teams.models import Membership, Team, User
from syncs import tasks
from syncs.engine.diff import changes
from syncs.engine.run import finish_here
from syncs.models import BatchDiff, LeftRows, Run, Sync
from syncs.views.diff_words import shown
from tests.syncs.engine.conftest import folders, impatience, sandbox, scene  # noqa: F401
from tests.syncs.engine.scene import LEADS, Scene, person, set_mapping
from tests.syncs.views.test_runs import text, url

CLEARING = LEADS | {"title": {"column": "title", "empty": "clear"}}


@pytest.fixture
def acme(transactional_db: None, folders: None, team: Team) -> Team:  # noqa: F811
    return team


@pytest.fixture
def as_alice(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def world(scene: Scene) -> Scene:  # noqa: F811
    """Six people were sent; since, 1 has another title, 2 and 3 none, 4 left, 7 is new and 8 is wrong."""
    set_mapping(scene.sync, CLEARING)
    scene.rows = [person(id) for id in range(1, 7)]
    scene.finish()
    scene.change(1, title="CEO")
    scene.change(2, title="", first_name="Ada")
    scene.change(3, title="")
    scene.rows = [row for row in scene.rows if row["id"] != 4] + [person(7), person(8, email="bad@")]
    return scene


@pytest.fixture
def tried(world: Scene, alice: User) -> Run:
    return world.finish(dry_run=True, started_by=alice)


def rows_of(client: Client, run: Run, **asked: str) -> list[str]:
    """The keys of all rows that are listed, page after page."""
    keys, older = [], ""
    while True:
        page = client.get(url("run_diff", run.public_id), asked | {"older": older})
        assert page.status_code == 200
        keys += [row.line.key_text for row in page.context["rows"]]
        older = page.context["older"]
        if not older:
            return keys


def test_the_totals_say_what_would_happen_and_each_leads_to_its_rows(as_alice: Client, tried: Run) -> None:
    words = text(as_alice.get(url("run_diff", tried.public_id)))

    totals = "New 1 Changed 3 No change 2 Tried again later 0 Held back 0 Needs attention 1 Left the model 1"
    assert totals in words
    assert "nothing was sent" in words
    assert rows_of(as_alice, tried, rows="new") == ["7"]
    assert sorted(rows_of(as_alice, tried, rows="changed")) == ["1", "2", "3"]
    left = as_alice.get(url("run_rows", tried.public_id), {"show": "left"})
    assert [row.key_text for row in left.context["rows"]] == ["4"]


def test_what_would_hurt_stands_in_one_line_that_leads_to_the_rows(as_alice: Client, tried: Run) -> None:
    page = as_alice.get(url("run_diff", tried.public_id))

    assert "This would clear 2 values of Title ." in text(page).replace("Job title", "Title")
    assert sorted(rows_of(as_alice, tried, field="title", kind="cleared")) == ["2", "3"]
    assert "?field=title&amp;kind=cleared#rows" in page.content.decode()


def test_fields_are_counted_by_what_happens_to_them(as_alice: Client, tried: Run) -> None:
    found = {one.name: one for one in as_alice.get(url("run_diff", tried.public_id)).context["by_field"]}

    title = found["title"]
    assert (title.cleared, title.changed, title.set, title.new) == (2, 1, 0, 1)
    assert (found["first_name"].changed, found["first_name"].new) == (1, 1)
    shown = [(change.before, change.after) for _, change in title.examples]
    assert shown == [("VP", ""), ("VP", ""), ("VP", "CEO")]


def test_each_row_shows_before_and_after(as_alice: Client, tried: Run) -> None:
    page = as_alice.get(url("run_diff", tried.public_id), {"field": "first_name", "rows": "changed"})

    (row,) = page.context["rows"]
    assert [(change.before, change.after) for change in row.changes] == [("Person 2", "Ada"), ("VP", "")]
    assert "Person 2 Ada" in text(page)


def test_the_page_of_a_row_shows_all_its_changes(as_alice: Client, tried: Run) -> None:
    (row,) = as_alice.get(
        url("run_diff", tried.public_id), {"field": "first_name", "rows": "changed"}
    ).context["rows"]

    words = text(as_alice.get(url("run_planned_row", tried.public_id, *row.line.place)))

    assert "What would change" in words
    assert "Person 2 Ada" in words


def test_the_number_above_the_list_is_that_of_its_rows_on_all_pages(as_alice: Client, scene: Scene) -> None:  # noqa: F811
    scene.options(batch_size=7)
    set_mapping(scene.sync, CLEARING)
    scene.rows = [person(id) for id in range(70)]
    scene.finish()
    for id in range(60):
        scene.change(id, title=["CEO", ""][id % 2])
    scene.rows += [person(200 + id) for id in range(60)]
    run = scene.finish(dry_run=True)

    title = {"field": "title"}
    for asked in ({}, {"rows": "new"}, {"kind": "cleared"}, title, title | {"kind": "changed"}):
        first = as_alice.get(url("run_diff", run.public_id), asked)
        keys = rows_of(as_alice, run, **asked)
        assert len(keys) == len(set(keys)) == first.context["listed"]
        if older := first.context["older"]:
            second = as_alice.get(url("run_diff", run.public_id), asked | {"older": older})
            back = as_alice.get(url("run_diff", run.public_id), asked | {"newer": second.context["newer"]})
            places = [[one.line.place for one in page.context["rows"]] for page in (first, back)]
            assert places[0] == places[1]


def test_a_page_takes_as_many_queries_for_many_rows_as_for_few(as_alice: Client, scene: Scene) -> None:  # noqa: F811
    scene.options(batch_size=7)
    numbers = []
    for count in (20, 200):
        scene.rows = [person(id) for id in range(count)]
        run = scene.finish(dry_run=True)
        with CaptureQueriesContext(database) as queries:
            assert as_alice.get(url("run_diff", run.public_id), {"field": "title"}).status_code == 200
        numbers.append(len(queries))

    assert numbers[0] == numbers[1] <= 16


def test_the_download_has_a_line_for_each_change_that_is_asked_for(as_alice: Client, tried: Run) -> None:
    def lines(**asked: str) -> list[list[str]]:
        answer = as_alice.get(url("run_diff_csv", tried.public_id), asked)
        assert answer["Content-Disposition"].endswith(f'-changes-{tried.number}.csv"')
        body = b"".join(answer.streaming_content).decode("utf-8-sig")
        return list(csv.reader(io.StringIO(body)))[1:]

    assert sorted(lines(field="title", kind="cleared")) == [
        ["2", "person2@acme.com", "Sent before", "title", "Cleared", "VP", ""],
        ["3", "person3@acme.com", "Sent before", "title", "Cleared", "VP", ""],
    ]
    assert len(lines()) == 3 + 4
    assert {line[3] for line in lines(rows="new")} == {"email", "first_name", "title"}


def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless(as_alice: Client, world: Scene) -> None:
    world.change(1, title="=cmd()")
    run = world.finish(dry_run=True)

    body = b"".join(as_alice.get(url("run_diff_csv", run.public_id)).streaming_content).decode()

    assert "'=cmd()" in body and not re.search(r"[,\n]=cmd", body)


def test_without_kept_values_the_page_says_that_before_is_not_known(as_alice: Client, scene: Scene) -> None:  # noqa: F811
    Sync.objects.update(keep_records=False)
    scene.rows = [person(1)]
    scene.finish()
    scene.change(1, title="CEO")
    run = scene.finish(dry_run=True)

    words = text(as_alice.get(url("run_diff", run.public_id)))

    assert "So “before” is not known" in words
    assert "Changed 1 1 with a before that is not known" in words
    assert rows_of(as_alice, run, kind="unknown") == ["1"]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("VP", "VP ", ('"VP"', '"VP "')),
        (1, "1", ("1", '"1"')),
        ("VP", "CEO", ("VP", "CEO")),
        (["a"], ["a", "b"], ('["a"]', '["a","b"]')),
        (None, "VP", ("", "VP")),
    ],
)
def test_values_that_look_alike_are_told_apart(before: object, after: object, words: tuple[str, str]) -> None:
    (change,) = changes({"title": before}, {"title": after}).values()

    told = shown("Title", change)

    assert (told.before, told.after) == words


def test_what_is_old_is_still_counted_but_no_longer_listed(as_alice: Client, tried: Run, settings) -> None:
    settings.KEEP_DAYS = 14
    Run.objects.update(finished_at=timezone.now() - timedelta(days=15))
    tasks.prune()

    words = text(as_alice.get(url("run_diff", tried.public_id)))

    assert "New 1 Changed 3" in words
    assert "these rows can no longer be listed" in words
    assert not BatchDiff.objects.exists() and not LeftRows.objects.exists()


def test_a_change_of_the_sync_after_it_is_told(as_alice: Client, tried: Run) -> None:
    tried.sync.save()

    words = text(as_alice.get(url("run_diff", tried.public_id)))

    assert "The sync or its model was changed after this" in words
    assert "Run it now" not in words


def test_alice_begins_one_from_the_syncs_page_and_watches_it(as_alice: Client, world: Scene) -> None:
    world.write()
    page = as_alice.get(url("sync", world.sync.public_id))
    assert "Show what would change" in text(page)

    answer = as_alice.post(url("sync_diff", world.sync.public_id))

    run = Run.objects.get(dry_run=True)
    assert answer["Location"] == url("run_diff", run.public_id)
    page = as_alice.get(answer["Location"])
    assert 'hx-trigger="every 2s"' in page.content.decode()
    finish_here(run)
    over = as_alice.get(answer["Location"], headers={"HX-Request": "true"})
    assert over["HX-Refresh"] == "true"
    words = text(as_alice.get(answer["Location"]))
    assert "Field by field" in words and "Run it now" in words
    assert "Show what would change" in text(as_alice.get(url("run", run.public_id)))


def test_one_that_stopped_says_why(as_alice: Client, world: Scene) -> None:
    set_mapping(world.sync, LEADS | {"title": "gone"})
    run = world.finish(dry_run=True)

    words = text(as_alice.get(url("run_diff", run.public_id)))

    assert "no longer returns the column “gone”" in words
    assert "So it is not known what a run would change." in words


def test_a_run_that_sent_is_shown_as_a_run(as_alice: Client, world: Scene) -> None:
    sent = Run.objects.get(dry_run=False)
    assert as_alice.get(url("run_diff", sent.public_id))["Location"] == url("run", sent.public_id)


def test_bob_looks_and_begins_nothing(client: Client, tried: Run, bob: User) -> None:
    client.force_login(bob)

    page = client.get(url("run_diff", tried.public_id))

    assert page.status_code == 200
    assert "Look anew" not in text(page) and "Compare with" not in text(page)
    assert "•••@acme.com" in text(page)
    assert "person1@acme.com" not in page.content.decode()
    assert client.post(url("sync_diff", tried.sync.public_id)).status_code == 403
    assert client.post(url("run_diff_there", tried.public_id)).status_code == 403
    assert client.get(url("run_diff_csv", tried.public_id)).status_code == 403
    assert Run.objects.filter(dry_run=True).count() == 1


def test_charlie_finds_nothing(client: Client, tried: Run, charlie: User, team: Team) -> None:
    client.force_login(charlie)
    for name in ("run_diff", "run_diff_csv", "run_diff_there"):
        assert client.get(url(name, tried.public_id)).status_code == 404
    Membership.objects.create(team=team, user=charlie, role=Membership.Role.VIEWER)
    assert client.get(url("run_diff", tried.public_id)).status_code == 200


def test_qualified_cannot_be_compared_as_it_cannot_be_read(as_alice: Client, tried: Run) -> None:
    assert "Compare with what is there now" not in text(as_alice.get(url("run_diff", tried.public_id)))
    assert as_alice.post(url("run_diff_there", tried.public_id)).status_code == 404
