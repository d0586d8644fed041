"""A process that has read the product's code, and forks for each command: reading is most of a short one.

    python -m tests.chaos.warm manage.py        (or tests.chaos.clockwork, tests.chaos.sabotage)

The command is a process of its own as ever, in a session of its own, with the same environment and signals;
it runs the program from its first line, of which the imports are there already. One line of JSON asks for it:
{"arguments": ["run", …], "out": PATH, "err": PATH}. Lines of JSON tell {"pid": 1} and {"pid": 1, "code": 0}.
"""

import contextlib
import importlib
import os
import runpy
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Condition, Thread
from typing import Any, NoReturn

import orjson

COMMANDS = ("run", "cancel", "apply", "shell")


class Warm:
    """The test's end of such a process."""

    def __init__(self, program: str, *, folder: Path, environment: Mapping[str, str]) -> None:
        self.made_for = (program, dict(environment))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.warm", program],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.codes: dict[int, int | None] = {}
        self.changed = Condition()
        self._newest = 0
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self, *arguments: str, out: Path, err: Path) -> "Forked":
        assert self.process.stdin
        asked = {"arguments": arguments, "out": str(out), "err": str(err)}
        with self.changed:
            self._newest = 0
            self.process.stdin.write(orjson.dumps(asked) + b"\n")
            self.process.stdin.flush()
            assert self.changed.wait_for(lambda: self._newest, 200), "the warm process does not answer"
            return Forked(self, self._newest)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            told = orjson.loads(line)
            with self.changed:
                self.codes[told["pid"]] = told.get("code")
                if "code" not in told:
                    self._newest = told["pid"]
                self.changed.notify_all()

    def end(self) -> None:
        """No more commands; those that it started go on without it."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            with contextlib.suppress(OSError):
                pipe.close()


class Forked:
    """One command, with what `subprocess.Popen` has for it."""

    def __init__(self, warm: Warm, pid: int) -> None:
        self._warm, self.pid = warm, pid

    @property
    def returncode(self) -> int | None:
        return self._warm.codes[self.pid]

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        with self._warm.changed:
            if not self._warm.changed.wait_for(lambda: self.returncode is not None, timeout):
                raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, which: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, which)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def serve() -> list[str]:
    """Fork for each command that is asked for; returns in the child, with its arguments."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    os.set_blocking(readable, False)
    signal.set_wakeup_fd(writable)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    awaited = selectors.DefaultSelector()
    awaited.register(0, selectors.EVENT_READ)
    awaited.register(readable, selectors.EVENT_READ)
    asked = b""
    while True:
        for found, _ in awaited.select():
            if found.fd == readable:
                os.read(readable, 4_096)
                _tell_who_ended()
                continue
            if not (more := os.read(0, 65_536)):
                sys.exit()
            *lines, asked = (asked + more).split(b"\n")
            for line in lines:
                wanted = orjson.loads(line)
                if pid := os.fork():
                    _tell(pid=pid)
                    continue
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                awaited.close()
                os.close(readable)
                os.close(writable)
                _become(wanted)
                return [str(one) for one in wanted["arguments"]]


def _become(wanted: Mapping[str, Any]) -> None:
    """A process of its own, which writes where it is told to."""
    os.setsid()
    for fd, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, wanted["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, wanted["err"], os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        opened = os.open(path, flags, 0o644)
        os.dup2(opened, fd)
        os.close(opened)


def _tell_who_ended() -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _tell(pid=ended[0], code=os.waitstatus_to_exitcode(ended[1]))


def _tell(**what: int) -> None:
    os.write(1, orjson.dumps(what) + b"\n")


def main() -> NoReturn:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncadmin.settings")
    import django
    from django.conf import settings

    django.setup()
    importlib.import_module(settings.ROOT_URLCONF)
    for name in COMMANDS[:3]:
        importlib.import_module(f"syncs.management.commands.{name}")
    program = sys.argv[1]
    sys.argv = [program, *serve()]
    if program.endswith(".py"):
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    main()
