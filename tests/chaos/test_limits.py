"""The account's limits over all workers, bad weather, and the partner's paths."""

from collections.abc import Callable

from tests.chaos import people
from tests.chaos.conftest import long_form
from tests.chaos.faults import PUBLISHED_ROUGHNESS
from tests.chaos.strikes import Supervised
from tests.chaos.test_companies import add_companies
from tests.chaos.truth import assert_quiet, assert_truth
from tests.chaos.weather import make_calm
from tests.chaos.world import QUICK, SYNC, World, wait_until

WINDOWS = "[[6, 2], [40, 20]]"


@long_form
def test_windows_of_seconds_are_never_crossed(make_world: Callable[..., World]) -> None:
    world = make_world(
        rows=people.people(160, 3),
        batch_size=10,
        extra=f"windows: {WINDOWS}",
        arguments=("--windows", WINDOWS),
        faults={"latency": [0, 0.5]},
    )
    world.run()
    assert_truth(world)


@long_form
def test_two_workers_share_the_limits_of_one_account(make_world: Callable[..., World]) -> None:
    windows = "[[12, 2], [60, 20]]"
    world = make_world(
        rows=people.people(160, 3),
        batch_size=10,
        extra=f"windows: {windows}\nconcurrency: 3",
        arguments=("--windows", windows, "--concurrency", "3"),
        faults={"latency": [0, 1], "answer_seconds": [0.05, 0.2]},
    )
    world.environment["WORKERS"] = "2"
    add_companies(world, [("eu", str(n), f"company-{n}.com", "C", "Rail", "1", "", "") for n in range(150)])
    with Supervised(world) as supervised:
        for sync in (SYNC, "companies-to-qualified"):
            world.manage("run", sync, "--queue")
        wait_until(supervised.is_over, 120, "the end of both runs")
        supervised.stop()
    state = world.stand_in.state()
    assert state["violations"] == []
    assert sum(domain.startswith("company-") for domain in state["company"]) == 150
    assert state["most_in_flight"] > 1, "and the limits are made use of"


@long_form
def test_a_storm_passes(make_world: Callable[..., World]) -> None:
    world = make_world(rows=people.people(300, 4), batch_size=10)
    world.stand_in.faults(rates={name: 3 * rate for name, rate in PUBLISHED_ROUGHNESS.items()})
    world.run(seconds=400)
    make_calm(world)
    assert_truth(world)
    assert_quiet(world)


@long_form
def test_a_destination_that_lies_is_believed_only_where_it_proves(make_world: Callable[..., World]) -> None:
    world = make_world(rows=people.people(100, 4), batch_size=10)
    lies = {"strange_results": 0.4, "more_results": 0.3, "missing_results": 0.2}
    world.stand_in.faults(rates=lies, latency=[0, 0.3])
    world.run(seconds=400)
    make_calm(world)
    assert_truth(world)
    assert_quiet(world)


@long_form
def test_answers_that_nobody_waits_for_do_no_harm(make_world: Callable[..., World]) -> None:
    world = make_world(rows=people.people(60, 5), batch_size=10, pace=f"{QUICK}\ntimeout_seconds: 1")
    world.stand_in.faults(rates={"slow": 0.3}, slow_seconds=2)
    world.run()
    make_calm(world)
    assert_truth(world)
    assert_quiet(world)


@long_form
def test_the_paths_of_the_partners_page_work_too(make_world: Callable[..., World]) -> None:
    world = make_world(
        rows=people.people(60, 6), extra="bulk_style: per_object", arguments=("--partner-paths",)
    )
    world.run()
    assert_truth(world)
    paths = {entry["path"] for entry in world.stand_in.evidence().requests if entry["method"] == "POST"}
    assert paths == {"/bulk/leads", "/bulk/companies"}
