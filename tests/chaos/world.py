"""A world to break: a database, files, a configuration, a stand-in, and the product's processes.

Everything is done as a user does it: by `manage.py` in processes of their own with a clean environment.
Processes are known by a mark in their environment, so that orphans of killed parents are found too.
"""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeAlias
from uuid import uuid4

import orjson
import psutil
import psycopg

from tests.chaos import evidence, people, warm
from tests.chaos.clockwork import Clock
from tests.chaos.evidence import Evidence, Interruption
from tests.chaos.warm import Forked, Warm

ROOT = Path(__file__).resolve().parents[2]
MARK = "CHAOS_WORLD"
Process: TypeAlias = subprocess.Popen[bytes] | Forked
SYNC = "leads-to-qualified"
VALUES = ("Anna", "Bruno", "Chiara", "Dmitri")
OVER = ("succeeded", "attention", "stopped", "cancelled")

# The published waits suit jobs of minutes; a tester sets them for a service whose jobs take seconds. The
# second is longer than any job of the stand-in takes.
QUICK = "poll_seconds: 0.2\nsettle_seconds: 6"

CONFIGURATION = """\
team: acme
sources:
  files: {{type: duckdb, path: "."}}
models:
  leads: {{source: files, sql: "select * from 'leads.csv'", primary_key: id}}
connections:
  qualified:
    destination: qualified
    api_key: "${{QUALIFIED_API_KEY}}"
    base_url: "{base_url}"
    batch_size: {batch_size}
{extra}
syncs:
  leads-to-qualified:
    model: leads
    connection: qualified
    object: leads
    mode: upsert
    mapping:
      email: email
      first_name: given_name
      last_name: family_name
      Lead_Score__c: score
      phone: phone
      Stage__c: stage
      Opted_In__c: opted_in
      Notes__c: notes
      title: {{value: "VP"}}
      company.industry: industry
"""


class StandIn:
    """The stand-in's process, and its control."""

    def __init__(
        self, folder: Path, *, seed: int, faults: Mapping[str, Any], arguments: Sequence[str]
    ) -> None:
        self.journal = folder / "journal.jsonl"
        self._complaints = folder / "stand-in.err"
        self._errors = self._complaints.open("ab")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.chaos.stand_in",
                "--log",
                str(self.journal),
                "--seed",
                str(seed),
                "--faults",
                orjson.dumps(faults).decode(),
                *arguments,
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()
        assert self.url, self.complaints()

    def _control(self, path: str, body: Any = None) -> Any:
        data = None if body is None else orjson.dumps(body)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(
            urllib.request.Request(f"{self.url}/_control/{path}", data=data), timeout=30
        ) as reply:
            return orjson.loads(reply.read())

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self._control("state")
        return found

    def counts(self) -> dict[str, int]:
        """How many requests, jobs, items there were."""
        found: dict[str, int] = self._control("counts")
        return found

    def faults(self, **switches: Any) -> None:
        self._control("faults", switches)

    def account(self, **settings: Any) -> None:
        self._control("account", settings)

    def evidence(self) -> Evidence:
        return evidence.read(self.journal)

    def complaints(self) -> str:
        """What the process itself had to say: nothing, if all is well with it."""
        return self._complaints.read_text(errors="replace")

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """The key is not the right one any more, for a while."""
        self.account(key="another-key")
        try:
            yield
        finally:
            self.account(key="right-key")

    def wait_for(self, seconds: float, *, jobs: int) -> None:
        """Wait until at least so many jobs were accepted."""
        wait_until(lambda: self.counts().get("jobs", 0) >= jobs, seconds, "a job at the stand-in")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()
        self._errors.close()


@dataclass
class World:
    """One instance of the product with a state of its own, and the stand-in it writes to."""

    folder: Path
    database_url: str
    stand_in: StandIn
    rows: list[people.Row]
    batch_size: int = 20
    pace: str = QUICK
    program: tuple[str, ...] = (str(ROOT / "manage.py"),)
    extra: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    interruptions: list[Interruption] = field(default_factory=list)
    clock: Clock | None = None
    mark: str = field(default_factory=lambda: uuid4().hex)
    sync: str = SYNC
    _known: dict[int, float] = field(default_factory=dict)
    _logs: list[IO[bytes]] = field(default_factory=list)
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _managed: int = 0
    _warm: Warm | None = None
    _warms: list[Warm] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("data", "files"):
            (self.folder / name).mkdir(exist_ok=True)
        self.write_rows()
        self.write_configuration()

    # The world's contents

    def write_rows(self) -> None:
        people.write(self.folder / "files" / "leads.csv", self.rows)

    def write_configuration(self, text: str = CONFIGURATION) -> None:
        indented = "".join(f"    {line}\n" for line in f"{self.pace}\n{self.extra}".splitlines())
        filled = text.format(base_url=self.stand_in.url, batch_size=self.batch_size, extra=indented)
        (self.folder / "syncs.yaml").write_text(filled)

    def with_a_clock(self) -> Clock:
        """From now on the product's processes go by a clock of the test."""
        self.program = ("-m", "tests.chaos.clockwork")
        self.clock = Clock(self.folder / "clock")
        self.clock.step(0)
        return self.clock

    def right_the_clock(self) -> None:
        """Nothing waits any more for a time that the clock once showed."""
        if self.clock:
            self.clock.catch_up()
            self.noted("clock")
            self.noted("kill")

    @property
    def is_postgres(self) -> bool:
        return not self.database_url.startswith("sqlite:")

    @property
    def good_rows(self) -> list[people.Row]:
        """The rows that are sent and have no twin."""
        held = {row.email for row in self.rows if row.fate == "held back"}
        return [row for row in self.rows if row.fate == "sent" and row.email not in held]

    def email_of(self, id: str) -> str:
        """The tidied address in the row with this primary key."""
        found = next(row for row in self.rows if row.id == id)
        return found.columns["email"].strip().lower()

    def change(self, id: str, **columns: str) -> None:
        """Change columns of one good row at the source, and what is expected with them."""
        self.rows = [people.changed(row, **columns) if row.id == id else row for row in self.rows]
        self.write_rows()

    def change_some(self, dice: random.Random) -> None:
        """A fifth of the rows get another value, of four only: so that a row often goes there and back."""
        rows = self.good_rows
        chosen = {row.id for row in dice.sample(rows, len(rows) // 5)}
        self.rows = [
            people.changed(row, given_name=dice.choice(VALUES)) if row.id in chosen else row
            for row in self.rows
        ]
        self.write_rows()

    @property
    def env(self) -> dict[str, str]:
        """All that the product's processes see of the outside."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
            "ENV_FILE": "",
            "DATA_DIR": str(self.folder / "data"),
            "FILES_DIR": str(self.folder / "files"),
            "DATABASE_URL": self.database_url,
            "QUALIFIED_API_KEY": "right-key",
            MARK: self.mark,
            **({"CLOCK_FILE": str(self.clock.file)} if self.clock else {}),
            **self.environment,
        }

    # The product's commands

    def start(self, *command: str, log: str = "manage") -> Process:
        """Start `manage.py …` in a session of its own. Output goes to FOLDER/log.out and log.err."""
        if command[0] in warm.COMMANDS:
            paths = {"out": self.folder / f"{log}.out", "err": self.folder / f"{log}.err"}
            return self._warm_one().start(*command, **paths)
        out, err = (self.folder / f"{log}.out").open("wb"), (self.folder / f"{log}.err").open("ab")
        self._logs += [out, err]
        process = subprocess.Popen(
            [sys.executable, *self.program, *command],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def manage(
        self, *command: str, seconds: float = 240, expect: Sequence[int] = (0,)
    ) -> subprocess.CompletedProcess[str]:
        """Run `manage.py …` to its end and demand its exit code."""
        self._managed += 1
        log = f"manage-{self._managed}"
        code = self.start(*command, log=log).wait(seconds)
        out, err = ((self.folder / f"{log}.{end}").read_text(errors="replace") for end in ("out", "err"))
        done = subprocess.CompletedProcess(command, code, out, err)
        assert not expect or done.returncode in expect, (
            f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def _warm_one(self) -> Warm:
        """A process that forks for commands of this program, in this environment."""
        made_for = (self.program[-1], self.env)
        if self._warm is None or self._warm.made_for != made_for or self._warm.process.poll() is not None:
            if self._warm:
                self._warms.append(self._warm)
            self._warm = Warm(made_for[0], folder=self.folder, environment=self.env)
        return self._warm

    def apply(self) -> None:
        self.manage("apply", "--no-test", str(self.folder / "syncs.yaml"))

    def run(self, *options: str, expect: Sequence[int] = (0, 1), seconds: float = 240) -> dict[str, Any]:
        """Run the sync in the foreground to its end: what `--json` printed, and `exit`."""
        done = self.manage("run", self.sync, "--json", *options, expect=expect, seconds=seconds)
        return {**(orjson.loads(done.stdout) if done.stdout.strip() else {}), "exit": done.returncode}

    # The destination, as far as every strike needs it

    def request_count(self) -> int:
        """How many requests have come in there."""
        return self.stand_in.counts().get("requests", 0)

    def refusing(self) -> contextlib.AbstractContextManager[None]:
        """It refuses the key meanwhile."""
        return self.stand_in.refusing()

    # The product's processes

    def processes(self) -> list[psutil.Process]:
        """Every living process of this world, orphans included, the stand-in not."""
        found = []
        warm_ones = {one.process.pid for one in (*self._warms, self._warm) if one}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                is_ours = process.environ().get(MARK) == self.mark
                if is_ours and process.pid not in warm_ones and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def watch(self) -> None:
        """Note processes that have gone since the last look: the product ends its own pools too."""
        living = {process.pid: process.create_time() for process in self.processes()}
        for pid, born in self._known.items():
            if living.get(pid) != born:
                self.interruptions.append(Interruption("kill", time.time()))
        self._known = living

    def kill(self, victims: Sequence[psutil.Process]) -> None:
        """Kill -9, the way it comes: no warning, no order."""
        for process in victims:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        self.interruptions.append(Interruption("kill", time.time()))

    def put_to_sleep(self, process: psutil.Process | Process) -> None:
        """Stop it for a while (SIGCONT wakes it up); what it has in hand is as good as lost."""
        process.send_signal(signal.SIGSTOP)
        while not self.is_postgres and self.is_locked():  # in the middle of a write it would stop everybody
            process.send_signal(signal.SIGCONT)
            time.sleep(0.02)
            process.send_signal(signal.SIGSTOP)
        self.noted("kill")

    def cut_connections(self) -> None:
        """PostgreSQL ends every connection that the product has open."""
        self.query(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        self.noted("kill")

    def noted(self, what: str) -> None:
        self.interruptions.append(Interruption(what, time.time()))

    def close(self) -> None:
        while found := self.processes():
            self.kill(found)
            time.sleep(0.05)
        for process in self._started:
            process.wait()
        for one in (*self._warms, self._warm):
            if one:
                one.end()
        self.stand_in.stop()
        for log in self._logs:
            log.close()

    # The product's tables, read from outside

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the app's database, without going through the app."""
        if not self.is_postgres:
            path = self.database_url.removeprefix("sqlite:///")
            with contextlib.closing(
                sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
            ) as connection:
                connection.row_factory = sqlite3.Row
                return [dict(row) for row in connection.execute(sql)]
        with psycopg.connect(self.database_url, row_factory=psycopg.rows.dict_row) as server:
            return list(server.execute(sql.encode()))

    def is_locked(self) -> bool:
        """Whether somebody is in the middle of a write to the SQLite file."""
        path = self.database_url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path, timeout=0.1, isolation_level=None)) as connection:
            try:
                connection.execute("begin immediate")
            except sqlite3.OperationalError:
                return True
            connection.execute("rollback")
            return False

    def runs(self) -> list[dict[str, Any]]:
        return self.query("select * from syncs_run order by id")

    def wait_until_over(self, seconds: float) -> dict[str, Any]:
        """Wait for the last run to end; its row."""
        wait_until(lambda: bool(self.runs()) and self.runs()[-1]["status"] in OVER, seconds, "the run's end")
        return self.runs()[-1]

    def tail(self) -> str:
        """The ends of all logs and what became of the runs, for a failed assertion."""
        parts = [
            f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in self.folder.glob("*.err")
        ]
        with contextlib.suppress(psycopg.Error, sqlite3.Error):
            parts += [f"--- run {run['id']}\n{run}" for run in self.runs()[-5:]]
        return "\n".join(parts)


def wait_until(is_true: Any, seconds: float, what: str) -> None:
    """Look ten times a second. AssertionError when it never came."""
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.1)
