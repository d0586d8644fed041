"""A running installation: `manage.py up` with a folder and a database of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import environ
import psutil
from django.conf import settings
from django.db import connections
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from destinations.models import Connection, RemoteAccount
from syncadmin.supervisor.processes import MARK
from syncadmin.teams.models import Team
from syncs.models import QueryModel, Run, Source, Sync
from tests.databases import IS_POSTGRES, copy_database, copy_file

ALIAS = "instance"


def new_database(folder: Path) -> str:
    """The address of a migrated database, of the kind that this run of the suite is about."""
    if IS_POSTGRES:
        return copy_database(f"instance_{uuid4().hex[:12]}")
    (folder / "data").mkdir(exist_ok=True)
    return copy_file(folder / "data" / "syncadmin.sqlite3")


@dataclass
class Instance:
    folder: Path
    database_url: str
    environment: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def alias(self) -> str:
        """Of its database, in this process, while that is at hand."""
        return ALIAS

    @property
    def database_name(self) -> str:
        return self.database_url.split("?")[0].rsplit("/", 1)[1]

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def env(self) -> dict[str, str]:
        kept = ("PATH", "HOME", "LANG")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "ENV_FILE": "",
            "DATA_DIR": str(self.data_dir),
            "DATABASE_URL": self.database_url,
            "SECRET_KEY": settings.SECRET_KEY,  # so that a test can sign a task for its queue
            "STUCK_SECONDS": "2",
            "WORKERS": "2",
            "WEB_WORKERS": "1",
            **self.environment,
        }

    # Its commands

    def manage(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), *command],
            env=self.env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Start `manage.py up`; what it says goes to FOLDER/log."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(settings.BASE_DIR / "manage.py"), "up", *options],
                env=self.env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        self.started.append(process)
        return process

    def start_pool(self) -> subprocess.Popen[bytes]:
        """Start `manage.py up --no-web` and wait until its pool is complete."""
        process = self.start("--no-web")
        self.wait_for_pool()
        return process

    def wait_for_pool(self, *, without: Sequence[psutil.Process] = ()) -> None:
        """Wait for main, sentinel, two workers, monitor and pusher, none of them in `without`."""
        self.wait(lambda: len(self.pool()) == 6 and not set(self.pool()) & set(without), "a pool")

    # Its processes

    def children(self) -> list[psutil.Process]:
        """All living processes that a supervisor of this instance started, orphans included."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK, "").endswith(f"@{self.data_dir}"):
                    found.append(process)
        return found

    def pool(self) -> list[psutil.Process]:
        """The pool: its main process first, then the sentinel, then the rest."""
        found = []
        for process in self.children():
            with contextlib.suppress(psutil.Error):
                if "qcluster" in process.cmdline():
                    found.append(process)
        return sorted(found, key=lambda process: process.create_time())

    def idle_workers(self) -> list[psutil.Process]:
        """The two that wait for tasks: forked right after the sentinel."""
        return self.pool()[2:4]

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def heartbeat(self) -> dict[str, Any]:
        path = self.data_dir / "run" / "supervisor.json"
        with contextlib.suppress(FileNotFoundError):
            return dict(json.loads(path.read_text()))
        return {}

    def wait(self, is_true: Callable[[], bool], what: str, *, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not is_true():
            assert time.monotonic() < end, f"Waited {seconds} s in vain for {what}.\n{self.log()[-4000:]}"
            time.sleep(0.1)

    def close(self) -> None:
        """End everything, however a test left it."""
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
        while found := self.children():
            for child in found:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            time.sleep(0.05)

    # Its data

    def make_due_run(self) -> Run:
        """A run that waits for a worker. Its source is not there, so a worker ends it at once."""
        team = Team.objects.using(ALIAS).create(slug="acme", name="Acme")
        source = Source.objects.using(ALIAS).create(
            team=team, name="files", kind="duckdb", options={"path": "nowhere"}
        )
        model = QueryModel.objects.using(ALIAS).create(
            team=team, source=source, name="leads", sql="select 1 as id", primary_key=["id"]
        )
        account = RemoteAccount.objects.using(ALIAS).create(team=team, destination="qualified")
        connection = Connection.objects.using(ALIAS).create(
            team=team, account=account, name="qualified", destination="qualified"
        )
        sync = Sync.objects.using(ALIAS).create(
            team=team,
            name="leads-to-qualified",
            model=model,
            connection=connection,
            object_key="leads",
            upsert_key="email",
        )
        return Run.objects.using(ALIAS).create(
            team=team, sync=sync, number=1, generation=1, due_at=timezone.now()
        )

    def was_served(self, run: Run) -> bool:
        return Run.objects.using(ALIAS).get(pk=run.pk).served_at is not None

    def queue(self, function: str, *args: Any) -> None:
        """Put a task into its queue."""
        task = {
            "id": "f" * 32,
            "name": "of-a-test",
            "func": function,
            "args": args,
            "kwargs": {},
            "started": timezone.now(),
            "ack_failure": True,
        }
        OrmQ.objects.using(ALIAS).create(
            key="syncadmin", payload=SignedPackage.dumps(task), lock=timezone.now()
        )

    def is_working(self) -> bool:
        """Whether a task of the queue was taken."""
        return OrmQ.objects.using(ALIAS).filter(lock__gt=timezone.now()).exists()


@contextlib.contextmanager
def database_at_hand(instance: Instance) -> Iterator[None]:
    """While this lasts, Django knows the instance's database by its alias."""
    config = environ.Env.db_url_config(instance.database_url)
    options = {**settings.DATABASES["default"].get("OPTIONS", {}), **config.get("OPTIONS", {})}
    connections.databases[instance.alias] = {**settings.DATABASES["default"], **config, "OPTIONS": options}
    try:
        yield
    finally:
        for connection in connections.all(initialized_only=True):
            if connection.alias == instance.alias:
                connection.close()
                del connections[instance.alias]
        del connections.databases[instance.alias]


def press_ctrl_c(process: subprocess.Popen[bytes]) -> None:
    """As a terminal does it: to everything in the foreground, which is its process group."""
    os.killpg(process.pid, signal.SIGINT)
