"""Making a sync to Salesloft: the keys that a mode has and the rows that the mapping opens with."""

import re
from collections.abc import Iterator

import pytest
from django.urls import reverse

from destinations import connect
from destinations.models import Connection, RemoteAccount
from destinations.sandbox.running import API_KEY, running_service
from destinations.sandbox.salesloft import Salesloft
from syncadmin.lib.crypto import Secret
from syncs.models import QueryModel, Source, Sync
from tests.syncs.engine.scene import write_csv

pytestmark = pytest.mark.django_db(transaction=True)

SEEDS = [
    "email_address",
    "first_name",
    "last_name",
    "phone",
    "title",
    "city",
    "state",
    "country",
    "linkedin_url",
    "person_company_name",
]


@pytest.fixture
def salesloft() -> Iterator[Salesloft]:
    with running_service(Salesloft) as running:
        yield running


@pytest.fixture
def connection(team, salesloft):
    account = RemoteAccount.objects.create(team=team, destination="salesloft")
    made = Connection(team=team, account=account, name="loft", destination="salesloft")
    made.options = {"base_url": salesloft.url}
    made.credentials = {"api_key": Secret(API_KEY)}
    made.save()
    for one in ("people", "accounts"):
        connect.refresh_fields(made, one)
    return made


@pytest.fixture
def model(team, settings, tmp_path):
    settings.FILES_DIR = tmp_path
    row = {"id": 1, "email": "ann@x.test", "job_title": "VP", "do_not_contact": "true", "plan": "Gold"}
    write_csv("people.csv", [row])
    source = Source.objects.create(team=team, name="files", kind="duckdb")
    sql = "select * from read_csv('people.csv', header = true, all_varchar = true)"
    return QueryModel.objects.create(team=team, source=source, name="people", sql=sql, primary_key=["id"])


@pytest.fixture
def wizard(client, alice, connection, model):
    """Alice has chosen the model and the people of Salesloft."""
    client.force_login(alice)
    client.post(_at("sync_add"), {"model": model.public_id})
    client.post(_at("sync_add_object"), {"target": f"{connection.public_id}:people"})
    return client


def _at(name):
    return reverse(name, args=["acme"])


def _rows(text):
    """The rows of the mapping, as (what fills, the field)."""
    found = []
    for row in re.split(r'<fieldset class="map-row', text)[1:]:
        chosen = re.findall(r'<option value="([^"]*)"[^>]* selected', row)
        columns = [one for one in chosen if one.startswith("column:")]
        fields = [one for one in chosen if one.startswith("field:")]
        found.append((columns[0][7:] if columns else "", fields[0][6:] if fields else ""))
    return found


def _form(rows, **more):
    found = {"rows": str(len(rows)), "action": "next"} | more
    for at, (source, field) in enumerate(rows):
        parts = {
            "source": source and f"column:{source}",
            "field": field and f"field:{field}",
            "empty": "leave",
        }
        found |= {f"row-{at}-{part}": text for part, text in parts.items()}
    return found


def test_a_key_says_with_which_mode_it_does_not_go_and_is_refused_there(wizard):
    text = wizard.get(_at("sync_add_mode")).text
    assert "Not with “Create only”: Salesloft gives a record its ID when it is created." in text
    assert text.count("disabled") == 0

    answer = wizard.post(_at("sync_add_mode"), {"mode": "insert", "upsert_key": "id"})
    assert "In mode insert this cannot be the key" in answer.text
    assert wizard.post(_at("sync_add_mode"), {"mode": "update", "upsert_key": "id"}).status_code == 302


def test_the_mapping_opens_with_the_seeds_and_the_best_columns(wizard):
    wizard.post(_at("sync_add_mode"), {"mode": "upsert", "upsert_key": "email_address"})

    rows = _rows(wizard.get(_at("sync_add_mapping")).text)

    assert [field for _, field in rows[: len(SEEDS)]] == SEEDS
    filled = {field: column for column, field in rows if column}
    assert filled["email_address"] == "email"
    assert filled["title"] == "job_title"
    assert filled["custom_fields.Plan"] == "plan"
    assert "do_not_contact" not in filled


def test_seeds_that_stay_empty_are_left_out(wizard):
    wizard.post(_at("sync_add_mode"), {"mode": "upsert", "upsert_key": "email_address"})
    rows = _rows(wizard.get(_at("sync_add_mapping")).text)

    assert wizard.post(_at("sync_add_mapping"), _form(rows)).status_code == 302
    wizard.post(_at("sync_add_review"), {"name": "People", "keep_records": "on", "action": "save"})

    fields = list(Sync.objects.get().mappings.values_list("field", flat=True))
    assert fields == ["email_address", "title", "custom_fields.Plan"]


def test_the_key_may_not_stay_empty_nor_another_field_that_somebody_chose(wizard):
    wizard.post(_at("sync_add_mode"), {"mode": "upsert", "upsert_key": "email_address"})
    answer = wizard.post(_at("sync_add_mapping"), _form([("", "email_address"), ("", "owner_id")]))
    assert answer.status_code == 200
    assert answer.text.count("Choose the column that fills it, or a fixed value.</p>") == 2


def test_what_must_be_known_of_a_field_is_told(wizard):
    wizard.post(_at("sync_add_mode"), {"mode": "upsert", "upsert_key": "email_address"})
    text = wizard.get(_at("sync_add_mapping")).text
    assert "True stops calls and e-mails and takes the person out of all cadences." in text
    assert "An e-mail address, a name or the number of a user." in text
    assert "Alike are 3, oliver@sandbox.example, Oliver Owner." in text


def test_a_custom_field_can_be_typed_and_is_marked_unverified(wizard, salesloft):
    salesloft.faults.set(custom_fields_listed=False)
    wizard.post(_at("sync_add_mode"), {"mode": "upsert", "upsert_key": "email_address"})
    assert "<code>custom_fields.</code>" in wizard.get(_at("sync_add_mapping")).text
    typed = _form([("email", "email_address"), ("plan", "")])
    typed |= {"row-1-field": "name", "row-1-name": "custom_fields.Never Seen"}

    assert wizard.post(_at("sync_add_mapping"), typed).status_code == 302
    review = wizard.get(_at("sync_add_review")).text
    assert "Not verified" in review

    typed["row-1-name"] = "no_such_field"
    assert "lists no field" in wizard.post(_at("sync_add_mapping"), typed).text
