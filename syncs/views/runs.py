"""Runs: the list, one run as it goes on, cancelling it, and sending its rows again."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRefresh

from syncadmin.lib import paging, personal
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.engine import run as engine
from syncs.engine import run_audit
from syncs.forms.runs import ROWS, RunFilter, SendAgainForm
from syncs.models import Kept, RejectedRow, Run
from syncs.models.rejected_row import RejectedRowQuerySet
from syncs.views import asked_again, removed, run_approval, run_cost, run_groups, run_words

Stage = RejectedRow.Stage

SHOWN_KEYS = 20


def runs_of(request: TeamRequest) -> QuerySet[Run]:
    """The team's runs with what pages say of them."""
    runs = Run.objects.filter(team=request.team).defer("keys", "notes", "diff", "brakes", "approved")
    return runs.select_related("sync")


def find(request: TeamRequest, public_id: UUID) -> Run:
    """The team's run, with its sync and who started it, or 404."""
    found = Run.objects.select_related(
        "sync__model__source", "sync__connection__account", "started_by", "decided_by"
    )
    return get_object_or_404(found, team=request.team, public_id=public_id)


@needs(Can.LOOK)
def runs(request: TeamRequest) -> HttpResponse:
    """The team's runs, the newest first."""
    form = RunFilter(request.GET, team=request.team)
    page = paging.newest_first(form.apply(runs_of(request)), request.GET)
    shown = {"section": "runs", "form": form, "page": page, "runs": page.objects}
    shown["removed"] = removed.words(Kept.Kind.RUNS, since=form.begins_at, is_last=not page.older)
    if (counts := form.counted(runs_of(request))) is not None:
        kind = form.cleaned_data["rows"]
        shown |= {"row_count": counts[0], "run_count": counts[1], "kind": kind, "words": ROWS[kind][0]}
    return render(request, "syncs/runs/list.html", shown)


@vary_on_headers("HX-Request")
@needs(Can.LOOK)
def run(request: TeamRequest, run: UUID) -> HttpResponse:
    """A run. While it goes on, the page asks for its moving part every two seconds, at its end for all."""
    found = find(request, run)
    place = run_words.place_of(found)
    shown = {
        "section": "runs",
        "run": found,
        "place": place,
        "sentence": run_words.sentence(found, place),
        "trouble": run_words.trouble_of(found),
        "budget": run_cost.use_words(found),
    }
    shown["seen"] = run_approval.seen(found)
    if getattr(request, "htmx", False):
        if found.is_over or request.GET.get("seen", "") != shown["seen"]:
            return HttpResponseClientRefresh()
        return render(request, "syncs/runs/_live.html", shown)
    groups = run_groups.with_examples(run_groups.of_run(found, Stage.values), run_words.adapter_of_run(found))
    counted = found.attention_count + found.held_back_count
    is_less = found.is_over and sum(group.count for group in groups) < counted
    shown |= {
        "removed": removed.of_run(Kept.Kind.ROWS, found) if is_less else "",
        "groups": [group for group in groups if group.stage in RejectedRow.ATTENTION],
        "quiet_groups": [group for group in groups if group.stage not in RejectedRow.ATTENTION],
        "can_send_again": request.may_edit and not why_not_again(found),
        "still_open": run_groups.of_run(found, RejectedRow.ATTENTION).filter(is_open=True).count()
        if found.is_over and found.attention_count
        else 0,
        "waiting": run_approval.waiting(request, found),
        "held_for": run_approval.reasons(found),
        "shown_keys": [personal.partly(key) for key in (found.keys or [])[:SHOWN_KEYS]],
        "more_keys": max(0, len(found.keys or []) - SHOWN_KEYS),
    }
    return render(request, "syncs/runs/run.html", shown)


@needs(Can.RUN)
def cancel(request: TeamRequest, run: UUID) -> HttpResponse:
    """Ask whether to cancel, then cancel."""
    found = find(request, run)
    if request.method == "POST":
        with transaction.atomic():
            is_asked = engine.cancel(found)
            if is_asked:
                run_audit.cancelled(request, found)
        if is_asked:
            messages.success(request, "The run is being cancelled. What is on its way is still waited for.")
        else:
            messages.warning(request, "The run was over already; there was nothing to cancel.")
        return redirect("run", request.team.slug, found.public_id)
    if found.is_over:
        return redirect("run", request.team.slug, found.public_id)
    place = run_words.place_of(found)
    return render(request, "syncs/runs/cancel.html", {"section": "runs", "run": found, "place": place})


# Sending again


def why_not_again(run: Run) -> str:
    """Why rows of this run cannot be sent again from its page; empty where they can."""
    if not run.is_over:
        return "The run is still going on. At its end, what needs attention can be sent again from here."
    if run.dry_run:
        return "This was a try: nothing was sent, so there is nothing to send again. Start a run instead."
    if run.generation != run.sync.generation:
        return "The sync was changed since this run, and its next run sends every row anew: start that one."
    return ""


@needs(Can.RUN)
def send_again(request: TeamRequest, run: UUID) -> HttpResponse:
    """Start one run of the rows that are asked for."""
    found = find(request, run)
    here = reverse("run", args=[request.team.slug, found.public_id])
    form = SendAgainForm(request.POST)
    if request.method != "POST":
        return redirect(here)
    if not form.is_valid():
        said = [str(error) for error in form.non_field_errors()]
        messages.error(request, " ".join(said) or "It was not clear which rows to send again.")
        return redirect(back_to(request, found))
    if refusal := why_not_again(found):
        messages.error(request, refusal)
        return redirect(here)
    rows = form.rows(found)
    keys = list(rows.sendable().order_by().values_list("key_text", flat=True).distinct()[: Run.MOST_KEYS + 1])
    if not keys:
        messages.warning(request, nothing_to_send(rows))
        return redirect(back_to(request, found))
    if len(keys) <= Run.MOST_KEYS:
        return asked_again.ask(request, found.sync, keys=keys, count=len(keys), otherwise=here)
    # Too many to name one by one: what is still open of them, as the run finds when it plans.
    count = rows.sendable().still_open().count()
    if not count:
        messages.warning(request, "None of these rows needs attention any more.")
        return redirect(here)
    choice = form.choice(found)
    return asked_again.ask(request, found.sync, open_rows=[choice], count=count, otherwise=here)


def nothing_to_send(rows: RejectedRowQuerySet) -> str:
    if rows.filter(stage__in=RejectedRow.ATTENTION, key_text="").exists():
        return (
            "Rows without a primary key cannot be sent again: nothing tells which row of the model they are. "
            "Whoever owns the source's data must give them one; the next run sends them."
        )
    return "None of these rows can be sent again: they were held back, or they are not there any more."


def back_to(request: TeamRequest, run: Run) -> str:
    """The list that the rows were chosen in."""
    narrowed = {name: request.POST[name] for name in ("stage", "problem") if request.POST.get(name)}
    if narrowed:
        narrowed["field"] = request.POST.get("field", "")
    address = reverse("run_rows", args=[request.team.slug, run.public_id])
    return f"{address}?{urlencode({'show': 'attention'} | narrowed)}"
