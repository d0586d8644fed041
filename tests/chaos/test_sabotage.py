"""Each fault that we build in on purpose is noticed; the same stories end well without it."""

import random
from collections.abc import Callable

import pytest

from tests.chaos import people, stories
from tests.chaos.conftest import DATABASE, DATABASES, SEEDS, long_form
from tests.chaos.world import World

LEASE_SECONDS = 4


def sabotaged(
    make_world: Callable[..., World],
    fault: str,
    *,
    database: str = DATABASE,
    rows: int = 20,
    pace: str = stories.PACE,
    extra: str = "",
    fold_seconds: float = 0.0,
) -> World:
    """A world whose product has a fault, and a lease of a few seconds."""
    world = make_world(database=database, rows=people.people(rows, 7), batch_size=5, pace=pace, extra=extra)
    world.program = ("-m", "tests.chaos.sabotage")
    world.environment |= {"SABOTAGE": fault, "LEASE_SECONDS": str(LEASE_SECONDS)}
    world.environment["FOLD_SECONDS"] = str(fold_seconds)
    world.manage(
        "check"
    )  # a sabotage that no longer fits the product is an error, not a fault that is noticed
    return world


@long_form
@pytest.mark.parametrize(
    ("fault", "how"),
    [
        ("doubt_keeps_the_fingerprint", "lost"),
        ("doubt_keeps_the_fingerprint", "stopped"),
        ("no_settling_time", "overtaken"),
        ("no_sending_mark", "killed"),
        ("dead_calls_are_forgotten", "sent again"),
    ],
)
def test_a_value_that_went_there_and_back_shows_the_fault(
    make_world: Callable[..., World], fault: str, how: str
) -> None:
    with pytest.raises(AssertionError):
        stories.there_and_back(sabotaged(make_world, fault), how)


@long_form
def test_a_worker_without_a_fence_is_noticed(make_world: Callable[..., World]) -> None:
    world = sabotaged(make_world, "no_fence", rows=40, extra="concurrency: 2")
    with pytest.raises(AssertionError):
        stories.sleeper(world, random.Random(0))


@long_form
def test_a_ledger_that_is_not_folded_is_noticed(make_world: Callable[..., World]) -> None:
    with pytest.raises(AssertionError):
        stories.twice(sabotaged(make_world, "no_fold"))


@long_form
@pytest.mark.parametrize("database", DATABASES)
def test_batches_that_are_marked_as_folded_before_they_are_is_noticed(
    make_world: Callable[..., World], database: str
) -> None:
    world = sabotaged(make_world, "no_fold_mark", database=database, fold_seconds=0.5)
    with pytest.raises(AssertionError, match="the ledger equals what was last accepted"):
        stories.killed_while_folding(world)


@long_form
@pytest.mark.parametrize("database", DATABASES)
def test_a_ledger_that_was_killed_while_it_followed_goes_on(
    make_world: Callable[..., World], database: str
) -> None:
    stories.killed_while_folding(sabotaged(make_world, "", database=database, fold_seconds=0.5))


@long_form
def test_jobs_that_are_not_written_down_are_noticed(make_world: Callable[..., World]) -> None:
    with pytest.raises(AssertionError):
        stories.killed_once(sabotaged(make_world, "jobs_are_forgotten"), jobs=3)


@long_form
def test_a_job_that_nobody_waits_for_is_noticed(make_world: Callable[..., World]) -> None:
    with pytest.raises(AssertionError, match="every valid row arrived, with its last values"):
        stories.left_behind(sabotaged(make_world, "left_jobs_are_forgotten", pace=stories.IMPATIENT))


@pytest.mark.parametrize("how", stories.HOWS if SEEDS else ["overtaken"])
@pytest.mark.parametrize("database", DATABASES if SEEDS else [DATABASE])
def test_a_to_b_and_back_to_a_ends_as_a(make_world: Callable[..., World], database: str, how: str) -> None:
    world = make_world(database=database, rows=people.people(20, 7), batch_size=5, pace=stories.PACE)
    stories.there_and_back(world, how)


@long_form
@pytest.mark.parametrize("database", DATABASES)
def test_a_job_that_a_stopped_run_left_does_not_undo_what_came_later(
    make_world: Callable[..., World], database: str
) -> None:
    rows = people.people(20, 7)
    stories.left_behind(make_world(database=database, rows=rows, batch_size=5, pace=stories.IMPATIENT))


@long_form
@pytest.mark.parametrize("seed", [0, 1])
def test_a_worker_that_slept_through_its_lease_does_no_harm(
    make_world: Callable[..., World], seed: int
) -> None:
    world = sabotaged(make_world, "", database=DATABASES[seed % 2], rows=40, extra="concurrency: 2")
    stories.sleeper(world, random.Random(f"sleeper {seed}"))


@long_form
def test_a_killed_run_goes_on_with_its_jobs(make_world: Callable[..., World]) -> None:
    stories.killed_once(sabotaged(make_world, ""), jobs=3)
