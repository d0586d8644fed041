import re
from xml.etree import ElementTree

import pytest

from syncadmin.lib.charts import Bar, Chart, Part, Series, round_up, spark

SERIES = (Series("arrived", "Arrived"), Series("attention", "Need attention"))


def chart(*stacks: tuple[int, int], **more: object) -> Chart:
    bars = tuple(
        Bar(f"{at}:00", f"{at}:00 to {at + 1}:00", (Part(good, f"?a={at}&b=1"), Part(bad, f"?b={at}")))
        for at, (good, bad) in enumerate(stacks)
    )
    return Chart("rows", "Rows <by> hour", "What became of them", SERIES, bars, **more)


def shapes(svg: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter("rect"))


def test_each_number_is_a_shape_that_says_what_it_is_and_leads_to_it():
    svg = chart((100, 1), (0, 0), (50, 0)).svg
    assert [shape.find("title").text for shape in shapes(svg)] == [
        "0:00 to 1:00: 100 arrived",
        "0:00 to 1:00: 1 need attention",
        "2:00 to 3:00: 50 arrived",
    ]
    assert re.findall(r'href="([^"]+)"', svg) == ["?a=0&amp;b=1", "?b=0", "?a=2&amp;b=1"]


def test_heights_are_in_proportion_and_what_is_little_can_be_seen():
    tall, little, half = (float(shape.get("height")) for shape in shapes(chart((100, 1), (50, 0)).svg))
    assert tall == pytest.approx(2 * half, abs=0.02)
    assert little == 2


def test_bars_leave_room_for_the_heights_and_a_few_of_them_are_no_walls():
    few, many = shapes(chart((1, 0), (1, 0)).svg), shapes(chart(*[(1, 0)] * 30).svg)
    assert {shape.get("width") for shape in few} == {"7%"}
    starts = [float(shape.get("x").rstrip("%")) for shape in many]
    last = starts[-1] + float(many[-1].get("width").rstrip("%"))
    assert (starts[0] > 5, last < 100) == (True, True)


def test_it_has_a_title_and_a_text_for_those_who_hear_it_and_no_style_of_its_own():
    svg = chart((1, 0)).svg
    found = ElementTree.fromstring(svg)
    assert (found.get("role"), found.find("title").text) == ("group", "Rows <by> hour")
    assert found.get("aria-labelledby") == "rows-title rows-text"
    assert "style" not in svg
    assert "script" not in svg


def test_a_limit_far_above_all_bars_does_not_make_them_flat():
    near, far = chart((50, 0), limit=100), chart((50, 0), limit=7_000)
    assert (near.shows_limit, far.shows_limit) == (True, False)
    assert "chart-limit" in near.svg
    assert "chart-limit" not in far.svg


def test_an_empty_chart_can_be_drawn_and_says_that_it_is_empty():
    assert chart((0, 0)).is_empty
    assert chart().is_empty
    assert shapes(chart((0, 0)).svg) == []


def test_its_table_has_the_newest_first_and_nothing_empty():
    found = chart((1, 0), (0, 0), (3, 4))
    assert [bar.label for bar in found.rows] == ["2:00", "0:00"]
    assert [(series.key, total) for series, total in found.totals] == [("arrived", 4), ("attention", 4)]


@pytest.mark.parametrize(
    ("number", "end"), [(0, 1), (1, 1), (2, 2), (13, 15), (20, 20), (21, 30), (701, 800)]
)
def test_an_axis_ends_at_a_round_number(number, end):
    assert round_up(number) == end


def test_a_small_chart_begins_at_the_left_and_has_the_newest_at_the_right():
    svg = spark("Last runs", [(10, "arrived"), (0, "stopped")])
    first, second = shapes(svg)
    assert (first.get("x"), first.get("height"), second.get("x"), second.get("height")) == (
        "0",
        "20",
        "6",
        "2",
    )
