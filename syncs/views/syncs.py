"""The list of syncs and a sync's own page; pausing, resuming and removing one."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render

from destinations import registry
from destinations.contract import Mode
from destinations.shares import usable_by
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.configuration.goals import fillings_of
from syncs.engine import attention
from syncs.engine.braking import limits_of
from syncs.engine.permitted import models_for, why_not
from syncs.engine.scheduling import is_first, said_by, stored_schedule
from syncs.forms.brakes import in_words as brakes_in_words
from syncs.forms.sync_rows import rows_of
from syncs.forms.sync_words import MODES
from syncs.forms.syncs import TEST_ROWS, TestForm
from syncs.models import MissedTime, Run, Sync, SyncDraft, SyncSchedule
from syncs.views import pausing, run_approval, run_chart, sync_health
from syncs.views.alert_facts import of_sync as of_sync_rules
from syncs.views.overlaps import overlaps_with
from syncs.views.sync_facts import (
    Mapped,
    in_words,
    last_runs,
    of_sync,
    sent_count,
    target_label,
    target_of,
)
from syncs.views.sync_remove import remove

PAGE = 50
SHOWN_RUNS = 5
DRAWN_RUNS = 30
SPARK_RUNS = 12


@dataclass(frozen=True, slots=True)
class Line:
    """A sync in the list, with its newest run, its last ones as a picture, and when it runs by itself."""

    sync: Sync
    target: str
    run: Run | None
    picture: str
    schedule: str
    next_at: datetime | None


@needs(Can.LOOK)
def syncs(request: TeamRequest) -> HttpResponse:
    """The team's syncs, the newest first, each with how its last run went."""
    found = Sync.objects.filter(team=request.team).select_related("model", "connection")
    query, connection = request.GET.get("q", "").strip(), request.GET.get("destination", "")
    if query:
        found = found.filter(name__icontains=query)
    connections = list(usable_by(request.team).order_by("name"))
    chosen = next((one for one in connections if str(one.public_id) == connection), None)
    if chosen is not None:
        found = found.filter(connection=chosen)
    wanted = request.GET.get("model", "")
    models = list(models_for(request.team).order_by("name"))
    of_model = next((one for one in models if str(one.public_id) == wanted), None)
    if of_model is not None:
        found = found.filter(model=of_model)
    health = request.GET.get("health", "")
    shown = list(_after(sync_health.narrowed(found, health), request)[: PAGE + 1])
    context = {
        "section": "syncs",
        "lines": _lines(shown[:PAGE]),
        "older": shown[PAGE - 1].public_id if len(shown) > PAGE else None,
        "is_filtered": bool(query or chosen or of_model or health in sync_health.HEALTHS),
        "health": health,
        "healths": [(name, words) for name, (words, _, _) in sync_health.HEALTHS.items()],
        "is_first_page": not request.GET.get("after"),
        "query": query,
        "connections": connections,
        "chosen": chosen,
        "models": models,
        "of_model": of_model,
        "draft": SyncDraft.objects.filter(team=request.team, user=request.user, sync=None).first()
        if request.may_edit
        else None,
    }
    return render(request, "syncs/syncs/list.html", context)


def _lines(syncs: list[Sync]) -> list[Line]:
    """The syncs as the list shows them; as many queries for one as for a page of them."""
    runs, ends = last_runs(syncs), sync_health.last_ends(syncs, SPARK_RUNS)
    kept = {one.sync_id: one for one in SyncSchedule.objects.filter(sync__in=syncs).select_related("follows")}
    lines = []
    for one in syncs:
        schedule = kept.get(one.pk)
        lines.append(
            Line(
                one,
                target_label(one),
                runs.get(one.pk),
                run_chart.picture(ends.get(one.pk, [])),
                str(said_by(schedule)) if schedule is not None else "",
                schedule.next_at if schedule is not None else None,
            )
        )
    return lines


@of_sync(Can.LOOK)
def sync(request: TeamRequest, sync: Sync) -> HttpResponse:
    """What is sent where, how the last runs went, and what can be done now."""
    return show_sync(request, sync)


def show_sync(request: TeamRequest, sync: Sync, *, test_form: TestForm | None = None) -> HttpResponse:
    """The sync's page, with a test's form as it was filled in."""
    drawn = list(sync.runs.select_related("sync", "started_by").order_by("-pk")[:DRAWN_RUNS])
    runs = drawn[:SHOWN_RUNS]
    target = target_of(sync)
    kept = stored_schedule(sync)
    draft = SyncDraft.objects.filter(team=request.team, user=request.user, sync=sync).first()
    context = {
        "section": "syncs",
        "sync": sync,
        "target": target,
        "target_label": target_label(sync),
        "mode": MODES[Mode(sync.mode)][0],
        "mapped": _mapped(sync),
        "runs": runs,
        "chart": run_chart.of_sync(sync, [run for run in drawn if not run.dry_run]),
        "times": run_chart.times_of_sync(sync, [run for run in drawn if not run.dry_run]),
        "last": runs[0] if runs else None,
        "active": next((run for run in runs if not run.is_over), None),
        "is_first": is_first(sync),
        "schedule": said_by(kept),
        "brakes": brakes_in_words(limits_of(sync)),
        "held_for": run_approval.reasons(runs[0]) if runs and runs[0].waits_for_approval else [],
        "next_at": kept.next_at if kept is not None else None,
        "missed": MissedTime.objects.filter(sync=sync).select_related("run").order_by("-at")[:SHOWN_RUNS],
        "test_form": test_form or TestForm(primary_key=sync.model.primary_key),
        "test_rows": TEST_ROWS,
        "draft": draft if request.may_edit else None,
        "open_count": attention.open_rows(sync).count(),
        "alert_rules": of_sync_rules(sync),
        "overlaps": overlaps_with(sync),
        "why_not": why_not(sync),
    }
    return render(request, "syncs/syncs/sync.html", context)


@of_sync(Can.BUILD)
def sync_pause(request: TeamRequest, sync: Sync) -> HttpResponse:
    return _switch(request, sync, paused=True)


@of_sync(Can.BUILD)
def sync_resume(request: TeamRequest, sync: Sync) -> HttpResponse:
    return _switch(request, sync, paused=False)


@of_sync(Can.BUILD)
def sync_remove(request: TeamRequest, sync: Sync) -> HttpResponse:
    """Remove the sync, after asking. What was sent stays at the destination."""
    active = Run.objects.active().filter(sync=sync).first()
    if request.method == "POST":
        if remove(sync):
            messages.success(request, f"{sync.name} is removed.")
            return redirect("syncs", request.team.slug)
        return redirect("sync_remove", request.team.slug, sync.public_id)
    context = {
        "section": "syncs",
        "sync": sync,
        "target_label": target_label(sync),
        "run_count": sync.runs.count(),
        "sent": sent_count(sync),
        "active": active,
    }
    return render(request, "syncs/syncs/remove.html", context)


def _switch(request: TeamRequest, sync: Sync, *, paused: bool) -> HttpResponse:
    if request.method == "POST" and pausing.switch(request, sync, paused=paused):
        messages.success(request, pausing.PAUSED if paused else pausing.RESUMED)
    return redirect("sync", request.team.slug, sync.public_id)


def _after(found: QuerySet[Sync], request: TeamRequest) -> QuerySet[Sync]:
    """The list from where the page begins, the newest first."""
    found = found.order_by("-pk")
    after = request.GET.get("after", "")
    if not after:
        return found
    try:
        last = Sync.objects.filter(team=request.team, public_id=after).values_list("pk", flat=True).first()
    except ValidationError:  # not an id at all
        last = None
    return found.filter(pk__lt=last) if last is not None else found


def _mapped(sync: Sync) -> list[Mapped]:
    fields = registry.remembered_fields(sync.connection.fields, sync.object_key) or []
    return in_words(rows_of(fillings_of(sync), [field.key for field in fields]), fields)
