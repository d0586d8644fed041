"""Kill -9 at random moments, until the run is done: foreground, worker, pool, supervisor, the whole tree.

Workers fall asleep as well and wake up again, the machine's clock is put forward and back, and on PostgreSQL
connections are cut and the server restarts. All the while somebody watches that no run lies about.

The short form is in the ordinary suite, on the suite's database; `make chaos SEEDS=50` is the long one.
"""

import contextlib
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import psutil
import pytest

from tests.chaos import people
from tests.chaos.conftest import DATABASE, DATABASES, SEEDS, long_form
from tests.chaos.faults import PUBLISHED_ROUGHNESS
from tests.chaos.truth import assert_nothing_lost, assert_quiet, assert_served, assert_truth
from tests.chaos.vigil import Vigil
from tests.chaos.world import QUICK, SYNC, World, wait_until
from tests.postgres import postgres

FOREGROUND = [(DATABASES[seed % 2], seed) for seed in SEEDS] or [(DATABASE, 0)]
SUPERVISED = [(DATABASES[seed % 2], 1 + seed // 2 % 2, seed) for seed in SEEDS or [0]]
STRIKES = ("worker", "worker", "pool", "supervisor", "tree", "sleep", "cut", "restart", "clock", "clock")
KILLS, ROWS, LONGEST = (6, 400, 8) if SEEDS else (2, 60, 3)


def rough(seed: int) -> dict[str, Any]:
    """The faults of a seed: every third world is calm, so that kills alone are seen too."""
    return {"rates": {} if seed % 3 == 2 else dict(PUBLISHED_ROUGHNESS), "latency": [0.05, 3]}


def pace(seed: int) -> str:
    """Every fifth world keeps the published waits: 2 to 15 s between looks, 60 s after a lost answer."""
    return "" if seed % 5 == 4 else QUICK


def limits(seed: int) -> dict[str, Any]:
    """In every fourth world the account has windows of seconds: more than that is sent in no such time."""
    windows = "[[15, 2], [200, 60]]"
    if seed % 4 != 1:
        return {}
    return {"extra": f"windows: {windows}", "arguments": ("--windows", windows)}


def moment(world: World, dice: random.Random, longest: float) -> Iterator[None]:
    """Pass the time until a random moment: any, or just when a request has reached the wire."""
    end = time.monotonic() + dice.uniform(0.5, longest)
    if dice.random() < 0.6:
        seen, more = world.stand_in.state()["counts"].get("requests", 0), dice.randint(1, 12)
        while time.monotonic() < end + longest:
            if world.stand_in.state()["counts"].get("requests", 0) >= seen + more:
                break
            yield
        time.sleep(dice.uniform(0, 0.06))
    else:
        while time.monotonic() < end:
            yield


def run_and_kill(world: World, dice: random.Random, *, kills: int) -> None:
    """Run in the foreground and kill it, again and again; at last let it end."""
    for number in range(kills):
        process = world.start("run", SYNC, "--json", log=f"run-{number}")
        for _ in moment(world, dice, LONGEST):
            time.sleep(0.01)
            if process.poll() is not None:
                break
        world.kill(world.processes())
        process.wait()
        if process.returncode != -signal.SIGKILL:
            assert process.returncode in {0, 1}, world.tail()
    world.run()


@pytest.mark.parametrize(("database", "seed"), FOREGROUND)
def test_a_foreground_run_that_is_killed_again_and_again_ends_well(
    make_world: Callable[..., World], database: str, seed: int
) -> None:
    dice = random.Random(f"foreground {seed}")
    rows = people.people(ROWS, seed)
    world = make_world(database=database, seed=seed, rows=rows, pace=pace(seed), **limits(seed))
    world.stand_in.faults(**rough(seed))
    run_and_kill(world, dice, kills=KILLS)
    make_calm(world)
    assert_truth(world)
    assert_quiet(world)


@long_form
@pytest.mark.parametrize(("database", "workers", "seed"), SUPERVISED)
def test_workers_pools_supervisors_and_whole_trees_may_be_killed(
    make_world: Callable[..., World], record_property: Any, database: str, workers: int, seed: int
) -> None:
    dice = random.Random(f"supervised {seed}")
    world = make_world(database=database, seed=seed, rows=people.people(ROWS, seed), pace=pace(seed))
    world.environment["WORKERS"] = str(workers)
    world.stand_in.faults(**rough(seed))
    if seed % 3 == 1:
        world.with_a_clock()
    with Supervised(world) as supervised:
        world.manage("run", SYNC, "--queue")
        for _ in range(KILLS):
            for _ in moment(world, dice, LONGEST):
                supervised.pause(0.1)
            if supervised.is_over():
                break
            supervised.strike(dice)
        if world.clock:
            world.clock.catch_up()
            world.noted("clock")
            world.noted("kill")
        wait_until(supervised.is_over, 300, f"the run's end\n{world.tail()}")
        supervised.stop()
    record_property("healed within", f"{supervised.vigil.stood_still:.0f} s")
    assert_served(supervised.vigil)
    make_calm(world)
    assert_truth(world)
    assert_quiet(world)


def make_calm(world: World) -> None:
    """The next scheduled runs, in better weather: what was in doubt or refused for a time goes now."""
    assert_nothing_lost(world)
    world.stand_in.faults(rates={}, latency=[0, 0.3])
    for _ in range(4):
        last = world.run()
        if last["rejected"] == last["in_doubt"] == last["deferred"] == 0:
            break


class Supervised:
    """`manage.py up --no-web`, started again whenever it is gone, as an init system does."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.vigil = Vigil(world.query, world.clock.now if world.clock else _now)
        self._starts = 0

    def __enter__(self) -> "Supervised":
        self._start()
        wait_until(lambda: len(self.members()) > 1, 90, f"a pool\n{self.world.tail()}")
        self.vigil.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.vigil.end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait(10)

    def _start(self) -> None:
        self.process = self.world.start("up", "--no-web", log=f"up-{self._starts}")
        self._starts += 1

    def _listens(self) -> bool:
        """Whether it has begun its work: then it hears what it is told."""
        self.pause(0)
        beat = self.world.folder / "data" / "run" / "supervisor.json"
        with contextlib.suppress(OSError, ValueError):
            return bool(orjson.loads(beat.read_bytes())["pid"] == self.process.pid)
        return False

    def pause(self, seconds: float) -> None:
        """Sleep; note processes that went, and start the supervisor again if it went."""
        time.sleep(seconds)
        self.world.watch()
        if self.process.poll() is not None:
            self._start()

    def is_over(self) -> bool:
        self.pause(0.1)
        return not self.world.query("select id from syncs_run where finished_at is null")

    def members(self) -> list[psutil.Process]:
        """The processes of the queue, mother first."""
        found = [p for p in self.world.processes() if "qcluster" in _command(p)]
        pids = {process.pid for process in found}
        return sorted(found, key=lambda process: (_parent(process) in pids, process.pid))

    def strike(self, dice: random.Random) -> None:
        """Do one of the things that happen: mostly somebody is killed."""
        what = dice.choice(STRIKES)
        if what == "sleep":
            self._put_to_sleep(dice)
        elif what == "clock" and self.world.clock:
            self._step_the_clock(dice)
        elif what == "cut" and self.world.is_postgres:
            self.world.cut_connections()
        elif what == "restart" and self.world.is_postgres:
            postgres().restart(away=dice.uniform(0, 4))
            self.world.noted("kill")
        else:
            self.world.kill(self._victims(what, dice))
        self.vigil.disturbed()

    def _step_the_clock(self, dice: random.Random) -> None:
        """Forward by up to three hours, or back by a while or by all that it was put forward."""
        clock = self.world.clock
        assert clock
        by = (dice.uniform(30, 120), dice.uniform(600, 10_000), -dice.uniform(1, 60), -clock.wrong_by)
        clock.step(dice.choice(by))
        self.world.noted("clock")
        self.world.noted("kill")

    def _put_to_sleep(self, dice: random.Random) -> None:
        """One of the pool stands still for some seconds, and then goes on as if nothing had been."""
        members = self.members()[1:]
        if not members:  # the pool is being started
            return
        with contextlib.suppress(psutil.Error):
            sleeper = dice.choice(members)
            self.world.put_to_sleep(sleeper)
            self.pause(dice.uniform(1, 8))
            sleeper.send_signal(signal.SIGCONT)

    def _victims(self, what: str, dice: random.Random) -> Sequence[psutil.Process]:
        members = self.members()
        if what == "tree" or not members:
            return self.world.processes()
        if what == "supervisor":
            return [psutil.Process(self.process.pid)] if self.process.poll() is None else []
        return members[:1] if what == "pool" else [dice.choice(members[1:] or members)]

    def stop(self) -> None:
        """SIGTERM to the main process alone ends everything, soon: one that listens already."""
        wait_until(self._listens, 60, f"the supervisor that was started last\n{self.world.tail()}")
        self.process.terminate()
        assert self.process.wait(40) == 0, self.world.tail()
        wait_until(lambda: not self.world.processes(), 30, "the end of all processes")


def _now() -> datetime:
    return datetime.now(UTC)


def _command(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _parent(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.ppid()
    return 0
