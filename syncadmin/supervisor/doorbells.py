"""The queue as the supervisor sees it: look at it, ring for due runs, keep its two schedules."""

import logging
import threading
import time
from datetime import timedelta

from django.conf import settings
from django.db import Error, close_old_connections, connections, transaction
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from syncadmin.supervisor.decisions import Glance, rings_wanted
from syncs.engine import doorbell
from syncs.engine.fairness import due_count
from syncs.engine.lease import this_holder
from syncs.models import Run, WorkerBeat
from syncs.models.worker_beat import Kind

LOOK_SECONDS = 1.0
MEND_SECONDS = 30.0
BEAT_SECONDS = 2.0
STEP_SECONDS = 60.0  # the supervisor's loop may wait for a process to end; longer, and it hangs

log = logging.getLogger(__name__)


def look() -> Glance:
    """The queue now. Reads a few rows: the runs that are held, and all active ones while one is due."""
    now = timezone.now()
    due = due_count(now)
    waiting: set[int] = set()
    taken = {}
    for task, lock in OrmQ.objects.values_list("id", "lock"):
        if lock is not None and lock > now:
            taken[task] = lock
        else:
            waiting.add(task)
    leases = Run.objects.active().values_list("pk", "served_at", "lease_expires_at") if due else ()
    return Glance(
        at=time.monotonic(),
        due=due,
        waiting=frozenset(waiting),
        taken=taken,
        leases={run: (served_at, expires_at) for run, served_at, expires_at in leases},
    )


class Watcher(threading.Thread):
    """Looks at the queue every second and rings for due runs; `latest` is what it saw last.

    A thread of its own, because a database that is away can hold a caller for minutes. `problem` says why
    there is no glance now. As long as the supervisor's loop calls `step()`, the database is told that it is
    there.
    """

    def __init__(self) -> None:
        super().__init__(name="doorbells", daemon=True)
        self.latest: Glance | None = None
        self.problem = ""
        self._end = threading.Event()
        self._name = this_holder()
        self._stepped_at = time.monotonic()
        self._beat_at = -BEAT_SECONDS

    def step(self) -> None:
        """The supervisor's loop goes round."""
        self._stepped_at = time.monotonic()

    def run(self) -> None:
        mended_at = time.monotonic()
        while not self._end.is_set():
            try:
                close_old_connections()
                self.latest = look()
                self.beat(self.latest.at)
                if self.latest.at >= mended_at + MEND_SECONDS:
                    mend_schedules()
                    mended_at = self.latest.at
                waiting = len(self.latest.waiting)
                for _ in range(rings_wanted(due=self.latest.due, waiting=waiting, workers=settings.WORKERS)):
                    doorbell.ring()
                if self.problem:
                    log.warning("The database answers again.")
                self.problem = ""
            except Exception as error:  # whatever it is, the next look may work
                if not self.problem:
                    is_ours = not isinstance(error, Error)
                    text = "The queue cannot be read, and is tried again every second: %s"
                    log.warning(text, error, exc_info=is_ours)
                self.problem = str(error)
                connections.close_all()
            self._end.wait(LOOK_SECONDS)
        self._take_back()
        connections.close_all()

    def beat(self, now: float) -> None:
        """Say that the supervisor is there, unless its loop hangs. `now` is monotonic."""
        if now >= self._beat_at + BEAT_SECONDS and now < self._stepped_at + STEP_SECONDS:
            WorkerBeat.objects.beat(self._name, Kind.SUPERVISOR)
            self._beat_at = now

    def _take_back(self) -> None:
        try:
            WorkerBeat.objects.filter(name=self._name).delete()
        except Error:
            log.debug("The database does not answer: the last sign of life grows old by itself.")

    def end(self) -> None:
        self._end.set()


SCHEDULES = (
    ("tick", "syncs.tasks.tick", Schedule.MINUTES, timedelta(minutes=1)),
    ("prune", "syncs.tasks.prune", Schedule.DAILY, timedelta(minutes=10)),
)
FARTHEST = {"tick": timedelta(minutes=2), "prune": timedelta(days=1, hours=1)}  # from now to the next time


def mend_schedules() -> None:
    """Where the clock was put back, the next times are too far ahead: nothing would start until then."""
    now = timezone.now()
    for name, farthest in FARTHEST.items():
        Schedule.objects.filter(name=name, next_run__gt=now + farthest).update(next_run=now)


def ensure_schedules() -> None:
    """Have each schedule once: `tick` every minute, `prune` every day. Their next times stay as they are."""
    for name, function, kind, first in SCHEDULES:
        wanted = {"func": function, "schedule_type": kind, "minutes": 1, "repeats": -1, "cluster": None}
        with transaction.atomic():
            kept = Schedule.objects.select_for_update().filter(name=name).order_by("pk").first()
            if kept is None:
                Schedule.objects.create(name=name, next_run=timezone.now() + first, **wanted)
                continue
            Schedule.objects.filter(name=name).exclude(pk=kept.pk).delete()
            Schedule.objects.filter(pk=kept.pk).update(**wanted)
