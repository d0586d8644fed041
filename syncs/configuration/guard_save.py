"""Saving a sync's guards, and the question that each save asks: who of those never to be sent would be?"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from zoneinfo import ZoneInfo

import orjson
from django.db import transaction

from syncadmin.teams.models import User
from syncs.configuration import versions
from syncs.configuration.guard_reading import Guard, Wanted
from syncs.configuration.guards import as_stored, write_guards
from syncs.engine.ground import shape_of, told_next
from syncs.engine.guard_kinds import content_of, kind_of
from syncs.engine.guard_supplies import gathered
from syncs.engine.guard_trial import Denied, check_never
from syncs.models import FieldMapping, QueryModel, Run, Sync, SyncDraft
from syncs.sources.base import Reader

CHECK_SECONDS = 10.0


class ChangedMeanwhile(Exception):
    """Somebody else changed the guards since they were looked at. Nothing was written."""


class RunUnderWay(Exception):
    """A run was planned with the guards as they are; it is in `run`. Nothing was written."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"Run {run.number} is under way.")
        self.run = run


def mark_of(guards: Sequence[Guard]) -> str:
    """Stands for guards as they are: another one, or another order, has another mark."""
    told = orjson.dumps([dict(guard) for guard in guards], option=orjson.OPT_SORT_KEYS)
    return blake2b(told, digest_size=8).hexdigest()


@transaction.atomic
def save_guards(sync: Sync, wanted: Wanted, *, seen: str, author: User) -> None:
    """Write the guards, if they still are as `seen` says (`mark_of`), and keep a version.

    Drafts of the sync go on: they hold no guards. Raises ChangedMeanwhile or RunUnderWay.
    """
    now = Sync.objects.select_for_update(of=("self",)).select_related("model", "connection").get(pk=sync.pk)
    if mark_of(now.guards) != seen:
        raise ChangedMeanwhile
    run = Run.objects.active().filter(sync=now).first()
    if run is not None:
        raise RunUnderWay(run)
    versions.keep_found(now)
    before = now.updated_at
    write_guards(now, wanted)
    SyncDraft.objects.filter(sync=now, based_on=before).update(based_on=now.updated_at)
    versions.keep(now, author=author)


def never_sent(
    sync: Sync,
    reader: Reader,
    model: QueryModel,
    wanted: Wanted,
    mappings: Iterable[FieldMapping] | None = None,
) -> Denied:
    """Who of those never to be sent only their list would hold back, with this model, mapping and guards.

    `mappings` stand in for those that are stored. Raises SourceError or MappingBroken.
    """
    if not any(kind_of(guard) == "never_send" for guard in wanted.guards):
        return Denied()
    shape = shape_of(sync, told_next(sync), mappings)
    guarded = gathered(as_stored(wanted.guards, sync.team_id), sync, wanted.lists)
    zone = ZoneInfo(model.source.time_zone)
    return check_never(reader, model.sql, shape, guarded, zone, seconds=CHECK_SECONDS)


def with_excused(guards: Sequence[Guard], people: Iterable[str]) -> tuple[Guard, ...]:
    """The guards, with these people held back by their list alone, as somebody said."""
    return tuple(_excusing(guard, people) if kind_of(guard) == "never_send" else guard for guard in guards)


def _excusing(guard: Guard, people: Iterable[str]) -> Guard:
    content: Mapping[str, object] = content_of(guard)
    known = content.get("by_list_alone", [])
    excused = dict.fromkeys([*(known if isinstance(known, list) else []), *people])
    return {**guard, "never_send": {**content, "by_list_alone": list(excused)}}
