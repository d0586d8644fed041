"""Adding and changing a sync: model → object → mode and key → mapping → review, each a page of its own.

Every page keeps what was typed in the user's draft, right or wrong; only the review saves a sync.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime

from destinations import registry
from destinations.contract import Adapter, Mode, ObjectType
from destinations.models import Connection
from destinations.shares import objects_for, usable_by
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.engine.guard_trial import Denied
from syncs.engine.permitted import models_for
from syncs.forms.sync_rows import Row
from syncs.forms.sync_words import MODES, mode_of
from syncs.forms.syncs import ReviewForm
from syncs.views import never_sent, sync_save
from syncs.views.sync_draft import STEPS, Work, companion_of, open_work, refresh_fields
from syncs.views.sync_facts import Mapped, in_words
from syncs.views.sync_run import show_changes

Page = Callable[..., HttpResponse]  # gets the request, the work, and what else its address names


def step(view: Page) -> Callable[..., HttpResponseBase]:
    """A page of the work: of a new sync, or of the sync whose id is in the address."""

    @needs(Can.BUILD)
    @wraps(view)
    def of_work(request: TeamRequest, sync: UUID | None = None, **named: Any) -> HttpResponse:
        work = open_work(request, sync)
        if request.method == "POST":
            seen = parse_datetime(request.POST.get("seen", "")) if work.sync else None
            if seen is not None and not work.is_begun:
                work.began_at(seen)
            if request.POST.get("action") == "discard":
                return _discard(request, work)
        return view(request, work, **named)

    return of_work


@step
def sync_model(request: TeamRequest, work: Work) -> HttpResponse:
    """Step 1: whose rows?"""
    found = models_for(request.team).order_by("-pk")
    models = list(found)
    chosen = work.model
    error = ""
    if request.method == "POST":
        picked = request.POST.get("model", "")
        chosen = next((one for one in models if str(one.public_id) == picked), None)
        if chosen is not None:
            work.save(model=str(chosen.public_id))
            return redirect(work.url("review" if work.sync else "object"))
        error = "Choose a model."
    elif asked := request.GET.get("model"):
        chosen = next((one for one in models if str(one.public_id) == asked), chosen)
    elif models and (request.GET.get("chosen") == "newest" or len(models) == 1):
        chosen = models[0]
    return page(request, work, "model", models=models, chosen=chosen, error=error)


@step
def sync_object(request: TeamRequest, work: Work) -> HttpResponse:
    """Step 2: what is written, and where?"""
    connections = list(usable_by(request.team).order_by("-pk"))
    offered = [
        (connection, adapter, _targets(adapter, objects_for(connection, request.team.pk)))
        for connection in connections
        if (adapter := _adapter(connection)) is not None
    ]
    chosen, error = _target_value(work.connection, work.content.get("object", "")), ""
    if request.method == "POST":
        picked = request.POST.get("target", "")
        for connection, _, targets in offered:
            for target in targets:
                if _target_value(connection, target.key) == picked:
                    work.save(connection=str(connection.public_id), object=target.key)
                    return redirect(work.url("mode"))
        chosen, error = "", "Choose what is written."
    elif request.GET.get("chosen") == "newest" and offered:
        chosen = _target_value(offered[0][0], offered[0][2][0].key)
    groups = [
        (connection, adapter.label, [(_target_value(connection, one.key), one) for one in targets])
        for connection, adapter, targets in offered
    ]
    return page(request, work, "object", groups=groups, chosen=chosen, error=error)


@step
def sync_mode(request: TeamRequest, work: Work) -> HttpResponse:
    """Step 3: how are records written, and what tells them apart?"""
    if (elsewhere := behind(request, work)) is not None:
        return elsewhere
    target = work.target
    assert target is not None  # noqa: S101 - or we would be behind
    errors = {}
    wanted = work.wanted
    mode, upsert_key = wanted.mode, wanted.upsert_key
    if request.method == "POST":
        mode, upsert_key = request.POST.get("mode", ""), request.POST.get("upsert_key", "")
        if mode not in {one.value for one in target.modes}:
            errors["mode"] = "Choose one of the modes that are offered."
        if upsert_key not in target.upsert_keys:
            errors["upsert_key"] = "Choose one of the keys."
        elif not errors and (why_not := target.missing_keys.get((Mode(mode), upsert_key))):
            errors["upsert_key"] = f"In mode {mode} this cannot be the key: {why_not}"
        if not errors:
            work.save(mode=mode, upsert_key=upsert_key)
            _know_fields(request, work)
            return redirect(work.url("review" if _is_settled(work) else "mapping"))
    if upsert_key not in target.upsert_keys and request.method != "POST":
        upsert_key = target.upsert_keys[0]
    if mode not in {one.value for one in target.modes} and len(target.modes) == 1:
        mode = next(iter(target.modes)).value
    modes = [(one, *MODES[one], target.missing_modes.get(one, "")) for one in Mode]
    keys = [(key, *_not_with(target, key)) for key in target.upsert_keys]
    return page(
        request, work, "mode", modes=modes, mode=mode, keys=keys, upsert_key=upsert_key, errors=errors
    )


def _not_with(target: ObjectType, key: str) -> tuple[str, bool]:
    """In which modes the key cannot be the key, and why; whether that is so in all of them."""
    missing = {mode: why for (mode, name), why in target.missing_keys.items() if name == key}
    told = [f"Not with “{MODES[mode][0]}”: {why}" for mode, why in missing.items() if mode in target.modes]
    return " ".join(told), target.modes <= missing.keys()


@step
def sync_review(request: TeamRequest, work: Work) -> HttpResponse:
    """Step 5: all of it in words, and whether it can work. Saving is done from here alone."""
    if work.sync is None and (elsewhere := behind(request, work)) is not None:
        return elsewhere
    initial = {"name": work.name, "keep_records": work.content.get("keep_records", True)}
    form = ReviewForm(initial=initial)
    if request.method == "POST":
        typed = {
            "name": request.POST.get("name", "").strip()[:200],
            "keep_records": "keep_records" in request.POST,
        }
        work.save(**typed)
        if request.POST.get("action") == "leave":
            return leave(request, work)
    finding = sync_save.examine(work)
    run, denied = None, Denied()
    if request.method == "POST":
        form = ReviewForm(request.POST, asks_again=bool(finding.again))
        if form.is_valid() and sync_save.is_taken(form.cleaned_data["name"], work):
            form.add_error("name", "The team already has a sync with this name.")
        goal = finding.goal
        if form.is_valid() and goal is not None and not work.has_conflict:
            denied = never_sent.ask_of_goal(request, work.sync, work.model, goal)
        if form.is_valid() and goal is not None and not (work.has_conflict or denied.uncovered):
            try:
                saved = sync_save.save(goal, work, based_on=work.draft.based_on, author=request.user)
            except sync_save.RunUnderWay as error:
                run = error.run
            except sync_save.NameTaken:
                form.add_error("name", "The team already has a sync with this name.")
            except sync_save.ChangedMeanwhile:
                return redirect(work.url("meanwhile"))
            else:
                messages.success(request, f"{saved.name} is saved. {finding.said}".strip())
                if request.POST.get("action") == "show":
                    return show_changes(request, saved)
                return redirect("sync", request.team.slug, saved.public_id)
    wanted = work.wanted
    return page(
        request,
        work,
        "review",
        form=form,
        finding=finding,
        run=run,
        denied=denied,
        mode=MODES[mode] if (mode := mode_of(wanted.mode)) else ("", ""),
        mapped=_in_words(work, finding.rows),
        target=work.target,
        companion=companion_of(work),
        urls={name: work.url(name) for name in STEPS},
    )


def _in_words(work: Work, rows: Sequence[Row]) -> list[Mapped]:
    """The rows in words, each with the page where it is changed, once they are kept."""
    places = [at for at, row in enumerate(rows) if not row.is_blank]
    told = in_words([rows[at] for at in places], work.fields or ())
    if "rows" not in work.content:
        return told
    return [replace(one, url=work.field_url(at)) for at, one in zip(places, told, strict=True)]


def page(request: TeamRequest, work: Work, here: str, *, template: str = "", **context: Any) -> HttpResponse:
    """The page of the step named `here`, or another `template` of it, with what all steps show."""
    names = list(STEPS)
    steps = [
        {
            "label": label,
            "url": work.url(name),
            "is_here": name == here,
            "is_done": work.sync is not None or names.index(name) < names.index(here),
        }
        for name, label in STEPS.items()
    ]
    shared = {
        "section": "syncs",
        "work": work,
        "sync": work.sync,
        "step_label": STEPS[here],
        "steps": steps,
        "number": names.index(here) + 1,
    }
    return render(request, template or f"syncs/syncs/step_{here}.html", shared | context)


def behind(request: TeamRequest, work: Work) -> HttpResponse | None:
    """Where to go first, if the step cannot be looked at yet."""
    if not work.missing_step:
        return None
    messages.info(request, f"First comes the {STEPS[work.missing_step].lower()}.")
    return redirect(work.url(work.missing_step))


def _discard(request: TeamRequest, work: Work) -> HttpResponse:
    work.discard()
    if work.sync is not None:
        messages.info(request, "Your changes are thrown away; the sync is as it was.")
        return redirect("sync", request.team.slug, work.sync.public_id)
    messages.info(request, "The unfinished sync is thrown away.")
    return redirect("syncs", request.team.slug)


def leave(request: TeamRequest, work: Work) -> HttpResponse:
    messages.info(request, "What you typed is kept. Go on whenever you like.")
    if work.sync is not None:
        return redirect("sync", request.team.slug, work.sync.public_id)
    return redirect("syncs", request.team.slug)


def _know_fields(request: TeamRequest, work: Work) -> None:
    """Ask for the object's fields where nobody did yet."""
    if work.fields is None and work.connection is not None and work.target is not None:
        problem = refresh_fields(work.connection, work.target.key)
        if problem:
            messages.error(request, f"The fields could not be read: {problem}")


def _is_settled(work: Work) -> bool:
    """Whether a change of the mode leaves the mapping as it is: then the review is next."""
    return work.sync is not None and work.sync.object_key == work.content.get("object")


def _adapter(connection: Connection) -> Any:
    return registry.adapters().get(connection.destination)


def _targets(adapter: type[Adapter], allowed: frozenset[str] | None) -> list[ObjectType]:
    """The objects that may be written; None: all of them."""
    return [one for one in adapter.objects if allowed is None or one.key in allowed]


def _target_value(connection: Connection | None, object_key: str) -> str:
    return f"{connection.public_id}:{object_key}" if connection is not None else ""
