"""Which due run is served next: teams in turn, and no account takes every worker.

A worker is what teams share. Whose runs have the fewest of them comes first, so that a destination that lets
its callers wait takes no more than its team's part while others have work; among equals, who waited longest.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from syncadmin.teams.models import Team
from syncs.engine.lease import is_void
from syncs.models import Run

CANDIDATES = 5_000
LONG_AGO = datetime.min.replace(tzinfo=timezone.get_default_timezone())


class _Due(NamedTuple):
    pk: int
    team: int
    account: int
    status: str
    served_at: datetime | None
    due_at: datetime


def fairest(*, besides: int | None = None) -> Run | None:
    """The due run whose turn it is: of the team, and then the account, with the fewest workers now; of those
    the one whose team, and then which itself, has waited longest for a worker.

    Runs of an account that has its share of workers already are passed over. What a worker in this very
    place held is due as soon as that is dead.
    """
    now = timezone.now()
    held = Run.objects.active().filter(lease_expires_at__gt=now)
    columns = ("pk", "team_id", "sync__connection__account_id", "status")
    live, dead = [], []
    leases = held.values_list(*columns, "lease_holder", "lease_expires_at")
    for pk, team, account, status, holder, expires_at in leases:
        if is_void(holder, expires_at, now):
            dead.append(pk)
        else:
            live.append((team, account, status))
    due = (
        (Run.objects.due(now) | Run.objects.active().filter(pk__in=dead, due_at__lte=now))
        .exclude(pk__in=[] if besides is None else [besides])
        .order_by("due_at")
        .values_list(*columns, "served_at", "due_at")
    )
    teams = Counter(team for team, _, _ in live)
    accounts = Counter(account for _, account, _ in live)
    delivering = Counter(account for _, account, status in live if status == Run.Status.DELIVERING)
    waiting = [
        one
        for one in map(_Due._make, due[:CANDIDATES])
        if accounts[one.account] < _most_workers()
        and (one.status != Run.Status.DELIVERING or delivering[one.account] < _most_deliveries())
    ]
    if not waiting:
        return None
    served = _last_served({one.team for one in waiting})
    next_one = min(
        waiting,
        key=lambda one: (
            teams[one.team],
            served[one.team],
            accounts[one.account],
            one.served_at or LONG_AGO,
            one.due_at,
        ),
    )
    return Run.objects.filter(pk=next_one.pk).first()


def due_count(now: datetime) -> int:
    """How many runs wait for a worker, or as many as there are workers: for whoever rings.

    What a dead worker in this very place left counts too, long before its lease has ended.
    """
    left = Run.objects.active().filter(lease_expires_at__gt=now, due_at__lte=now)
    dead = sum(is_void(*lease, now) for lease in left.values_list("lease_holder", "lease_expires_at"))
    return min(settings.WORKERS, Run.objects.due(now)[: settings.WORKERS].count() + dead)


def _most_deliveries() -> int:
    """How many workers may deliver to one account: one is left to others."""
    return max(1, settings.WORKERS - 1)


def _most_workers() -> int:
    """How many may serve it in any way: a plan may ask the destination too, and wait for its answer.

    Of two workers, one may plan while the other delivers.
    """
    return max(2, settings.WORKERS - 1)


def _last_served(teams: Iterable[int]) -> dict[int, datetime]:
    """When a run of each team was last served."""
    newest = Run.objects.filter(team=OuterRef("pk"), served_at__isnull=False).order_by("-served_at")
    last = Subquery(newest.values("served_at")[:1])
    found = Team.objects.filter(pk__in=teams).annotate(last=last).values_list("pk", "last")
    return {pk: at or LONG_AGO for pk, at in found}
