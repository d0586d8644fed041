"""Applying a document: what it makes, what it changes, and what it leaves alone."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import responses
from django.utils import timezone

from destinations.models import Connection, Exchange, RemoteAccount
from syncadmin.teams.models import Team
from syncs.configuration.document import read_document
from syncs.configuration.models import missing_columns
from syncs.configuration.plan import make
from syncs.configuration.problems import ConfigurationError
from syncs.configuration.tree import read
from syncs.configuration.write import write
from syncs.engine import ledger
from syncs.engine.keys import row_key
from syncs.engine.run import cancel, finish_here, start
from syncs.models import LedgerEntry, QueryModel, Source, Sync
from tests.syncs.configuration.conftest import API, DOCUMENT, ENVIRONMENT, listing

Apply = Callable[..., list[str]]
Refused = Callable[..., list[tuple[int, str]]]

KEY = {"${QUALIFIED_API_KEY}": "${OTHER_KEY}"}
HERE, THERE = 'destination: qualified, api_key: "${', 'destination: qualified, same_account: {}, api_key: "${'
BASE = {HERE: 'destination: qualified, base_url: "https://eu.example.com", api_key: "${'}


def the_sync() -> Sync:
    return Sync.objects.get(name="leads-to-qualified")


def sent(sync: Sync, *keys: str, refused: bool = False) -> None:
    """The ledger's memory of rows that were sent."""
    for key in keys:
        LedgerEntry.objects.create(
            team=sync.team,
            sync=sync,
            generation=sync.generation,
            key=row_key(key),
            key_text=key,
            match_key=f"{key}@example.com",
            fingerprint=None if refused else 1,
            run_number=1,
            refused_fingerprint=1 if refused else None,
            next_try_at=timezone.now() + timedelta(days=7) if refused else None,
        )


def with_answer(answer: str) -> dict[str, str]:
    return KEY | {"destination: qualified,": f"destination: qualified, same_account: {answer},"}


# What it makes


def test_a_document_makes_all_that_it_names(applied: Apply, qualified: responses.RequestsMock) -> None:
    lines = applied()

    assert lines == [
        "team acme: new",
        "source files: new, duckdb",
        "model leads: new, of files, known by id",
        "connection qualified: new, to Qualified",
        "sync leads-to-qualified: new, leads → Qualified leads by email, 4 fields mapped",
    ]
    sync = the_sync()
    assert (sync.team.slug, sync.team.name) == ("acme", "acme")
    assert (sync.object_key, sync.mode, sync.upsert_key, sync.generation) == ("leads", "upsert", "email", 1)
    assert (sync.keep_records, sync.paused) == (True, False)
    assert (sync.model.sql, sync.model.primary_key) == ("select * from 'leads.csv'", ["id"])
    assert (sync.model.source.kind, sync.model.source.time_zone) == ("duckdb", "UTC")
    assert sync.connection.credentials["api_key"].reveal() == "k3y-of-acme"
    assert [(m.field, m.column, m.value) for m in sync.mappings.all()] == [
        ("email", "email", None),
        ("first_name", "given_name", None),
        ("Lead_Score__c", "score", None),
        ("title", None, "VP"),
    ]
    owners = {
        type(one): one.team
        for one in (sync.model, sync.model.source, sync.connection, sync.connection.account)
    }
    assert set(owners.values()) == {sync.team}


def test_the_fields_that_were_asked_for_are_kept_with_their_requests(
    applied: Apply, qualified: responses.RequestsMock
) -> None:
    applied()
    listed = the_sync().connection.fields["leads"]["fields"]
    assert "Lead_Score__c" in {field["key"] for field in listed}
    assert Exchange.objects.count() == len(qualified.calls) == 2
    assert "k3y" not in str(list(Exchange.objects.values()))


def test_a_second_apply_changes_nothing_and_asks_nobody(
    applied: Apply, qualified: responses.RequestsMock, files: Path
) -> None:
    applied()
    calls = len(qualified.calls)
    before = Sync.objects.values().get(), list(the_sync().mappings.values())
    (files / "leads.csv").unlink()

    assert applied() == []

    assert len(qualified.calls) == calls
    assert (Sync.objects.values().get(), list(the_sync().mappings.values())) == before


def test_a_check_tells_the_same_and_writes_nothing(applied: Apply, qualified: responses.RequestsMock) -> None:
    told = applied(check=True)
    assert not Team.objects.exists()
    assert told == applied()


def test_the_team_may_have_a_name(applied: Apply, qualified: responses.RequestsMock) -> None:
    named = {"team: acme": "team: {slug: acme, name: Acme Inc.}"}
    applied()
    assert applied(named) == ["team acme: name: acme → Acme Inc."]
    assert applied() == []
    assert Team.objects.get().name == "Acme Inc."


def test_another_teams_things_of_the_same_name_are_not_touched(
    applied: Apply, qualified: responses.RequestsMock
) -> None:
    applied()
    before = Source.objects.values().get()
    assert applied({"team: acme": "team: globex"})[0] == "team globex: new"
    assert Source.objects.values().get(team__slug="acme") == before
    assert Sync.objects.count() == 2


# What it changes


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ('path: "."', 'path: ".", time_zone: Asia/Tokyo', ["source files: time_zone: UTC → Asia/Tokyo"]),
        (
            "select * from 'leads.csv'",
            "select * from 'leads.csv' limit 5",
            ["model leads: sql: select * from 'leads.csv' → select * from 'leads.csv' limit 5"],
        ),
        ("    mapping:", "    paused: true\n    mapping:", ["sync leads-to-qualified: paused: no → yes"]),
        (
            "    mapping:",
            "    keep_records: no\n    mapping:",
            ["sync leads-to-qualified: keep_records: yes → no"],
        ),
        ("score, title", "id, title", ["sync leads-to-qualified: mapping: Lead_Score__c: score → id"]),
        (", Lead_Score__c: score", "", ["sync leads-to-qualified: mapping: Lead_Score__c: score → nothing"]),
        ('"VP"', '"CEO"', ['sync leads-to-qualified: mapping: title: the value "VP" → the value "CEO"']),
        (
            "first_name: given_name",
            "first_name: {column: given_name, steps: [trim], empty: clear}",
            [
                "sync leads-to-qualified: mapping: first_name: given_name → "
                'given_name, steps ["trim"], empty: clear'
            ],
        ),
        (
            HERE,
            f"batch_size: 100, windows: [[5, 1]], concurrency: 2, reserve_percent: 0, {HERE}",
            [
                "connection qualified: batch_size: nothing → 100",
                "connection qualified: windows: nothing → [[5,1]]",
                "connection qualified: reserve_percent: 20 → 0",
                "connection qualified: concurrency: nothing → 2",
            ],
        ),
    ],
)
def test_a_change_is_told_before_and_after(
    applied: Apply, qualified: responses.RequestsMock, old: str, new: str, lines: list[str]
) -> None:
    applied()
    assert applied({old: new}, check=True) == lines
    assert applied({old: new}) == lines
    assert applied({old: new}) == []
    assert the_sync().generation == 1


def test_a_sync_is_paused_without_asking_source_or_service(
    applied: Apply, qualified: responses.RequestsMock, files: Path
) -> None:
    applied()
    (files / "leads.csv").unlink()
    qualified.reset()
    assert applied({"    mapping:": "    paused: true\n    mapping:"})
    assert the_sync().paused


def test_what_the_document_does_not_name_stays(applied: Apply, qualified: responses.RequestsMock) -> None:
    applied()
    Sync.objects.update(paused=True, keep_records=False)
    RemoteAccount.objects.update(windows=[[5, 1]], reserve_percent=0)
    assert applied({DOCUMENT[DOCUMENT.index("sources:") :]: ""}) == []
    assert applied() == []
    assert (the_sync().paused, the_sync().keep_records) == (True, False)
    assert RemoteAccount.objects.get().windows == [[5, 1]]


def test_a_document_may_refer_to_what_is_there(applied: Apply, qualified: responses.RequestsMock) -> None:
    applied()
    syncs = DOCUMENT[DOCUMENT.index("syncs:") :].replace("leads-to-qualified", "again")
    assert applied(text=f"team: acme\n{syncs}") == [
        "sync again: new, leads → Qualified leads by email, 4 fields mapped"
    ]


def test_the_accounts_limits_go_back_to_the_usual_where_null_is_said(
    applied: Apply, qualified: responses.RequestsMock
) -> None:
    applied({HERE: f"windows: [[5, 1]], concurrency: 2, reserve_percent: 0, {HERE}"})
    usual = {HERE: f"windows: [], concurrency: null, reserve_percent: null, {HERE}"}
    assert len(applied(usual)) == 3
    assert applied(usual) == []
    account = RemoteAccount.objects.get()
    assert (account.windows, account.concurrency, account.reserve_percent) == ([], None, 20)


def test_a_new_field_is_looked_for_at_the_destination(
    applied: Apply, qualified: responses.RequestsMock
) -> None:
    applied()
    qualified.reset()
    listing(qualified, leads=("Stage__c", "Stage", "string"))
    assert applied({"email: email,": "email: email, Stage__c: score,"})
    assert len(qualified.calls) == 2


def test_a_new_mapping_ends_the_wait_of_refused_rows(
    applied: Apply, qualified: responses.RequestsMock
) -> None:
    applied()
    sent(the_sync(), "1", refused=True)
    applied({'"VP"': '"CEO"'})
    assert LedgerEntry.objects.get().next_try_at is None


def test_a_sync_that_is_only_paused_keeps_refused_rows_waiting(
    applied: Apply, qualified: responses.RequestsMock
) -> None:
    applied()
    sent(the_sync(), "1", refused=True)
    applied({"    mapping:": "    paused: true\n    mapping:"})
    assert LedgerEntry.objects.get().next_try_at is not None


# Generations


def test_another_object_starts_a_new_generation(applied: Apply, qualified: responses.RequestsMock) -> None:
    applied()
    sent(the_sync(), "1", "2", "3")
    to_companies = {
        "object: leads": "object: companies",
        'mapping: {email: email, first_name: given_name, Lead_Score__c: score, title: {value: "VP"}}': (
            "mapping: {domain: email}"
        ),
    }
    lines = applied(to_companies)
    assert lines[-1] == (
        "sync leads-to-qualified: a new generation (another object, another upsert key): "
        "3 rows will be sent again"
    )
    assert "sync leads-to-qualified: object: leads → companies" in lines
    assert the_sync().generation == 2
    assert ledger.size(the_sync().pk, the_sync().generation) == 0
    assert applied(to_companies) == []


def test_another_primary_key_starts_a_new_generation_of_every_sync_of_the_model(
    applied: Apply, qualified: responses.RequestsMock
) -> None:
    applied()
    syncs = DOCUMENT[DOCUMENT.index("syncs:") :].replace("leads-to-qualified", "second")
    applied(text=f"team: acme\n{syncs}")
    sent(the_sync(), "1")
    lines = applied({"primary_key: id": "primary_key: [id, email]"})
    assert lines == [
        'model leads: primary_key: ["id"] → ["id","email"]',
        "sync leads-to-qualified: a new generation (another primary key): 1 rows will be sent again",
        "sync second: a new generation (another primary key): 0 rows will be sent again",
    ]
    assert set(Sync.objects.values_list("generation", flat=True)) == {2}


def test_another_query_keeps_the_generation(applied: Apply, qualified: responses.RequestsMock) -> None:
    applied()
    applied({"select * from": "select *, 1 as more from"})
    assert the_sync().generation == 1


def test_a_sync_that_moves_to_another_account_starts_a_new_generation(
    applied: Apply, qualified: responses.RequestsMock
) -> None:
    applied()
    second = {"syncs:": '  second: {destination: qualified, api_key: "${OTHER_KEY}"}\nsyncs:'}
    moved = second | {"connection: qualified": "connection: second"}
    assert any("another account" in line for line in applied(moved))
    assert the_sync().generation == 2
    assert RemoteAccount.objects.count() == 2


def test_a_sync_that_moves_within_an_account_keeps_its_generation(
    applied: Apply, qualified: responses.RequestsMock
) -> None:
    applied()
    second = {
        "syncs:": "  second: {destination: qualified, same_account_as: qualified, "
        'api_key: "${OTHER_KEY}"}\nsyncs:'
    }
    moved = second | {"connection: qualified": "connection: second"}
    assert "sync leads-to-qualified: connection: qualified → second" in applied(moved)
    assert applied(moved) == []
    assert the_sync().generation == 1
    assert RemoteAccount.objects.count() == 1


# Accounts


def test_a_new_key_demands_to_say_whether_the_account_is_the_same(
    applied: Apply, refused: Refused, qualified: responses.RequestsMock
) -> None:
    applied()
    sent(the_sync(), "1", "2")
    ((line, message),) = refused(KEY)
    assert line == 7
    assert "same_account: true" in message
    assert "2 rows" in message
    assert "k3y" not in message
    assert the_sync().connection.credentials["api_key"].reveal() == "k3y-of-acme"


def test_a_new_host_demands_to_say_whether_the_account_is_the_same(
    applied: Apply, refused: Refused, qualified: responses.RequestsMock
) -> None:
    applied()
    assert "same_account: true" in refused(BASE)[0][1]


def test_a_new_key_of_the_same_account_keeps_the_generation_and_asks_nobody(
    applied: Apply, qualified: responses.RequestsMock
) -> None:
    applied()
    account = the_sync().connection.account
    calls = len(qualified.calls)
    assert applied(with_answer("true")) == ["connection qualified: api_key: changed"]
    assert applied(with_answer("true")) == []
    sync = the_sync()
    assert (sync.generation, sync.connection.account) == (1, account)
    assert sync.connection.credentials["api_key"].reveal() == "k3y-of-another"
    assert len(qualified.calls) == calls


def test_a_new_key_of_another_account_starts_a_new_generation(
    applied: Apply, qualified: responses.RequestsMock
) -> None:
    applied()
    sent(the_sync(), "1", "2")
    account = the_sync().connection.account_id
    assert applied(with_answer("false")) == [
        "connection qualified: api_key: changed",
        "connection qualified: account: another one from now on",
        "sync leads-to-qualified: a new generation (another account): 2 rows will be sent again",
    ]
    assert applied(with_answer("false")) == []
    sync = the_sync()
    assert (sync.generation, sync.connection.account_id == account) == (2, False)


def test_a_sync_that_the_document_does_not_name_moves_with_its_connection(
    applied: Apply, qualified: responses.RequestsMock
) -> None:
    applied()
    changes = with_answer("false") | {DOCUMENT[DOCUMENT.index("syncs:") :]: ""}
    assert applied(changes)[-1].startswith("sync leads-to-qualified: a new generation (another account)")
    assert the_sync().generation == 2


def test_a_pasted_bearer_is_the_same_key(applied: Apply, qualified: responses.RequestsMock) -> None:
    applied()
    assert applied({'"${QUALIFIED_API_KEY}"': '" Bearer ${QUALIFIED_API_KEY} "'}) == []


def test_a_document_without_the_key_keeps_the_one_that_is_stored(
    applied: Apply, qualified: responses.RequestsMock
) -> None:
    applied()
    assert applied({', api_key: "${QUALIFIED_API_KEY}"': ""}) == []
    assert Connection.objects.get().credentials["api_key"].reveal() == "k3y-of-acme"


def test_connections_of_one_account_must_agree_on_its_limits(
    refused: Refused, qualified: responses.RequestsMock
) -> None:
    second = (
        '  second: {destination: qualified, api_key: "${OTHER_KEY}", same_account_as: qualified, '
        "windows: [[1, 1]]}\nsyncs:"
    )
    ((line, message),) = refused({HERE: f"windows: [[2, 1]], {HERE}", "syncs:": second})
    assert line == 8
    assert "`windows` belongs to the account that second and qualified share" in message


# Runs that are under way


def test_a_mapping_does_not_change_under_a_run(
    applied: Apply, refused: Refused, qualified: responses.RequestsMock
) -> None:
    applied()
    run = start(the_sync(), ring=False)
    ((line, message),) = refused({'"VP"': '"CEO"'})
    assert line == 9
    assert f"manage.py cancel {run.public_id}" in message
    assert applied({"    mapping:": "    paused: true\n    mapping:"})
    assert applied(with_answer("true")), "credentials can always change"
    cancel(run)
    finish_here(run)
    assert applied(with_answer("true") | {'"VP"': '"CEO"'})


def test_an_account_does_not_change_under_a_run(
    applied: Apply, refused: Refused, qualified: responses.RequestsMock
) -> None:
    applied()
    start(the_sync(), ring=False)
    assert "under way" in refused(with_answer("false"))[0][1]


def test_a_run_that_begins_between_planning_and_writing_stops_the_write(
    applied: Apply, qualified: responses.RequestsMock
) -> None:
    applied()
    reading = read(DOCUMENT.replace('"VP"', '"CEO"'), ENVIRONMENT)
    plan = make(read_document(reading.tree, reading.problems), reading.problems)
    start(the_sync(), ring=False)
    with pytest.raises(ConfigurationError, match="began just now"):
        write(plan)
    assert the_sync().mappings.get(field="title").value == "VP"


# Mistakes


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        (
            "type: duckdb",
            "type: duckbd",
            3,
            "source files: there is no type `duckbd`; did you mean `duckdb`?",
        ),
        ('path: "."', 'pth: "."', 3, "unknown key `pth` in source files; did you mean `path`?"),
        ("source: files", "source: file", 5, "model leads: there is no source `file`; did you mean `files`?"),
        ("destination: qualified", "destination: qalified", 7, "did you mean `qualified`?"),
        (', api_key: "${QUALIFIED_API_KEY}"', "", 7, "connection qualified has no `api_key`"),
        (
            HERE,
            f"batchsize: 5, {HERE}",
            7,
            "unknown key `batchsize` in connection qualified; did you mean `batch_size`?",
        ),
        (HERE, f"batch_size: 5000, {HERE}", 7, "at most 500"),
        (HERE, f"base_url: nowhere, {HERE}", 7, "must be an address"),
        (HERE, f"concurrency: 11, {HERE}", 7, "Qualified takes at most 10 requests at once"),
        (HERE, f"same_account_as: other, {HERE}", 7, "there is no connection `other`"),
        (HERE, f"same_account_as: qualified, {HERE}", 7, "only with another connection"),
        ("model: leads", "model: lead", 10, "there is no model `lead`; did you mean `leads`?"),
        (
            "connection: qualified",
            "connection: x",
            11,
            "there is no connection `x`; neither the document nor",
        ),
        ("object: leads", "object: lead", 12, "Qualified has no object `lead`; did you mean `leads`?"),
        ("    mapping:", "    mode: insert\n    mapping:", 13, "has no call that only creates"),
        (
            "primary_key: id",
            "primary_key: ID",
            5,
            "the model's query returns no column `ID`; did you mean `id`?",
        ),
        ("given_name", "givenname", 13, "returns no column `givenname`; did you mean `given_name`?"),
        (
            "first_name: given_name",
            'first_name: {template: "{{ givenname }}"}',
            13,
            "line 1 of the template: the model's query returns no column `givenname`; did you",
        ),
        (
            "first_name: given_name",
            'first_name: {template: "{% if email %}"}',
            13,
            "Line 1 of the template: expected tag endif",
        ),
        (
            "first_name: given_name",
            "first_name: {first_of: [given_name, scor]}",
            13,
            "returns no column `scor`; did you mean `score`?",
        ),
        (
            "first_name: given_name",
            "first_name: {column: given_name, steps: [trim, {extract: '(a*)*'}]}",
            13,
            "Step 2: The regular expression repeats something that may be nothing",
        ),
        (
            "Lead_Score__c",
            "lead_score__c",
            13,
            "lists no field `lead_score__c` for Leads; did you mean `Lead_Score__c`?",
        ),
        ("select * from", "selct * from", 5, "model leads: "),
        ("'leads.csv'", "'nothing.csv'", 5, "model leads: "),
    ],
)
def test_a_mistake_is_told_with_its_line_and_nothing_is_written(
    refused: Refused, qualified: responses.RequestsMock, old: str, new: str, line: int, message: str
) -> None:
    found = refused({old: new})
    assert [number for number, told in found if message in told] == [line], found
    assert not Team.objects.exists()


def test_all_mistakes_are_told_at_once(refused: Refused, qualified: responses.RequestsMock) -> None:
    found = refused(
        {
            'path: "."': 'path: ".", colour: red',
            "primary_key: id": "primary_key: nope",
            HERE: f"batch_size: 0, {HERE}",
            "mapping: {": "retries: 3\n    mapping: {",
        }
    )
    assert [line for line, _ in found] == [3, 5, 7, 13]
    found = refused(
        {"primary_key: id": "primary_key: nope", "given_name": "nada", "first_name": "nada", '"VP"': '""'}
    )
    assert [line for line, _ in found] == [5, 13, 13, 13]
    found = refused({"primary_key: id": "primarykey: id", "first_name": "nada"})
    assert [line for line, _ in found] == [5, 5, 13]


def test_wrong_sql_names_the_line_in_the_document(
    refused: Refused, qualified: responses.RequestsMock
) -> None:
    sql = "      select id,\n        email\n      form 'leads.csv'\n"
    block = f"\n    source: files\n    primary_key: id\n    sql: |\n{sql}"
    found = refused({" {source: files, sql: \"select * from 'leads.csv'\", primary_key: id}\n": block})
    assert found[0][0] == 11


def test_a_key_that_the_destination_does_not_take_is_told(
    refused: Refused, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/v2/leads/fields", status=401, json={"code": "invalid_token"})
    ((line, message),) = refused()
    assert line == 11
    assert "does not accept the API key" in message
    assert "k3y" not in message
    assert not Team.objects.exists()


def test_a_destination_that_is_down_for_a_moment_is_asked_again(
    applied: Apply, wire: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncs.configuration.reach.PAUSES", (0, 0))
    wire.get(f"{API}/v2/leads/fields", status=503)
    listing(wire)
    assert applied()


def test_a_destination_that_stays_down_is_told(
    refused: Refused, wire: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncs.configuration.reach.PAUSES", (0, 0))
    wire.get(f"{API}/v2/leads/fields", status=503)
    ((_, message),) = refused()
    assert "the fields of Qualified could not be read" in message
    assert len(wire.calls) == 3

    two = "  again: {model: leads, connection: qualified, object: leads, mapping: {email: email}}\n"
    told = refused({"syncs:\n": f"syncs:\n{two}"})
    assert [message.partition(" cannot")[0] for _, message in told] == [
        "sync again",
        "sync leads-to-qualified",
    ]
    assert len(wire.calls) == 6, "the second sync does not wait anew"


def test_a_destination_without_a_list_takes_any_name(applied: Apply, wire: responses.RequestsMock) -> None:
    for name in ("leads", "companies"):
        wire.get(f"{API}/v2/{name}/fields", status=404)
    assert applied({"first_name": "Something__c"})


@pytest.mark.parametrize("how", ["given_name", '{template: "{{ given_name }}"}', "{first_of: [given_name]}"])
def test_a_query_that_no_longer_serves_another_sync_is_told(
    applied: Apply, refused: Refused, qualified: responses.RequestsMock, how: str
) -> None:
    applied({"first_name: given_name": f"first_name: {how}"})
    assert missing_columns(QueryModel.objects.get(), ["id", "email", "score"]) == {
        "leads-to-qualified": ["given_name"]
    }
    model = QueryModel.objects.get()
    text = DOCUMENT[: DOCUMENT.index("connections:")].replace("select *", "select id, email")
    ((line, message),) = refused(text=text)
    assert line == 5
    assert "does not return `given_name` or `score`, which sync leads-to-qualified needs" in message
    model.refresh_from_db()
    assert "*" in model.sql
