"""The purse between the coordinator, who asks the budget, and the threads, who send requests."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Condition

from destinations import pacing
from destinations.contract import Meter
from destinations.errors import Cause, RateLimited
from destinations.others import Counted
from destinations.pacing import Grant, Rules, State

PAUSE_SECONDS = 1.0  # when to come again where the budget named no time
ASKS_AGAIN_SECONDS = 0.1  # while a request waits in the thread that may ask the budget itself


@dataclass(frozen=True, slots=True)
class Unused:
    """Requests that were granted at a time and not sent."""

    granted_at: float
    requests: int


@dataclass(frozen=True, slots=True)
class Observation:
    """What the service's headers said, and when; what of ours they count.

    `booked` is how many requests were granted by then, to all workers, as far as the gate knew.
    """

    at: float
    meter: Meter
    counted: Counted
    booked: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """ "Too many requests", to what was sent at `sent_at`."""

    at: float
    sent_at: float
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """What the coordinator writes to the budget.

    `still_open` is how many granted requests were not answered yet, sent or not.
    """

    unused: tuple[Unused, ...] = ()
    observations: tuple[Observation, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    still_open: int = 0

    def __bool__(self) -> bool:
        return bool(self.unused or self.observations or self.refusals)


class Gate:
    """Granted requests, in memory; and what the service said about them. Safe for threads.

    One worker has one gate for an account. Times are Unix seconds. `lengths` maps the length of a window as
    the service publishes it to the length that it has on the account. `on_empty` asks the budget for more,
    where one thread does everything; else whoever conducts the threads sees that some are `waiting`.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.time, lengths: Mapping[float, float] | None = None
    ) -> None:
        self._clock = clock
        self._lengths = dict(lengths or {})
        self._lock = Condition()
        self.on_empty: Callable[[], object] | None = None
        self.waiting = 0
        self._grants: deque[list[float]] = deque()  # [granted at, use by, requests left]
        self._retry_at: float | None = None
        self._booked = 0
        self._in_flight = 0
        self._observations: list[Observation] = []
        self._refusals: list[Refusal] = []

    def fill(self, grant: Grant) -> None:
        with self._lock:
            self._retry_at = grant.retry_at
            self._booked = grant.booked
            if grant.requests:
                self._grants.append([grant.at, grant.use_by, grant.requests])
                self._lock.notify_all()

    def take(self, patience: float = 0.0) -> float:
        """Pay for one request: when it leaves. RateLimited where nothing that may still be used is left.

        A request that is not its call's first may wait so many seconds for a grant: else a call of several
        would begin anew each time that its grant runs out. Whoever took calls `landed`, whatever came of it.
        """
        until = time.monotonic() + patience
        while True:
            with self._lock:
                now = self._clock()
                for grant in self._grants:
                    if grant[2] > 0 and now <= grant[1]:
                        grant[2] -= 1
                        self._in_flight += 1
                        return now
                left = until - time.monotonic()
                if left <= 0:
                    break
                if self.on_empty is None:
                    self.waiting += 1
                    self._lock.wait(left)
                    self.waiting -= 1
            if self.on_empty is not None:
                self.on_empty()
                if not self.left:
                    time.sleep(min(left, ASKS_AGAIN_SECONDS))
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

    def landed(self) -> None:
        """A request that was paid for is over."""
        with self._lock:
            self._in_flight -= 1

    def observe(self, meter: Meter, sent_at: float) -> None:
        """Keep what the service said to a request that left at `sent_at` and is not yet over.

        Of each of its windows the lowest: where more are left than in an answer from before, a new one began.
        """
        with self._lock:
            unsent = sum(int(left) for _, _, left in self._grants)
            perhaps = self._booked - unsent
            counted = Counted(sent_at, perhaps - max(0, self._in_flight - 1), perhaps)
            found = Observation(self._clock(), meter, counted, self._booked)
            at = next((n for n in reversed(range(len(self._observations))) if self._is_of(n, meter)), None)
            if at is None or self._is_anew(self._observations[at], found):
                self._observations.append(found)
            elif meter.remaining <= self._observations[at].meter.remaining:
                self._observations[at] = found

    def _is_of(self, number: int, meter: Meter) -> bool:
        return self._observations[number].meter.window_seconds == meter.window_seconds

    @staticmethod
    def _is_anew(former: Observation, found: Observation) -> bool:
        is_later = found.meter.resets_in_seconds is None and found.counted.sent_at >= former.at
        return is_later and found.meter.remaining > former.meter.remaining

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
            self._booked -= sum(one.requests for one in unused)
            still_open = self._in_flight + sum(int(left) for _, _, left in self._grants)
            found = Report(tuple(unused), tuple(self._observations), tuple(self._refusals), still_open)
            self._observations, self._refusals = [], []
            return found


def learnt(state: State, rules: Rules, report: Report, holder: str) -> State:
    """The budget's state with all that a holder's gate learnt."""
    booked, elsewhere = state.get("booked", 0), pacing.open_elsewhere(state, holder)
    for unused in report.unused:
        state = pacing.give_back(
            state, rules, unused.granted_at, granted_at=unused.granted_at, requests=unused.requests
        )
    for one in report.observations:
        # What other workers were granted since this one last asked may be counted, or not; of what they were
        # granted before, some may be on its way.
        since = max(0, booked - one.booked)
        counted = replace(
            one.counted,
            surely=one.counted.surely - max(0, elsewhere - since),
            perhaps=one.counted.perhaps + since,
        )
        state = pacing.observed(state, rules, one.at, one.meter, counted)
    for refusal in report.refusals:
        state = pacing.refused(
            state, rules, refusal.at, sent_at=refusal.sent_at, retry_after=refusal.retry_after
        )
    return state
