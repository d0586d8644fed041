"""Step 4 of a sync: which column, or which fixed value, fills which field."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from destinations import registry
from destinations.contract import Field, Mode
from syncadmin.teams.access import TeamRequest
from syncs.forms.sync_offer import kind_told, offer
from syncs.forms.sync_proposals import BLANK_ROWS, accept, left_empty, suggested_for
from syncs.forms.sync_rows import FIELD, Row, choose_known, read_rows
from syncs.forms.sync_suggestions import Suggestion
from syncs.forms.sync_words import EMPTY, mode_of
from syncs.views.sync_columns import Columns, Offered, describe, describe_with_samples, with_samples
from syncs.views.sync_draft import Work, companion_of, refresh_fields
from syncs.views.sync_edit import behind, leave, page, step
from syncs.views.sync_save import check_mapping

MORE_ROWS = 3
MOST_OPTIONS = 2_500  # in all selects of the page; beyond, names are typed, with one list to pick from
NO_ERRORS = dict.fromkeys(("source", "value", "field", "empty"), "")
SUGGEST = "?suggest=1#suggestions"


@dataclass(frozen=True, slots=True)
class Line:
    """A row with what is known of its column and its field, and what changed of the field since last time.

    `at` counts from 0, `number` from 1, both as text. `errors` has each part, "" where nothing is wrong.
    `empties` are the options of what an empty value means, with the row's own selected.
    """

    at: str
    number: str
    row: Row
    errors: Mapping[str, str]
    empties: SafeString
    column: Offered | None
    field: Field | None
    kind: str
    changed: str


@step
def sync_mapping(request: TeamRequest, work: Work) -> HttpResponse:
    """Show the rows; keep, grow, shrink or check them as the button says."""
    if (elsewhere := behind(request, work)) is not None:
        return elsewhere
    if request.method == "POST":
        rows = read_rows(request.POST)
        action = request.POST.get("action", "next")
        if action != "next":
            return _keep(request, work, rows, action)
        filled = [row for row in rows if not (row.is_blank or _is_left_empty(work, row))]
        _save(work, filled)
    if work.model is None:
        return redirect(work.url("model"))
    wrong: list[str] = []
    if request.method == "POST":
        columns = describe(work.model)
        wrong = check_mapping(work, filled, columns)
        if columns.problem:
            wrong.append("The model cannot be read, so its columns could not be checked.")
        if not wrong and not any(row.errors for row in rows):
            return redirect(work.url("review"))
        columns = columns if columns.problem else with_samples(columns, work.model)
    else:
        columns = describe_with_samples(work.model)
        rows = work.rows(columns.offered)
        if not any(row.is_blank for row in rows):
            rows += [Row() for _ in range(BLANK_ROWS)]
    listed = work.fields
    fields = listed or []
    choose_known(rows, (one.key for one in fields))
    groups = _grouped(work, fields)
    lines = _lines(work, rows, columns, fields)
    wants_suggestions = "suggest" in request.GET and request.method == "GET"
    return page(
        request,
        work,
        "mapping",
        lines=lines,
        is_typed=len(rows) * (len(columns.offered) + len(fields)) > MOST_OPTIONS,
        wrong=wrong,
        is_empty=all(row.is_blank for row in rows),
        faulty=[line for line in lines if line.row.errors],
        columns=columns,
        column_names={one.name for one in columns.offered},
        groups=groups,
        field_values={FIELD + one.key for one in fields},
        offer=offer(columns.offered, groups, {one.name: one.empty_percent for one in columns.offered}),
        is_listed=listed is not None and all(one.verified for one in fields),
        knows_fields=listed is not None,
        companion=companion_of(work),
        more_rows=MORE_ROWS,
        remarks=[(one, _remark(one)) for one in fields if one.help or _remark(one)],
        has_seeds=work.target is not None and bool(work.target.seeds),
        open_prefix=work.target.open_prefix if work.target is not None else "",
        suggested=_suggested(work, rows, columns) if wants_suggestions else None,
    )


def _lines(work: Work, rows: list[Row], columns: Columns, fields: list[Field]) -> list[Line]:
    about = {one.name: one for one in columns.offered}
    known = {one.key: one for one in fields}
    changed = _changed(work)
    return [
        Line(
            str(at),
            str(at + 1),
            row,
            {**NO_ERRORS, **{part: " ".join(told) for part, told in row.errors.items()}},
            _empties(row.empty),
            about.get(row.column or ""),
            (field := known.get(row.key)),
            kind_told(field) if field is not None else "",
            "; ".join(dict.fromkeys(changed.get(row.key, ()))),
        )
        for at, row in enumerate(rows)
    ]


@lru_cache(maxsize=16)
def _empties(chosen: str) -> SafeString:
    """The same few texts in every row: with 200 rows a loop in the template takes a tenth of the answer."""
    return format_html_join(
        "",
        '<option value="{}"{}>{}</option>',
        (
            (policy.value, mark_safe(" selected") if policy.value == chosen else "", label)
            for policy, label in EMPTY.items()
        ),
    )


def _changed(work: Work) -> dict[str, list[str]]:
    """What became of the fields since the mapping was last kept, by the field's key."""
    if work.connection is None or work.target is None:
        return {}
    moment: datetime | None = parse_datetime(str(work.content.get("mapping_kept_at", "")))
    if moment is None and work.sync is not None:
        moment = work.sync.updated_at
    if moment is None:
        moment = work.draft.created_at if work.is_begun else timezone.now()
    return registry.changes_since(work.connection.fields, work.target.key, moment)


def _save(work: Work, rows: list[Row]) -> None:
    work.save(rows=rows, mapping_kept_at=timezone.now().isoformat())


def _suggested(work: Work, rows: list[Row], columns: Columns) -> list[Suggestion]:
    if work.target is None:
        return []
    return suggested_for(rows, work.target, work.fields or (), columns.offered)


def _is_left_empty(work: Work, row: Row) -> bool:
    wanted = work.wanted
    mode = mode_of(wanted.mode) or Mode.UPSERT
    return work.target is not None and left_empty(row, work.target, mode, wanted.upsert_key)


def _remark(field: Field) -> str:
    """An example of all that a choice takes for one and the same; empty where it takes its value alone."""
    one = next((option for option in field.options if option.aliases and not option.closed), None)
    if one is None:
        return ""
    return f"Alike are {', '.join(dict.fromkeys([one.value, *one.aliases]))}."


def _keep(request: TeamRequest, work: Work, rows: list[Row], action: str) -> HttpResponse:
    """What a button other than “go on” asks for: the rows are kept as they were typed."""
    verb, _, at = action.partition("-")
    place = ""
    if verb == "remove" and at.isdecimal() and int(at) < len(rows):
        del rows[int(at)]
        place = f"#row-{max(0, int(at) - 1)}"
    elif verb == "add":
        place = f"#row-{len(rows)}"
        rows += [Row() for _ in range(MORE_ROWS)]
    elif verb == "suggest":
        place = SUGGEST
    elif verb == "accept":
        accepted = _accepted(request, work, rows, at)
        place = SUGGEST if at != "all" else ""
        if not accepted:
            messages.info(request, "This suggestion no longer fits the rows as they are.")
        accept(rows, accepted)
    _save(work, rows)
    if verb == "leave":
        return leave(request, work)
    if verb == "field" and at.isdecimal() and int(at) < len(rows):
        return redirect(f"{work.url('mapping')}{int(at)}/")
    if verb == "refresh" and work.connection is not None and work.target is not None:
        problem = refresh_fields(work.connection, work.target.key)
        if work.model is not None:
            describe_with_samples(work.model, again=True)
        if problem:
            messages.error(request, f"The fields could not be read: {problem}")
        else:
            messages.success(request, f"{len(work.fields or ()):,} fields are known now.")
    return redirect(work.url("mapping") + place)


def _accepted(request: TeamRequest, work: Work, rows: list[Row], which: str) -> list[Suggestion]:
    """Of what can be suggested now the one, or all, that the page showed."""
    if work.model is None:
        return []
    shown = list(
        zip(request.POST.getlist("suggested-column"), request.POST.getlist("suggested-field"), strict=False)
    )
    if which != "all":
        shown = shown[int(which) : int(which) + 1] if which.isdecimal() else []
    choose_known(rows, (one.key for one in work.fields or ()))
    found = _suggested(work, rows, describe_with_samples(work.model))
    return [one for one in found if (one.column, one.field.key) in shown]


def _grouped(work: Work, fields: list[Field]) -> list[tuple[str, list[Field]]]:
    """The fields by their groups: the record's own first, those that cannot be filled last."""
    own = work.target.label if work.target is not None else ""
    found: dict[str, list[Field]] = {own: []}
    for field in fields:
        found.setdefault(f"{field.group} of the {own.lower()}" if field.group else own, []).append(field)
    barred = [field for group in found.values() for field in group if field.read_only]
    groups = [(label, [one for one in group if not one.read_only]) for label, group in found.items()]
    groups.append(("Cannot be filled", barred))
    return [(label, group) for label, group in groups if group]
