"""The steps of a field as forms: what is typed becomes a spec, and what is stored is shown and stays."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from destinations.contract import Option
from syncs.engine.steps import NAMES, check_steps, compile_steps
from syncs.engine.templates import FILTERS
from syncs.forms.field_maps import from_lines, pairs_of, shown, to_lines, with_values
from syncs.forms.field_page import shown_steps
from syncs.forms.field_steps import STEP_FORMS, new_spec, read_steps, step_faults, typed_of, verb_of
from syncs.forms.field_words import FILTER_WORDS, filters, step_told
from tests.syncs.engine.test_steps import STEPS

TEXTS = st.text("ab \t\n\r\\1.é", max_size=5)
MAPS = st.dictionaries(TEXTS, st.none() | TEXTS | st.integers() | st.booleans(), max_size=4)


def form_of(*specs: Any, **typed: str) -> dict[str, str]:
    """The form as a browser sends it: `step_0_old` replaces what stands there."""
    found = {"steps": str(len(specs))}
    for at, spec in enumerate(specs):
        found[f"step-{at}-verb"] = verb_of(spec)
        for name, text in typed_of(spec).items():
            text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
            found[f"step-{at}-{name}"] = text
    return found | {name.replace("_", "-"): text for name, text in typed.items()}


def test_every_step_of_the_engine_has_a_form() -> None:
    assert set(STEP_FORMS) == set(NAMES)


@settings(max_examples=50)
@given(st.lists(STEPS | st.builds(lambda table: {"map": table}, MAPS), max_size=4))
def test_a_form_that_was_not_touched_changes_nothing(specs: list[Any]) -> None:
    assert read_steps(form_of(*specs), specs) == specs


@settings(max_examples=60)
@given(STEPS)
def test_what_was_typed_anew_says_the_same_to_the_engine(spec: Any) -> None:
    assume(not any(not old and shown(new) == "" for old, new in pairs_of(spec)))  # nothing at all, in a form

    (found,) = read_steps(form_of(spec), [])

    assert check_steps([found]) == []
    assert typed_of(found) == typed_of(spec)
    assert step_told(found) == step_told(spec)


@pytest.mark.parametrize("verb", list(STEP_FORMS))
def test_a_step_that_is_added_says_what_is_missing_without_a_word_of_files(verb: str) -> None:
    spec = new_spec(verb)
    told = step_faults(spec)

    assert bool(told) == bool(check_steps([spec]))
    assert not [one for one in told if "{" in one or "YAML" in one or "in quotes" in one]
    assert step_told(spec)
    assert read_steps(form_of(spec), []) == [spec]


@pytest.mark.parametrize(
    ("spec", "typed", "meant"),
    [
        ({"replace": ["a", "b"]}, {"step_0_new": ""}, {"replace": ["a", ""]}),
        ({"replace": ["a", "b"]}, {"step_0_old": "x\r\ny"}, {"replace": ["x\ny", "b"]}),
        ({"extract": "(a)"}, {"step_0_group": " 1 "}, {"extract": "(a)", "group": 1}),
        ({"split": ","}, {"step_0_item": "-1"}, {"split": ",", "item": -1}),
        ({"split": ","}, {"step_0_item": "one"}, {"split": ",", "item": "one"}),
        ("phone", {"step_0_country": "DE"}, {"phone": "DE"}),
        ({"phone": "DE"}, {"step_0_country": ""}, "phone"),
        ({"parse_date": "%d"}, {"step_0_formats": "%d.%m.%Y\r\n\r\n%Y"}, {"parse_date": ["%d.%m.%Y", "%Y"]}),
        ("number", {"step_0_decimal": ","}, {"number": {"decimal": ","}}),
        ({"round": 2}, {"step_0_digits": "two"}, {"round": "two"}),
        ("boolean", {"step_0_yes": "ja\r\nsi"}, {"boolean": {"yes": ["ja", "si"]}}),
        ({"map": {"a": 1, "b": 2}}, {"step_0_new_1": "3"}, {"map": {"a": 1, "b": "3"}}),
        ({"map": {"a": 1}}, {"step_0_old_5": "c"}, {"map": {"a": 1, "c": ""}}),
        ({"map": {"a": 1}}, {"step_0_old_0": "", "step_0_new_0": ""}, {"map": {}}),
        ({"map": {"a": 1}}, {"step_0_rest": "attention"}, {"map": {"a": 1}, "unlisted": "attention"}),
        ({"map": {"a": 1}, "else": 2}, {"step_0_new_0": "x"}, {"map": {"a": "x"}, "else": 2}),
        ({"map": {"a": "b"}}, {"step_0_paste": "c\td\r\ne"}, {"map": {"a": "b", "c": "d", "e": ""}}),
    ],
)
def test_what_is_typed_becomes_a_spec(spec: Any, typed: dict[str, str], meant: Any) -> None:
    assert read_steps(form_of(spec, **typed), [spec]) == [meant]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"replace": ["", "b"]}, "Type the text to look for."),
        ({"extract": "("}, "regular expression"),
        ({"extract": "a(?=b)"}, "a look ahead or back"),
        ({"extract": "a", "group": 3}, 'no group "3"'),
        ({"split": ",", "item": "one"}, "1 is the first part, -1 the last."),
        ({"phone": "XX"}, 'There is no country "XX"'),
        ({"from_zone": "Berlin"}, 'There is no time zone "Berlin"'),
        ({"round": "two"}, "0 to 15."),
        ({"number": {"thousands": ".", "decimal": "."}}, "must have different separators"),
        ({"boolean": {"yes": ["x"], "no": ["X"]}}, "cannot be both yes and no"),
        ({"map": {}}, "List at least one value"),
        ({"map": [["a", "b"], ["a", "c"]]}, "“a” is listed twice"),
        ("trimm", 'There is no step "trimm"'),
    ],
)
def test_an_error_is_told_at_its_step_and_keeps_what_was_typed(spec: Any, says: str) -> None:
    assert any(says in one for one in step_faults(spec)), step_faults(spec)
    assert read_steps(form_of(spec), [spec]) == [spec]


TYPED = st.text("a1,.\\\\(+%dYm:\n DE", max_size=6)


@settings(max_examples=60)
@given(st.sampled_from(list(STEP_FORMS)), st.data())
def test_whatever_is_typed_is_a_step_or_is_told_and_stands_there_again(
    verb: str, data: st.DataObject
) -> None:
    names = [one.name for one in STEP_FORMS[verb].inputs] + ["old-0", "new-0", "paste"] * (verb == "map")
    typed = {f"step-0-{name}": data.draw(TYPED, label=name) for name in names}

    (spec,) = read_steps({"steps": "1", "step-0-verb": verb} | typed, [])

    assert step_faults(spec) or compile_steps([spec])(["a1", None, " x "])
    assert step_told(spec)
    assert read_steps(form_of(spec), [spec]) == [spec]
    assert shown_steps([spec])[0].told == step_told(spec)


def test_a_value_that_is_listed_twice_is_kept_twice_until_one_goes() -> None:
    typed = {"step_0_old_1": "a", "step_0_new_1": "c"}
    (twice,) = read_steps(form_of({"map": {"a": "b"}}, **typed), [{"map": {"a": "b"}}])
    assert twice == {"map": [["a", "b"], ["a", "c"]]}

    (once,) = read_steps(form_of(twice, step_0_old_1="", step_0_new_1=""), [twice])
    assert once == {"map": {"a": "b"}}


def test_a_long_map_is_a_box_of_lines() -> None:
    spec = {"map": {f"{number}\t\\": f"v\n{number}" for number in range(150)}}
    typed = typed_of(spec)

    assert "old-0" not in typed
    assert read_steps(form_of(spec, step_0_lines=typed["lines"] + "\r\nnew\tone"), [spec]) == [
        {"map": spec["map"] | {"new": "one"}}
    ]


@settings(max_examples=40)
@given(st.lists(st.tuples(TEXTS.filter(bool), TEXTS), max_size=4))
def test_lines_say_the_same_as_their_pairs(pairs: list[tuple[str, str]]) -> None:
    assert from_lines(to_lines(list(pairs))) == pairs


def test_values_of_the_samples_come_in_once_each_as_the_option_that_they_nearly_are() -> None:
    options = [Option("won", "Closed won"), Option("lost", "")]
    found = with_values({"map": {"x": "y"}}, ["x", " Won", "clsed WON", "other", " Won"], options)

    assert found == {"map": {"x": "y", " Won": "won", "clsed WON": "won", "other": "other"}}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("trim", "Trim blanks"),
        ({"replace": ["a", "b"]}, "Replace “a” by “b”"),
        ({"replace": ["\n", ""]}, "Remove “↵”"),
        ({"extract": "[0-9]+", "group": 0}, "Take what “[0-9]+” finds, group 0"),
        ({"split": ",", "item": 2}, "Split at “,”, take part 2"),
        ({"split": ",", "item": -1}, "Split at “,”, take the last part"),
        ({"split": ","}, "Split at “,” to a list"),
        ({"map": {"a": 1, "b": None, "c": "d"}}, "Map “a” to “1”, “b” to empty and 1 more"),
        ({"map": {"a": "b"}, "unlisted": "attention"}, "Map “a” to “b”; others need attention"),
        ({"map": {"a": "b"}, "else": "z"}, "Map “a” to “b”; others to “z”"),
        ({"phone": "DE"}, "Phone number to E.164, read as in DE"),
        ({"parse_date": ["%d.%m.%Y", "%Y"]}, "Read a date written as “%d.%m.%Y” or “%Y”"),
        ({"number": {"thousands": ".", "decimal": ","}}, "Read a number written like 1.234,5"),
        ({"round": 0}, "Round to a whole number"),
        ({"boolean": {"yes": ["ja", "si"]}}, "Read true or false: “ja” or “si” is true"),
        ({"replace": ["x" * 100, "y"]}, f"Replace “{'x' * 39}…” by “y”"),
        ("someday", "someday, a step that is unknown here"),
    ],
)
def test_a_step_is_told_in_a_plain_sentence(spec: Any, told: str) -> None:
    assert step_told(spec) == told


def test_each_filter_of_templates_is_told_with_what_it_does() -> None:
    assert set(FILTER_WORDS) == set(FILTERS)
    assert all(words for _, words in filters())
