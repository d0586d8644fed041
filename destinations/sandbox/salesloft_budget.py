"""The budget of a team: cost in a fixed window of time, shared by all of the team's integrations.

Windows begin at multiples of their length, like the calendar minute. The counts live in memory: a restart
forgets them. A refused request is not counted. Source: Salesloft's page on rate limits.
"""

import math
import threading
from collections import deque
from dataclasses import dataclass

from destinations.sandbox.clock import Clock
from destinations.sandbox.faults import Faults, Switch

GROUP = "Budget of the team"
SWITCHES = (
    Switch("window_cost", "Cost in a window", "count", 600, GROUP),
    Switch("window_seconds", "Length of the window in seconds", "seconds", 60.0, GROUP),
    Switch("request_cost", "Cost of a request", "count", 1, GROUP, "Deep pages cost more."),
    Switch(
        "other_share",
        "Share of the budget that a second client eats",
        "rate",
        0.0,
        GROUP,
        "Evenly over the window.",
    ),
    Switch("limit_header", "Answers name the limit (x-ratelimit-limit-minute)", "flag", True, GROUP),
    Switch("retry_after_sent", "A 429 has Retry-After", "flag", False, GROUP, "Salesloft documents none."),
)
DEEP_PAGES = ((501, 30), (251, 10), (151, 8), (101, 3))  # from this page on, the whole request's cost
REMEMBERED_WINDOWS = 1000


@dataclass(slots=True)
class Spent:
    """What a window saw: our cost, and how many requests were refused."""

    began_at: float
    seconds: float
    cost: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request may not come in: the window is used up for so many seconds more."""

    seconds: int


class Budget:
    """Counts the cost of one team. `peak` is the most requests that were ever in flight at once."""

    def __init__(self, faults: Faults, clock: Clock) -> None:
        self.faults = faults
        self.clock = clock
        self.in_flight = 0
        self.peak = 0
        self.windows: deque[Spent] = deque(maxlen=REMEMBERED_WINDOWS)
        self._lock = threading.Lock()

    def _window(self, now: float) -> Spent:
        """The running window. The caller holds the lock."""
        seconds = max(self.faults.number("window_seconds"), 0.001)
        began_at = now // seconds * seconds
        if not self.windows or (self.windows[-1].began_at, self.windows[-1].seconds) != (began_at, seconds):
            self.windows.append(Spent(began_at, seconds))
        return self.windows[-1]

    def _left(self, window: Spent, now: float) -> int:
        limit = self.faults.number("window_cost")
        others = self.faults.number("other_share") * limit * (now - window.began_at) / window.seconds
        return max(0, math.floor(limit - window.cost - others))

    def cost_of(self, page: int) -> int:
        """The cost of a request for this page of a list; 1 where there are no pages."""
        usual = int(self.faults.number("request_cost"))
        return max(usual, next((cost for first, cost in DEEP_PAGES if page >= first), usual))

    def enter(self, cost: int) -> Refusal | None:
        """Count a request in, or say why not. Whoever came in calls `leave`."""
        with self._lock:
            now = self.clock.now()
            window = self._window(now)
            if cost > self._left(window, now):
                window.refused += 1
                return Refusal(max(1, math.ceil(window.began_at + window.seconds - now)))
            window.cost += cost
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
            return None

    def leave(self) -> None:
        with self._lock:
            self.in_flight -= 1

    @property
    def remaining(self) -> int:
        """The cost that is left in the running window."""
        with self._lock:
            now = self.clock.now()
            return self._left(self._window(now), now)

    @property
    def spent(self) -> tuple[int, int]:
        """The cost of the running window, and how many requests it refused."""
        with self._lock:
            window = self._window(self.clock.now())
            return window.cost, window.refused

    def headers(self, cost: int) -> dict[str, str]:
        """`x-ratelimit-*` of an answer."""
        found = {
            "x-ratelimit-endpoint-cost": str(cost),
            "x-ratelimit-remaining-minute": str(self.remaining),
        }
        if self.faults.flag("limit_header"):
            found["x-ratelimit-limit-minute"] = str(int(self.faults.number("window_cost")))
        return found

    def forget(self) -> None:
        """Begin the window anew."""
        with self._lock:
            self.windows.clear()
            self.peak = self.in_flight
