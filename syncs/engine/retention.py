"""What of the history is beyond its days or its size: found here, removed by `pruning.py`.

The oldest goes first, whichever team's it is. Never goes, however old or large it is: what is unfolded or of
a run that is going on, the present ledger, records that need attention now (`is_open`), the runs that hold
them, and of each sync the newest run, the newest over all rows that was begun in its present life, and the
newest that ended well: pages and schedules stand on these.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Sum, TextField
from django.db.models.functions import Cast, Length
from django.utils import timezone

from destinations.models import Exchange
from syncs.models import Batch, BatchDiff, Kept, LeftRows, PlannedRow, RejectedRow, Run

Kind = Kept.Kind

MEGABYTE = 1_000_000
AT_ONCE = 5_000  # rows whose size is read at once
EXCHANGE_BYTES = 1_000  # of headers and columns, beside the bodies
ROW_BYTES = 300
PLANNED_BYTES = 80  # of the index of a batch's rows, each
RUN_BYTES = 3_000


@dataclass(frozen=True, slots=True)
class Share:
    """One kind: how much is there, and how much of it goes.

    What is older than `before` goes for its age; for lack of space records or requests up to the id `last`,
    and the payloads of the runs `pks` (of the kind RUNS: runs as a whole, for their age). `until`: nothing
    that is older stays, None where nothing goes; `by_size`: its last part goes for lack of space.
    """

    kind: Kept.Kind
    rows: int
    size: int
    before: datetime
    going_rows: int = 0
    going_size: int = 0
    until: datetime | None = None
    by_size: bool = False
    last: int = 0
    pks: tuple[int, ...] = field(default=(), repr=False)


def days_ago(days: int, now: datetime) -> datetime:
    return now - timedelta(days=days)


def look(now: datetime | None = None) -> list[Share]:
    """Each kind as it is. Changes nothing."""
    at = now or timezone.now()
    return [requests(at), payloads(at), records(at), runs(at)]


def requests(now: datetime) -> Share:
    """Requests and their answers, by EXCHANGES_KEEP_DAYS and KEEP_EXCHANGES_MB."""
    size = Length("request_body") + Length("reply_body") + EXCHANGE_BYTES
    before = days_ago(settings.EXCHANGES_KEEP_DAYS, now)
    return _by_row(
        Kind.REQUESTS, Exchange.objects.all(), "started_at", size, before, settings.KEEP_EXCHANGES_MB
    )


def records(now: datetime) -> Share:
    """Records that did not arrive and need nobody any more, by HISTORY_KEEP_DAYS and KEEP_RECORDS_MB."""
    size = Length(Cast("payload", TextField())) + Length("reason") + Length("key_text") + ROW_BYTES
    before = days_ago(settings.HISTORY_KEEP_DAYS, now)
    return _by_row(
        Kind.ROWS,
        RejectedRow.objects.all(),
        "created_at",
        size,
        before,
        settings.KEEP_RECORDS_MB,
        may_go=records_that_may_go(),
    )


def records_that_may_go() -> Q:
    """Not those that need attention now: they are the only record of it. Not those of a run that goes on."""
    return Q(is_open=False) & ~Q(run__status__in=Run.ACTIVE)


def payloads(now: datetime) -> Share:
    """What was sent, run by run, by KEEP_DAYS and KEEP_PAYLOADS_MB."""
    before = days_ago(settings.KEEP_DAYS, now)
    held = (
        Batch.objects.order_by()
        .annotate(length=Length("payload"))  # known without reading it
        .filter(length__gt=0)
        .values("run")
        .annotate(
            size=Sum(Length("payload") + Length("outcomes") + Length("journal")),
            at=Min("run__finished_at"),
            planned=Max("run__planned_count"),
            unfolded=Count("pk", filter=Q(status=Batch.Status.SETTLED, folded_at__isnull=True)),
            left=Count("pk", filter=Q(left_at__gte=before)),
            is_over=Count("pk", filter=~Q(run__status__in=Run.ACTIVE)),
        )
    )
    found = [(one["at"], one["run"], one["size"] + one["planned"] * PLANNED_BYTES, one) for one in held]
    total = sum(size for _, _, size, _ in found)
    found = [one for one in found if one[0] and one[3]["is_over"] and not one[3]["unfolded"] + one[3]["left"]]
    pks, gone, until, by_size = [], 0, None, False
    for at, pk, size, _ in sorted(found, key=lambda one: one[:2]):
        is_old = at < before
        if not is_old and total - gone <= settings.KEEP_PAYLOADS_MB * MEGABYTE:
            break
        pks.append(pk)
        gone += size
        until, by_size = (before if is_old else at + timedelta(microseconds=1)), not is_old
    pks += _left_over(before, set(pks))
    return Share(Kind.PAYLOADS, len(held), total, before, len(pks), gone, until, by_size, pks=tuple(pks))


def runs(now: datetime) -> Share:
    """Runs as a whole, by HISTORY_KEEP_DAYS."""
    before = days_ago(settings.HISTORY_KEEP_DAYS, now)
    old = Run.objects.exclude(status__in=Run.ACTIVE).filter(finished_at__lt=before)
    held = RejectedRow.objects.filter(Q(is_open=True) | Q(created_at__gte=before), run=OuterRef("pk"))
    unfolded = Batch.objects.filter(run=OuterRef("pk"), status=Batch.Status.SETTLED, folded_at__isnull=True)
    kept = _runs_that_stay()
    pks = [
        pk
        for pk in old.exclude(Exists(held))
        .exclude(Exists(unfolded))
        .order_by("pk")
        .values_list("pk", flat=True)
        if pk not in kept
    ]
    count = Run.objects.count()
    until = before if pks else None
    return Share(
        Kind.RUNS, count, count * RUN_BYTES, before, len(pks), len(pks) * RUN_BYTES, until, pks=tuple(pks)
    )


def _runs_that_stay() -> set[int]:
    """Of each sync the newest run of all, of those over all rows, and of those that ended well."""
    whole = Run.objects.over_all_rows()
    begun = whole.filter(generation=F("sync__generation"))
    choices: Iterable[QuerySet[Run]] = (Run.objects.all(), begun, whole.ended_well(), begun.ended_well())
    stay: set[int] = set()
    for runs_of_all in choices:
        newest = runs_of_all.order_by().values("sync").annotate(newest=Max("pk"))
        stay.update(one["newest"] for one in newest)
    return stay


def _left_over(before: datetime, without: set[int]) -> list[int]:
    """Old runs without payloads that still hold what goes with them, as where a process was killed."""
    old = Run.objects.exclude(status__in=Run.ACTIVE).filter(finished_at__lt=before)
    held = (
        Q(Exists(models.objects.filter(run=OuterRef("pk")))) for models in (PlannedRow, BatchDiff, LeftRows)
    )
    some = Q(pk__in=[])
    for one in held:
        some |= one
    unfolded = Batch.objects.filter(run=OuterRef("pk"), status=Batch.Status.SETTLED, folded_at__isnull=True)
    found = old.filter(some).exclude(Exists(unfolded)).order_by("pk").values_list("pk", flat=True)
    return [pk for pk in found if pk not in without]


def _by_row(
    kind: Kept.Kind,
    rows: "QuerySet[Any]",
    at: str,
    size: Any,
    before: datetime,
    most_megabytes: int,
    *,
    may_go: Q | None = None,
) -> Share:
    """What of a table goes that grows at its end: rows before a time, and the oldest until it is small."""
    free = rows if may_go is None else rows.filter(may_go)
    there = rows.aggregate(rows=Count("pk"), size=Sum(size))
    total = there["size"] or 0
    old = Q(**{f"{at}__lt": before})
    excess = total - most_megabytes * MEGABYTE
    last, until, by_size = 0, (before if free.filter(old).exists() else None), False
    if excess > 0:
        last, newest = _oldest(free, at, size, excess)
        if newest is not None and newest >= before:
            until, by_size = newest + timedelta(microseconds=1), True
    going = free.filter(old | Q(pk__lte=last)).aggregate(rows=Count("pk"), size=Sum(size))
    gone = (going["rows"], going["size"] or 0)
    return Share(kind, there["rows"], total, before, *gone, until, by_size, last=last)


def _oldest(rows: "QuerySet[Any]", at: str, size: Any, excess: int) -> tuple[int, datetime | None]:
    """The id and the time of the newest of the oldest rows that are so many bytes together."""
    last, newest = 0, None
    while excess > 0:
        some = rows.filter(pk__gt=last).order_by("pk").annotate(bytes_of=size)
        block = list(some.values_list("pk", at, "bytes_of")[:AT_ONCE])
        if not block:
            break
        for pk, time, length in block:
            last, newest = pk, time
            excess -= length
            if excess <= 0:
                break
    return last, newest
