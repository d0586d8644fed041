"""`manage.py demo` as somebody sees it who tries the product: real processes, from nothing to Ctrl-C."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import requests
from django.conf import settings

from syncadmin.supervisor.processes import MARK
from tests.databases import IS_POSTGRES
from tests.ports import free_port
from tests.syncadmin.supervisor.instance import press_ctrl_c

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(IS_POSTGRES, reason="The demo shows the embedded default: SQLite."),
]

MANAGE = str(settings.BASE_DIR / "manage.py")
PATIENCE_SECONDS = 300


@dataclass
class Desk:
    """Where somebody sits: a folder of its own, and what the demo printed there."""

    folder: Path
    port: int = field(default_factory=free_port)
    sandbox_port: int = field(default_factory=free_port)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "ENV_FILE": "",
            "DATA_DIR": str(self.folder / "data"),
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "WEB_WORKERS": "1",
        }

    def start(self) -> subprocess.Popen[bytes]:
        with (self.folder / "screen").open("wb") as screen:
            process = subprocess.Popen(
                [sys.executable, MANAGE, "demo"],
                env=self.env,
                cwd=settings.BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=screen,
                process_group=0,
            )
        self.started.append(process)
        return process

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, MANAGE, *words],
            env=self.env,
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    @property
    def screen(self) -> str:
        return (self.folder / "screen").read_text()

    def wait_for(self, words: str) -> str:
        end = time.monotonic() + PATIENCE_SECONDS
        while words not in self.screen:
            log = self.folder / "data" / "logs" / "demo.log"
            told = f"{self.screen}\n{log.read_text() if log.exists() else ''}"
            assert self.started[-1].poll() is None, told
            assert time.monotonic() < end, told
            time.sleep(0.1)
        return self.screen

    def children(self) -> list[psutil.Process]:
        """What runs for this desk beside the commands that were typed there."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK, "").endswith(f"@{self.folder / 'data'}"):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def kill_children(self) -> None:
        while found := self.children():
            for child in found:
                with suppress(psutil.NoSuchProcess):
                    child.kill()

    def sandbox_requests(self) -> list[dict[str, str]]:
        """What came in at the sandbox while it runs; it forgets when it ends."""
        address = f"http://127.0.0.1:{self.sandbox_port}/__sandbox__/requests.json"
        return list(requests.get(address, timeout=60).json()["data"])

    def close(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()
        self.kill_children()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def numbers(screen: str, sync: str) -> list[int]:
    """A sync's line of the table: read, arrived, no change, needs attention, held back, waiting."""
    found = re.search(rf"^  {sync} +([\d, ]+)$", screen, re.MULTILINE)
    assert found, screen
    return [int(number.replace(",", "")) for number in found[1].split()]


def test_somebody_tries_it_changes_a_row_and_leaves(desk: Desk):
    process = desk.start()
    screen = desk.wait_for("Ctrl-C stops everything.")

    assert numbers(screen, "companies") == [1_200, 1_114, 0, 66, 20, 0]
    assert numbers(screen, "leads") == [5_000, 4_764, 0, 196, 40, 0]
    assert "Who acts: whoever owns the source's data" in screen
    assert not [line for line in screen.splitlines() if len(line) > 80 and str(desk.folder) not in line]
    assert "Traceback" not in screen

    with requests.Session() as browser:
        page = browser.get(f"http://127.0.0.1:{desk.port}/login/", timeout=60)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
        password = re.search(r"Password +(\S+)", screen)[1]
        form = {"csrfmiddlewaretoken": token, "username": "demo@example.com", "password": password}
        browser.post(page.url, form, timeout=60)
        failed_rows = re.search(r"Rows that did not arrive: (\S+)", screen)[1]
        assert browser.get(failed_rows, timeout=60, allow_redirects=False).status_code == 200

    again = desk.manage("demo")
    assert again.returncode == 2
    assert "already running" in again.stderr
    statement = re.search(r'"(update people .+)"', screen)[1]
    assert desk.manage("demo", "--sql", statement).stdout == "rows changed: 1\n"
    assert json.loads(desk.manage("run", "leads", "--team", "demo", "--json").stdout)["accepted"] == 1

    press_ctrl_c(process)

    assert process.wait(120) == 0
    assert desk.screen.endswith("\n  Stopping …\n  Stopped.\n")
    assert desk.children() == []


def test_a_demo_that_was_killed_goes_on_and_a_third_one_sends_nothing(desk: Desk):
    process = desk.start()
    desk.wait_for("Set up")
    time.sleep(1)
    process.kill()
    process.wait()
    desk.kill_children()

    went_on = desk.manage("demo", "--once")
    assert went_on.returncode == 0, went_on.stdout + went_on.stderr
    assert numbers(went_on.stdout, "companies") == [1_200, 1_114, 0, 66, 20, 0]
    assert numbers(went_on.stdout, "leads") == [5_000, 4_764, 0, 196, 40, 0]
    assert went_on.stdout.count("Password") == 0, "that is for those who stay"

    process = desk.start()
    screen = desk.wait_for("Ctrl-C stops everything.")
    assert numbers(screen, "companies") == [1_200, 0, 1_114, 66, 20, 0]
    assert numbers(screen, "leads") == [5_000, 0, 4_764, 190, 40, 6]
    assert not [one for one in desk.sandbox_requests() if one["method"] == "POST"]
    process.terminate()
    assert process.wait(120) == 0
    assert desk.children() == []


def test_a_port_that_is_taken_is_told_with_the_way_out(desk: Desk):
    for port, name in ((desk.port, "PORT"), (desk.sandbox_port, "SANDBOX_PORT")):
        with socket.create_server(("127.0.0.1", port)):
            done = desk.manage("demo")
        assert done.returncode == 2
        assert done.stdout == ""
        assert f"Port {port} on 127.0.0.1 cannot be used" in done.stderr
        assert f"`make demo {name}={port + 1}`" in done.stderr
        assert "Traceback" not in done.stderr


def test_production_without_its_settings_is_refused_in_a_sentence(desk: Desk):
    done = subprocess.run(
        [sys.executable, MANAGE, "demo"],
        env=desk.env | {"DEBUG": "0"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "Syncadmin cannot start: SECRET_KEY must be set in production (DEBUG=0): a long random text.\n"
    )
