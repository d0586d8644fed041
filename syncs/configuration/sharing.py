"""Letting another team use a connection; taking that away again pauses its syncs and tells both."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction

from destinations.models import Connection, ConnectionShare
from syncadmin.teams import audit
from syncadmin.teams.audit import Action, By
from syncadmin.teams.models import Team, User
from syncs.engine.run import cancel
from syncs.models import Run, Sync


@dataclass(frozen=True, slots=True)
class Hurt:
    """What stood on a share that was taken away, in whole or for some objects."""

    paused_count: int
    run_count: int


def share(
    by: By,
    connection: Connection,
    with_team: Team,
    *,
    objects: Collection[str],
    percent: int,
    made_by: User | None,
) -> ConnectionShare:
    """Let the team use the connection for these objects. IntegrityError: it may already."""
    with transaction.atomic():
        made = ConnectionShare.objects.create(
            team=connection.team,
            connection=connection,
            with_team=with_team,
            objects_allowed=sorted(objects),
            budget_percent=percent,
            made_by=made_by,
        )
        _tell(by, made, Action.SHARE_MADE, after=_told(made))
    return made


def change(by: By, given: ConnectionShare, *, objects: Collection[str], percent: int) -> Hurt:
    """Other objects, another part. Syncs that write an object which is no longer shared are paused."""
    with transaction.atomic():
        before = _told(given)
        given.objects_allowed, given.budget_percent = sorted(objects), percent
        given.save(update_fields=["objects_allowed", "budget_percent", "updated_at"])
        was, now = audit.changed(before, _told(given))
        if now:
            _tell(by, given, Action.SHARE_CHANGED, before=was, after=now)
        return _pause(given, allowed=given.objects_allowed)


def take_away(by: By, given: ConnectionShare) -> Hurt:
    """The team may no longer use it. What is in flight is still settled; nothing more is sent."""
    with transaction.atomic():
        gone, _ = ConnectionShare.objects.filter(pk=given.pk).delete()
        if not gone:
            return Hurt(0, 0)  # somebody else was first
        _tell(by, given, Action.SHARE_REMOVED, before=_told(given))
        return _pause(given, allowed=())


def syncs_on(given: ConnectionShare) -> int:
    """How many syncs of the other team stand on it."""
    return Sync.objects.filter(connection=given.connection_id, team=given.with_team_id).count()


def _pause(given: ConnectionShare, *, allowed: Collection[str]) -> Hurt:
    hurt = Sync.objects.filter(connection=given.connection_id, team=given.with_team_id).exclude(
        object_key__in=allowed
    )
    reason = (
        f"{given.team} took away the connection “{given.connection}”, on which this sync stands. Give the "
        f"sync another destination, or ask an admin of {given.team} to share it again."
    )
    pks = list(hurt.values_list("pk", flat=True))
    paused = Sync.objects.filter(pk__in=pks, paused=False).update(paused=True, pause_reason=reason)
    runs = [run for run in Run.objects.active().filter(sync__in=pks) if cancel(run)]
    return Hurt(paused, len(runs))


def _tell(
    by: By,
    given: ConnectionShare,
    action: Action,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    """Both teams read it in their logs."""
    for team in (given.team, given.with_team):
        told = audit.Subject("shared connection", str(given), str(given.public_id))
        audit.record(by, team, action, told, before=before, after=after)


def _told(given: ConnectionShare) -> dict[str, object]:
    return {
        "with": str(given.with_team),
        "objects": list(given.objects_allowed),
        "part of the limits": f"{given.budget_percent} %",
    }
