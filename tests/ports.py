"""Ports for servers that must be told theirs before they start."""

import itertools
import os
import random
import socket
from pathlib import Path

FIRST = 11_000  # a browser refuses to go to some below
LAST = 32_768  # from here on systems give out ports themselves: Linux, unless it says otherwise


def free_port() -> int:
    """A port that nobody has, and that nobody will have who does not ask for this very number.

    To ask the system for any free one and to close it again is not enough: until the server is up, the
    system may give the same to the next connection of anybody. The processes of a suite share no port.
    """
    for port in itertools.islice(_ports, LAST):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("All ports are taken.")


def _of_this_process() -> "itertools.cycle[int]":
    limits = Path("/proc/sys/net/ipv4/ip_local_port_range")
    last = min(LAST, int(limits.read_text().split()[0])) if limits.exists() else LAST
    of = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ours = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    found = [*range(FIRST, last)][ours::of] or [*range(FIRST, LAST)]
    start = random.SystemRandom().randrange(len(found))  # other suites may run here too
    return itertools.cycle([*found[start:], *found[:start]])


_ports = _of_this_process()
