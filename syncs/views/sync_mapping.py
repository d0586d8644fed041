"""Step 4 of a sync: which column, or which fixed value, fills which field."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from destinations.contract import Field, Mode
from syncadmin.teams.access import TeamRequest
from syncs.forms.sync_proposals import BLANK_ROWS, left_empty
from syncs.forms.sync_rows import FIELD, Row, choose_known, read_rows
from syncs.forms.sync_words import EMPTY, mode_of
from syncs.views.sync_columns import describe_with_samples
from syncs.views.sync_draft import Work, companion_of, refresh_fields
from syncs.views.sync_edit import behind, leave, page, step
from syncs.views.sync_save import check_mapping

MORE_ROWS = 3
MOST_OPTIONS = 2_500  # in all selects of the page; beyond, names are typed, with one list to pick from


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
        work.save(rows=filled)
    columns = describe_with_samples(work.model) if work.model is not None else None
    if columns is None:
        return redirect(work.url("model"))
    wrong: list[str] = []
    if request.method == "POST":
        wrong = check_mapping(work, filled, columns)
        if columns.problem:
            wrong.append("The model cannot be read, so its columns could not be checked.")
        if not wrong and not any(row.errors for row in rows):
            return redirect(work.url("review"))
    else:
        rows = work.rows(columns.offered)
        if not any(row.is_blank for row in rows):
            rows += [Row() for _ in range(BLANK_ROWS)]
    fields = work.fields or []
    choose_known(rows, (one.key for one in fields))
    about = {one.name: one for one in columns.offered}
    return page(
        request,
        work,
        "mapping",
        lines=[(row, about.get(row.column or "")) for row in rows],
        is_typed=len(rows) * (len(about) + len(fields)) > MOST_OPTIONS,
        wrong=wrong,
        faulty=[at for at, row in enumerate(rows, 1) if row.errors],
        columns=columns,
        column_names={one.name for one in columns.offered},
        groups=_grouped(work, fields),
        field_values={FIELD + one.key for one in fields},
        is_listed=work.fields is not None and all(one.verified for one in fields),
        knows_fields=work.fields is not None,
        empties=EMPTY.items(),
        companion=companion_of(work),
        more_rows=MORE_ROWS,
        remarks=[(one, _remark(one)) for one in fields if one.help or _remark(one)],
        has_seeds=work.target is not None and bool(work.target.seeds),
        open_prefix=work.target.open_prefix if work.target is not None else "",
    )


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
    anchor = ""
    if verb == "remove" and at.isdecimal() and int(at) < len(rows):
        del rows[int(at)]
        anchor = f"#row-{max(0, int(at) - 1)}"
    elif verb == "add":
        anchor = f"#row-{len(rows)}"
        rows += [Row() for _ in range(MORE_ROWS)]
    work.save(rows=rows)
    if verb == "leave":
        return leave(request, work)
    if verb == "refresh" and work.connection is not None and work.target is not None:
        problem = refresh_fields(work.connection, work.target.key)
        if problem:
            messages.error(request, f"The fields could not be read: {problem}")
        else:
            messages.success(request, f"{len(work.fields or ()):,} fields are known now.")
    return redirect(work.url("mapping") + anchor)


def _grouped(work: Work, fields: list[Field]) -> list[tuple[str, list[Field]]]:
    """The fields by the group that they belong to: those of the record itself first."""
    own = work.target.label if work.target is not None else ""
    found: dict[str, list[Field]] = {own: []}
    for field in fields:
        found.setdefault(f"{field.group} of the {own.lower()}" if field.group else own, []).append(field)
    return [(label, group) for label, group in found.items() if group]
