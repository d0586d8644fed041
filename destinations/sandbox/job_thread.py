"""The thread that works off a look-alike's jobs: one after another, each when it is due."""

import logging
import threading
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from destinations.sandbox.clock import Clock
from destinations.sandbox.faults import Faults

logger = logging.getLogger(__name__)

LONGEST_NAP = 30.0

J = TypeVar("J")


class JobThread(ABC, Generic[J]):
    """Looks anew at what there is to do whenever a switch or the clock changes, or `wake` is called.

    The state is never asked while the condition is held: a request may hold the state, and wake us.
    """

    def __init__(self, name: str, faults: Faults, clock: Clock) -> None:
        self._news = threading.Condition()
        self._changes = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        faults.listeners.append(self.wake)
        clock.listeners.append(self.wake)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what is in hand; the rest waits in the state for the next start."""
        with self._news:
            self._stopping = True
            self._news.notify_all()
        self._thread.join()

    def wake(self) -> None:
        """Let the thread look anew at what there is to do."""
        with self._news:
            self._changes += 1
            self._news.notify_all()

    @abstractmethod
    def _next_due(self) -> tuple[J | None, float]:
        """The job to work on now, or None and for how many seconds there is nothing to do."""

    @abstractmethod
    def _work(self, job: J) -> None:
        """Work on a job that is due."""

    def _broke(self, job: J) -> None:
        """The work on a job raised: what becomes of it, lest it comes again for ever."""

    def _run(self) -> None:
        while not self._stopping:
            changes = self._changes
            job, nap = self._next_due()
            if job is None:
                with self._news:
                    if self._changes == changes and not self._stopping:
                        self._news.wait(nap)
                continue
            try:
                self._work(job)
            except Exception:
                logger.exception("The sandbox could not work on %s.", job)
                self._broke(job)
