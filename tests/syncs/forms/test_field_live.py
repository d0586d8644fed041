"""The table of a field's page: which rows it shows, and what of them."""

from datetime import UTC, date
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from destinations.contract import Field, Kind, Option
from syncs.engine.mapping import Rule
from syncs.engine.plain import Misfit
from syncs.forms import field_live
from syncs.forms.field_cells import LONGEST, cell_of, sent_text
from syncs.forms.field_live import SHOWN_ROWS, Samples, live, telling_rows, values_before
from tests.syncs.engine.anything import VALUES

NAME = Field("name", "Name", Kind.TEXT)


def samples(*values: object, is_key: bool = False) -> Samples:
    rows = [(number, value) for number, value in enumerate(values, 1)]
    return Samples(["id", "name"], rows, ["id"], UTC, is_key=is_key)


def shown(rule: Rule, *values: object) -> list[tuple[str, str]]:
    """Of each row its key and what is sent, or what is said instead."""
    found = live(rule, samples(*values))
    return [(line.key, line.sent.text or line.sent.words) for line in found.lines if line.sent]


@settings(max_examples=50)
@given(VALUES)
def test_any_value_is_shown_short_and_without_a_sign_that_cannot_be_seen(value: Any) -> None:
    cell = cell_of(value)

    assert cell.text or cell.note
    assert (cell.text + cell.note).replace("\u200c", "").replace("\u200d", "").isprintable()
    assert len(cell.text) <= 10 * LONGEST  # escapes of what cannot be seen


@settings(max_examples=30)
@given(VALUES)
def test_any_value_beside_any_other_is_the_same_or_not(value: Any) -> None:
    assert cell_of(value, value, has_previous=True).is_same
    assert not cell_of("made", Misfit(1, "x", "y"), has_previous=True).is_same


@pytest.mark.parametrize(
    ("value", "text", "note"),
    [
        (None, "", "empty"),
        ("", "", "empty text"),
        (" \t", "", "blanks only"),
        (float("nan"), "", "empty"),
        ("a\nb", "a↵b", ""),
        ("a\u200bb", "a\\u200bb", ""),
        ("a\u200db", "a\\u200db", ""),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb", ""),
        ("x" * 100, "x" * 79 + "…", "100 signs"),
        (Decimal("3.00"), "3", ""),
        (True, "true", "true or false"),
        (date(2026, 11, 21), "2026-11-21", ""),
        (["a", 1], '["a",1]', "list"),
        (b"ab", "<2 bytes>", ""),
    ],
)
def test_a_value_is_told_as_it_is(value: object, text: str, note: str) -> None:
    cell = cell_of(value)
    assert (cell.text, cell.note) == (text, note)


def test_blanks_around_a_text_can_be_seen() -> None:
    cell = cell_of("  a ")
    assert (cell.before, cell.text, cell.after) == ("␣␣", "a", "␣")


def test_what_is_sent_is_written_as_json() -> None:
    assert [sent_text(value)[0] for value in ("a", 3, True, ["a"])] == ['"a"', "3", "true", '["a"]']
    assert orjson.loads(sent_text("ש")[0]) == "ש"


def test_rows_that_show_how_empty_values_behave_come_first_and_none_twice() -> None:
    rule = Rule(NAME, "name")
    found = telling_rows(rule, samples("a", "a", "", "b", None, "  ", "", *map(str, range(20))))

    assert found[:5] == [2, 4, 5, 0, 3]
    assert len(found) == len(set(found)) == SHOWN_ROWS


def test_few_different_values_leave_room_for_others() -> None:
    assert telling_rows(Rule(NAME, "name"), samples("a", "a", "b")) == [0, 2, 1]


def test_the_rows_are_told_with_what_is_sent() -> None:
    rule = Rule(NAME, "name", steps=("trim", "upper"), empty="default", default="-")
    assert shown(rule, " a ", None) == [("2", '"-"'), ("1", '"A"')]


def test_values_that_do_not_fit_are_counted_with_the_near_miss() -> None:
    stage = Field("stage", "Stage", Kind.PICKLIST, (Option("Won", "Won"), Option("Lost", "Lost")))
    found = live(Rule(stage, "name"), samples("won", "won", "Lost", "gone", None))

    assert found.misfits[0] == (
        'Stage: "won" is not one of the options. Did you mean "Won"? It must be written exactly so.',
        2,
    )
    assert (found.tried_count, found.sent_count, found.empty_count, found.flawed_count) == (5, 1, 1, 3)


def test_what_each_choice_does_to_empty_values_is_told_once_for_each_kind_of_them() -> None:
    found = live(Rule(NAME, "name", default="-"), samples("a", None, None, ""))

    assert [(line.key, line.source.note) for line in found.empties] == [("2", "empty"), ("4", "empty text")]
    told = {policy: sent.text or sent.words for policy, _, sent in found.empties[0].told}
    assert told == {
        "leave": "Not sent: stays as it is there.",
        "clear": "Sent as empty: cleared there.",
        "default": '"-"',
        "attention": "The row needs attention.",
    }
    without = live(Rule(NAME, "name"), samples(None)).empties[0].told[2][2]
    assert without.words == "No default is typed yet."


def test_a_column_that_is_gone_is_told_as_a_run_tells_it() -> None:
    assert "no longer returns the column “gone”" in live(Rule(NAME, "gone"), samples("a")).problem


def test_a_fixed_value_is_shown_once() -> None:
    assert shown(Rule(NAME, value="x"), "a", "b") == [("1", '"x"')]
    wrong = live(Rule(Field("age", "Age", Kind.NUMBER), value="x"), samples("a", "b"))
    assert (len(wrong.lines), wrong.misfits, wrong.tried_count) == (1, (), 1)


def test_what_reaches_a_value_map_is_listed_by_how_often() -> None:
    rule = Rule(NAME, "name", steps=("lower", {"map": {"a": "b"}}))
    assert values_before(rule, samples("B", "a", "b", None, "A", "b"), 1) == ["b", "a"]


def test_a_rule_that_takes_its_time_is_tried_with_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_live, "SECONDS", 0)
    found = live(Rule(NAME, template="{{ name }}!"), samples(*map(str, range(500))))

    assert [line.sent.text for line in found.lines if line.sent] == ['"0!"', '"1!"']
    assert found.tried_count == 2
