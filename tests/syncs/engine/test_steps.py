"""The chain of transformations of a mapped column."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncs.engine.steps import check_steps, compile_steps
from tests.syncs.engine.anything import COLUMNS

TEXT = st.text("ab \u00dfA", max_size=3)
STEPS = st.one_of(
    st.sampled_from(["trim", "lower", "upper"]),
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
        (["quux"], "The steps are trim, lower, upper, replace and map."),
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
    assert all(a == b if isinstance(a, str) else a is b for a, b in zip(whole, cells, strict=True))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT, lambda s: st.lists(s) | st.dictionaries(TEXT, s)
    )
)
def test_a_chain_that_passes_the_check_compiles(specs: Any) -> None:
    if not check_steps(specs):
        assert compile_steps(specs)([]) == []
