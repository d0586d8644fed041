"""The conductor: takes a run from queued to its end. Read from top to bottom, this is the engine's map.

```
queued → planning → delivering → finishing → succeeded | attention | stopped | cancelled
            ↓ ↑         ↑
          approval ─────┘   a brake holds the plan (`braking.py`), until a person decides (`approval.py`)
```

Whoever calls `serve` holds the run's lease. A crash on any line leaves a run that another worker takes up
where the database says it is.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import F, Max
from django.utils import timezone

from destinations import connect
from destinations.contract import JSON
from destinations.errors import DestinationError
from syncadmin.lib.crypto import UnreadableSecret
from syncadmin.teams.models import User
from syncs.engine import (
    approval,
    attention,
    brakes,
    braking,
    doorbell,
    faults,
    ledger,
    leftovers,
    permitted,
    run_audit,
    run_log,
    settle,
)
from syncs.engine.calls import Rest, Stop, stopped_by
from syncs.engine.deliver import Delivery
from syncs.engine.diff_writer import compare_plan
from syncs.engine.ground import keep_fields_fresh, shape_of, told_of, way_of
from syncs.engine.guard_supplies import guarded_by
from syncs.engine.lease import Lease, LostLease
from syncs.engine.mapping import MappingBroken
from syncs.engine.plan_writer import discard
from syncs.engine.planning import Planner
from syncs.engine.pulse import Cancelled, Pulse
from syncs.engine.staging import ScratchFull, sweep
from syncs.engine.steady import steady
from syncs.models import Batch, Run, Sync, SyncVersion
from syncs.sources.base import SourceError

FOREVER = float("inf")
STANDS_ON = (
    *("team", "sync__team", "sync__model__source", "sync__model__team"),
    *("sync__connection__account", "sync__connection__team"),
)
STOPPERS = (Stop, SourceError, MappingBroken, ScratchFull, UnreadableSecret, DestinationError)


class AlreadyRunning(Exception):
    """The sync has an active run; it is in `run`."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"{run.sync} is already running.")
        self.run = run


class Paused(Exception):
    """The sync is paused: no run of it starts before somebody resumes it. The text is for people."""

    def __init__(self, sync: Sync) -> None:
        super().__init__(f"{sync.name} is paused. Resume it, then run it.")
        self.sync = sync


class NotShared(Paused):
    """The sync stands on what another team shared, and no longer does."""

    def __init__(self, sync: Sync, why: str) -> None:
        Exception.__init__(self, why)
        self.sync = sync


# From outside


def start(
    sync: Sync,
    *,
    trigger: Run.Trigger = Run.Trigger.MANUAL,
    started_by: User | None = None,
    full: bool = False,
    limit: int | None = None,
    dry_run: bool = False,
    keys: Sequence[str] | None = None,
    open_rows: Sequence[JSON] | None = None,
    confirmed: int | None = None,
    ring: bool = True,
) -> Run:
    """Queue a run and ring for a worker, in one transaction.

    `keys` and `open_rows` limit it to rows by name, and to what needs attention when it is planned
    (`attention.py`); where both are given, to the rows of either. `confirmed` rows
    were shown to whoever starts a first full run; None: nobody saw its numbers.

    AlreadyRunning where one is active, of a paused sync too; else Paused where the sync is.
    """
    if why := permitted.why_not(sync):
        raise NotShared(sync, why)
    try:
        with transaction.atomic():
            is_open = Sync.objects.filter(pk=sync.pk, paused=False)
            if not is_open.update(last_run_number=F("last_run_number") + 1):
                if active := Run.objects.active().filter(sync=sync).first():
                    raise AlreadyRunning(active)
                raise Paused(sync)
            version = SyncVersion.objects.filter(sync=sync).aggregate(last=Max("number"))["last"]
            number, generation = Sync.objects.values_list("last_run_number", "generation").get(pk=sync.pk)
            run = Run.objects.create(
                team_id=sync.team_id,
                sync=sync,
                number=number,
                generation=generation,
                version=version,
                trigger=trigger,
                started_by=started_by,
                full=full,
                limit=limit,
                dry_run=dry_run,
                keys=list(keys) if keys is not None else None,
                open_rows=list(open_rows) if open_rows is not None else None,
                confirmed_rows=confirmed,
                due_at=timezone.now(),
            )
            if ring:
                doorbell.ring()
            run_audit.started(run)
    except IntegrityError:
        active = Run.objects.active().filter(sync=sync).first()
        if active is None:
            raise
        raise AlreadyRunning(active) from None
    transaction.on_commit(partial(run_log.asked, run))
    return run


def cancel(run: Run) -> bool:
    """Ask for the run's end. False: it is over already. What is in flight is still settled."""
    now = timezone.now()
    with transaction.atomic():
        asked = (
            Run.objects.active()
            .filter(pk=run.pk)
            .update(cancel_requested_at=now, due_at=now, waits_for="Being cancelled.")
        )
        if asked:
            doorbell.ring()
    return bool(asked)


def finish_here(run: Run, *, on_change: Callable[[Run], None] | None = None) -> Run:
    """Conduct the run in this process to its end, or until it waits for approval; wait while another live
    worker holds it."""

    def look() -> None:
        if on_change is not None:
            run.refresh_from_db()
            on_change(run)

    while True:
        run.refresh_from_db()
        look()
        if run.is_over or run.waits_for_approval:
            return run
        lease = Lease.take(run)
        if lease is None:
            time.sleep(0.5)
            continue
        try:
            with lease:
                rest = serve(run, lease, until=FOREVER, others_wait=lambda: False, look=look)
        except LostLease:
            continue
        if rest is not None:
            time.sleep(min(1.0, max(0.0, (rest.due_at - timezone.now()).total_seconds())))


def serve(
    run: Run,
    lease: Lease,
    *,
    until: float,
    others_wait: Callable[[], bool],
    look: Callable[[], None] = lambda: None,
) -> Rest | None:
    """Take the run as far as it goes until `until` (monotonic). None: it is over.

    LostLease: another worker has it. A database that is away is raised; the run stays as it is.
    """
    with steady():
        run = Run.objects.select_related(*STANDS_ON).get(pk=run.pk)
        with run_log.about(run):
            return _serve(run, lease, until, others_wait, look)


def _serve(
    run: Run, lease: Lease, until: float, others_wait: Callable[[], bool], look: Callable[[], None]
) -> Rest | None:
    try:
        if run.status != Run.Status.FINISHING and run.generation != run.sync.generation:
            raise Stop(
                "The sync was changed while this run was under way, and its rows will be sent anew. Whoever "
                "edits the sync must start it again."
            )
        if run.status != Run.Status.FINISHING and (why := permitted.why_not(run.sync)):
            raise Stop(why)
        if run.status in {Run.Status.QUEUED, Run.Status.PLANNING} or braking.is_stale(run):
            if run.cancel_requested_at is not None:
                raise Cancelled
            rest = None if run.dry_run else leftovers.watch(run, lease, way_of(run.sync), until=until)
            if rest is not None:
                _rest(run, lease, rest)
                return rest
            _plan(run, lease, look)
        look()
        if run.status == Run.Status.APPROVAL:
            return approval.rest_of(run)
        if run.status == Run.Status.DELIVERING:
            rest = _deliver(run, lease, until, others_wait, look)
            if rest is not None:
                _rest(run, lease, rest)
                return rest
    except Cancelled:
        _end(run, lease, Run.Status.CANCELLED, permitted.why_not(run.sync) or "")
    except STOPPERS as stop:
        by = stopped_by(stop)
        if by == Run.StoppedBy.SIGN_IN:
            connect.needs_attention(run.sync.connection, str(stop))
        _end(run, lease, Run.Status.STOPPED, str(stop), by)
    except (LostLease, OperationalError, InterfaceError) as away:
        if not (faults.is_full(away) and run.status == Run.Status.PLANNING):
            raise
        _end(run, lease, Run.Status.STOPPED, faults.DATABASE_FULL)
    except Exception as fault:
        _end(run, lease, Run.Status.STOPPED, faults.tell(run, fault))
    if run.status == Run.Status.FINISHING:
        _finish(run, lease)
    look()
    return None


# Its stations


def _plan(run: Run, lease: Lease, look: Callable[[], None], *, names_left: bool = False) -> None:
    """Read the model and write down what is to be sent. Nothing is sent from here."""
    attempt = run.plan_attempt + 1
    run.keys = attention.named(run)
    zeroes = dict.fromkeys((f"{name}_count" for name in _SUMS), 0)
    _move(
        run,
        lease,
        Run.Status.PLANNING,
        plan_attempt=attempt,
        started_at=run.started_at or timezone.now(),
        waits_for="",
        waiting_count=0,
        held_by=[],
        diff=None,
        brakes=None,
        approval_ends_at=None,
        **zeroes,
    )
    run_log.planning(run)
    pulse = Pulse(run, lease, look)
    sweep(settings.SCRATCH_DIR)
    sync, source = run.sync, run.sync.model.source
    keep_fields_fresh(sync)
    shape = shape_of(sync, told_of(run))
    planner = Planner(
        run,
        lease,
        shape=shape,
        way=way_of(sync),
        attempt=attempt,
        pulse=pulse,
        guarded=guarded_by(sync),
        names_left=run.dry_run or names_left,
    )
    totals = planner.make(
        sync.model.source.reader(), sync.model.sql, ZoneInfo(source.time_zone), settings.SCRATCH_DIR
    )
    held = braking.held_by(run, lease, totals, shape, attempt, pulse.compared)
    if held is not None and not names_left and any(one.kind in brakes.OF_LEFT for one in held.found):
        _plan(run, lease, look, names_left=True)  # once more: who approves it sees which rows left
        return
    compares = run.dry_run or held is not None
    diff = compare_plan(run, lease, attempt, planner.shape, pulse.compared) if compares else None
    now = timezone.now()
    status, changes = Run.Status.DELIVERING, braking.kept_of(run) | {"due_at": now}
    if held is not None:
        status, ends_at = Run.Status.APPROVAL, approval.ends_at(now)
        changes = approval.asked(held, ends_at) | {"due_at": ends_at}
    elif run.dry_run or not totals.planned:
        status = Run.Status.FINISHING
    _move(
        run,
        lease,
        status,
        planned_at=now,
        waiting_count=totals.planned,
        notes=list(totals.notes),
        held_by=list(totals.held_by),
        diff=diff,
        waits_for="",
        **changes,
        **{f"{name}_count": getattr(totals, name) for name in _SUMS},
    )
    run_log.planned(run)


def _deliver(
    run: Run, lease: Lease, until: float, others_wait: Callable[[], bool], look: Callable[[], None]
) -> Rest | None:
    """Send what is planned. None: all of it is settled, or a cancel has been obeyed."""
    with Delivery(run, lease, way_of(run.sync), others_wait=others_wait, look=look) as delivery:
        rest = delivery.work(until)
    if rest is None:
        cancelled = Run.objects.filter(pk=run.pk, cancel_requested_at__isnull=False).exists()
        open_left = run.batches.filter(plan_attempt=run.plan_attempt).exclude(status=Batch.Status.SETTLED)
        ending = Run.Status.CANCELLED if cancelled and open_left.exists() else ""
        why = (permitted.why_not(run.sync) or "") if ending else ""
        _move(run, lease, Run.Status.FINISHING, ending=ending, stop_reason=why)
    return rest


def _finish(run: Run, lease: Lease) -> None:
    """Settle what will not be sent any more, fold the ledger, name the end."""
    if run.batches.filter(attempt__gt=0, folded_at__isnull=True).exists():
        way = way_of(run.sync)
        if run.ending:
            settle.abandon(
                run,
                lease,
                adapter=way.adapter,
                companion=way.companion(run.sync.object_key),
                read=way.journal,
            )
        ledger.fold(run, lease, settle_seconds=way.limits.settle_seconds)
    run.refresh_from_db()
    bad = run.invalid_count + run.rejected_count + run.in_doubt_count
    end = run.ending or (Run.Status.ATTENTION if bad else Run.Status.SUCCEEDED)
    attention.close(run, lease, ended_well=end in Run.GOOD)
    _move(run, lease, Run.Status(end), finished_at=timezone.now(), waits_for="")
    run_log.ended(run)


# Totals' fields, each a count of the run
_SUMS = ["read", "unchanged", "deferred", "held_back", "invalid", "planned", "left", "rekeyed", "normalised"]


def _move(run: Run, lease: Lease, status: Run.Status, **changes: Any) -> None:
    """Move the run on, if it is where we think and ours. LostLease otherwise."""
    moved = Run.objects.filter(pk=run.pk, status=run.status, lease_token=lease.token).update(
        status=status, **changes
    )
    if not moved:
        lease.lose()
    run.status = status
    for name, value in changes.items():
        setattr(run, name, value)


def _end(run: Run, lease: Lease, ending: Run.Status, reason: str, by: str = "") -> None:
    """The run cannot or should not go on: finish it as `ending`."""
    run.refresh_from_db(fields=["status"])
    attempt = run.plan_attempt
    if run.status in {Run.Status.QUEUED, Run.Status.PLANNING}:
        try:
            discard(run, lease)  # nothing was planned for good: what the attempt wrote does not count
        except OperationalError as error:
            if not faults.is_full(error):
                raise
            attempt += 1  # there is no room even to take something away: so it is of a former attempt
    told = {"stop_reason": reason, "stopped_by": by, "waits_for": "", "plan_attempt": attempt}
    _move(run, lease, Run.Status.FINISHING, ending=ending, **told)


def _rest(run: Run, lease: Lease, rest: Rest) -> None:
    """Say when the run is due again. One that was cancelled meanwhile is due already."""
    Run.objects.filter(pk=run.pk, lease_token=lease.token, cancel_requested_at__isnull=True).update(
        due_at=rest.due_at, waits_for=rest.waits_for
    )
