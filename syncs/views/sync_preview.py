"""One row as a run would send it: source, record, request; of a saved sync also sent, with its answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from destinations.connect import known_fields
from destinations.errors import DestinationError
from destinations.http import Sent
from destinations.models import Exchange
from syncadmin.lib.shown import pretty_text
from syncadmin.teams.access import Can, TeamRequest
from syncs.configuration.goals import SyncGoal, mapping_rows
from syncs.engine import permitted
from syncs.engine.diff import Change
from syncs.engine.ground import shape_of, told_next, way_of
from syncs.engine.guard_supplies import guarded_by
from syncs.engine.guards import Guards
from syncs.engine.keys import typed_key
from syncs.engine.mapping import Mapper, MappingBroken
from syncs.engine.plain import jsonable
from syncs.engine.preview import BY_RUN, CLEARED, LEFT, OfField, Preview, ledger_keys_of, preview
from syncs.models import FieldMapping, LedgerEntry, QueryModel, Sync
from syncs.views import diff_words, one_row, sync_save
from syncs.views.diff_words import Shown, text_of
from syncs.views.sync_draft import Work
from syncs.views.sync_edit import behind, step
from syncs.views.sync_facts import of_sync, target_label

FATES = {LEFT: "left as it is there", CLEARED: "cleared there", BY_RUN: "filled by the run"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A column of the source row."""

    name: str
    text: str
    is_used: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A field of the record in words. `change` compares it with what was last sent."""

    of: OfField
    source: str
    text: str
    fate: str
    change: Shown | None


@dataclass(frozen=True, slots=True)
class Wire:
    """A request as it would leave, to read."""

    why: str
    needs: bool
    method: str
    url: str
    headers: list[tuple[str, str]]
    body: str


@dataclass(slots=True)
class Looked:
    """A row, looked at; or the `problem` that keeps it from being."""

    problem: str = ""
    preview: Preview | None = None
    sentence: str = ""
    tone: str = ""
    cells: list[Cell] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@of_sync(Can.BUILD)
def sync_preview(request: TeamRequest, sync: Sync) -> HttpResponse:
    """A row as a run of the saved sync would send it."""
    if why := permitted.why_not(sync):
        found, typed, error = one_row.Found(), request.GET.get("key", "").strip(), why
    else:
        found, typed, error = _row(request, sync.model)
    looked = Looked(problem=error or found.problem)
    if found.row is not None:
        looked = look(sync, found, None)
    context = {"sync": sync, "target_label": target_label(sync), "is_saved": True}
    here = reverse("sync_preview", args=[request.team.slug, sync.public_id])
    return _page(request, sync.model, found, typed, looked, here, context)


@step
def sync_preview_draft(request: TeamRequest, work: Work) -> HttpResponse:
    """A row as the sync in work would send it, before it is saved."""
    if (elsewhere := behind(request, work)) is not None:
        return elsewhere
    finding = sync_save.examine(work)
    if finding.goal is None or work.model is None or work.connection is None:
        messages.info(request, "First the review must have nothing to complain of: then rows can be tried.")
        return redirect(work.url("review"))
    found, typed, error = _row(request, work.model)
    looked = Looked(problem=error or found.problem)
    wanted = as_wanted(finding.goal, work)
    if found.row is not None:
        looked = look(wanted, found, mapping_rows(wanted, finding.goal.draft.mapping))
    context = {"sync": work.sync, "work": work, "target_label": target_label(wanted), "is_saved": False}
    names = [request.team.slug, *([work.sync.public_id] if work.sync else [])]
    here = reverse("sync_edit_preview" if work.sync else "sync_add_preview", args=names)
    return _page(request, work.model, found, typed, looked, here, context)


def as_wanted(goal: SyncGoal, work: Work) -> Sync:
    """The sync as saving would make it, not saved."""
    known, draft = work.sync, goal.draft
    wanted = Sync(pk=known.pk if known else None, team_id=work.draft.team_id, name=goal.name)
    wanted.model, wanted.connection = work.model, work.connection  # type: ignore[assignment]
    wanted.object_key, wanted.mode, wanted.upsert_key = draft.object, draft.mode, draft.upsert_key
    if known is not None:
        wanted.last_run_number = known.last_run_number
        wanted.generation = known.generation + bool(goal.new_generation)
        wanted.guards = known.guards
    return wanted


def _row(request: TeamRequest, model: QueryModel) -> tuple[one_row.Found, str, str]:
    """The row that the address asks for, what was typed, and what is wrong with that."""
    typed = request.GET.get("key", "").strip()
    if not typed:
        at = request.GET.get("at", "")
        place = int(at) if at.isdecimal() and len(at) < 6 else 0
        return one_row.at_place(model, place, again="again" in request.GET), "", ""
    key = typed_key(typed, model.primary_key)
    if key is None:
        columns = ", ".join(model.primary_key)
        return one_row.Found(), typed, f"“{typed}” does not have a value for each of {columns}."
    return one_row.by_key(model, key), typed, ""


def _page(
    request: TeamRequest,
    model: QueryModel,
    found: one_row.Found,
    typed: str,
    looked: Looked,
    here: str,
    context: dict[str, Any],
) -> HttpResponse:
    at = found.at
    shared = {
        "section": "syncs",
        "model": model,
        "typed": typed,
        "looked": looked,
        "here": here,
        "at": at,
        "place": at + 1 if at is not None else None,
        "count": found.count,
        "former": at - 1 if at else None,
        "next": at + 1 if at is not None and at + 1 < found.count else None,
    }
    return render(request, "syncs/syncs/preview.html", shared | context)


# Looking


def look(sync: Sync, found: one_row.Found, mappings: Sequence[FieldMapping] | None) -> Looked:
    """The row as the sync would send it. `mappings` are those of a sync that is not saved."""
    row, model = found.row, sync.model
    if row is None:
        return Looked(problem=found.problem)
    zone = ZoneInfo(model.source.time_zone)
    notes: list[str] = []
    try:
        shape = shape_of(sync, told_next(sync), mappings)
        mapper = Mapper(shape, found.columns, zone)
        guards = _guards(sync, mapper, found.columns, zone, notes)
        mapped = mapper.map([row])
        entries = _entries(sync, ledger_keys_of(mapped))
        listed = {one.key: one for one in known_fields(sync.connection, sync.object_key)}
        seen = preview(
            mapper, way_of(sync), sync.object_key, row, guards=guards, entries=entries, listed=listed
        )
    except MappingBroken as broken:
        return Looked(problem=str(broken))
    except DestinationError as error:
        return Looked(problem=error.message)
    used = {name for rule in shape.rules for name in rule.columns} | set(shape.primary_key)
    cells = [
        Cell(name, text_of(jsonable(value)), name in used)
        for name, value in zip(found.columns, row, strict=True)
    ]
    cells.sort(key=lambda cell: not cell.is_used)
    sentence, tone = _sentence(seen)
    return Looked(
        preview=seen,
        sentence=sentence,
        tone=tone,
        cells=cells,
        lines=[_line(one, seen) for one in seen.fields],
        wires=[wire_of(one.sent, one.why, needs=one.needs) for one in seen.requests],
        notes=notes,
    )


def _guards(
    sync: Sync, mapper: Mapper, columns: Sequence[str], zone: ZoneInfo, notes: list[str]
) -> Guards | None:
    """The guards that look at one row. Those that look at several are told of as a note."""
    guarded = guarded_by(sync)
    if guarded is None:
        return None
    made = Guards(guarded.specs, columns, mapper.shape, zone, guarded.supplies)
    several = [made.names[one.at] for one in (made.flood, made.first) if one is not None]
    if several:
        names = " and ".join(f"“{name}”" for name in several)
        notes.append(f"{names} looks at all rows of a run together, so it is not asked here.")
    return made


def _entries(sync: Sync, keys: Sequence[bytes]) -> Mapping[bytes, LedgerEntry]:
    if sync.pk is None:
        return {}
    found = LedgerEntry.objects.filter(sync=sync.pk, generation=sync.generation, key__in=keys)
    return {bytes(entry.key): entry for entry in found}


def _sentence(seen: Preview) -> tuple[str, str]:
    """What a run would do with the row; and how that is coloured."""
    if seen.held_by:
        return f"A run would hold this row back: the guard “{seen.held_by}” stops it.", "warn"
    if seen.is_wrong:
        return "A run would not send this row: it needs attention, as said below.", "warn"
    if seen.former_match:
        return (
            f"A run would send this row. It has another upsert key than before, {seen.former_match} then.",
            "warn",
        )
    if seen.told is None and not seen.is_same:
        return "A run would send this row: it was never sent.", "busy"
    if seen.is_same:
        return "A run would not send this row: it is as it was last sent.", ""
    if seen.told is None or seen.told.changes is None:
        return "A run would send this row: it changed. What was sent before is not remembered.", "busy"
    count = len(seen.told.changes)
    if not count:
        return "A run would send this row again, though no value changes.", "busy"
    return f"A run would send this row: {count} {'field' if count == 1 else 'fields'} changed.", "busy"


def _line(one: OfField, seen: Preview) -> Line:
    change: Change | None = None
    if seen.told is not None and not one.is_companions:
        change = (seen.told.changes or {}).get(one.field.key)
    return Line(
        one,
        _source(one),
        text_of(one.value),
        FATES.get(one.fate, ""),
        diff_words.shown(one.field.label, change) if change is not None else None,
    )


def _source(one: OfField) -> str:
    """What fills the field, in a few words."""
    rule = one.rule
    if rule is None:
        return "run variable"
    if rule.column is not None:
        return rule.column
    if rule.template is not None:
        return "template"
    if rule.first_of:
        return "first of " + ", ".join(rule.first_of)
    return "fixed value"


def wire_of(sent: Sent, why: str, *, needs: bool = False) -> Wire:
    """A request for people: its body over several lines."""
    unpacked = Exchange(request_body=sent.request_body)
    headers = sorted(sent.request_headers.items())
    return Wire(why, needs, sent.method, sent.url, headers, pretty_text(unpacked.request_text))
