"""How a team's syncs stand, by how their last run ended: counted, and narrowed by, in the database."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, Exists, F, OuterRef, QuerySet, Subquery, Value, When
from django.urls import reverse

from syncadmin.teams.models import Team
from syncs.models import RejectedRow, Run, Sync

GOOD, ATTENTION, STOPPED, UNKNOWN = "good", "attention", "stopped", "unknown"
WAITING = "waiting"
# By name: words, the colour of the badge, and the ends of last runs that mean it.
HEALTHS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    GOOD: ("Healthy", "good", (Run.Status.SUCCEEDED,)),
    ATTENTION: ("Rows need attention", "warn", (Run.Status.ATTENTION,)),
    WAITING: ("Waits for approval", "warn", (Run.Status.APPROVAL,)),
    STOPPED: ("Stopped", "bad", (Run.Status.STOPPED,)),
    UNKNOWN: ("No finished run", "", ()),  # none, or the last was cancelled
}
SHOWN = 6  # of a list on the overview; the rest is behind its link


@dataclass(frozen=True, slots=True)
class Health:
    """So many syncs stand so; `url` lists them."""

    name: str
    words: str
    tone: str
    count: int
    url: str


def with_last(syncs: QuerySet[Sync]) -> "QuerySet[Any]":
    """The syncs with their last run that is over, or waits for approval, and was no try: `last_status`,
    `last_pk`. One that went well, over some of the rows say, does not hide rows that need attention still."""
    going = [status for status in Run.ACTIVE if status != Run.Status.APPROVAL]
    last = Run.objects.filter(sync=OuterRef("pk"), dry_run=False).exclude(status__in=going)
    newest = last.order_by("-number")
    open_rows = Exists(RejectedRow.objects.still_open().filter(sync=OuterRef("pk")))
    half = When(open_rows, ended=Run.Status.SUCCEEDED, then=Value(Run.Status.ATTENTION))
    return syncs.alias(ended=Subquery(newest.values("status")[:1])).annotate(
        last_status=Case(half, default=F("ended")), last_pk=Subquery(newest.values("pk")[:1])
    )


def narrowed(syncs: QuerySet[Sync], health: str) -> "QuerySet[Any]":
    """Those that stand so; all where there is no such word."""
    if health not in HEALTHS:
        return syncs
    found = with_last(syncs)
    if health == UNKNOWN:
        known = [status for _, _, statuses in HEALTHS.values() for status in statuses]
        return found.exclude(last_status__in=known, last_status__isnull=False)
    return found.filter(last_status__in=HEALTHS[health][2])


def of_team(team: Team) -> list[Health]:
    """How many syncs stand how; nothing that no sync is. One query."""
    counted = with_last(Sync.objects.filter(team=team)).order_by().values_list("last_status")
    counts = dict.fromkeys(HEALTHS, 0)
    for status, count in counted.annotate(count=Count("pk")):
        name = next((name for name, (_, _, ends) in HEALTHS.items() if status in ends), UNKNOWN)
        counts[name] += count
    return [
        Health(name, words, tone, counts[name], reverse("syncs", args=[team.slug], query={"health": name}))
        for name, (words, tone, _) in HEALTHS.items()
        if counts[name]
    ]


def stopped(team: Team) -> list[Run]:
    """The last runs of syncs that stopped, by the sync's name, at most SHOWN. Two queries."""
    return _last_runs(team, Run.Status.STOPPED)


def paused(team: Team) -> list[Sync]:
    """Syncs that were paused for a reason: what they stand on was taken away. At most SHOWN; one query."""
    found = Sync.objects.filter(team=team, paused=True).exclude(pause_reason="")
    return list(found.order_by("name")[:SHOWN])


def waiting(team: Team) -> list[Run]:
    """The runs that wait for approval, by the sync's name, at most SHOWN. Two queries."""
    return _last_runs(team, Run.Status.APPROVAL)


def _last_runs(team: Team, status: Run.Status) -> list[Run]:
    found = with_last(Sync.objects.filter(team=team)).filter(last_status=status)
    pks = found.order_by("name").values_list("last_pk", flat=True)[:SHOWN]
    return list(Run.objects.filter(pk__in=list(pks)).select_related("sync").order_by("sync__name"))


def open_rows(team: Team) -> list[tuple[Sync, int]]:
    """Syncs with records that need attention now, and how many, at most SHOWN. As `attention.open_rows`.

    Of a sync whose run is going on that one's are not counted yet; of the others the index tells all. Four
    queries at the most.
    """
    going = dict(Run.objects.active().filter(team=team).values_list("sync", "pk"))
    idle = Sync.objects.filter(team=team).exclude(pk__in=list(going)).values("pk")
    rows = RejectedRow.objects.still_open().order_by()
    counts = list(rows.filter(sync__in=idle).values_list("sync").annotate(count=Count("pk")))
    if going:
        busy = rows.filter(sync__in=list(going)).exclude(run__in=list(going.values()))
        counts += busy.values_list("sync").annotate(count=Count("pk"))
    counts = sorted(counts, key=lambda one: (-one[1], one[0]))[:SHOWN]
    by_sync = dict(counts)
    syncs = Sync.objects.select_related("team").in_bulk(list(by_sync))
    return [(syncs[pk], count) for pk, count in by_sync.items()]


def last_ends(syncs: list[Sync], count: int) -> dict[int, list[Run]]:
    """The last runs of each sync by its id, the newest first, at most `count`. One query."""
    told = Run.objects.filter(
        sync__in=syncs, number__gt=F("sync__last_run_number") - count, dry_run=False
    ).order_by("-number")
    found: dict[int, list[Run]] = {}
    columns = (
        "sync",
        "number",
        "status",
        "accepted_count",
        "invalid_count",
        "rejected_count",
        "in_doubt_count",
    )
    for run in told.only(*columns):
        found.setdefault(run.sync_id, []).append(run)
    return found
