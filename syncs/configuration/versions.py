"""The versions of a sync: each save that changes something keeps one."""

from typing import Any

from syncadmin.lib.shown import counted
from syncadmin.teams import audit
from syncadmin.teams.audit import Action
from syncadmin.teams.models import User
from syncs.configuration.definition import meaning
from syncs.configuration.differences import same
from syncs.configuration.export import definition_of
from syncs.models import Sync, SyncVersion

Origin = SyncVersion.Origin


def keep(sync: Sync, *, author: User | None, origin: str = Origin.PAGES) -> SyncVersion | None:
    """Keep the sync as it is in the database now. None where the last version says the same.

    In the transaction of the save, after everything is written, with the sync's row locked.
    """
    last = latest(sync)
    definition, refs = definition_of(sync), refs_of(sync)
    if last is not None and same(meaning(last.definition, last.refs), meaning(definition, refs)):
        return None
    _tell(sync, author, origin, last, definition)
    return SyncVersion.objects.create(
        team_id=sync.team_id,
        sync=sync,
        number=last.number + 1 if last is not None else 1,
        author=author,
        origin=origin,
        definition=definition,
        refs=refs,
    )


# Who must never be sent stands in guards: people's data, which no log holds.
_PEOPLES = ("guards",)


def _tell(
    sync: Sync, author: User | None, origin: str, last: SyncVersion | None, definition: dict[str, Any]
) -> None:
    """Write the save into the audit log."""
    if origin == Origin.FOUND:
        return
    before, after = audit.changed(last.definition if last is not None else {}, definition)
    if isinstance(before.get("mapping"), dict) and isinstance(after.get("mapping"), dict):
        before["mapping"], after["mapping"] = audit.changed(before["mapping"], after["mapping"])
    parts = {*before, *after}
    action = Action.SYNC_CHANGED if last is not None else Action.SYNC_MADE
    if last is not None and parts == {"schedule"}:
        action = Action.SCHEDULE_CHANGED
    elif last is not None and parts == {"guards"}:
        action = Action.GUARD_CHANGED
    for name in _PEOPLES:
        for told in (before, after):
            if name in told:
                told[name] = counted(len(told[name]), "guard")
    number = last.number + 1 if last is not None else 1
    audit.record(
        author,
        sync.team,
        action,
        sync,
        before=before | {"version": number - 1} if last is not None else None,
        after=after | {"version": number},
    )


def keep_found(sync: Sync) -> None:
    """Before the first save since versions are kept: keep what was there, so that one can go back to it."""
    if latest(sync) is None:
        keep(sync, author=None, origin=Origin.FOUND)


def latest(sync: Sync) -> SyncVersion | None:
    return SyncVersion.objects.filter(sync=sync).order_by("-number").first()


def refs_of(sync: Sync) -> dict[str, str]:
    """The public ids of what a definition names."""
    return {"model": str(sync.model.public_id), "connection": str(sync.connection.public_id)}
