"""When a sync runs by itself: Alice owns the team, Bob may only look, Charlie is of another team."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from destinations.sandbox.running import Sandbox, running_sandbox
from syncadmin.teams.models import Team, User
from syncs.engine.run import finish_here, start
from syncs.models import MissedTime, Run, StartToken, Sync, SyncSchedule
from tests.syncs.engine.scene import make_connection, make_sync, person, write_csv

DAILY = {"kind": "daily", "daily_at": "07:30", "zone": "Europe/Berlin", "action": "save"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(switches={"job_seconds": 0.01}) as running:
        yield running


@pytest.fixture
def sync(team: Team, sandbox: Sandbox, tmp_path: Path, settings: Any) -> Sync:
    """A sync whose first full run was made."""
    settings.FILES_DIR = tmp_path / "files"
    settings.SCRATCH_DIR = tmp_path / "scratch"
    write_csv("people.csv", [person(1)])
    made = make_sync(team=team, connection=make_connection(team=team, url=sandbox.url))
    finish_here(start(made, ring=False))
    return made


@pytest.fixture
def page(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def url(name: str, sync: Sync) -> str:
    return reverse(name, args=["acme", sync.public_id])


def save(page: Client, sync: Sync, **data: Any) -> Any:
    return page.post(url("sync_schedule", sync), data)


def test_alice_lets_a_sync_run_every_morning(page: Client, sync: Sync) -> None:
    answer = save(page, sync, **DAILY)
    assert answer.url == url("sync", sync)
    kept = SyncSchedule.objects.get()
    assert (kept.team, kept.rule) == (sync.team, {"daily": "07:30", "zone": "Europe/Berlin"})
    shown = page.get(answer.url).content.decode()
    assert "Every day at 07:30 (Europe/Berlin); next" in shown
    again = page.get(url("sync_schedule", sync)).content.decode()
    assert again.count("<li>") >= 5
    assert 'value="07:30"' in again


def test_the_next_times_are_told_by_both_clocks(page: Client, sync: Sync) -> None:
    typed = {"kind": "daily", "daily_at": "02:30", "zone": "asia/kolkata", "action": "times"}
    shown = save(page, sync, **typed).content.decode()
    assert shown.count("02:30 there") == 5
    assert "in the schedule’s, Asia/Kolkata" in shown
    assert " there</span>" not in save(page, sync, **(typed | {"zone": "UTC"})).content.decode()


def test_the_next_times_are_shown_and_nothing_is_stored(page: Client, sync: Sync) -> None:
    answer = save(page, sync, **(DAILY | {"action": "times"}))
    assert "Every day at 07:30 (Europe/Berlin)" in answer.content.decode()
    assert not SyncSchedule.objects.exists()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"kind": "every", "number": "1", "unit": "minute"}, "An interval is from 5 minutes"),
        ({"kind": "daily", "daily_at": ""}, "A time of day is written"),
        ({"kind": "weekly", "weekly_at": "07:00"}, "Choose at least one day"),
        ({"kind": "cron", "cron": "* * *"}, "five parts"),
        ({"kind": "cron", "cron": "0 0 30 2 *"}, "there is no such day of month"),
        ({"kind": "after", "follows": ""}, "Name the sync"),
        ({"kind": "after", "follows": "elsewhere"}, "Select a valid choice"),
        ({"kind": "daily", "daily_at": "07:00", "zone": "Mars"}, "There is no time zone “Mars”"),
        ({"kind": "daily", "daily_at": "07:00", "opens": "20:00"}, "A time of day is written"),
        ({"kind": "hourly"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_is_told_and_kept(page: Client, sync: Sync, typed: dict[str, str], words: str) -> None:
    answer = save(page, sync, **({"zone": "UTC", "unit": "hour", "action": "save"} | typed))
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert words in shown
    assert all(f'value="{text}"' in shown for name, text in typed.items() if text and name == "cron")
    assert not SyncSchedule.objects.exists()


def test_a_sync_follows_another_but_not_in_a_circle(page: Client, sync: Sync) -> None:
    other = make_sync(team=sync.team, connection=sync.connection, name="second")
    assert save(page, other, kind="after", follows=sync.public_id, action="save").status_code == 302
    assert "After each good run of leads" in page.get(url("sync", other)).content.decode()
    answer = save(page, sync, kind="after", follows=other.public_id, action="save")
    assert "would start each other for ever" in answer.content.decode()


def test_a_sync_of_another_team_cannot_be_followed(page: Client, sync: Sync, other_team: Team) -> None:
    theirs = make_sync(team=other_team, connection=sync.connection, name="theirs")
    assert "theirs" not in page.get(url("sync_schedule", sync)).content.decode()
    assert save(page, sync, kind="after", follows=theirs.public_id, action="save").status_code == 422


def test_by_hand_takes_the_schedule_away(page: Client, sync: Sync) -> None:
    save(page, sync, **DAILY)
    save(page, sync, kind="manual", action="save")
    assert not SyncSchedule.objects.exists()
    assert "By hand" in page.get(url("sync", sync)).content.decode()


def test_times_that_were_left_out_are_told_with_the_run_that_was_going(page: Client, sync: Sync) -> None:
    run = Run.objects.get()
    at = timezone.now() - timedelta(hours=1)
    MissedTime.objects.create(team=sync.team, sync=sync, at=at, run=run)
    assert "Left out, as a run was still going" in page.get(url("sync", sync)).content.decode()


def test_before_the_first_full_run_the_page_says_what_it_waits_for(page: Client, sync: Sync) -> None:
    new = make_sync(team=sync.team, connection=sync.connection, name="new")
    save(page, new, **DAILY)
    assert "waits for the first full run" in page.get(url("sync_schedule", new)).content.decode()
    assert "once the first full run was started" in page.get(url("sync", new)).content.decode()


@pytest.mark.parametrize("name", ["sync_schedule", "sync_token"])
def test_bob_sees_the_schedule_and_changes_nothing_and_charlie_finds_nothing(
    client: Client, bob: User, charlie: User, sync: Sync, name: str
) -> None:
    client.force_login(bob)
    assert client.post(url(name, sync), DAILY).status_code == 403
    assert "By hand" in client.get(url("sync", sync)).content.decode()
    client.force_login(charlie)
    assert client.post(url(name, sync), DAILY).status_code == 404
    assert not (SyncSchedule.objects.exists() or StartToken.objects.exists())


# Other programs


def outside(sync: Sync, secret: str = "", *, method: str = "post", run: str = "") -> Any:
    address = reverse("api_run", args=[sync.public_id, run]) if run else None
    address = address or reverse("api_runs", args=[sync.public_id])
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    return getattr(Client(enforce_csrf_checks=True), method)(address, headers=headers)


@pytest.fixture
def secret(page: Client, sync: Sync) -> str:
    """A token that Alice made: it is shown once, and kept as a digest."""
    shown = page.post(url("sync_token", sync), {"action": "make"})
    assert shown["Cache-Control"] == "no-store"
    made = shown.content.decode().split('tabindex="0">sync_')[1].split("<")[0]
    kept = StartToken.objects.get()
    assert made not in str(vars(kept))
    assert f"…{kept.ending}" in page.get(url("sync_schedule", sync)).content.decode()
    return f"sync_{made}"


def test_another_program_starts_a_run_and_asks_how_it_went(page: Client, sync: Sync, secret: str) -> None:
    answer = outside(sync, secret)
    assert answer.status_code == 202
    run = Run.objects.get(public_id=answer.json()["run"])
    assert run.trigger == Run.Trigger.CALL
    busy = outside(sync, secret)
    assert (busy.status_code, busy.json()["run"]) == (409, str(run.public_id))
    finish_here(run)
    assert "by another program" in page.get(reverse("run", args=["acme", run.public_id])).content.decode()
    told = outside(sync, secret, method="get", run=str(run.public_id)).json()
    assert (told["status"], told["unchanged"]) == ("succeeded", 1)
    assert StartToken.objects.get().used_at is not None


def test_who_has_no_token_or_another_syncs_learns_nothing(sync: Sync, secret: str) -> None:
    other = make_sync(team=sync.team, connection=sync.connection, name="second")
    gone = Sync(public_id="00000000-0000-4000-8000-000000000000")
    answers = [outside(sync), outside(sync, "wrong"), outside(other, secret), outside(gone, secret)]
    assert {answer.status_code for answer in answers} == {401}
    assert "Send a token" in answers[0].json()["error"]
    assert "This token is not good here" in answers[1].json()["error"]
    assert len({answer.content for answer in answers[1:]}) == 1
    assert outside(sync, secret, method="get").status_code == 401, "it lists no runs"
    assert outside(sync, secret, method="put").status_code == 405
    assert Run.objects.count() == 1


def test_a_token_that_was_replaced_or_removed_is_no_longer_good(
    page: Client, sync: Sync, secret: str
) -> None:
    page.post(url("sync_token", sync), {"action": "make"})
    assert outside(sync, secret).status_code == 401
    page.post(url("sync_token", sync), {"action": "remove"})
    assert not StartToken.objects.exists()


def test_a_run_of_another_sync_is_not_told_of(sync: Sync, secret: str) -> None:
    other = make_sync(team=sync.team, connection=sync.connection, name="second")
    theirs = start(other, ring=False)
    assert outside(sync, secret, method="get", run=str(theirs.public_id)).status_code == 404


def test_a_paused_sync_and_a_first_run_are_left_to_people(sync: Sync, secret: str) -> None:
    Sync.objects.update(paused=True)
    assert "paused" in outside(sync, secret).json()["error"]
    Sync.objects.update(paused=False, generation=2)
    answer = outside(sync, secret)
    assert (answer.status_code, "first full run" in answer.json()["error"]) == (409, True)
