"""The versions of a sync: each save that changes something keeps one."""

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
    return SyncVersion.objects.create(
        team_id=sync.team_id,
        sync=sync,
        number=last.number + 1 if last is not None else 1,
        author=author,
        origin=origin,
        definition=definition,
        refs=refs,
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
