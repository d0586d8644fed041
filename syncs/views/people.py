"""Where is this person? One search over all syncs of the team, and sending what was found.

What is typed is personal data. It goes over in a form's body; the address of the answer holds it encrypted
for this team, so that the page can be read again, kept and passed on, and no log tells whom it is about.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.vary import vary_on_headers

from syncadmin.lib import personal
from syncadmin.lib.crypto import Secret, UnreadableSecret, Vault
from syncadmin.teams.access import Can, TeamRequest, needs
from syncadmin.teams.models import Team, User
from syncs.engine import permitted
from syncs.engine import run as engine
from syncs.engine.again import send_again
from syncs.engine.spellings import is_address
from syncs.engine.whereabouts import candidates, find
from syncs.forms.people import FindForm
from syncs.models import RejectedRow, Run, Sync
from syncs.views import people_source, people_words, run_words
from syncs.views.sync_sent import what_became

P = ParamSpec("P")
TEXT, TEAM = "text", "team"
NEAR = 5  # models that are listed at once, where no sync knows the person


@dataclass(frozen=True, slots=True)
class Followed:
    """The run that somebody started for a row, and what became of it."""

    run: Run
    sentence: str
    tone: str = "busy"
    trouble: run_words.Trouble | None = None


def reference(team: Team, text: str) -> str:
    """What stands for the text in addresses."""
    return Vault(settings.ENCRYPTION_KEYS).seal({TEXT: Secret(text), TEAM: Secret(str(team.pk))})


def of_reference(can: Can) -> Callable[..., Callable[..., HttpResponseBase]]:
    """The view gets the text that the reference in the address stands for."""

    def decorate(
        view: Callable[Concatenate[TeamRequest, str, str, P], HttpResponse],
    ) -> Callable[..., HttpResponseBase]:
        @needs(can)
        @wraps(view)
        def with_text(request: TeamRequest, ref: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            try:
                opened = Vault(settings.ENCRYPTION_KEYS).open(ref)
            except (UnreadableSecret, ValueError):
                messages.warning(request, "This link to a person can no longer be read. Type them once more.")
                return redirect("people", request.team.slug)
            if TEXT not in opened or opened[TEAM].reveal() != str(request.team.pk):
                raise Http404
            return view(request, ref, opened[TEXT].reveal(), *args, **kwargs)

        return with_text

    return decorate


@needs(Can.LOOK)
def people(request: TeamRequest) -> HttpResponse:
    """Ask whom to look for; go to the page that tells."""
    form = FindForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        return redirect("person", request.team.slug, reference(request.team, form.cleaned_data["what"]))
    shown = {"section": "people", "form": form, "sync_count": Sync.objects.filter(team=request.team).count()}
    return render(request, "syncs/people/ask.html", shown)


@vary_on_headers("HX-Request")
@of_reference(Can.LOOK)
def person(request: TeamRequest, ref: str, text: str) -> HttpResponse:
    """Where they are. While something goes on, the page looks again by itself."""
    shown = _shown(request, ref, text)
    if getattr(request, "htmx", False):
        return render(request, "syncs/people/_found.html", shown)
    return render(request, "syncs/people/person.html", shown)


@vary_on_headers("HX-Request")
@of_reference(Can.LOOK)
def person_in_source(request: TeamRequest, ref: str, text: str, model: UUID) -> HttpResponse:
    """Read the model for them, and say what a run would do with what is there."""
    found = get_object_or_404(permitted.models_for(request.team), public_id=model)
    looked = people_source.look(found, request.team, text)
    if getattr(request, "htmx", False):
        return render(request, "syncs/people/_in_source.html", {"ref": ref, "looked": looked})
    return render(request, "syncs/people/person.html", _shown(request, ref, text) | {"looked": looked})


@of_reference(Can.RUN)
def person_send(request: TeamRequest, ref: str, text: str) -> HttpResponse:
    """Start a run of one row, changed or not, and go back to where its end will be told."""
    here = reverse("person", args=[request.team.slug, ref])
    key = request.POST.get("key", "")
    if request.method != "POST" or not key:
        return redirect(here)
    try:
        wanted = UUID(request.POST.get("sync", ""))
    except ValueError:
        raise Http404 from None
    sync = get_object_or_404(Sync, team=request.team, public_id=wanted)
    trigger = Run.Trigger.RETRY if "again" in request.POST else Run.Trigger.MANUAL
    try:
        run = _send(sync, request.user, key, trigger)
    except engine.Paused as paused:
        messages.error(request, str(paused))
        return redirect(here)
    if run is None:
        said = (
            "A run of this sync is going on. As soon as it ends, another one looks at the row, and sends it "
            "unless it is there as it is."
        )
        messages.success(request, said)
        return redirect(here)
    return redirect(f"{here}?{urlencode({'run': str(run.public_id)})}")


def _send(sync: Sync, user: User, key: str, trigger: Run.Trigger) -> Run | None:
    """The run of the row; None where it has to wait for another to end. Paused where the sync is."""
    try:
        return engine.start(sync, trigger=trigger, started_by=user, keys=[key], full=True)
    except engine.AlreadyRunning as busy:
        if busy.run.keys == [key] and not busy.run.dry_run:
            return busy.run  # pressed twice
    started = send_again(sync, asked_by=user, keys=[key])
    return started if isinstance(started, Run) else None


def _shown(request: TeamRequest, ref: str, text: str) -> dict[str, Any]:
    """What the page tells."""
    followed = _followed(request)
    run = followed.run if followed is not None else None
    closely = "closely" in request.GET
    found = find(request.team, text, also=run, closely=closely)
    told = [people_words.tell(standing) for standing in found.standings]
    # What others are called is not for those who may only look: they find whom they know.
    begin_so = candidates(request.team, text) if not told and personal.is_shown() else []
    models = people_source.models_of(found)
    near = sum(one.knows for one in models) if told else NEAR
    here, asked = reverse("person", args=[request.team.slug, ref]), _asked(run, closely=closely)
    return {
        "section": "people",
        "form": FindForm(initial={"what": text}),
        "ref": ref,
        "text": text,
        "here": f"{here}?{asked}" if asked else here,
        "found": found,
        "told": told,
        "headline": people_words.headline(found, told),
        "followed": followed,
        "is_moving": found.is_moving or (run is not None and not run.is_over),
        "elsewhere": [(of, people_words.of_elsewhere(of)) for of in found.elsewhere],
        "near": models[:near],
        "far": models[near:],
        "may_be_beginning": not told and not personal.is_shown() and not is_address(found.forms),
        "may_look_closer": not told and not closely and not is_address(found.forms),
        "candidates": [(key, reference(request.team, key)) for key in begin_so],
    }


def _asked(run: Run | None, *, closely: bool) -> str:
    """What the page's own address asks beside the person."""
    asked = {"run": str(run.public_id)} if run is not None else {}
    return urlencode(asked | ({"closely": "1"} if closely else {}))


def _followed(request: TeamRequest) -> Followed | None:
    """The run that the address names, if it is one of a single row."""
    try:
        wanted = UUID(request.GET.get("run", ""))
    except ValueError:
        return None
    runs = Run.objects.select_related("sync__connection")
    run = runs.filter(team=request.team, public_id=wanted, dry_run=False).first()
    if run is None or run.keys is None or len(run.keys) != 1:
        return None
    place = run_words.place_of(run)
    if run.is_over:
        rejected = list(RejectedRow.objects.filter(run=run).order_by("pk")[:5])
        return Followed(run, *what_became(run, place, rejected))
    return Followed(run, run_words.sentence(run, place), trouble=run_words.trouble_of(run))
