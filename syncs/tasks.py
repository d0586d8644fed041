"""The doors for the queue. A task is a doorbell: it takes nothing, may ring twice, and may be lost."""

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django_q.tasks import async_task

from syncadmin.lib import stopping
from syncs.alerts import look, sending
from syncs.engine import again, approval, connection_tests, doorbell, faults, pruning, scheduling
from syncs.engine.fairness import fairest
from syncs.engine.lease import Lease, LostLease
from syncs.engine.run import serve
from syncs.models import Run

TASK_SECONDS = 120.0  # after which a task hands over to the next ring
PATIENCE_SECONDS = 20.0  # how long a task waits for the next run to come due: a tick may be a minute away
PUT_OFF = timedelta(minutes=1)
SEND_ALERTS = "syncs.tasks.send_alerts"
LOOK_APART_SECONDS = 10.0  # between looks at one team's alerts when its runs end, in one process
TEST_CONNECTIONS = "syncs.tasks.test_connections"

log = logging.getLogger(__name__)

_LOOKED_AT: dict[int, float] = {}  # by team, monotonic


def work() -> int:
    """Serve due runs, fairly, until none is due. Returns how many slices were served."""
    ends = time.monotonic() + TASK_SECONDS
    slices = 0
    while time.monotonic() < ends and not stopping.is_asked():
        run = fairest()
        if run is None:
            if not _is_near():
                return slices
            time.sleep(0.2)
            continue
        lease = Lease.take(run)
        if lease is None:
            continue
        slices += 1
        try:
            with lease:
                rest = serve(
                    run,
                    lease,
                    until=time.monotonic() + settings.SLICE_SECONDS,
                    others_wait=lambda mine=run.pk: fairest(besides=mine) is not None,  # type: ignore[misc]
                )
            if rest is None:
                again.start_waiting(run.sync_id)
                _look(run.team_id)
        except LostLease:
            continue
        except (OperationalError, InterfaceError):
            raise
        except Exception as fault:  # of a run that cannot even be ended: the others go on
            _put_off(run, faults.tell(run, fault))
    doorbell.ring()
    return slices


def tick() -> None:
    """Each minute: end what nobody approved, start what waits or is scheduled, and ring for whatever is due
    and has no live worker."""
    approval.expire()
    again.start_waiting()
    scheduling.start_due()
    if fairest() is not None:
        doorbell.ring()
    now = timezone.now()
    look.look(now)
    if sending.due(now).exists():
        async_task(SEND_ALERTS)
    if connection_tests.due(now).exists():
        async_task(TEST_CONNECTIONS)


def send_alerts() -> int:
    """Send alerts that wait. A target that hangs costs ten seconds, then minutes and hours pass."""
    sent = sending.send_due()
    if sending.due(timezone.now()).exists():
        async_task(SEND_ALERTS)
    return sent


def test_connections() -> int:
    """Test the connections whose time has come, then look what that means for alerts."""
    tested = connection_tests.test_due()
    if tested:
        _look()
    return tested


def prune() -> dict[str, int]:
    """Each day: take away what is no longer needed."""
    before = timezone.now() - timedelta(days=settings.HISTORY_KEEP_DAYS)
    return pruning.prune() | {"alerts": look.prune(before)}


def _put_off(run: Run, reason: str) -> None:
    Run.objects.active().filter(pk=run.pk).update(due_at=timezone.now() + PUT_OFF, waits_for=reason)


def _look(team: int | None = None) -> None:
    """See at once what somebody should know, in one team or in all. What this misses the next tick sees."""
    now = time.monotonic()
    if team is not None and now < _LOOKED_AT.get(team, -LOOK_APART_SECONDS) + LOOK_APART_SECONDS:
        return
    if team is not None:
        _LOOKED_AT[team] = now
    try:
        if look.look(teams=None if team is None else [team]):
            async_task(SEND_ALERTS)
    except Exception as fault:  # a run that went well is not to be told as one that did not
        log.error("alerts were not looked after: %s", type(fault).__name__)


def _is_near() -> bool:
    """Whether a run comes due within our patience."""
    soon = timezone.now() + timedelta(seconds=PATIENCE_SECONDS)
    return Run.objects.due(timezone.now()).exists() or Run.objects.due(soon).exists()
