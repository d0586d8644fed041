"""How long a run bears with what is slow: patterns and templates that take a processor's seconds. Pure.

A single text or row is bounded already (see `patterns.py`, `templates.py`), but a million of them are hours.
So the time beyond what is fair is added up over the run; when that is used up, those that used it are no
longer tried, and their rows need attention. It is the time of the processor: a busy machine changes nothing.
"""

import time
from types import TracebackType
from typing import Self

SECONDS = 60.0  # of a run, for all its patterns and templates, beyond FAIR
FAIR = 0.0005  # seconds for one text: nearly all need a tenth of it
OWN_SECONDS = 1.0
STRIDE = 16  # texts between two looks at the clock, which takes as long as a simple text
GIVEN_UP = (
    f"patterns and templates of this sync took {SECONDS:.0f} seconds longer than is usual. Whoever edits the "
    "sync must make them simpler."
)


class RunPatience:
    """What is left of a run's seconds. `each` is what one may use up before it is among those given up."""

    __slots__ = ("each", "seconds_left")

    def __init__(self, seconds: float = SECONDS, *, each: float = OWN_SECONDS) -> None:
        self.seconds_left, self.each = seconds, each


class Share:
    """One pattern's or template's part. As a context it measures; `tick` after each text."""

    __slots__ = ("_began", "_own", "_patience", "_tried")

    def __init__(self, patience: RunPatience | None = None) -> None:
        self._patience = patience or RunPatience()
        self._own, self._began, self._tried = 0.0, 0.0, 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be tried."""
        return self._patience.seconds_left <= 0 and self._own >= self._patience.each

    def tick(self) -> None:
        self._tried += 1
        if self._tried == STRIDE:
            self._look()

    def __enter__(self) -> Self:
        self._began, self._tried = time.thread_time(), 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._look()

    def _look(self) -> None:
        now = time.thread_time()
        slow = now - self._began - self._tried * FAIR
        if slow > 0:
            self._own += slow
            self._patience.seconds_left -= slow
        self._began, self._tried = now, 0
