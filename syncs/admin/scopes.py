"""What the lists of the history are narrowed by."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from syncadmin.lib.narrowing import RelatedScope, as_uuid
from syncs.admin.problems import names
from syncs.engine.catalogue import title_of
from syncs.models import RejectedRow, Run, Sync

CALM = (RejectedRow.Stage.HELD_BACK, RejectedRow.Stage.LEFT_BEHIND)  # what a run does not count as bad
NEED_ATTENTION = "attention"
LOOKED_AT = 2_000  # of the newest rows, for the problems to offer


class SyncScope(RelatedScope):
    """Rows of one sync. Where a team is chosen, its syncs are offered."""

    title = "sync"
    parameter_name = "sync"

    def named(self, objects: QuerySet[Any]) -> QuerySet[Any]:
        return objects.select_related("team")

    def offered(self, request: HttpRequest) -> QuerySet[Any]:
        team = as_uuid(request.GET.get("team", ""))
        every = super().offered(request)
        return every.filter(team__public_id=team) if team else every

    def label(self, one: Sync) -> str:
        return f"{one.name} · {one.team.name}"


class RunScope(RelatedScope):
    """Rows of one run. Nothing is offered: runs link to their lists."""

    title = "run"
    parameter_name = "run"
    whole = True

    def named(self, objects: QuerySet[Any]) -> QuerySet[Any]:
        return objects.select_related("sync").only("number", "public_id", "sync__name")

    def offered(self, request: HttpRequest) -> QuerySet[Any]:
        return self.related._default_manager.none()


class StageFilter(admin.SimpleListFilter):
    """Rows of one stage, or all that need attention."""

    title = "stage"
    parameter_name = "stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(NEED_ATTENTION, "All that need attention"), *RejectedRow.Stage.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RejectedRow]) -> QuerySet[RejectedRow]:
        if self.value() is None:
            return queryset
        if self.value() == NEED_ATTENTION:
            # A range rather than "in": the index's order is kept, and nothing is sorted.
            return queryset.filter(stage__gt=CALM[0]).exclude(stage=CALM[1])
        return queryset.filter(stage=self.value())


class ProblemFilter(admin.SimpleListFilter):
    """Rows with one problem. Offered are those of the chosen run, else those of the newest rows."""

    title = "problem"
    parameter_name = "problem"
    stages: Sequence[tuple[str, str]] = ()  # with their problems, where a run is chosen

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        run = _run(request)
        if run is not None:
            self.stages = names(run)
            problems = {problem for _, problem in self.stages}
        else:
            newest = RejectedRow.objects.order_by("-pk").values_list("problem", flat=True)
            problems = set(newest[:LOOKED_AT])
        if (chosen := self.value()) is not None:
            problems.add(chosen)
        return sorted(((problem, title_of(problem)) for problem in problems), key=lambda one: one[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[RejectedRow]) -> QuerySet[RejectedRow]:
        if self.value() is None:
            return queryset
        stages = {stage for stage, problem in self.stages if problem == self.value()}
        if len(stages) == 1:  # told as well, it leads the index to them
            queryset = queryset.filter(stage=stages.pop())
        return queryset.filter(problem=self.value())


def _run(request: HttpRequest) -> int | None:
    """The run that the address narrows by."""
    public_id = as_uuid(request.GET.get("run", ""))
    return Run.objects.filter(public_id=public_id).values_list("pk", flat=True).first() if public_id else None
