"""Who changed what of a sync, and going back. Alice edits, Bob may look, Charlie is of another team."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from destinations.models import Connection
from destinations.sandbox.running import API_KEY, Sandbox, running_sandbox
from syncadmin.teams.models import Team, User
from syncs.configuration.apply import apply
from syncs.configuration.export import export
from syncs.engine.run import start
from syncs.models import QueryModel, Sync, SyncDraft, SyncVersion
from tests.syncs.engine.scene import make_connection, make_sync, person, write_csv
from tests.syncs.views.test_schedule import DAILY
from tests.syncs.views.test_syncs import EMAIL, Browser, form_of

NAME = {"source": "column:first_name", "field": "field:first_name"}
TITLE = {"source": "column:title", "field": "field:title"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(switches={"job_seconds": 0.01}) as running:
        yield running


@pytest.fixture
def files(tmp_path: Path, settings) -> Path:
    """A folder with people.csv: three people."""
    settings.FILES_DIR = tmp_path / "files"
    settings.SCRATCH_DIR = tmp_path / "scratch"
    settings.FILES_DIR.mkdir()
    write_csv("people.csv", [person(n) for n in (1, 2, 3)])
    return settings.FILES_DIR


@pytest.fixture
def connection(team: Team, sandbox: Sandbox) -> Connection:
    return make_connection(team=team, url=sandbox.url)


@pytest.fixture
def sync(team: Team, connection: Connection, files: Path) -> Sync:
    """A sync of leads: e-mail and first name. No version of it is kept yet."""
    mapping = {"email": "email", "first_name": "first_name"}
    return make_sync(team=team, connection=connection, mapping=mapping)


@pytest.fixture
def page(client: Client, alice: User) -> Browser:
    client.force_login(alice)
    return Browser(client)


def save(page: Browser, sync: Sync, *rows: dict[str, str], name: str = "leads") -> None:
    """Alice saves the sync with this mapping."""
    if rows:
        assert page.post("sync_edit_mapping", sync.public_id, **form_of(*rows)).status_code == 302
    saved = page.post("sync_edit", sync.public_id, name=name, keep_records="on", action="save")
    assert saved.status_code == 302, text_of(saved.content.decode())
    assert not SyncDraft.objects.exists()


def text_of(answer: str) -> str:
    """What a page says, blanks put together."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer)).split())


def versions(sync: Sync) -> list[tuple[int, str]]:
    return [(one.number, one.by) for one in SyncVersion.objects.filter(sync=sync).order_by("number")]


def test_every_save_keeps_a_version_with_its_author_and_what_changed(page, sync):
    save(page, sync, EMAIL, NAME, TITLE)
    save(page, sync, EMAIL, NAME | {"source": "column:note"}, TITLE | {"empty": "clear"})

    assert versions(sync) == [(1, "nobody is known"), (2, "alice@example.com"), (3, "alice@example.com")]
    seen = text_of(page.get("sync_versions", sync.public_id))
    assert "First Name first_name changed now from column note instead of column first_name" in seen
    assert "if it is empty: “Clear the field there” instead of “Leave the field as it is there”" in seen
    assert "Title title added filled by column title" in seen
    assert seen.index("Version 3") < seen.index("Version 2") < seen.index("As it was when versions were")


def test_a_new_sync_begins_with_its_first_version(page, sync, connection):
    page.post("sync_add", model=sync.model.public_id)
    page.post("sync_add_object", target=f"{connection.public_id}:leads")
    page.post("sync_add_mode", mode="upsert", upsert_key="email")
    page.post("sync_add_mapping", **form_of(EMAIL))
    page.post("sync_add_review", name="New", keep_records="on", action="save")

    new = Sync.objects.get(name="New")
    assert versions(new) == [(1, "alice@example.com")]
    assert "The first version" in page.get("sync_versions", new.public_id)


def test_what_changes_nothing_keeps_no_version(page, sync):
    save(page, sync, name="leads again")
    save(page, sync)  # the first name again
    page.post("sync_pause", sync.public_id)
    Connection.objects.update(name="renamed")
    save(page, sync)

    assert versions(sync) == [(1, "nobody is known"), (2, "alice@example.com"), (3, "alice@example.com")]
    assert "Name changed leads instead of leads again" in text_of(page.get("sync_versions", sync.public_id))


def test_apply_keeps_a_version_too(page, sync, team):
    text = export(team).replace("first_name: first_name", "first_name: title")
    apply(text, {"QUALIFIED_API_KEY": API_KEY})

    assert versions(sync) == [(1, "nobody is known"), (2, "apply, on the command line")]
    assert apply(text, {"QUALIFIED_API_KEY": API_KEY}).lines == []
    assert len(versions(sync)) == 2


def test_a_schedule_is_part_of_a_version_and_is_not_gone_back_to(page, sync, team):
    saved = page.post("sync_schedule", sync.public_id, **DAILY)
    assert saved.status_code == 302, text_of(saved.content.decode())
    text = export(team).replace("07:30", "08:00").replace("first_name: first_name", "first_name: title")
    apply(text, {"QUALIFIED_API_KEY": API_KEY})

    assert [by for _, by in versions(sync)] == [
        "nobody is known", "alice@example.com", "apply, on the command line"
    ]  # fmt: skip
    seen = text_of(page.get("sync_versions", sync.public_id))
    assert "Schedule changed every day at 07:30 (Europe/Berlin) instead of by hand alone" in seen
    assert "every day at 08:00 (Europe/Berlin) instead of every day at 07:30 (Europe/Berlin)" in seen
    one = text_of(page.get("sync_version", sync.public_id, 1))
    assert "Its schedule was other than now. Going back leaves that as it is" in one
    assert "now from column first_name instead of column title" in one


def test_two_people_who_save_at_once_make_two_versions_in_order(page, sync, team):
    page.post("sync_edit_mapping", sync.public_id, **form_of(EMAIL, NAME, TITLE))
    seen = page.get("sync_edit", sync.public_id)
    text = export(team).replace("first_name: first_name", "first_name: note")
    apply(text, {"QUALIFIED_API_KEY": API_KEY})

    based_on = re.search(r'name="seen" value="([^"]+)"', seen)[1]
    page.post("sync_edit", sync.public_id, seen=based_on, name="leads", keep_records="on", action="save")
    assert [number for number, _ in versions(sync)] == [1, 2]
    assert "Somebody else changed this sync" in page.get("sync_edit", sync.public_id)

    page.post("sync_edit", sync.public_id, action="discard")
    save(page, sync, EMAIL, NAME, TITLE)
    assert [by for _, by in versions(sync)] == [
        "nobody is known", "apply, on the command line", "alice@example.com"
    ]  # fmt: skip


def test_a_version_shows_its_whole_definition_without_secrets(page, sync):
    save(page, sync, EMAIL, NAME, {"source": "value", "value": "VP", "field": "field:title"})
    shown = html.unescape(page.get("sync_version", sync.public_id, 2))

    assert "title:\n        value: VP" in shown
    places = [shown.index(f"{key}: ") for key in ("    model", "    mode", "      email", "      first_name")]
    assert places == sorted(places), "in the order of the document, whatever the database makes of it"
    assert places[-1] < shown.index("      title:\n")
    assert "filled by the fixed value “VP”" in shown
    assert API_KEY not in shown


def test_going_back_is_looked_at_before_it_is_saved(page, sync):
    save(page, sync, EMAIL, NAME, TITLE)
    save(page, sync, EMAIL, NAME | {"empty": "clear"}, name="renamed")
    assert "Going back to it" in page.get("sync_version", sync.public_id, 2)

    answer = page.post("sync_go_back", sync.public_id, 2)
    assert answer.url == reverse("sync_edit", args=["acme", sync.public_id])
    review = text_of(page.get("sync_edit", sync.public_id))
    assert "Version 2 stands below" in review
    assert "Name changed leads instead of renamed" in review
    assert sync.mappings.count() == 2

    save(page, sync)
    sync.refresh_from_db()
    assert (sync.name, sync.mappings.count(), versions(sync)[-1][0]) == ("leads", 3, 4)
    first, last = SyncVersion.objects.get(number=2), SyncVersion.objects.get(number=4)
    assert first.definition == last.definition
    assert "It says the same as version 4" in page.get("sync_version", sync.public_id, 2)


def test_unsaved_changes_are_not_lost_by_going_back_without_asking(page, sync):
    save(page, sync, EMAIL, NAME, TITLE)
    page.post("sync_edit_mapping", sync.public_id, **form_of(EMAIL, TITLE))

    asked = page.post("sync_go_back", sync.public_id, 1)
    assert "You have changes" in asked.content.decode()
    assert len(SyncDraft.objects.get().content["rows"]) == 2
    page.post("sync_go_back", sync.public_id, 1, replace="yes")
    assert [row["field"] for row in SyncDraft.objects.get().content["rows"]] == [
        "field:email",
        "field:first_name",
    ]


def test_going_back_where_the_model_is_gone_keeps_the_present_one_and_says_so(page, sync, team):
    old = sync.model
    new = QueryModel.objects.create(
        team=team, source=old.source, name="newer", sql=old.sql, primary_key=old.primary_key
    )
    page.post("sync_edit_model", sync.public_id, model=new.public_id)
    save(page, sync)
    old.delete()

    page.post("sync_go_back", sync.public_id, 1)
    assert "The model leads is gone, so the present one stays." in page.get("sync_edit", sync.public_id)


def test_a_run_names_the_version_that_it_does(page, sync):
    save(page, sync, EMAIL, NAME, TITLE)
    run = start(sync, ring=False, dry_run=True)
    save(page, sync, name="other")  # a name may change while it runs

    assert run.version == 2
    address = reverse("sync_version", args=["acme", sync.public_id, 2])
    assert f'href="{address}"' in page.get("run", run.public_id)
    assert run.get_status_display() in page.get("sync_version", sync.public_id, 2)


def test_a_run_of_a_sync_without_versions_names_none(page, sync):
    run = start(sync, ring=False, dry_run=True)

    assert run.version is None
    assert "Version of the sync" not in page.get("run", run.public_id)
    assert "No version is kept yet" in page.get("sync_versions", sync.public_id)


def test_many_versions_are_paged_and_read_in_few_queries(page, sync, django_assert_max_num_queries):
    SyncVersion.objects.bulk_create(
        SyncVersion(
            team=sync.team,
            sync=sync,
            number=number,
            origin="apply",
            definition={"name": f"n{number}", "mapping": {"email": "email"}},
        )
        for number in range(1, 61)
    )
    with django_assert_max_num_queries(10):
        seen = page.get("sync_versions", sync.public_id)
    assert "Version 36" in seen and "Version 35" not in seen
    assert "n36 instead of n35" in seen
    last = page.get("sync_versions", sync.public_id, query="?before=11")
    assert "Version 10" in last and "The first version" in last
    assert "before=" not in last


def test_versions_go_with_their_sync(page, sync):
    save(page, sync, EMAIL, NAME, TITLE)
    page.post("sync_remove", sync.public_id)
    assert not SyncVersion.objects.exists()


def test_bob_looks_at_versions_and_goes_back_to_none(page, sync, client, bob):
    save(page, sync, EMAIL, NAME, TITLE)
    client.force_login(bob)

    assert "alice@example.com" in page.get("sync_versions", sync.public_id)
    assert "Go back to this version" not in page.get("sync_version", sync.public_id, 1)
    assert page.post("sync_go_back", sync.public_id, 1).status_code == 403


def test_charlie_finds_no_version(page, sync, client, charlie):
    save(page, sync, EMAIL, NAME, TITLE)
    client.force_login(charlie)

    page.get("sync_versions", sync.public_id, status=404)
    page.get("sync_version", sync.public_id, 1, status=404)
    assert page.post("sync_go_back", sync.public_id, 1).status_code == 404


def test_a_number_that_is_no_version_is_not_found(page, sync):
    page.get("sync_version", sync.public_id, 7, status=404)
