"""The mapping's page: suggestions, fields that changed or cannot be filled, two people at it, its speed."""

import json
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from destinations import connect
from destinations.models import Connection
from destinations.sandbox.running import Sandbox
from syncadmin.teams.models import Membership, Team, User
from syncs.models import QueryModel, Source, Sync, SyncDraft
from tests.syncs.engine.conftest import folders, sandbox  # noqa: F401
from tests.syncs.engine.scene import make_connection, make_sync, write_csv
from tests.syncs.views.test_syncs import EMAIL, FIRST, Browser, edit_mapping, form_of

QUERIES = 8
TITLE = {"source": "column:job_title", "field": "field:title"}


@pytest.fixture
def connection(team: Team, sandbox: Sandbox) -> Connection:  # noqa: F811
    return make_connection(team=team, url=sandbox.url)


@pytest.fixture
def model(team: Team, folders: None) -> QueryModel:  # noqa: F811
    row = {"id": 1, "email": "ann@acme.com", "given_name": "Ann", "job_title": "VP", "branche": "Software"}
    empty = {"id": 2, "email": "bo@acme.com", "given_name": "", "job_title": "", "branche": "Energy"}
    write_csv("people.csv", [row, empty, empty | {"id": 3, "given_name": "Cy"}])
    source = Source.objects.create(team=team, name="files", kind="duckdb")
    sql = "select * from read_csv('people.csv', header = true, all_varchar = true)"
    return QueryModel.objects.create(team=team, source=source, name="people", sql=sql, primary_key=["id"])


@pytest.fixture
def sync(team: Team, connection: Connection, model: QueryModel) -> Sync:
    return make_sync(team=team, connection=connection, mapping={"email": "email", "first_name": "given_name"})


@pytest.fixture
def page(client: Client, alice: User) -> Browser:
    client.force_login(alice)
    return Browser(client)


@pytest.fixture
def carol(team: Team) -> Browser:
    """Carol may edit, too."""
    user = User.objects.create_user("carol@example.com", "x")
    Membership.objects.create(team=team, user=user, role=Membership.Role.EDITOR)
    client = Client()
    client.force_login(user)
    return Browser(client)


def suggested(text: str) -> list[tuple[str, str]]:
    found = r'name="suggested-column" value="([^"]*)"><input[^>]* name="suggested-field" value="([^"]*)"'
    return re.findall(found, text)


def press(page: Browser, sync: Sync, action: str, *rows: dict[str, str], **more: Any) -> str:
    """Press a button of the mapping; the page that comes then."""
    data = form_of(*rows, action=action, seen=sync.updated_at.isoformat()) | more
    answer = page.client.post(reverse("sync_edit_mapping", args=["acme", sync.public_id]), data)
    assert answer.status_code == 302, answer.text[:2000]
    return page.client.get(answer.url.partition("#")[0]).text


# Suggestions


def test_nothing_is_mapped_before_a_suggestion_is_accepted(page: Browser, sync: Sync) -> None:
    text = press(page, sync, "suggest", EMAIL, FIRST)
    assert suggested(text) == [("job_title", "title"), ("branche", "company.industry")]
    assert "“job_title” means Title." in text
    assert "It changes the company, not this record alone." in text
    assert [row["field"] for row in SyncDraft.objects.get().content["rows"]] == [
        "field:email",
        "field:first_name",
    ]


def test_suggestions_are_accepted_one_by_one_or_all(page: Browser, sync: Sync) -> None:
    shown = {"suggested-column": ["job_title", "branche"], "suggested-field": ["title", "company.industry"]}
    one = press(page, sync, "accept-0", EMAIL, FIRST, **shown)
    assert suggested(one) == [("branche", "company.industry")]
    assert '<option value="column:job_title" selected>' in one
    press(page, sync, "accept-all", EMAIL, FIRST, **shown)
    assert [row["source"] for row in SyncDraft.objects.get().content["rows"]] == [
        "column:email",
        "column:given_name",
        "column:job_title",
        "column:branche",
    ]


def test_what_nobody_suggested_cannot_be_accepted(page: Browser, sync: Sync) -> None:
    forged = {"suggested-column": ["id"], "suggested-field": ["phone"]}
    assert "no longer fits" in press(page, sync, "accept-0", EMAIL, FIRST, **forged)
    assert len(SyncDraft.objects.get().content["rows"]) == 2


# What is known of columns and fields


def test_columns_show_their_type_samples_and_how_often_they_are_empty(page: Browser, sync: Sync) -> None:
    text = page.get("sync_edit_mapping", sync.public_id)
    assert "text · <bdi>Ann</bdi> · <bdi>Cy</bdi> · 33% empty" in text
    assert "of the first 3 rows" in text


def test_the_page_has_all_columns_and_fields_once_to_be_searched(page: Browser, sync: Sync) -> None:
    text = page.get("sync_edit_mapping", sync.public_id)
    offer = json.loads(re.search(r'<script id="mapping-offer"[^>]*>(.*?)</script>', text, re.DOTALL)[1])
    assert [one["n"] for one in offer["columns"]] == ["id", "email", "given_name", "job_title", "branche"]
    stage = next(one for one in offer["fields"] if one["k"] == "Lifecycle_Stage__c")
    assert (stage["l"], stage["t"], stage["c"]) == ("Lifecycle Stage", "choice", True)
    assert "Marketing Qualified Lead (mql)" in stage["o"]


def test_a_row_leads_to_the_page_of_its_field_with_what_was_typed(page: Browser, sync: Sync) -> None:
    data = form_of(EMAIL, TITLE, {}, action="field-1", seen=sync.updated_at.isoformat())
    answer = page.client.post(reverse("sync_edit_mapping", args=["acme", sync.public_id]), data)
    assert answer.url == reverse("sync_edit_field", args=["acme", sync.public_id, 1])
    assert "job_title" in page.client.get(answer.url).text


def barred(connection: Connection, key: str, why: str) -> None:
    listed = connection.fields["leads"]["fields"]
    next(one for one in listed if one["key"] == key)["read_only"] = why
    connection.save(update_fields=["fields"])


def test_a_field_that_cannot_be_filled_is_grey_with_the_reason_and_refused(
    page: Browser, sync: Sync, connection: Connection
) -> None:
    barred(connection, "title", "is set by Qualified itself")
    text = page.get("sync_edit_mapping", sync.public_id)
    assert re.search(
        r'<option value="field:title" disabled>[^<]* · is set by Qualified itself</option>', text
    )
    assert '<optgroup label="Cannot be filled">' in text
    answer = edit_mapping(page, sync, EMAIL, TITLE)
    assert 'id="row-1-field-error">Title cannot be filled: it is set by Qualified itself.' in answer.text


def known_before(connection: Connection, key: str, **other: Any) -> None:
    """As if the service had told otherwise of the field when it was asked last."""
    listed = connection.fields["leads"]["fields"]
    known = next((one for one in listed if one["key"] == key), None)
    if known is None:
        listed.append({**listed[0], "key": key, "label": key})
    else:
        known |= other
    connection.save(update_fields=["fields"])


def test_what_became_of_a_field_since_the_last_visit_is_told_at_its_row(
    page: Browser, sync: Sync, connection: Connection
) -> None:
    stage = {"source": "value", "value": "mql", "field": "field:Lifecycle_Stage__c"}
    gone = {"source": "column:id", "field": "field:Old__c"}
    rows = [EMAIL, FIRST, stage, gone]
    press(page, sync, "leave", *rows)
    known_before(connection, "first_name", kind="number")
    known_before(connection, "Lifecycle_Stage__c", options=[{"value": "mql", "label": "MQL"}])
    known_before(connection, "Old__c")
    connect.refresh_fields(connection, "leads")

    text = page.get("sync_edit_mapping", sync.public_id)
    told = re.findall(r'class="map-changed"><strong>([^<]*)</strong> ([^<]*)</p>', text)
    assert {before for before, _ in told} == {"Changed in Qualified since you were here:"}
    assert [line for _, line in told] == [
        "it is of the type text now and was number.",
        "it has new choices “Subscriber”, “Lead”, “Sales Qualified Lead”, “Opportunity”, “Customer”.",
        "it is no longer listed there.",
    ]
    assert "Old__c (not listed)" in text
    press(page, sync, "leave", *rows)
    assert "map-changed" not in page.get("sync_edit_mapping", sync.public_id)


def test_a_page_of_two_hundred_rows_takes_a_fixed_number_of_queries(
    page: Browser, sync: Sync, django_assert_max_num_queries: Any
) -> None:
    for count in (2, 60):
        rows = [EMAIL, *({"source": "value", "value": "x", "field": f"field:f{n}"} for n in range(count))]
        press(page, sync, "leave", *rows)
        with django_assert_max_num_queries(QUERIES):
            page.get("sync_edit_mapping", sync.public_id)


# Two people at one mapping


def save(page: Browser, sync: Sync) -> None:
    answer = page.post("sync_edit", sync.public_id, name=sync.name, keep_records="on", action="save")
    assert answer.status_code == 302, answer.text[:3000]
    sync.refresh_from_db()


def sides(text: str) -> list[str]:
    """The parts that both changed."""
    return re.findall(r"<legend><bdi>([^<]*)</bdi>", text)


def test_two_peoples_changes_stand_side_by_side_and_what_only_one_changed_is_kept(
    page: Browser, carol: Browser, sync: Sync
) -> None:
    fixed = {"source": "value", "field": "field:title"}
    edit_mapping(page, sync, EMAIL, FIRST | {"empty": "clear"}, fixed | {"value": "mine"})
    edit_mapping(carol, sync, EMAIL, FIRST, fixed | {"value": "hers"}, {**TITLE, "field": "field:phone"})
    save(carol, sync)

    assert "Somebody else changed this sync" in page.get("sync_edit_mapping", sync.public_id)
    refused = page.post("sync_edit", sync.public_id, name=sync.name, action="save")
    assert "See both side by side" in refused.text
    text = unescape(page.get("sync_edit_meanwhile", sync.public_id))
    assert "carol@example.com" in text
    assert sides(text) == ["Title"]
    assert "the fixed value “mine”" in text
    assert "the fixed value “hers”" in text
    assert "Only they changed" in text.partition("Phone")[0]

    missing = page.post("sync_edit_meanwhile", sync.public_id, action="together")
    assert "Choose yours or theirs." in missing.text
    page.post("sync_edit_meanwhile", sync.public_id, **{"field:title": "yours"})
    save(page, sync)
    found = {one.field: (one.column, one.value, one.empty) for one in sync.mappings.all()}
    assert found == {
        "email": ("email", None, "leave"),
        "first_name": ("given_name", None, "clear"),
        "title": (None, "mine", "leave"),
        "phone": ("job_title", None, "leave"),
    }


def test_theirs_can_be_chosen_too(page: Browser, carol: Browser, sync: Sync) -> None:
    edit_mapping(page, sync, EMAIL, FIRST | {"empty": "clear"})
    edit_mapping(carol, sync, EMAIL, FIRST | {"empty": "attention"})
    save(carol, sync)
    page.post("sync_edit_meanwhile", sync.public_id, **{"field:first_name": "theirs"})
    assert "Nothing" in page.get("sync_edit", sync.public_id)
    assert SyncDraft.objects.get().content["rows"][1]["empty"] == "attention"


def test_where_it_is_unknown_how_it_was_every_difference_is_asked_about(
    page: Browser, carol: Browser, sync: Sync
) -> None:
    """Alice has the page open, Carol saves, and only then Alice sends what stands there."""
    seen = sync.updated_at
    edit_mapping(carol, sync, EMAIL, FIRST | {"empty": "clear"})
    save(carol, sync)
    page.post("sync_edit_mapping", sync.public_id, **form_of(EMAIL, FIRST, seen=seen.isoformat()))
    assert sides(page.get("sync_edit_meanwhile", sync.public_id)) == ["First Name"]


def test_what_is_no_part_of_the_work_is_no_conflict(page: Browser, sync: Sync) -> None:
    edit_mapping(page, sync, EMAIL)
    page.post("sync_pause", sync.public_id)
    Sync.objects.get().save()
    assert "Somebody else" not in page.get("sync_edit_mapping", sync.public_id)
    assert page.client.get(reverse("sync_edit_meanwhile", args=["acme", sync.public_id])).status_code == 302
    save(page, sync)
    assert sync.mappings.count() == 1


def test_bob_and_charlie_do_not_come_in(client: Client, bob: User, charlie: User, sync: Sync) -> None:
    address = reverse("sync_edit_meanwhile", args=["acme", sync.public_id])
    for user, status in ((bob, 403), (charlie, 404)):
        client.force_login(user)
        assert client.get(address).status_code == status
        assert client.post(address).status_code == status
