"""Commands as people type them: a folder of files, a sandbox over HTTP, and what was printed."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from destinations.sandbox.running import API_KEY, Sandbox, running_sandbox

DOCUMENT = """\
team: acme
sources:
  files: {{type: duckdb, path: "."}}
models:
  leads: {{source: files, sql: "select * from 'leads.csv'", primary_key: id}}
connections:
  qualified:
    destination: qualified
    api_key: {key}
    base_url: "{url}"
    poll_seconds: 0.05
    settle_seconds: 0
    batch_size: 2
syncs:
  leads-to-qualified:
    model: leads
    connection: qualified
    object: leads
    mapping: {{email: email, first_name: given_name, Lead_Score__c: score, company.industry: industry}}
"""


@dataclass
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    """Standard input that somebody sits at."""

    def isatty(self) -> bool:
        return True


@dataclass
class World:
    """Where commands are typed."""

    folder: Path
    files: Path
    sandbox: Sandbox
    rows: list[list[str]] = field(default_factory=list)

    def manage(self, *words: str) -> Done:
        """Run a command in this process: its exit code as `manage.py` gives it, and what it printed."""
        out, err = io.StringIO(), io.StringIO()
        code = 0
        try:
            call_command(*words, stdout=out, stderr=err)
        except CommandError as error:
            code = error.returncode
            err.write(str(error))
        except SystemExit as error:
            code = int(error.code or 0)
        return Done(code, out.getvalue(), err.getvalue())

    def write(self, *rows: list[str]) -> None:
        """The source's rows: id, email, given_name, score, industry."""
        self.rows = list(rows)
        lines = [["id", "email", "given_name", "score", "industry"], *self.rows]
        (self.files / "leads.csv").write_text("".join(",".join(line) + "\n" for line in lines))

    def document(self, text: str = DOCUMENT) -> str:
        path = self.folder / "leads.yaml"
        path.write_text(text.format(key=API_KEY, url=self.sandbox.url))
        return str(path)


ADA = ["1", "ada@acme.example", "Ada", "7", "Software"]
BOB = ["2", "bob@globex.example", "Bob", "8", ""]
CLEO = ["3", "cleo@initech.example", "Cleo", "9", ""]


@pytest.fixture
def world(db: None, tmp_path: Path, settings: Settings) -> Iterator[World]:
    """Three people in a file, and a sandbox that is ready; nothing is applied yet."""
    settings.FILES_DIR, settings.SCRATCH_DIR = tmp_path / "files", tmp_path / "scratch"
    settings.FILES_DIR.mkdir()
    with running_sandbox(switches={"job_seconds": 0}) as sandbox:
        world = World(tmp_path, settings.FILES_DIR, sandbox)
        world.write(ADA, BOB, CLEO)
        yield world


@pytest.fixture
def applied(world: World) -> World:
    """The world with its document applied."""
    assert world.manage("apply", world.document()).code == 0
    return world


@pytest.fixture
def types_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Somebody at the terminal: types_in("yes") is what they type next."""

    def prepare(*lines: str) -> None:
        monkeypatch.setattr("sys.stdin", Terminal("".join(f"{line}\n" for line in lines)))

    return prepare
