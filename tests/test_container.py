"""The services' own start commands, as their containers run them: nothing to write to but their volumes and
/tmp, a user that is nobody, no rights to gain. A mount namespace stands for the engine. Needs root and Linux.
"""

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.conf import settings

from tests.databases import IS_POSTGRES
from tests.ports import free_port
from tests.postgres import SUPERUSER, Server, postgres_server  # noqa: F401
from tests.test_docker import compose, instructions

NOBODY = 10001
# The parts are put where the image has them, then all becomes read-only but /data and /tmp.
CONTAINER = """
set -e
mount -t tmpfs -o size=64m,mode=755 tmpfs /mnt
mkdir {folders}
{binds}
mount -t tmpfs -o mode=755 tmpfs {home}
mkdir -p {python}
mount --bind /mnt/python {python}
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -o remount,bind,ro /mnt/app
mount -o remount,bind,ro {home}
mount -o remount,bind,ro /mnt
mount -o remount,bind,ro /
cd /mnt/app
exec setpriv --reuid {uid} --regid {uid} --clear-groups --no-new-privs \\
  --inh-caps=-all --bounding-set=-all "$@"
"""


def _can_contain() -> bool:
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("setpriv"):
        return False
    tried = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
    return tried.returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not _can_contain(), reason="needs root, and a system that lets it mount"),
    pytest.mark.skipif(IS_POSTGRES, reason="It has a PostgreSQL of its own: one pass is enough."),
]


@dataclass
class Engine:
    """What an engine does with compose.yaml, as far as it matters here."""

    folder: Path
    database: str
    port: int = field(default_factory=free_port)
    key: str = field(default_factory=lambda: Fernet.generate_key().decode())
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def build(self) -> None:
        """What the Dockerfile copies and collects."""
        app = self.folder / "app"
        app.mkdir(mode=0o755)
        for word, rest in instructions():
            if word == "COPY" and "--from" not in rest and "requirements" not in rest:
                for name in rest.split()[:-1]:
                    source = settings.BASE_DIR / name
                    (shutil.copytree if source.is_dir() else shutil.copy)(source, app / Path(name).name)
        done = subprocess.run(
            [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
            cwd=app,
            env=self.environment("web") | {"DATA_DIR": str(self.folder / "build")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    def environment(self, name: str) -> dict[str, str]:
        """The service's, with what .env would say; each has a /data of its own."""
        said = {
            "SECRET_KEY": "s" * 60,
            "ENCRYPTION_KEYS": self.key,
            "ALLOWED_HOSTS": "localhost",
            "DATABASE_URL": self.database,
            "PORT": str(self.port),
        }
        told = {
            key: str(value).replace("/data", "/mnt/data")
            for key, value in compose()["services"][name]["environment"].items()
        }
        path = "/mnt/venv/bin:/usr/bin:/bin"  # wherever this checkout is: /tmp is another one in there
        return told | said | {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1", "WEB_WORKERS": "1"}

    def run(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        """The command in the service's container."""
        data = self.folder / name
        for volume in ("", "files", "uploads"):
            (data / volume).mkdir(mode=0o700, exist_ok=True)
            os.chown(data / volume, NOBODY, NOBODY)
        python = Path(sys.executable).resolve().parents[1]
        parts = {
            "app": self.folder / "app",
            "data": data,
            "python": python,
            "venv": Path(sys.prefix),
        }
        script = CONTAINER.format(
            folders=" ".join(f"/mnt/{part}" for part in parts),
            binds="\n".join(f"mount --bind {shlex.quote(str(at))} /mnt/{part}" for part, at in parts.items()),
            home=Path.home(),
            python=python,
            uid=NOBODY,
        )
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", script, "container", *command],
                env=self.environment(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        self.running.append(process)
        return process

    def start(self, name: str) -> subprocess.Popen[bytes]:
        return self.run(name, compose()["services"][name]["command"])

    def is_healthy(self, name: str) -> bool:
        """What its health check says."""
        probe = compose()["services"][name]["healthcheck"]["test"]
        command = [part.replace("8000", str(self.port)).replace("/data/", "/mnt/data/") for part in probe[1:]]
        return self.run(name, command).wait(120) == 0

    def wait(self, name: str, seconds: float = 200) -> None:
        end = time.monotonic() + seconds
        while not self.is_healthy(name):
            assert time.monotonic() < end, self.log(name)[-4000:]
            time.sleep(0.5)

    def wait_for_beats(self, count: int) -> None:
        """The pages learn of the worker by the database alone."""
        end = time.monotonic() + 120
        with psycopg.connect(self.database, autocommit=True) as connection:
            while connection.execute("select count(*) from syncs_workerbeat").fetchone() != (count,):
                assert time.monotonic() < end, self.log("worker")[-4000:]
                time.sleep(0.2)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.running:
            process.wait(120)


@pytest.fixture
def alone() -> Iterator[None]:
    """One test at a time on this machine: two namespaces have the same /mnt/data and see each other's
    processes, so that a supervisor would take the other's for what a dead one left over.
    """
    with (Path(tempfile.gettempdir()) / "syncadmin-test-containers.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture
def engine(alone: None, tmp_path: Path, postgres_server: Server) -> Iterator[Engine]:  # noqa: F811
    name = f"syncadmin_{uuid4().hex[:8]}"
    with postgres_server.connect() as connection:
        connection.execute(f'create database "{name}"'.encode())
    engine = Engine(tmp_path, postgres_server.url(user=SUPERUSER, database=name))
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder.is_relative_to("/tmp"):
            folder.chmod(0o755)
    try:
        engine.build()
        yield engine
    finally:
        engine.close()
        with postgres_server.connect() as connection:
            connection.execute(f'drop database "{name}" with (force)'.encode())


def test_the_services_start_read_only_as_nobody_and_become_healthy(engine: Engine):
    web = engine.start("web")
    engine.wait("web")
    worker = engine.start("worker")
    engine.wait("worker")

    engine.wait_for_beats(1)
    made = {
        path.relative_to(engine.folder).parts[1]
        for name in ("web", "worker")
        for path in (engine.folder / name).rglob("*")
    }
    assert made <= {"files", "uploads", "scratch", "run"}
    owners = {path.stat().st_uid for name in ("web", "worker") for path in (engine.folder / name).rglob("*")}
    assert owners == {NOBODY}
    for name in ("web", "worker"):
        assert "Read-only file system" not in engine.log(name)
        assert "Permission denied" not in engine.log(name)
        assert "s" * 60 not in engine.log(name)

    for process in (worker, web):
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(120) == 0
    assert not engine.is_healthy("worker")
    engine.wait_for_beats(0)


def test_a_second_start_finds_the_database_migrated(engine: Engine):
    for _ in range(2):
        web = engine.start("web")
        engine.wait("web")
        os.killpg(web.pid, signal.SIGTERM)
        assert web.wait(120) == 0
    assert engine.log("web").count("Applying syncs.0001_initial") == 1


def test_there_is_nothing_to_write_to_but_data_and_tmp(engine: Engine):
    tries = """
        for place in /mnt/app /mnt /etc /usr /var/tmp /opt; do
          touch $place/x 2>/dev/null && echo wrote $place
        done
        touch /mnt/data/x /tmp/x && id -u
    """
    assert engine.run("web", ["sh", "-c", tries]).wait(120) == 0
    assert engine.log("web").split() == [str(NOBODY)]
