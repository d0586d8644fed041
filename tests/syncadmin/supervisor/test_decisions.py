"""What the supervisor decides, with times made up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from syncadmin.supervisor.decisions import Glance, PoolWatch, pause_before_start, rings_wanted

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=6)
DUE = Glance(at=0, due=1, waiting=frozenset({1, 2}), taken={7: LATER}, leases={5: (None, None)})


def stuck_after(watch: PoolWatch, *glances: Glance) -> list[bool]:
    return [watch.is_stuck(glance) for glance in glances]


def quiet(seconds: int, *, start: float = 0, like: Glance = DUE) -> list[Glance]:
    """The same sight each second."""
    return [replace(like, at=start + second) for second in range(seconds + 1)]


def test_a_pool_is_stuck_when_work_is_due_and_nothing_moves_for_twenty_seconds():
    answers = stuck_after(PoolWatch(patience=20), *quiet(20))
    assert answers == [False] * 20 + [True]


def test_a_pool_without_work_is_never_stuck():
    assert not any(stuck_after(PoolWatch(patience=20), *quiet(300, like=replace(DUE, due=0))))


@pytest.mark.parametrize(
    "moved",
    [
        replace(DUE, waiting=frozenset({2})),
        replace(DUE, taken={}),
        replace(DUE, waiting=frozenset({2}), taken={7: LATER, 1: LATER}),
        replace(DUE, taken={7: LATER, 9: LATER}),
        replace(DUE, leases={5: (NOON, NOON)}),
    ],
    ids=["doorbell answered", "task done", "task taken", "new task taken", "lease moved"],
)
def test_any_sign_of_life_starts_the_wait_anew(moved):
    watch = PoolWatch(patience=20)
    assert not any(stuck_after(watch, *quiet(19), replace(moved, at=19.5)))
    assert stuck_after(watch, *quiet(20, start=19.6, like=moved))[:20] == [False] * 20


@pytest.mark.parametrize(
    "changed",
    [
        replace(DUE, waiting=frozenset({1, 2, 3})),
        replace(DUE, due=2, leases={5: (None, None), 6: (None, None)}),
    ],
    ids=["our own ring", "a new run"],
)
def test_what_others_add_is_no_sign_of_life(changed):
    watch = PoolWatch(patience=20)
    assert not any(stuck_after(watch, *quiet(19)))
    assert watch.is_stuck(replace(changed, at=20))


def test_a_gap_in_what_was_seen_counts_for_the_pool():
    watch = PoolWatch(patience=20)
    stuck_after(watch, *quiet(5))
    assert not watch.is_stuck(replace(DUE, at=60))
    assert not watch.is_stuck(replace(DUE, at=69))


def test_a_new_pool_gets_its_time_and_more_when_the_last_was_replaced_in_vain():
    watch = PoolWatch(patience=20)
    assert stuck_after(watch, *quiet(20))[-1]
    watch.replaced()
    assert not any(stuck_after(watch, *quiet(39, start=100)))
    assert watch.is_stuck(replace(DUE, at=140))


def test_a_pool_that_answered_is_judged_as_before():
    watch = PoolWatch(patience=20)
    stuck_after(watch, *quiet(20))
    watch.replaced()
    stuck_after(watch, replace(DUE, at=100), replace(DUE, at=101, waiting=frozenset({2})))
    answered = replace(DUE, waiting=frozenset({2}))
    assert stuck_after(watch, *quiet(20, start=101, like=answered))[-1]


def test_a_pool_that_died_by_itself_gets_the_usual_time():
    watch = PoolWatch(patience=20)
    stuck_after(watch, *quiet(15))
    watch.restarted()
    assert stuck_after(watch, *quiet(20, start=16)) == [False] * 20 + [True]


def test_a_child_that_keeps_dying_is_started_less_and_less_often():
    assert [pause_before_start(deaths) for deaths in range(9)] == [0, 0, 1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(
    ("due", "waiting", "rings"), [(0, 0, 0), (1, 0, 1), (1, 1, 0), (5, 0, 2), (5, 1, 1), (5, 4, 0)]
)
def test_there_are_never_more_doorbells_than_workers(due, waiting, rings):
    assert rings_wanted(due=due, waiting=waiting, workers=2) == rings
