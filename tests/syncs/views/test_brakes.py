"""Runs that wait for approval, and when they do. Alice owns, Erin edits, Bob may only look, Charlie is of
another team."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from destinations.sandbox.running import running_sandbox
from syncadmin.teams.models import AuditEntry, Membership, Team, User
from syncs.engine.brakes import DEFAULTS, NONE, Found, Shown, read
from syncs.engine.braking import mark_of
from syncs.engine.run import finish_here, start
from syncs.models import Run, Sync, SyncVersion
from tests.syncs.admin.history import make_run, make_sync
from tests.syncs.engine import scene
from tests.syncs.engine.scene import person
from tests.syncs.views.test_runs import text, url

REASON = "12,400 of 12,900 rows that were sent before would change; usual are about 300 rows a run."


@pytest.fixture
def sync(team: Team) -> Sync:
    return make_sync(team=team)


@pytest.fixture
def waiting(sync: Sync) -> Run:
    """A run that a brake holds."""
    shown = Shown((Found("changes", REASON, 12_400),), 12_400, mark_of(sync))
    until = timezone.now() + timedelta(hours=24)
    counts = {"read_count": 12_900, "unchanged_count": 500, "planned_count": 12_400, "waiting_count": 12_400}
    held = {"brakes": shown.write(), "approval_ends_at": until, "due_at": until, "finished_at": None}
    return make_run(sync=sync, status=Run.Status.APPROVAL, **counts, **held)


@pytest.fixture
def erin(team: Team) -> User:
    user = User.objects.create_user("erin@example.com", "correct horse")
    Membership.objects.create(team=team, user=user, role=Membership.Role.EDITOR)
    return user


@pytest.fixture
def as_alice(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def decide(client: Client, run: Run, action: str = "approve", attempt: str = "1") -> Any:
    return client.post(url("run_decide", run.public_id), {"action": action, "attempt": attempt})


def said(answer: Any) -> str:
    return " ".join(str(one) for one in get_messages(answer.wsgi_request))


# A run that waits


def test_alice_sees_why_a_run_waits_and_sends_it(as_alice: Client, waiting: Run, alice: User) -> None:
    page = as_alice.get(url("run", waiting.public_id))
    words = text(page)
    assert "Waits for approval " + REASON in words
    assert "Nothing has been sent. Look at what would change, then decide" in words
    assert "Approve and send 12,400 rows Do not send" in words
    assert "12,400 once it is approved" in words
    assert '<progress id="progress"' not in page.text

    answer = decide(as_alice, waiting)

    assert answer.url == url("run", waiting.public_id)
    assert said(answer) == "Approved: it goes on now, with what was shown."
    waiting.refresh_from_db()
    assert (waiting.status, waiting.decided_by) == (Run.Status.DELIVERING, alice)
    assert AuditEntry.objects.get(action="run.approved").who == alice.email
    after = text(as_alice.get(answer.url))
    assert f"Waited for approval {REASON} Approved, by {alice.email}:" in after
    assert "Do not send" not in after


def test_alice_does_not_want_it_sent(as_alice: Client, waiting: Run, alice: User) -> None:
    said_so = decide(as_alice, waiting, "deny")
    assert "nothing of it is sent" in said(said_so)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.ending) == (Run.Status.FINISHING, Run.Status.CANCELLED)
    assert AuditEntry.objects.get(action="run.denied").who == alice.email
    Run.objects.update(status=Run.Status.CANCELLED, finished_at=timezone.now())
    words = text(as_alice.get(url("run", waiting.public_id)))
    assert f"Why it ended {alice.email} decided not to send it." in words
    assert "It was not approved. 12,400 rows were not sent; the next run looks at them again." in words
    Run.objects.update(status=Run.Status.STOPPED, decision=Run.Decision.EXPIRED)
    words = text(as_alice.get(url("run", waiting.public_id)))
    assert "Nobody approved it in time. 12,400 rows were not sent; the next run looks at them" in words


def test_alice_does_not_want_to_be_asked_again(as_alice: Client, waiting: Run, alice: User) -> None:
    assert "Do not send, and pause the sync" in text(as_alice.get(url("run", waiting.public_id)))
    said_so = said(decide(as_alice, waiting, "deny_and_pause"))
    assert "nothing of it is sent" in said_so
    assert "The sync is paused" in said_so
    waiting.refresh_from_db()
    assert (waiting.status, waiting.sync.paused) == (Run.Status.FINISHING, True)
    assert set(AuditEntry.objects.values_list("action", "who")) >= {
        ("run.denied", alice.email),
        ("sync.paused", alice.email),
    }
    Sync.objects.update(paused=False)
    assert "It was decided already" in said(decide(as_alice, waiting, "deny_and_pause"))
    assert not Sync.objects.get().paused


def test_who_may_not_decide_sees_who_may(waiting: Run, alice: User, erin: User, bob: User) -> None:
    for one in (erin, bob):
        client = signed_in(one)
        words = text(client.get(url("run", waiting.public_id)))
        assert REASON in words
        assert "Approve and send" not in words
        assert f"An admin of the team decides: {alice.email} ." in words
        for action in ("approve", "deny", "deny_and_pause"):
            assert decide(client, waiting, action).status_code == 403
    waiting.refresh_from_db()
    assert waiting.status == Run.Status.APPROVAL


def test_charlie_finds_nothing(waiting: Run, charlie: User) -> None:
    client = signed_in(charlie)
    for answer in (
        decide(client, waiting),
        client.get(url("run", waiting.public_id)),
        client.get(url("sync_brakes", waiting.sync.public_id)),
    ):
        assert answer.status_code == 404


@pytest.mark.parametrize("attempt", ["2", "", "x", "-1", "99999999999999999999"])
def test_what_was_looked_at_before_is_not_approved(as_alice: Client, waiting: Run, attempt: str) -> None:
    assert "looked at anew since you opened the page" in said(decide(as_alice, waiting, attempt=attempt))
    assert decide(as_alice, waiting, "nonsense").status_code == 302
    assert as_alice.get(url("run_decide", waiting.public_id)).status_code == 302
    waiting.refresh_from_db()
    assert waiting.status == Run.Status.APPROVAL


def test_what_is_more_than_was_approved_is_told_first(as_alice: Client, waiting: Run) -> None:
    more = "13,900 rows would be sent now; 12,400 were approved."
    shown = Shown.read(waiting.brakes or {}).write() | {"since": [more]}
    Run.objects.update(brakes=shown)
    words = text(as_alice.get(url("run", waiting.public_id)))
    assert f"It does more now than what was approved: {more} And as before: {REASON}" in words


def test_the_page_is_shown_anew_once_the_run_waits_or_waits_no_more(as_alice: Client, waiting: Run) -> None:
    here, htmx = url("run", waiting.public_id), {"headers": {"HX-Request": "true"}}
    assert f'hx-get="{here}?seen=1"' in as_alice.get(here).text
    assert "HX-Refresh" not in as_alice.get(f"{here}?seen=1", **htmx)
    for other in ("?seen=", "?seen=2", ""):
        assert as_alice.get(f"{here}{other}", **htmx)["HX-Refresh"] == "true"
    Run.objects.update(status=Run.Status.DELIVERING)
    assert as_alice.get(f"{here}?seen=1", **htmx)["HX-Refresh"] == "true"


def test_lists_know_it_and_lead_there(as_alice: Client, waiting: Run, bob: User) -> None:
    badge, here = '<span class="badge warn">Waits for approval</span>', url("run", waiting.public_id)
    listed = as_alice.get(url("runs"), {"status": "approval"})
    assert badge in listed.text and here in listed.text
    assert badge in as_alice.get(url("syncs")).text
    assert here in as_alice.get(url("syncs"), {"health": "waiting"}).text
    overview = as_alice.get(url("overview"))
    assert f"Runs that wait for approval For the team’s admins. leads #1 Waits for approval {REASON}" in text(
        overview
    )
    of_sync = text(as_alice.get(url("sync", waiting.sync.public_id)))
    assert f"Run 1 waits for approval. {REASON} Look at it, and decide" in of_sync
    assert "Look at it and decide" not in text(signed_in(bob).get(url("sync", waiting.sync.public_id)))
    started = as_alice.post(url("sync_run", waiting.sync.public_id))
    assert said(started) == "leads has a run that waits for approval: this is run 1."


def test_staff_see_it_among_what_needs_somebody(admin_client: Client, waiting: Run) -> None:
    assert REASON[:40] in admin_client.get("/admin/").text
    page = admin_client.get(f"/admin/syncs/run/{waiting.pk}/change/")
    assert REASON in text(page) and "Waiting for approval" in text(page)


# What it would change


def test_what_it_would_change_is_shown_row_by_row_before_and_after(
    as_alice: Client, team: Team, tmp_path: Path, settings: Any
) -> None:
    settings.FILES_DIR, settings.SCRATCH_DIR = tmp_path / "files", tmp_path / "scratch"
    rows = [person(id) for id in range(1, 7)]
    with running_sandbox(switches={"job_seconds": 0.01}) as sandbox:
        made = scene.make_sync(team=team, connection=scene.make_connection(team=team, url=sandbox.url))
        scene.write_csv("people.csv", rows)
        finish_here(start(made, ring=False))
        low = {"percent": 30, "least": 2}
        Sync.objects.update(brakes={"changes": low, "lost": low})
        scene.write_csv("people.csv", [row | {"title": "CEO"} for row in rows[:4]])
        run = finish_here(start(made, ring=False))
        assert run.waits_for_approval

        page = as_alice.get(url("run_diff", run.public_id))
        words = text(page)
        assert "Approve and send 4 rows" in words
        assert "All 4 rows that were sent before would change." in words
        assert "New 0 Changed 4 No change 0" in words and "Left the model 2" in words
        assert "VP" in words and "CEO" in words
        assert [row.key_text for row in _listed(as_alice, run, "left")] == ["5", "6"]
        assert [row.key_text for row in _listed(as_alice, run, "waiting")] == ["1", "2", "3", "4"]
        assert as_alice.get(url("run_diff_csv", run.public_id)).getvalue().count(b"CEO") == 4
        row = as_alice.get(url("run_planned_row", run.public_id, 1, 0))
        assert "CEO" in row.text
        queries = []
        for _ in range(2):
            with CaptureQueriesContext(database) as captured:
                as_alice.get(url("run_diff", run.public_id))
            queries.append(len(captured))
        assert queries[0] == queries[1] <= 25

        decide(as_alice, run, attempt=str(run.plan_attempt))
        assert finish_here(run).accepted_count == 4
    after = text(as_alice.get(url("run_diff", run.public_id)))
    assert "as it was shown for approval" in after and "Approve and send" not in after
    assert "Look anew" not in after


def _listed(client: Client, run: Run, kind: str) -> Any:
    found = client.get(url("run_rows", run.public_id), {"show": kind}).context["rows"]
    return sorted(found, key=lambda row: row.key_text)


# When a run waits


def typed(page: Any, **changed: str) -> dict[str, str]:
    """The form as it is shown, with some of it typed anew."""
    data = {"seen": page.context["seen"]}
    for line in page.context["lines"]:
        if line.on.value():
            data[line.on.html_name] = "on"
        data |= {part.html_name: str(part.value()) for part in (line.percent, line.least) if part}
    return data | changed


def test_an_editor_changes_when_a_run_waits_and_a_version_tells_of_it(erin: User, sync: Sync) -> None:
    client, here = signed_in(erin), url("sync_brakes", sync.public_id)
    page = client.get(here)
    assert "Far more rows change than usual" in text(page)
    data = typed(page, changes_percent="60")
    del data["new_on"]

    answer = client.post(here, data)

    assert answer.url == url("sync", sync.public_id)
    sync.refresh_from_db()
    assert sync.brakes == {"changes": {"percent": 60}, "new": False}
    assert "6 brakes are on, of 7, with limits of this sync." in text(client.get(answer.url))
    assert SyncVersion.objects.filter(sync=sync).count() == 2
    assert "Brakes" in text(client.get(url("sync_versions", sync.public_id)))
    assert AuditEntry.objects.get(action="sync.changed").who == erin.email


def test_all_are_switched_off_and_on_again_with_one_button(as_alice: Client, sync: Sync) -> None:
    here = url("sync_brakes", sync.public_id)
    as_alice.post(here, typed(as_alice.get(here)) | {"action": "off"})
    sync.refresh_from_db()
    assert sync.brakes == NONE
    page = as_alice.get(here)
    assert "whatever a run would do, it is sent" in text(page)
    as_alice.post(here, typed(page) | {"action": "defaults"})
    sync.refresh_from_db()
    assert sync.brakes == {} and read(sync.brakes) == DEFAULTS


def test_what_is_no_limit_is_told_at_its_place_and_stays_as_typed(as_alice: Client, sync: Sync) -> None:
    here = url("sync_brakes", sync.public_id)
    answer = as_alice.post(here, typed(as_alice.get(here), changes_percent="lots", lost_least="-3"))
    assert answer.status_code == 422
    assert 'value="lots"' in answer.text and 'value="-3"' in answer.text
    assert 'id="id_changes_percent_error">Type a whole number from 1 to 100.' in answer.text
    assert 'id="id_lost_least_error">Type a whole number from 1 to 1,000,000,000.' in answer.text
    sync.refresh_from_db()
    assert sync.brakes == {}


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(as_alice: Client, sync: Sync) -> None:
    here = url("sync_brakes", sync.public_id)
    page = as_alice.get(here)
    Sync.objects.update(brakes={"new": False})
    answer = as_alice.post(here, typed(page, changes_percent="77"))
    assert (answer.status_code, 'value="77"' in answer.text) == (409, True)
    assert as_alice.post(here, typed(answer, changes_percent="77")).status_code == 302


def test_bob_looks_at_the_brakes_and_changes_none(bob: User, sync: Sync) -> None:
    client, here = signed_in(bob), url("sync_brakes", sync.public_id)
    page = client.get(here)
    assert "Save the brakes" not in text(page) and '<fieldset class="brake" disabled>' in page.text
    assert client.post(here, typed(page)).status_code == 403
