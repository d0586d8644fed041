"""Whether a sync can work: what forms and YAML tell before anything is saved."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from destinations import contract
from destinations.auth import ApiKey
from destinations.contract import Companion, Field, Identity, Kind, Limits, Mode, ObjectType, Option, Window
from syncs.configuration.checks import (
    LONGEST_NAME,
    Draft,
    Fault,
    Filling,
    mapping_faults,
    primary_key_faults,
    target_faults,
    with_defaults,
)
from syncs.models import FieldMapping


class Acme(contract.Adapter):
    """A destination with more facts than any real one."""

    key = "acme"
    label = "Acme"
    base_url = "https://api.acme.example"
    docs_url = "https://docs.acme.example"
    auths = (ApiKey(),)
    limits = Limits((Window(10, 1),), 2, 1, 100, 1000)
    objects = (
        ObjectType(
            key="people",
            label="People",
            upsert_keys=("email", "external_id"),
            modes=frozenset({Mode.UPSERT, Mode.INSERT}),
            missing_modes={Mode.UPDATE: "Acme cannot tell whether somebody is there."},
            required={(Mode.INSERT, "email"): ("email", "last_name")},
            missing_keys={(Mode.INSERT, "external_id"): "Acme gives the id itself."},
            open_prefix="extra.",
            companion=Companion("company.", "companies", "domain", "email", "Company"),
        ),
        ObjectType("companies", "Companies", ("domain",), frozenset({Mode.UPSERT})),
    )

    def check(self) -> Identity:
        return Identity()

    def fields(self, target: ObjectType) -> list[Field]:
        return FIELDS

    def send(self, target: contract.Target, call: contract.Call) -> list[contract.Outcome]:
        return []


FIELDS = [
    Field("email", "Email", Kind.EMAIL),
    Field("external_id", "External id", Kind.TEXT),
    Field("last_name", "Last name", Kind.TEXT),
    Field("Lead_Score__c", "Score", Kind.NUMBER),
    Field("stage", "Stage", Kind.PICKLIST, options=(Option("new", "New"), Option("won", "Won"))),
    Field("company.domain", "Domain", Kind.DOMAIN),
    Field("company.industry", "Industry", Kind.TEXT),
]
COLUMNS = ["id", "email", "last_name", "score", "web"]
EMAIL = Filling("email", column="email")


def faults(
    *mapping: Filling,
    mode: str = "upsert",
    upsert_key: str = "email",
    fields: Sequence[Field] | None = FIELDS,
    columns: Sequence[str] | None = COLUMNS,
) -> list[Fault]:
    draft = Draft("people", mode, upsert_key, mapping)
    return mapping_faults(draft, Acme, fields=fields, columns=columns, zone=ZoneInfo("UTC"))


def only(found: Sequence[Fault]) -> tuple[tuple[str, ...], str]:
    (fault,) = found
    return fault.at, fault.message


def test_a_good_sync_has_no_faults() -> None:
    score = Filling("Lead_Score__c", column="score", steps=("trim",), empty="default", default=0)
    assert faults(EMAIL, score, Filling("stage", value="won")) == []
    assert target_faults(Draft("people", "upsert", "email", ()), Acme) == []


def test_defaults_are_upsert_by_the_first_key() -> None:
    draft = with_defaults(Draft("people", "", "", ()), Acme)
    assert (draft.mode, draft.upsert_key) == ("upsert", "email")


@pytest.mark.parametrize(
    ("change", "at", "message"),
    [
        ({"object": "Peple"}, "object", "Acme has no object `Peple`; did you mean `people`?"),
        ({"object": "x"}, "object", "Acme has no object `x`; there are `people` or `companies`"),
        ({"mode": "upsrt"}, "mode", "there is no mode `upsrt`; did you mean `upsert`?"),
        ({"mode": "update"}, "mode", "Acme cannot tell whether somebody is there."),
        ({"upsert_key": "mail"}, "upsert_key", "People are not known by `mail`; did you mean `email`?"),
        (
            {"mode": "insert", "upsert_key": "external_id"},
            "upsert_key",
            "`external_id` cannot be the key in mode `insert`: Acme gives the id itself. There is `email`",
        ),
    ],
)
def test_what_the_destination_does_not_take_is_told(change: Mapping[str, str], at: str, message: str) -> None:
    draft = replace(Draft("people", "upsert", "email", ()), **change)  # type: ignore[arg-type]
    (place,), told = only(target_faults(draft, Acme))
    assert place == at
    assert message in told


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("lead_score__c", "Lead_Score__c"),
        ("Last_Name", "last_name"),
        ("industry", "company.industry"),
        ("external id", "external_id"),
    ],
)
def test_an_unknown_field_names_the_near_miss(name: str, meant: str) -> None:
    at, message = only(faults(EMAIL, Filling(name, column="score")))
    assert at == ("mapping", name)
    assert f"lists no field `{name}` for People; did you mean `{meant}`?" in message


def test_without_the_destinations_list_any_name_may_be_a_field() -> None:
    unlisted = [replace(field, verified=field.key == "email") for field in FIELDS]
    assert faults(EMAIL, Filling("Custom__c", column="score"), fields=unlisted) == []
    assert faults(EMAIL, Filling("Custom__c", column="score"), fields=None) == []


def test_a_name_under_the_open_prefix_may_be_mapped_without_being_listed() -> None:
    assert faults(EMAIL, Filling("extra.Plan", column="score")) == []
    assert faults(EMAIL, Filling("extra.", column="score")) != []
    assert faults(EMAIL, Filling("Extra.Plan", column="score")) != []


def test_only_the_part_without_a_list_takes_any_name() -> None:
    half = [replace(field, verified=not field.key.startswith("company.")) for field in FIELDS]
    assert faults(EMAIL, Filling("company.Custom__c", column="score"), fields=half) == []
    assert faults(EMAIL, Filling("Custom__c", column="score"), fields=half) != []


def test_a_column_that_the_query_does_not_return_names_the_near_miss() -> None:
    at, message = only(faults(EMAIL, Filling("last_name", column="lastname")))
    assert at == ("mapping", "last_name", "column")
    assert message == "the model's query returns no column `lastname`; did you mean `last_name`?"


def test_columns_of_a_template_and_of_the_first_of_several_are_checked() -> None:
    template = Filling("last_name", template="x\n{{ lastname | upcase }} {{ email }}")
    at, message = only(faults(EMAIL, template))
    assert at == ("mapping", "last_name", "template")
    assert message.startswith(
        "line 2 of the template: the model's query returns no column `lastname`; did you"
    )
    assert message.endswith("mean `last_name`?")
    assert faults(EMAIL, template, columns=None) == []

    at, message = only(faults(EMAIL, Filling("last_name", first_of=("last_name", "scor"))))
    assert at == ("mapping", "last_name", "first_of")
    assert message == "the model's query returns no column `scor`; did you mean `score`?"
    many = Filling("last_name", first_of=("last_name",) * 51)
    assert only(faults(EMAIL, many))[1] == "the first of at most 50 columns can fill a field"


def test_a_broken_template_is_told_with_its_line() -> None:
    at, message = only(faults(EMAIL, Filling("last_name", template="a\n{{ b | upcas }}")))
    assert at == ("mapping", "last_name", "template")
    assert message == 'Line 2 of the template: there is no filter "upcas". Did you mean "upcase"?'


def test_the_key_may_come_from_a_template_that_has_a_column() -> None:
    assert faults(Filling("email", template="{{ email }}")) == []
    assert faults(Filling("email", first_of=("email", "web"))) == []
    at, message = only(faults(Filling("email", template="bob@acme.com")))
    assert at == ("mapping", "email", "template")
    assert "tells records apart" in message


def test_names_longer_than_can_be_stored_are_told() -> None:
    assert {FieldMapping._meta.get_field(part).max_length for part in ("field", "column")} == {LONGEST_NAME}
    name = "c" * (LONGEST_NAME + 1)
    at, message = only(faults(EMAIL, Filling("last_name", column=name), columns=["email", name]))
    assert at == ("mapping", "last_name", "column")
    assert message.startswith("the name of the column is longer than 500 signs")
    assert message.endswith("; give it a shorter one in the model's SQL")
    at, message = only(faults(EMAIL, Filling(f"extra.{name}", column="email"), columns=["email"]))
    assert at == ("mapping", f"extra.{name}")
    assert message.startswith("the name of the field is longer than 500 signs")


def test_columns_nobody_knows_now_are_not_checked() -> None:
    assert faults(Filling("email", column="whatever"), columns=None) == []


def test_a_fixed_value_must_fit_its_field() -> None:
    at, message = only(faults(EMAIL, Filling("Lead_Score__c", value="many")))
    assert at == ("mapping", "Lead_Score__c", "value")
    assert "is not a number" in message
    assert faults(EMAIL, Filling("stage", value="lost"))
    assert "empty" in only(faults(EMAIL, Filling("last_name", value="  ")))[1]


def test_a_run_variable_fills_what_can_hold_it() -> None:
    assert faults(EMAIL, Filling("last_name", variable="sync_name")) == []
    assert faults(EMAIL, Filling("Lead_Score__c", variable="run_number")) == []
    at, message = only(faults(EMAIL, Filling("Lead_Score__c", variable="run_started_at")))
    assert at == ("mapping", "Lead_Score__c", "variable")
    assert "`run_started_at` does not fit" in message
    assert "is not one of the 2 options" in only(faults(EMAIL, Filling("stage", variable="run_trigger")))[1]


def test_an_unknown_run_variable_is_told_with_what_comes_near() -> None:
    at, message = only(faults(EMAIL, Filling("last_name", variable="run_numbr")))
    assert at == ("mapping", "last_name", "variable")
    assert message == "there is no run variable `run_numbr`; did you mean `run_number`?"
    assert "run_started_at" in only(faults(EMAIL, Filling("last_name", variable="moon")))[1]
    steps = Filling("last_name", variable="run_id", steps=("trim",))
    assert "are not for a run variable" in only(faults(EMAIL, steps))[1]


def test_a_run_variable_tells_no_records_apart() -> None:
    found = faults(Filling("email", variable="run_id"))
    assert {fault.at for fault in found} == {("mapping", "email", "variable")}
    assert any("needs a column" in fault.message for fault in found)
    named = Filling("company.domain", variable="sync_name")
    assert any("needs a column" in fault.message for fault in faults(EMAIL, named))


def test_run_variables_alone_write_no_company() -> None:
    industry = Filling("company.industry", variable="sync_name")
    at, message = only(faults(EMAIL, industry))
    assert at == ("mapping", "company.industry", "variable")
    assert "map another field that begins with `company.`" in message
    assert faults(EMAIL, industry, Filling("company.domain", column="web")) == []


def test_a_default_must_fit_its_field() -> None:
    at, _ = only(faults(EMAIL, Filling("Lead_Score__c", column="score", empty="default", default="many")))
    assert at == ("mapping", "Lead_Score__c", "empty")


def test_a_step_that_does_not_exist_is_told() -> None:
    at, message = only(faults(EMAIL, Filling("last_name", column="last_name", steps=("trimm",))))
    assert at == ("mapping", "last_name", "steps")
    assert "trim" in message


def test_the_key_must_come_from_a_column() -> None:
    assert "needs a column" in only(faults(Filling("email", value="a@example.com")))[1]
    for empty in ("clear", "default"):
        key = Filling("email", column="email", empty=empty, default="a@example.com")
        assert "neither cleared nor given a default" in only(faults(key))[1]
    company = Filling("company.domain", value="acme.example")
    assert "needs a column" in only(faults(EMAIL, company))[1]


def test_the_key_must_be_mapped() -> None:
    at, message = only(faults(Filling("last_name", column="last_name")))
    assert at == ("mapping",)
    assert message == "the field `email` must be mapped: People are known by it"


def test_what_the_destination_demands_in_a_mode_must_be_mapped() -> None:
    assert "`last_name` must be mapped: Acme demands it" in only(faults(EMAIL, mode="insert"))[1]


def test_a_field_mapped_twice_is_told() -> None:
    assert only(faults(EMAIL, EMAIL)) == (("mapping", "email"), "the field `email` is mapped twice")


def test_a_field_that_cannot_be_filled_is_refused_with_the_reason() -> None:
    shown = [*FIELDS, Field("created_at", "Created at", Kind.DATETIME, read_only="is set by Acme itself")]
    (fault,) = faults(EMAIL, Filling("created_at", column="id"), fields=shown)
    assert fault.at == ("mapping", "created_at")
    assert fault.message == "Created at cannot be filled: it is set by Acme itself"


def test_company_fields_need_a_way_to_know_the_company() -> None:
    person = Filling("external_id", column="id")
    industry = Filling("company.industry", column="web")
    _, message = only(faults(person, industry, upsert_key="external_id"))
    assert "`company.domain` must be mapped: Company fields are mapped" in message
    assert faults(EMAIL, industry) == []
    domain = Filling("company.domain", column="web")
    assert faults(person, industry, domain, upsert_key="external_id") == []


def test_the_primary_keys_columns_must_be_returned() -> None:
    assert primary_key_faults(["id"], COLUMNS) == []
    assert "did you mean `id`?" in only(primary_key_faults(["ID"], COLUMNS))[1]
