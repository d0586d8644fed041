"""One field of a mapping: what fills it, its steps, what an empty value means, tried on real rows.

Everything typed goes into the user's draft with each button. What is refreshed while somebody types is shown
and not kept: whoever leaves then has not decided yet.
"""

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from syncadmin.teams.access import TeamRequest
from syncs.forms.field_form import FieldForm
from syncs.forms.field_page import wrong_steps
from syncs.forms.sync_rows import Row, stored_rows
from syncs.views.field_context import context_of, errors_of, list_values
from syncs.views.sample_rows import SampleRows, sample_rows
from syncs.views.sync_draft import Work
from syncs.views.sync_edit import behind, page, step

LEAVING = ("done", "back")


@step
def sync_field(request: TeamRequest, work: Work, row: int) -> HttpResponse:
    """Show the field's page; keep what was typed and do what the button says."""
    if (elsewhere := behind(request, work)) is not None:
        return elsewhere
    if work.model is None or "rows" not in work.content:
        return redirect(work.url("mapping"))
    rows = work.rows()
    action = request.POST.get("action", "try") if request.method == "POST" else ""
    samples = sample_rows(work.model, again=action == "reread")
    if not action:
        if row >= len(rows):
            messages.info(request, "This row is no longer in the mapping.")
            return redirect(work.url("mapping"))
        form = FieldForm.of(rows[row], _aside(work, rows[row], row))
        form.focus = request.GET.get("focus", "")
        is_quiet = "tried" not in request.GET and not rows[row].source
        return _page(request, work, rows[row], form, samples, at=row, is_quiet=is_quiet, new=_new(request))
    at = _place(rows, row, request)
    before = FieldForm.of(rows[at], _aside(work, rows[at], at))
    form = FieldForm.read(request.POST, before)
    if action == "live":
        return _page(request, work, rows[at], form, samples, at=at, is_quiet=True, new=_new(request))
    if request.POST.get("was", _stamp(rows[at])) != _stamp(rows[at]):
        messages.warning(
            request,
            "This field was changed in another tab too, or its row moved. What you typed here counts now.",
        )
    form.act(action, request.POST.get("add-verb", ""))
    if action.startswith("values-"):
        list_values(work, rows[at], form, samples, _number(action.removeprefix("values-")))
    rows[at] = form.put_into(rows[at])
    asides = {**work.content.get("asides", {}), _name(rows[at], at): form.aside}
    work.save(rows=rows, asides={name: aside for name, aside in asides.items() if aside})
    if action in LEAVING:
        if action == "done" and (wrong := _wrong(work, rows[at], form, samples)):
            return _page(request, work, rows[at], form, samples, at=at, is_quiet=False, mend=wrong)
        return redirect(f"{work.url('mapping')}#row-{at}")
    query = {"focus": form.focus, "new": "" if form.new is None else form.new}
    asked = urlencode({"tried": 1} | {name: told for name, told in query.items() if told != ""})
    return redirect(f"{work.field_url(at)}?{asked}{'' if form.focus else '#live'}")


def _page(
    request: TeamRequest,
    work: Work,
    row: Row,
    form: FieldForm,
    samples: SampleRows,
    *,
    at: int,
    is_quiet: bool,
    new: int | None = None,
    mend: Sequence[tuple[str, str]] = (),
) -> HttpResponse:
    shown = context_of(work, row, form, samples, at=at, is_quiet=is_quiet, new=new)
    shown |= {"stamp": _stamp(row), "mend": mend}
    return page(request, work, "mapping", template="syncs/syncs/field.html", **shown)


def _wrong(work: Work, row: Row, form: FieldForm, samples: SampleRows) -> list[tuple[str, str]]:
    """What is left to mend on this page: where it stands there, and what it is called.

    Which field is filled is chosen in the mapping.
    """
    errors = errors_of(work, row, samples, is_quiet=False)
    steps = wrong_steps(form.steps) if form.source.has_steps else []
    return [
        *([("source-head", "where it comes from")] if {"source", "value"} & errors.keys() else []),
        *((f"step-{at}", f"step {at + 1}") for at in steps),
        *([("empty-head", "what an empty value means")] if "empty" in errors else []),
    ]


def _place(rows: list[Row], row: int, request: TeamRequest) -> int:
    """Where the row of this page is now. One that was removed elsewhere comes back: it is worked on."""
    field, name = (request.POST.get(part, "").replace("\0", "") for part in ("field", "name"))
    wanted = Row(field=field, name=name).key
    if row < len(rows) and rows[row].key == wanted:
        return row
    found = [at for at, one in enumerate(rows) if wanted and one.key == wanted]
    if found:
        return found[0]
    rows.append(Row(field=field, name=name))
    return len(rows) - 1


def _name(row: Row, at: int) -> str:
    return row.key or f"row {at}"


def _aside(work: Work, row: Row, at: int) -> dict[str, Any]:
    found = work.content.get("asides", {}).get(_name(row, at), {})
    return found if isinstance(found, dict) else {}


def _stamp(row: Row) -> str:
    """Changes when what is kept of the row does."""
    return hashlib.sha256(orjson.dumps(stored_rows([row]))).hexdigest()[:16]


def _new(request: TeamRequest) -> int | None:
    """The step that was just added: nothing is wrong with it yet."""
    told = request.GET.get("new", "")
    return _number(told) if told else None


def _number(told: str) -> int:
    """A place on the page; one that is not there, where it is none."""
    return int(told) if told.isascii() and told.isdigit() and len(told) < 4 else 10_000
