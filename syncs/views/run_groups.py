"""Rows of a run that did not arrive: grouped by what is wrong, and listed group after group.

A page costs the same among ten rows and among a million: groups are counted in an index, and a page
starts where its index entry is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db.models import Count, Max, Q

from syncadmin.lib.paging import A_PAGE, Page
from syncs.models import RejectedRow, Run

Stage = RejectedRow.Stage

# What a problem is called above its rows. Others, an adapter's own, are called by their name.
TITLES = {
    "duplicate": "Several rows for one record",
    "guard": "Held back by a guard",
    "guard_unsure": "A guard cannot tell",
    "empty": "An empty value that must not be empty",
    "gave_up": "No answer after several tries",
    "in_doubt": "It is not known whether they arrived",
    "invalid_key": "Refused: a wrong address",
    "invalid_value": "Refused: a value that is not accepted",
    "missing_scope": "Refused: a permission is missing",
    "no_primary_key": "No primary key",
    "no_upsert_key": "Nothing to find the record by",
    "not_a_boolean": "Not true or false",
    "not_a_date": "Not a date",
    "not_a_domain": "Not a domain",
    "not_a_list": "Not a list",
    "not_a_number": "Not a number",
    "not_a_phone": "Not a phone number",
    "not_a_time": "Not a time",
    "not_an_email": "Not an e-mail address",
    "not_finite": "A number without end",
    "not_in_list": "Not one of the field's options",
    "out_of_range": "Out of range",
    "refused": "Refused by the destination",
    "rekeyed": "The old record stays at the destination",
    "repeated_primary_key": "A primary key that several rows share",
    "same_as": "The same record twice",
    "template": "The template fails",
    "template_limit": "Too much for the template",
    "too_costly": "Too much for the regular expression",
    "too_deep": "Nested too deeply",
    "too_long": "Too long",
    "unknown_field": "Refused: an unknown field",
    "unknown_type": "A type that cannot be sent",
    "unlisted": "Not in the value map",
}
GUARD = "guard"
MOST_GROUPS = 200


@dataclass(frozen=True, slots=True)
class Group:
    """Rows with one problem in one field; `example` is the newest, None where the group is only named."""

    stage: str
    problem: str
    field: str
    count: int
    example: RejectedRow | None = None

    @property
    def title(self) -> str:
        return title_of(self.problem, self.field)

    @property
    def is_of_guard(self) -> bool:
        """Whether a guard held these rows back: `field` is the guard's name then, and no field."""
        return self.problem == GUARD

    @property
    def where(self) -> Q:
        return Q(stage=self.stage, problem=self.problem, field=self.field)

    @property
    def order(self) -> tuple[str, str, str]:
        return (self.stage, self.problem, self.field)


def title_of(problem: str, field: str = "") -> str:
    if problem == GUARD and field:
        return f"Held back by “{field}”"
    return TITLES.get(problem) or problem.replace("_", " ").capitalize()


def groups_of(run: Run, stages: Iterable[str], narrowed: Q | None = None) -> list[Group]:
    """The run's groups in these stages, by name. One query, of the index alone."""
    found = RejectedRow.objects.filter(narrowed or Q(), run=run, stage__in=list(stages)).order_by()
    counted = found.values_list("stage", "problem", "field").annotate(Count("pk"))
    return sorted((Group(*row) for row in counted), key=lambda group: group.order)


def with_examples(run: Run, stages: Iterable[str]) -> list[Group]:
    """The largest groups first, each with an example. Two queries."""
    found = (
        RejectedRow.objects.filter(run=run, stage__in=list(stages))
        .order_by()
        .values_list("stage", "problem", "field")
        .annotate(count=Count("pk"), newest=Max("pk"))
        .order_by("-count", "stage", "problem", "field")[:MOST_GROUPS]
    )
    groups = list(found)
    examples = RejectedRow.objects.defer("payload").in_bulk([newest for *_, newest in groups])
    return [
        Group(stage, problem, field, count, examples[newest])
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
        group.field if group.is_of_guard else "": group for group in with_examples(run, [Stage.HELD_BACK])
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
    run: Run, groups: Sequence[Group], *, start: RejectedRow | None, back: bool = False, size: int = A_PAGE
) -> Page[RejectedRow]:
    """A page of all rows of the groups, which are in order, after `start` or `back` before it.

    At most three queries: the rest of the group of `start`, the groups that follow whole, a part of the next.
    """
    ordered = list(reversed(groups)) if back else list(groups)
    rows: list[RejectedRow] = []
    found = RejectedRow.objects.filter(run=run).defer("payload")
    place = (start.stage, start.problem, start.field) if start is not None else None
    if start is not None and place is not None:
        ordered = [g for g in ordered if (g.order <= place if back else g.order >= place)]
        if ordered and ordered[0].order == place:
            own = found.filter(ordered.pop(0).where)
            own = own.filter(pk__gt=start.pk) if back else own.filter(pk__lt=start.pk)
            rows += own.order_by("pk" if back else "-pk")[: size + 1]
    whole, part = _split(ordered, size + 1 - len(rows))
    if whole:
        some = found.filter(reduce(or_, (group.where for group in whole)))
        rows += sorted(some, key=_order, reverse=back)
    if part is not None:
        rows += found.filter(part.where).order_by("pk" if back else "-pk")[: size + 1 - len(rows)]
    is_more = len(rows) > size
    rows = rows[:size]
    if back:
        rows.reverse()
        if not is_more and len(rows) < size:
            return page_of(run, groups, start=None, size=size)
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
