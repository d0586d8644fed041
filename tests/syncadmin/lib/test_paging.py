"""Lists by keyset: every row once, in order, forwards and backwards."""

import random
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from syncadmin.lib.paging import sliced
from syncadmin.teams.models import Team
from syncs.models import RejectedRow
from tests.syncs.admin.history import make_row, make_run, make_sync

ORDERS = [("-pk",), ("stage", "problem", "field", "-pk"), ("-plan_attempt", "field", "pk")]


@pytest.fixture
def rows(team: Team) -> list[RejectedRow]:
    chance = random.Random(7)
    run = make_run(sync=make_sync(team=team))
    return [
        make_row(
            run=run,
            key=str(number),
            stage=chance.choice(["invalid", "rejected", "held_back"]),
            problem=chance.choice("ab"),
            field=chance.choice("xy"),
            plan_attempt=chance.choice([1, 2]),
        )
        for number in range(47)
    ]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [1, 5, 46, 47, 48])
def test_every_row_is_on_one_page_forwards_and_backwards(rows: list[RejectedRow], order: tuple, size: int):
    every = list(RejectedRow.objects.order_by(*order))
    pages = [sliced(RejectedRow.objects.all(), order, None, size=size)]
    assert not pages[0].has_before
    while pages[-1].has_after:
        pages.append(sliced(RejectedRow.objects.all(), order, pages[-1].objects[-1], size=size))
    assert [row for page in pages for row in page.objects] == every
    for before, page in pairwise(pages):
        back = sliced(RejectedRow.objects.all(), order, page.objects[0], back=True, size=size)
        assert back.objects == before.objects
        assert back.has_after
        assert back.has_before == before.has_before


def test_rows_that_come_in_meanwhile_move_nothing(rows: list[RejectedRow]):
    first = sliced(RejectedRow.objects.all(), ("-pk",), None, size=5)
    make_row(run=rows[0].run, key="new")
    second = sliced(RejectedRow.objects.all(), ("-pk",), first.objects[-1], size=5)
    assert [row.key_text for row in second.objects] == ["41", "40", "39", "38", "37"]


def test_back_from_near_the_start_is_the_whole_first_page(rows: list[RejectedRow]):
    third = RejectedRow.objects.order_by("-pk")[2]
    found = sliced(RejectedRow.objects.all(), ("-pk",), third, back=True, size=5)
    assert [row.key_text for row in found.objects] == ["46", "45", "44", "43", "42"]
    assert not found.has_before


def test_a_page_asks_at_most_once_for_each_column(rows: list[RejectedRow]):
    order = ORDERS[1]
    for row in rows:
        with CaptureQueriesContext(connection) as asked:
            sliced(RejectedRow.objects.all(), order, row, size=50)
        assert len(asked) <= len(order)
        assert not any("OFFSET" in query["sql"] for query in asked)


def test_an_empty_list_has_no_pages(db: None):
    found = sliced(RejectedRow.objects.all(), ("-pk",), None)
    assert (found.objects, found.has_before, found.has_after) == ([], False, False)
