"""The rows of a run: lists that hold what a total counts, one row with all that is known, a download."""

import re
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRefresh

from destinations.contract import Adapter
from syncadmin.lib import paging, personal
from syncadmin.lib.shown import pretty
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.engine import run_audit
from syncs.engine.catalogue import look_up, title_of
from syncs.models import Kept, RejectedRow, Run
from syncs.views import (
    removed,
    run_approval,
    run_csv,
    run_diff,
    run_groups,
    run_ledger,
    run_sent,
    run_wire,
    run_words,
)
from syncs.views.runs import find, why_not_again

Stage = RejectedRow.Stage

# What a list can show of a run: the rows that did not arrive, by their stages …
BY_STAGE: dict[str, tuple[Stage, ...]] = {
    "attention": RejectedRow.ATTENTION,
    "held_back": (Stage.HELD_BACK,),
    "left_behind": (Stage.LEFT_BEHIND,),
}
# … those that were planned, and those of which only the sync knows.
SENT = {"arrived": run_sent.arrived, "waiting": run_sent.waiting}
KNOWN = {"unchanged": run_ledger.unchanged, "deferred": run_ledger.deferred, "left": run_ledger.left}
ELSEWHERE = 10
MAPPED = {"duplicate", "repeated_primary_key"}  # invalid rows of which a record could be made


@needs(Can.LOOK)
def rows(request: TeamRequest, run: UUID) -> HttpResponse:
    """One list of a run's rows."""
    found = find(request, run)
    kind = request.GET.get("show", "attention")
    shown: dict[str, Any] = {
        "section": "runs",
        "run": found,
        "kind": kind,
        "place": run_words.place_of(found),
        "tabs": tabs(found),
        "keep_days": settings.KEEP_DAYS,
    }
    if kind in BY_STAGE:
        shown |= _by_stage(request, found, kind)
        return render(request, "syncs/runs/rows.html", shown)
    if kind in SENT:
        start, back = _place(request.GET)
        page = SENT[kind](found, start=start, back=back)
        shown |= {"rows": page.rows, "newer": _text(page.newer), "older": _text(page.older)}
        shown["total"] = found.accepted_count if kind == "arrived" else found.waiting_count
        if shown["total"] and not page.rows:
            shown["removed"] = removed.of_run(Kept.Kind.PAYLOADS, found)
        return render(request, "syncs/runs/rows_sent.html", shown)
    if kind in KNOWN:
        back = "newer" in request.GET
        key = request.GET.get("newer" if back else "older", "")
        totals = {"unchanged": found.unchanged_count, "left": found.left_count}
        shown["total"] = totals.get(kind, found.deferred_count)
        # Where there is none, the database would look through all that was sent to say so.
        known = KNOWN[kind](found, start=key, back=back) if shown["total"] else run_ledger.KnownPage()
        shown |= {"rows": known.rows, "newer": known.newer, "older": known.older}
        return render(request, "syncs/runs/rows_known.html", shown)
    raise Http404


def tabs(run: Run) -> list[tuple[str, str, int]]:
    """The lists of a run, as (name, words, rows); those that are always there and those with rows."""
    every = [
        ("arrived", "Arrived", run.accepted_count),
        ("unchanged", "No change", run.unchanged_count),
        ("attention", "Needs attention", run.attention_count),
        ("held_back", "Held back", run.held_back_count),
        ("waiting", "Waiting", run.waiting_count),
    ]
    if run.deferred_count:
        every.append(("deferred", "Tried again later", run.deferred_count))
    if run.rekeyed_count:
        every.append(("left_behind", "Left behind", run.rekeyed_count))
    if run.left_count and run_approval.names_left(run):
        every.append(("left", "Left the model", run.left_count))
    return every


def _by_stage(request: TeamRequest, run: Run, kind: str) -> dict[str, Any]:
    adapter = run_words.adapter_of_run(run)
    group, narrowed = _narrowed(request.GET, adapter)
    found = run_groups.of_run(run, BY_STAGE[kind])
    groups = run_groups.groups_of(found.filter(narrowed), adapter)
    back = "newer" in request.GET
    start = _start(run, request.GET.get("newer" if back else "older", ""))
    page = run_groups.page_of(found, groups, start=start, back=back)
    if kind == "attention" and run.is_over:
        for one in page.objects:
            one.run = run
        run_words.mark_arrived(run.sync, page.objects)
    listed = sum(one.count for one in groups)
    stage = request.GET.get("stage", "") if group is None and kind == "attention" else ""
    total = {name: count for name, _, count in tabs(run)}.get(kind, 0)
    of_stages = {"invalid": run.invalid_count, "rejected": run.rejected_count, "in_doubt": run.in_doubt_count}
    total = of_stages.get(stage, total)
    held = kind == "held_back"
    return {
        "group": group,
        "held": run_groups.held(run) if held and group is None and run.held_by else (),
        "guard_total": run_groups.count_of_guard(run, group) if held and group is not None else 0,
        "stage": stage,
        "groups": groups,
        "rows": page.objects,
        "newer": page.newer,
        "older": page.older,
        "listed": listed,
        "total": total,
        # A row and its companion (a lead's company) are told of one by one, and counted once.
        "has_pairs": group is None and kind == "attention" and listed > total,
        "removed": removed.of_run(Kept.Kind.ROWS, run) if group is not None or listed < total else "",
        "why_not_again": why_not_again(run),
        "can_send_again": kind == "attention" and request.may_edit and not why_not_again(run),
        "most_keys": Run.MOST_KEYS,
    }


def _narrowed(params: QueryDict, adapter: type[Adapter] | None = None) -> tuple[run_groups.Group | None, Q]:
    """The group that the address names, if it does; what it says of a stage alone narrows too."""
    if "problem" not in params:
        return None, Q(stage=params["stage"]) if params.get("stage") else Q()
    group = run_groups.Group(
        params.get("stage", ""),
        params.get("problem", ""),
        params.get("field", ""),
        count=0,
        adapter=adapter,
    )
    return group, group.where


def _start(run: Run, text: str) -> RejectedRow | None:
    named = paging.public_id(text)
    return RejectedRow.objects.filter(run=run, public_id=named).first() if named else None


def _place(params: QueryDict) -> tuple[run_sent.Place | None, bool]:
    """The place that the address goes on from, and whether backwards."""
    back = "newer" in params
    found = re.fullmatch(r"(\d{1,9})-(\d{1,9})", params.get("newer" if back else "older", ""))
    return ((int(found[1]), int(found[2])) if found else None), back


def _text(place: run_sent.Place | None) -> str:
    return f"{place[0]}-{place[1]}" if place is not None else ""


# One row


@needs(Can.LOOK)
def row(request: TeamRequest, run: UUID, row: UUID) -> HttpResponse:
    """A row that did not arrive: its values, why, who must act, what was sent and answered, what is next."""
    found = get_object_or_404(
        RejectedRow.objects.select_related("run", "sync__connection", "sync__model"),
        team=request.team,
        run__public_id=run,
        public_id=row,
    )
    found.run.sync = found.sync
    entry = run_words.entry_of(found)
    batch = run_wire.batch_of(found)
    place, adapter = run_words.place_of(found.run), run_words.adapter_of_run(found.run)
    carried = []
    if batch is not None:
        position = run_wire.position_of(found)
        carried = run_wire.carried(
            batch, found.run, position=position, match_key=found.match_key, adapter=adapter
        )
    shown = {
        "section": "runs",
        "run": found.run,
        "row": found,
        "title": title_of(found.problem, found.field, adapter),
        "about": look_up(found.problem, adapter),
        "place": place,
        "values": values_of(found.payload),
        "is_source": found.stage == Stage.INVALID and found.problem not in MAPPED,
        "carried": carried,
        "was_sent": found.batch_number is not None,
        "next_try": run_words.next_try(found, entry),
        "other_runs": _other_runs(found),
        "other_syncs": _other_syncs(found),
        "keep_days": settings.EXCHANGES_KEEP_DAYS,
        "removed_until": Kept.objects.removed_until(Kept.Kind.REQUESTS),
        "can_send_again": request.may_edit
        and found.stage in RejectedRow.ATTENTION
        and bool(found.key_text)
        and not why_not_again(found.run),
    }
    return render(request, "syncs/runs/row.html", shown)


@vary_on_headers("HX-Request")
@needs(Can.LOOK)
def planned_row(request: TeamRequest, run: UUID, batch: int, position: int) -> HttpResponse:
    """A row that arrived, or waits: what was sent of it, and what was answered.

    While its answer is not there and the run goes on, the page asks for its requests every two seconds.
    """
    found = find(request, run)
    kept = run_sent.one(found, (batch, position))
    if kept is None:
        raise Http404
    sent, carrier = kept
    adapter = run_words.adapter_of_run(found)
    carried = run_wire.carried(carrier, found, position=position, match_key=sent.match_key, adapter=adapter)
    shown = {
        "section": "runs",
        "run": found,
        "sent": sent,
        "place": run_words.place_of(found),
        "values": values_of(sent.values),
        "changes": run_diff.changes_of(found, carrier, position) if found.diff is not None else (),
        "carried": carried,
        "keep_days": settings.EXCHANGES_KEEP_DAYS,
        "removed_until": Kept.objects.removed_until(Kept.Kind.REQUESTS),
    }
    shown["is_waited_for"] = sent.at is None and not found.is_over and not found.dry_run
    if getattr(request, "htmx", False):
        if not shown["is_waited_for"]:
            return HttpResponseClientRefresh()
        return render(request, "syncs/runs/_wire.html", shown)
    return render(request, "syncs/runs/planned_row.html", shown)


def values_of(payload: Any) -> list[tuple[str, str, bool]]:
    """A record's values as (field, text, whether there is something to read)."""
    values = personal.values(payload) if isinstance(payload, dict) else {}
    return [
        (str(name), value if isinstance(value, str) else pretty(value), value not in (None, ""))
        for name, value in values.items()
    ]


def _other_runs(row: RejectedRow) -> list[RejectedRow]:
    """Where else the row failed in this sync, the newest first."""
    if not row.key_text:
        return []
    found = RejectedRow.objects.filter(sync=row.sync_id, key_text=row.key_text).exclude(pk=row.pk)
    return list(found.select_related("run").order_by("-pk")[:ELSEWHERE])


def _other_syncs(row: RejectedRow) -> list[RejectedRow]:
    """Where the same record failed in the team's other syncs, the newest first."""
    if not row.match_key:
        return []
    found = RejectedRow.objects.filter(team=row.team_id, match_key=row.match_key).exclude(sync=row.sync_id)
    return list(found.select_related("run", "sync").order_by("-pk")[:ELSEWHERE])


# The download


@needs(Can.SEE_PEOPLE)
def as_csv(request: TeamRequest, run: UUID) -> StreamingHttpResponse:
    """A list, or a group of it, as a file for a spreadsheet, written while it is read."""
    found = find(request, run)
    stages = BY_STAGE.get(request.GET.get("show", "attention"))
    if stages is None:
        raise Http404
    _, narrowed = _narrowed(request.GET)
    groups = run_groups.groups_of(run_groups.of_run(found, stages).filter(narrowed))
    asked = {name: request.GET[name] for name in ("stage", "problem", "field") if request.GET.get(name)}
    run_audit.downloaded(request, found, {"rows": request.GET.get("show", "attention")} | asked)
    lines = run_csv.lines(found, groups, zone=timezone.get_current_timezone())
    name = f"{slugify(found.sync.name) or 'sync'}-run-{found.number}.csv"
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
