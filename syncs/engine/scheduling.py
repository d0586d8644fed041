"""Starts the runs that are due by their schedules.

A time is taken by moving the schedule on to the next one, in the transaction that starts the run: two
workers take it once, and a crash leaves it due. A time that was missed runs once, however many were.
"""

import logging
from collections.abc import Iterator
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from syncadmin.teams.models import Team
from syncs.engine.run import AlreadyRunning, Paused, start
from syncs.models import MissedTime, Run, Sync, SyncSchedule
from syncs.schedule import AFTER, BY_HAND, MANUAL, Schedule, ScheduleWrong

MOST_FOLLOWED = 100  # syncs in a row
STARTED = ("sync__team", "sync__model", "sync__connection")  # what a start looks at

log = logging.getLogger(__name__)


class Circle(Exception):
    """A sync that follows this one is to be followed by it."""


def is_first(sync: Sync) -> bool:
    """Whether no run over all rows was begun yet in the sync's present generation, but for those that a brake
    held and nobody approved.

    A schedule waits for it: the first full run is started by a person who saw its numbers.
    """
    begun = Run.objects.over_all_rows().filter(sync=sync, generation=sync.generation)
    return not (begun.not_held() | begun.active()).exists()


def start_due(now: datetime | None = None) -> int:
    """Start what is due now. Returns how many runs were started."""
    now = now or timezone.now()
    due = SyncSchedule.objects.filter(next_at__lte=now).select_related(*STARTED).order_by("next_at")
    return sum(_take(schedule, now) for schedule in due) + sum(_follow(*one) for one in _followers())


def schedule_of(sync: Sync) -> Schedule:
    """When the sync runs by itself; by hand where nothing is set, or it can no longer be read."""
    return said_by(stored_schedule(sync))


def stored_schedule(sync: Sync) -> SyncSchedule | None:
    return SyncSchedule.objects.select_related("follows").filter(sync=sync).first()


def said_by(stored: SyncSchedule | None) -> Schedule:
    """What a stored schedule says, as `schedule_of` tells it."""
    try:
        return stored.schedule if stored is not None else BY_HAND
    except ScheduleWrong:
        return BY_HAND


def set_schedule(sync: Sync, schedule: Schedule, follows: Sync | None = None) -> None:
    """Set when the sync runs by itself from now on. `follows` is the sync that the schedule names.

    Raises Circle where runs would start each other without an end.
    """
    if schedule.kind == MANUAL:
        SyncSchedule.objects.filter(sync=sync).delete()
        return
    rule = None if schedule.kind == AFTER else schedule.as_json()
    kept = SyncSchedule(team_id=sync.team_id, sync=sync, rule=rule, follows=follows)
    plan_next(kept)
    names = ("team_id", "rule", "follows", "next_at", "followed")
    with transaction.atomic():
        if follows is not None:
            # Of two that are set at once the later one sees the earlier.
            Team.objects.select_for_update(no_key=True).get(pk=sync.team_id)
            if is_circle(sync, follows):
                raise Circle
        defaults = {name: getattr(kept, name) for name in names}
        SyncSchedule.objects.update_or_create(sync=sync, defaults=defaults)


def plan_next(schedule: SyncSchedule, now: datetime | None = None) -> None:
    """Set when the schedule is next due, or from which run on it follows; the caller saves it."""
    schedule.next_at, schedule.followed = None, 0
    if schedule.follows is None:
        schedule.next_at = schedule.schedule.next(now or timezone.now())
    elif (newest := _newest_good(schedule.follows)) is not None:
        schedule.followed = newest.number


def is_circle(sync: Sync, follows: Sync) -> bool:
    """Whether runs would start each other without an end, if the sync followed that one."""
    seen = [follows.pk]
    while seen[-1] != sync.pk and len(seen) < MOST_FOLLOWED:
        before = SyncSchedule.objects.filter(sync=seen[-1], follows__isnull=False).first()
        if before is None or before.follows_id is None:
            return False
        seen.append(before.follows_id)
    return True


def _take(schedule: SyncSchedule, now: datetime) -> bool:
    """Start the run of the time that has come; if it cannot be now, that time is left out."""
    due_at = schedule.next_at
    try:
        next_at = schedule.schedule.next(now)
    except ScheduleWrong as wrong:
        log.error("The schedule of sync %s can no longer be read: %s", schedule.sync.public_id, wrong)
        next_at = None
    with transaction.atomic():
        moved = SyncSchedule.objects.filter(pk=schedule.pk, next_at=due_at, updated_at=schedule.updated_at)
        if due_at is None or not moved.update(next_at=next_at):
            return False  # another worker took it, or somebody changed it
        if schedule.sync.paused or is_first(schedule.sync):
            return False
        try:
            start(schedule.sync, trigger=Run.Trigger.SCHEDULE)
        except AlreadyRunning as error:
            told = {"team_id": schedule.team_id, "run": error.run}
            MissedTime.objects.get_or_create(sync=schedule.sync, at=due_at, defaults=told)
            return False
        except Paused:
            return False
        return True


def _followers() -> Iterator[tuple[SyncSchedule, Run]]:
    """Schedules that follow a sync of which a good run ended since."""
    following = SyncSchedule.objects.filter(follows__isnull=False).select_related(
        "sync__team", "sync__model", "sync__connection", "follows"
    )
    for schedule in following:
        assert schedule.follows is not None  # noqa: S101 - by the filter
        newest = _newest_good(schedule.follows)
        if newest is not None and newest.number > schedule.followed:
            yield schedule, newest


def _follow(schedule: SyncSchedule, newest: Run) -> bool:
    """Start the run that comes after `newest`. While the sync runs, it waits."""
    with transaction.atomic():
        moved = SyncSchedule.objects.filter(pk=schedule.pk, followed=schedule.followed)
        if not moved.update(followed=newest.number):
            return False
        if schedule.sync.paused or is_first(schedule.sync):
            return False
        try:
            start(schedule.sync, trigger=Run.Trigger.AFTER)
        except AlreadyRunning:
            moved_back = SyncSchedule.objects.filter(pk=schedule.pk, followed=newest.number)
            moved_back.update(followed=schedule.followed)
            return False
        except Paused:
            return False
        return True


def _newest_good(sync: Sync) -> Run | None:
    """The newest run over all rows that ended well. Rows may need attention: the others arrived."""
    whole = Run.objects.over_all_rows().ended_well()
    return whole.filter(sync=sync).order_by("-number").only("number").first()
