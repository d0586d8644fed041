"""What is done every now and then while a run is planned."""

import time
from collections.abc import Callable

from syncs.engine.lease import Lease
from syncs.models import Run


class Cancelled(Exception):
    """Somebody cancelled the run before anything of it was sent."""


class Pulse:
    """After each chunk that is planned: is the lease ours, did somebody cancel, what do people see?"""

    def __init__(self, run: Run, lease: Lease, look: Callable[[], None]) -> None:
        self._run = run
        self._lease = lease
        self._look = look
        self._next = 0.0

    def __call__(self, read: int) -> None:
        self._beat(f"Reading the model: {read:,} rows so far.")

    def compared(self, rows: int) -> None:
        self._beat(f"Comparing with what was last sent: {rows:,} rows so far.")

    def _beat(self, told: str) -> None:
        self._lease.demand()
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 1
        Run.objects.filter(pk=self._run.pk, lease_token=self._lease.token).update(waits_for=told)
        self._look()
        if Run.objects.filter(pk=self._run.pk, cancel_requested_at__isnull=False).exists():
            raise Cancelled
