"""Whether a brake holds a run's plan: gathers what `brakes.py` judges by."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import blake2b
from itertools import pairwise
from statistics import median
from typing import Any

import orjson
from django.utils import timezone

from destinations.connect import known_fields
from syncs.engine import brakes
from syncs.engine.brakes import BrakesWrong, Limit, Past, Plan, Shown, Words
from syncs.engine.diff import ALONG, BLANK, CLEARED, KNOWN, Summary
from syncs.engine.diff_writer import FEWEST_RUNS, RECENT_RUNS, summarise, usual
from syncs.engine.lease import Lease
from syncs.engine.mapping import CLEAR, Shape
from syncs.engine.planning import Totals
from syncs.models import Run, Sync

PLAN_LASTS = timedelta(hours=1)


def held_by(
    run: Run,
    lease: Lease,
    totals: Totals,
    shape: Shape,
    attempt: int,
    pulse: Callable[[int], None],
) -> Shown | None:
    """What holds the plan that was just made; None where it may be sent, also as somebody agreed to it.

    Runs of a few rows are never held, and dry runs neither. `pulse` is told the rows compared so far.
    """
    if run.dry_run or run.limit is not None or run.is_over_named_rows:
        return None
    limits = limits_of(run.sync)
    past = past_of(run)
    plan = Plan(
        read=totals.read,
        planned=totals.planned,
        known=totals.unchanged + totals.changed,
        changed=totals.changed,
        new=totals.fresh,
        left=totals.left,
        rekeyed=totals.rekeyed,
        invalid=totals.invalid,
        is_full=run.full,
    )
    if not past.is_first and _may_blank(plan, limits[brakes.BLANKS], shape):
        summary = summarise(run, lease, attempt, shape, pulse)
        plan = replace(plan, blanks=_blanks(summary))
    found = brakes.judge(plan, past, limits, _words(run.sync))
    if not found:
        return None
    shown = Shown(tuple(found), plan.planned, mark_of(run.sync))
    if run.approved is None:
        return shown
    since = brakes.beyond(Shown.read(run.approved), shown)
    return replace(shown, since=tuple(since)) if since else None


def limits_of(sync: Sync) -> dict[str, Limit]:
    """The sync's brakes; those of another version of Syncadmin, which cannot be read, are the defaults."""
    try:
        return brakes.read(sync.brakes)
    except BrakesWrong:
        return brakes.read({})


def is_stale(run: Run) -> bool:
    """Whether the plan is too old to be sent, or not what somebody agreed to, and none of it was sent."""
    if run.status != Run.Status.DELIVERING or run.planned_at is None:
        return False
    is_old = timezone.now() - run.planned_at > PLAN_LASTS
    is_other = run.approved is not None and run.approved["mark"] != mark_of(run.sync)
    sent = run.batches.filter(plan_attempt=run.plan_attempt, attempt__gt=0)
    return (is_old or is_other) and not sent.exists()


def kept_of(run: Run) -> dict[str, Any]:
    """What stays of an approval where no brake holds the new plan: it stands for what that was made with."""
    return {} if run.approved is None else {"approved": run.approved | {"mark": mark_of(run.sync)}}


def mark_of(sync: Sync) -> str:
    """Stands for what a plan is made with: with another sync, model, source or account it is another."""
    model, source = sync.model, sync.model.source
    told = [
        sync.generation,
        sync.updated_at.isoformat(),
        model.pk,
        model.updated_at.isoformat(),
        [source.pk, source.kind, source.options, source.time_zone],
        [sync.connection_id, sync.connection.account_id],
    ]
    return blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


def past_of(run: Run) -> Past:
    """What came of the sync's earlier runs over all rows, in its present generation. Four queries."""
    earlier = Run.objects.over_all_rows().filter(
        sync=run.sync_id, generation=run.generation, number__lt=run.number
    )
    free = earlier.not_held().filter(planned_at__isnull=False)
    before = free.order_by("-number").values_list("status", "waiting_count").first()
    good = list(
        earlier.ended_well()
        .order_by("-number")
        .values_list("read_count", "left_count", "invalid_count")[: RECENT_RUNS + 1]
    )
    read, left, invalid = good[0] if good else (None, 0, 0)
    gone = [newer[1] - older[1] for newer, older in pairwise(good)]
    return Past(
        read=read,
        left=left,
        invalid=invalid,
        usual=usual(run),
        usual_left=round(median(gone)) if len(gone) >= FEWEST_RUNS else None,
        waiting=before[1] if before is not None and before[0] not in Run.GOOD else 0,
        is_first=before is None,
        confirmed=run.confirmed_rows,
    )


def _may_blank(plan: Plan, limit: Limit, shape: Shape) -> bool:
    """Whether a field could be emptied in as many rows as the brake wants: comparing values takes time."""
    clears = any(rule.empty == CLEAR for rule in shape.rules)
    return limit.on and clears and limit.reaches(plan.changed, plan.known)


def _blanks(summary: Summary) -> dict[str, int]:
    """In how many rows that were sent before each field would be emptied."""
    return {
        name: sum(summary.count(group, name, kind) for group in (KNOWN, ALONG) for kind in (CLEARED, BLANK))
        for name in summary.fields
    }


def _words(sync: Sync) -> Words:
    labels = {
        field.key: field.label for field in known_fields(sync.connection, sync.object_key) if field.label
    }
    return Words(labels.get(sync.upsert_key, sync.upsert_key), labels)
