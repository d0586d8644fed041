"""What needs attention now: the newest that is known of each row; and rows that are sent again."""

from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from syncadmin.teams.models import Team, User
from syncs import tasks
from syncs.configuration.write import start_generations
from syncs.engine import again, attention
from syncs.engine.lease import Lease
from syncs.engine.run import Paused, cancel, finish_here
from syncs.models import RejectedRow, Run, Sync, WaitingRetry
from tests.syncs.engine.scene import LEADS, Scene, counts, person, set_mapping


@pytest.fixture
def acme(transactional_db: None, folders: None, team: Team) -> Team:
    return team


@pytest.fixture
def stage(scene: Scene) -> Scene:
    """Row 1 arrived, 2 is no address, 3 is refused: as the first run found."""
    scene.change_field("Score__c", "picklist", options=["1", "7"])
    set_mapping(scene.sync, LEADS | {"Score__c": "note"})
    scene.rows = [person(1, note="1"), person(2, email="bad@"), person(3, note="high")]
    scene.finish()
    return scene


def now_open(scene: Scene) -> list[tuple[str, int]]:
    """(key, number of the run that told it) of what needs attention now."""
    return sorted(attention.open_rows(scene.sync).values_list("key_text", "run__number"))


def retry(scene: Scene, *keys: str) -> Run:
    """Send rows again; without keys all that need attention."""
    scene.write()
    started = again.send_again(scene.sync, asked_by=None, keys=keys, open_rows=() if keys else [{}])
    assert isinstance(started, Run)
    return finish_here(started)


def test_a_row_leaves_what_needs_attention_when_it_arrives_and_else_its_newest_counts(stage: Scene) -> None:
    assert now_open(stage) == [("2", 1), ("3", 1)]
    retry(stage, "2", "3")
    assert now_open(stage) == [("2", 2), ("3", 2)]

    stage.change(3, note="7")
    run = retry(stage, "3")

    assert counts(run) == {"read": 1, "planned": 1, "accepted": 1}
    assert stage.lead(3)["Score__c"] == "7"
    assert now_open(stage) == [("2", 2)]

    # A worker dies over the closing: the next one goes on.
    RejectedRow.objects.filter(key_text="3").update(is_open=True)
    Run.objects.filter(pk=run.pk).update(status=Run.Status.FINISHING, finished_at=None, due_at=timezone.now())
    finish_here(run)
    assert now_open(stage) == [("2", 2)]


def test_runs_over_all_rows_close_what_is_right_again_or_gone_and_not_what_they_put_off(stage: Scene) -> None:
    assert counts(stage.finish())["deferred"] == 1
    assert now_open(stage) == [("2", 2), ("3", 1)]

    retry(stage, "1")
    stage.finish(dry_run=True)
    cancelled = stage.start()
    cancel(cancelled)
    assert finish_here(cancelled).status == Run.Status.CANCELLED
    assert now_open(stage) == [("2", 2), ("3", 1)]

    stage.rows = stage.rows[:1]
    stage.finish()
    assert now_open(stage) == []


def test_no_row_is_asked_about_where_all_that_older_runs_told_is_over(
    stage: Scene, django_assert_num_queries
) -> None:
    stage.rows = stage.rows[:1]
    run = stage.finish()
    RejectedRow.objects.filter(run__number=1).update(is_open=True)

    with django_assert_num_queries(2):
        attention.close(run, Lease(run.pk, uuid4()), ended_well=True)
    assert now_open(stage) == []


def test_what_an_active_run_tells_comes_in_at_its_end_and_a_changed_sync_begins_anew(stage: Scene) -> None:
    run = stage.start()
    row = RejectedRow.objects.get(key_text="2")
    row.pk, row.public_id, row.run = None, run.public_id, run
    row.save()
    assert now_open(stage) == [("2", 1), ("3", 1)]
    start_generations([stage.sync.pk])
    assert now_open(stage) == []


def test_a_retry_of_a_group_sends_what_is_open_when_it_is_planned(stage: Scene) -> None:
    stage.rows.append(person(4, note="low"))
    stage.finish()
    for id in (3, 4):
        stage.change(id, note="7")
    stage.change(1, note="7")  # changed, and not asked for
    stage.write()

    run = again.send_again(stage.sync, asked_by=None, open_rows=[attention.choice(stage="rejected")])
    assert isinstance(run, Run)
    finish_here(run)

    assert counts(run) == {"read": 2, "planned": 2, "accepted": 2}
    assert [stage.lead(id)["Score__c"] for id in (1, 3, 4)] == ["1", "7", "7"]
    assert now_open(stage) == [("2", 2)]


def test_a_retry_waits_for_the_end_of_the_active_run_and_begins_by_itself(stage: Scene, alice: User) -> None:
    stage.start()
    waiting = again.send_again(stage.sync, asked_by=None, keys=["2"])
    assert isinstance(waiting, WaitingRetry)
    again.send_again(stage.sync, asked_by=alice, keys=["3"])
    again.send_again(stage.sync, asked_by=alice, open_rows=[attention.choice(stage="invalid")])
    assert again.start_waiting() == 0

    tasks.work()  # the active run, and then what waited for it

    run = Run.objects.latest("number")
    assert (run.number, run.trigger, run.started_by, run.is_over) == (3, Run.Trigger.RETRY, alice, True)
    assert (run.keys, run.open_rows) == (["2", "3"], [{"stage": "invalid"}])
    assert run.read_count == 2
    assert not WaitingRetry.objects.exists()


def test_what_waits_begins_with_the_next_tick_where_nobody_saw_the_end(stage: Scene) -> None:
    active = stage.start()
    again.send_again(stage.sync, asked_by=None, keys=["3"])
    assert again.take_back(stage.sync)
    assert not again.take_back(stage.sync)
    again.send_again(stage.sync, asked_by=None, keys=["2"])
    finish_here(active)

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        assert again.start_waiting() == 1
        raise ZeroDivisionError  # a crash at its start leaves it waiting
    Sync.objects.update(paused=True)
    assert again.start_waiting() == 0
    with pytest.raises(Paused):
        again.send_again(stage.sync, asked_by=None, keys=["2"])
    Sync.objects.update(paused=False)

    tasks.tick()

    begun = Run.objects.active().get()
    assert begun.keys == ["2"]
    assert again.start_waiting() == 0

    # What waits is forgotten where the sync is changed: its next run sends every row.
    again.send_again(stage.sync, asked_by=None, keys=["2"])
    cancel(begun)
    finish_here(begun)
    start_generations([stage.sync.pk])
    assert again.start_waiting() == 0
    assert not WaitingRetry.objects.exists()


def test_rows_without_a_primary_key_are_open_until_a_run_finds_them_right(stage: Scene) -> None:
    stage.rows.append(person(4) | {"id": ""})
    stage.finish()
    assert retry(stage).read_count == 2
    assert ("", 2) in now_open(stage)
    stage.rows.pop()
    stage.finish()
    assert ("", 2) not in now_open(stage)
