"""Kill -9 at random moments until the run is done, in large worlds: four hundred rows, six strikes.

The short form is in the ordinary suite, on the suite's database; `make chaos` has the large worlds once, and
then a small one for each seed: `test_seeds.py`.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos import people
from tests.chaos.conftest import DATABASE, DATABASES, SEEDS, long_form
from tests.chaos.drawn import OF_POSTGRES, SUPERVISED
from tests.chaos.strikes import Foreground, Supervised
from tests.chaos.truth import assert_quiet, assert_served, assert_truth
from tests.chaos.weather import AT_QUALIFIED, make_calm
from tests.chaos.world import QUICK, World

KILLS, ROWS, LONGEST = (6, 400, 8) if SEEDS else (2, 60, 3)
PACES = {"quick": QUICK, "published": ""}  # 2 to 15 s between looks, and 60 s after a lost answer
ROUGH: dict[str, Any] = {"rates": AT_QUALIFIED["rough"], "latency": [0.05, 3]}


@pytest.mark.parametrize("pace", ["quick", "published"] if SEEDS else ["quick"])
@pytest.mark.parametrize("database", DATABASES if SEEDS else [DATABASE])
def test_a_foreground_run_that_is_killed_again_and_again_ends_well(
    make_world: Callable[..., World], database: str, pace: str
) -> None:
    dice = random.Random(f"foreground {database} {pace}")
    world = make_world(database=database, rows=people.people(ROWS, 0), pace=PACES[pace])
    world.stand_in.faults(**ROUGH)
    foreground = Foreground(world)
    for _ in range(KILLS):
        foreground.start()
        foreground.pass_a_moment(dice, LONGEST)
        foreground.strike("kill", dice)
    world.run()
    make_calm(world)
    assert_truth(world)
    assert_quiet(world)


@long_form
@pytest.mark.parametrize("has_clock", [False, True], ids=["right clock", "wrong clock"])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("database", DATABASES)
def test_workers_pools_supervisors_and_whole_trees_may_be_killed(
    make_world: Callable[..., World], record_property: Any, database: str, workers: int, has_clock: bool
) -> None:
    dice = random.Random(f"supervised {database} {workers} {has_clock}")
    world = make_world(database=database, rows=people.people(ROWS, 0))
    world.environment["WORKERS"] = str(workers)
    world.stand_in.faults(**ROUGH)
    strikes = [one for one in SUPERVISED if one != "disk" and (one != "clock" or has_clock)]
    strikes += OF_POSTGRES if world.is_postgres else ()
    if has_clock:
        world.with_a_clock()
    with Supervised(world) as supervised:
        supervised.start()
        for what in dice.choices(strikes, k=KILLS):
            supervised.pass_a_moment(dice, LONGEST)
            if supervised.is_over():
                break
            supervised.strike(what, dice)
        world.right_the_clock()
        supervised.end()
    record_property("healed within", f"{supervised.vigil.stood_still:.0f} s")
    assert_served(supervised.vigil)
    make_calm(world)
    assert_truth(world)
    assert_quiet(world)
