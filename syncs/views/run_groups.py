"""Rows that did not arrive, of a run or open in a sync: grouped by what is wrong, listed group after group.

A page costs the same among ten rows and among a million: groups are counted in an index, and a page
starts where its index entry is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db.models import Count, Max, Min, Q, QuerySet

from destinations.contract import Adapter, Problem
from syncadmin.lib.paging import A_PAGE, Page
from syncs.engine.catalogue import GUARD, look_up, title_of
from syncs.models import RejectedRow, Run

Stage = RejectedRow.Stage

MOST_GROUPS = 200


@dataclass(frozen=True, slots=True)
class Group:
    """Rows with one problem in one field; `example` is the newest, None where the group is only named.

    `span` holds the ids of its oldest and newest row. Within it the database may look for rows by id; beyond
    it would first pass by the rows of all other runs.
    """

    stage: str
    problem: str
    field: str
    count: int
    example: RejectedRow | None = None
    adapter: type[Adapter] | None = None
    span: tuple[int, int] | None = None

    @property
    def title(self) -> str:
        return title_of(self.problem, self.field, self.adapter)

    @property
    def about(self) -> Problem:
        """What the reason means, and what to do."""
        return look_up(self.problem, self.adapter)

    @property
    def is_of_guard(self) -> bool:
        """Whether a guard held these rows back: `field` is the guard's name then, and no field."""
        return self.problem == GUARD

    @property
    def where(self) -> Q:
        alike = Q(stage=self.stage, problem=self.problem, field=self.field)
        return alike if self.span is None else alike & Q(pk__range=self.span)

    @property
    def order(self) -> tuple[str, str, str]:
        return (self.stage, self.problem, self.field)


def of_run(run: Run, stages: Iterable[str]) -> QuerySet[RejectedRow]:
    """The run's rows in these stages."""
    return RejectedRow.objects.filter(run=run, stage__in=list(stages))


def groups_of(found: QuerySet[RejectedRow], adapter: type[Adapter] | None = None) -> list[Group]:
    """The groups of these rows, by name. One query, of an index alone."""
    counted = found.order_by().values_list("stage", "problem", "field")
    groups = [
        Group(stage, problem, field, count, None, adapter, span=(oldest, newest))
        for stage, problem, field, count, oldest, newest in counted.annotate(
            Count("pk"), Min("pk"), Max("pk")
        )
    ]
    return sorted(groups, key=lambda group: group.order)


def with_examples(found: QuerySet[RejectedRow], adapter: type[Adapter] | None = None) -> list[Group]:
    """The largest groups first, each with an example. Two queries."""
    counted = (
        found.order_by()
        .values_list("stage", "problem", "field")
        .annotate(count=Count("pk"), newest=Max("pk"))
        .order_by("-count", "stage", "problem", "field")[:MOST_GROUPS]
    )
    groups = list(counted)
    examples = RejectedRow.objects.in_bulk([newest for *_, newest in groups])
    return [
        Group(stage, problem, field, count, examples[newest], adapter)
        for stage, problem, field, count, newest in groups
        if newest in examples
    ]


@dataclass(frozen=True, slots=True)
class Held:
    """What one guard held back, or equal rows did: `count` of all, of which a run keeps the first."""

    group: Group
    count: int


def held(run: Run) -> list[Held]:
    """What was held back, by guards in their order, then for being equal. Two queries."""
    groups = {
        group.field if group.is_of_guard else "": group
        for group in with_examples(of_run(run, [Stage.HELD_BACK]))
    }
    counts = {str(name): int(count) for name, count in run.held_by}
    rest = run.held_back_count - sum(counts.values())
    return [
        Held(groups[name], count)
        for name, count in [*counts.items(), ("", rest)]
        if count > 0 and name in groups
    ]


def count_of_guard(run: Run, group: Group) -> int:
    """How many rows the guard of a group held back in all; 0 for a group of another kind."""
    return next((count for name, count in run.held_by if group.is_of_guard and name == group.field), 0)


def page_of(
    of: QuerySet[RejectedRow],
    groups: Sequence[Group],
    *,
    start: RejectedRow | None,
    back: bool = False,
    size: int = A_PAGE,
) -> Page[RejectedRow]:
    """A page of all rows of the groups, which are in order, after `start` or `back` before it.

    At most three queries: the rest of the group of `start`, the groups that follow whole, a part of the next.
    """
    ordered = list(reversed(groups)) if back else list(groups)
    rows: list[RejectedRow] = []
    place = (start.stage, start.problem, start.field) if start is not None else None
    if start is not None and place is not None:
        ordered = [g for g in ordered if (g.order <= place if back else g.order >= place)]
        if ordered and ordered[0].order == place:
            own = of.filter(ordered.pop(0).where)
            own = own.filter(pk__gt=start.pk) if back else own.filter(pk__lt=start.pk)
            rows += own.order_by("pk" if back else "-pk")[: size + 1]
    whole, part = _split(ordered, size + 1 - len(rows))
    if whole:
        some = of.filter(reduce(or_, (group.where for group in whole)))
        rows += sorted(some, key=_order, reverse=back)
    if part is not None:
        rows += of.filter(part.where).order_by("pk" if back else "-pk")[: size + 1 - len(rows)]
    is_more = len(rows) > size
    rows = rows[:size]
    if back:
        rows.reverse()
        if not is_more and len(rows) < size:
            return page_of(of, groups, start=None, size=size)
    if not rows:
        return Page([])
    has_newer = is_more if back else start is not None
    return Page(
        rows,
        str(rows[0].public_id) if has_newer else "",
        str(rows[-1].public_id) if back or is_more else "",
    )


def _split(groups: Sequence[Group], wanted: int) -> tuple[list[Group], Group | None]:
    """Groups that are wanted whole, and the one of which only a part is."""
    whole: list[Group] = []
    for group in groups:
        if wanted <= 0:
            break
        if group.count > wanted:
            return whole, group
        whole.append(group)
        wanted -= group.count
    return whole, None


def _order(row: RejectedRow) -> tuple[str, str, str, int]:
    return (row.stage, row.problem, row.field, -row.pk)
