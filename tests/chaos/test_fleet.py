"""Many syncs of several teams at once: all of them are done, teams in turn, and who is slow holds up nobody.

The short form has a few syncs, `make chaos` three hundred, on both databases.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from destinations.sandbox.running import running_sandbox
from tests.chaos.conftest import DATABASE, DATABASES, SEEDS, long_form, migrate
from tests.chaos.fleet import Fleet, Sandboxes, Watch, farthest_apart, seconds_between
from tests.chaos.strikes import Supervised
from tests.chaos.world import wait_until

TEAMS, EACH = (6, 50) if SEEDS else (6, 3)
WORKERS = 4
TEN_MINUTES = 600.0

DOWN_SYNCS = 40
# An hour of an outage, in seconds, with all its waits as much shorter; CHAOS_HOUR=3600 is a true one.
HOUR = float(os.environ.get("CHAOS_HOUR", "120"))


@pytest.fixture
def make_fleet(tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    """Build fleets: make_fleet(database="sqlite", teams=6, each=50, slow=5.0)."""
    with ExitStack() as closing:

        def build(
            *, database: str = DATABASE, teams: int = TEAMS, each: int = EACH, slow: float = 0.0, **more: Any
        ) -> Fleet:
            """`slow`: seconds that each answer takes which the last team gets."""
            sandboxes = [
                closing.enter_context(running_sandbox(switches={"job_seconds": 0.05})) for _ in range(teams)
            ]
            sandboxes[-1].faults.set(latency_seconds=slow)
            folder = tmp_path / uuid4().hex[:6]
            folder.mkdir()
            address = f"sqlite:///{folder / 'data' / 'syncadmin.sqlite3'}" if database == "sqlite" else ""
            beside: Any = Sandboxes()
            fleet = Fleet(folder, address, beside, [], sandboxes=sandboxes, each=each, **more)
            closing.callback(fleet.close)
            migrate(fleet, database)
            fleet.apply()
            return fleet

        yield build


@pytest.mark.skipif(DATABASE == "postgres" and not SEEDS, reason="one pass of the suite is enough")
@pytest.mark.parametrize("slow", [0.0, 2.0] if SEEDS else [0.5])
@pytest.mark.parametrize("database", DATABASES if SEEDS else ["sqlite"])
def test_syncs_of_six_teams_that_are_due_in_one_minute_are_done_in_ten_teams_in_turn(
    make_fleet: Callable[..., Fleet], record_property: Any, database: str, slow: float
) -> None:
    fleet = make_fleet(database=database, slow=slow)
    fleet.environment["WORKERS"] = str(WORKERS)
    started, seconds = fleet.come_due()
    assert started == TEAMS * EACH
    with Supervised(fleet) as supervised, Watch(fleet) as watch:
        wait_until(fleet.are_over, TEN_MINUTES, f"the end of all runs\n{fleet.tail()}")
        supervised.stop()

    runs = fleet.scheduled()
    assert {run["status"] for run in runs} == {"succeeded"}, [run["stop_reason"] for run in runs]
    assert len({run["sync_id"] for run in runs}) == len(runs) == TEAMS * EACH, "one run each"
    everybody = {email for sync in range(EACH) for email in fleet.emails(sync)}
    assert all(set(sandbox.leads()) == everybody for sandbox in fleet.sandboxes)

    if not SEEDS:  # who comes when is told apart in tests/syncs/engine/test_fairness.py, without a race
        return
    slowest = fleet.teams[-1]
    begun = [run["team"] for run in runs if not slow or run["team"] != slowest]
    assert farthest_apart(begun, EACH) <= WORKERS, begun
    if slow:
        assert watch.share(slowest) < 1.2, "a slow destination has one worker while others wait"
    others = [run["finished_at"] for run in runs if run["team"] != slowest]
    record_property("starting all", f"{seconds:.1f} s")
    began, ends = runs[0]["created_at"], [run["finished_at"] for run in runs]
    record_property("all done", f"{seconds_between(began, max(ends)):.0f} s")
    record_property("but the slow team's", f"{seconds_between(began, max(others)):.0f} s")
    record_property("its workers", f"{watch.share(slowest):.2f}")


@long_form
@pytest.mark.timeout(900 + HOUR)
@pytest.mark.parametrize("database", DATABASES)
def test_a_destination_that_is_down_for_an_hour_stirs_no_storm_and_loses_no_run(
    make_fleet: Callable[..., Fleet], record_property: Any, database: str
) -> None:
    fleet = make_fleet(database=database, teams=2, each=DOWN_SYNCS)
    fleet.program = ("-m", "tests.chaos.clockwork")
    fleet.environment |= {"WORKERS": str(WORKERS), "HURRY": str(3600 / HOUR)}
    minute = HOUR / 60
    down, well = fleet.sandboxes
    with Supervised(fleet) as supervised:
        down.faults.set(down=True)
        fleet.come_due()
        began = time.time()
        wait_until(lambda: len(well.leads()) == DOWN_SYNCS * fleet.size, 300, f"the others\n{fleet.tail()}")
        while time.time() < began + HOUR:
            supervised.pause(1)
        asked = Counter(int((seen.at - began) // minute) for seen in down.requests)
        active = fleet.query("select id from syncs_run where finished_at is null")
        down.faults.set(down=False)
        back = time.time()
        wait_until(fleet.are_over, 300, f"the end of all runs\n{fleet.tail()}")
        took = time.time() - back
        supervised.stop()

    runs = fleet.scheduled()
    requests = [asked[at] for at in range(60)]
    assert sum(requests[10:]) <= 4 * 50, f"it is tried, and not stormed: {requests}"
    assert max(requests[10:]) <= 12, requests
    record_property("requests a minute", str(requests))
    record_property("all done", f"{took:.0f} s after it was back")
    assert len(active) == DOWN_SYNCS, "all of them wait, none was given up"
    assert len(runs) == len({run["sync_id"] for run in runs}) == 2 * DOWN_SYNCS, "one run each"
    assert Counter(run["status"] for run in runs) == {"succeeded": 2 * DOWN_SYNCS}
    assert {run["accepted_count"] for run in runs} == {fleet.size}
    assert len(down.leads()) == DOWN_SYNCS * fleet.size
