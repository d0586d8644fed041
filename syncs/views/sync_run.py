"""Starting runs of a sync: a test, the first full run with its numbers, the usual one, all rows again."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from syncadmin.teams import audit
from syncadmin.teams.access import Can, TeamRequest
from syncs.engine import run_audit
from syncs.engine.run import AlreadyRunning, Paused, start
from syncs.engine.scheduling import is_first
from syncs.forms.syncs import TEST_ROWS, TestForm
from syncs.models import Run, Sync
from syncs.views.run_cost import cost_words
from syncs.views.run_diff import harms_of
from syncs.views.run_words import trouble_of
from syncs.views.sync_facts import count_of, of_sync, sent_count, target_label
from syncs.views.syncs import show_sync


@of_sync(Can.RUN)
def sync_run(request: TeamRequest, sync: Sync) -> HttpResponse:
    """Run it now; a first full run is confirmed on a page of its own, after it was counted."""
    if request.method != "POST":
        return _back(request, sync)
    if is_first(sync):
        if not sync.paused and count_of(sync) is None:
            start_run(request, sync, dry_run=True)
        return redirect("sync_first", request.team.slug, sync.public_id)
    return _go(request, sync)


@of_sync(Can.RUN)
def sync_test(request: TeamRequest, sync: Sync) -> HttpResponse:
    """Send ten rows, or chosen ones."""
    if request.method != "POST":
        return _back(request, sync)
    form = TestForm(request.POST, primary_key=sync.model.primary_key)
    if not form.is_valid():
        return show_sync(request, sync, test_form=form)
    if (keys := form.cleaned_data["keys"]) is not None:
        return _go(request, sync, keys=keys)
    return _go(request, sync, limit=TEST_ROWS)


@of_sync(Can.RUN)
def sync_diff(request: TeamRequest, sync: Sync) -> HttpResponse:
    """Plan a run that sends nothing, and show what it would change."""
    return show_changes(request, sync) if request.method == "POST" else _back(request, sync)


def show_changes(request: TeamRequest, sync: Sync) -> HttpResponse:
    """Begin such a run and go to its page."""
    run = start_run(request, sync, dry_run=True)
    if run is None:
        return _back(request, sync)
    return redirect("run_diff" if run.dry_run else "run", request.team.slug, run.public_id)


@of_sync(Can.RUN)
def sync_first(request: TeamRequest, sync: Sync) -> HttpResponse:
    """The first full run: how many rows, to which account; counted by a run that sends nothing."""
    count = count_of(sync)
    if request.method == "POST":
        action = request.POST.get("action")
        if action == "send" and count is not None and str(count.public_id) == request.POST.get("count"):
            if count.status in Run.GOOD:
                audit.record(
                    request,
                    request.team,
                    audit.Action.RUN_APPROVED,
                    run_audit.named(count),
                    after={"rows": count.planned_count},
                )
                return _go(request, sync, confirmed=count.planned_count)
        elif action == "count" and (count is None or count.is_over):
            start_run(request, sync, dry_run=True)
            return redirect("sync_first", request.team.slug, sync.public_id)
        messages.warning(request, "The numbers are out of date by now. Look at these, then confirm them.")
        return redirect("sync_first", request.team.slug, sync.public_id)
    if not is_first(sync):
        return _back(request, sync)
    active = Run.objects.active().filter(sync=sync).first()
    context = {
        "section": "syncs",
        "sync": sync,
        "target_label": target_label(sync),
        "count": count,
        "is_counted": count is not None and count.status in Run.GOOD,
        "cost": cost_words(sync, count.planned_count) if count is not None else "",
        "harms": harms_of(count) if count is not None else [],
        "other": active if active is not None and active != count else None,
        "trouble": trouble_of(count) if count is not None else None,
    }
    return render(request, "syncs/syncs/first_run.html", context)


@of_sync(Can.RUN)
def sync_full(request: TeamRequest, sync: Sync) -> HttpResponse:
    """Send every row again, changed or not, after asking."""
    if is_first(sync):
        return redirect("sync_first", request.team.slug, sync.public_id)
    if request.method == "POST":
        return _go(request, sync, full=True)
    sent = sent_count(sync)
    context = {
        "section": "syncs",
        "sync": sync,
        "target_label": target_label(sync),
        "sent": sent,
        "cost": cost_words(sync, sent.count),
    }
    return render(request, "syncs/syncs/full.html", context)


def _go(request: TeamRequest, sync: Sync, **options: Any) -> HttpResponse:
    """Start a run and show it; where one is active, show that one."""
    run = start_run(request, sync, **options)
    return redirect("run", request.team.slug, run.public_id) if run is not None else _back(request, sync)


def start_run(request: TeamRequest, sync: Sync, **options: Any) -> Run | None:
    try:
        return start(sync, started_by=request.user, **options)
    except Paused as error:
        messages.error(request, str(error))
        return None
    except AlreadyRunning as error:
        waits = error.run.waits_for_approval
        how = "has a run that waits for approval" if waits else "is running already"
        messages.warning(request, f"{sync.name} {how}: this is run {error.run.number}.")
        return error.run


def _back(request: TeamRequest, sync: Sync) -> HttpResponse:
    return redirect("sync", request.team.slug, sync.public_id)
