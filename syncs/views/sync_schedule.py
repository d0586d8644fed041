"""When a sync runs by itself: the form, its next times, and the token by which other programs start it."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from syncadmin.teams import audit
from syncadmin.teams.access import Can, TeamRequest
from syncs.configuration import versions
from syncs.engine import start_tokens
from syncs.engine.scheduling import Circle, is_circle, is_first, said_by, set_schedule, stored_schedule
from syncs.forms.schedules import ZONES, ScheduleForm, initial_of
from syncs.models import StartToken, Sync
from syncs.schedule import AFTER, EVERY, MANUAL, Schedule
from syncs.views.sync_facts import of_sync

SHOWN_TIMES = 5
CIRCLE = "{} comes after this sync: they would start each other for ever."


@of_sync(Can.BUILD)
def sync_schedule(request: TeamRequest, sync: Sync) -> HttpResponse:
    """The schedule's form. “Show the next times” stores nothing."""
    others = Sync.objects.filter(team=request.team).exclude(pk=sync.pk).order_by("name")
    kept = stored_schedule(sync)
    schedule = said_by(kept)
    follows = kept.follows if kept is not None else None
    if request.method != "POST":
        initial = initial_of(schedule, follows, request.user.time_zone)
        return _show(request, sync, ScheduleForm(initial=initial, others=others), schedule)
    form = ScheduleForm(request.POST, others=others)
    if form.is_valid() and form.followed is not None and is_circle(sync, form.followed):
        form.add_error("follows", CIRCLE.format(form.followed))
    if form.is_valid() and request.POST.get("action") == "save":
        try:
            _save(request, sync, form)
        except Circle:  # somebody else let that one follow just now
            form.add_error("follows", CIRCLE.format(form.followed))
        else:
            messages.success(request, _told(form.schedule))
            return redirect("sync", request.team.slug, sync.public_id)
    return _show(request, sync, form, form.schedule if form.is_valid() else None)


@of_sync(Can.BUILD)
def sync_token(request: TeamRequest, sync: Sync) -> HttpResponse:
    """Make a new token, shown this once; or take it away."""
    if request.method != "POST":
        return redirect("sync_schedule", request.team.slug, sync.public_id)
    if request.POST.get("action") == "remove":
        with transaction.atomic():
            if StartToken.objects.filter(sync=sync).delete()[0]:
                audit.record(request, request.team, audit.Action.START_TOKEN_REVOKED, sync)
        messages.success(request, "The token is no longer good: no program can start this sync.")
        return redirect("sync_schedule", request.team.slug, sync.public_id)
    with transaction.atomic():
        secret = start_tokens.make(sync, made_by=request.user)
        audit.record(request, request.team, audit.Action.START_TOKEN_MADE, sync)
    context = {
        "section": "syncs",
        "sync": sync,
        "secret": secret,
        "address": _address(request, sync),
    }
    response = render(request, "syncs/syncs/token.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _save(request: TeamRequest, sync: Sync, form: ScheduleForm) -> None:
    with transaction.atomic():
        found = Sync.objects.select_for_update(of=("self",)).select_related("model", "connection")
        now = found.get(pk=sync.pk)
        versions.keep_found(now)
        set_schedule(now, form.schedule, form.followed)
        versions.keep(now, author=request.user)


def next_times(schedule: Schedule, count: int = SHOWN_TIMES) -> list[datetime]:
    return schedule.times(timezone.now(), count)


def _times(schedule: Schedule, here: str) -> list[tuple[datetime, str]]:
    """The next times, each with what the clocks of the schedule's own zone show then, if that is another."""
    has_clocks = schedule.kind != EVERY or schedule.between is not None
    zone = ZoneInfo(schedule.zone) if has_clocks and schedule.zone != here else None
    return [(at, f"{at.astimezone(zone):%a %H:%M}" if zone else "") for at in next_times(schedule)]


def _show(request: TeamRequest, sync: Sync, form: ScheduleForm, schedule: Schedule | None) -> HttpResponse:
    """The page. `schedule` is None where what was typed is none."""
    context = {
        "section": "syncs",
        "sync": sync,
        "form": form,
        "schedule": schedule,
        "runs_by_itself": schedule is not None and schedule.kind != MANUAL,
        "is_after": schedule is not None and schedule.kind == AFTER,
        "times": _times(schedule, request.user.time_zone) if schedule is not None else [],
        "zones": ZONES,
        "is_first": is_first(sync),
        "token": StartToken.objects.select_related("made_by").filter(sync=sync).first(),
        "address": _address(request, sync),
    }
    return render(request, "syncs/syncs/schedule.html", context, status=422 if form.errors else 200)


def _address(request: TeamRequest, sync: Sync) -> str:
    return request.build_absolute_uri(reverse("api_runs", args=[sync.public_id]))


def _told(schedule: Schedule) -> str:
    if schedule.kind == MANUAL:
        return "This sync runs only when somebody starts it."
    return f"This sync runs {schedule}."
