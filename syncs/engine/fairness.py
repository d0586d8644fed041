"""Which due run is served next: teams in turn, and no account takes every worker."""

from collections import Counter

from django.conf import settings
from django.db.models import F, OuterRef, Subquery
from django.utils import timezone

from syncs.engine.lease import holder_is_dead
from syncs.models import Run

CANDIDATES = 500


def fairest(*, besides: int | None = None) -> Run | None:
    """The due run whose team, and then which itself, has waited longest for a worker.

    Runs that deliver to an account that has its share of workers already are passed over. What a worker
    in this very place held is due as soon as that is dead.
    """
    now = timezone.now()
    held = Run.objects.active().filter(lease_expires_at__gt=now)
    holders = dict(held.values_list("pk", "lease_holder"))
    dead = [pk for pk, holder in holders.items() if holder_is_dead(holder)]
    delivering = held.filter(status=Run.Status.DELIVERING).exclude(pk__in=dead)
    busy = Counter(delivering.values_list("sync__connection__account", flat=True))
    last_served = (
        Run.objects.filter(team=OuterRef("team"), served_at__isnull=False)
        .order_by("-served_at")
        .values("served_at")[:1]
    )
    most = max(1, settings.WORKERS - 1)
    due = (
        (Run.objects.due(now) | Run.objects.active().filter(pk__in=dead, due_at__lte=now))
        .exclude(pk__in=[] if besides is None else [besides])
        .annotate(team_served_at=Subquery(last_served), account=F("sync__connection__account"))
        .order_by(F("team_served_at").asc(nulls_first=True), F("served_at").asc(nulls_first=True), "due_at")
    )
    for run in due[:CANDIDATES]:
        account: int = run.account  # type: ignore[attr-defined]  # annotated above
        if run.status != Run.Status.DELIVERING or busy[account] < most:
            return run
    return None
