"""What the destination does to those who write to it: the weather of a world, and when it clears up."""

from collections.abc import Mapping
from typing import Any

from tests.chaos.faults import PUBLISHED_ROUGHNESS
from tests.chaos.truth import assert_nothing_lost
from tests.chaos.world import World

# At the stand-in of Qualified: see `faults.py`.
AT_QUALIFIED: Mapping[str, Mapping[str, float]] = {
    "calm": {},
    "lossy": {
        "error_after": 0.05,
        "dropped_before": 0.05,
        "dropped_after": 0.1,
        "truncated": 0.05,
        "garbled": 0.03,
    },
    "lying": {
        "job_failed": 0.1,
        "missing_results": 0.1,
        "poll_gone": 0.05,
        "strange_results": 0.1,
        "more_results": 0.1,
    },
    "slow": {"slow": 0.08, "limited_window": 0.05, "limited_concurrency": 0.05},
    "rough": PUBLISHED_ROUGHNESS,
}
# At the look-alike of Salesloft: switches of its sandbox. Each refusal of too much would cost up to a minute.
AT_SALESLOFT: Mapping[str, Mapping[str, Any]] = {
    "calm": {},
    "lossy": {"drop_after_rate": 0.1, "drop_before_rate": 0.05, "truncate_rate": 0.03, "garble_rate": 0.02},
    "lying": {"errors_applied": True, "error_500_rate": 0.05, "error_502_rate": 0.03, "garble_rate": 0.03},
    "slow": {"slow_rate": 0.05, "slow_seconds": 3},
    "rough": {
        "drop_after_rate": 0.05,
        "drop_before_rate": 0.03,
        "truncate_rate": 0.02,
        "garble_rate": 0.02,
        "error_500_rate": 0.02,
        "error_503_rate": 0.02,
        "slow_rate": 0.01,
        "slow_seconds": 3,
    },
}


def make_calm(world: World) -> None:
    """The next scheduled runs, in better weather: what was in doubt or refused for a time goes now."""
    assert_nothing_lost(world)
    world.stand_in.faults(rates={}, latency=[0, 0.3])
    for _ in range(4):
        last = world.run()
        if last["rejected"] == last["in_doubt"] == last["deferred"] == 0:
            break
