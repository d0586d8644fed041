"""What people are shown of a field, step by step, is what a run does with it."""

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destinations.contract import Field, Kind, Option
from syncs.engine.mapping import Mapper, MappingBroken, Rule, Shape
from syncs.engine.trace import misread, trace
from syncs.engine.values import cast_column
from tests.syncs.engine.anything import CELLS, ZONES
from tests.syncs.engine.test_steps import STEPS

COLUMNS = ("id", "mail", "name", "note")
EMAIL = Rule(Field("email", "Email", Kind.EMAIL), "mail")
STAGES = (Option("won", "Won"), Option("lost", "Lost"))
FIELDS = st.sampled_from([Field("name", "Name", kind, STAGES) for kind in Kind])
SOURCES = st.sampled_from(
    [
        {"column": "name"},
        {"first_of": ("name", "note")},
        {"template": "{{ name }}{{ note | default: '-' }}"},
        {"value": " won"},
        {"value": None},
    ]
)
RULES = st.builds(
    lambda field, source, steps, empty: Rule(
        field, steps=tuple(steps), empty=empty, default="lost", **source
    ),
    FIELDS,
    SOURCES,
    st.lists(STEPS, max_size=3),
    st.sampled_from(["leave", "clear", "default", "attention"]),
)
ROWS = st.lists(st.tuples(st.integers(1, 9), CELLS, CELLS, CELLS), min_size=1, max_size=4)


@settings(max_examples=50)
@given(RULES, ROWS, ZONES)
def test_the_trace_ends_with_what_a_run_makes_of_the_row(rule: Rule, rows: list[Any], zone: Any) -> None:
    run = Mapper(Shape((EMAIL, rule), ("id",), "email"), COLUMNS, zone).map(rows)

    traced = trace(rule, COLUMNS, rows, primary_key=("id",), zone=zone)

    assert [one.sent for one in traced] == [record[3] for record in run.records]  # id, key, email, name
    assert [one.flaws for one in traced] == [
        tuple(flaw for flaw in run.flaws.get(at, ()) if flaw.field == "name") for at in range(len(rows))
    ]
    if rule.empty != "default":
        cast, _ = cast_column([one.last for one in traced], rule.field, zone=zone)
        assert cast == [one.sent for one in traced]


def steps_of(*steps: Any, value: object, kind: Kind = Kind.PHONE) -> Any:
    rule = Rule(Field("name", "Name", kind), "name", steps=steps)
    (found,) = trace(rule, COLUMNS, [(1, "a@b.com", value, None)], primary_key=("id",), zone=UTC)
    return found


def test_each_step_has_its_value() -> None:
    found = steps_of("trim", {"phone": "DE"}, value=" 0151 12345678 ")

    assert (found.source, found.after) == (" 0151 12345678 ", ("0151 12345678", "+4915112345678"))
    assert found.sent == "+4915112345678"


def test_what_a_step_cannot_read_is_told_there_and_once() -> None:
    found = steps_of("trim", "phone", "upper", value="call me")

    assert misread(found.after[0]) == ""
    assert misread(found.after[1]).startswith("is not a phone number")
    assert [flaw.code for flaw in found.flaws] == ["not_a_phone"]
    assert found.sent is None


def test_an_empty_value_says_whether_it_is_cleared_there() -> None:
    for empty, is_cleared in (("clear", True), ("leave", False), ("attention", False)):
        rule = Rule(Field("name", "Name", Kind.TEXT), "name", empty=empty)
        (found,) = trace(rule, COLUMNS, [(1, "a@b.com", " ", None)], primary_key=("id",), zone=UTC)
        assert found.is_cleared is is_cleared


def test_the_field_that_records_are_known_by_must_be_there() -> None:
    row = (1, " ", "", "")
    (as_key,) = trace(EMAIL, COLUMNS, [row], primary_key=("id",), zone=UTC, is_key=True)
    (as_field,) = trace(EMAIL, COLUMNS, [row], primary_key=("id",), zone=UTC)

    assert [flaw.code for flaw in as_key.flaws] == ["no_upsert_key"]
    assert as_field.flaws == ()


def test_a_primary_key_that_is_missing_is_no_flaw_of_the_field_of_its_name() -> None:
    rule = Rule(Field("id", "Id", Kind.TEXT), "id")
    (found,) = trace(rule, COLUMNS, [(None, "a@b.com", "", "")], primary_key=("id",), zone=UTC)

    assert found.flaws == ()


def test_a_rule_that_does_not_fit_the_columns_is_told_as_in_a_run() -> None:
    with pytest.raises(MappingBroken, match="no longer returns the column “gone”, which fills Name"):
        trace(Rule(Field("name", "Name", Kind.TEXT), "gone"), COLUMNS, [], primary_key=("id",), zone=UTC)
