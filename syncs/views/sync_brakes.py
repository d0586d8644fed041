"""The brakes of a sync: when a run waits until an admin has looked at it."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render

from syncadmin.teams.access import Can, TeamRequest
from syncs.configuration import versions
from syncs.configuration.guard_save import mark_of
from syncs.engine.brakes import DEFAULTS, NONE, Limits, as_stored, read
from syncs.engine.braking import limits_of
from syncs.forms.brakes import BrakesForm, in_words, initial_of
from syncs.models import Sync
from syncs.views.sync_facts import of_sync


@of_sync(Can.LOOK)
def sync_brakes(request: TeamRequest, sync: Sync) -> HttpResponse:
    """The form; who may not edit looks at it. A run that waits goes on waiting, whatever is saved here."""
    if request.method != "POST":
        return _show(request, sync, BrakesForm(initial=initial_of(limits_of(sync))))
    if not request.may_edit:
        raise PermissionDenied("Brakes are changed by an editor of the team.")
    action, form = request.POST.get("action"), BrakesForm(request.POST)
    limits: Limits
    if action == "off":
        limits = read(NONE)
    elif action == "defaults":
        limits = DEFAULTS
    elif form.is_valid():
        limits = form.limits
    else:
        return _show(request, sync, form, status=422)
    if not _save(request, sync, limits):
        messages.error(
            request,
            "Somebody else changed the brakes meanwhile; nothing was saved. Here is what you typed: look at "
            "how they are now in another tab, then save again.",
        )
        sync.refresh_from_db(fields=["brakes"])
        return _show(request, sync, form, status=409)
    messages.success(request, f"Saved. {in_words(limits)}")
    return redirect("sync", request.team.slug, sync.public_id)


def _save(request: TeamRequest, sync: Sync, limits: Limits) -> bool:
    """Write them, unless they are others by now than the page had."""
    wanted = as_stored(limits)
    with transaction.atomic():
        now = (
            Sync.objects.select_for_update(of=("self",)).select_related("model", "connection").get(pk=sync.pk)
        )
        if request.POST.get("seen") != _mark(now):
            return False
        if now.brakes == wanted:
            return True
        versions.keep_found(now)
        now.brakes = wanted
        Sync.objects.filter(pk=now.pk).update(brakes=wanted)  # `updated_at` is of what a plan is made with
        versions.keep(now, author=request.user)
    return True


def _mark(sync: Sync) -> str:
    return mark_of([sync.brakes])


def _show(request: TeamRequest, sync: Sync, form: BrakesForm, *, status: int = 200) -> HttpResponse:
    limits = limits_of(sync)
    context = {
        "section": "syncs",
        "sync": sync,
        "lines": list(form.lines()),
        "seen": _mark(sync),
        "words": in_words(limits),
        "is_default": dict(limits) == dict(DEFAULTS),
        "is_off": not any(limit.on for limit in limits.values()),
        "hours": settings.APPROVAL_HOURS,
    }
    return render(request, "syncs/syncs/brakes.html", context, status=status)
