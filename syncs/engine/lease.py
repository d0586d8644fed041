"""The lease on a run: one worker at a time, fenced.

A thread renews it every RENEW_EVERY seconds; it expires after LASTS. Whoever holds it carries its token
into every write; a worker whose renewal failed sends nothing more.
"""

import os
import socket
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self
from uuid import UUID, uuid4

import psutil
from django.db import close_old_connections, connection
from django.db.models import Q
from django.utils import timezone

from syncs.models import Run

LASTS = 45.0
RENEW_EVERY = 10.0
FARTHEST = 3 * LASTS  # from now to an expiry; the clocks of machines may differ by as much as one lasts
MARGIN = 5.0  # before the expiry from which on nothing is sent


class LostLease(Exception):
    """Another worker has the run now, or our renewal failed: stop without a trace."""


class Lease:
    """Held from `take` until the end of its `with` block, renewed by a thread of its own.

    `former` is the token of a holder that died with it: what that one had taken is free again.
    """

    def __init__(self, run_id: int, token: UUID, former: UUID | None = None) -> None:
        self.run_id = run_id
        self.token = token
        self.former = former
        self._good_until = time.monotonic() + LASTS
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease-{run_id}", daemon=True)

    @classmethod
    def take(cls, run: Run) -> Self | None:
        """The run's lease, if no live worker holds it."""
        token, now = uuid4(), timezone.now()
        free = Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lt=now)
        if is_void(run.lease_holder, run.lease_expires_at, now):
            free |= Q(lease_token=run.lease_token)
        taken = (
            Run.objects.active()
            .filter(free, pk=run.pk)
            .update(
                lease_token=token,
                lease_expires_at=now + timedelta(seconds=LASTS),
                lease_holder=this_holder(),
                served_at=now,
            )
        )
        return cls(run.pk, token, run.lease_token) if taken else None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        Run.objects.filter(pk=self.run_id, lease_token=self.token).update(
            lease_token=None, lease_expires_at=None, lease_holder=""
        )

    @property
    def is_held(self) -> bool:
        return time.monotonic() < self._good_until - MARGIN

    def demand(self) -> None:
        """LostLease unless the lease is surely ours."""
        if not self.is_held:
            self.lose()

    def fence(self) -> None:
        """In a transaction: LostLease unless the lease is ours in the database, where it stays until the end.

        For writes that have no condition of their own: a worker may have slept since it last looked.
        """
        ours = Run.objects.filter(pk=self.run_id, lease_token=self.token)
        if ours.select_for_update(no_key=True).values_list("pk").first() is None:
            self.lose()

    def lose(self) -> NoReturn:
        """A fenced write met another worker's lease."""
        self._good_until = 0
        raise LostLease

    def _renew(self) -> None:
        while not self._done.wait(RENEW_EVERY):
            asked = time.monotonic()
            try:
                renewed = Run.objects.filter(pk=self.run_id, lease_token=self.token).update(
                    lease_expires_at=timezone.now() + timedelta(seconds=LASTS)
                )
            except Exception:
                close_old_connections()
                continue
            if not renewed:
                self._good_until = 0
                break
            if self._good_until:
                self._good_until = asked + LASTS
        connection.close()


def this_holder() -> str:
    """Names this very process: machine, boot, process namespace, process and its start."""
    return f"{_place()} {os.getpid()} {_born(psutil.Process())}"


def is_void(holder: str, expires_at: datetime | None, now: datetime) -> bool:
    """Whether a lease that has not expired is none: its holder is surely dead, or ran elsewhere and the lease
    ends later than one can, so that the clock was put back since.
    """
    if not holder or expires_at is None:
        return False
    is_far = expires_at - now > timedelta(seconds=FARTHEST)
    return holder_is_dead(holder) or (is_far and not holder.startswith(f"{_place()} "))


def holder_is_dead(holder: str) -> bool:
    """True where the holder ran in this very place and is surely gone. False where we cannot know."""
    place, _, rest = holder.rpartition(" ")
    place, _, pid = place.rpartition(" ")
    if place != _place() or not pid.isdecimal():
        return False
    try:
        process = psutil.Process(int(pid))
        return _born(process) != rest or process.status() == psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return True
    except psutil.Error:
        return False


def _born(process: psutil.Process) -> str:
    """When a process was started. Linux counts it from the boot, which setting the clock does not change: by
    the clock's time all that live would seem to be others then.
    """
    told = Path(f"/proc/{process.pid}/stat")
    if not told.exists():
        return f"{process.create_time():.2f}"
    return told.read_text(errors="replace").rpartition(")")[2].split()[19]  # `starttime`, see proc(5)


def _place() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id")
    space = Path("/proc/self/ns/pid")
    return "/".join(
        (
            socket.gethostname(),
            boot.read_text().strip() if boot.exists() else "",
            os.readlink(space) if space.is_symlink() else "",
        )
    )
