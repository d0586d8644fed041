"""What other programs (dbt, Airflow, Dagster, scripts) may ask and do.

```
GET  /api/syncs/                              read         the team's syncs
GET  /api/syncs/<sync>/                       read         one of them
GET  /api/syncs/<sync>/runs/                  read         its runs, the newest first
POST /api/syncs/<sync>/runs/                  run, or *    202: a run was started
GET  /api/syncs/<sync>/runs/<run>/            read, or *   how it goes
POST /api/syncs/<sync>/runs/<run>/cancel/     run          202: its end was asked for
GET  /api/syncs/<sync>/runs/<run>/rows/       rows         its rows that need attention, the newest first
```

The second word is the scope that an API token needs; * the sync's own token will do. Lists come in pages:
`older` in the answer is what to send as `?older=` for the next one. Runs are as `manage.py runs --json`
prints them.
"""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, JsonResponse

from syncadmin.lib.paging import Page, newest_first
from syncadmin.teams import audit
from syncadmin.teams.audit import Action
from syncs.api.callers import Caller, Scope, for_sync, for_team, methods, refused, run_of
from syncs.engine import run_audit
from syncs.engine.run import AlreadyRunning, Paused, cancel, start
from syncs.engine.scheduling import is_first, said_by
from syncs.management.report import counts, details
from syncs.models import RejectedRow, Run, Sync

NO_RUN = "This sync has no such run."


@for_team(Scope.READ)
def list_syncs(request: HttpRequest, caller: Caller) -> JsonResponse:
    """The team's syncs, the newest first."""
    found = Sync.objects.filter(team=caller.team).select_related(
        "team", "model", "connection", "schedule__follows"
    )
    page = newest_first(found, request.GET)
    return _list(page, [_told(sync) for sync in page.objects])


@for_sync(Scope.READ)
def show_sync(request: HttpRequest, caller: Caller, sync: Sync) -> JsonResponse:
    """One sync, and its last run."""
    last = Run.objects.filter(sync=sync).select_related("sync", "team").order_by("-number").first()
    return JsonResponse(_told(sync) | {"last_run": details(last) if last is not None else None})


@for_sync(Scope.READ)
def list_runs(request: HttpRequest, caller: Caller, sync: Sync) -> JsonResponse:
    """The sync's runs, the newest first."""
    page = newest_first(Run.objects.filter(sync=sync).select_related("sync", "team"), request.GET)
    return _list(page, [details(run) for run in page.objects])


@for_sync(Scope.RUN, or_start_token=True)
def start_run(request: HttpRequest, caller: Caller, sync: Sync) -> JsonResponse:
    """Queue a run. 409 where it cannot be started now; of one that is active, with its id."""
    if is_first(sync):
        words = "Nobody has started the first full run yet. An editor of the team must do it in the browser."
        return refused(409, words)
    try:
        with transaction.atomic():
            run = start(sync, trigger=Run.Trigger.CALL)
            audit.record(caller.actor, caller.team, Action.RUN_STARTED, run_audit.named(run))
    except AlreadyRunning as error:
        words = "The sync is running already."
        if error.run.waits_for_approval:
            words = "A run of the sync waits for approval. An admin of the team must look at it."
        return refused(409, words, run=str(error.run.public_id))
    except Paused:
        return refused(409, "The sync is paused. An editor of the team must resume it.")
    return JsonResponse(counts(run), status=202)


@for_sync(Scope.READ, or_start_token=True)
def show_run(request: HttpRequest, caller: Caller, sync: Sync, run: UUID) -> JsonResponse:
    """How a run of this sync goes, or went."""
    found = run_of(sync, run)
    return JsonResponse(counts(found)) if found is not None else refused(404, NO_RUN)


@for_sync(Scope.RUN)
def cancel_run(request: HttpRequest, caller: Caller, sync: Sync, run: UUID) -> JsonResponse:
    """Ask for a run's end. 409: it is over already."""
    found = run_of(sync, run)
    if found is None:
        return refused(404, NO_RUN)
    with transaction.atomic():
        if not cancel(found):
            return refused(409, "The run is over already.")
        run_audit.cancelled(caller.actor, found)
    return JsonResponse(counts(found), status=202)


@for_sync(Scope.ROWS)
def list_rows(request: HttpRequest, caller: Caller, sync: Sync, run: UUID) -> JsonResponse:
    """The rows of a run that need attention. Each page that a program reads is written down."""
    found = run_of(sync, run)
    if found is None:
        return refused(404, NO_RUN)
    rows = RejectedRow.objects.filter(run=found).needing_attention().within_span().defer("payload")
    page = newest_first(rows, request.GET)
    run_audit.downloaded(caller.actor, found, {"rows": f"{len(page.objects)} that need attention"})
    return _list(
        page,
        [
            {
                "row": str(row.public_id),
                "key": row.key_text,
                "upsert_key": row.match_key,
                "stage": row.stage,
                "problem": row.problem,
                "field": row.field,
                "reason": row.reason,
                "who": row.who,
                "created_at": row.created_at.isoformat(),
            }
            for row in page.objects
        ],
    )


syncs = methods(GET=list_syncs)
sync = methods(GET=show_sync)
runs = methods(GET=list_runs, POST=start_run)
run = methods(GET=show_run)
run_cancel = methods(POST=cancel_run)
run_rows = methods(GET=list_rows)


def _told(sync: Sync) -> dict[str, Any]:
    schedule = getattr(sync, "schedule", None)
    return {
        "sync": str(sync.public_id),
        "name": sync.name,
        "model": sync.model.name,
        "destination": sync.connection.destination,
        "connection": sync.connection.name,
        "object": sync.object_key,
        "mode": sync.mode,
        "paused": sync.paused,
        "schedule": str(said_by(schedule)),
        "next_at": schedule.next_at.isoformat() if schedule and schedule.next_at else None,
    }


def _list(page: Page[Any], data: list[dict[str, Any]]) -> JsonResponse:
    return JsonResponse({"data": data, "older": page.older or None})
