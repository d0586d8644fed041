"""The versions of a sync: who changed what and when, and going back to one."""

from dataclasses import dataclass

from django.contrib import messages
from django.db.models import Max
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from destinations import registry
from destinations.shares import usable_by
from syncadmin.teams.access import Can, TeamRequest
from syncs.configuration.definition import fillings_in
from syncs.configuration.export import write
from syncs.engine.permitted import models_for
from syncs.forms.sync_rows import rows_of, stored_rows
from syncs.forms.version_words import ELSEWHERE, Change, Saved, changes
from syncs.models import Run, Sync, SyncDraft, SyncVersion
from syncs.views.sync_draft import Work, open_work
from syncs.views.sync_facts import in_words, of_sync

A_PAGE = 25
SHOWN_CHANGES = 6  # of a version in the list
SHOWN_RUNS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """A version in the list. `more` changes are on its page."""

    version: SyncVersion
    changes: list[Change]
    more: int


@of_sync(Can.LOOK)
def sync_versions(request: TeamRequest, sync: Sync) -> HttpResponse:
    """All versions, the newest first, each with what it changed."""
    before = request.GET.get("before", "")
    found = SyncVersion.objects.filter(sync=sync).select_related("author").order_by("-number")
    if before.isascii() and before.isdecimal() and len(before) < 10:
        found = found.filter(number__lt=int(before))
    taken = list(found[: A_PAGE + 1])  # one more: what the last one is compared with
    labels = _labels(sync)
    lines = []
    for at, version in enumerate(taken[:A_PAGE]):
        former = taken[at + 1] if at + 1 < len(taken) else None
        told = changes(_saved(former), _known(version), labels)
        lines.append(Line(version, told[:SHOWN_CHANGES], max(0, len(told) - SHOWN_CHANGES)))
    context = {
        "section": "syncs",
        "sync": sync,
        "lines": lines,
        "latest": _latest(sync),
        "older": taken[A_PAGE - 1].number if len(taken) > A_PAGE else None,
        "is_first_page": not before,
    }
    return render(request, "syncs/syncs/versions.html", context)


@of_sync(Can.LOOK)
def sync_version(request: TeamRequest, sync: Sync, number: int) -> HttpResponse:
    """One version: what it changed, all that it says, and what going back to it would change."""
    version = _version(sync, number)
    former = SyncVersion.objects.filter(sync=sync, number=number - 1).first()
    last = _version(sync, _latest(sync))
    labels = _labels(sync)
    fields = registry.remembered_fields(sync.connection.fields, sync.object_key) or []
    mapping = rows_of(fillings_in(version.definition), [field.key for field in fields])
    runs = Run.objects.filter(sync=sync, version=number).select_related("sync", "started_by")
    apart = changes(_known(last), _known(version), labels) if last.number != number else []
    name = version.definition.get("name", sync.name)
    text = {key: value for key, value in version.definition.items() if key != "name"}
    context = {
        "section": "syncs",
        "sync": sync,
        "version": version,
        "former": former,
        "next": number + 1 if number < last.number else None,
        "last": last,
        "changes": changes(_saved(former), _known(version), labels),
        "back": [one for one in apart if one.setting not in ELSEWHERE],
        "stays": [one.subject.lower() for one in apart if one.setting in ELSEWHERE],
        "mapped": in_words(mapping, fields),
        "text": write({"syncs": {name: text}}),
        "runs": list(runs.order_by("-pk")[:SHOWN_RUNS]),
        "run_count": runs.count(),
    }
    return render(request, "syncs/syncs/version.html", context)


@of_sync(Can.BUILD)
def sync_go_back(request: TeamRequest, sync: Sync, number: int) -> HttpResponse:
    """Put a version into the person's draft, to be looked at and saved: nothing else is written.

    Unsaved changes that the person has are asked about first.
    """
    version = _version(sync, number)
    here = reverse("sync_version", args=[request.team.slug, sync.public_id, number])
    draft = SyncDraft.objects.filter(team=request.team, user=request.user, sync=sync).first()
    if request.method != "POST":
        return redirect(here)
    if draft is not None and request.POST.get("replace") != "yes":
        context = {"section": "syncs", "sync": sync, "version": version, "draft": draft, "here": here}
        return render(request, "syncs/syncs/version_replace.html", context)
    if draft is not None:
        draft.delete()
    work = open_work(request, sync.public_id)
    for gone in _take(work, version):
        messages.warning(request, gone)
    messages.info(
        request,
        f"Version {number} stands below as it was, to be looked at. Nothing is changed before you save it.",
    )
    return redirect(work.url("review"))


def _take(work: Work, version: SyncVersion) -> list[str]:
    """Let the draft say what the version said. Returns what of it is not there any more."""
    told, refs = version.definition, version.refs
    gone = []
    kept = dict(work.content)
    team = work.draft.team
    if models_for(team).filter(public_id=refs.get("model")).exists():
        kept["model"] = refs["model"]
    else:
        gone.append(f"The model {told.get('model', '')} is gone, so the present one stays.")
    if usable_by(team).filter(public_id=refs.get("connection")).exists():
        kept["connection"] = refs["connection"]
        kept["object"] = told["object"]
    else:
        gone.append(f"The destination {told.get('connection', '')} is gone, so the present one stays.")
    known = [field.key for field in work.fields or ()]
    kept |= {
        "mode": told["mode"],
        "upsert_key": told["upsert_key"],
        "name": told["name"],
        "keep_records": told.get("keep_records", True),
        "rows": stored_rows(rows_of(fillings_in(told), known)),
    }
    work.draft.content = kept
    work.save()
    return gone


def _version(sync: Sync, number: int) -> SyncVersion:
    found = SyncVersion.objects.filter(sync=sync, number=number).select_related("author").first()
    if found is None:
        raise Http404
    return found


def _latest(sync: Sync) -> int:
    return SyncVersion.objects.filter(sync=sync).aggregate(last=Max("number"))["last"] or 0


def _known(version: SyncVersion) -> Saved:
    return Saved(version.definition, version.refs)


def _saved(version: SyncVersion | None) -> Saved | None:
    return None if version is None else _known(version)


def _labels(sync: Sync) -> dict[str, str]:
    """The fields' names for people, by key."""
    fields = registry.remembered_fields(sync.connection.fields, sync.object_key) or []
    return {field.key: f"{field.group}: {field.label}" if field.group else field.label for field in fields}
