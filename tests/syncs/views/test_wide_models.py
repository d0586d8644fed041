"""The mapping page of a model of 150 columns: light, quick, and complete without JavaScript."""

import re
import time
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from destinations.models import Connection
from destinations.sandbox.running import Sandbox
from syncadmin.teams.models import Team, User
from syncs.models import QueryModel, Source, Sync, SyncDraft
from tests.syncs.engine.conftest import folders, sandbox  # noqa: F401
from tests.syncs.engine.scene import make_connection, write_csv
from tests.syncs.views.test_syncs import Browser

COLUMNS = 150
MOST_BYTES = 350_000
MOST_SECONDS = 0.2  # of work; how busy the machine is otherwise does not count
AWKWARD = "c\"<b>&'`é ש"


def column(number: int) -> str:
    return f"attribute_{number}"


@pytest.fixture
def wide(team: Team, sandbox: Sandbox, folders: None) -> Connection:  # noqa: F811
    """The sandbox has a field for each column of the model, which has 150 and an e-mail address."""
    for number in range(COLUMNS):
        sandbox.add_field("lead", f"Attribute_{number}__c", "string")
    return make_connection(team=team, url=sandbox.url)


@pytest.fixture
def model(team: Team, folders: None) -> QueryModel:  # noqa: F811
    row: dict[str, Any] = {column(number): f"value {number}" for number in range(COLUMNS)}
    write_csv("wide.csv", [{"email": f"person{n}@acme.com", AWKWARD: "x"} | row for n in (1, 2)])
    source = Source.objects.create(team=team, name="files", kind="duckdb")
    sql = "select * from read_csv('wide.csv', header = true, all_varchar = true)"
    return QueryModel.objects.create(team=team, source=source, name="wide", sql=sql, primary_key=["email"])


@pytest.fixture
def page(client: Client, alice: User, model: QueryModel, wide: Connection) -> Browser:
    """Alice stands before the mapping of a new sync."""
    client.force_login(alice)
    page = Browser(client)
    page.post("sync_add", model=model.public_id)
    page.post("sync_add_object", target=f"{wide.public_id}:leads")
    page.post("sync_add_mode", mode="upsert", upsert_key="email")
    return page


def fields_of(text: str) -> dict[str, str]:
    """What a browser would send of the mapping form, as it stands there."""
    form = text[text.index('id="mapping-form"') : text.rindex("</form>")]
    found = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name:
            found[name[1]] = unescape(value[1]) if value else ""
    for name, options in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)"[^>]* selected', options)
        first = re.search(r'<option value="([^"]*)"', options)
        found[name] = unescape((chosen or first)[1])
    return found


def send(page: Browser, data: dict[str, str], action: str = "next") -> Any:
    return page.post(
        "sync_add_mapping", **{k: v for k, v in data.items() if k != "action"} | {"action": action}
    )


def test_each_column_has_its_row_and_the_page_stays_light_and_quick(page: Browser) -> None:
    address = reverse("sync_add_mapping", args=["acme"])
    page.client.get(address)
    taken = []
    for _ in range(3):
        began = time.thread_time()
        answer = page.client.get(address)
        taken.append(time.thread_time() - began)
    text = answer.content.decode()
    assert text.count("<fieldset") >= COLUMNS + 1
    assert len(answer.content) < MOST_BYTES
    assert min(taken) < MOST_SECONDS
    sent = page.client.get(address, headers={"accept-encoding": "gzip"})
    assert sent.headers["Content-Encoding"] == "gzip"
    assert len(sent.content) < MOST_BYTES / 8


def test_what_stands_there_is_sent_and_saved_as_it_was_proposed(page: Browser) -> None:
    data = fields_of(page.get("sync_add_mapping"))
    answer = send(page, data)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    page.post("sync_add_review", name="wide", action="save")
    found = dict(Sync.objects.get().mappings.values_list("field", "column"))
    assert found == {"email": "email"} | {f"Attribute_{n}__c": column(n) for n in range(COLUMNS)}


def test_a_form_of_many_more_rows_is_taken(page: Browser) -> None:
    rows = {f"row-{at}-{part}": "" for at in range(400) for part in ("column", "value", "to", "default")}
    rows |= {f"row-{at}-source": "typed" for at in range(400)}
    assert send(page, rows | {"rows": "400"}, "add").status_code == 302


def test_a_name_that_is_typed_wrong_is_told_at_its_row_and_kept(page: Browser) -> None:
    data = fields_of(page.get("sync_add_mapping"))
    data |= {"row-7-column": "atribute", "row-8-to": "No_such__c", "row-9-column": " ", "row-10-to": ""}
    answer = send(page, data)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="row-7-source-error">The model&#x27;s query returns no column “atribute”' in text
    assert 'id="row-8-field-error">Qualified lists no field “No_such__c”' in text
    assert 'id="row-9-source-error">Choose the column that fills it' in text
    assert 'id="row-10-field-error">Choose the field to fill' in text
    faulty = text[text.index('id="mapping-errors"') :].partition("</div>")[0]
    assert re.findall(r'<a href="#row-(\d+)-(\w+)">Row (\d+)', faulty) == [
        ("7", "source", "8"), ("8", "field", "9"), ("9", "source", "10"), ("10", "field", "11")
    ]  # fmt: skip
    assert "Row 8, Attribute_6__c</a>: The model&#x27;s query returns no column" in faulty
    kept = fields_of(text)
    assert (kept["row-7-column"], kept["row-8-to"], kept["row-10-to"]) == ("atribute", "No_such__c", "")
    assert kept["row-11-column"] == data["row-11-column"]


def test_fixed_values_awkward_names_and_rows_to_and_fro(page: Browser) -> None:
    data = fields_of(page.get("sync_add_mapping"))
    data |= {"row-5-source": "value", "row-5-value": AWKWARD, "row-6-column": AWKWARD}
    assert send(page, data, "add").status_code == 302
    text = page.get("sync_add_mapping")
    assert AWKWARD not in text
    kept = fields_of(text)
    assert (kept["row-5-source"], kept["row-5-value"], kept["row-6-column"]) == ("value", AWKWARD, AWKWARD)
    assert int(kept["rows"]) == int(data["rows"]) + 3
    assert send(page, kept, "remove-0").status_code == 302
    assert fields_of(page.get("sync_add_mapping"))["row-5-column"] == AWKWARD


def test_with_few_rows_left_names_are_chosen_again(page: Browser) -> None:
    """A field that was typed by a known name is the chosen one, so going on changes nothing."""
    data = fields_of(page.get("sync_add_mapping"))
    few = {name: text for name, text in data.items() if re.match(r"row-[0-3]-", name)} | {"rows": "4"}
    assert send(page, few, "add").status_code == 302
    text = page.get("sync_add_mapping")
    assert "<datalist" not in text
    assert '<option value="column:attribute_0" selected>' in text
    assert '<option value="field:Attribute_0__c" selected>' in text
    assert len(SyncDraft.objects.get().content["rows"]) == 7
