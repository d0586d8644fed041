"""What strikes a world at work: somebody is killed, cut off, put to sleep, or finds disk or clock wrong.

Foreground runs and supervised ones stand for the same: `start` one, let a `moment` pass, `strike`.
"""

import contextlib
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import orjson
import psutil

from tests.chaos.disk import filled
from tests.chaos.vigil import Vigil
from tests.chaos.world import Process, World, wait_until
from tests.postgres import postgres


def moment(world: World, dice: random.Random, longest: float) -> Iterator[None]:
    """Pass the time until a random moment: any, or just when a request has reached the wire.

    For the request it waits a while longer: a busy machine needs its time until one leaves.
    """
    end = time.monotonic() + dice.uniform(0.5, longest)
    if dice.random() < 0.7:
        seen, more = world.request_count(), dice.randint(1, 12)
        while time.monotonic() < end + max(longest, 8.0):
            if world.request_count() >= seen + more:
                break
            yield
        time.sleep(dice.uniform(0, 0.06))
    else:
        while time.monotonic() < end:
            yield


def strike_around(world: World, what: str, dice: random.Random) -> bool:
    """Strike what is around the processes: database, disk, clock. False: it is not of that kind."""
    if what == "clock":
        _step_the_clock(world, dice)
    elif what == "cut":
        world.cut_connections()
    elif what == "restart":
        world.noted("kill")
        postgres().restart(away=dice.uniform(0, 4))
        world.noted("kill")
    elif what == "disk":
        world.noted("kill")
        with filled(world.folder / "data"):
            time.sleep(dice.uniform(0.5, 2))
        world.noted("kill")
    else:
        return False
    return True


def _step_the_clock(world: World, dice: random.Random) -> None:
    """Forward by up to three hours, or back by a while or by all that it was put forward."""
    clock = world.clock
    assert clock
    by = (dice.uniform(30, 120), dice.uniform(600, 10_000), -dice.uniform(1, 60), -clock.wrong_by)
    clock.step(dice.choice(by))
    world.noted("clock")
    world.noted("kill")


class Foreground:
    """`manage.py run`, in a process of its own each time that it is started."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.process: Process | None = None
        self._starts = 0

    def start(self) -> None:
        """Start a run, or go on with the one that was left; nothing where one is at work."""
        if self.process is None or self.process.poll() is not None:
            self.process = self.world.start("run", self.world.sync, "--json", log=f"run-{self._starts}")
            self._starts += 1

    def pass_a_moment(self, dice: random.Random, longest: float) -> None:
        for _ in moment(self.world, dice, longest):
            time.sleep(0.03)
            if self.is_over():
                break

    def is_over(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def strike(self, what: str, dice: random.Random) -> None:
        """Do one of the things that happen; whoever then still works goes on."""
        if self.process is None or self.is_over() or strike_around(self.world, what, dice):
            return
        match what:
            case "kill":
                self.world.kill(self.world.processes())
            case "sleep":
                self.world.put_to_sleep(self.process)
                time.sleep(dice.uniform(0.5, 3))
                self.process.send_signal(signal.SIGCONT)
            case "cancel" if runs := self.world.runs():
                self.world.noted("cancel")
                self.world.manage("cancel", str(runs[-1]["public_id"]), expect=())
            case "refuse":
                self.world.right_the_clock()  # else it may wait for hours before it asks
                self.world.noted("cancel")
                with self.world.refusing():
                    self.process.wait(120)
        if what in {"kill", "cancel"}:
            self.process.wait(150)

    def end(self, seconds: float = 240) -> None:
        """Let it come to its end, which it tells in words."""
        if self.process is not None:
            wait_until(self.is_over, seconds, f"the run's end\n{self.world.tail()}")
            code = self.process.poll()
            assert code in {0, 1, 2, -signal.SIGKILL}, (code, self.world.tail())


class Supervised:
    """`manage.py up --no-web`, started again whenever it is gone, as an init system does."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.vigil = Vigil(world.query, world.clock.now if world.clock else _now)
        self._starts = 0

    def __enter__(self) -> "Supervised":
        self._start()
        wait_until(lambda: len(self.members()) > 1, 300, f"a pool\n{self.world.tail()}")
        self.vigil.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.vigil.end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait(60)

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

    def pass_a_moment(self, dice: random.Random, longest: float) -> None:
        for _ in moment(self.world, dice, longest):
            self.pause(0.25)

    def is_over(self) -> bool:
        self.pause(0.2)
        return not self.world.query("select id from syncs_run where finished_at is null")

    def members(self) -> list[psutil.Process]:
        """The processes of the queue, mother first."""
        found = [p for p in self.world.processes() if "qcluster" in _command(p)]
        pids = {process.pid for process in found}
        return sorted(found, key=lambda process: (_parent(process) in pids, process.pid))

    def start(self) -> None:
        """Ask for a run, where none is under way."""
        if self.is_over():
            self.world.manage("run", self.world.sync, "--queue")

    def strike(self, what: str, dice: random.Random) -> None:
        """Do one of the things that happen: mostly somebody is killed."""
        if what == "sleep":
            self._put_to_sleep(dice)
        elif not strike_around(self.world, what, dice):
            self.world.kill(self._victims(what, dice))
        self.vigil.disturbed()

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

    def end(self, seconds: float = 300) -> None:
        """Wait for the end of all runs, and end all processes in order."""
        wait_until(self.is_over, seconds, f"the run's end\n{self.world.tail()}")
        self.stop()

    def stop(self) -> None:
        """SIGTERM to the main process alone ends everything, soon: one that listens already."""
        wait_until(self._listens, 200, f"the supervisor that was started last\n{self.world.tail()}")
        self.process.terminate()
        assert self.process.wait(120) == 0, self.world.tail()
        wait_until(lambda: not self.world.processes(), 120, "the end of all processes")


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
