"""The first page of a team: what is left to set up, what needs somebody, what ran last."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from destinations.models import Connection, ConnectionShare
from destinations.shares import usable_by
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.models import Kept, ModelShare, QueryModel, Run, Source, Sync, WorkerBeat
from syncs.views import periods, removed, request_chart, run_approval, run_chart, sync_health
from syncs.views.run_words import NO_WORKER

SHOWN_RUNS = 8


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to set up."""

    title: str
    why: str
    action: str
    url: str
    is_done: bool
    needs_admin: bool = False


@needs(Can.LOOK)
def overview(request: TeamRequest) -> HttpResponse:
    """The checklist while something is missing; then what is healthy and what needs whom."""
    steps = _steps(request)
    now = timezone.now()
    period = periods.asked(request.GET, now)
    runs = (
        Run.objects.filter(team=request.team)
        .select_related("sync__model", "sync__connection", "team")
        .order_by("-pk")[:SHOWN_RUNS]
    )
    healths = sync_health.of_team(request.team)
    sync_count = sum(health.count for health in healths)
    usable = list(usable_by(request.team).order_by("name"))
    connections = [one for one in usable if one.team_id == request.team.pk]
    waiting = sync_health.waiting(request.team) if sync_count else []
    counted = run_chart.of_runs(request.team, period) if sync_count else None
    return render(
        request,
        "syncs/overview/overview.html",
        {
            "section": "overview",
            "steps": [] if all(step.is_done for step in steps) else steps,
            "next_step": next((step for step in steps if not step.is_done), None),
            "done_count": sum(step.is_done for step in steps),
            "runs": runs,
            "period": period,
            "counted": counted,
            "removed": removed.words(Kept.Kind.RUNS, since=period.start) if counted else "",
            "healths": healths,
            "uses": request_chart.of_team(connections, periods.asked(request.GET, now, whole_hours=True)),
            "troubled_connections": [one for one in connections if one.health == Connection.Health.ATTENTION],
            "silent_connections": [one for one in usable if one.account.down_since is not None],
            "stopped": sync_health.stopped(request.team) if sync_count else [],
            "paused": sync_health.paused(request.team) if sync_count else [],
            "waiting": [(run, " ".join(run_approval.reasons(run))) for run in waiting],
            "open_rows": sync_health.open_rows(request.team) if sync_count else [],
            "more": {health.name: health for health in healths if health.count > sync_health.SHOWN},
            "sync_count": sync_count,
            "trouble": NO_WORKER if sync_count and not WorkerBeat.objects.are_alive() else None,
        },
    )


def _steps(request: TeamRequest) -> list[Step]:
    """What another team shares is there too: a shared model needs no source of one's own."""
    team = request.team
    accepted = Run.objects.filter(team=team, accepted_count__gt=0).exists()
    slug = team.slug
    return [
        Step(
            "Add a source",
            "The database or the files that your customer data is in.",
            "Add source",
            reverse("source_add", args=[slug]),
            Source.objects.filter(team=team).exists() or ModelShare.objects.filter(with_team=team).exists(),
            needs_admin=True,
        ),
        Step(
            "Make a model",
            "A table or a query: the rows to send, and the column that tells them apart.",
            "Add model",
            reverse("model_add", args=[slug]),
            QueryModel.objects.filter(team=team).exists()
            or ModelShare.objects.filter(with_team=team).exists(),
        ),
        Step(
            "Add a destination",
            "The tool to keep up to date, and the key to get in."
            + (" To try things out there is a sandbox, which needs none." if settings.SANDBOX else ""),
            "Add destination",
            reverse("destination_add", args=[slug]),
            Connection.objects.filter(team=team).exists()
            or ConnectionShare.objects.filter(with_team=team).exists(),
            needs_admin=True,
        ),
        Step(
            "Make a sync",
            "Which columns fill which fields.",
            "Add sync",
            reverse("sync_add", args=[slug]),
            Sync.objects.filter(team=team).exists(),
        ),
        Step(
            "See the first record arrive",
            "Run a test with ten rows, then all of them.",
            "Open syncs",
            reverse("syncs", args=[slug]),
            accepted,
        ),
    ]
