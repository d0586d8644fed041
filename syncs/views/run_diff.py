"""What a dry run would change, or a run that waits for approval: its totals, what would hurt, field by
field, row by row, and as a file."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRefresh

from destinations.connect import known_fields
from destinations.contract import Field
from syncadmin.lib.spreadsheet import MARK, Echo, guarded
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.engine import run_audit
from syncs.engine.braking import mark_of
from syncs.engine.diff import (
    ALONG,
    BLANK,
    CHANGED,
    CLEARED,
    GROUPS,
    KINDS,
    KNOWN,
    NEW,
    SAME,
    SET,
    UNKNOWN,
    Place,
    Summary,
)
from syncs.engine.harm import Facts, Harm, harms
from syncs.engine.scheduling import is_first
from syncs.models import Batch, Run
from syncs.views import diff_lines, diff_words, run_approval, run_words
from syncs.views.diff_lines import Asked, Line
from syncs.views.diff_words import Shown
from syncs.views.run_csv import cell
from syncs.views.runs import find
from syncs.views.sync_facts import count_of, target_of

SHOWN_FIELDS = 25  # of the table by field, before it is folded
SHOWN_CHANGES = 12  # of one row in the list

GROUP_WORDS = {NEW: "New", KNOWN: "Sent before", ALONG: "Along with a row"}
CSV_HEAD = ("Primary key", "Record", "New or changed", "Field", "What would happen", "Before", "After")


@dataclass(frozen=True, slots=True)
class OfField:
    """How a field would change: rows by kind, with a few examples."""

    name: str
    label: str
    cleared: int
    changed: int
    set: int
    blank: int
    new: int
    examples: list[tuple[Line, Shown]]


@dataclass(frozen=True, slots=True)
class OfRow:
    """A row of the list with its changes in words; `more` are not shown here."""

    line: Line
    changes: list[Shown]
    more: int


@vary_on_headers("HX-Request")
@needs(Can.LOOK)
def run_diff(request: TeamRequest, run: UUID) -> HttpResponse:
    """What a dry run would change, or one that waits for approval. While it goes on, the page asks for its
    moving part."""
    found = find(request, run)
    if not found.dry_run and found.diff is None:
        return redirect("run", request.team.slug, found.public_id)
    place = run_words.place_of(found)
    shown: dict[str, Any] = {
        "section": "syncs",
        "run": found,
        "place": place,
        "sentence": run_words.sentence(found, place),
        "trouble": run_words.trouble_of(found),
    }
    shown["waiting"] = run_approval.waiting(request, found)
    if getattr(request, "htmx", False):
        if found.is_over:
            return HttpResponseClientRefresh()
        return render(request, "syncs/runs/_diff_live.html", shown)
    if found.diff is not None and (found.is_over or not found.dry_run):
        shown |= _compared(request, found)
    return render(request, "syncs/runs/diff.html", shown)


def _compared(request: TeamRequest, run: Run) -> dict[str, Any]:
    summary = Summary.read(run.diff or {})
    fields, prefix = fields_of(run), prefix_of(run)
    asked = asked_of(request.GET)
    start, back = place_of(request.GET)
    page = diff_lines.page(run, asked, prefix=prefix, start=start, back=back)
    by_field = _by_field(run, summary, fields, prefix)
    facts = facts_of(run, summary)
    of_any = Run.objects.filter(sync=run.sync_id, number__gt=run.number, dry_run=False)
    later = of_any.order_by("-pk").only("number", "public_id").first()
    is_as_now = run.created_at >= max(run.sync.updated_at, run.sync.model.updated_at)
    is_as_now = is_as_now if run.dry_run or not run.brakes else run.brakes["mark"] == mark_of(run.sync)
    may_send = run.dry_run and request.may_edit and not run.sync.paused and is_as_now and later is None
    return {
        "summary": summary,
        "facts": facts,
        "same_count": summary.count(KNOWN, "", SAME),
        "unknown_count": summary.count(KNOWN, "", UNKNOWN),
        "changed_count": run.planned_count - facts.new,
        "keeps_records": bool((run.diff or {}).get("keeps_records", True)),
        "harms": harms(summary, facts, fields),
        "by_field": by_field[:SHOWN_FIELDS],
        "more_fields": by_field[SHOWN_FIELDS:],
        "has": {kind: any(getattr(one, kind) for one in by_field) for kind in (*KINDS, NEW)},
        "asked": asked,
        "asked_label": label_of(asked.name, fields),
        "labels": [(one.name, one.label) for one in by_field],
        "kinds": [*diff_words.KINDS.items(), *diff_words.OF_ROWS.items()],
        "groups": [(name, words) for name, words in GROUP_WORDS.items() if summary.count(name)],
        "rows": [_of_row(line, asked, fields) for line in page.lines],
        "listed": asked.count(summary.counts),
        "all_count": summary.count(),
        "along_count": summary.count(ALONG),
        "newer": text_of(page.newer),
        "older": text_of(page.older),
        "later": later if run.dry_run else None,
        "names_left": run_approval.names_left(run),
        "is_as_now": is_as_now,
        "is_first": is_first(run.sync),
        "may_send": may_send and not (run.limit or run.keys or run.full),
        "may_ask": request.may_edit and can_be_read(run),
        "keep_days": settings.KEEP_DAYS,
        "is_count": may_send and count_of(run.sync) == run,
    }


def harms_of(run: Run) -> list[Harm]:
    """What would hurt if the dry run were one that sends; nothing where it compared nothing."""
    if run.diff is None:
        return []
    summary = Summary.read(run.diff)
    return harms(summary, facts_of(run, summary), fields_of(run))


def facts_of(run: Run, summary: Summary) -> Facts:
    return Facts(
        read=run.read_count,
        unchanged=run.unchanged_count,
        planned=run.planned_count,
        new=summary.count(NEW),
        left=run.left_count,
        usual=(run.diff or {}).get("usual"),
        upsert_key=run.sync.upsert_key,
    )


def _by_field(run: Run, summary: Summary, fields: dict[str, Field], prefix: str) -> list[OfField]:
    examples = diff_lines.examples(run, summary, prefix=prefix)

    def count(name: str, kind: str) -> int:
        return summary.count(KNOWN, name, kind) + summary.count(ALONG, name, kind)

    return [
        OfField(
            name,
            label_of(name, fields),
            count(name, CLEARED),
            count(name, CHANGED),
            count(name, SET),
            summary.count("", name, BLANK),
            summary.count(NEW, name, SET),
            examples.get(name, []),
        )
        for name in summary.fields
    ]


def _of_row(line: Line, asked: Asked, fields: dict[str, Field]) -> OfRow:
    found = line.changes(asked.name)
    told = [diff_words.shown(label_of(name, fields), change) for name, change in found[:SHOWN_CHANGES]]
    return OfRow(line, told, max(0, len(found) - SHOWN_CHANGES))


def changes_of(run: Run, batch: Batch, position: int) -> list[Shown]:
    """All changes of one row; none where nothing is kept of them."""
    line, fields = diff_lines.one(batch, position, prefix=prefix_of(run)), fields_of(run)
    found = line.changes() if line is not None else ()
    return [diff_words.shown(label_of(name, fields), change) for name, change in found]


# What the address asks for


def asked_of(params: QueryDict) -> Asked:
    """Words that mean nothing narrow nothing."""
    group, kind = params.get("rows", ""), params.get("kind", "")
    return Asked(
        group if group in GROUPS else "",
        params.get("field", ""),
        kind if kind in diff_words.KINDS | diff_words.OF_ROWS else "",
    )


def place_of(params: QueryDict) -> tuple[Place | None, bool]:
    """The place that the address goes on from, and whether backwards."""
    back = "newer" in params
    found = re.fullmatch(r"(\d{1,9})-(\d{1,9})", params.get("newer" if back else "older", ""))
    return ((int(found[1]), int(found[2])) if found else None), back


def text_of(place: Place | None) -> str:
    return f"{place[0]}-{place[1]}" if place is not None else ""


# What the words come from


def fields_of(run: Run) -> dict[str, Field]:
    """The object's fields by their keys, as last listed."""
    return {field.key: field for field in known_fields(run.sync.connection, run.sync.object_key)}


def prefix_of(run: Run) -> str:
    """What the names of a companion's fields begin with; empty where there is none."""
    target = target_of(run.sync)
    return target.companion.prefix if target is not None and target.companion is not None else ""


def label_of(name: str, fields: dict[str, Field]) -> str:
    field = fields.get(name)
    return field.label if field is not None and field.label else name


def can_be_read(run: Run) -> bool:
    """Whether the destination can look records up by the sync's key."""
    target = target_of(run.sync)
    return target is not None and bool(target.finds.get(run.sync.upsert_key))


# The download


@needs(Can.SEE_PEOPLE)
def run_diff_csv(request: TeamRequest, run: UUID) -> HttpResponseBase:
    """The changes that are asked for, a line each, written while they are read."""
    found = find(request, run)
    if found.diff is None:
        return redirect("run_diff", request.team.slug, found.public_id)
    run_audit.downloaded(request, found, {"rows": "what would change"})
    name = f"{slugify(found.sync.name) or 'sync'}-changes-{found.number}.csv"
    return StreamingHttpResponse(
        _csv_lines(found, asked_of(request.GET)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _csv_lines(run: Run, asked: Asked) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield MARK + writer.writerow(CSV_HEAD)
    for line in diff_lines.every(run, asked, prefix=prefix_of(run)):
        about = (line.key_text, line.match_key, GROUP_WORDS[line.told.group])
        told = [(name, change) for name, change in line.changes() if asked.name in ("", name)]
        if not told:
            words = diff_words.OF_ROWS[UNKNOWN if line.is_unknown else SAME]
            yield writer.writerow([guarded(text) for text in (*about, "", words, "", "")])
        for name, change in told:
            if asked.kind in ("", change.kind):
                values = (cell(change.before), cell(change.after))
                words = diff_words.KINDS[change.kind]
                yield writer.writerow([guarded(text) for text in (*about, name, words, *values)])
