"""What the supervisor decides. No clock, no processes, no database: times are seconds and are given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

LONG_LIFE_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 30.0
LONGEST_GAP_SECONDS = 10.0


def pause_before_start(early_deaths: int) -> float:
    """Seconds to wait before a child that died is started again: 0, 1, 2, 4, … 30.

    `early_deaths` counts deaths in a row, each within LONG_LIFE_SECONDS of its start.
    """
    return min(LONGEST_PAUSE_SECONDS, 2.0 ** (early_deaths - 2)) if early_deaths > 1 else 0.0


def rings_wanted(*, due: int, waiting: int, workers: int) -> int:
    """How many doorbells to add, so that each due run has one but never more wait than workers could take."""
    return max(0, min(due, workers) - waiting)


@dataclass(frozen=True, slots=True)
class Glance:
    """The queue at one moment.

    `due` counts runs that wait for a worker. `waiting` are the ids of doorbells that nobody took, `taken`
    maps those that a pool took to the time until when they are its own. `leases` maps an active run to
    when it was last served and when its lease ends.
    """

    at: float
    due: int
    waiting: frozenset[int] = frozenset()
    taken: Mapping[int, datetime] = field(default_factory=dict)
    leases: Mapping[int, tuple[datetime | None, datetime | None]] = field(default_factory=dict)


def was_answered(before: Glance, now: Glance) -> bool:
    """A worker did something: a doorbell is done with, or a run was served or its lease moved."""
    done = (before.waiting | before.taken.keys()) - now.waiting - now.taken.keys()
    moved = any(now.leases.get(run, lease) != lease for run, lease in before.leases.items())
    return bool(done) or moved


def was_taken(before: Glance, now: Glance) -> bool:
    """The pool took a doorbell. A stuck pool still does that a few times, until its own buffer is full."""
    return any(before.taken.get(doorbell) != until for doorbell, until in now.taken.items())


@dataclass(slots=True)
class PoolWatch:
    """Follows the glances and tells when the pool is stuck: work is due, and nothing moved for `patience`.

    A pool that was replaced in vain gets twice the patience, up to sixteen times: a task that is long and
    holds no lease must be able to end.
    """

    patience: float
    last: Glance | None = None
    quiet_since: float | None = None
    vain_count: int = 0

    def is_stuck(self, glance: Glance) -> bool:
        """Take in the next glance. True: end the pool and start another, and then call `replaced()`."""
        before, self.last = self.last, glance
        if glance.due == 0:
            self.quiet_since = None
            self.vain_count = 0
            return False
        if before is None or self.quiet_since is None or glance.at - before.at > LONGEST_GAP_SECONDS:
            self.quiet_since = glance.at
        elif was_answered(before, glance):
            self.quiet_since = glance.at
            self.vain_count = 0
        elif was_taken(before, glance):
            self.quiet_since = glance.at
        return glance.at - self.quiet_since >= self.patience * 2 ** min(self.vain_count, 4)

    def replaced(self) -> None:
        """Another pool takes over: it gets its time."""
        self.last = None
        self.quiet_since = None
        self.vain_count += 1

    def restarted(self) -> None:
        """The pool died by itself and was started again: no reason for more patience."""
        self.last = None
        self.quiet_since = None
