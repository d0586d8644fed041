"""django-q2's `qcluster`, made safe to stop and to kill. Takes the place of the command of the same name."""

import multiprocessing
import os
import signal
from types import FrameType
from typing import Any

from django.db import connections
from django_q.management.commands import qcluster

from syncadmin.lib import stopping
from syncadmin.supervisor.doorbells import ensure_schedules
from syncadmin.supervisor.heartbeat import Heartbeat
from syncadmin.supervisor.leash import leash_descendants
from syncs import tasks  # noqa: F401  loaded before the pool is forked: its workers share the memory

STOP_SECONDS = 28  # less than the supervisor waits
LAST_BEAT_SECONDS = 5.0  # a busy machine writes slowly; the limit above holds for this too


class Command(qcluster.Command):
    """Runs the workers alone: `manage.py up --no-web` is the same with a supervisor.

    Beyond django-q2's: the schedules are there; the database has a sign of life; the pool ends as a whole
    when its main process is killed; on SIGTERM the workers end after the share of work in hand, and a stuck
    pool, which otherwise hangs for ever, after STOP_SECONDS.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        ensure_schedules()
        connections.close_all()  # a connection must not be shared with what is forked now
        leash_descendants()
        super().handle(*args, **options)
        for signum in (signal.SIGTERM, signal.SIGINT):
            _limit(signum)
        heartbeat = Heartbeat()  # after the fork: a thread would not come along
        heartbeat.start()
        for child in multiprocessing.active_children():
            child.join()
        heartbeat.end(patience=LAST_BEAT_SECONDS)


def _limit(signum: int) -> None:
    """Have the signal reach the workers too, and put a time limit on the way that it is handled now."""
    stop = signal.getsignal(signum)

    def give_up(signum: int, frame: FrameType | None) -> None:
        os._exit(1)  # the leash ends the rest

    def stop_in_time(signum: int, frame: FrameType | None) -> None:
        stopping.ask()
        signal.signal(signal.SIGALRM, give_up)
        signal.alarm(STOP_SECONDS)
        if callable(stop):
            stop(signum, frame)

    signal.signal(signum, stop_in_time)
