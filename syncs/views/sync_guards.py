"""The guards of a sync: which rows are held back; adding, changing, removing and reordering them."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from destinations import registry
from syncadmin.teams.access import Can, TeamRequest
from syncs.configuration.checks import Draft
from syncs.configuration.goals import fillings_of
from syncs.configuration.guard_reading import Guard, Wanted
from syncs.configuration.guard_save import (
    ChangedMeanwhile,
    RunUnderWay,
    mark_of,
    save_guards,
)
from syncs.configuration.guards import look_faults_of, looked_at, stored_guards
from syncs.engine import permitted
from syncs.engine.guard_kinds import KINDS, content_of, kind_of, name_of, sentence
from syncs.engine.guard_trial import Denied
from syncs.engine.mail_domains import DISPOSABLE, PERSONAL
from syncs.forms import guard_conditions
from syncs.forms.guard_form import (
    CHOICES,
    GuardForm,
    blank_form,
    form_of,
    guard_of,
    likely_look,
    put_look_fault,
    read_form,
)
from syncs.models import GuardKeys, QueryModel, Run, Sync
from syncs.views import never_sent
from syncs.views.guard_trial import tried
from syncs.views.sync_columns import Columns, describe
from syncs.views.sync_facts import of_sync

_CHANGED = "Somebody else changed the guards meanwhile."
MOST_OPTIONS = 2_500  # in all choices of a page; beyond, names are typed, with one list to pick from


@of_sync(Can.LOOK)
def sync_guards(request: TeamRequest, sync: Sync) -> HttpResponse:
    """The list, in plain sentences; with `try`, what each would hold back of some rows."""
    if request.method == "POST" and request.may_edit:
        return _reordered(request, sync)
    named = stored_guards(sync)
    lines = [
        {
            "key": mark_of([stored]),
            "name": stored.get("name", ""),
            "sentence": sentence(guard),
            "kind": kind_of(guard),
            "excused": content_of(guard).get("by_list_alone", ()),
        }
        for stored, guard in zip(sync.guards, named, strict=True)
    ]
    context = {
        "section": "syncs",
        "sync": sync,
        "lines": lines,
        "choices": [(kind, *told) for kind, told in CHOICES.items() if _may_add(sync, kind)],
        "mark": mark_of(sync.guards),
        "trial": tried(sync) if "try" in request.GET else None,
        "as_of": PERSONAL.as_of,
    }
    return render(request, "syncs/guards/list.html", context)


@of_sync(Can.BUILD)
def guard_add(request: TeamRequest, sync: Sync, guard_kind: str) -> HttpResponse:
    if guard_kind not in CHOICES or not _may_add(sync, guard_kind):
        raise Http404
    return _edited(request, sync, guard_kind, None)


@of_sync(Can.BUILD)
def guard_edit(request: TeamRequest, sync: Sync, guard: str) -> HttpResponse:
    """Change a guard; its address is made of what it says, so that a changed one has another."""
    stored = _find(sync, guard)
    if stored is None:
        if request.method != "POST":
            messages.info(request, "That guard was changed or removed meanwhile. These are the guards now.")
            return redirect(_list_url(request, sync))
        kind = request.POST.get("kind", "")
        if kind not in CHOICES:
            raise Http404
        return _edited(request, sync, kind, None)
    return _edited(request, sync, kind_of(stored), stored)


@of_sync(Can.BUILD)
def guard_remove(request: TeamRequest, sync: Sync, guard: str) -> HttpResponse:
    """Remove a guard, after asking: the next run sends the rows that it alone held back."""
    stored = _find(sync, guard)
    if stored is None:
        messages.info(request, "That guard was changed or removed meanwhile. These are the guards now.")
        return redirect(_list_url(request, sync))
    left = [one for one in sync.guards if one is not stored]
    denied = Denied()
    run = None
    if request.method == "POST":
        wanted, denied = never_sent.ask(request, sync, Wanted(tuple(left)))
        if not denied.uncovered:
            try:
                save_guards(sync, wanted, seen=request.POST.get("seen", ""), author=request.user)
            except ChangedMeanwhile:
                messages.error(request, f"{_CHANGED} Look at them, then remove it.")
                return redirect(_list_url(request, sync))
            except RunUnderWay as under_way:
                run = under_way.run
            else:
                messages.success(request, f"“{name_of(stored)}” is removed. It holds nothing back any more.")
                return redirect(_list_url(request, sync))
    context = {
        "section": "syncs",
        "sync": sync,
        "sentence": sentence(stored_guards(sync)[sync.guards.index(stored)]),
        "mark": mark_of(sync.guards),
        "denied": denied,
        "run": run,
    }
    return render(request, "syncs/guards/remove.html", context)


def _reordered(request: TeamRequest, sync: Sync) -> HttpResponse:
    """Move a guard one place up or down."""
    verb, _, key = request.POST.get("action", "").partition("-")
    stored = _find(sync, key)
    if stored is None or verb not in ("up", "down"):
        messages.error(request, "That guard was changed or removed meanwhile. These are the guards now.")
        return redirect(_list_url(request, sync))
    guards = list(sync.guards)
    at = guards.index(stored)
    to = min(len(guards) - 1, max(0, at + (1 if verb == "down" else -1)))
    guards.insert(to, guards.pop(at))
    try:
        save_guards(sync, Wanted(tuple(guards)), seen=request.POST.get("seen", ""), author=request.user)
    except ChangedMeanwhile:
        messages.error(request, f"{_CHANGED} These are the guards now.")
    except RunUnderWay as under_way:
        messages.error(request, _wait_for(under_way.run))
    return redirect(f"{_list_url(request, sync)}#guard-{key}")


def _edited(request: TeamRequest, sync: Sync, kind: str, stored: Guard | None) -> HttpResponse:
    """The form of one guard: shown, grown or shrunk by its buttons, and saved."""
    why = permitted.why_not(sync)
    columns = Columns(problem=why) if why else describe(sync.model)
    fields = _fields(sync)
    denied, run, is_behind = Denied(), None, False
    if request.method != "POST":
        form = form_of(stored) if stored is not None else None
        form = form or blank_form(kind, likely_look(fields, columns.names or [], kind))
    else:
        form = read_form(kind, request.POST, stored)
        action = request.POST.get("action", "save")
        if action == "save":
            guard, lists = guard_of(form, _kept(sync, form))
            if not form.is_wrong:
                put_look_fault(form, _look_faults(sync, guard, columns.names, fields))
            if not form.is_wrong:
                _put_model_faults(form, guard, sync)
            if not form.is_wrong:
                guards = _with(sync, stored, guard)
                wanted, denied = never_sent.ask(request, sync, Wanted(tuple(guards), lists))
                if not denied.uncovered:
                    try:
                        save_guards(sync, wanted, seen=request.POST.get("seen", ""), author=request.user)
                    except ChangedMeanwhile:
                        is_behind = True
                        sync.refresh_from_db(fields=["guards"])
                    except RunUnderWay as under_way:
                        run = under_way.run
                    else:
                        messages.success(request, f"Saved. {sentence(_named(sync, guard))}")
                        return redirect(_list_url(request, sync))
        else:
            guard_conditions.change(form.groups, action)
    context = {
        "section": "syncs",
        "sync": sync,
        "form": form,
        "kind": kind,
        "is_new": stored is None,
        "key": mark_of([stored]) if stored is not None else "",
        "mark": mark_of(sync.guards),
        "denied": denied,
        "run": run,
        "is_behind": is_behind,
        "now": [sentence(one) for one in stored_guards(sync)] if is_behind else [],
        "ways": guard_conditions.WAYS.items(),
        "columns": columns,
        "fields": fields,
        "is_typed": _is_large(form, columns.offered, fields),
        "looks": {f"column:{one.name}" for one in columns.offered} | {f"field:{key}" for key, *_ in fields},
        "models": QueryModel.objects.filter(team=sync.team_id).only("name", "public_id").order_by("name")
        if kind == "suppressed"
        else (),
        "lists": {"personal_emails": PERSONAL, "disposable_emails": DISPOSABLE}.get(kind),
    }
    return render(request, "syncs/guards/form.html", context)


def _put_model_faults(form: GuardForm, guard: Guard, sync: Sync) -> None:
    """Whether the model of a suppression list is there and has the column."""
    content = content_of(guard)
    if kind_of(guard) != "suppressed" or "model" not in content:
        return
    model = QueryModel.objects.filter(team=sync.team_id, public_id=content["model"]).first()
    if model is None:
        form.wrong("model", "Choose one of your team's models.")
        return
    columns = describe(model)
    if columns.problem:
        form.wrong("model", f"The model cannot be read. {columns.problem}")
    elif content["model_column"] not in (columns.names or ()):
        known = ", ".join((columns.names or [])[:12])
        form.wrong("model_column", f"The model returns no column of this name. It returns {known}.")


def _may_add(sync: Sync, kind: str) -> bool:
    return not (KINDS[kind].once and any(kind_of(guard) == kind for guard in sync.guards))


def _find(sync: Sync, key: str) -> Guard | None:
    return next((guard for guard in sync.guards if mark_of([guard]) == key), None)


def _with(sync: Sync, stored: Guard | None, guard: Guard) -> list[Guard]:
    """The guards with one of them changed, or with one more at the end."""
    if stored is None:
        return [*sync.guards, guard]
    return [guard if one is stored else one for one in sync.guards]


def _named(sync: Sync, guard: Guard) -> Guard:
    """The guard with its model's name, to be told."""
    return stored_guards(Sync(team_id=sync.team_id, guards=[guard]))[0]


def _kept(sync: Sync, form: GuardForm) -> bytes | None:
    if not form.kept_list:
        return None
    found = GuardKeys.objects.filter(sync=sync, name=form.kept_list).values_list("digests", flat=True).first()
    return bytes(found) if found is not None else None


def _fields(sync: Sync) -> list[tuple[str, str, str]]:
    """The fields that guards may look at: key, what they hold, label."""
    known = registry.remembered_fields(sync.connection.fields, sync.object_key) or []
    about = {field.key: (field.kind.value, field.label) for field in known}
    adapter = registry.adapters().get(sync.connection.destination)
    if adapter is None:
        return []
    draft = Draft(sync.object_key, sync.mode, sync.upsert_key, fillings_of(sync))
    keys = looked_at(draft, adapter)
    return [(key, *about.get(key, ("text", key))) for key in keys]


def _look_faults(
    sync: Sync, guard: Guard, columns: Sequence[str] | None, fields: Sequence[tuple[str, str, str]]
) -> list[str]:
    return [fault.message for fault in look_faults_of([guard], columns, [key for key, *_ in fields])]


def _is_large(form: GuardForm, columns: Sequence[Any], fields: Sequence[Any]) -> bool:
    lines = sum(len(group) for group in form.groups)
    return lines * (len(columns) + len(fields)) > MOST_OPTIONS


def _wait_for(run: Run) -> str:
    return (
        f"Run {run.number} is under way, planned with the guards as they are. Wait for its end or cancel it."
    )


def _list_url(request: TeamRequest, sync: Sync) -> str:
    return reverse("sync_guards", args=[request.team.slug, sync.public_id])
