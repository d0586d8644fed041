"""Which due run is served next: teams in turn, and no account takes every worker."""

from django.conf import settings
from django.db.models import Count, F, OuterRef, Subquery
from django.utils import timezone

from syncs.models import Run

CANDIDATES = 500


def fairest(*, besides: int | None = None) -> Run | None:
    """The due run whose team, and then which itself, has waited longest for a worker.

    Runs that deliver to an account that has its share of workers already are passed over.
    """
    now = timezone.now()
    live = Run.objects.active().filter(lease_expires_at__gt=now)
    busy = dict(
        live.filter(status=Run.Status.DELIVERING)
        .values_list("sync__connection__account")
        .annotate(workers=Count("pk"))
    )
    last_served = (
        Run.objects.filter(team=OuterRef("team"), served_at__isnull=False)
        .order_by("-served_at")
        .values("served_at")[:1]
    )
    most = max(1, settings.WORKERS - 1)
    due = (
        Run.objects.due(now)
        .exclude(pk__in=[] if besides is None else [besides])
        .annotate(team_served_at=Subquery(last_served), account=F("sync__connection__account"))
        .order_by(F("team_served_at").asc(nulls_first=True), F("served_at").asc(nulls_first=True), "due_at")
    )
    for run in due[:CANDIDATES]:
        account = getattr(run, "account", None)  # annotated above
        if run.status != Run.Status.DELIVERING or busy.get(account, 0) < most:
            return run
    return None
