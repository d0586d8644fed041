"""What people do with sources, models, connections, syncs and runs is in the team's audit log."""

import io

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from destinations.models import Connection
from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import AuditEntry, Team
from syncs.configuration import versions
from syncs.configuration.connections import save_connection
from syncs.engine import start_tokens
from syncs.models import MailDomain, QueryModel, Run, Source, Sync
from tests.syncs.admin.history import API_KEY, PASSWORD, make_row, make_run, make_sync


@pytest.fixture
def sync(team) -> Sync:
    return make_sync(team=team)


@pytest.fixture
def browser(client, alice):
    client.force_login(alice)
    return client


def told() -> list[tuple[str, str]]:
    """What was done, and to what, since the sign-in."""
    entries = AuditEntry.objects.exclude(action__startswith="signin.").order_by("pk")
    return list(entries.values_list("action", "name"))


def last() -> AuditEntry:
    return AuditEntry.objects.order_by("-pk")[0]


def at(name, *args) -> str:
    return reverse(name, args=["acme", *args])


def test_a_sync_that_is_paused_resumed_and_removed(browser, sync, alice):
    for name in ("sync_pause", "sync_pause", "sync_resume", "sync_remove"):
        browser.post(at(name, sync.public_id), REMOTE_ADDR="192.0.2.3")
    assert told() == [("sync.paused", "leads"), ("sync.resumed", "leads"), ("sync.removed", "leads")]
    assert (last().actor, last().address, last().subject_id) == (alice, "192.0.2.3", str(sync.public_id))


def test_a_save_of_a_sync_tells_what_changed_and_nobody_whom_guards_name(alice, sync):
    versions.keep(sync, author=alice)
    sync.name, sync.guards = "people", [{"name": "", "never_send": {"people": ["zoe@acme.com"]}}]
    sync.save()
    versions.keep(sync, author=alice)
    assert told() == [("sync.made", "leads"), ("sync.changed", "people")]
    entry = last()
    assert (entry.before["name"], entry.after["name"]) == ("leads", "people")
    assert (entry.before["version"], entry.after["version"]) == (1, 2)
    assert entry.after["guards"] == "1 guard"
    assert "zoe@acme.com" not in str(list(AuditEntry.objects.values()))


def test_runs_that_are_started_cancelled_and_sent_again(browser, sync):
    over = make_run(sync=sync)
    make_row(run=over)
    browser.post(at("run_retry", over.public_id), {"what": "all"})
    run = Run.objects.active().get()
    browser.post(at("run_cancel", run.public_id))
    Run.objects.active().update(status=Run.Status.CANCELLED, finished_at=timezone.now())
    browser.post(at("sync_diff", sync.public_id))
    again, cancelled, test = AuditEntry.objects.exclude(action__startswith="signin.").order_by("pk")
    assert [one.action for one in (again, cancelled, test)] == [
        "run.rows_again",
        "run.cancelled",
        "run.started",
    ]
    assert again.name == "leads #2"
    assert again.after == {"rows": 1}
    assert test.after == {"sends": "nothing"}


def test_downloads_of_rows(browser, sync):
    run = make_run(sync=sync)
    make_row(run=run)
    browser.get(at("run_rows_csv", run.public_id), {"show": "attention"})
    assert told() == [("personal_data.downloaded", "leads #1")]
    assert "acme.com" not in str(last().after)


def test_tokens_and_mail_domains(browser, sync):
    token = at("sync_token", sync.public_id)
    page = browser.post(token).text
    browser.post(token, {"action": "remove"})
    browser.post(at("mail_domains"), {"domains": "rival.example", "verdict": MailDomain.Verdict.BLOCKED})
    browser.post(at("mail_domains"), {"remove": "rival.example"})
    assert [action for action, _ in told()] == [
        "schedule.token_made",
        "schedule.token_revoked",
        "guard.mail_domains",
        "guard.mail_domains",
    ]
    secret = page.partition("sync_")[2][:20]
    assert len(secret) == 20
    assert secret not in str(list(AuditEntry.objects.values()))


def test_a_run_that_another_program_starts(client, sync, alice):
    secret = start_tokens.make(sync, made_by=alice)
    make_run(sync=sync, status=Run.Status.SUCCEEDED)
    headers = {"Authorization": f"Bearer {secret}"}
    address = reverse("api_runs", args=[sync.public_id])
    assert client.post(address, headers=headers, REMOTE_ADDR="192.0.2.4").status_code == 202
    assert (last().who, last().action, last().address) == (
        "the token of the sync “leads”",
        "run.started",
        "192.0.2.4",
    )


def test_a_connection_that_is_made_and_changed_and_gets_a_new_key(team, sync):
    made = Connection(team=team, name="New", destination="qualified")
    options = {"base_url": "https://me:hunter2@api.example.com"}
    known = {"options": options, "reserve_percent": 20, "same_account": True}
    save_connection(made, credentials={"api_key": Secret(API_KEY)}, **known)
    made.name = "Newer"
    save_connection(made, credentials={"api_key": Secret("another")}, **known)
    save_connection(made, credentials={"api_key": Secret("")}, **known)
    assert told() == [
        ("connection.made", "New"),
        ("connection.changed", "Newer"),
        ("connection.credentials", "Newer"),
    ]
    kept = str(list(AuditEntry.objects.values()))
    for secret in (API_KEY, "another", "hunter2"):
        assert secret not in kept


def test_sources_models_and_connections_that_are_removed(browser, sync):
    Sync.objects.all().delete()
    source, model, connection = Source.objects.get(), QueryModel.objects.get(), Connection.objects.get()
    browser.post(at("model_remove", model.public_id))
    browser.post(at("source_remove", source.public_id))
    browser.post(at("connection_remove", connection.public_id))
    assert told() == [
        ("model.removed", "leads model"),
        ("source.removed", "leads source"),
        ("connection.removed", "leads connection"),
    ]
    assert PASSWORD not in str(list(AuditEntry.objects.values()))


def test_a_source_and_a_model_that_are_made_and_changed(browser, team, settings, tmp_path):
    settings.FILES_DIR = tmp_path
    (tmp_path / "people.csv").write_text("id,email\n1,ann@acme.com\n")
    typed = {"name": "Files", "time_zone": "UTC", "setting-path": "."}
    browser.post(at("source_add_kind", "duckdb"), typed)
    source = Source.objects.get()
    seen = {"seen_at": source.updated_at.isoformat()}
    browser.post(at("source_edit", source.public_id), typed | seen | {"name": "Folder"})
    model = {
        "source": str(source.public_id),
        "name": "People",
        "sql": "select * from 'people.csv'",
        "key": "id",
    }
    browser.post(at("model_add"), model | {"action": "save"})
    assert told() == [("source.made", "Files"), ("source.changed", "Folder"), ("model.made", "People")]
    assert last().after["source"] == "Folder"
    changed = AuditEntry.objects.get(action="source.changed")
    assert (changed.before, changed.after) == ({"name": "Files"}, {"name": "Folder"})


def test_what_commands_do_is_by_the_command_line(db, monkeypatch, settings):
    monkeypatch.setenv("PASSWORD_OF_ZOE", "a long walk home")
    call_command(
        "createowner",
        "zoe@example.com",
        "--team",
        "acme",
        "--password-from-env",
        "PASSWORD_OF_ZOE",
        stdout=io.StringIO(),
    )
    team = Team.objects.get()
    assert told() == [("team.made", "acme"), ("member.added", "zoe@example.com")]
    assert {(one.team, one.who) for one in AuditEntry.objects.all()} == {(team, "the command line")}
