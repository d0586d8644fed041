"""Children as groups of processes: start one, find all of it, end all of it.

Every process of a child carries a mark in its environment: the service's name and our DATA_DIR. Children
of children inherit it, so that orphans are found even when their parents, and the supervisor that started
them, were killed. A process id alone proves nothing: it may be another program's by now.
"""

import contextlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from syncadmin.supervisor import leash

MARK = "SYNCADMIN_SERVICE"
LOOK_SECONDS = 0.1
KILL_SECONDS = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """A program to keep running. `answers_at`: address and port where it answers when it is ready."""

    name: str
    argv: tuple[str, ...]
    answers_at: tuple[str, int] | None = None


def mark_of(name: str, data_dir: Path) -> str:
    return f"{name}@{data_dir}"


def start(
    service: Service, mark: str, *, folder: Path, env: Mapping[str, str], output: IO[str] | None = None
) -> subprocess.Popen[bytes]:
    """Start it in a process group of its own (Ctrl-C is ours to handle), ending with us."""
    command = [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), *service.argv]
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**env, MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        process_group=0,
    )


def find(mark: str) -> list[psutil.Process]:
    """Every living process that carries the mark. (The dead that nobody has buried show no environment.)"""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                found.append(process)
        except psutil.Error:
            continue  # it ended just now, or is not ours to look at
    return found


def _is_main(process: psutil.Process) -> bool:
    """Whether it is the one that was started: the head of its process group."""
    try:
        return os.getpgid(process.pid) == process.pid
    except ProcessLookupError:
        return False


def terminate(mark: str) -> bool:
    """Ask the main process to end (the others are its own to end). False: there is none any more."""
    mains = [process for process in find(mark) if _is_main(process)]
    for process in mains:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    return bool(mains)


def kill(mark: str) -> int:
    """End every process with the mark at once; return how many there were.

    It looks again until none is left: one of them may have been about to start another.
    """
    killed: set[psutil.Process] = set()
    deadline = time.monotonic() + KILL_SECONDS
    while left := find(mark):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        killed.update(left)
        if time.monotonic() > deadline:  # the kernel holds it: in a call to a disk that is gone, say
            log.error("Processes %s cannot be killed.", ", ".join(str(process.pid) for process in left))
            break
        time.sleep(LOOK_SECONDS)
    return len(killed)


def clear(mark: str, *, patience: float) -> int:
    """Ask for the end, wait up to `patience` seconds, then end what is left. Return how many there were."""
    found = find(mark)
    if found and terminate(mark):
        deadline = time.monotonic() + patience
        while find(mark) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
    kill(mark)
    return len(found)
