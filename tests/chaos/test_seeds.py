"""A small world for each seed, drawn from it: `make chaos SEEDS=500`.

`drawn.py` says what a seed stands for: which database, what is sent where and how, in the foreground or
under a supervisor, by one worker or two, and what strikes: two to six times. A world takes half a minute, of
which most is waiting, for the destination or for the queue to heal: three at a time are done in an hour or
two. Whatever was drawn, in the end the weather clears up and the same must be true: `truth.py`.
"""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol

import pytest

from destinations.sandbox.faults import GROUP_WIRE
from tests.chaos import people
from tests.chaos.conftest import SEEDS, long_form
from tests.chaos.disk import tiny_disk
from tests.chaos.drawn import QUALIFIED, SALESLOFT, WEATHERS, Drawn, of_seed
from tests.chaos.log import SLOWER
from tests.chaos.salesloft_world import SalesloftWorld, domains, emails
from tests.chaos.strikes import Foreground, Supervised
from tests.chaos.truth import assert_nothing_lost, assert_quiet, assert_records, assert_served, assert_truth
from tests.chaos.weather import AT_QUALIFIED, AT_SALESLOFT
from tests.chaos.world import World

LONGEST = 3.0  # seconds between strikes, and more only where a request is waited for
# The settling time is longer than any job takes, the patience longer than any answer but a slow one.
PACE = f"poll_seconds: 0.2\nsettle_seconds: {3 * SLOWER:g}\ntimeout_seconds: {5 * SLOWER:g}"
WINDOWS = "[[15, 2], [200, 60]]"


class Story(Protocol):
    """What one kind of world tells."""

    world: World

    def go_on(self, dice: random.Random) -> None:
        """Give the next run something to do."""

    def clear_up(self) -> None:
        """What is not proved to have arrived is told; in good weather it goes now."""

    def assert_true(self) -> None: ...


class Leads:
    """Upserts in bulk, companies with them; their values change between the runs, or while they run."""

    def __init__(self, make_world: Callable[..., World], drawn: Drawn) -> None:
        more: dict[str, Any] = {}
        # More than small windows allow is sent in no such time; by a clock that is wrong it may be.
        if drawn.seed % 8 == 1 and "clock" not in drawn.strikes:
            more = {"extra": f"windows: {WINDOWS}", "arguments": ("--windows", WINDOWS)}
        self.world = make_world(
            database=drawn.database,
            seed=drawn.seed,
            rows=people.people(drawn.rows, drawn.seed),
            batch_size=10,
            pace=PACE,
            **more,
        )
        self.world.stand_in.faults(
            rates=AT_QUALIFIED[drawn.weather],
            latency=[0.05, 1],
            answer_seconds=[0.01, 0.1],
            slow_seconds=6 * SLOWER,
        )

    def go_on(self, dice: random.Random) -> None:
        self.world.change_some(dice)

    def clear_up(self) -> None:
        assert_nothing_lost(self.world)
        self.world.stand_in.faults(rates={}, latency=[0, 0.2], answer_seconds=[0, 0.02])
        for _ in range(4):
            last = self.world.run()
            if last["rejected"] == last["in_doubt"] == last["deferred"] == 0:
                break

    def assert_true(self) -> None:
        assert_truth(self.world)
        assert_quiet(self.world)


class Records:
    """People and accounts, inserted, updated, upserted one by one or in bulk; more come between the runs."""

    def __init__(self, make_salesloft: Callable[..., SalesloftWorld], drawn: Drawn) -> None:
        is_accounts, is_bulk = drawn.what == "accounts", drawn.what == "bulk people"
        self._drawn = drawn
        self._name = domains if is_accounts else emails
        keys = self._name(drawn.rows)
        self.world = make_salesloft(
            database=drawn.database,
            keys=keys,
            object_key="accounts" if is_accounts else "people",
            mode={"inserts": "insert", "updates": "update"}.get(drawn.what, "upsert"),
            value="Acme" if is_accounts else "VP",
            options=f"batch_size: {drawn.rows // 4}\nbulk_from: {20 if is_bulk else 100_000}",
            # The team allows duplicates: a second insert would make a second person.
            switches={"duplicates": True, "seed": drawn.seed + 1},
        )
        self.there: list[str] = []
        if drawn.what == "updates":
            self.there = keys[: drawn.rows * 3 // 4]
            self.world.insert(self.there)
        self.world.service.faults.set(latency_seconds=0.03, **AT_SALESLOFT[drawn.weather])

    def go_on(self, dice: random.Random) -> None:
        self.world.keys = self._name(len(self.world.keys) + dice.randint(10, 40))
        self.world.write_rows()

    def clear_up(self) -> None:
        self.world.service.faults.reset(group=GROUP_WIRE)
        for _ in range(4):
            last = self.world.end()
            is_settled = last["rejected"] == last["deferred"] == 0 or self._drawn.what == "updates"
            if is_settled and last["in_doubt"] == 0:
                break

    def assert_true(self) -> None:
        in_bulk = self._drawn.what == "bulk people"
        assert_records(self.world, there=self.there, workers=self._drawn.workers, in_bulk=in_bulk)
        before = self.world.request_count()
        assert self.world.end()["accepted"] == 0
        later = list(self.world.service.requests)[before:]
        assert {one.method for one in later} <= {"GET"}, "a run after it writes nothing"


@long_form
@pytest.mark.parametrize("seed", SEEDS or [0])
def test_whatever_strikes_the_world_of_a_seed_all_is_true_in_the_end(
    make_world: Callable[..., World],
    make_salesloft: Callable[..., SalesloftWorld],
    record_property: Any,
    seed: int,
) -> None:
    drawn = of_seed(seed)
    record_property("world", str(drawn))
    dice = random.Random(f"strikes {seed}")
    story: Story = Leads(make_world, drawn) if drawn.what in QUALIFIED else Records(make_salesloft, drawn)
    world = story.world
    if drawn.is_supervised:
        world.environment["WORKERS"] = str(drawn.workers)
    if "clock" in drawn.strikes:
        world.with_a_clock()
    with ExitStack() as stack:
        strikes = list(drawn.strikes)
        if "disk" in strikes and not stack.enter_context(tiny_disk(world.folder / "data", "64m")):
            strikes = [one for one in strikes if one != "disk"]  # we may not mount one here
        at_work = stack.enter_context(Supervised(world)) if drawn.is_supervised else Foreground(world)
        changed_at = 0  # the run that was the last one then: it need not have seen the change
        for what in strikes:
            if drawn.what == "changing leads" or (at_work.is_over() and world.runs()):
                story.go_on(dice)
                changed_at = world.runs()[-1]["id"] if world.runs() else 0
            at_work.start()
            at_work.pass_a_moment(dice, LONGEST)
            at_work.strike(what, dice)
        world.right_the_clock()
        at_work.end()
        if isinstance(at_work, Supervised):
            record_property("healed within", f"{at_work.vigil.stood_still:.1f} s")
            record_property("alone for", f"{at_work.vigil.alone:.1f} s")
            assert_served(at_work.vigil)
        for _ in range(3):  # what was left unfinished is gone on with, and others come, as on a schedule
            last = world.runs()[-1]
            if last["id"] > changed_at and last["status"] in {"succeeded", "attention"}:
                break
            world.run(expect=(0, 1, 2))  # 2: it was cancelled, or stopped, before it was killed
        story.clear_up()
        story.assert_true()


def test_five_hundred_seeds_draw_everything_with_everything() -> None:
    drawn = [of_seed(seed) for seed in range(500)]
    assert drawn == [of_seed(seed) for seed in range(500)], "always the same"
    assert len({one.strikes for one in drawn}) > 300
    found = Counter((one.what, one.database, one.is_supervised) for one in drawn)
    assert len(found) == len({*QUALIFIED, *SALESLOFT}) * 2 * 2
    assert (
        len({(one.weather, one.what in QUALIFIED, one.is_supervised) for one in drawn}) == len(WEATHERS) * 4
    )
    strikes = Counter((what, one.database, one.is_supervised) for one in drawn for what in one.strikes)
    assert min(strikes.values()) > 20, strikes
