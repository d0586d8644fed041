"""State survives a restart, and the command runs the sandbox as a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from destinations.sandbox.running import Sandbox, running_sandbox
from destinations.sandbox.state import State, StateInUse
from tests.databases import IS_POSTGRES
from tests.destinations.sandbox.conftest import Api, lead

ONE_PASS = pytest.mark.skipif(IS_POSTGRES, reason="The sandbox has a file of its own in both passes.")

ROOT = Path(__file__).parents[3]


def test_a_restarted_sandbox_knows_everything_and_finishes_its_jobs(tmp_path):
    file = str(tmp_path / "sandbox.sqlite3")
    with running_sandbox(state=file, switches={"hold_jobs": True, "job_seconds": 0}) as first:
        api = Api(first.url)
        with api.session:
            api.post("/v2/leads", {"email": "ann@acme.test", "fields": {"title": "VP"}})
            api.post("/v2/companies", {"domain": "acme.test", "name": "Acme"})
            job = api.submit(lead("bob@acme.test"))
        first.add_key("another-key", "lead:view")
        first.add_field("lead", "Region__c", "string")
        first.faults.set(error_503_next=3)
        first.advance_clock(86400)
        was = first.service.clock.now()

    with running_sandbox(state=file) as second:
        assert second.service.clock.now() >= was
        assert second.faults.values()["error_503_next"] == 3
        assert (list(second.leads()), list(second.companies())) == (["ann@acme.test"], ["acme.test"])
        second.faults.reset()
        api = Api(second.url)
        with api.session:
            assert api.finished(job)["failedRecords"] == 0
            assert api.get("/v2/leads", key="another-key").status_code == 200
            assert "Region__c" in api.get("/v2/leads/fields").text
        assert list(second.leads()) == ["ann@acme.test", "bob@acme.test"]


def test_two_sandboxes_cannot_share_a_state_file(tmp_path):
    file = str(tmp_path / "sandbox.sqlite3")
    first = State(file)
    with pytest.raises(StateInUse, match="Another sandbox"):
        State(file, patience=0.01)
    first.close()
    State(file).close()


def test_a_sandbox_that_cannot_listen_leaves_its_state_to_others(tmp_path, sandbox):
    file = str(tmp_path / "sandbox.sqlite3")
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=sandbox.server.port, state=file).start()
    State(file).close()


def start(folder: Path, *arguments: str) -> tuple["subprocess.Popen[str]", str]:
    """Start `manage.py sandbox` on a free port; the process and its address."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", "--port", "0", *arguments],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "syncadmin.settings", "DATA_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    assert "http://127.0.0.1:" in line, process.communicate()[1]
    return process, line.split("Qualified at ")[1].split(",")[0]


@ONE_PASS
@pytest.mark.slow
def test_the_command_survives_a_kill_and_stops_cleanly_when_asked(tmp_path):
    process, url = start(tmp_path)
    api = Api(url)
    with api.session:
        assert api.post("/v2/leads", {"email": "ann@acme.test"}).status_code == 201
    process.kill()
    process.communicate()
    assert (tmp_path / "sandbox.sqlite3").exists()

    for number in (signal.SIGTERM, signal.SIGINT):
        process, url = start(tmp_path)
        assert requests.get(f"{url}/salesloft/v2/me", timeout=60).status_code == 401
        counts = requests.get(f"{url}/__sandbox__/state.json", timeout=60).json()["counts"]
        process.send_signal(number)
        output, errors = process.communicate(timeout=120)
        assert (counts["leads"], process.returncode, output, errors) == (1, 0, "", "")


@ONE_PASS
@pytest.mark.slow
def test_the_command_says_when_its_port_or_its_file_is_taken(tmp_path, sandbox):
    process, _ = start(tmp_path)
    command = [sys.executable, "manage.py", "sandbox"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "syncadmin.settings", "DATA_DIR": str(tmp_path)}
    try:
        for arguments, said in (
            (["--port", "0"], "Another sandbox has"),
            (["--port", str(sandbox.server.port), "--state", ":memory:"], "cannot listen at"),
        ):
            done = subprocess.run(
                command + arguments, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
            )
            assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (1, True, False)
    finally:
        process.terminate()
        process.communicate()
