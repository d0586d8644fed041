"""Runs that wait for approval: a person agrees to what was shown, or does not, or nobody decides in time.

```
approval ─ approve ─▶ delivering      the plan that was shown is sent; an old one is first made anew
         ─ approve ─▶ queued          the sync was changed since: it is planned anew, and asks again
         ─ deny ────▶ finishing       it ends as cancelled
         ─ expire ──▶ finishing       it ends as stopped
```

Each is one conditional update: of two people at once, and of one against the clock, one decides. What is
denied or expires is not sent; the next run plans its rows again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from syncadmin.lib.shown import counted
from syncadmin.teams.models import User
from syncs.engine import doorbell
from syncs.engine.brakes import Shown
from syncs.engine.braking import mark_of
from syncs.engine.calls import Rest
from syncs.engine.pulse import Cancelled
from syncs.models import Run

COMMAND_LINE = "Somebody on the command line"
TOO_LATE = "It is too late: nobody approved this run in time, and it has ended."


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a decision. `done`: it is as was asked; `text` is for people."""

    done: bool
    text: str


def approve(run: Run, *, attempt: int, by: User | None, now: datetime | None = None) -> Answer:
    """Let the plan of this attempt be sent, if it still waits. `by` is None on the command line.

    Where the plan is old by now, it is made anew and goes on only if it does no more than this one.
    """
    now = now or timezone.now()
    waiting = Run.objects.waiting_for_approval().filter(
        pk=run.pk, plan_attempt=attempt, approval_ends_at__gt=now, sync__paused=False
    )
    who = {"decided_by": by, "decided_at": now, "decision": Run.Decision.APPROVED}
    with transaction.atomic():
        found = waiting.select_related("sync__model__source", "sync__connection").first()
        if found is None:
            return _why_not(run, attempt, now)
        is_as_shown = (found.brakes or {}).get("mark") == mark_of(found.sync)
        if is_as_shown:
            moved = waiting.update(
                status=Run.Status.DELIVERING, due_at=now, waits_for="", approved=found.brakes, **who
            )
        else:
            moved = waiting.update(status=Run.Status.QUEUED, due_at=now, waits_for="", approved=None)
        if not moved:
            return _why_not(run, attempt, now)
        doorbell.ring()
    if is_as_shown:
        return Answer(True, "Approved: it goes on now, with what was shown.")
    return Answer(
        False,
        "The sync, its model or its source was changed since the rows were looked at. They are looked at "
        "anew now; where a brake holds them again, it asks again.",
    )


def deny(run: Run, *, by: User | None, now: datetime | None = None) -> Answer:
    """End it without sending anything, if it waits."""
    now = now or timezone.now()
    who = by.email if by is not None else COMMAND_LINE
    denied = Run.objects.waiting_for_approval().filter(pk=run.pk)
    with transaction.atomic():
        moved = denied.update(
            status=Run.Status.FINISHING,
            ending=Run.Status.CANCELLED,
            due_at=now,
            decision=Run.Decision.DENIED,
            decided_by=by,
            decided_at=now,
            stop_reason=f"{who} decided not to send it. The next run looks at its rows again.",
        )
        if not moved:
            return _why_not(run, None, now)
        doorbell.ring()
    return Answer(True, "The run ends, and nothing of it is sent. The next run looks at its rows again.")


def expire(now: datetime | None = None) -> int:
    """Let the runs end that nobody approved in time. Returns how many; the caller rings."""
    now = now or timezone.now()
    late = Run.objects.filter(status=Run.Status.APPROVAL, approval_ends_at__lte=now)
    return sum(_expire(pk, now) for pk in late.values_list("pk", flat=True))


def asked(shown: Shown, until: datetime) -> dict[str, Any]:
    """What is written of a run that waits from now on, with nothing decided."""
    undecided = {"approved": None, "decision": "", "decided_by": None, "decided_at": None}
    return {"brakes": shown.write(), "approval_ends_at": until, **undecided}


def rest_of(run: Run) -> Rest | None:
    """For the worker that holds its lease: until when it waits; None where that is over.

    Raises Cancelled where somebody asked for that while it was planned.
    """
    if Run.objects.filter(pk=run.pk, cancel_requested_at__isnull=False).exists():
        raise Cancelled
    if run.approval_ends_at is None or _expire(run.pk, timezone.now()):
        return None
    return Rest(run.approval_ends_at, "")


def ends_at(now: datetime) -> datetime:
    """Until when a run that waits from now on can be approved."""
    return now + timedelta(hours=settings.APPROVAL_HOURS)


def _expire(pk: int, now: datetime) -> int:
    hours = counted(settings.APPROVAL_HOURS, "hour")
    late = Run.objects.filter(pk=pk, status=Run.Status.APPROVAL, approval_ends_at__lte=now)
    return late.update(
        status=Run.Status.FINISHING,
        ending=Run.Status.STOPPED,
        due_at=now,
        decision=Run.Decision.EXPIRED,
        decided_at=now,
        stop_reason=f"Nobody approved it within {hours}, so nothing was sent. The next run looks at its rows "
        "again; if it waits too, an admin of the team must look at it and approve it in time.",
    )


def _why_not(run: Run, attempt: int | None, now: datetime) -> Answer:
    """Why nothing was decided just now."""
    run.refresh_from_db()
    if run.status == Run.Status.APPROVAL:
        if run.cancel_requested_at is not None:
            return Answer(False, "Somebody is cancelling this run; nothing of it is sent.")
        if run.approval_ends_at is not None and run.approval_ends_at <= now:
            _expire(run.pk, now)
            return Answer(False, TOO_LATE)
        if attempt is not None and run.plan_attempt != attempt:
            said = "The rows were looked at anew since you opened the page. These are the numbers now."
            return Answer(False, said)
        said = f"{run.sync.name} is paused. Resume it, then approve this run."
        return Answer(False, said)
    if run.decision == Run.Decision.EXPIRED:
        return Answer(False, TOO_LATE)
    who = run.decided_by.email if run.decided_by is not None else "somebody else"
    if run.decision == Run.Decision.DENIED:
        return Answer(False, f"It was decided already: {who} did not want it to be sent.")
    if run.decision == Run.Decision.APPROVED:
        return Answer(False, f"It was decided already: {who} approved this run.")
    if run.is_over:
        return Answer(False, "The run is over already; there was nothing to decide.")
    return Answer(False, "This run does not wait for approval now.")
