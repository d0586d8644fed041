"""The queue's two schedules, and the queue as it is seen."""

import time
from datetime import timedelta

from django.utils import timezone
from django_q.models import OrmQ, Schedule

from syncadmin.supervisor.doorbells import STEP_SECONDS, Watcher, ensure_schedules, look, mend_schedules
from syncs.models import WorkerBeat
from syncs.models.worker_beat import Kind

HOUR = timedelta(hours=1)


def test_the_schedules_are_there_once_however_often_they_are_wanted(db):
    ensure_schedules()
    Schedule.objects.create(name="tick", func="somewhere.else", schedule_type=Schedule.DAILY)
    ensure_schedules()

    found = {schedule.name: schedule for schedule in Schedule.objects.all()}
    assert Schedule.objects.count() == 2
    assert (found["tick"].func, found["tick"].schedule_type, found["tick"].minutes) == (
        "syncs.tasks.tick",
        Schedule.MINUTES,
        1,
    )
    assert (found["prune"].func, found["prune"].schedule_type) == ("syncs.tasks.prune", Schedule.DAILY)


def test_a_schedule_keeps_its_next_time(db):
    ensure_schedules()
    tomorrow = timezone.now() + timedelta(days=1)
    Schedule.objects.filter(name="prune").update(next_run=tomorrow)
    ensure_schedules()
    assert Schedule.objects.get(name="prune").next_run == tomorrow


def test_a_clock_that_was_put_back_does_not_let_the_schedules_stand_still(db):
    ensure_schedules()
    ahead = {name: timezone.now() + away for name, away in (("tick", 3 * HOUR), ("prune", 30 * HOUR))}
    for name, at in ahead.items():
        Schedule.objects.filter(name=name).update(next_run=at)
    mend_schedules()
    assert all(one.next_run <= timezone.now() for one in Schedule.objects.all())

    usual = {"tick": timezone.now() + HOUR / 60, "prune": timezone.now() + 24 * HOUR}
    for name, at in usual.items():
        Schedule.objects.filter(name=name).update(next_run=at)
    mend_schedules()
    assert dict(Schedule.objects.values_list("name", "next_run")) == usual


def test_a_doorbell_is_waiting_until_a_pool_takes_it(db):
    waiting = OrmQ.objects.create(key="syncadmin", payload="", lock=timezone.now())
    taken = OrmQ.objects.create(key="syncadmin", payload="", lock=timezone.now() + timedelta(hours=6))
    glance = look()
    assert (glance.due, glance.waiting, glance.taken) == (0, {waiting.pk}, {taken.pk: taken.lock})


def test_a_supervisor_whose_loop_hangs_gives_no_sign_of_life(db):
    watcher, now = Watcher(), time.monotonic()
    watcher.beat(now + STEP_SECONDS + 1)
    assert not WorkerBeat.objects.are_alive(Kind.SUPERVISOR)
    watcher.step()
    watcher.beat(now)
    assert WorkerBeat.objects.are_alive(Kind.SUPERVISOR)
    assert not WorkerBeat.objects.are_alive(), "it is no worker"
