"""A run bears with slow patterns and templates for a while, not for hours."""

from collections.abc import Callable
from datetime import UTC

import pytest

from destinations.contract import Field, Kind
from syncs.engine.mapping import Mapper, Rule, Shape
from syncs.engine.patience import STRIDE, RunPatience, Share
from syncs.engine.plain import Misfit
from syncs.engine.steps import compile_steps
from syncs.engine.templates import Patience, Template

SLOW = "(a|aa){1,80}b"  # takes many milliseconds with two hundred signs
TEXTS = ["a" * 200 + str(number) for number in range(3 * STRIDE)]


def given_up(cells: list[object]) -> list[bool]:
    return [isinstance(one, Misfit) and "was not tried" in one.says for one in cells]


@pytest.mark.parametrize("step", [{"extract": SLOW}, {"replace_pattern": [SLOW, "x"]}])
def test_a_slow_pattern_is_given_up_once_the_patience_is_used_up(step: dict[str, object]) -> None:
    chain = compile_steps([step], UTC, RunPatience(0.001, each=0.0))
    first, later = chain(TEXTS), chain(TEXTS)

    assert given_up(first)[0] is False
    assert all(given_up(first)[STRIDE:]) and all(given_up(later))
    assert {one.code for one in later} == {"too_costly"}


def test_a_slow_template_is_given_up_too() -> None:
    source = "{% for i in (1..900) %}{% assign x = a | upcase | downcase %}{% endfor %}{{ x }}"
    patience = Patience(share=Share(RunPatience(0.001, each=0.0)))
    found = Template(source).fill({"a": TEXTS}, len(TEXTS), UTC, patience)

    assert found[0] == TEXTS[0]
    assert all(given_up(found)[STRIDE:])
    assert found[-1].code == "template_limit"


def test_what_is_quick_is_tried_on() -> None:
    patience = RunPatience(0.001, each=0.001)
    slow, quick = (compile_steps([{"extract": one}], UTC, patience) for one in (SLOW, "a+"))
    slow(TEXTS)

    assert all(given_up(slow(TEXTS)))
    assert quick(TEXTS) == ["a" * 200] * len(TEXTS)


@pytest.mark.parametrize("make", [RunPatience, lambda: RunPatience(0.0)])
def test_usual_texts_use_up_no_patience(make: Callable[[], RunPatience]) -> None:
    patience = make()
    before = patience.seconds_left
    chain = compile_steps([{"replace_pattern": ["[^0-9]+", ""]}], UTC, patience)

    assert chain(["a1"] * 10 + [f"b{n}" for n in range(5_000)])[:11] == ["1"] * 10 + ["0"]
    assert before - patience.seconds_left < 0.5


def test_all_of_a_mapping_shares_one_patience() -> None:
    slow = [Rule(Field(f"f{n}", f"F{n}", Kind.TEXT), "text", steps=({"extract": SLOW},)) for n in range(2)]
    shape = Shape((Rule(Field("email", "Email", Kind.EMAIL), "mail"), *slow), ("id",), "email")
    mapper = Mapper(shape, ("id", "mail", "text"), UTC)
    before = mapper.patience.seconds_left
    mapped = mapper.map([(n, f"p{n}@acme.com", text) for n, text in enumerate(TEXTS[:STRIDE])])
    assert mapped.flaws == {}
    assert mapper.patience.seconds_left < before
