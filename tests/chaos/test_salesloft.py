"""Salesloft under kill -9, lost answers, a shared budget, an outage and a revoked key.

The service is the sandbox's, over HTTP; each run is a process of its own. The short form takes the steps of
a bulk job, lost answers and the budget once; `make chaos` takes ten thousand people and many moments.
"""

import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from threading import Event, Thread
from typing import Any

import pytest

from destinations.sandbox.service import API_KEY
from tests.chaos.conftest import DATABASE, SEEDS, long_form
from tests.chaos.drawn import OF_POSTGRES, SUPERVISED
from tests.chaos.salesloft_world import BY_APP, IN_HAND, SalesloftWorld, domains, emails
from tests.chaos.strikes import Supervised
from tests.chaos.truth import assert_served

WORLDS = [("sqlite", 0), ("postgres", 1)] if SEEDS else [("sqlite", 0)]
ONE_PASS = pytest.mark.skipif(
    not SEEDS and DATABASE != "sqlite",
    reason="The short form is on SQLite: the other pass runs it.",
)
PEOPLE, SINGLES, KILLS = (10_000, 400, 6) if SEEDS else (2_000, 40, 1)

# How a bulk job shows at the service, step by step.
STEPS = {
    "create": ("POST", "/v2/bulk_jobs"),
    "upload": ("POST", "/v2/bulk_jobs/"),
    "start": ("PUT", "/v2/bulk_jobs/"),
    "poll": ("GET", "/v2/bulk_jobs/"),
    "results": ("GET", "/v2/bulk_jobs/"),
}


@ONE_PASS
@pytest.mark.parametrize(("database", "seed"), WORLDS)
def test_a_worker_killed_at_every_step_of_bulk_jobs_sends_nobody_twice(
    make_salesloft: Callable[..., SalesloftWorld], database: str, seed: int
) -> None:
    dice = random.Random(seed)
    world = make_salesloft(
        database=database, keys=emails(PEOPLE), options=f"batch_size: {PEOPLE // 4}\nbulk_from: 50"
    )
    killed = []
    for step, (method, path) in STEPS.items():
        before = len(world.service.requests)

        def arrived(step: str = step, method: str = method, path: str = path, before: int = before) -> bool:
            seen = world.seen(method, path, after=before)
            if step == "create":
                return bool(seen)
            if step == "upload":
                return any(one.path.endswith("/job_data") for one in seen)
            if step == "results":
                return any(one.path.endswith("/results") for one in seen)
            return any(not one.path.endswith("/results") for one in seen)

        if world.run_and_kill(arrived):
            killed.append(step)
        if SEEDS:
            time.sleep(dice.uniform(0, 0.3))
    last = world.end()

    assert len(killed) >= 4, f"killed at {killed} only"
    assert (last["status"], last["in_doubt"], last["rejected"]) == ("succeeded", 0, 0), world.tail()
    assert world.stored() == dict.fromkeys(world.keys, 1)
    assert world.rewritten() == 0
    assert world.seen("POST", "/v2/person_upserts") == []
    before = len(world.service.requests)
    assert world.end()["planned"] == 0
    later = list(world.service.requests)[before:]
    assert {one.method for one in later} <= {"GET"}, "its fields may be listed anew, and nothing is sent"
    assert not any("bulk_jobs" in one.path for one in later)


@ONE_PASS
@pytest.mark.parametrize(("database", "seed"), WORLDS)
def test_inserts_whose_answers_are_lost_are_never_made_twice(
    make_salesloft: Callable[..., SalesloftWorld], database: str, seed: int
) -> None:
    insert_in_bad_weather(make_salesloft, database, seed)


@long_form
@pytest.mark.parametrize(("database", "seed"), WORLDS)
def test_inserts_by_two_workers_that_are_struck_are_never_made_twice(
    make_salesloft: Callable[..., SalesloftWorld], database: str, seed: int
) -> None:
    """Kills, sleep, cut connections, a database that restarts, and a clock that is put forward and back."""
    dice = random.Random(f"struck {seed}")
    strikes = [one for one in SUPERVISED if one != "disk"]
    strikes += OF_POSTGRES if database == "postgres" else ()
    switches = {"duplicates": True, "drop_after_rate": 0.1, "drop_before_rate": 0.05, "seed": seed + 1}
    world = make_salesloft(
        database=database,
        keys=emails(SINGLES),
        mode="insert",
        switches=switches | {"latency_seconds": 0.1, "only": "POST /v2/people"},
    )
    world.write_file("others.csv", [f"other{number}@x.test" for number in range(SINGLES)])
    world.environment["WORKERS"] = "2"
    world.with_a_clock()
    with Supervised(world) as supervised:
        for sync in ("rows", "others"):
            world.manage("run", sync, "--queue")
        for what in dice.choices(strikes, k=KILLS):
            supervised.pause(dice.uniform(0.5, 6))
            if supervised.is_over():
                break
            supervised.strike(what, dice)
        world.right_the_clock()
        supervised.end()
    assert_served(supervised.vigil)
    world.end()

    stored = world.stored()
    assert max(stored.values()) == 1, "nobody is there twice"
    assert set(world.keys) - stored.keys() <= world.told(), "who is not there is told"


@long_form
def test_inserts_that_are_sent_again_blindly_are_noticed(
    make_salesloft: Callable[..., SalesloftWorld],
) -> None:
    with pytest.raises(AssertionError, match="nobody is there twice"):
        insert_in_bad_weather(
            make_salesloft, DATABASE, 0, program=("-m", "tests.chaos.sabotage"), fault="blind_inserts"
        )


def insert_in_bad_weather(
    make_salesloft: Callable[..., SalesloftWorld], database: str, seed: int, *, fault: str = "", **more: Any
) -> None:
    """Runs that insert are killed, at a service that loses answers and would take everybody twice."""
    dice = random.Random(seed)
    # The team allows duplicates: a second insert would make a second person.
    switches = {"duplicates": True, "drop_after_rate": 0.15, "drop_before_rate": 0.05, "seed": seed + 1}
    world = make_salesloft(
        database=database,
        keys=emails(SINGLES),
        mode="insert",
        switches=switches | {"latency_seconds": 0.02, "only": "POST /v2/people"},
        **more,
    )
    world.environment["SABOTAGE"] = fault
    for _ in range(KILLS):
        enough = len(world.seen("POST", "/v2/people")) + dice.randint(4, SINGLES // 4)
        world.run_and_kill(lambda enough=enough: len(world.seen("POST", "/v2/people")) >= enough)  # type: ignore[misc]
    last = world.end()

    stored = world.stored()
    assert max(stored.values()) == 1, "nobody is there twice"
    missing = set(world.keys) - stored.keys()
    assert missing <= world.told(), "who is not there is told"
    assert last["status"] in ("succeeded", "attention")


@long_form
@pytest.mark.parametrize(("database", "seed"), WORLDS)
def test_accounts_killed_between_calls_are_sent_again_only_where_a_call_was_in_flight(
    make_salesloft: Callable[..., SalesloftWorld], database: str, seed: int
) -> None:
    dice = random.Random(seed)
    keys = domains(SINGLES)
    world = make_salesloft(
        database=database, keys=keys, object_key="accounts", value="Acme", switches={"latency_seconds": 0.03}
    )
    kills = 0
    for _ in range(KILLS):
        enough = len(world.seen("POST", "/v2/account_upserts")) + dice.randint(4, SINGLES // 4)
        kills += world.run_and_kill(
            lambda enough=enough: len(world.seen("POST", "/v2/account_upserts")) >= enough  # type: ignore[misc]
        )
    last = world.end()

    assert (last["status"], last["in_doubt"]) == ("succeeded", 0), world.tail()
    assert world.stored() == dict.fromkeys(keys, 1)
    assert kills
    assert world.rewritten() <= kills * IN_HAND


@long_form
@pytest.mark.parametrize(("database", "seed"), WORLDS)
def test_updates_that_are_killed_change_everybody_and_create_nobody(
    make_salesloft: Callable[..., SalesloftWorld], database: str, seed: int
) -> None:
    dice = random.Random(seed)
    keys = emails(SINGLES)
    world = make_salesloft(database=database, keys=keys, mode="update", switches={"latency_seconds": 0.02})
    there = keys[: SINGLES * 3 // 4]
    world.insert(there)
    kills = 0
    for _ in range(KILLS):
        enough = len(world.seen("PUT", "/v2/people/")) + dice.randint(4, SINGLES // 5)
        kills += world.run_and_kill(
            lambda enough=enough: len(world.seen("PUT", "/v2/people/")) >= enough  # type: ignore[misc]
        )
    world.end()

    assert world.stored() == dict.fromkeys(there, 1)
    assert {one.fields["title"] for one in world.service.people()} == {"VP"}
    assert world.rewritten() <= len(there) + kills * IN_HAND
    runs = [int(run["id"]) for run in world.runs()]
    told = world.query(f"select distinct match_key from syncs_rejectedrow where run_id <= {max(runs)}")
    assert {row["match_key"] for row in told} == set(keys) - set(there)


@ONE_PASS
@pytest.mark.parametrize("seed", [seed for _, seed in WORLDS])
def test_two_workers_leave_the_reserve_beside_a_client_that_eats_half(
    make_salesloft: Callable[..., SalesloftWorld], seed: int
) -> None:
    each = 120 if SEEDS else 20
    world = make_salesloft(
        keys=emails(each),
        options="windows: [[60, 5]]\nreserve_percent: 20",
        switches={"window_cost": 60, "window_seconds": 5.0, "other_share": 0.5},
    )
    world.write_file("others.csv", [f"other{number}@x.test" for number in range(each)])
    over = Event()
    lowest: dict[float, int] = {}  # what remained, by the service's window

    def watch() -> None:
        while not over.is_set():
            left, window = world.service.limits.remaining, world.service.limits.windows[-1].began_at
            lowest[window] = min(left, lowest.get(window, left))
            time.sleep(0.004)

    watching = Thread(target=watch)
    watching.start()
    processes = [world.begin("rows"), world.begin("others")]
    try:
        ends = [process.wait(400) for process in processes]
    finally:
        over.set()
        watching.join()

    assert ends == [0, 0], world.tail()
    assert len(world.service.people()) == 2 * each
    assert world.rewritten() == 0
    windows = [(spent.cost, spent.refused) for spent in world.service.limits.windows]
    assert max(refused for _, refused in windows) <= len(processes), windows
    # From the first window on. A busy machine may hold back a request that was counted for the window before:
    # of a few windows, that says nothing (on a clock of its own: tests/destinations/test_shared_budget.py).
    reserve = 60 * 20 // 100
    begun = min(spent.began_at for spent in world.service.limits.windows if spent.cost)
    left = [left for window, left in sorted(lowest.items()) if window >= begun]
    if SEEDS:
        assert sum(one < reserve for one in left) <= max(1, len(left) // 10), f"{left} remained: {windows}"
    assert min(left) > 0, f"{left} remained: {windows}"


@long_form
@pytest.mark.parametrize(("database", "seed"), WORLDS)
def test_an_outage_and_a_revoked_key_lose_nobody_and_send_nobody_twice(
    make_salesloft: Callable[..., SalesloftWorld], database: str, seed: int
) -> None:
    keys = emails(SINGLES)
    singles = "bulk_from: 100000"
    world = make_salesloft(database=database, keys=keys, switches={"latency_seconds": 0.05}, options=singles)
    process = world.begin()
    _until(lambda: len(world.seen("POST", "/v2/person_upserts")) >= 8)
    world.service.faults.set(down=True)
    before = len(world.service.requests)
    time.sleep(12 if SEEDS else 5)
    asked = len(world.service.requests) - before
    world.service.faults.set(down=False)
    _until(lambda: len(world.seen("POST", "/v2/person_upserts", after=before + asked)) >= 8)
    world.service.act("keys/remove", key=API_KEY)
    assert process.wait(90) != 0
    stopped = world.runs()[-1]
    world.service.add_key(API_KEY, *world.service.scopes)
    last = world.end()

    assert asked < 60, "an outage stirs no storm"
    assert stopped["status"] == "stopped"
    assert "does not accept the sign-in" in stopped["stop_reason"]
    assert (last["status"], last["in_doubt"]) == ("succeeded", 0), world.tail()
    assert world.stored() == dict.fromkeys(keys, 1)
    assert world.rewritten() == 0


@pytest.mark.skipif(DATABASE == "postgres", reason="Its world is of SQLite: one pass of the suite kills it.")
def test_a_worker_killed_between_the_services_rotation_and_our_storing_leaves_a_sign_in_to_do(
    make_salesloft: Callable[..., SalesloftWorld],
) -> None:
    keys = emails(10)
    world = make_salesloft(keys=keys, credentials=BY_APP)
    world.sign_in(0.0)  # so that the first call needs a new one
    # The service gives a new token, and its answer is long on the way.
    world.service.faults.set(slow_next=1, slow_seconds=300.0, only="POST /oauth/token")
    assert world.run_and_kill(lambda: len(world.service.state.tokens(limit=9)) == 2)
    (kept,) = world.query("select version, lease_token from destinations_oauthtoken")
    assert (kept["version"], bool(kept["lease_token"])) == (1, True), "what was given was never stored"
    # The dead worker's turn to ask ends by itself, a minute after it began.
    with closing(sqlite3.connect(world.folder / "data" / "syncadmin.sqlite3", timeout=30)) as database:
        database.execute("update destinations_oauthtoken set lease_expires_at = '2000-01-01 00:00:00'")
        database.commit()

    world.end(expect=(2,))
    stopped = world.runs()[-1]
    assert stopped["status"] == "stopped"
    assert "what it gave was lost: the worker that asked ended" in stopped["stop_reason"]
    assert "choose Reconnect" in stopped["stop_reason"]
    assert stopped["stopped_by"] == "sign_in"
    assert world.seen("POST", "/v2/") == []

    world.sign_in(7_200.0)
    assert world.end()["status"] == "succeeded"
    assert world.stored() == dict.fromkeys(keys, 1)


def _until(is_true: Callable[[], bool], seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
