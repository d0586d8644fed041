"""Values change while runs are killed, cancelled and refused: what is there in the end is what came last."""

import random
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.chaos import people
from tests.chaos.conftest import DATABASES, SEEDS, long_form
from tests.chaos.test_kill import moment, rough
from tests.chaos.truth import assert_quiet, assert_truth
from tests.chaos.world import SYNC, World

ROUNDS, ROWS, LONGEST = 8, 120, 5
# Four values only, so that a row often goes there and back.
VALUES = ("Anna", "Bruno", "Chiara", "Dmitri")


@long_form
@pytest.mark.parametrize(
    ("database", "seed"), [(DATABASES[seed // 3 % 2], seed) for seed in SEEDS[::3] or [0]]
)
def test_the_last_value_wins_whatever_became_of_the_runs_before(
    make_world: Callable[..., World], database: str, seed: int
) -> None:
    dice = random.Random(f"changes {seed}")
    world = make_world(database=database, seed=seed, rows=people.people(ROWS, seed), batch_size=10)
    world.stand_in.faults(**rough(seed))
    for number in range(ROUNDS):
        change_some(world, dice)
        process = world.start("run", SYNC, "--json", log=f"run-{number}")
        for _ in moment(world, dice, LONGEST):
            time.sleep(0.01)
            if process.poll() is not None:
                break
        end_somehow(world, process, dice)
    world.stand_in.faults(rates={}, latency=[0, 0.3])
    while world.run()["planned"]:
        pass
    assert_truth(world)
    assert_quiet(world)


def change_some(world: World, dice: random.Random) -> None:
    """A fifth of the rows get another value."""
    rows = world.good_rows
    for row in dice.sample(rows, len(rows) // 5):
        world.change(row.id, given_name=dice.choice(VALUES))


def end_somehow(world: World, process: subprocess.Popen[bytes], dice: random.Random) -> None:
    """Kill the run, cancel it, let the destination refuse the key, or wait for its end."""
    match dice.choice(("kill", "cancel", "refuse", "wait")):
        case "kill":
            world.kill(world.processes())
        case "cancel" if world.runs():
            world.noted("cancel")
            world.manage("cancel", str(world.runs()[-1]["public_id"]), expect=())
        case "refuse":
            world.noted("cancel")
            world.stand_in.account(key="another-key")
            process.wait(120)
            world.stand_in.account(key="right-key")
    process.wait(150)
