"""The first page of a team: what is left to set up, what needs somebody, what ran last."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Exists, OuterRef, Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from destinations.models import Connection
from syncadmin.teams.access import Role, TeamRequest, needs
from syncs.forms.runs import PERIODS, ROWS
from syncs.models import QueryModel, Run, Source, Sync, WorkerBeat
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


@needs(Role.VIEWER)
def overview(request: TeamRequest) -> HttpResponse:
    """The checklist while something is missing; then what is healthy and what needs whom."""
    steps = _steps(request)
    runs = (
        Run.objects.filter(team=request.team)
        .select_related("sync__model", "sync__connection", "team")
        .order_by("-pk")[:SHOWN_RUNS]
    )
    sync_count = Sync.objects.filter(team=request.team).count()
    return render(
        request,
        "syncs/overview/overview.html",
        {
            "section": "overview",
            "steps": [] if all(step.is_done for step in steps) else steps,
            "next_step": next((step for step in steps if not step.is_done), None),
            "done_count": sum(step.is_done for step in steps),
            "runs": runs,
            "day": _last_day(request),
            "troubled_connections": Connection.objects.filter(
                team=request.team, health=Connection.Health.ATTENTION
            ).order_by("name"),
            "troubled_syncs": _troubled_syncs(request),
            "sync_count": sync_count,
            "trouble": NO_WORKER if sync_count and not WorkerBeat.objects.are_alive() else None,
        },
    )


def _steps(request: TeamRequest) -> list[Step]:
    team = request.team
    accepted = Run.objects.filter(team=team, accepted_count__gt=0).exists()
    slug = team.slug
    return [
        Step(
            "Add a source",
            "The database or the files that your customer data is in.",
            "Add source",
            reverse("source_add", args=[slug]),
            Source.objects.filter(team=team).exists(),
            needs_admin=True,
        ),
        Step(
            "Make a model",
            "A table or a query: the rows to send, and the column that tells them apart.",
            "Add model",
            reverse("model_add", args=[slug]),
            QueryModel.objects.filter(team=team).exists(),
        ),
        Step(
            "Add a destination",
            "The tool to keep up to date, and the key to get in."
            + (" To try things out there is a sandbox, which needs none." if settings.SANDBOX else ""),
            "Add destination",
            reverse("destination_add", args=[slug]),
            Connection.objects.filter(team=team).exists(),
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


def _last_day(request: TeamRequest) -> list[tuple[str, str, int]]:
    """What the rows of the last day came to, as the list of runs counts them: (name, words, rows)."""
    since = timezone.now() - PERIODS["24h"][1]
    runs = Run.objects.filter(team=request.team, created_at__gte=since, dry_run=False)
    found = runs.aggregate(**{name: Sum(column) for name, (_, column) in ROWS.items()})
    return [
        (name, words.removeprefix("Rows ").capitalize(), found[name] or 0)
        for name, (words, _) in ROWS.items()
    ]


def _troubled_syncs(request: TeamRequest) -> list[Sync]:
    """Syncs whose last run stopped, or left rows that need attention."""
    newer = Run.objects.filter(sync=OuterRef("sync"), pk__gt=OuterRef("pk")).exclude(status__in=Run.ACTIVE)
    last = (
        Run.objects.filter(team=request.team, status__in=[Run.Status.STOPPED, Run.Status.ATTENTION])
        .annotate(is_old=Exists(newer))
        .filter(is_old=False)
        .select_related("sync")
        .order_by("sync__name")[:20]
    )
    found = []
    for run in last:
        run.sync.last_run = run  # type: ignore[attr-defined]
        found.append(run.sync)
    return found
