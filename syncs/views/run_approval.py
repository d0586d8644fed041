"""A run that waits for approval: what is said of it, and what an admin decides."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from syncadmin.lib.shown import counted
from syncadmin.teams.access import Can, TeamRequest, needs
from syncadmin.teams.models import Membership
from syncs.engine import approval, run_audit
from syncs.engine.brakes import OF_LEFT, Shown
from syncs.models import Run
from syncs.views import pausing

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Waiting:
    """What there is to decide. `since` is what is more than somebody approved before; `who` may decide."""

    reasons: tuple[str, ...]
    since: tuple[str, ...]
    ends_at: datetime | None
    attempt: int
    sends: str
    who: tuple[str, ...]
    more: int


def waiting(request: TeamRequest, run: Run) -> Waiting | None:
    """None where it does not wait. One query for those who may not decide, none for those who may."""
    if not run.waits_for_approval:
        return None
    shown = Shown.read(run.brakes or {})
    who = () if request.may_administer else deciders(request)
    told = " ".join(shown.since)
    return Waiting(
        tuple(one.text for one in shown.found if one.text not in told),
        shown.since,
        run.approval_ends_at,
        run.plan_attempt,
        counted(run.planned_count, "row") if run.planned_count else "",
        who[:MOST_NAMED],
        max(0, len(who) - MOST_NAMED),
    )


def deciders(request: TeamRequest) -> tuple[str, ...]:
    """The addresses of those in the team who may decide."""
    found = Membership.objects.filter(team=request.team, role__in=Can.APPROVE.roles(), user__is_active=True)
    return tuple(found.order_by("user__email").values_list("user__email", flat=True))


def reasons(run: Run) -> list[str]:
    """Why a run waits, or once waited, in sentences; empty where no brake ever held it."""
    written = run.approved or run.brakes
    return [one.text for one in Shown.read(written).found] if written else []


def names_left(run: Run) -> bool:
    """Whether it is kept which rows left the model, not only how many."""
    held = (run.brakes or {}).get("found", ())
    return run.dry_run or any(one["kind"] in OF_LEFT for one in held)


def seen(run: Run) -> str:
    """Stands for what a page says of the approval: it must be shown anew where this is another."""
    return str(run.plan_attempt) if run.waits_for_approval else ""


@needs(Can.APPROVE)
def decide(request: TeamRequest, run: UUID) -> HttpResponse:
    """Send what was shown, or end the run; and let no other begin, where that is asked too."""
    found = get_object_or_404(Run.objects.select_related("sync__team"), team=request.team, public_id=run)
    here = redirect("run", request.team.slug, found.public_id)
    action, attempt = request.POST.get("action"), request.POST.get("attempt", "")
    if request.method != "POST" or action not in {"approve", "deny", "deny_and_pause"}:
        return here
    approves = action == "approve"
    with transaction.atomic():
        if approves:
            shown = int(attempt) if attempt.isdecimal() and len(attempt) < 10 else 0
            answer = approval.approve(found, attempt=shown, by=request.user)
        else:
            answer = approval.deny(found, by=request.user)
        if answer.done:
            run_audit.decided(request, found, approved=approves)
        is_paused = answer.done and action == "deny_and_pause"
        if is_paused:
            pausing.switch(request, found.sync, paused=True)
    (messages.success if answer.done else messages.warning)(request, answer.text)
    if is_paused:
        messages.success(request, pausing.PAUSED)
    return here
