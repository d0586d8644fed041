"""Letting another team use a connection or a model; taking it away pauses its syncs and tells both."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from destinations.models import Connection, ConnectionShare
from syncadmin.teams import audit
from syncadmin.teams.audit import Action, By
from syncadmin.teams.models import Team, User
from syncs.engine.run import cancel
from syncs.models import ModelShare, QueryModel, Run, Sync


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


def share_model(by: By, model: QueryModel, with_team: Team, *, made_by: User | None) -> ModelShare:
    """Let the team look at the model and send its rows. IntegrityError: it may already."""
    with transaction.atomic():
        made = ModelShare.objects.create(team=model.team, model=model, with_team=with_team, made_by=made_by)
        _tell(by, made, Action.MODEL_SHARED, after={"with": str(with_team)})
    return made


def take_model_away(by: By, given: ModelShare) -> Hurt:
    """The team may no longer use it. What is in flight is still settled; nothing more is read."""
    with transaction.atomic():
        gone, _ = ModelShare.objects.filter(pk=given.pk).delete()
        if not gone:
            return Hurt(0, 0)  # somebody else was first
        _tell(by, given, Action.MODEL_SHARE_REMOVED, before={"with": str(given.with_team)})
        return _stop(
            syncs_on(given),
            f"{given.team} took away the model “{given.model}”, whose rows this sync sends. Give the sync "
            f"another model, or ask an editor of {given.team} to share it again.",
        )


def syncs_on(given: ConnectionShare | ModelShare) -> QuerySet[Sync]:
    """The syncs of the other team that stand on it."""
    found = Sync.objects.filter(team=given.with_team_id)
    if isinstance(given, ModelShare):
        return found.filter(model=given.model_id)
    return found.filter(connection=given.connection_id)


def _pause(given: ConnectionShare, *, allowed: Collection[str]) -> Hurt:
    return _stop(
        syncs_on(given).exclude(object_key__in=allowed),
        f"{given.team} took away the connection “{given.connection}”, on which this sync stands. Give the "
        f"sync another destination, or ask an admin of {given.team} to share it again.",
    )


def _stop(syncs: QuerySet[Sync], reason: str) -> Hurt:
    """Pause them, and ask for the end of their runs."""
    pks = list(syncs.values_list("pk", flat=True))
    paused = Sync.objects.filter(pk__in=pks, paused=False).update(paused=True, pause_reason=reason)
    runs = [run for run in Run.objects.active().filter(sync__in=pks) if cancel(run)]
    return Hurt(paused, len(runs))


def _tell(
    by: By,
    given: ConnectionShare | ModelShare,
    action: Action,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    """Both teams read it in their logs."""
    for team in (given.team, given.with_team):
        told = audit.Subject(str(given._meta.verbose_name), str(given), str(given.public_id))
        audit.record(by, team, action, told, before=before, after=after)


def _told(given: ConnectionShare) -> dict[str, object]:
    return {
        "with": str(given.with_team),
        "objects": list(given.objects_allowed),
        "part of the limits": f"{given.budget_percent} %",
    }
