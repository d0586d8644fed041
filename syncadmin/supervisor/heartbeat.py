"""The sign of life of a process with workers, in the database: the pages may be on another machine."""

import logging
import threading
from collections.abc import Callable

from django.db import Error, close_old_connections, connections

from syncs.engine.lease import this_holder
from syncs.models import WorkerBeat

BEAT_SECONDS = 2.0

log = logging.getLogger(__name__)


class Heartbeat(threading.Thread):
    """Says every BEAT_SECONDS that this process is there, until `end()`, which takes the word back.

    Start it after the pool was forked. A process that is killed takes nothing back: its word counts no
    longer after a few seconds (`WorkerBeat`).
    """

    def __init__(self) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._name = this_holder()
        self._end = threading.Event()
        self._is_away = False

    def run(self) -> None:
        self._try(WorkerBeat.objects.forget_the_dead)
        while True:
            self._try(lambda: WorkerBeat.objects.beat(self._name))
            if self._end.wait(BEAT_SECONDS):
                break
        self._try(lambda: WorkerBeat.objects.filter(name=self._name).delete())
        connections.close_all()

    def end(self, *, patience: float) -> None:
        """Take the word back; wait no longer than `patience` seconds for a database that is away."""
        self._end.set()
        self.join(patience)

    def _try(self, act: Callable[[], object]) -> None:
        """Whatever the database says, the next beat may work: it is told once, not every two seconds."""
        try:
            close_old_connections()
            act()
            self._is_away = False
        except Error as error:
            if not self._is_away:
                log.warning("The worker cannot say that it is there: %s", error)
            self._is_away = True
            connections.close_all()
