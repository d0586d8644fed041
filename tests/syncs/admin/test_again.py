"""Sending rows again and cancelling, from the lists."""

from typing import Any

import pytest
from django.test import Client
from django_q.models import OrmQ

from syncadmin.lib.history import list_of, page_of
from syncadmin.teams.models import Team, User
from syncs.admin import again
from syncs.engine.run import finish_here
from syncs.models import RejectedRow, Run, Sync
from tests.syncs.admin.history import HARM, make_row, make_run, make_sync
from tests.syncs.engine.scene import Scene, write_csv


def act(client: Client, action: str, *chosen: Any, across: bool = False, **narrowed: Any) -> str:
    """Do something with the chosen objects of a list; what the next page says."""
    form = {
        "action": action,
        "_selected_action": [one.pk for one in chosen],
        "select_across": "1" if across else "0",
        "index": "0",
    }
    return client.post(list_of(type(chosen[0]), **narrowed), form, follow=True).text


def test_send_these_rows_again_brings_them_once_they_are_mended(
    scene: Scene, staff_client: Client, staff: User
):
    first = scene.finish()
    refused = RejectedRow.objects.get(run=first, stage="rejected")
    scene.change(2, title="Gold")
    scene.change(1, first_name="Changed, but not chosen")
    write_csv("people.csv", scene.rows)

    page = act(staff_client, "send_again", refused)

    run = Run.objects.latest("pk")
    assert f'<a href="{page_of(run)}">Run 2 of leads</a> was queued to send 1 row again.' in page
    assert (run.trigger, run.keys, run.started_by) == (Run.Trigger.RETRY, ["2"], staff)
    assert OrmQ.objects.count() == 1
    assert finish_here(run).status == Run.Status.SUCCEEDED
    assert scene.lead(2)["Tier__c"] == "Gold"
    assert scene.lead(1)["first_name"] == "Person 1"


def test_rows_of_several_syncs_start_one_run_each(sync: Sync, team: Team, staff_client: Client):
    other = make_sync(team=team, name="companies")
    runs = [make_run(sync=sync), make_run(sync=sync), make_run(sync=other)]
    rows = [make_row(run=run, key=key) for run, key in zip(runs, ["1", "1", "b"], strict=True)]
    rows.append(make_row(run=runs[0], key="2"))

    act(staff_client, "send_again", *rows)

    started = {run.sync_id: sorted(run.keys) for run in Run.objects.filter(trigger="retry")}
    assert started == {sync.pk: ["1", "2"], other.pk: ["b"]}


def test_a_sync_that_is_running_says_so_and_the_others_start(sync: Sync, team: Team, staff_client: Client):
    busy = make_sync(team=team, name=f"busy {HARM}")
    rows = [make_row(run=make_run(sync=one)) for one in (sync, busy)]
    active = make_run(sync=busy, status="delivering")

    page = act(staff_client, "send_again", *rows)

    assert f'<a href="{page_of(active)}">run 2</a> is under way' in page
    assert HARM not in page
    assert [run.sync for run in Run.objects.filter(trigger="retry")] == [sync]


def test_a_paused_sync_says_so_and_the_others_start(sync: Sync, team: Team, staff_client: Client):
    paused = make_sync(team=team, name=f"paused {HARM}")
    rows = [make_row(run=make_run(sync=one)) for one in (sync, paused)]
    Sync.objects.filter(pk=paused.pk).update(paused=True)

    page = act(staff_client, "send_again", *rows)

    assert "is paused. Resume it, then run it." in page
    assert HARM not in page
    assert [run.sync for run in Run.objects.filter(trigger="retry")] == [sync]


def test_rows_without_a_key_are_told_apart(sync: Sync, staff_client: Client):
    run = make_run(sync=sync)
    rows = [make_row(run=run, key=""), make_row(run=run, key="1")]
    page = act(staff_client, "send_again", *rows)
    assert "Rows without a primary key cannot be sent again" in page
    assert Run.objects.get(trigger="retry").keys == ["1"]


def test_rows_without_a_key_alone_start_nothing(sync: Sync, staff_client: Client):
    page = act(staff_client, "send_again", make_row(run=make_run(sync=sync), key=""))
    assert "Rows without a primary key cannot be sent again" in page
    assert not Run.objects.filter(trigger="retry").exists()


def test_a_record_left_behind_is_not_sent_again(sync: Sync, staff_client: Client):
    page = act(
        staff_client, "send_again", make_row(run=make_run(sync=sync), stage="left_behind", who="admin")
    )
    assert "1 record was left behind at the destination" in page
    assert not Run.objects.filter(trigger="retry").exists()


def test_too_many_rows_start_nothing(sync: Sync, staff_client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(again, "MOST_ROWS", 2)
    run = make_run(sync=sync)
    rows = [make_row(run=run, key=key) for key in "123"]
    page = act(staff_client, "send_again", rows[0], across=True)
    assert "These are more than 2 rows; nothing was started." in page
    assert not Run.objects.filter(trigger="retry").exists()


def test_all_rows_of_a_narrowed_list_can_be_chosen(sync: Sync, staff_client: Client):
    run, other = make_run(sync=sync), make_run(sync=sync)
    row = make_row(run=run, key="1")
    make_row(run=run, key="2")
    make_row(run=run, key="3", stage="held_back")
    make_row(run=other, key="4")
    act(staff_client, "send_again", row, across=True, run=run.public_id, stage="attention")
    assert sorted(Run.objects.get(trigger="retry").keys) == ["1", "2"]


def test_a_runs_rows_that_need_attention_are_sent_again(sync: Sync, staff_client: Client):
    run = make_run(sync=sync)
    for key, stage in {
        "1": "invalid",
        "2": "rejected",
        "3": "in_doubt",
        "4": "held_back",
        "": "invalid",
    }.items():
        make_row(run=run, key=key, stage=stage)
    page = act(staff_client, "send_again", run)
    assert "was queued to send 3 rows again." in page
    assert sorted(Run.objects.get(trigger="retry").keys) == ["1", "2", "3"]


def test_a_run_with_more_rows_than_can_be_named_tries_all_that_were_refused(
    sync: Sync, staff_client: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(again, "MOST_ROWS", 2)
    run = make_run(sync=sync)
    for key in "123":
        make_row(run=run, key=key)
    page = act(staff_client, "send_again", run)
    assert "every row that was refused" in page
    assert Run.objects.get(trigger="retry").keys is None


def test_a_run_where_nothing_can_be_sent_again_says_why(sync: Sync, team: Team, staff_client: Client):
    fine, keyless = make_run(sync=sync), make_run(sync=make_sync(team=team, name="keyless"))
    make_row(run=keyless, key="")
    page = act(staff_client, "send_again", fine, keyless)
    assert "No row of leads needs attention." in page
    assert "The rows of keyless that need attention have no primary key" in page
    assert not Run.objects.filter(trigger="retry").exists()


def test_cancelling_asks_active_runs_to_end_and_names_who_asked(sync: Sync, team: Team, staff_client: Client):
    over, active = make_run(sync=sync), make_run(sync=make_sync(team=team, name="b"), status="delivering")
    page = act(staff_client, "cancel_runs", over, active)
    active.refresh_from_db()
    over.refresh_from_db()
    assert active.cancel_requested_at is not None
    assert over.cancel_requested_at is None
    assert "1 run is being cancelled" in page
    assert "1 run was over already." in page
    assert "Cancelled." in staff_client.get(f"/admin/syncs/run/{active.pk}/history/").text
