"""`manage.py apply` and `export`: what they print and how they end."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from destinations.models import Connection
from syncadmin.teams.models import Team
from tests.syncs.commands.conftest import DOCUMENT, World


def test_apply_prints_each_change_and_then_that_there_is_none(world: World) -> None:
    first = world.manage("apply", world.document())
    assert (first.code, first.err) == (0, "")
    assert first.out.splitlines()[0] == "team acme: new"
    assert "sync leads-to-qualified: new" in first.out
    second = world.manage("apply", world.document())
    assert (second.code, second.out) == (0, "nothing to change\n")


def test_a_check_prints_the_same_and_writes_nothing(world: World) -> None:
    checked = world.manage("apply", "--check", world.document())
    assert checked.code == 0
    assert not Team.objects.exists()
    applied = world.manage("apply", world.document())
    assert checked.out == f"{applied.out}nothing was written: this was a check\n"


def health() -> tuple[str, bool]:
    found = Connection.objects.get()
    return found.health, found.last_good_at is not None


def test_a_connection_that_is_made_or_gets_in_otherwise_is_tested(world: World) -> None:
    assert world.manage("apply", world.document()).code == 0
    assert health() == ("good", True)

    Connection.objects.update(health="untested", last_good_at=None)
    assert world.manage("apply", world.document()).out == "nothing to change\n"
    assert health() == ("untested", False), "what stays as it is asks nobody"

    assert world.manage("apply", world.document(DOCUMENT.replace("batch_size: 2", "batch_size: 3"))).code == 0
    assert health() == ("good", True)


def test_a_connection_is_not_tested_where_that_is_not_wanted(world: World) -> None:
    assert world.manage("apply", "--no-test", world.document()).code == 0
    assert health() == ("untested", False)


def test_a_connection_that_does_not_work_is_told_and_ends_with_1(world: World) -> None:
    """It is applied: the document may be right and the account not."""
    document = DOCUMENT.partition("syncs:")[0].replace("{key}", "a-bad-key-of-ours")
    done = world.manage("apply", world.document(document))
    assert done.code == 1
    assert "connection qualified: new, to Qualified" in done.out
    assert done.err.startswith("connection qualified needs attention: ")
    assert "a-bad-key-of-ours" not in done.out + done.err
    assert health() == ("attention", False)


def test_errors_name_file_and_line_and_end_with_2(world: World) -> None:
    path = world.document()
    Path(path).write_text(Path(path).read_text().replace("primary_key: id", "primarykey: id"))
    done = world.manage("apply", path)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        f"{path}, line 5: model leads has no `primary_key`",
        f"{path}, line 5: unknown key `primarykey` in model leads; did you mean `primary_key`?",
        "Nothing was written: 2 things to mend.",
    ]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"", b"a: [", b"{}"])
def test_a_file_that_cannot_be_used_ends_with_2(world: World, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content)
    done = world.manage("apply", str(path))
    assert done.code == 2
    assert "x.yaml" in done.err


def test_a_document_may_come_from_standard_input(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(Path(world.document()).read_text()))
    assert world.manage("apply", "-").code == 0


def test_an_export_to_a_file_applies_without_a_change(
    applied: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "export.yaml"
    assert applied.manage("export", "--team", "acme", "-o", str(path)).code == 0
    assert applied.manage("export", "--team", "acme").out == path.read_text()
    assert "sandbox-key" not in path.read_text()
    monkeypatch.setenv("QUALIFIED_API_KEY", "sandbox-key")
    assert applied.manage("apply", str(path)).out == "nothing to change\n"


def test_an_export_of_no_team_tells_the_near_miss(applied: World) -> None:
    done = applied.manage("export", "--team", "acmee")
    assert (done.code, done.err) == (2, "There is no team `acmee`; did you mean `acme`?")


def test_a_database_that_is_not_migrated_is_told_without_a_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, settings.BASE_DIR / "manage.py", "runs"],
        env={
            "PATH": os.environ["PATH"],
            "ENV_FILE": "",
            "DATA_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "manage.py migrate" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_begins_with_the_file_and_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, settings.BASE_DIR / "manage.py", "apply", "nowhere.yaml"],
        env={"PATH": os.environ["PATH"], "ENV_FILE": "", "DATA_DIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("nowhere.yaml cannot be read")
