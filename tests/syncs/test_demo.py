"""The demo's parts: its sample, its configuration, its login, and what it tells."""

import io
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError, OutputWrapper
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from destinations.sandbox.running import Sandbox, running_sandbox
from syncadmin.teams.models import Membership, User
from syncs.demo import login, runs, sample, summary, warehouse
from syncs.demo.places import Places
from syncs.demo.screen import WIDTH, Screen, cells, cut, wrapped
from syncs.engine.addresses import is_free_mail
from syncs.engine.lease import this_holder
from syncs.models import RejectedRow, Run, Sync

SOUND_ROW = 7  # the person whose row the demo suggests to change


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(switches={"job_seconds": 0}) as sandbox:
        yield sandbox


@pytest.fixture
def demo(db: None, tmp_path: Path, settings: Settings, sandbox: Sandbox) -> Path:
    """The demo set up with a sandbox in this process; its warehouse."""
    settings.FILES_DIR, settings.SCRATCH_DIR = tmp_path / "files", tmp_path / "scratch"
    path = settings.FILES_DIR / "demo.duckdb"
    warehouse.make(path)
    runs.prepare_sandbox(sandbox.url)
    runs.configure(sandbox.url)
    return path


def run(name: str) -> Run:
    """Run a sync of the demo to its end, in this process."""
    with suppress(SystemExit):
        call_command("run", name, team=login.TEAM, approve=True, stdout=io.StringIO(), stderr=io.StringIO())
    return Run.objects.filter(sync__name=name).latest("pk")


# The sample


def test_the_sample_is_the_same_each_time_and_of_the_size_that_is_told():
    found = sample.make()
    assert found == sample.make()
    assert (len(found.companies), len(found.people)) == (sample.COMPANY_COUNT, sample.PEOPLE_COUNT)
    for rows in (found.companies, found.people):
        assert [row["id"] for row in rows] == list(range(1, len(rows) + 1))


def test_no_address_of_the_sample_can_be_somebodys():
    for row in sample.make().people:
        name, _, host = (row["email"] or "").strip().lower().rpartition("@")
        if is_free_mail(host.replace(",", ".")):
            assert "syncadmin-sample" in name
        elif name and host:
            assert host.endswith((".example", ",example")), row["email"]
        assert not row["phone"] or row["phone"].startswith("+44 20 7946 0")  # Ofcom's numbers for drama


def test_the_sample_has_what_breaks_careless_programs():
    people = sample.make().people
    names = {row["last_name"] for row in people}
    assert {"O'Brien", "王", "العربي", "כהן", "Østergaard", None} <= names
    assert any("🚀" in row["title"] for row in people)
    assert max(len(row["notes"] or "") for row in people) > 10_000
    assert any((row["email"] or "").startswith(" ") for row in people)


# The warehouse


def test_the_warehouse_is_made_once_and_keeps_its_changes(tmp_path: Path):
    path = tmp_path / "files" / "demo.duckdb"
    assert warehouse.make(path)
    assert warehouse.sizes(path) == {"companies": 1_200, "people": 5_000}
    said = list(warehouse.run_sql(path, "update people set title = 'CEO' where id = 7"))
    assert said == ["rows changed: 1"]
    assert not warehouse.make(path)
    assert list(warehouse.run_sql(path, "select id, title from people where id = 7")) == [
        "id: 7 · title: CEO"
    ]
    assert [file.name for file in path.parent.iterdir()] == ["demo.duckdb"]


def test_a_long_answer_is_cut(tmp_path: Path):
    warehouse.make(tmp_path / "demo.duckdb")
    said = list(warehouse.run_sql(tmp_path / "demo.duckdb", "select id from people"))
    assert len(said) == warehouse.MOST_ROWS + 1
    assert said[-1] == "… and more rows"


def test_what_is_wrong_with_a_statement_or_the_file_is_told(tmp_path: Path):
    path = tmp_path / "demo.duckdb"
    with pytest.raises(warehouse.WarehouseError, match="`make demo` makes it"):
        list(warehouse.run_sql(path, "select 1"))
    warehouse.make(path)
    with pytest.raises(warehouse.WarehouseError, match="syntax error"):
        list(warehouse.run_sql(path, "selec 1"))
    path.write_bytes(b"no database")
    with pytest.raises(warehouse.WarehouseError, match="not a valid DuckDB database"):
        warehouse.sizes(path)


# Its runs


def test_most_rows_arrive_and_every_kind_of_reason_is_there(demo: Path, sandbox: Sandbox):
    companies, leads = run("companies"), run("leads")

    assert summary.totals(companies) == (1_200, 1_114, 0, 66, 20, 0)
    assert summary.totals(leads) == (5_000, 4_764, 0, 196, 40, 0)
    assert len(sandbox.leads()) == 4_764
    rows = RejectedRow.objects.exclude(stage=RejectedRow.Stage.HELD_BACK)
    assert Counter(rows.filter(run=leads).values_list("stage", "problem")) == {
        ("invalid", "not_an_email"): 47,
        ("invalid", "no_upsert_key"): 35,
        ("invalid", "not_in_list"): 40,
        ("invalid", "not_a_number"): 20,
        ("invalid", "not_a_boolean"): 8,
        ("invalid", "duplicate"): 40,
        ("rejected", "invalid_value"): 6,
    }
    assert Counter(rows.filter(run=companies).values_list("field", flat=True)) == {
        "domain": 20,
        "industry": 12,
        "employee_count": 9,
        "Account_Tier__c": 5,
        "": 20,
    }
    arrived = {lead.fields["last_name"] for lead in sandbox.leads().values() if "last_name" in lead.fields}
    assert {"O'Brien", "O’Connor", "العربي", "王"} <= arrived
    assert any("🚀" in lead.fields.get("title", "") for lead in sandbox.leads().values())
    assert any("Target_Account__c" in company.fields for company in sandbox.companies().values())


def test_a_second_run_sends_nothing_and_a_changed_row_is_sent_alone(demo: Path, sandbox: Sandbox):
    run("leads")
    list(warehouse.run_sql(demo, f"update people set title = 'CEO' where id = {SOUND_ROW}"))
    list(warehouse.run_sql(demo, "update people set seen_at = now()"))  # a column that nobody mapped

    last = run("leads")

    assert (last.planned_count, last.accepted_count) == (1, 1)
    assert run("leads").accepted_count == 0
    assert [lead.fields["title"] for lead in sandbox.leads().values() if lead.write_count == 2] == ["CEO"]


def test_the_configuration_is_applied_once_and_on_another_port_again(demo: Path, sandbox: Sandbox):
    assert runs.configure(sandbox.url) == []
    with running_sandbox() as moved:
        assert len(runs.configure(moved.url)) == 1
    assert list(Sync.objects.order_by("name").values_list("name", "generation")) == [
        ("companies", 1),
        ("leads", 1),
    ]


def test_a_sandbox_in_use_keeps_its_switches(demo: Path, sandbox: Sandbox):
    assert sandbox.faults.number("longest_string") == runs.LONGEST_TEXT
    run("companies")
    sandbox.faults.set(longest_string=0)
    runs.prepare_sandbox(sandbox.url)
    assert sandbox.faults.number("longest_string") == 0


def test_a_run_that_a_killed_worker_held_is_free_at_once(demo: Path):
    owner = User.objects.create_user("alice@example.com")
    first = runs.begin(owner)[0]
    dead = this_holder().rpartition(" ")[0] + " 0.00"  # a process of our number, started long ago
    in_an_hour = timezone.now() + timedelta(hours=1)
    Run.objects.filter(pk=first.pk).update(
        lease_holder=dead, lease_expires_at=in_an_hour, lease_token=uuid4()
    )

    assert runs.begin(owner)[0].pk == first.pk
    assert Run.objects.due(timezone.now()).filter(pk=first.pk).exists()


def test_a_run_that_a_living_worker_holds_stays_held(demo: Path):
    owner = User.objects.create_user("alice@example.com")
    first = runs.begin(owner)[0]
    in_an_hour = timezone.now() + timedelta(hours=1)
    Run.objects.filter(pk=first.pk).update(
        lease_holder=this_holder(), lease_expires_at=in_an_hour, lease_token=uuid4()
    )

    assert runs.begin(owner)[0].pk == first.pk
    assert not Run.objects.due(timezone.now()).filter(pk=first.pk).exists()


# The login


def test_the_owner_signs_in_with_a_password_of_this_installation(db: None, tmp_path: Path, client: Client):
    found = login.ensure(tmp_path / "password")

    client.post("/login/", {"username": login.EMAIL, "password": found.password})
    assert client.get("/admin/").status_code == 200
    assert Membership.objects.get(user=found.user, team__slug=login.TEAM).role == Membership.Role.OWNER
    assert stat.S_IMODE((tmp_path / "password").stat().st_mode) == 0o600
    assert found.password not in repr(found)
    assert login.ensure(tmp_path / "password") == found


def test_two_installations_have_two_passwords(db: None, tmp_path: Path):
    first = login.ensure(tmp_path / "one")
    first.user.delete()
    assert login.ensure(tmp_path / "other").password != first.password


def test_a_password_that_somebody_set_stays(db: None, tmp_path: Path):
    user = login.ensure(tmp_path / "password").user
    user.set_password("correct horse")
    user.save(update_fields=["password"])

    found = login.ensure(tmp_path / "password")

    assert found.password == ""
    assert found.user.check_password("correct horse")


# What it tells


def test_the_summary_fits_a_terminal_and_adds_up(demo: Path):
    both = [run("companies"), run("leads")]
    RejectedRow.objects.filter(run=both[1], problem="not_in_list").update(
        reason="Notes: " + "😀" * 60 + " العربي " * 30 + " is a word of " + "x" * 200
    )

    lines = list(summary.lines(both))

    assert max(map(cells, lines)) <= WIDTH
    text = "\n".join(lines)
    for told in (
        "Needs attention",
        "leads: 40 held back",
        "Who acts: whoever edits the sync",
        "title. Who acts",
    ):
        assert told in text
    for one in both:
        assert summary.totals(one)[0] == sum(summary.totals(one)[1:])


def test_refused_rows_that_are_not_due_wait(demo: Path):
    run("leads")
    again = run("leads")
    assert summary.totals(again) == (5_000, 0, 4_764, 190, 40, 6)
    assert "6 of those that wait were refused before" in "\n".join(summary.lines([again]))


@pytest.mark.parametrize("text", ["plain", "王" * 60, "👩‍💻 " * 50, "é" * 200, "a " * 100, ""])
def test_wrapped_lines_are_as_wide_as_they_may_be_and_no_wider(text):
    lines = list(wrapped(text, indent=4, most=2))
    assert len(lines) <= 2
    assert all(cells(line) <= WIDTH for line in lines)
    assert cells(cut(text, 10)) <= 10


def test_a_terminal_without_our_signs_gets_others(tmp_path: Path):
    with (tmp_path / "out").open("w", encoding="ascii") as out:
        Screen(OutputWrapper(out)).say("café … 王")
    assert (tmp_path / "out").read_text() == "caf? ? ?\n"


def test_the_page_of_failed_rows_that_it_names_is_there(db: None, settings: Settings, staff_client: Client):
    places = Places(pages="http://127.0.0.1:8000", sandbox="", warehouse=Path(), password=Path(), log=Path())
    path = places.failed_rows.removeprefix("http://127.0.0.1:8000")
    assert staff_client.get(path).status_code == 200


# The command


def test_production_is_refused(settings: Settings):
    settings.DEBUG = False
    with pytest.raises(CommandError, match=r"development mode alone.*DEBUG=0"):
        call_command("demo", "--once")


def test_a_port_that_is_none_is_refused(settings: Settings):
    settings.DEBUG = True
    with pytest.raises(CommandError, match="from 1 to 65535"):
        call_command("demo", "--port", "70000")


def test_the_shipped_document_says_nothing_of_one_machine():
    text = runs.DOCUMENT.read_text()
    assert "${SANDBOX_URL}" in text
    assert "127.0.0.1" not in text
    assert "sandbox-key" not in text
