"""Values change while runs are killed, cancelled and refused: what is there in the end is what came last."""

import random
from collections.abc import Callable

import pytest

from tests.chaos import people
from tests.chaos.conftest import DATABASES, long_form
from tests.chaos.strikes import Foreground
from tests.chaos.truth import assert_quiet, assert_truth
from tests.chaos.weather import AT_QUALIFIED
from tests.chaos.world import World

ROUNDS, ROWS, LONGEST = 8, 120, 5


@long_form
@pytest.mark.parametrize("database", DATABASES)
def test_the_last_value_wins_whatever_became_of_the_runs_before(
    make_world: Callable[..., World], database: str
) -> None:
    dice = random.Random(f"changes {database}")
    world = make_world(database=database, rows=people.people(ROWS, 0), batch_size=10)
    world.stand_in.faults(rates=AT_QUALIFIED["rough"], latency=[0.05, 3])
    foreground = Foreground(world)
    for _ in range(ROUNDS):
        world.change_some(dice)
        foreground.start()
        foreground.pass_a_moment(dice, LONGEST)
        foreground.strike(dice.choice(("kill", "cancel", "refuse", "nothing")), dice)
        foreground.end()
    world.stand_in.faults(rates={}, latency=[0, 0.3])
    while world.run()["planned"]:
        pass
    assert_truth(world)
    assert_quiet(world)
