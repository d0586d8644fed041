"""Two people change one sync: what each did, side by side, to choose from. Nothing that was typed is lost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from destinations.shares import usable_by
from syncadmin.teams.access import TeamRequest
from syncs.engine.permitted import models_for
from syncs.forms.field_words import steps_told
from syncs.forms.sync_merge import LABELS, Difference, Whose, differences, merged
from syncs.forms.sync_rows import parsed, restored_rows
from syncs.forms.sync_words import EMPTY, MODES, mode_of
from syncs.models import SyncVersion
from syncs.views.sync_draft import Work, content_now
from syncs.views.sync_edit import page, step


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the sync that differs, in words. `chosen` is the side that was ticked."""

    id: str
    label: str
    field: str
    yours: list[str]
    theirs: list[str]
    chosen: str


@step
def sync_meanwhile(request: TeamRequest, work: Work) -> HttpResponse:
    """Show what both changed; take what was chosen into the user's work, which then stands on the newest."""
    if work.sync is None or not work.has_conflict:
        return redirect(work.url("review"))
    theirs = content_now(work.sync)
    found = differences(work.content.get("base"), work.content, theirs)
    open_parts = [one for one in found if one.whose is Whose.BOTH]
    chosen = {one.id: request.POST.get(one.id, "") for one in open_parts}
    is_missing = request.method == "POST" and not all(chosen.values())
    if request.method == "POST" and not is_missing:
        work.draft.content = merged(work.content, theirs, found, chosen)
        work.stand_on(theirs)
        messages.success(request, "Both are put together. Look at it, then save.")
        return redirect(work.url("review"))
    labels = {one.key: one.label for one in work.fields or ()}
    told = _Words(work)

    def parts(whose: Whose) -> list[Part]:
        return [_part(one, labels, told, chosen.get(one.id, "")) for one in found if one.whose is whose]

    return page(
        request,
        work,
        "review",
        template="syncs/syncs/meanwhile.html",
        both=parts(Whose.BOTH),
        only_theirs=parts(Whose.THEIRS),
        only_yours=parts(Whose.YOURS),
        is_meanwhile=True,
        is_missing=is_missing,
        versions=_versions_since(work),
    )


def _versions_since(work: Work) -> list[SyncVersion]:
    """The saves since this work began, the newest first; the last one where it is not known when that was."""
    found = SyncVersion.objects.filter(sync=work.sync).select_related("author").order_by("-number")
    base = work.content.get("base_version")
    if base is None:
        return list(found[:1])
    return list(found.filter(number__gt=base)[:20])


def _part(one: Difference, labels: Mapping[str, str], told: "_Words", chosen: str) -> Part:
    if one.field:
        label = labels.get(one.field, one.field)
        return Part(one.id, label, one.field, told.row(one.yours), told.row(one.theirs), chosen)
    label = LABELS.get(one.name, one.name.replace("_", " ").capitalize())
    yours, theirs = told.setting(one.name, one.yours), told.setting(one.name, one.theirs)
    if yours == theirs:
        yours, theirs = ["as you have it"], ["as it was saved"]
    return Part(one.id, label, "", yours, theirs, chosen)


class _Words:
    """Parts of a draft's content for people."""

    def __init__(self, work: Work) -> None:
        self._team = work.draft.team

    def setting(self, name: str, value: Any) -> list[str]:
        if name == "model":
            return [str(models_for(self._team).filter(public_id=value).first() or "not chosen")]
        if name == "connection":
            return [str(usable_by(self._team).filter(public_id=value).first() or "not chosen")]
        if name == "mode" and (mode := mode_of(str(value))) is not None:
            return [MODES[mode][0]]
        if isinstance(value, bool):
            return ["yes" if value else "no"]
        if isinstance(value, str) and value:
            return [value]
        if value in (None, "", [], {}):
            return ["nothing"]
        return [f"{len(value)} set"] if isinstance(value, list | dict) else [str(value)]

    def row(self, kept: Mapping[str, str] | None) -> list[str]:
        """What fills the field, its steps, and what an empty value means, a line each."""
        if kept is None:
            return ["not mapped"]
        (row,) = restored_rows([kept])
        if not row.may_differ:
            return [f"the fixed value “{row.value}”" if row.source else "nothing yet"]
        source = row.kept_told or f"column {row.column}"
        empty = {policy.value: words for policy, words in EMPTY.items()}.get(row.empty, "")
        default = f": “{row.default}”" if row.empty == "default" else ""
        return [source, *steps_told(parsed(row.steps)), f"If it is empty: {empty.lower()}{default}"]
