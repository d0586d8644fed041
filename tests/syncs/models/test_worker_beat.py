"""Whether a worker is there, by its signs of life in the database."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from syncs.models import WorkerBeat
from syncs.models.worker_beat import LASTS

pytestmark = pytest.mark.django_db

A_MOMENT = timedelta(seconds=1)


def age(name: str, by: timedelta) -> None:
    WorkerBeat.objects.filter(name=name).update(beat_at=Now() - by)


def test_nobody_is_there_before_the_first_beat():
    assert not WorkerBeat.objects.are_alive()


def test_a_beat_counts_for_a_few_seconds():
    WorkerBeat.objects.beat("machine 1")
    assert WorkerBeat.objects.are_alive()
    age("machine 1", LASTS - A_MOMENT)
    assert WorkerBeat.objects.are_alive()
    age("machine 1", LASTS + A_MOMENT)
    assert not WorkerBeat.objects.are_alive()
    WorkerBeat.objects.beat("machine 1")
    assert WorkerBeat.objects.are_alive()
    assert WorkerBeat.objects.count() == 1


def test_of_two_workers_one_may_die():
    WorkerBeat.objects.beat("machine 1")
    WorkerBeat.objects.beat("machine 2")
    age("machine 1", LASTS * 2)
    assert WorkerBeat.objects.are_alive()
    WorkerBeat.objects.filter(name="machine 2").delete()  # it ended as it should
    assert not WorkerBeat.objects.are_alive()


def test_a_clock_that_was_put_back_keeps_no_dead_worker_alive():
    WorkerBeat.objects.beat("machine 1")
    age("machine 1", -timedelta(hours=1))
    assert not WorkerBeat.objects.are_alive()


def test_the_dead_are_forgotten_after_a_day():
    for name, hours in (("of now", 0), ("of today", 20), ("of yesterday", 25), ("of a wrong clock", -99)):
        WorkerBeat.objects.beat(name)
        age(name, timedelta(hours=hours))
    WorkerBeat.objects.forget_the_dead()
    assert set(WorkerBeat.objects.values_list("name", flat=True)) == {"of now", "of today"}
