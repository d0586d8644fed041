"""A budget that others use, too: the reserve stays theirs, alone nearly all of the rest is used.

Simulated: real budget and gates, a clock of their own, hundreds of windows.
"""

import random

import pytest

from destinations.contract import Window
from destinations.pacing import Rules
from tests.destinations.shared_budget import NOON, Other, Service, SlidingService, World

RESERVE = 20  # per cent


def shared(
    seed: int,
    other: Other,
    *,
    limit: int = 60,
    seconds: float = 5.0,
    windows: int = 8,
    workers: int = 0,
    slots: int = 4,
    make: type[Service] = Service,
    is_watched: bool = True,
) -> World:
    """So many windows of one account. The seed decides when we come, how long requests take, and the rest."""
    dice = random.Random(seed)
    service = make(limit, seconds, early=dice.random() < 0.5, tells_limit=dice.random() < 0.8)
    watched = frozenset({seconds}) if is_watched else frozenset[float]()
    rules = Rules((Window(limit, seconds),), slots, reserve_percent=RESERVE, watched=watched)
    usual = dice.uniform(0.005, 0.06)
    world = World(
        rules, service, workers or 1 + seed % 2, slots, latency=lambda: usual * dice.uniform(0.8, 1.5)
    )
    world.run(windows * seconds, other, dice, NOON // seconds * seconds + dice.uniform(0, seconds))
    return world


def reserve(world: World) -> int:
    return world.service.limit * RESERVE // 100


@pytest.mark.parametrize("first", range(0, 120, 30))
def test_beside_a_client_that_eats_half_the_reserve_is_left_from_the_first_window_on(first: int):
    ours = theirs = 0
    for seed in range(first, first + 30):
        world = shared(seed, Other(0.5))
        windows = world.whole_windows()
        assert min(seen.lowest for seen in windows) >= reserve(world), f"seed {seed}: {windows}"
        assert not any(seen.refused for seen in windows), f"seed {seed}"
        ours += sum(seen.ours for seen in windows[2:])
        theirs += sum(48 - seen.others for seen in windows[2:])
    assert ours >= 0.7 * theirs, "of what the reserve and the other client leave"


@pytest.mark.parametrize("seed", range(4))
def test_in_minutes_of_600_beside_a_client_that_eats_half_nine_tenths_of_the_rest_are_used(seed: int):
    world = shared(seed, Other(0.5), limit=600, seconds=60.0, windows=5)
    windows = world.whole_windows()
    assert min(seen.lowest for seen in windows) >= reserve(world), windows
    assert sum(seen.ours for seen in windows[1:]) >= 0.85 * sum(480 - seen.others for seen in windows[1:])


@pytest.mark.parametrize("workers", [1, 2])
def test_alone_97_of_100_are_used_and_never_more_than_is_allowed(workers: int):
    world = shared(workers, Other(0.0), limit=600, seconds=60.0, windows=8, workers=workers, slots=8)
    windows = world.whole_windows()
    assert sum(seen.ours for seen in windows[1:]) >= 0.97 * 480 * (len(windows) - 1), windows
    assert world.most_within(60.0) <= 480
    assert not any(seen.refused for seen in windows)


def test_alone_200_calls_are_not_held_back_longer_than_it_takes_to_see_that_nobody_is_there():
    dice = random.Random(1)
    rules = Rules((Window(600, 60.0),), 4, reserve_percent=RESERVE, watched=frozenset({60.0}))
    service = Service(600, 60.0, early=True, tells_limit=True)
    world = World(rules, service, 1, 4, latency=lambda: 0.05)
    world.team[0].calls = 200
    world.run(60.0, Other(0.0), dice, NOON)
    assert len(world.sent) == 200
    assert world.sent[-1] - world.sent[0] <= 200 * 0.05 / 4 + 1.5


@pytest.mark.parametrize("first", range(0, 20, 10))
def test_a_client_that_comes_later_costs_the_reserve_one_window_at_the_most(first: int):
    for seed in range(first, first + 10):
        world = shared(seed, Other(0.5, begins_at=17.0), windows=10)
        below = [seen for seen in world.whole_windows() if seen.lowest < reserve(world)]
        assert len(below) <= 1, f"seed {seed}: {world.whole_windows()}"
        assert sum(seen.refused for seen in below) <= len(world.team), f"seed {seed}"


@pytest.mark.parametrize("kind", ["random", "bursts"])
def test_beside_a_client_without_rhythm_hardly_a_request_of_ours_is_refused(kind: str):
    refused = below = windows = 0
    for seed in range(20):
        world = shared(seed, Other(0.5, kind=kind))
        refused = max([refused, *(seen.refused for seen in world.whole_windows())])
        below += sum(seen.lowest < reserve(world) for seen in world.whole_windows())
        windows += len(world.whole_windows())
    assert refused <= 2, "one for each worker"
    assert below <= 0.2 * windows, f"{below} of {windows}"


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_service_whose_window_slides_is_shared_alike(share: float):
    for seed in range(4):
        world = shared(seed, Other(share), make=SlidingService)
        windows = world.whole_windows()
        assert min(seen.lowest for seen in windows) >= reserve(world), f"seed {seed}: {windows}"
        used = sum(seen.ours for seen in windows[2:])
        assert used >= 0.7 * sum(48 - seen.others for seen in windows[2:]), f"seed {seed}: {windows}"


def test_a_service_that_stops_telling_what_is_left_gets_our_requests_one_by_one():
    world = shared(1, Other(0.0), make=Silent)
    windows = world.whole_windows()
    assert sum(seen.ours for seen in windows[1:]) >= 0.8 * 48 * (len(windows) - 1)
    gaps = [later - sooner for sooner, later in zip(world.sent, world.sent[1:], strict=False)]
    assert min(gaps) >= 5 / 48 - 0.001


def test_who_is_not_watched_for_meets_us_in_the_first_window():
    """What the watching is for: without it these tests would find windows below the reserve."""
    below = 0
    for seed in range(4):
        world = shared(seed, Other(0.5), is_watched=False)
        below += sum(seen.lowest < reserve(world) for seen in world.whole_windows())
    assert below


class Silent(Service):
    def meter(self, now: float) -> None:  # type: ignore[override]
        return None
