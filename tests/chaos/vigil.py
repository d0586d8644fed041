"""Watches the product's runs from outside, while it is killed: is each that is due in somebody's hands?

The hands are those of a living process: a lease that a dead one left is none.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil
import psycopg

LOOK_SECONDS = 0.5


class Vigil(Thread):
    """Looks twice a second at the active runs. `now` is the wall clock as the product sees it.

    `alone` is the longest that a run was due and without a live lease. `stood_still` is the longest that
    work was due, nobody had it in hand and nothing moved, counted anew from each `disturbed()`: the time in
    which the queue heals.
    """

    def __init__(
        self,
        query: Callable[[str], list[dict[str, Any]]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(daemon=True)
        self.alone = 0.0
        self.stood_still = 0.0
        self.looks = 0
        self._query, self._now = query, now
        self._over = Event()
        self._since: dict[int, float] = {}
        self._moved_at = time.monotonic()
        self._seen: object = None

    def run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            with contextlib.suppress(psycopg.Error, sqlite3.Error):  # it was cut off, too
                self._look()

    def disturbed(self) -> None:
        """Something was done to the product: it may take its time to heal from now on."""
        self._moved_at = time.monotonic()

    def end(self) -> None:
        self._over.set()
        self.join()

    def _look(self) -> None:
        rows = self._query(
            "select id, status, due_at, served_at, lease_token, lease_expires_at, lease_holder from syncs_run"
            " where finished_at is null order by id"
        )
        wall, at = self._now(), time.monotonic()
        waiting = {row["id"] for row in rows if _is_waiting(row, wall)}
        self._since = {run: self._since.get(run, at) for run in waiting}
        self.alone = max([self.alone, *(at - since for since in self._since.values())])
        if not waiting or any(_is_held(row, wall) for row in rows) or self._seen != rows:
            self._moved_at = at
        self._seen = rows
        self.stood_still = max(self.stood_still, at - self._moved_at)
        self.looks += 1


def _is_waiting(run: Mapping[str, Any], now: datetime) -> bool:
    return _time(run["due_at"]) <= now and not _is_held(run, now)


def _is_held(run: Mapping[str, Any], now: datetime) -> bool:
    """`lease_holder` ends with a process and when that was born, in the kernel's ticks."""
    if run["lease_expires_at"] is None or _time(run["lease_expires_at"]) <= now:
        return False
    *_, pid, born = run["lease_holder"].split(" ")
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(int(pid))
        return _ticks(process) == born and process.status() != psutil.STATUS_ZOMBIE
    return False


def _ticks(process: psutil.Process) -> str:
    return Path(f"/proc/{process.pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]


def _time(told: str | datetime) -> datetime:
    """A time as the database told it: SQLite's are texts, in UTC."""
    return told if isinstance(told, datetime) else datetime.fromisoformat(told).replace(tzinfo=UTC)
