"""The sync that somebody is putting together: what is chosen so far, kept in the database between pages.

A new sync and changes to an existing one go the same way. Nothing of a draft counts before it is saved.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max
from django.shortcuts import get_object_or_404
from django.urls import reverse

from destinations import connect, registry
from destinations.contract import Adapter, Field, Mode, ObjectType
from destinations.errors import DestinationError
from destinations.models import Connection
from destinations.shares import objects_for, usable_by
from syncadmin.teams.access import TeamRequest
from syncs.configuration.checks import Draft, Filling, with_defaults
from syncs.configuration.goals import fillings_of
from syncs.engine import ledger
from syncs.engine.permitted import models_for
from syncs.forms.sync_merge import is_same
from syncs.forms.sync_proposals import opening_rows
from syncs.forms.sync_rows import Row, restored_rows, rows_of, stored_rows
from syncs.forms.sync_suggestions import Candidate
from syncs.forms.sync_words import mode_of
from syncs.models import QueryModel, Sync, SyncDraft, SyncVersion

STEPS = {
    "model": "Model",
    "object": "Destination",
    "mode": "Mode and key",
    "mapping": "Mapping",
    "review": "Review",
}


@dataclass(slots=True)
class Work:
    """A draft with what its choices refer to. What was removed meanwhile is no longer chosen."""

    request: TeamRequest
    draft: SyncDraft
    sync: Sync | None
    model: QueryModel | None = None
    connection: Connection | None = None
    adapter: type[Adapter] | None = None
    target: ObjectType | None = None
    before: tuple[Filling, ...] = field(default=())

    @property
    def content(self) -> dict[str, Any]:
        return self.draft.content

    @property
    def wanted(self) -> Draft:
        """The target as the checks want it, without the mapping."""
        object_key = str(self.content.get("object", ""))
        draft = Draft(
            object_key, str(self.content.get("mode", "")), str(self.content.get("upsert_key", "")), ()
        )
        return with_defaults(draft, self.adapter) if self.adapter is not None else draft

    @property
    def label(self) -> str:
        """The destination's name; templates would take the adapter itself for something to call."""
        return self.adapter.label if self.adapter is not None else ""

    @property
    def name(self) -> str:
        """The name that was typed, or a proposal."""
        typed = str(self.content.get("name", ""))
        if typed or self.model is None or self.connection is None or self.target is None:
            return typed
        return f"{self.model.name} → {self.connection.name} {self.target.label.lower()}"[:100]

    @property
    def is_begun(self) -> bool:
        return self.draft.pk is not None

    @property
    def has_conflict(self) -> bool:
        """Whether somebody else changed the sync since this work began."""
        return self.sync is not None and self.draft.based_on != self.sync.updated_at

    @property
    def fields(self) -> list[Field] | None:
        """The fields of the object as last listed; None where nobody knows them."""
        if self.connection is None or self.target is None:
            return None
        return registry.remembered_fields(self.connection.fields, self.target.key)

    def rows(self, columns: Sequence[Candidate] = ()) -> list[Row]:
        """The mapping as it stands in the form; a proposal where nobody typed anything yet."""
        if "rows" in self.content:
            return restored_rows(self.content["rows"])
        if self.target is None:
            return []
        wanted = self.wanted
        mode = mode_of(wanted.mode) or Mode.UPSERT
        return opening_rows(self.target, mode, wanted.upsert_key, self.fields or (), columns)

    def save(self, **changes: Any) -> None:
        """Keep what was chosen or typed."""
        self.draft.content = {**self.content, **changes}
        if "rows" in changes:
            self.draft.content["rows"] = stored_rows(changes["rows"])
        if self.is_begun:
            self.draft.save(update_fields=["content", "based_on", "updated_at"])
            return
        stored, _ = SyncDraft.objects.update_or_create(
            team=self.draft.team,
            user=self.draft.user,
            sync=self.sync,
            defaults={"content": self.draft.content, "based_on": self.draft.based_on},
        )
        self.draft = stored

    def stand_on(self, now: dict[str, Any]) -> None:
        """From now on the work is based on the sync as it is: `now` is its content."""
        if self.sync is not None:
            self.draft.based_on = self.sync.updated_at
            self.save(base=now, base_version=_version_of(self.sync))

    def began_at(self, moment: datetime) -> None:
        """The work is of a page that showed the sync as it was then; how it was is known if that is now."""
        self.draft.based_on = moment
        if self.has_conflict:
            self.draft.content = {
                name: part for name, part in self.content.items() if name not in ("base", "base_version")
            }

    def discard(self) -> None:
        if self.is_begun:
            self.draft.delete()

    def url(self, step: str) -> str:
        """The page of a step."""
        slug = self.draft.team.slug
        if self.sync is None:
            return reverse("sync_add" if step == "model" else f"sync_add_{step}", args=[slug])
        name = "sync_edit" if step == "review" else f"sync_edit_{step}"
        return reverse(name, args=[slug, self.sync.public_id])

    def field_url(self, at: int) -> str:
        """The page of one row of the mapping, counted from 0."""
        return f"{self.url('mapping')}{at}/"

    @property
    def meanwhile_url(self) -> str:
        """Where two people's changes stand side by side."""
        return self.url("meanwhile") if self.sync is not None else ""

    @property
    def back_url(self) -> str:
        """Where a person who does not want to go on goes from the middle."""
        return self.url("object" if self.sync is None else "review")

    @property
    def missing_step(self) -> str:
        """The first step without which the next ones make no sense; empty where there is none."""
        if self.model is None:
            return "model"
        return "object" if self.target is None else ""


def open_work(request: TeamRequest, sync_id: UUID | None) -> Work:
    """The user's work on a new sync, or on the team's sync of this id. Nothing is written."""
    sync = None
    if sync_id is not None:
        found = Sync.objects.select_related("model__source", "connection__account", "team")
        sync = get_object_or_404(found, team=request.team, public_id=sync_id)
    draft = SyncDraft.objects.filter(team=request.team, user=request.user, sync=sync).first()
    before = fillings_of(sync) if sync is not None else ()
    if draft is None:
        draft = SyncDraft(team=request.team, user=request.user, sync=sync)
        if sync is not None:
            now = _content_of(sync, before)
            draft.content = now | {"base": now, "base_version": _version_of(sync)}
            draft.based_on = sync.updated_at
    draft.team = request.team
    work = Work(request, draft, sync, before=before)
    _look_up(work)
    base = draft.content.get("base")
    if work.has_conflict and sync is not None and base and is_same(base, _content_of(sync, before)):
        draft.based_on = sync.updated_at  # what was touched since is none of what can be edited here
    return work


def refresh_fields(connection: Connection, object_key: str) -> str:
    """Ask the service for the object's fields; refused rows wait no longer. Returns what went wrong."""
    try:
        connect.refresh_fields(connection, object_key)
    except DestinationError as error:
        return error.message
    for sync in Sync.objects.filter(connection=connection, object_key=object_key):
        ledger.release_refused(sync)
    return ""


def companion_of(work: Work) -> dict[str, Any] | None:
    """What writing fields of a second object does."""
    if work.target is None or work.target.companion is None or work.adapter is None:
        return None
    companion = work.target.companion
    return {
        "label": companion.label,
        "key": companion.prefix + companion.key_field,
        "fallback": companion.fallback_field,
        "note": work.adapter.object(companion.object).note,
        "is_mapped": any(row.key.startswith(companion.prefix) for row in work.rows()),
    }


def content_now(sync: Sync) -> dict[str, Any]:
    """The sync as a draft of it would begin now."""
    return _content_of(sync, fillings_of(sync))


def _version_of(sync: Sync) -> int:
    """The number of the sync's newest version; 0 where none is kept yet."""
    latest = SyncVersion.objects.filter(sync=sync).aggregate(newest=Max("number"))["newest"]
    return latest or 0


def _content_of(sync: Sync, before: Iterable[Filling]) -> dict[str, Any]:
    known = [one.key for one in connect.known_fields(sync.connection, sync.object_key)]
    return {
        "model": str(sync.model.public_id),
        "connection": str(sync.connection.public_id),
        "object": sync.object_key,
        "mode": sync.mode,
        "upsert_key": sync.upsert_key,
        "rows": stored_rows(rows_of(before, known)),
        "name": sync.name,
        "keep_records": sync.keep_records,
    }


def _look_up(work: Work) -> None:
    team, content = work.draft.team, work.content
    if model_id := content.get("model"):
        work.model = models_for(team).filter(public_id=model_id).first()
    if connection_id := content.get("connection"):
        work.connection = usable_by(team).filter(public_id=connection_id).first()
    if work.connection is not None:
        work.adapter = registry.adapters().get(work.connection.destination)
    if work.adapter is not None:
        allowed = objects_for(work.connection, team.pk) if work.connection is not None else None
        objects = {one.key: one for one in work.adapter.objects if allowed is None or one.key in allowed}
        work.target = objects.get(str(content.get("object", "")))
