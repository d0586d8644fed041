"""Schedules start runs: each time once, whoever looks, and none on top of another."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from syncs import tasks
from syncs.engine import scheduling
from syncs.engine.run import cancel, start
from syncs.models import MissedTime, Run, Sync, SyncSchedule
from syncs.schedule import Schedule
from tests.syncs.engine.scene import Scene, make_sync, person

START = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)


def schedule(
    sync: Sync, rule: dict[str, Any] | None, now: datetime, follows: Sync | None = None
) -> SyncSchedule:
    made = SyncSchedule(team=sync.team, sync=sync, rule=rule, follows=follows)
    scheduling.plan_next(made, now)
    made.save()
    return made


@pytest.fixture
def begun(scene: Scene) -> Scene:
    """The first full run has been made."""
    scene.rows = [person(1)]
    scene.finish()
    return scene


def triggers(sync: Sync) -> list[str]:
    return list(Run.objects.filter(sync=sync).order_by("number").values_list("trigger", flat=True))


def end(sync: Sync) -> None:
    Run.objects.filter(sync=sync).update(status=Run.Status.SUCCEEDED, finished_at=timezone.now())


def test_a_due_time_starts_one_run_and_the_next_time_stands(begun: Scene) -> None:
    kept = schedule(begun.sync, {"every": "15 minutes"}, START)
    assert scheduling.start_due(START + timedelta(minutes=14)) == 0
    assert scheduling.start_due(START + timedelta(minutes=15)) == 1
    assert scheduling.start_due(START + timedelta(minutes=15)) == 0
    kept.refresh_from_db()
    assert kept.next_at == START + timedelta(minutes=30)
    assert triggers(begun.sync) == ["manual", "schedule"]


def test_times_missed_while_nobody_worked_run_once(begun: Scene) -> None:
    kept = schedule(begun.sync, {"every": "15 minutes"}, START)
    assert scheduling.start_due(START + timedelta(hours=9, minutes=5)) == 1
    kept.refresh_from_db()
    assert kept.next_at == START + timedelta(hours=9, minutes=15)
    assert not MissedTime.objects.exists()


def test_two_workers_that_saw_the_same_time_start_it_once(begun: Scene) -> None:
    kept = schedule(begun.sync, {"every": "15 minutes"}, START)
    late = SyncSchedule.objects.select_related("sync__team").get(pk=kept.pk)
    now = START + timedelta(minutes=16)
    assert scheduling.start_due(now) == 1
    assert not scheduling._take(late, now)
    assert triggers(begun.sync) == ["manual", "schedule"]


def test_a_time_at_which_the_last_run_still_goes_is_left_out_and_told(begun: Scene) -> None:
    schedule(begun.sync, {"every": "15 minutes"}, START)
    going = start(begun.sync, ring=False)
    for minutes in (15, 30):
        assert scheduling.start_due(START + timedelta(minutes=minutes)) == 0
    left = MissedTime.objects.order_by("at")
    assert [(one.at - START, one.run) for one in left] == [
        (timedelta(minutes=15), going),
        (timedelta(minutes=30), going),
    ]
    end(begun.sync)
    assert scheduling.start_due(START + timedelta(minutes=45)) == 1


def test_a_paused_sync_leaves_its_times_out_and_goes_on_at_the_next(begun: Scene) -> None:
    kept = schedule(begun.sync, {"daily": "07:00"}, START)
    Sync.objects.update(paused=True)
    assert scheduling.start_due(START + timedelta(days=2)) == 0
    Sync.objects.update(paused=False)
    assert scheduling.start_due(START + timedelta(days=2, minutes=1)) == 0
    kept.refresh_from_db()
    assert kept.next_at == datetime(2026, 3, 31, 7, 0, tzinfo=UTC)
    assert not MissedTime.objects.exists()


def test_the_first_full_run_is_left_to_a_person(scene: Scene) -> None:
    schedule(scene.sync, {"every": "15 minutes"}, START)
    assert scheduling.start_due(START + timedelta(minutes=15)) == 0
    assert not Run.objects.exists()


def test_a_schedule_that_was_changed_meanwhile_is_not_taken(begun: Scene) -> None:
    kept = schedule(begun.sync, {"every": "15 minutes"}, START)
    seen = SyncSchedule.objects.select_related("sync__team").get(pk=kept.pk)
    kept.rule = {"daily": "07:00"}
    scheduling.plan_next(kept, START)
    kept.save()
    assert not scheduling._take(seen, START + timedelta(minutes=15))
    assert triggers(begun.sync) == ["manual"]


def test_one_schedule_that_cannot_be_read_does_not_hold_up_the_others(
    begun: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    broken = schedule(begun.sync, {"every": "15 minutes"}, START)
    SyncSchedule.objects.update(rule={"daily": "07:00", "zone": "Mars/Olympus"})
    other = make_sync(team=begun.team, connection=begun.connection, name="other")
    start(other, ring=False)
    end(other)
    schedule(other, {"every": "15 minutes"}, START)
    assert scheduling.start_due(START + timedelta(minutes=15)) == 2
    broken.refresh_from_db()
    assert broken.next_at is None
    assert "Mars/Olympus" in caplog.text


def test_a_sync_follows_each_good_run_of_another_once(begun: Scene) -> None:
    other = make_sync(team=begun.team, connection=begun.connection, name="other")
    start(other, ring=False)
    end(other)
    schedule(other, None, START, follows=begun.sync)
    assert scheduling.start_due(START) == 0, "runs of before do not count"

    run = start(begun.sync, ring=False)
    assert scheduling.start_due(START) == 0, "it still runs"
    end(begun.sync)
    assert scheduling.start_due(START) == 1
    assert scheduling.start_due(START) == 0
    assert triggers(other) == ["manual", "after"]

    cancelled = start(begun.sync, ring=False)
    cancel(cancelled)
    Run.objects.filter(pk=cancelled.pk).update(status=Run.Status.CANCELLED, finished_at=timezone.now())
    end(other)
    assert scheduling.start_due(START) == 0, f"{cancelled} was cancelled, {run} is known"


def test_a_follower_that_still_runs_comes_afterwards(begun: Scene) -> None:
    other = make_sync(team=begun.team, connection=begun.connection, name="other")
    start(other, ring=False)
    schedule(other, None, START, follows=begun.sync)
    start(begun.sync, ring=False)
    end(begun.sync)
    assert scheduling.start_due(START) == 0
    end(other)
    assert scheduling.start_due(START) == 1


def test_syncs_that_would_start_each_other_for_ever_are_found(begun: Scene) -> None:
    second, third = (make_sync(team=begun.team, connection=begun.connection, name=name) for name in "bc")
    schedule(second, None, START, follows=begun.sync)
    schedule(third, None, START, follows=second)
    assert scheduling.is_circle(begun.sync, third)
    assert scheduling.is_circle(begun.sync, begun.sync)
    assert not scheduling.is_circle(third, begun.sync)
    with pytest.raises(scheduling.Circle):  # whoever looked before third followed second
        scheduling.set_schedule(begun.sync, Schedule("after", after="c"), third)
    assert not SyncSchedule.objects.filter(sync=begun.sync).exists()


def test_a_tick_starts_what_is_due_and_a_worker_runs_it(
    begun: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "PATIENCE_SECONDS", 0.5)
    schedule(begun.sync, {"every": "15 minutes"}, timezone.now() - timedelta(hours=1))
    begun.change(1, title="CEO")
    begun.write()
    tasks.tick()
    tasks.work()
    run = Run.objects.get(trigger=Run.Trigger.SCHEDULE)
    assert (run.status, run.accepted_count) == (Run.Status.SUCCEEDED, 1)
