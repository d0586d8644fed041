"""What is done every now and then while a run is planned."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import close_old_connections, connection

from syncs.engine.lease import Lease
from syncs.models import Run
from syncs.sources.base import Rows, SourceError

SILENCE = 3.0  # seconds without a chunk after which the source is waited for


class Cancelled(Exception):
    """Somebody cancelled the run before anything of it was sent."""


class Pulse:
    """After each chunk that is planned: is the lease ours, did somebody cancel, what do people see?"""

    def __init__(self, run: Run, lease: Lease, look: Callable[[], None]) -> None:
        self._run = run
        self._lease = lease
        self._look = look
        self._next = 0.0
        self._heard = time.monotonic()  # when the source last gave rows
        self._is_cancelled = False

    def __call__(self, read: int) -> None:
        self._heard = time.monotonic()
        self._beat(f"Reading the model: {read:,} rows so far.")

    def compared(self, rows: int) -> None:
        self._beat(f"Comparing with what was last sent: {rows:,} rows so far.")

    @contextmanager
    def watching(self, rows: Rows) -> Iterator[None]:
        """Look after the run while the source gives nothing too: where the run must end, so must the query.

        A query may be at work for an hour before its first row. The looking is done by a thread of its own.
        """
        self._heard = time.monotonic()
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(rows, over), name="silence", daemon=True)
        watcher.start()
        try:
            yield
        except SourceError:
            self._lease.demand()
            if self._is_cancelled:
                raise Cancelled from None
            raise
        finally:
            over.set()
            watcher.join()

    def _watch(self, rows: Rows, over: threading.Event) -> None:
        while not over.wait(1):
            silent = time.monotonic() - self._heard
            if silent < SILENCE:
                continue
            try:
                self._tell(f"Waiting for the source: no row for {_lasting(silent)}.")
                self._is_cancelled = self._asked_to_end()
            except Exception:
                close_old_connections()
            if self._is_cancelled or not self._lease.is_held:
                rows.stop()  # once a second until it is heard
        connection.close()

    def _beat(self, told: str) -> None:
        self._lease.demand()
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 1
        self._tell(told)
        self._look()
        if self._asked_to_end():
            raise Cancelled

    def _tell(self, told: str) -> None:
        Run.objects.filter(pk=self._run.pk, lease_token=self._lease.token).update(waits_for=told)

    def _asked_to_end(self) -> bool:
        return Run.objects.filter(pk=self._run.pk, cancel_requested_at__isnull=False).exists()


def _lasting(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
