"""What tests of the engine stand on: real files, a real sandbox over HTTP, commits that others see."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from destinations import budget
from destinations.sandbox.running import Sandbox, running_sandbox
from syncadmin.teams.models import Team
from syncs.engine import answers
from tests.syncs.engine.scene import Scene, make_connection, make_sync


@pytest.fixture
def folders(tmp_path: Path, settings) -> None:
    """Files and scratch of this test alone."""
    settings.FILES_DIR = tmp_path / "files"
    settings.SCRATCH_DIR = tmp_path / "scratch"
    settings.FILES_DIR.mkdir()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(switches={"job_seconds": 0.01}) as running:
        yield running


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses after failures are short; all else is as ever."""
    monkeypatch.setattr(answers, "LONGEST_BACKOFF", 0.05)
    monkeypatch.setattr(budget, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(budget, "LONGEST_PAUSE", 0.2)


@pytest.fixture
def acme(transactional_db: None, folders: None) -> Team:
    """A team whose data other threads see: nothing is rolled back."""
    return Team.objects.create(slug="acme", name="Acme")


@pytest.fixture
def scene(acme: Team, sandbox: Sandbox, impatience: None) -> Scene:
    """Leads from people.csv by e-mail, with first name and title; no rows yet."""
    connection = make_connection(team=acme, url=sandbox.url)
    return Scene(acme, sandbox, connection, make_sync(team=acme, connection=connection))
