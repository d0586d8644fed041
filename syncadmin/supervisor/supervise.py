"""The supervisor's loop: keeps the services running until it is told to stop, then ends them in order."""

import fcntl
import json
import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO, Any, TypeAlias

from syncadmin.supervisor import processes
from syncadmin.supervisor.decisions import LONG_LIFE_SECONDS, PoolWatch, pause_before_start
from syncadmin.supervisor.doorbells import Watcher
from syncadmin.supervisor.processes import Service

STEP_SECONDS = 0.2
BEAT_SECONDS = 2.0
STOP_SECONDS = 30.0
ORPHAN_SECONDS = 5.0
STUCK_POOL_SECONDS = 2.0  # it rarely ends when asked, and has nothing in hand

log = logging.getLogger(__name__)


class CannotStart(Exception):
    """The services cannot be started here. The message says why and what to do."""


Place: TypeAlias = tuple[str, int, str]  # address, port, and how to choose another, for people


@contextmanager
def take_over(services: Sequence[Service], places: Sequence[Place], *, data_dir: Path) -> Iterator[None]:
    """Be the only supervisor of this DATA_DIR, with nothing left over from the last and all ports free.

    CannotStart where that is not to be had.
    """
    with _the_only_one(data_dir / "run"):
        for service in services:
            processes.clear(processes.mark_of(service.name, data_dir), patience=ORPHAN_SECONDS)
        for place in places:
            _must_be_free(*place)
        yield


def _the_only_one(run_dir: Path) -> IO[str]:
    """Take the lock, for as long as the file that is returned stays open."""
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (run_dir / "supervisor.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "?"
        lock.close()
        raise CannotStart(
            f"Syncadmin is already running on {run_dir.parent} (process {holder}). "
            "Stop that one first, or give this one a DATA_DIR of its own."
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _must_be_free(address: str, port: int, how: str) -> None:
    """Raise CannotStart where nobody could listen there."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
    except OSError as error:
        raise CannotStart(
            f"Port {port} on {address} cannot be used ({error.strerror or error}). "
            f"Stop the program that has it, or choose another: {how}."
        ) from None


@dataclass(slots=True)
class Child:
    """A service and the process that runs it now, if any. Times are monotonic seconds."""

    service: Service
    mark: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    started_at: datetime | None = None
    start_after: float = 0.0
    start_count: int = 0
    early_deaths: int = 0

    @property
    def is_ready(self) -> bool:
        """Whether it runs and, where it says where, somebody answers."""
        if self.process is None or self.service.answers_at is None:
            return self.process is not None
        try:
            socket.create_connection(self.service.answers_at, timeout=0.5).close()
        except OSError:
            return False
        return True


class Supervisor:
    """Runs services until SIGTERM, SIGHUP or Ctrl-C. Call `run()` from the main thread, once."""

    def __init__(
        self,
        services: Sequence[Service],
        *,
        data_dir: Path,
        folder: Path,
        watcher: Watcher | None,
        pool_watch: PoolWatch,
        output: IO[str] | None = None,
    ) -> None:
        """`output` is where the services write, None for where we do."""
        self.children = [Child(s, processes.mark_of(s.name, data_dir)) for s in services]
        self.run_dir = data_dir / "run"
        self.folder = folder
        self.watcher = watcher
        self.pool_watch = pool_watch
        self.output = output
        self.started_at = datetime.now(UTC)
        self.beat_after = 0.0
        self.healed_count = 0
        self.healed_at: datetime | None = None
        self.is_stopping = False
        self.is_in_a_hurry = False

    def run(self) -> None:
        """Start everything, keep it running, and end it when told to."""
        signal.signal(signal.SIGTERM, self._hear)
        signal.signal(signal.SIGINT, self._hear)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup means to go on without a terminal
            signal.signal(signal.SIGHUP, self._hear)
        if self.watcher:
            self.watcher.start()
        try:
            while not self.is_stopping:
                self._step()
                time.sleep(STEP_SECONDS)
        finally:
            self._stop()

    def _hear(self, signum: int, frame: FrameType | None) -> None:
        if self.is_stopping and signum == signal.SIGINT:
            self.is_in_a_hurry = True
        self.is_stopping = True

    def _step(self) -> None:
        if self.watcher:
            self.watcher.step()
        for child in self.children:
            status = child.process.poll() if child.process else None
            if status is not None:
                self._bury(child, status)
            if child.process is None and time.monotonic() >= child.start_after:
                self._start(child)
        self._heal()
        if time.monotonic() >= self.beat_after:
            self._beat()

    def _start(self, child: Child) -> None:
        if killed := processes.kill(child.mark):
            log.warning("Ended %s left-over processes of the %s.", killed, child.service.name)
        # The pages offer the sandbox where it runs beside them.
        beside = {"SANDBOX": "1"} if any(c.service.name == "sandbox" for c in self.children) else {}
        env = {**os.environ, **beside}
        child.process = processes.start(
            child.service, child.mark, folder=self.folder, env=env, output=self.output
        )
        child.started = time.monotonic()
        child.started_at = datetime.now(UTC)
        child.start_count += 1
        self.beat_after = 0.0

    def _bury(self, child: Child, status: int) -> None:
        """Its main process has ended: end the rest of it, and say when it is started again."""
        lived = time.monotonic() - child.started
        child.process = None
        processes.kill(child.mark)
        child.early_deaths = child.early_deaths + 1 if lived < LONG_LIFE_SECONDS else 1
        pause = pause_before_start(child.early_deaths)
        child.start_after = time.monotonic() + pause
        log.warning(
            "The %s ended by itself (%s) and is started again%s.",
            child.service.name,
            _words(status),
            f" in {pause:.0f} s" if pause else "",
        )
        if child.service.name == "worker":
            self.pool_watch.restarted()

    def _heal(self) -> None:
        """Replace a pool that takes no work although work is due."""
        glance = self.watcher.latest if self.watcher else None
        child = next((c for c in self.children if c.service.name == "worker"), None)
        if glance is None or child is None or child.process is None:
            return
        if glance is self.pool_watch.last or glance.at < child.started:
            return
        if not self.pool_watch.is_stuck(glance):
            return
        log.warning("The worker takes no work although work is due: it is replaced.")
        processes.clear(child.mark, patience=STUCK_POOL_SECONDS)
        child.process.wait()
        child.process = None
        self.pool_watch.replaced()
        self.healed_count += 1
        self.healed_at = datetime.now(UTC)
        self._start(child)

    def _stop(self) -> None:
        """End the children: the main process of each is asked, the sandbox last, the rest is killed."""
        if self.watcher:
            self.watcher.end()
        deadline = time.monotonic() + STOP_SECONDS
        last = [c for c in self.children if c.service.name == "sandbox"]
        for group in ([c for c in self.children if c not in last], last):
            for child in group:
                if child.process is not None and child.process.poll() is None:
                    child.process.terminate()
            while any(c.process is not None and c.process.poll() is None for c in group):
                if self.is_in_a_hurry or time.monotonic() > deadline:
                    break
                time.sleep(STEP_SECONDS / 4)
        for child in self.children:
            if processes.kill(child.mark) and not self.is_in_a_hurry:
                log.warning("The %s did not end in %.0f s and was killed.", child.service.name, STOP_SECONDS)
            if child.process is not None:
                child.process.wait()
        (self.run_dir / "supervisor.json").unlink(missing_ok=True)

    def _beat(self) -> None:
        """Write what runs to DATA_DIR/run/supervisor.json, for pages and people."""
        self.beat_after = time.monotonic() + BEAT_SECONDS
        state = {
            "pid": os.getpid(),
            "started_at": self.started_at.isoformat(),
            "beat_at": datetime.now(UTC).isoformat(),
            "healed_count": self.healed_count,
            "healed_at": self.healed_at.isoformat() if self.healed_at else None,
            "queue_problem": self.watcher.problem if self.watcher else "",
            "services": {child.service.name: _state(child) for child in self.children},
        }
        draft = self.run_dir / ".supervisor.json"
        try:
            draft.write_text(json.dumps(state, indent=1))
            draft.replace(self.run_dir / "supervisor.json")
        except OSError as error:
            log.warning("The heartbeat cannot be written: %s", error)  # a full disk stops no service


def _state(child: Child) -> dict[str, Any]:
    return {
        "pid": child.process.pid if child.process else None,
        "started_at": child.started_at.isoformat() if child.started_at else None,
        "start_count": child.start_count,
    }


def _words(status: int) -> str:
    if status >= 0:
        return f"exit code {status}"
    return f"signal {signal.Signals(-status).name}"
