"""An export says all that a document can say, and applying it changes nothing."""

import re
from collections.abc import Callable

import pytest
import responses
import yaml
from hypothesis import given
from hypothesis import strategies as st

from destinations.models import Connection, RemoteAccount
from syncadmin.teams.deleting import delete_team
from syncadmin.teams.models import Team
from syncs.configuration.apply import apply
from syncs.configuration.export import export, write
from syncs.configuration.section import plain
from syncs.configuration.tree import read
from syncs.models import FieldMapping, QueryModel, Source, Sync, SyncSchedule

Apply = Callable[..., list[str]]

texts = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=30) | st.text(
    alphabet="${}'\"# \n:-[]!&*|>%@`\t\x85\u2028aN", max_size=20
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(texts.filter(lambda key: key != "<<"), json_values, max_size=5))
def test_any_value_is_written_so_that_it_is_read_back(document: dict[str, object]) -> None:
    reading = read(write({"x": document}), {"N": "wrong", "aN": "wrong"})
    assert reading.problems == []
    assert reading.tree is not None
    assert plain(reading.tree) == {"x": document}


RICH = """\
team: {slug: acme, name: "Acme ${NOBODY} Inc."}
sources:
  files: {type: duckdb, path: ".", time_zone: Europe/Berlin}
models:
  people:
    source: files
    sql: |
      select *, '$${x}' as "dollar", 'O''Brien' as b -- a comment

      from 'leads.csv'
    primary_key: [id, email]
connections:
  first:
    {destination: qualified, api_key: "${KEY}", batch_size: 50, windows: [[5, 1], [70, 60.5]], concurrency: 3}
  second:
    {destination: qualified, api_key: "${KEY}", base_url: "http://127.0.0.1:9001", same_account_as: first}
syncs:
  one:
    model: people
    connection: second
    object: leads
    paused: on
    keep_records: off
    schedule: {after: two}
    mapping:
      email: {column: email, steps: [trim, lower]}
      first_name:
        column: given_name
        steps: [{map: {"yes": null, "1": "$${y}"}, else: 2}]
        empty: {default: "007"}
      title: {value: "true"}
      Lead_Score__c: {value: 7.5}
      company.industry: {column: dollar, empty: attention}
      company.name:
        template: "{{ email }}\\n  $${x} {{ ['dollar'] | upcase }}"
        steps: [{replace_pattern: ['([0-9]+)', '\\1;']}, {boolean: {yes: ["ja"], no: ["no"]}}]
      phone: {first_of: [b, dollar], steps: [{phone: DE}], empty: clear}
  two:
    model: people
    connection: first
    object: companies
    schedule: {weekly: {days: [mon, fri], at: "07:30"}, between: ["06:00", "09:00"], zone: Europe/Berlin}
    mapping: {domain: email, industry: {variable: run_id}}
"""


@pytest.fixture
def rich(db: None, files: object, qualified: responses.RequestsMock) -> Team:
    from tests.syncs.configuration.conftest import listing

    more = {"leads": ("phone", "Phone", "string"), "companies": ("name", "Name", "string")}
    listing(qualified, "http://127.0.0.1:9001", **more)
    apply(RICH.replace("${NOBODY}", "$${NOBODY}"), {"KEY": "k3y-of-acme"})
    return Team.objects.get()


def variables(text: str, value: str = "k3y-of-acme") -> dict[str, str]:
    return dict.fromkeys(re.findall(r"(?<!\$)\$\{([A-Z_0-9]+)\}", text), value)


def test_an_export_applied_changes_nothing(rich: Team) -> None:
    text = export(rich)
    assert "k3y" not in text
    assert set(variables(text)) == {"FIRST_API_KEY", "SECOND_API_KEY"}
    assert apply(text, variables(text)).lines == []


def test_an_export_makes_the_same_elsewhere(rich: Team) -> None:
    text = export(rich)
    before = contents(rich)
    delete_team(rich)

    apply(text, variables(text))

    assert contents(Team.objects.get()) == before
    assert export(Team.objects.get()) == text


def contents(team: Team) -> object:
    """All that users made, without ids and times."""
    return (
        team.name,
        list(Source.objects.order_by("name").values_list("name", "kind", "options", "time_zone")),
        list(QueryModel.objects.order_by("name").values_list("name", "sql", "primary_key")),
        sorted(
            Connection.objects.values_list(
                "name", "options__batch_size", "account__windows", "account__concurrency"
            )
        ),
        RemoteAccount.objects.count(),
        sorted(
            Sync.objects.values_list("name", "object_key", "mode", "upsert_key", "paused", "keep_records")
        ),
        list(SyncSchedule.objects.order_by("sync__name").values_list("sync__name", "rule", "follows__name")),
        list(
            FieldMapping.objects.order_by("sync__name", "position").values_list(
                "field", "column", "first_of", "template", "value", "variable", "steps", "empty", "default"
            )
        ),
    )


def test_the_export_is_what_a_person_would_write(rich: Team) -> None:
    document = yaml.safe_load(export(rich))
    assert list(document) == ["team", "sources", "models", "connections", "syncs"]
    assert document["connections"]["first"]["api_key"] == "${FIRST_API_KEY}"
    steps = document["syncs"]["one"]["mapping"]["first_name"]["steps"]
    assert list(steps[0]["map"]) == ["yes", "1"], "in the order in which they were written"
    assert document["syncs"]["two"]["mapping"] == {"domain": "email", "industry": {"variable": "run_id"}}


def test_names_that_would_make_one_variable_make_two(rich: Team) -> None:
    Connection.objects.filter(name="first").update(name="se-cond")
    Connection.objects.filter(name="second").update(name="se.cond")
    assert set(variables(export(rich))) == {"SE_COND_API_KEY", "SE_COND_API_KEY_2"}


def test_a_database_is_exported_with_its_password_apart(db: None) -> None:
    url = "postgresql://reader:p%40ss-w0rd@db.example.com:6543/shop?sslmode=require"
    text = 'team: acme\nsources: {warehouse: {type: postgres, url: "${URL}"}}\n'
    assert apply(text, {"URL": url}).lines == ["team acme: new", "source warehouse: new, postgres"]
    exported = export(Team.objects.get())
    assert "w0rd" not in exported
    assert variables(exported) == {"WAREHOUSE_PASSWORD": "k3y-of-acme"}
    assert apply(exported, {"WAREHOUSE_PASSWORD": "p@ss-w0rd"}).lines == []
    assert apply(text, {"URL": url}).lines == []
    assert apply(exported, {"WAREHOUSE_PASSWORD": "another"}).lines == ["source warehouse: password: changed"]
