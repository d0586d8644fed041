"""The chain of transformations of a mapped column."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from syncs.engine import steps
from syncs.engine.plain import Misfit
from syncs.engine.steps import STEPS as KNOWN
from syncs.engine.steps import check_steps, compile_steps
from syncs.engine.templates import Template
from tests.syncs.engine.anything import COLUMNS

REFERENCE = Path(__file__).resolve().parents[3] / ".github" / "CONFIGURATION.md"
TEXT = st.text("ab \u00dfA", max_size=3)
STEPS = st.one_of(
    st.sampled_from(["trim", "lower", "upper", "title", "sentence", "phone", "day", "number", "boolean"]),
    st.sampled_from(
        [
            {"extract": "[0-9]+"},
            {"extract": "(a)|b", "group": 1},
            {"replace_pattern": ["(a+)", "\\1\\1"]},
            {"split": "a"},
            {"split": " ", "item": -1},
            {"join": "-"},
            {"phone": "DE"},
            {"parse_date": ["%d.%m.%Y", "%Y-%m-%d"]},
            {"from_zone": "Europe/Berlin"},
            {"to_zone": "America/New_York"},
            {"write_date": "%d.%m.%Y"},
            {"number": {"thousands": ".", "decimal": ","}},
            {"round": 2},
            {"boolean": {"yes": ["ja"], "no": ["nein"]}},
            {"map": {"a": "b"}, "unlisted": "attention"},
        ]
    ),
    st.builds(lambda old, new: {"replace": [old, new]}, TEXT.filter(bool), TEXT),
    st.builds(lambda table: {"map": table}, st.dictionaries(TEXT, TEXT | st.none(), min_size=1)),
    st.builds(
        lambda table, other: {"map": table, "else": other}, st.dictionaries(TEXT, TEXT, min_size=1), TEXT
    ),
)


@pytest.mark.parametrize(
    ("specs", "column", "meant"),
    [
        ([], ["a", None], ["a", None]),
        (["trim"], [" a ", "b\n", ""], ["a", "b", ""]),
        (["trim", "lower"], [" Bob ", "\u00dcNAL"], ["bob", "\u00fcnal"]),
        (["trim", "lower"], [" Bob ", None, 3, True, [" A "]], ["bob", None, 3, True, [" A "]]),
        (["lower", "trim", "upper"], [" stra\u00dfe", None], ["STRASSE", None]),
        ([{"replace": ["-", ""]}], ["1-2-3", "x", None, 4], ["123", "x", None, 4]),
        ([{"replace": ["ab", "x"]}], ["a", "b"], ["a", "b"]),
        ([{"map": {"a": "b"}}], ["a", "A", None, ""], ["b", "A", None, ""]),
        ([{"map": {"a": None}}], ["a", "b"], [None, "b"]),
        ([{"map": {"a": "b"}, "else": "z"}], ["a", "c", None, "", " "], ["b", "z", None, "", " "]),
        ([{"map": {"a": "b"}, "else": None}], ["a", "c"], ["b", None]),
        ([{"map": {"": "none"}}], ["", None, "a"], ["none", None, "a"]),
        ([{"map": {"1": "one", "true": "yes"}}], [1, 1.0, True, "1", 2], ["one", "one", "yes", "one", 2]),
        ([{"map": {1: "one"}, "else": 0}], [1, "1", 2.5, [1]], ["one", "one", 0, 0]),
        (["trim", {"map": {"a": " B "}}, "trim", "lower"], [" a"], ["b"]),
        (
            ["title"],
            ["o'neil SMITH-jones", "\u00c9LAN vital", None],
            ["O'neil Smith-Jones", "\u00c9lan Vital", None],
        ),
        (["sentence"], ["HELLO. how ARE you? fine", " x", 3], ["Hello. How are you? Fine", " X", 3]),
        ([{"extract": "[0-9]+"}], ["ab12c", "x", None, 5, ""], ["12", None, None, 5, None]),
        ([{"extract": r"(\w+)@(?P<host>\w+)"}], ["bob@acme"], ["bob"]),
        ([{"extract": r"(\w+)@(?P<host>\w+)", "group": "host"}], ["bob@acme"], ["acme"]),
        ([{"replace_pattern": ["[^0-9]+", ""]}], ["+1 (55)", "55", None], ["155", "55", None]),
        ([{"replace_pattern": [r"(\w+) (\w+)", r"\2, \1"]}], ["Ann Lee"], ["Lee, Ann"]),
        ([{"split": ","}], ["a, b", "", None], [["a", "b"], [""], None]),
        ([{"split": ",", "item": 1}], ["a, b", "a", 7], ["a", "a", 7]),
        ([{"split": ",", "item": -2}], ["a, b, c", "a"], ["b", None]),
        ([{"join": "; "}], [["a", None, 2.0, ""], ("x",), "a", []], ["a; 2", "x", "a", ""]),
        (
            [{"phone": "DE"}],
            ["0151 12345678", "+44 20 7946 0018", " ", 15112345678],
            ["+4915112345678", "+442079460018", " ", "+4915112345678"],
        ),
        (["phone"], ["+1 415 555 2671", None], ["+14155552671", None]),
        ([{"parse_date": "%d.%m.%Y"}], ["21.11.2026", None, " "], [date(2026, 11, 21), None, " "]),
        (
            [{"parse_date": ["%d.%m.%Y %H:%M"]}, {"from_zone": "Europe/Berlin"}],
            ["21.11.2026 00:30"],
            [datetime(2026, 11, 20, 23, 30, tzinfo=UTC)],
        ),
        ([{"to_zone": "America/New_York"}, "day"], ["2026-11-21T03:00:00Z"], [date(2026, 11, 20)]),
        ([{"write_date": "%d.%m.%y"}], ["2026-11-21", date(2026, 1, 2)], ["21.11.26", "02.01.26"]),
        (
            [{"number": {"thousands": ".", "decimal": ","}}],
            ["1.234,50", "-7", ",5", 3],
            [Decimal("1234.5"), -7, Decimal("0.5"), 3],
        ),
        ([{"number": {"thousands": ","}}], ["12,34,567", "1,234.5"], [1234567, Decimal("1234.5")]),
        ([{"round": 2}], [2.675, "1.005", 3, None], [Decimal("2.68"), Decimal("1.01"), 3, None]),
        ([{"round": 0}], [2.5, -2.5], [3, -3]),
        (["boolean"], ["Yes", "off", 1, 0.0, True, None, ""], [True, False, True, False, True, None, ""]),
        ([{"boolean": {"yes": ["ja"], "no": ["nein"]}}], [" JA", "nein"], [True, False]),
    ],
)
def test_a_chain_turns_a_column_into_a_column(specs: list[Any], column: list[Any], meant: list[Any]) -> None:
    assert check_steps(specs) == []
    assert compile_steps(specs)(column) == meant


@pytest.mark.parametrize(
    ("specs", "says"),
    [
        ("trim", "The steps must be a list"),
        (None, "The steps must be a list"),
        (["trimm"], 'Step 1: There is no step "trimm". Did you mean "trim"?'),
        (["trim", "LOWER"], 'Step 2: There is no step "LOWER". Did you mean "lower"?'),
        (["quux"], "The steps are trim, lower, upper, title, sentence, replace, "),
        (["extract"], '"extract" needs its values. Write {"extract": "[0-9]+"}.'),
        ([{"extract": "("}], "cannot be read"),
        ([{"extract": "a", "group": 1}], 'no group "1"'),
        ([{"extract": "(a*)*"}], "something that may be nothing"),
        ([{"replace_pattern": ["a*", "b"]}], "may match nothing"),
        ([{"replace_pattern": ["a", "\\1"]}], 'no group "1"'),
        ([{"replace_pattern": "a"}], "needs a regular expression and a text"),
        ([{"split": ""}], "A split needs the text between"),
        ([{"split": ",", "item": 0}], "1 is the first part, -1 the last"),
        ([{"split": ",", "item": True}], "1 is the first part, -1 the last"),
        ([{"join": None}], "A join needs the text"),
        ([{"phone": "de"}], 'There is no country "de"'),
        ([{"phone": ["DE"]}], "There is no country"),
        ([{"parse_date": "today"}], "A date format looks like"),
        ([{"parse_date": "%Q"}], 'cannot hold "%Q"'),
        ([{"parse_date": "%d %d"}], "cannot be used"),
        ([{"parse_date": []}], "at least one format"),
        ([{"write_date": 3}], "A date format looks like"),
        ([{"to_zone": "Mars"}], 'There is no time zone "Mars"'),
        ([{"from_zone": ["UTC"]}], "There is no time zone"),
        ([{"number": {"x": 1}}], "A number has separators"),
        ([{"number": {"decimal": "ab"}}], "one sign in quotes"),
        ([{"number": {"thousands": ",", "decimal": ","}}], "different separators"),
        ([{"round": -1}], "0 to 15"),
        ([{"boolean": {"yes": [True]}}], "put yes, no, on, off and numbers in quotes"),
        ([{"boolean": {"yes": ["a"], "no": ["A"]}}], 'The word "a" cannot be both'),
        ([{"boolean": 3}], "Words of a boolean are lists"),
        ([{"day": 3}], '"day" takes no values'),
        ([{"map": {"a": "b"}, "item": 2}], 'Only a split has an "item".'),
        ([{"map": {"a": "b"}, "unlisted": "drop"}], 'can only be "attention"'),
        ([{"map": {"a": "b"}, "unlisted": "attention", "else": 1}], "not both"),
        (["map"], 'Step 1: "map" needs its values.'),
        ([{"trim": None}], '"trim" takes no values: write its name alone.'),
        ([{"mapp": {"a": "b"}}], 'Did you mean "map"?'),
        ([{}], "exactly one step"),
        ([{"map": {"a": "b"}, "replace": ["a", "b"]}], "exactly one step"),
        ([{"else": "a"}], "exactly one step"),
        ([3], "A step is a name or an object with one."),
        ([{"map": {}}], "at least one pair"),
        ([{"map": ["a", "b"]}], "at least one pair"),
        ([{"map": {True: "b"}}], "The map lists true without quotes"),
        ([{"map": {None: "b"}}], "The map lists null without quotes"),
        ([{"map": {1: "a", "1": "b"}}], 'The map lists "1" twice.'),
        ([{"map": {"a": ["b"]}}], 'What the map has for "a" must be'),
        ([{"map": {"a": "b"}, "else": {}}], 'The "else" must be'),
        ([{"replace": ["a", "b"], "else": "c"}], 'Only a map has an "else".'),
        ([{"replace": "a"}], "A replace needs two texts"),
        ([{"replace": ["a"]}], "A replace needs two texts"),
        ([{"replace": [1, 2]}], "A replace needs two texts"),
        ([{"replace": ["", "b"]}], "A replace needs a text to look for"),
        ([{3: "x"}], 'There is no step "3".'),
    ],
)
def test_a_wrong_chain_is_told_in_a_sentence(specs: Any, says: str) -> None:
    faults = check_steps(specs)
    assert says in " ".join(faults)
    assert all(fault.endswith(".") for fault in faults)
    with pytest.raises(ValueError, match=r"\.$"):
        compile_steps(specs)


def test_every_fault_of_a_chain_is_told() -> None:
    faults = check_steps(["trim", "uper", {"map": {"a": []}, "else": []}])
    assert [fault[:7] for fault in faults] == ["Step 2:", "Step 3:", "Step 3:"]


@pytest.mark.parametrize(
    ("specs", "value", "code"),
    [
        ([{"map": {"a": "b"}, "unlisted": "attention"}], "z", "unlisted"),
        ([{"phone": "DE"}], "call me", "not_a_phone"),
        (["phone"], "0151 12345678", "not_a_phone"),
        ([{"phone": "US"}], "555 0100", "not_a_phone"),
        ([{"phone": "US"}], "1" * 300, "not_a_phone"),
        ([{"parse_date": "%d.%m.%Y"}], "2026-11-21", "not_a_date"),
        ([{"to_zone": "America/New_York"}], "0001-01-01T00:00:00Z", "out_of_range"),
        (["day"], "soon", "not_a_date"),
        (["day"], 3, "not_a_date"),
        ([{"number": {"thousands": ".", "decimal": ","}}], "1.50", "not_a_number"),
        ([{"number": {"thousands": ".", "decimal": ","}}], "12.34.567", "not_a_number"),
        (["number"], "1,234", "not_a_number"),
        (["number"], "9" * 500, "not_a_number"),
        ([{"round": 2}], True, "not_a_number"),
        ([{"round": 2}], float("inf"), "not_finite"),
        ([{"round": 2}], Decimal("1E+999"), "number_too_large"),
        ([{"boolean": {"yes": ["ja"], "no": ["nein"]}}], "yes", "not_a_boolean"),
        ([{"join": ","}], [b"x"], "binary"),
        ([{"extract": "(a+)+b"}], "a" * 20_000, "too_costly"),
    ],
)
def test_what_a_step_cannot_read_is_a_reason_that_no_later_step_touches(
    specs: list[Any], value: Any, code: str
) -> None:
    (found,) = compile_steps([*specs, "trim", {"map": {"x": "y"}, "else": "z"}, "day", "boolean"])([value])
    assert isinstance(found, Misfit)
    assert (found.code, found.value) == (code, value)
    assert found.says.endswith(".")


def test_times_without_a_zone_are_in_the_sources() -> None:
    step = compile_steps([{"to_zone": "UTC"}], ZoneInfo("America/New_York"))
    assert step(["2026-11-21T22:00:00"]) == [datetime(2026, 11, 22, 3, tzinfo=UTC)]


@pytest.mark.parametrize("text", [str(steps.__doc__), REFERENCE.read_text()], ids=["module", "reference"])
def test_every_step_is_told_of(text: str) -> None:
    assert [name for name in KNOWN if not re.search(rf"[`{{\"]{name}[`\":]", text)] == []


def test_the_readmes_mapping_passes_the_checks() -> None:
    (sample,) = re.findall(r"```yaml\nmapping:\n(.*?)```", REFERENCE.read_text(), re.DOTALL)
    mapping = yaml.safe_load(sample)
    assert [fault for one in mapping.values() for fault in check_steps(one.get("steps", []))] == []
    assert Template(mapping["name"]["template"]).columns == ("given_name", "Family Name")


@given(st.lists(STEPS, max_size=4), COLUMNS)
def test_a_chain_is_its_steps_one_cell_after_the_other(specs: list[Any], column: list[Any]) -> None:
    """Whatever the column holds, and whether or not steps were fused."""
    before = list(column)
    whole = compile_steps(specs)(column)
    cells = column
    for spec in specs:
        step = compile_steps([spec])
        cells = [step([cell, 0])[0] for cell in cells]

    assert all(a is b for a, b in zip(column, before, strict=True))
    assert len(whole) == len(column)
    assert all(_same(a, b) for a, b in zip(whole, cells, strict=True))


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, Misfit):
        return isinstance(other, Misfit) and one.code == other.code and _same(one.value, other.value)
    return type(one) is type(other) and bool(one == other)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT, lambda s: st.lists(s) | st.dictionaries(TEXT, s)
    )
)
def test_a_chain_that_passes_the_check_compiles(specs: Any) -> None:
    if not check_steps(specs):
        assert compile_steps(specs)([]) == []
