"""`manage.py run`, `runs` and `cancel`: what they print and how they end."""

import io
import json
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_q.models import OrmQ

from syncadmin.teams.models import AuditEntry, Team
from syncs.engine.run import start
from syncs.models import RejectedRow, Run, Sync
from tests.syncs.commands.conftest import ADA, BOB, CLEO, Terminal, World

KEYS = [
    "run",
    "status",
    "read",
    "unchanged",
    "deferred",
    "held_back",
    "invalid",
    "planned",
    "accepted",
    "rejected",
    "in_doubt",
    "waiting",
    "seconds",
]
SYNC = "leads-to-qualified"


def the_run() -> Run:
    return Run.objects.latest("pk")


def test_a_run_takes_the_rows_there_and_ends_with_0(applied: World) -> None:
    done = applied.manage("run", SYNC)
    assert done.code == 0
    assert done.out.startswith(f"Run 1 of {SYNC} (acme): succeeded")
    assert "3 rows read: 3 to be sent" in done.out
    assert "3 arrived" in done.out
    assert applied.sandbox.leads()["ada@acme.example"].fields["first_name"] == "Ada"


def test_a_paused_sync_is_not_run_and_it_says_how_to_resume_it(applied: World) -> None:
    Sync.objects.update(paused=True)
    done = applied.manage("run", SYNC)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"{SYNC} is paused. Resume it, then run it.")
    assert "`paused: false`" in done.err
    assert not Run.objects.exists()


def test_json_is_one_object_and_nothing_else(applied: World) -> None:
    done = applied.manage("run", SYNC, "--json")
    found = json.loads(done.out)
    assert list(found) == KEYS
    assert found["run"] == str(the_run().public_id)
    assert (found["status"], found["read"], found["accepted"]) == ("succeeded", 3, 3)
    assert found["seconds"] > 0
    assert done.err == ""
    again = json.loads(applied.manage("run", SYNC, "--json").out)
    assert (again["unchanged"], again["planned"]) == (3, 0)


def test_rows_that_need_attention_end_with_1_and_are_told_with_reasons(applied: World) -> None:
    applied.write(
        ADA, ["2", "nobody", "B", "8", ""], ["3", "", "C", "9", ""], ["4", "dan@x.example", "D", "many", ""]
    )
    done = applied.manage("run", SYNC)
    assert done.code == 1
    assert "4 rows read: 3 stopped for their data, 1 to be sent" in done.out
    assert (
        "1 row · Stopped for its data · Lead_Score__c · who acts: Whoever owns the source's data" in done.out
    )
    assert 'such as 4: Lead Score: "many" is not a number' in done.out
    assert "such as 2: " in done.out
    shown = json.loads(applied.manage("runs", str(the_run().public_id), "--json").out)
    assert {reason["field"] for reason in shown["reasons"]} == {"Lead_Score__c", "email"}


def test_alike_reasons_are_told_once_with_their_number(applied: World) -> None:
    applied.write(*[[str(n), "nobody", "B", "8", ""] for n in range(30)])
    done = applied.manage("run", SYNC)
    assert done.out.count("such as") == 1
    assert "30 rows · Stopped for its data · email" in done.out


def test_a_run_that_stops_ends_with_2_and_says_why(applied: World) -> None:
    (applied.files / "leads.csv").unlink()
    done = applied.manage("run", SYNC)
    assert done.code == 2
    assert "stopped" in done.out
    assert "leads.csv" in done.out
    as_json = applied.manage("run", SYNC, "--json")
    assert (as_json.code, json.loads(as_json.out)["status"]) == (2, "stopped")
    assert "leads.csv" in as_json.err


def test_a_dry_run_plans_and_sends_nothing(applied: World) -> None:
    before = len(applied.sandbox.requests)
    done = applied.manage("run", SYNC, "--dry-run")
    assert done.code == 0
    assert "A dry run: nothing was sent." in done.out
    assert len(applied.sandbox.requests) == before


def test_a_limit_and_a_full_run(applied: World) -> None:
    assert json.loads(applied.manage("run", SYNC, "--limit", "2", "--json").out)["accepted"] == 2
    assert json.loads(applied.manage("run", SYNC, "--json").out)["accepted"] == 1
    assert json.loads(applied.manage("run", SYNC, "--json").out)["accepted"] == 0
    assert json.loads(applied.manage("run", SYNC, "--full", "--json").out)["accepted"] == 3


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_a_limit_that_is_no_number_is_refused(applied: World, limit: str) -> None:
    done = applied.manage("run", SYNC, f"--limit={limit}")
    assert done.code != 0
    assert "whole number" in done.err


def test_a_queued_run_prints_its_id_and_rings_for_a_worker(applied: World) -> None:
    done = applied.manage("run", SYNC, "--queue")
    run = the_run()
    assert (done.code, done.out) == (0, f"{run.public_id}\n")
    assert run.status == Run.Status.QUEUED
    assert OrmQ.objects.count() == 1
    again = applied.manage("run", SYNC, "--queue")
    assert (again.code, again.out) == (0, f"{run.public_id}\n")
    assert "active already" in again.err


def test_a_queued_run_is_taken_over(applied: World) -> None:
    applied.manage("run", SYNC, "--queue")
    done = applied.manage("run", SYNC, "--json")
    assert (done.code, json.loads(done.out)["accepted"]) == (0, 3)
    assert "queued already" in done.err
    assert Run.objects.count() == 1


def test_what_a_dead_process_left_is_taken_over(applied: World) -> None:
    run = start(Sync.objects.get(), ring=False)
    Run.objects.update(
        status=Run.Status.PLANNING,
        plan_attempt=1,
        lease_token=uuid4(),
        lease_holder="",
        lease_expires_at=timezone.now() - timedelta(seconds=1),
    )
    done = applied.manage("run", SYNC, "--json")
    assert (done.code, json.loads(done.out)["run"]) == (0, str(run.public_id))
    assert "left unfinished" in done.err


@pytest.mark.parametrize(
    ("first", "second", "is_taken"),
    [
        ([], ["--full"], False),
        (["--full"], [], True),
        (["--full"], ["--full"], True),
        (["--limit", "2"], [], False),
        (["--limit", "2"], ["--limit", "3"], False),
        (["--limit", "2"], ["--limit", "2"], True),
        (["--dry-run"], [], False),
        ([], ["--dry-run"], False),
    ],
)
def test_a_run_of_another_kind_is_not_taken_over(
    applied: World, first: list[str], second: list[str], is_taken: bool
) -> None:
    applied.manage("run", SYNC, "--queue", *first)
    done = applied.manage("run", SYNC, *second)
    assert done.code == (0 if is_taken else 2)
    if not is_taken:
        assert f"manage.py cancel {the_run().public_id}" in done.err
        assert " ".join(["manage.py", "run", SYNC, "--team", "acme", *first]) in done.err


def test_a_retry_of_some_rows_does_not_stand_for_a_run(applied: World) -> None:
    start(Sync.objects.get(), keys=["1"], ring=False)
    done = applied.manage("run", SYNC)
    assert done.code == 2
    assert "sends some rows again" in done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_kept_and_gone_on_with(
    applied: World, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    applied.sandbox.faults.set(hold_jobs=True)
    main = threading.get_ident()
    before_it = len(applied.sandbox.requests)  # applying has tested the connection

    def interrupt() -> None:
        until = time.monotonic() + 100
        while time.monotonic() < until:
            if any(seen.method == "POST" for seen in applied.sandbox.requests[before_it:]):
                break
            time.sleep(0.02)
        signal.pthread_kill(main, number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    before = signal.getsignal(number)
    done = applied.manage("run", SYNC, "--json")
    thread.join()
    assert (done.code, done.out) == (2, "")
    assert f"`manage.py run {SYNC} --team acme` goes on" in done.err
    assert signal.getsignal(number) is before
    run = the_run()
    assert (run.status, run.lease_token) == (Run.Status.DELIVERING, None)
    applied.sandbox.faults.set(hold_jobs=False)
    assert json.loads(applied.manage("run", SYNC, "--json").out)["accepted"] == 3


def test_a_sync_that_is_not_there_tells_the_near_miss(applied: World) -> None:
    done = applied.manage("run", "leads-to-qualifed")
    assert (done.code, done.err) == (2, f"There is no sync `leads-to-qualifed`; did you mean `{SYNC}`?")


def test_the_team_must_be_said_where_two_have_the_sync(applied: World) -> None:
    path = applied.document()
    Path(path).write_text(Path(path).read_text().replace("team: acme", "team: globex"))
    applied.manage("apply", path)
    done = applied.manage("run", SYNC)
    assert (done.code, "--team" in done.err, "acme, globex" in done.err) == (2, True, True)
    assert applied.manage("run", SYNC, "--team", "globex").code == 0
    assert Run.objects.get().team == Team.objects.get(slug="globex")


# runs


def test_runs_are_listed_newest_first(applied: World) -> None:
    assert "no runs yet" in applied.manage("runs").out
    applied.manage("run", SYNC)
    applied.write(ADA, BOB, CLEO, ["4", "nobody", "D", "1", ""])
    applied.manage("run", SYNC)
    lines = applied.manage("runs").out.splitlines()
    assert len(lines) == 2
    assert "finished with rows that need attention: 4 read, 0 arrived, 1 need attention" in lines[0]
    assert lines[1].startswith(str(Run.objects.earliest("pk").public_id)[:8])
    listed = json.loads(applied.manage("runs", "--json", "--sync", SYNC, "--team", "acme").out)
    assert [run["number"] for run in listed] == [2, 1]
    assert set(KEYS) < set(listed[0])


def test_a_run_is_found_by_the_first_signs_of_its_id(applied: World) -> None:
    applied.manage("run", SYNC)
    run = the_run()
    for named in (str(run.public_id), run.public_id.hex, str(run.public_id)[:8], str(run.public_id)[:13]):
        assert f"Its id is {run.public_id}" in applied.manage("runs", named).out
    for wrong in ("abc", "no-run", str(uuid4())):
        assert applied.manage("runs", wrong).code == 2


def test_another_teams_runs_are_not_listed_under_a_team(applied: World, other_team: Team) -> None:
    applied.manage("run", SYNC)
    assert "no runs yet" in applied.manage("runs", "--team", "globex").out


# cancel


def test_a_queued_run_is_cancelled_at_once(applied: World) -> None:
    applied.manage("run", SYNC, "--queue")
    done = applied.manage("cancel", str(the_run().public_id))
    assert done.code == 0
    assert "cancelled" in done.out
    assert the_run().status == Run.Status.CANCELLED


def test_a_run_that_somebody_works_on_is_asked_to_end(applied: World) -> None:
    run = start(Sync.objects.get(), ring=False)
    expires = timezone.now() + timedelta(seconds=45)
    Run.objects.update(
        status=Run.Status.PLANNING,
        lease_token=uuid4(),
        lease_holder="another/machine/1 1 1.00",
        lease_expires_at=expires,
    )
    done = applied.manage("cancel", str(run.public_id))
    assert done.code == 0
    assert "by the process that works on it" in done.out
    assert the_run().cancel_requested_at is not None


def test_a_run_that_is_over_cannot_be_cancelled(applied: World) -> None:
    applied.manage("run", SYNC)
    done = applied.manage("cancel", str(the_run().public_id))
    assert (done.code, "over already: succeeded" in done.err) == (2, True)


def test_held_back_rows_need_nobodys_attention(applied: World, types_in: Callable[..., None]) -> None:
    applied.write(ADA, [*["9"], *ADA[1:]])
    done = applied.manage("run", SYNC)
    assert done.code == 0
    assert "1 held back" in done.out
    assert "What needs attention" not in done.out
    assert RejectedRow.objects.filter(stage=RejectedRow.Stage.HELD_BACK).count() == 1


# Brakes


@pytest.fixture
def cautious(applied: World) -> World:
    """A first run of two rows is enough to ask."""
    Sync.objects.update(brakes={"first": {"least": 2}})
    return applied


def test_a_run_that_a_brake_holds_says_why_and_ends_with_2(cautious: World) -> None:
    done = cautious.manage("run", SYNC)

    assert done.code == 2
    assert f"Run 1 of {SYNC} (acme): waiting for approval" in done.out
    assert "This is the first run over all rows: 3 rows would be sent" in done.out
    assert f"`manage.py run {SYNC} --team acme --approve` sends it" in done.err
    assert cautious.sandbox.leads() == {}
    told = json.loads(cautious.manage("run", SYNC, "--json").out)
    assert (told["status"], told["waiting"]) == ("approval", 3)

    done = cautious.manage("run", SYNC, "--approve")
    assert done.code == 0
    assert len(cautious.sandbox.leads()) == 3
    assert AuditEntry.objects.get(action="run.approved").who == "the command line"


@pytest.mark.parametrize(("typed", "code", "arrived"), [("y\n", 0, 3), ("\n", 2, 0), ("", 2, 0)])
def test_at_a_terminal_it_asks(
    cautious: World, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, arrived: int
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    asked = Terminal()
    ended = 0
    try:
        call_command("run", SYNC, stdout=io.StringIO(), stderr=asked)
    except SystemExit as error:
        ended = int(error.code or 0)

    assert "3 rows would be sent" in asked.getvalue()
    assert "Send it? [y/N] " in asked.getvalue()
    assert (ended, len(cautious.sandbox.leads())) == (code, arrived)
