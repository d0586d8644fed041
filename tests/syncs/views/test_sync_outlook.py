"""The review says what saving a change means for the next run; Alice then runs it and finds it so."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from destinations.models import Connection
from destinations.sandbox.running import Sandbox, running_sandbox
from syncadmin.teams.models import Team, User
from syncs.engine.run import finish_here, start
from syncs.models import QueryModel, Run, Sync
from syncs.views import sample_rows
from tests.syncs.engine.scene import counts, make_connection, make_sync, person, set_mapping, write_csv
from tests.syncs.views.test_sync_versions import EMAIL, NAME, TITLE, text_of
from tests.syncs.views.test_syncs import Browser, form_of

LOWER = {"source": "column:first_name", "field": "field:first_name", "steps": '["lower"]'}
COMPANY = {"source": "column:title", "field": "field:company.city"}
NUMBER = {"source": 'kept:{"variable":"run_number"}', "field": "field:country"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(switches={"job_seconds": 0.01}) as running:
        yield running


@pytest.fixture
def connection(transactional_db: None, team: Team, sandbox: Sandbox) -> Connection:
    return make_connection(team=team, url=sandbox.url)


@pytest.fixture
def sync(team: Team, connection: Connection, tmp_path: Path, settings, monkeypatch) -> Sync:
    """A sync of e-mail and first name that sent four people; one of them is written in small letters."""
    monkeypatch.setattr(sample_rows, "SECONDS", 300.0)  # however busy the machine
    settings.FILES_DIR = tmp_path / "files"
    settings.SCRATCH_DIR = tmp_path / "scratch"
    settings.FILES_DIR.mkdir()
    write_csv("people.csv", [person(1), person(2), person(3), person(4, first_name="person 4")])
    mapping = {"email": "email", "first_name": "first_name"}
    sync = make_sync(team=team, connection=connection, mapping=mapping)
    assert counts(run(sync))["accepted"] == 4
    return sync


@pytest.fixture
def page(client: Client, alice: User) -> Browser:
    client.force_login(alice)
    return Browser(client)


def run(sync: Sync) -> Run:
    return finish_here(start(Sync.objects.get(pk=sync.pk), ring=False))


def review(page: Browser, sync: Sync, *rows: dict[str, str]) -> str:
    """What the review says of the next run, with this mapping."""
    assert page.post("sync_edit_mapping", sync.public_id, **form_of(*rows)).status_code == 302
    seen = text_of(page.get("sync_edit", sync.public_id))
    return seen.partition("What the next run does")[2]


def save(page: Browser, sync: Sync) -> str:
    saved = page.post("sync_edit", sync.public_id, name="leads", keep_records="on", action="save")
    return text_of(page.client.get(saved.url).content.decode())


def planned(sync: Sync) -> int:
    return run(sync).planned_count


def test_a_new_field_sends_all_rows_that_were_sent(page, sync):
    said = "All 4 rows that were sent are sent by the next run, changed or not: Title is new."
    assert said in review(page, sync, EMAIL, NAME, TITLE)
    assert said in save(page, sync)
    assert planned(sync) == 4


def test_another_step_sends_the_rows_that_come_out_otherwise(page, sync):
    said = (
        "About 3 rows would be sent by the next run: so many of all 4 rows of the model come out otherwise."
    )
    assert said in review(page, sync, EMAIL, LOWER)
    assert said in save(page, sync)
    assert planned(sync) == 3


def test_an_estimate_from_the_first_rows_says_that_it_is_one(page, sync, monkeypatch):
    monkeypatch.setattr(sample_rows, "MOST_ROWS", 2)
    monkeypatch.setattr(sample_rows, "CHUNK_ROWS", 2)
    seen = review(page, sync, EMAIL, LOWER)
    assert "About 4 rows would be sent" in seen
    assert "in the first 2 rows of the model 2 come out otherwise, and 4 were sent so far" in seen
    assert "This is an estimate" in seen


def test_rows_that_would_need_attention_are_told(page, sync):
    number = {"source": "column:first_name", "field": "field:Lead_Score__c"}
    set_mapping(sync, {"email": "email", "Lead_Score__c": "id"})
    assert counts(run(sync))["accepted"] == 4
    assert "4 rows of these can be sent now and would need attention." in review(page, sync, EMAIL, number)


@pytest.mark.parametrize("rows", [(EMAIL, NAME, NUMBER), (NAME, EMAIL)])
def test_what_sends_nothing_is_told_so(page, sync, rows):
    page.post("sync_edit_mapping", sync.public_id, **form_of(*rows))
    page.post("sync_edit", sync.public_id, name="renamed", action="leave", keep_records="on")
    assert "Nothing is sent for this change." in text_of(page.get("sync_edit", sync.public_id))
    save(page, sync)
    assert planned(sync) == 0


def test_fields_of_the_company_send_companies_alone(page, sync):
    said = "The company of each row is sent by the next run: City is new."
    assert said in review(page, sync, EMAIL, NAME, COMPANY)
    save(page, sync)
    after = run(sync)
    assert (after.planned_count, after.unchanged_count) == (1, 3)  # one company, owned by one row


def test_rows_of_another_model_are_compared_with_what_was_sent(page, sync, team):
    write_csv("more.csv", [person(3), person(4, first_name="Other"), person(5)])
    old = sync.model
    sql = old.sql.replace("people.csv", "more.csv")
    new = QueryModel.objects.create(team=team, source=old.source, name="more", sql=sql, primary_key=["id"])
    page.post("sync_edit_model", sync.public_id, model=new.public_id)
    seen = text_of(page.get("sync_edit", sync.public_id))
    assert "Of all 3 rows of it, 2 would be sent" in seen
    save(page, sync)
    assert planned(sync) == 2


def test_a_model_that_cannot_be_read_quickly_leaves_the_number_open(page, sync, monkeypatch):
    page.post("sync_edit_mapping", sync.public_id, **form_of(EMAIL, LOWER))
    (sync.model.source.reader().files_dir / "people.csv").unlink()
    assert "The model cannot be read" in text_of(page.get("sync_edit", sync.public_id))


def test_before_anything_was_sent_the_next_run_sends_all(page, sync, team, connection):
    new = make_sync(team=team, connection=connection, mapping={"email": "email"}, name="new")
    assert "No row has been sent yet" in review(page, new, EMAIL, NAME)
