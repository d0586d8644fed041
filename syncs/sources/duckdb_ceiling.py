"""A ceiling over this process's memory while DuckDB works in it.

DuckDB's own limit counts what it joins and sorts, not what a function makes: repeat('x', 4000000000) took all
that the machine had, in the process that serves the pages. The kernel refuses what goes beyond the ceiling,
and DuckDB tells it as memory that it may not have. Linux counts so (RLIMIT_DATA); elsewhere nothing is done.
"""

import re
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEGABYTE = 1_000_000
BESIDE = 1_000 * MEGABYTE  # for all else that the process does meanwhile
_STATUS = Path("/proc/self/status")


class _Ceiling:
    """What the queries that are open now may have together; the limit is the process's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._promised = 0
        self._usual = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        self._base = 0

    def change(self, by: int) -> None:
        with self._lock:
            if not self._promised:
                self._usual, self._base = resource.getrlimit(resource.RLIMIT_DATA), _used()
            self._promised += by
            soft, hard = self._usual
            if self._promised and self._base:
                wanted = self._base + BESIDE + self._promised
                soft = wanted if soft == resource.RLIM_INFINITY else min(soft, wanted)
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


_ceiling = _Ceiling()


@contextmanager
def ceiling(megabytes: int) -> Iterator[None]:
    """Within it the process gets no more than a query of so many megabytes needs, and something beside."""
    own = (2 * megabytes + 500) * MEGABYTE  # threads and files take some, too
    _ceiling.change(own)
    try:
        yield
    finally:
        _ceiling.change(-own)


def _used() -> int:
    """Bytes that the process has now, as the kernel counts them; 0 where it does not tell."""
    try:
        found = re.search(r"^VmData:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
