"""What a document says, and how its mistakes are told."""

import pytest

from syncs.configuration.checks import Filling
from syncs.configuration.document import Document, read_document
from syncs.configuration.problems import Problem
from syncs.configuration.tree import read

WHOLE = """\
team: acme
sources:
  warehouse: {type: postgres, url: "${WAREHOUSE_URL}", time_zone: Europe/Berlin}
  files: {type: duckdb, path: "."}
models:
  leads: {source: files, sql: "select * from 'leads.csv'", primary_key: id}
  pairs:
    source: files
    sql: |
      select *
      from 'pairs.csv'
    primary_key: [a, b]
connections:
  qualified:
    destination: qualified
    api_key: ${QUALIFIED_API_KEY}
    base_url: "http://127.0.0.1:9001"
    windows: [[2000, 900], {requests: 7000, seconds: 3600}]
    reserve_percent: 10
    same_account: true
syncs:
  leads-to-qualified:
    model: leads
    connection: qualified
    object: leads
    mode: upsert
    paused: yes
    mapping:
      email: email
      first_name: given_name
      Lead_Score__c: score
      title: {value: "VP"}
      phone: {column: tel, steps: [trim, {replace: ["+", "00"]}], empty: clear}
      Stage__c: {column: stage, steps: {map: {a: "1", b: 2}}, empty: {default: new}}
"""
ENVIRONMENT = {"WAREHOUSE_URL": "postgres://secret@db/x", "QUALIFIED_API_KEY": "k3y"}


def read_text(text: str) -> tuple[Document, list[Problem]]:
    reading = read(text, ENVIRONMENT)
    return read_document(reading.tree, reading.problems), reading.problems


def problems_of(text: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for problem in sorted(read_text(text)[1])]


def changed(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new)


def test_a_template_and_the_first_of_several_columns_fill_fields() -> None:
    document, problems = read_text(
        changed(
            'title: {value: "VP"}',
            """\
title: {first_of: [a, on], steps: [{boolean: {yes: [ja], no: ["no"]}}], empty: attention}
      company:
        template: |
          {{ a }}
          {{ b }}
        steps: [trim]""",
        )
    )
    assert problems == []
    title, company = document.syncs[0].draft.mapping[3:5]
    steps = ({"boolean": {"yes": ["ja"], "no": ["no"]}},)
    assert title == Filling("title", first_of=("a", "on"), steps=steps, empty="attention")
    assert company == Filling("company", template="{{ a }}\n{{ b }}\n", steps=("trim",))


def test_a_whole_document_is_read() -> None:
    document, problems = read_text(WHOLE)

    assert problems == []
    assert document.team == "acme"
    warehouse, files = document.sources
    assert (warehouse.kind, warehouse.time_zone, warehouse.options) == (
        "postgres",
        "Europe/Berlin",
        {"url": "postgres://secret@db/x"},
    )
    assert (files.time_zone, files.options) == ("UTC", {"path": "."})
    leads, pairs = document.models
    assert (leads.source, leads.sql, leads.primary_key) == ("files", "select * from 'leads.csv'", ("id",))
    assert (pairs.sql, pairs.primary_key) == ("select *\nfrom 'pairs.csv'", ("a", "b"))
    (connection,) = document.connections
    assert connection.options == {"api_key": "k3y", "base_url": "http://127.0.0.1:9001"}
    assert connection.limits == {"windows": [[2000, 900], [7000, 3600]], "reserve_percent": 10}
    assert (connection.same_account, connection.same_account_as) == (True, None)
    (sync,) = document.syncs
    assert (sync.draft.object, sync.draft.mode, sync.draft.upsert_key) == ("leads", "upsert", "")
    assert (sync.paused, sync.keep_records) == (True, None)
    assert sync.draft.mapping == (
        Filling("email", column="email"),
        Filling("first_name", column="given_name"),
        Filling("Lead_Score__c", column="score"),
        Filling("title", value="VP"),
        Filling("phone", column="tel", steps=("trim", {"replace": ["+", "00"]}), empty="clear"),
        Filling(
            "Stage__c",
            column="stage",
            steps=({"map": {"a": "1", "b": 2}},),
            empty="default",
            default="new",
        ),
    )


def test_parts_know_the_lines_of_their_keys() -> None:
    (sync,) = read_text(WHOLE)[0].syncs
    lines = WHOLE.splitlines()
    assert "mode: upsert" in lines[sync.line_of("mode") - 1]
    assert "Lead_Score__c" in lines[sync.line_of("mapping", "Lead_Score__c", "column") - 1]
    assert "phone" in lines[sync.line_of("mapping", "phone", "steps") - 1]
    assert "mapping:" in lines[sync.line_of("mapping", "nothing") - 1]
    assert "leads-to-qualified" in lines[sync.line_of("upsert_key") - 1]


def test_secrets_do_not_show_in_what_is_printed_of_a_document() -> None:
    printed = repr(read_text(WHOLE)[0])
    assert "secret" not in printed
    assert "k3y" not in printed


def test_an_unknown_key_names_its_line_and_what_was_meant() -> None:
    (problem,) = read_text(changed("    primary_key: [a, b]", "    primarykey: [a, b]\n    primary_key: a"))[
        1
    ]
    assert problem.told("leads.yaml") == (
        "leads.yaml, line 12: unknown key `primarykey` in model pairs; did you mean `primary_key`?"
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("team: acme", "teem: acme", 1, "the document has no `team`"),
        ("team: acme", "team: Acme Inc.", 1, "must be a word of letters, digits, - and _"),
        ("models:", "modells:", 5, "unknown key `modells` in the document; did you mean `models`?"),
        ("source: files, ", "", 6, "model leads has no `source`"),
        ("primary_key: id", "primary_key: []", 6, "`primary_key` of model leads must be a text or a list"),
        ("[a, b]", "[a, a]", 12, "`primary_key` of model pairs names a column twice"),
        ("Europe/Berlin", "Berlin", 3, "there is no time zone `Berlin`"),
        ("destination: qualified", "destination: ", 15, "`destination` of connection qualified is empty"),
        ("[2000, 900]", "[2000]", 18, "must be a list of [requests, seconds]"),
        ("[2000, 900]", "[0, 900]", 18, "must be a list of [requests, seconds]"),
        ("reserve_percent: 10", "reserve_percent: 99", 19, "must be a whole number from 0 to 95"),
        (
            "same_account: true",
            "same_account: maybe",
            20,
            "`same_account` of connection qualified must be true or",
        ),
        ("${QUALIFIED_API_KEY}", "${NO_KEY}", 16, "the environment has no variable NO_KEY"),
        (
            "    mode: upsert",
            "    mod: upsert",
            26,
            "unknown key `mod` in sync leads-to-qualified; did you mean `mode`?",
        ),
        ("email: email", "email:", 29, "`email` of the mapping of sync leads-to-qualified is empty"),
        ("email: email", "email: [email]", 29, "must be a text"),
        (
            '{value: "VP"}',
            "{value: VP, column: title}",
            32,
            "needs `column`, `first_of`, `template`, `value` or `variable`, and only one of them",
        ),
        ('{value: "VP"}', "{steps: [trim]}", 32, "and only one of them"),
        ('{value: "VP"}', "{template: x, first_of: [a]}", 32, "and only one of them"),
        ('{value: "VP"}', "{template: }", 32, "`template` of field title of mapping"),
        ('{value: "VP"}', "{variable: run_id, value: x}", 32, "and only one of them"),
        ('{value: "VP"}', "{variable: run_id, empty: clear}", 32, "are not for a run variable"),
        ('{value: "VP"}', "{variable: [run_id]}", 32, "must be a text"),
        ('{value: "VP"}', "{first_of: [a, {b: c}]}", 32, "must be a text or a list of texts"),
        ('{value: "VP"}', "{first_of: []}", 32, "must be a text or a list of texts"),
        ('{value: "VP"}', "{value: VP, empty: clear}", 32, "are not for a fixed value"),
        ('{value: "VP"}', "{value: {a: b}}", 32, "a fixed value is a text, a number, true, false or a list"),
        ('{value: "VP"}', "{value: }", 32, "a fixed value is a text, a number, true, false or a list"),
        (
            "empty: clear",
            "empty: blank",
            33,
            "`empty` must be `leave`, `clear` or `attention`, or {default: …}",
        ),
        ("empty: clear", "emty: clear", 33, "unknown key `emty` in field phone of mapping"),
        ("{default: new}", "{defualt: new}", 34, "`empty` must be"),
    ],
)
def test_a_mistake_is_told_with_its_line(old: str, new: str, line: int, message: str) -> None:
    found = problems_of(changed(old, new))
    assert [number for number, told in found if message in told] == [line], found


def test_all_mistakes_are_told_at_once() -> None:
    text = (
        changed("Europe/Berlin", "Berlin")
        .replace("primary_key: id", "primary_key: {}")
        .replace("paused: yes", "paused: 7")
    )
    assert [line for line, _ in problems_of(text)] == [3, 6, 27]


@pytest.mark.parametrize(
    "text", ["", "just a word", "- a\n- list", "team: acme\nsyncs: 3", "team: acme\nsyncs: {a: 3}"]
)
def test_what_is_no_configuration_is_told_as_that(text: str) -> None:
    assert problems_of(text)


def test_an_empty_part_is_no_mistake() -> None:
    assert problems_of("team: {slug: acme, name: Acme Inc.}\nsyncs:\nmodels: {}") == []


def test_a_secret_that_has_gone_astray_is_not_repeated() -> None:
    for old in ("mode: upsert", "paused: yes", "reserve_percent: 10", "time_zone: Europe/Berlin"):
        key = old.split(":")[0]
        text = changed(old, f'{key}: "${{SECRET}}"')
        reading = read(text, {**ENVIRONMENT, "SECRET": "hush-hush"})
        read_document(reading.tree, reading.problems)
        for problem in reading.problems:
            assert "hush" not in reading.hide(problem.message)
