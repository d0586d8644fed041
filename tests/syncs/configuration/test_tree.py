"""A YAML text becomes a tree that knows its lines; `${NAME}` comes from the environment."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from syncs.configuration.problems import ConfigurationError, Problem
from syncs.configuration.section import plain
from syncs.configuration.tree import Block, Scalar, Tree, escape, read


def tree_of(text: str, **environment: str) -> Tree:
    reading = read(text, environment)
    assert reading.problems == []
    assert reading.tree is not None
    return reading.tree


def value_of(text: str, **environment: str) -> Scalar:
    tree = tree_of(text, **environment)
    assert isinstance(tree, Block)
    value = tree.entries["a"].value
    assert isinstance(value, Scalar)
    return value


def problems_of(text: str, **environment: str) -> list[Problem]:
    try:
        return read(text, environment).problems
    except ConfigurationError as error:
        return error.problems


def test_a_variable_is_filled_in_and_the_printed_form_keeps_its_name() -> None:
    value = value_of('a: "Bearer ${KEY}!"', KEY="s3cret")
    assert (value.text, value.shown) == ("Bearer s3cret!", "Bearer ${KEY}!")


def test_what_a_variable_holds_is_not_read_again() -> None:
    assert value_of("a: ${KEY}", KEY="${OTHER} # 1: 2").text == "${OTHER} # 1: 2"


def test_a_missing_variable_is_told_with_its_line() -> None:
    assert problems_of("b: 1\na: ${NOWHERE}") == [Problem(2, "the environment has no variable NOWHERE")]


def test_two_dollars_before_a_brace_stand_for_one_and_other_dollars_for_themselves() -> None:
    assert value_of("a: $${KEY} $$body$$ ^x$ $1").text == "${KEY} $$body$$ ^x$ $1"


@pytest.mark.parametrize("text", ["a: ${}", "a: ${1X}", "a: '${KEY'", "a: ${KEY:-default}"])
def test_a_reference_that_names_no_variable_is_an_error(text: str) -> None:
    assert "must hold the name of an environment variable" in problems_of(text, KEY="x")[0].message


@given(st.text(alphabet="$${}aA_ \n'", max_size=12))
def test_an_escaped_text_comes_back_whatever_it_holds(text: str) -> None:
    assert value_of(yaml.safe_dump({"a": escape(text)}), aA="wrong").text == text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("3", 3),
        ("-2.5", -2.5),
        ("1.0e+20", 1e20),
        ("true", True),
        ("False", False),
        ("~", None),
        ('"3"', "3"),
        ("yes", "yes"),
        ("off", "off"),
        ("010", "010"),
        ("12:30", "12:30"),
        ("2026-11-21", "2026-11-21"),
        ("0x1F", "0x1F"),
        (".nan", ".nan"),
        ("1_000", "1_000"),
    ],
)
def test_only_plain_numbers_and_truths_are_more_than_text(written: str, meant: object) -> None:
    found = value_of(f"a: {written}").plain
    assert (found, type(found)) == (meant, type(meant))


def test_a_variable_is_always_text() -> None:
    assert value_of("a: ${N}", N="3").plain == "3"


# PyYAML writes U+0085 so that no reader brings it back
texts = st.text(alphabet=st.characters(exclude_characters="\x85", exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(json_values.filter(lambda value: "${" not in str(value)))
def test_what_a_yaml_writer_wrote_is_read_back(value: object) -> None:
    assert plain(tree_of(yaml.safe_dump({"a": value}, allow_unicode=True))) == {"a": value}


def test_a_key_that_is_there_twice_is_an_error_with_both_lines() -> None:
    assert problems_of("a: 1\nb: 2\na: 3") == [Problem(3, "`a` is here twice; the first is on line 1")]


def test_keys_stay_the_words_that_they_are() -> None:
    tree = tree_of("on: 1\n2024: 2\nnull: 3")
    assert isinstance(tree, Block)
    assert list(tree.entries) == ["on", "2024", "null"]


def test_broken_yaml_names_its_line_and_shows_no_value() -> None:
    (problem,) = problems_of('a: 1\nb: "hush\n')
    assert problem.line >= 2
    assert "hush" not in problem.message


@pytest.mark.parametrize(
    "text",
    ["a: 1\n---\nb: 2", "\x00", "a: &x [*x]", "a: &x {<<: *x}", "? [a]\n: 1", "a: !!python/name:os.system x"],
)
def test_documents_that_are_several_endless_or_odd_are_refused(text: str) -> None:
    assert problems_of(text)


def test_aliases_that_multiply_without_end_are_refused_in_time() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert "too large" in problems_of("\n".join(lines))[0].message


def test_a_merge_key_brings_in_what_is_not_said() -> None:
    tree = tree_of("base: &base {x: 1, y: 2}\na: {<<: *base, y: 3}")
    assert plain(tree) == {"base": {"x": 1, "y": 2}, "a": {"x": 1, "y": 3}}


def test_a_variable_without_quotes_in_braces_is_told_to_need_them() -> None:
    assert "need quotes here" in problems_of("a: {b: ${KEY}}", KEY="x")[0].message


def test_what_a_variable_held_can_be_hidden_in_a_message() -> None:
    reading = read("a: ${KEY}\nb: ${SHORT}", {"KEY": "hush-hush", "SHORT": "x"})
    assert reading.hide("no mode hush-hush x") == "no mode ${KEY} x"


def test_every_scalar_knows_its_line() -> None:
    tree = tree_of("a:\n  - x\n  -\n    y: |\n      long\n      text\n")
    assert isinstance(tree, Block)
    listing = tree.entries["a"].value
    assert [item.line for item in listing.items] == [2, 4]  # type: ignore[union-attr]
