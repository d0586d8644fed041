"""The purse between the coordinator, who asks the budget, and the threads, who send requests."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from destinations.contract import Meter
from destinations.errors import Cause, RateLimited
from destinations.pacing import Grant

PAUSE_SECONDS = 1.0  # when to come again where the budget named no time


@dataclass(frozen=True, slots=True)
class Unused:
    """Requests that were granted at a time and not sent."""

    granted_at: float
    requests: int


@dataclass(frozen=True, slots=True)
class Observation:
    """What the service's headers said, and when."""

    at: float
    meter: Meter


@dataclass(frozen=True, slots=True)
class Refusal:
    """ "Too many requests", to what was sent at `sent_at`."""

    at: float
    sent_at: float
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """What the coordinator writes to the budget."""

    unused: tuple[Unused, ...] = ()
    observations: tuple[Observation, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.unused or self.observations or self.refusals)


class Gate:
    """Granted requests, in memory; and what the service said about them. Safe for threads.

    One worker has one gate for an account. Times are Unix seconds. `lengths` maps the length of a window as
    the service publishes it to the length that it has on the account.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.time, lengths: Mapping[float, float] | None = None
    ) -> None:
        self._clock = clock
        self._lengths = dict(lengths or {})
        self._lock = Lock()
        self._grants: deque[list[float]] = deque()  # [granted at, use by, requests left]
        self._retry_at: float | None = None
        self._observations: dict[float, Observation] = {}
        self._refusals: list[Refusal] = []

    def fill(self, grant: Grant) -> None:
        with self._lock:
            self._retry_at = grant.retry_at
            if grant.requests:
                self._grants.append([grant.at, grant.use_by, grant.requests])

    def take(self) -> None:
        """Pay for one request. RateLimited where nothing that may still be used is left."""
        with self._lock:
            now = self._clock()
            for grant in self._grants:
                if grant[2] > 0 and now <= grant[1]:
                    grant[2] -= 1
                    return
            pause = max(self._retry_at - now, 0.0) if self._retry_at else PAUSE_SECONDS
        raise RateLimited(
            "The account's budget of requests is used up for now. The call is made later by itself.",
            cause=Cause.BUDGET,
            retry_after=pause,
        )

    @property
    def left(self) -> int:
        """Requests that may be sent now."""
        with self._lock:
            now = self._clock()
            return sum(int(left) for _, use_by, left in self._grants if now <= use_by)

    def observe(self, meter: Meter) -> None:
        """Keep the lowest that the service said of each window since the last report."""
        with self._lock:
            known = self._observations.get(meter.window_seconds)
            if known is None or meter.remaining <= known.meter.remaining:
                self._observations[meter.window_seconds] = Observation(self._clock(), meter)

    def own_pause(self, error: RateLimited) -> float | None:
        """The error's pause; where it was worked out from a published window, by that of the account."""
        length = self._lengths.get(error.window_seconds) if error.window_seconds else None
        if length is None or length == error.window_seconds:
            return error.retry_after
        return RateLimited.till_window_ends("", length, error.told_at).retry_after

    def refused(self, retry_after: float | None, *, sent_at: float) -> None:
        with self._lock:
            self._refusals.append(Refusal(self._clock(), sent_at, retry_after))

    def report(self, *, everything: bool = False) -> Report:
        """Hand over what was learnt, and the requests that may no longer be used (`everything`: all)."""
        with self._lock:
            now = self._clock()
            unused = [
                Unused(at, int(left))
                for at, use_by, left in self._grants
                if left and (everything or now > use_by)
            ]
            self._grants = deque(
                grant for grant in self._grants if grant[2] and now <= grant[1] and not everything
            )
            found = Report(tuple(unused), tuple(self._observations.values()), tuple(self._refusals))
            self._observations, self._refusals = {}, []
            return found
