"""What the lists of the history are narrowed by."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from syncadmin.lib.narrowing import RelatedScope, as_uuid
from syncs.models import RejectedRow, Run, Sync
from syncs.views.run_groups import title_of

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
            # "not in" rather than "in": the index's order is kept, and nothing is sorted.
            return queryset.exclude(stage__in=CALM)
        return queryset.filter(stage=self.value())


class ProblemFilter(admin.SimpleListFilter):
    """Rows with one problem. Offered are those of the chosen run, else those of the newest rows."""

    title = "problem"
    parameter_name = "problem"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        run = as_uuid(request.GET.get("run", ""))
        if run is not None:
            rows = RejectedRow.objects.filter(run__in=Run.objects.filter(public_id=run)).order_by()
            problems = set(rows.values_list("problem", flat=True).distinct())
        else:
            newest = RejectedRow.objects.order_by("-pk").values_list("problem", flat=True)
            problems = set(newest[:LOOKED_AT])
        if (chosen := self.value()) is not None:
            problems.add(chosen)
        return sorted(((problem, title_of(problem)) for problem in problems), key=lambda one: one[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[RejectedRow]) -> QuerySet[RejectedRow]:
        return queryset if self.value() is None else queryset.filter(problem=self.value())
