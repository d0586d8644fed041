"""Sending one row now, and what came of it: the request and the answer side by side."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRefresh

from destinations.models import Exchange
from syncadmin.lib import personal
from syncadmin.lib.shown import short
from syncadmin.teams.access import Can, TeamRequest
from syncs.engine.keys import typed_key
from syncs.models import RejectedRow, Run, Sync
from syncs.views import run_sent, run_words
from syncs.views.run_wire import LONGEST
from syncs.views.run_words import Place
from syncs.views.sync_facts import of_sync, target_label
from syncs.views.sync_run import start_run

SHOWN_EXCHANGES = 20

Stage = RejectedRow.Stage


@dataclass(frozen=True, slots=True)
class Spoken:
    """A request and its answer, to read."""

    exchange: Exchange
    request: str
    answer: str


@of_sync(Can.RUN)
def sync_send_row(request: TeamRequest, sync: Sync) -> HttpResponse:
    """Start a run of one row, changed or not, and go to where its answer will be."""
    typed = request.POST.get("key", "")
    back = reverse("sync_preview", args=[request.team.slug, sync.public_id])
    if request.method != "POST" or not typed:
        return redirect(back)
    key = typed_key(typed, sync.model.primary_key)
    if key is None:
        messages.error(request, f"“{short(typed)}” is no primary key of a row.")
        return redirect(back)
    run = start_run(request, sync, keys=[key], full=True)
    if run is None:
        return redirect(f"{back}?{urlencode({'key': typed})}")
    if run.keys != [key] or run.dry_run:  # the one that is going on already
        return redirect("run", request.team.slug, run.public_id)
    return redirect("sync_sent_row", request.team.slug, sync.public_id, run.public_id)


@vary_on_headers("HX-Request")
@of_sync(Can.LOOK)
def sync_sent_row(request: TeamRequest, sync: Sync, run: UUID) -> HttpResponse:
    """What became of the row, request and answer side by side; looked at again until the run is over."""
    found = get_object_or_404(Run, team=request.team, sync=sync, public_id=run)
    found.sync = sync
    if found.keys is None or len(found.keys) != 1 or found.dry_run:
        raise Http404
    place = run_words.place_of(found)
    shown: dict[str, Any] = {
        "section": "syncs",
        "sync": sync,
        "run": found,
        "key": found.keys[0],
        "place": place,
        "target_label": target_label(sync),
        "trouble": run_words.trouble_of(found),
        "sentence": run_words.sentence(found, place),
    }
    if getattr(request, "htmx", False):
        if found.is_over:
            return HttpResponseClientRefresh()
        return render(request, "syncs/runs/_diff_live.html", shown)
    if found.is_over:
        rejected = list(RejectedRow.objects.filter(run=found).order_by("pk")[:5])
        shown |= {
            "told": what_became(found, place, rejected),
            "rejected": rejected,
            "sent": _sent(found),
            "spoken": _spoken(found),
            "keep_days": settings.KEEP_DAYS,
        }
    return render(request, "syncs/syncs/sent_row.html", shown)


def what_became(run: Run, place: Place, rejected: list[RejectedRow]) -> tuple[str, str]:
    """What happened to the row of a finished run, in one sentence; and how that is coloured."""
    there = place.destination
    stage = next((row.stage for row in rejected if row.stage != Stage.LEFT_BEHIND), None)
    if run.accepted_count:
        return f"It arrived: {there} took the record.", "good"
    match stage:
        case Stage.REJECTED:
            return f"It was sent, and {there} refused it.", "bad"
        case Stage.IN_DOUBT:
            return f"It was sent, and nobody knows whether {there} took it.", "warn"
        case Stage.HELD_BACK:
            return "It was not sent: it is held back.", "warn"
        case Stage.INVALID:
            return "It was not sent: it needs attention first.", "warn"
    if run.status == Run.Status.STOPPED:
        return "It was not sent: the run stopped.", "bad"
    if run.status == Run.Status.CANCELLED:
        return "It was not sent: somebody cancelled the run.", "warn"
    if not run.read_count:
        return "It was not sent: the model has no row with this primary key now.", "warn"
    if run.unchanged_count:
        return "Nothing was sent: the record was created before, and this mode leaves it alone.", ""
    return "Nothing was sent.", ""


def _sent(run: Run) -> run_sent.Sent | None:
    """The row as the run planned it."""
    page = run_sent.arrived(run, start=None, size=1) if run.accepted_count else None
    return page.rows[0] if page is not None and page.rows else None


def _spoken(run: Run) -> list[Spoken]:
    """The run's requests with their answers, in their order."""
    found = Exchange.objects.filter(team=run.team_id, subject=run.public_id).order_by("pk")
    return [
        Spoken(one, personal.body(one.request_text)[:LONGEST], personal.body(one.reply_text)[:LONGEST])
        for one in found[:SHOWN_EXCHANGES]
    ]
