"""The first page of the admin: what needs somebody. It asks for little, whatever there is."""

from typing import Any

from django.contrib.admin.models import LogEntry
from django.db.models import Max, Q
from django.http import HttpRequest

from destinations.admin.connections import HEALTH as CONNECTION_HEALTH
from destinations.models import Connection
from syncadmin.lib import personal
from syncadmin.lib.history import list_of, page_of
from syncadmin.lib.shown import Tone, counted, moment, short, tag
from syncs.admin.definitions import HEALTH as SOURCE_HEALTH
from syncs.admin.runs import status_tag
from syncs.admin.scopes import NEED_ATTENTION
from syncs.models import RejectedRow, Run, Source, WorkerBeat
from syncs.views.run_approval import reasons

SHOWN = 10
NEEDY = [Run.Status.ATTENTION, Run.Status.STOPPED, Run.Status.APPROVAL]
LOOKED_AT = 20_000  # of the newest runs
ENTRIES = 12


def context(request: HttpRequest) -> dict[str, Any]:
    """For `admin/index.html`: each part only for who may look at such things."""
    may = request.user.has_perm
    shown: dict[str, Any] = {"is_front": True, "shown": SHOWN}
    if may("syncs.view_run"):
        shown |= {
            "sees_runs": True,
            "failed": _failed(may("syncs.view_rejectedrow")),
            "active": _active(),
            "no_worker": not WorkerBeat.objects.are_alive(),
        }
    if may("destinations.view_connection"):
        shown |= {"sees_connections": True, "connections": _connections()}
    if may("syncs.view_source"):
        shown |= {"sees_sources": True, "sources": _sources()}
    entries = LogEntry.objects.select_related("user", "content_type").order_by("-pk")
    if not may("admin.view_logentry"):
        entries = entries.filter(user=request.user.pk)
    return shown | {"entries": entries[:ENTRIES], "sees_everybodys": may("admin.view_logentry")}


def _failed(rows_too: bool) -> list[dict[str, Any]]:
    """The newest runs that left rows to somebody, or stopped."""
    newest = Run.objects.aggregate(newest=Max("pk"))["newest"] or 0
    found = (
        Run.objects.filter(pk__gt=newest - LOOKED_AT, status__in=NEEDY)
        .select_related("sync", "team")
        .order_by("-pk")
    )
    return [
        {
            "name": run.sync.name,
            "number": run.number,
            "address": page_of(run),
            "team": run.team.name,
            "status": status_tag(run.status),
            "why": short(personal.words(run.stop_reason) or " ".join(reasons(run))),
            "count": f"{run.attention_count:,}",
            "rows": list_of(RejectedRow, run=run.public_id, stage=NEED_ATTENTION)
            if rows_too and run.attention_count
            else "",
            "at": moment(run.finished_at or run.planned_at),
        }
        for run in found[:SHOWN]
    ]


def _active() -> list[dict[str, Any]]:
    return [
        {
            "name": f"{run.sync.name} #{run.number}",
            "address": page_of(run),
            "team": run.team.name,
            "status": status_tag(run.status),
            "waits": short(personal.words(run.waits_for)),
            "left": counted(run.waiting_count, "row") if run.waiting_count else "",
        }
        for run in Run.objects.active().select_related("sync", "team").order_by("due_at")[:SHOWN]
    ]


def _connections() -> list[dict[str, Any]]:
    """Those that do not work, as far as their last test or their account's outage tells."""
    troubled = Q(health=Connection.Health.ATTENTION) | Q(account__down_since__isnull=False)
    found = Connection.objects.filter(troubled).select_related("team", "account")
    return [
        {
            "name": one.name,
            "address": page_of(one),
            "team": one.team.name,
            "status": tag("Not answering", Tone.BAD)
            if one.account.down_since
            else tag(one.get_health_display(), CONNECTION_HEALTH[Connection.Health(one.health)]),
            "why": short(one.account.down_reason or one.health_reason),
        }
        for one in found.defer("sealed_credentials", "fields").order_by("name")[:SHOWN]
    ]


def _sources() -> list[dict[str, Any]]:
    found = Source.objects.filter(health=Source.Health.ATTENTION).select_related("team").order_by("name")
    return [
        {
            "name": one.name,
            "address": page_of(one),
            "team": one.team.name,
            "status": tag(one.get_health_display(), SOURCE_HEALTH[Source.Health(one.health)]),
            "why": short(one.health_reason),
        }
        for one in found.defer("sealed_credentials")[:SHOWN]
    ]
