"""Regular expressions that always come to an end, and find what Python's own engine finds."""

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncs.engine.patterns import Pattern, Replacement, TooCostly, pattern_fault

PARTS = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", r"\s", "^", "$", r"\b", r"\B", "ä", "-", r"\.", "A", "\\\\"]
)
PATTERNS = st.recursive(
    PARTS,
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("({})".format, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds(
            "(?:{}){}".format, inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "*?", "+?", "??"])
        ),
        st.builds("(?i:{})".format, inner),
    ),
    max_leaves=8,
)
TEXTS = st.text("abAB1 \nä.-", max_size=12)


def slow(pattern: Pattern) -> Pattern:
    """The same pattern, never given to Python's engine."""
    pattern._quick_length = -1
    return pattern


@settings(max_examples=300)
@given(PATTERNS, TEXTS)
@example("(a|ab)(c|bcd)(d*)", "abcd")
@example("(?s)a.b", "a\nb")
@example("(?m)^b$", "a\nb\n")
def test_both_ways_find_the_same(text_of_pattern: str, text: str) -> None:
    try:
        pattern = Pattern(text_of_pattern)
    except ValueError:
        return
    if pattern.may_be_empty:
        quick, ours = pattern.search(text), slow(pattern).search(text)
        assert ours == quick or not text  # `\B` in an empty text is a matter of Python's version
        return
    quick_ones = list(pattern.matches(text))
    assert list(slow(pattern).matches(text)) == quick_ones
    assert [one.groups[0] for one in quick_ones] == [m[0] for m in re.finditer(text_of_pattern, text)]


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a|a)+b",
        "(a|aa)+b",
        "([a-z]+)+b",
        "a?" * 40 + "a" * 40 + "b",
        "((a|aa){1,9}){1,9}b",
        "((a+){1,9}c?){1,9}b",
        "(a|aa){30}b",
        "a+" * 30 + "b",
        "(?:(?:a?){1}a?a){1,20}(a|aa|aaa){1,20}b",
    ],
)
def test_patterns_that_would_run_for_ever_come_to_an_end(pattern: str) -> None:
    compiled = Pattern(pattern)
    for length in (30, 400, 9_000):
        began = time.thread_time()
        try:
            assert compiled.search("a" * length) is None
        except TooCostly:
            assert length > 400
        assert time.thread_time() - began < 5


def test_what_takes_too_many_steps_is_given_up_in_about_a_second() -> None:
    began = time.thread_time()
    with pytest.raises(TooCostly):
        Pattern("(a|aa){1,80}b").search("a" * 9_900)
    assert time.thread_time() - began < 5


def test_a_text_that_is_too_long_is_not_tried() -> None:
    with pytest.raises(TooCostly):
        Pattern("a+").search("b" * 10_001)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(", "cannot be read"),
        (r"(a)\1", "a reference back"),
        ("(?=a)", "a look ahead"),
        ("(?<!a)b", "a look ahead"),
        ("a++", "a possessive repeat"),
        ("(?>a)", "an atomic group"),
        ("(a)?(?(1)b|c)", "a condition"),
        ("(a*)*", "something that may be nothing"),
        ("((a{50}){50}){50}", "too large"),
        ("a" * 501, "longer than 500"),
        ("(" * 200 + ")" * 200, ""),
    ],
)
def test_a_pattern_that_cannot_be_used_is_told_in_a_sentence(pattern: str, says: str) -> None:
    told = pattern_fault(pattern)
    assert says in told
    assert not told or told.endswith(".")


@pytest.mark.parametrize(
    ("text", "filled"), [(r"\2-\1", "b-a"), (r"\g<x>\\", "a\\"), ("x", "x"), (r"\g<0>", "ab")]
)
def test_a_replacement_knows_the_groups(text: str, filled: str) -> None:
    pattern = Pattern("(?P<x>a)(b)(c)?")
    found = pattern.search("ab")
    assert found is not None
    assert Replacement(text, pattern).fill(found) == filled
    assert Replacement(r"\3", pattern).fill(found) == ""


@pytest.mark.parametrize("text", [r"\4", r"\g<y>", r"\n", "\\"])
def test_a_wrong_replacement_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        Replacement(text, Pattern("(?P<x>a)(b)(c)?"))
