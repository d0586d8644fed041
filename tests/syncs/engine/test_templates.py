"""Templates: all columns are variables, errors have a line, and nothing runs for ever or eats memory."""

import time
import tracemalloc
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncs.engine.plain import Misfit
from syncs.engine.templates import MOST_OUT_OF_BOUNDS, Patience, Template, TemplateBroken
from tests.syncs.engine.anything import COLUMNS


def fill(source: str, **columns: list[Any]) -> list[Any]:
    size = max((len(column) for column in columns.values()), default=1)
    return Template(source).fill(columns, size, UTC, Patience())


@pytest.mark.parametrize(
    ("source", "columns", "meant"),
    [
        ("{{ a }} {{ b | upcase }}", {"a": ["x"], "b": ["y"]}, "x Y"),
        ('{{ ["First Name"] }}', {"First Name": ["Zoë"]}, "Zoë"),
        ("{{ a }}", {"a": [" "]}, None),
        ("{{ a }}{{ b }}", {"a": [None], "b": [float("nan")]}, None),
        ("{{ a }}", {"a": [3.0]}, "3"),
        ("{{ a }}", {"a": [True]}, "true"),
        ("{{ a }}", {"a": [date(2026, 11, 21)]}, "2026-11-21"),
        ('{{ a | date: "%d.%m.%y" }}', {"a": [datetime(2026, 11, 21, 3, tzinfo=UTC)]}, "21.11.26"),
        ("{% for one in a %}{{ one }};{% endfor %}", {"a": [["x", 2, None]]}, "x;2;;"),
        ("{{ a.b.c }}", {"a": [{"b": {"c": "deep"}}]}, "deep"),
        ('{% if a == "x" %}yes{% else %}no{% endif %}', {"a": ["x"]}, "yes"),
        ("{% assign z = a | plus: 1 %}{{ z }}", {"a": [1]}, "2"),
        ("<b>{{ a }}</b>", {"a": ["&"]}, "<b>&</b>"),
    ],
)
def test_a_template_makes_a_text_of_a_row(source: str, columns: dict[str, Any], meant: str | None) -> None:
    assert fill(source, **columns) == [meant]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "The template is empty."),
        ("a\nb {% if %}", "Line 2 of the template: missing expression."),
        ("a\n{{ b", "Line 2 of the template: expected '}}'"),
        ("a\n{% if a %}x", "Line 2 of the template: expected tag endif"),
        ("{{ a | upcas }}", 'Line 1 of the template: there is no filter "upcas". Did you mean "upcase"?'),
        ("\n\n{{ a | strip_html }}", 'Line 3 of the template: there is no filter "strip_html".'),
        ("{% include 'x' %}", "Line 1 of the template: unexpected tag 'include'."),
        ("{{ a b }}", "Line 1 of the template: expected end of expression"),
        ("{{ [a] }}", "must stand there in quotes"),
        ("{% if a %}" * 30, "block nesting limit reached."),
        ("x" * 10_001, "longer than 10,000"),
        ("{{" * 5_000, "more than 500 tags"),
        ("\0", "The template holds a NUL"),
    ],
)
def test_a_broken_template_is_told_with_its_line(source: str, says: str) -> None:
    with pytest.raises(TemplateBroken) as broken:
        Template(source)
    assert says in str(broken.value)


def test_a_template_knows_the_columns_that_it_wants_and_their_lines() -> None:
    source = '{% assign z = a %}{{ z }}\n{{ ["b c"].d }}{% for x in (1..3) %}{{ x }}{% endfor %}\n{{ now }}'
    assert Template(source).lines == {"a": 1, "b c": 2, "now": 3}


TEN = "aaaaaaaaaa"
EVIL = [
    "{% for i in (1..1000) %}{% for j in (1..1000) %}x{% endfor %}{% endfor %}",
    "{% for i in (1..999) %}{% if 1 == 1 %}{% endif %}{% endfor %}" * 100,
    f"{{% assign x = '{TEN}' %}}" + f"{{% assign x = x | replace: 'a', '{TEN}' %}}" * 12 + "{{ x }}",
    "{% assign n = 9999 %}{% for i in (1..100) %}{% assign n = n | times: n %}{% endfor %}{{ n }}",
    "{{ (1..1000000000) | join: ',' }}",
    "{% for i in (1..10000000000) %}{% endfor %}",
    "{{ (1..10000000000) | reverse }}",
    "{% capture x %}{% for i in (1..1000) %}" + "x" * 900 + "{% endfor %}{% endcapture %}",
    "{% assign x = 'a,b' | split: ',' %}{% for i in (1..99) %}{% assign x = x | concat: x %}{% endfor %}",
    "{% assign x = (1..999) | join: ',' | split: ',' %}"
    "{% for i in (1..999) %}{% assign y = x | sort_natural | uniq | reverse %}{% endfor %}",
    "{% for i in (1..1000) %}" + "{{ a }}" * 50 + "{% endfor %}",
]


@pytest.mark.parametrize("source", EVIL)
def test_a_template_that_eats_memory_or_time_is_stopped(source: str) -> None:
    tracemalloc.start()
    began = time.thread_time()
    (found,) = fill(source, a=["x" * 1_000])
    seconds, peak = time.thread_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(found, Misfit)
    assert found.code == "template_limit"
    assert seconds < 10  # measuring memory makes it many times slower
    assert peak < 50_000_000


def test_a_template_that_is_stopped_too_often_is_no_longer_tried() -> None:
    source = "{% for i in (1..1001) %}{% endfor %}{{ a }}"
    template, patience = Template(source), Patience()
    first = template.fill({"a": [1] * MOST_OUT_OF_BOUNDS}, MOST_OUT_OF_BOUNDS, UTC, patience)
    (later,) = template.fill({"a": [1]}, 1, UTC, patience)
    assert {one.code for one in first} == {"template_limit"}
    assert "was not tried" in later.says
    assert "was not tried" not in first[-1].says


def test_a_value_that_has_no_text_fails_only_where_it_is_asked_for() -> None:
    (good,) = fill("{{ a }}", a=["x"], b=[b"\0"])
    (bad,) = fill("{{ b }}", a=["x"], b=[b"\0"])
    assert good == "x"
    assert (bad.code, bad.says[:20]) == ("binary", "the template fails: ")


def test_a_failing_row_is_told_without_its_value() -> None:
    (bad,) = fill("{{ secret | divided_by: 0 }}", secret=["hunter2"])
    assert isinstance(bad, Misfit)
    assert "hunter2" not in bad.says
    assert bad.says.startswith("the template fails. Line 1 of the template")


@given(COLUMNS, st.sampled_from(["upcase", "date: '%d'", "plus: 1", "split: ','", "round", "sort", "join"]))
def test_any_row_gives_a_text_or_a_reason(column: list[Any], name: str) -> None:
    source = f"{{{{ a | {name} }}}} {{{{ a }}}} {{% for x in a %}}{{{{ x.y }}}}{{% endfor %}}"
    found = fill(source, a=column)
    if column:
        assert len(found) == len(column)
    assert all(one is None or isinstance(one, str | Misfit) for one in found)
