"""The sandbox's clock: real time, which people and tests may move forward."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Seconds since 1970 as the sandbox sees them. `listeners` are called after a jump."""

    def __init__(self, offset: float = 0) -> None:
        self.offset = offset
        self.listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def now(self) -> float:
        return time.time() + self.offset

    def advance(self, seconds: float) -> None:
        """Jump forward, so that jobs expire and new leads are listed without waiting."""
        with self._lock:
            self.offset += seconds
        for listener in self.listeners:
            listener()


def iso(seconds: float) -> str:
    """The moment as the service writes it: ISO-8601 in UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
