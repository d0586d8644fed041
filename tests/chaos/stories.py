"""Stories that end well with the product as it is, and badly with a fault of ours built in."""

import random
import signal
import time

from tests.chaos.conftest import SEEDS
from tests.chaos.truth import assert_quiet, assert_truth
from tests.chaos.world import SYNC, World, wait_until

# A slow job takes less than the settling time, and longer than two runs take to start and end.
SLOW_JOB = 8 if SEEDS else 4
PACE = f"poll_seconds: 0.2\nsettle_seconds: {SLOW_JOB + 2}"
IMPATIENT = "poll_seconds: 0.2\nsettle_seconds: 0"
HOWS = ("lost", "overtaken", "killed", "stopped", "sent again")


def there_and_back(world: World, how: str) -> None:
    """A value goes A → B → A, and what became of B is unknown when its run ends.

    "lost": B's answer is lost, its run cancelled. "overtaken": and B's job takes effect only after the
    next run began. "killed": its sender is killed with B in flight, and its run cancelled afterwards.
    "stopped": its answer is lost, and the key is refused from then on. "sent again": its sender is killed,
    its run is gone on with and ends well, and the first B takes effect only after that.
    """
    world.run()
    row = world.good_rows[3]
    is_killed, is_slow = how in {"killed", "sent again"}, how in {"overtaken", "killed", "sent again"}
    world.stand_in.faults(
        # What is refused as too much is tried for ever: the run is still there when it is cancelled.
        next=["slow"] * 50 if is_killed else ["dropped_after", *["limited_window"] * 500],
        latency=[SLOW_JOB, SLOW_JOB] if is_slow else [0, 0],
        slow_seconds=2,
    )
    world.change(row.id, given_name="B")
    began = world.stand_in.evidence().records_sent
    process = world.start("run", SYNC, "--json", log="b")
    wait_until(lambda: world.stand_in.evidence().records_sent > began, 120, "B on the wire")
    if is_killed:
        world.kill(world.processes())
        process.wait()
    if how == "sent again":
        world.stand_in.faults(next=[], latency=[0, 0])
        world.run()
    else:
        world.noted("cancel")
        if how == "stopped":
            world.stand_in.account(key="another-key")
            world.stand_in.faults(next=[])
        else:
            world.manage("cancel", str(world.runs()[-1]["public_id"]))
        process.wait(200)
        assert world.runs()[-1]["status"] == ("stopped" if how == "stopped" else "cancelled"), world.tail()

    world.stand_in.account(key="right-key")
    world.stand_in.faults(next=[], latency=[0, 0.1])
    world.change(row.id, given_name=row.columns["given_name"])
    world.run(seconds=200)
    wait_until(lambda: world.stand_in.state()["unfinished_jobs"] == 0, 120, "the slow job")
    assert_truth(world)
    assert_quiet(world)


def left_behind(world: World) -> None:
    """A value goes A → B → A; B's job is at work when its run is stopped, and takes effect much later.

    Wants a world without a settling time: it is the job itself that must be waited for.
    """
    world.run()
    row = world.good_rows[3]
    world.stand_in.faults(latency=[SLOW_JOB, SLOW_JOB])
    world.change(row.id, given_name="B")
    jobs = world.stand_in.state()["counts"]["jobs"]
    process = world.start("run", SYNC, "--json", log="b")
    world.stand_in.wait_for(120, jobs=jobs + 1)
    time.sleep(0.5)
    world.stand_in.account(key="another-key")
    assert process.wait(120) == 2, world.tail()
    assert world.runs()[-1]["status"] == "stopped"
    world.noted("cancel")
    assert world.stand_in.state()["unfinished_jobs"] == 1, "B has not taken effect"

    world.stand_in.account(key="right-key")
    world.stand_in.faults(latency=[0, 0.1])
    world.change(row.id, given_name=row.columns["given_name"])
    world.run()
    wait_until(lambda: world.stand_in.state()["unfinished_jobs"] == 0, 120, "the slow job")
    assert_truth(world)
    assert_quiet(world)


def sleeper(world: World, dice: random.Random) -> None:
    """A worker sleeps with a call in flight, for longer than its lease; another takes over; it wakes up.

    Wants several batches, a short lease and few requests at once.
    """
    world.stand_in.faults(latency=[0.2, 1.5])
    first = world.start("run", SYNC, "--json", log="sleeper")
    world.stand_in.wait_for(120, jobs=dice.randint(1, 3))
    world.put_to_sleep(first)
    jobs = world.stand_in.state()["counts"]["jobs"]
    second = world.start("run", SYNC, "--json", log="heir")
    world.stand_in.wait_for(90, jobs=jobs + dice.randint(1, 3))
    time.sleep(dice.uniform(0, 0.5))
    first.send_signal(signal.SIGCONT)
    assert (second.wait(120), first.wait(120)) == (1, 1), world.tail()
    assert_truth(world)
    assert_quiet(world)


def killed_once(world: World, *, jobs: int) -> None:
    """A foreground run is killed while the destination works on its jobs, and started again."""
    world.stand_in.faults(latency=[3, 4])
    process = world.start("run", SYNC, "--json", log="killed")
    world.stand_in.wait_for(120, jobs=jobs)
    time.sleep(2)
    world.kill(world.processes())
    process.wait()
    world.run()
    assert_truth(world)
    assert_quiet(world)


def killed_while_folding(world: World) -> None:
    """All has arrived; the sender is killed while the ledger follows, batch by batch."""
    process = world.start("run", SYNC, "--json", log="folding")
    wait_until(lambda: world.runs() and world.runs()[-1]["status"] == "finishing", 60, "the ledger's turn")
    time.sleep(0.7)
    world.kill(world.processes())
    process.wait()
    assert world.runs()[-1]["status"] == "finishing", "it was killed in time"
    world.run()
    assert_truth(world)
    assert_quiet(world)


def twice(world: World) -> None:
    """A run, and another."""
    world.run()
    assert_truth(world)
    assert_quiet(world)
