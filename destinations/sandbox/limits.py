"""The limits of an account: requests in flight, and requests in three windows of time.

Windows are fixed and begin at multiples of their length, as `RateLimit-Reset` implies. The counts live
in memory: a restart forgets them. A refused request is not counted.
"""

import math
import threading
from dataclasses import dataclass

from destinations.sandbox.clock import Clock
from destinations.sandbox.faults import Faults, Switch

GROUP = "Limits of the account"
NAMES = ("short", "middle", "long")


def switches(*, concurrency: int, windows: tuple[tuple[int, int], ...]) -> tuple[Switch, ...]:
    """The switches of the limits, with an account's usual values: (requests, seconds) for each window."""
    found = [Switch("concurrency", "Requests in flight at once", "count", concurrency, GROUP)]
    for name, (requests, seconds) in zip(NAMES, windows, strict=True):
        found.append(Switch(f"{name}_requests", f"Requests in the {name} window", "count", requests, GROUP))
        found.append(
            Switch(f"{name}_seconds", f"Length of the {name} window in seconds", "seconds", seconds, GROUP)
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request may not come in. `retry_after` is None where too many are in flight."""

    retry_after: int | None


class Limits:
    """Counts the requests of one account. `peak` is the most that were ever in flight at once."""

    def __init__(self, faults: Faults, clock: Clock) -> None:
        self.faults = faults
        self.clock = clock
        self.in_flight = 0
        self.peak = 0
        self._counts: dict[str, tuple[tuple[float, int], int]] = {}
        self._lock = threading.Lock()

    def _used(self, name: str, now: float) -> tuple[tuple[float, int], int, float]:
        """The running window's mark, the requests in it, and when it ends."""
        seconds = max(self.faults.number(f"{name}_seconds"), 0.001)
        number = int(now // seconds)
        mark, count = self._counts.get(name, ((0.0, 0), 0))
        if mark != (seconds, number):
            count = 0
        return (seconds, number), count, (number + 1) * seconds

    def enter(self) -> Refusal | None:
        """Count a request in, or say why not. Whoever came in calls `leave`."""
        with self._lock:
            now = self.clock.now()
            if self.in_flight >= self.faults.number("concurrency"):
                return Refusal(None)
            windows = {name: self._used(name, now) for name in NAMES}
            full = [
                end - now
                for name, (_, count, end) in windows.items()
                if count >= self.faults.number(f"{name}_requests")
            ]
            if full:
                return Refusal(max(1, math.ceil(max(full))))
            for name, (mark, count, _) in windows.items():
                self._counts[name] = (mark, count + 1)
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
            return None

    def leave(self) -> None:
        with self._lock:
            self.in_flight -= 1

    def headers(self) -> dict[str, str]:
        """`RateLimit-*`, which describe the short window only."""
        with self._lock:
            _, count, end = self._used("short", self.clock.now())
        allowed = int(self.faults.number("short_requests"))
        return {
            "RateLimit-Limit": str(allowed),
            "RateLimit-Remaining": str(max(0, allowed - count)),
            "RateLimit-Reset": str(math.ceil(end)),
        }

    def forget(self) -> None:
        """Begin all windows anew."""
        with self._lock:
            self._counts.clear()
            self.peak = self.in_flight
