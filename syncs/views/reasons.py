"""What the reasons mean: the whole catalogue on one page, to be searched."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from destinations import registry
from destinations.contract import Problem
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.engine import catalogue
from syncs.models import RejectedRow

LONGEST_QUERY = 100


@dataclass(frozen=True, slots=True)
class Told:
    """One reason on the page; `anchor` is where links lead."""

    anchor: str
    problem: Problem
    who: str


@dataclass(frozen=True, slots=True)
class Part:
    """A section with those of its reasons that fit what is searched for."""

    key: str
    title: str
    reasons: list[Told]


@needs(Can.LOOK)
def reasons(request: TeamRequest) -> HttpResponse:
    """All reasons, or those that hold what is searched for."""
    query = request.GET.get("q", "").strip()[:LONGEST_QUERY]
    adapters = sorted(registry.adapters().values(), key=lambda one: one.label)
    every = catalogue.sections(adapters)
    parts = [
        Part(one.key, one.title, [_told(one, each) for each in one.problems if _fits(each, query)])
        for one in every
    ]
    shown = {
        "section": "runs",
        "query": query,
        "parts": [part for part in parts if part.reasons],
        "found_count": sum(len(part.reasons) for part in parts),
        "count": sum(len(one.problems) for one in every),
    }
    return render(request, "syncs/runs/reasons.html", shown)


def link_of(team: str, problem: str, destination: str) -> str:
    """Where the page tells of a reason, at its destination (an adapter's key) in that one's words."""
    adapter = registry.adapters().get(destination)
    is_own = adapter is not None and any(one.code == problem for one in adapter.problems)
    anchor = f"{destination}-{problem}" if is_own else problem
    return f"{reverse('reasons', args=[team])}#{anchor}"


def _told(section: catalogue.Section, problem: Problem) -> Told:
    anchor = f"{section.key}-{problem.code}" if section.adapter is not None else problem.code
    return Told(anchor, problem, RejectedRow.Who(problem.who.value).label)


def _fits(problem: Problem, query: str) -> bool:
    text = f"{problem.code} {problem.title} {problem.explanation} {problem.action}".lower()
    return all(word in text for word in query.lower().split())
