"""What the pages say of a sync beyond its own columns."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, TypeAlias
from uuid import UUID

from django.db.models import Max, Q
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404

from destinations import registry
from destinations.contract import Field, ObjectType
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.engine import ledger
from syncs.forms.sync_rows import Row
from syncs.forms.sync_words import EMPTY
from syncs.models import Run, Sync

P = ParamSpec("P")
View: TypeAlias = Callable[Concatenate[TeamRequest, Sync, P], HttpResponse]


def of_sync(can: Can) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """The view gets the team's sync whose id is in the address."""

    def decorate(view: View[P]) -> Callable[..., HttpResponseBase]:
        @needs(can)
        @wraps(view)
        def with_sync(request: TeamRequest, sync: UUID, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            found = Sync.objects.select_related("model__source", "connection__account", "team")
            of_team = get_object_or_404(found, team=request.team, public_id=sync)
            return view(request, of_team, *args, **kwargs)

        return with_sync

    return decorate


def target_of(sync: Sync) -> ObjectType | None:
    """The object that the sync writes; None where this installation has no such destination any more."""
    adapter = registry.adapters().get(sync.connection.destination)
    return next((one for one in adapter.objects if one.key == sync.object_key), None) if adapter else None


def target_label(sync: Sync) -> str:
    """Where the rows go: `Qualified leads`."""
    adapter, target = registry.adapters().get(sync.connection.destination), target_of(sync)
    label = adapter.label if adapter is not None else sync.connection.destination
    return f"{label} {target.label.lower() if target is not None else sync.object_key}"


@dataclass(frozen=True, slots=True)
class Mapped:
    """One field of a mapping, in words. `field` is None where the service did not list it.

    `url` is where it is changed, "" where it is only looked at.
    """

    field: Field | None
    key: str
    row: Row
    empty: str
    url: str = ""


def in_words(rows: Iterable[Row], fields: Iterable[Field]) -> list[Mapped]:
    """The rows of a mapping as people read them."""
    known = {field.key: field for field in fields}
    words = {policy.value: told for policy, told in EMPTY.items()}
    return [
        Mapped(known.get(row.key), row.key, row, words.get(row.empty, "") if row.may_differ else "")
        for row in rows
    ]


def last_runs(syncs: Iterable[Sync]) -> dict[int, Run]:
    """The newest run of each sync, by the sync's id: counting alone is none, once it is over. Two queries."""
    told = Run.objects.filter(Q(dry_run=False) | Q(status__in=Run.ACTIVE), sync__in=list(syncs))
    newest = told.order_by().values("sync").annotate(newest=Max("pk"))
    runs = Run.objects.in_bulk([one["newest"] for one in newest])
    return {run.sync_id: run for run in runs.values()}


@dataclass(frozen=True, slots=True)
class SentCount:
    """How many rows were sent in a sync's present generation; `is_about` of very many."""

    count: int
    is_about: bool

    def __str__(self) -> str:
        return f"about {self.count:,}" if self.is_about else f"{self.count:,}"


NOTHING_SENT = SentCount(0, False)


def sent_count(sync: Sync, part: int = 0, *, accepted: bool = False) -> SentCount:
    """How many rows (or companions, 1) were sent: a new generation sends them again."""
    return SentCount(*ledger.sent(sync, part, accepted=accepted))


def count_of(sync: Sync) -> Run | None:
    """The run that counted, or counts, what a full run would send, with sync and model as they are."""
    changed = max(sync.updated_at, sync.model.updated_at)
    found = Run.objects.filter(
        sync=sync,
        generation=sync.generation,
        dry_run=True,
        limit=None,
        keys__isnull=True,
        created_at__gte=changed,
    )
    return found.exclude(status=Run.Status.CANCELLED).order_by("-pk").first()
