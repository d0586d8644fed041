"""A sample of a dry run's rows beside what is at the destination now: who else changed what was sent?"""

import zlib
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

import orjson
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from destinations import looking
from destinations.contract import JSON, Found, Mode, Operation
from destinations.errors import DestinationError
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.engine import permitted
from syncs.engine.diff import is_same
from syncs.engine.ground import way_of
from syncs.engine.keys import row_key
from syncs.models import LedgerEntry, Run
from syncs.views import diff_lines, run_words
from syncs.views.diff_lines import Line
from syncs.views.diff_words import text_of
from syncs.views.run_diff import asked_of, can_be_read, fields_of, label_of, prefix_of
from syncs.views.runs import find

SAMPLE = 20
MOST_CALLS = 5
READ_AHEAD = 500  # rows that are looked through for some of which is kept what was sent


@dataclass(frozen=True, slots=True)
class Field:
    """A field in which the record there is not as it was sent. `next`: what would be sent; "" the same."""

    label: str
    sent: str
    there: str
    next: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A row of the sample. `fields` is None where the service does not tell which of them differ."""

    line: Line
    found: Found
    fields: list[Field] | None


@needs(Can.TEST)
def run_diff_there(request: TeamRequest, run: UUID) -> HttpResponse:
    """Ask the destination for a few of the rows, and show in what they are not as they were last sent."""
    dry_run = find(request, run)
    if dry_run.diff is None or not can_be_read(dry_run):
        raise Http404
    if request.method != "POST":
        return redirect("run_diff", request.team.slug, dry_run.public_id)
    place = run_words.place_of(dry_run)
    shown: dict[str, Any] = {"section": "syncs", "run": dry_run, "place": place, "sample": SAMPLE}
    if why := permitted.why_not(dry_run.sync):
        return render(request, "syncs/runs/diff_there.html", shown | {"refusal": why})
    lines = _sample(dry_run, request)
    try:
        seen = _look(dry_run, lines)
    except DestinationError as error:
        return render(request, "syncs/runs/diff_there.html", shown | {"refusal": error.message})
    shown["seen"] = seen
    shown["drifted"] = sum(not one.found.is_as_sent for one in seen)
    return render(request, "syncs/runs/diff_there.html", shown)


def _sample(run: Run, request: TeamRequest) -> dict[bytes, tuple[Line, LedgerEntry]]:
    """The first of the asked rows whose record was sent before, and what of it."""
    way = way_of(run.sync)
    most = min(SAMPLE, MOST_CALLS * way.finds(run.sync.object_key))
    lines = diff_lines.every(run, asked_of(request.GET), prefix=prefix_of(run))
    by_key = {
        row_key(line.key_text): line
        for line in islice(lines, READ_AHEAD)
        if not (line.is_companion or line.is_new or line.is_unknown) and line.key_text
    }
    entries = LedgerEntry.objects.filter(
        sync=run.sync_id, generation=run.generation, key__in=list(by_key)[: 2 * SAMPLE], record__isnull=False
    )
    found = {bytes(entry.key): entry for entry in entries}
    both = {key: (line, found[key]) for key, line in by_key.items() if key in found}
    return dict(islice(both.items(), most))


def _look(run: Run, sample: dict[bytes, tuple[Line, LedgerEntry]]) -> list[Seen]:
    """Raises DestinationError where the service refuses, or the budget has nothing left."""
    if not sample:
        return []
    way = way_of(run.sync)
    records = [orjson.loads(zlib.decompress(bytes(entry.record or b""))) for _, entry in sample.values()]
    operations = [
        Operation(f"look-{at}", Mode(run.sync.mode), entry.match_key, record, entry.remote_id)
        for at, ((_, entry), record) in enumerate(zip(sample.values(), records, strict=True))
    ]
    found = looking.look_up(run.sync.connection, way.target(run.sync.object_key), operations)
    fields = fields_of(run)
    return [
        Seen(line, one, _fields(line, one, record, fields))
        for (line, _), one, record in zip(sample.values(), found, records, strict=True)
    ]


def _fields(line: Line, found: Found, record: dict[str, JSON], fields: dict[str, Any]) -> list[Field] | None:
    if found.others is None:
        return None
    changes = line.told.changes or {}
    return [
        Field(
            label_of(name, fields),
            text_of(record.get(name)),
            text_of(there),
            text_of(changes[name].after)
            if name in changes and not is_same(changes[name].after, record.get(name))
            else "",
        )
        for name, there in found.others.items()
    ]
