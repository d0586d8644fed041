"""A sync's guards, stored, exported and compared: what documents and pages share.

A document names the model of a suppression list and holds its keys; the database has the model's public id,
and the name of a list in a table of its own. `guard_reading.py` has what stands between the two.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from destinations.contract import JSON, Adapter
from syncadmin.teams.models import Team
from syncs.configuration.checks import Draft, Fault
from syncs.configuration.differences import same
from syncs.configuration.guard_reading import Guard, Wanted
from syncs.engine import guard_keys
from syncs.engine.guard_kinds import (
    content_of,
    guard_faults,
    kind_of,
    name_of,
    sentence,
    texts_in,
    unknown_looks,
)
from syncs.models import GuardKeys, QueryModel, Sync


def faults_of(wanted: Wanted) -> list[Fault]:
    """What is wrong with the guards by themselves."""
    return [Fault(("guards", *path), message) for path, message in guard_faults(list(wanted.guards))]


def look_faults_of(
    guards: Sequence[Guard], columns: Sequence[str] | None, fields: Sequence[str]
) -> list[Fault]:
    """Where guards without fault look at columns, or at mapped fields, that are not there."""
    return [Fault(("guards", *path), message) for path, message in unknown_looks(guards, columns, fields)]


def looked_at(draft: Draft, adapter: type[Adapter]) -> list[str]:
    """The fields that guards may look at: those of the record itself that rows fill."""
    companion = adapter.object(draft.object).companion
    prefix = companion.prefix if companion is not None else None
    return [
        filling.field
        for filling in draft.mapping
        if filling.variable is None and not (prefix is not None and filling.field.startswith(prefix))
    ]


def models_named(guards: Sequence[Guard]) -> Iterator[tuple[int, str]]:
    """The models that guards without fault read keys from, each with the guard's place."""
    for at, guard in enumerate(guards):
        content = content_of(guard)
        if kind_of(guard) == "suppressed" and "model" in content:
            yield at, content["model"]


def reading_keys_of(model: QueryModel) -> list[tuple[Sync, str]]:
    """The team's syncs whose guards read keys from a model, each with the column."""
    wanted = str(model.public_id)
    return [
        (sync, content_of(sync.guards[at])["model_column"])
        for sync in Sync.objects.filter(team=model.team_id).exclude(guards=[]).order_by("name")
        for at, name in models_named(sync.guards)
        if name == wanted
    ]


def naming(team: Team, text: str) -> list[Sync]:
    """The team's syncs whose guards name somebody: in a condition, or among those never to be sent."""
    wanted = text.strip().casefold()
    return [
        sync
        for sync in Sync.objects.filter(team=team).exclude(guards=[]).order_by("name")
        if any(wanted == value for value in texts_in(sync.guards))
    ]


# From the database and back


def stored_guards(sync: Sync) -> tuple[Guard, ...]:
    """The sync's guards, models by name. A model that is gone keeps its id: no model has such a name."""
    if not sync.guards:
        return ()
    ids = [name for _, name in models_named(sync.guards)]
    found = QueryModel.objects.filter(team=sync.team_id, public_id__in=ids) if ids else ()
    names = {str(model.public_id): model.name for model in found}
    return tuple(_with_model(guard, names) for guard in sync.guards)


def as_stored(guards: Sequence[Guard], team_id: int) -> list[Guard]:
    """The guards with the ids of models in place of their names; what has ids already stays."""
    names = [name for _, name in models_named(guards)]
    found = QueryModel.objects.filter(team=team_id, name__in=names) if names else ()
    ids = {model.name: str(model.public_id) for model in found}
    return [dict(_with_model(guard, ids)) for guard in guards]


def write_guards(sync: Sync, wanted: Wanted) -> None:
    """Store the guards and their lists, in the caller's transaction, with the sync's row locked."""
    sync.guards = as_stored(wanted.guards, sync.team_id)
    sync.save(update_fields=["guards", "updated_at"])
    used = {content["list"] for guard in sync.guards if "list" in (content := content_of(guard))}
    there = set(GuardKeys.objects.filter(sync=sync).values_list("name", flat=True))
    GuardKeys.objects.filter(sync=sync, name__in=there - used).delete()
    GuardKeys.objects.bulk_create(
        GuardKeys(
            team_id=sync.team_id,
            sync=sync,
            name=name,
            digests=wanted.lists[name],
            key_count=len(wanted.lists[name]) // 8,
        )
        for name in used - there
        if name in wanted.lists
    )


def _with_model(guard: Guard, names: Mapping[str, str]) -> Guard:
    content = content_of(guard)
    if kind_of(guard) != "suppressed" or "model" not in content:
        return guard
    return {**guard, "suppressed": {**content, "model": names.get(content["model"], content["model"])}}


# From documents and back


def for_document(sync: Sync, *, with_digests: bool = True) -> list[JSON]:
    """The guards as a document has them; without digests lists stand by their name, as versions keep them."""
    found: list[JSON] = []
    for guard in stored_guards(sync):
        content = dict(content_of(guard))
        if with_digests and "list" in content:
            kept = GuardKeys.objects.filter(sync=sync, name=content.pop("list")).first()
            content.pop("count", None)
            content["digests"] = guard_keys.written(kept.digests) if kept is not None else ""
        found.append({**guard, kind_of(guard): content})
    return found


# Telling what changes


def differences(before: Sequence[Guard], after: Sequence[Guard]) -> Iterator[str]:
    """One line for each guard that is new, gone or other; the order is told where that alone changed."""
    rest = list(before)
    fresh = []
    for guard in after:
        at = next((at for at, old in enumerate(rest) if same(dict(old), dict(guard))), None)
        if at is None:
            fresh.append(guard)
        else:
            rest.pop(at)
    yield from (f"guards: new: {_told(guard)}" for guard in fresh)
    yield from (f"guards: taken out: {_told(guard)}" for guard in rest)
    if not fresh and not rest and not same_guards(before, after):
        yield "guards: another order"


def same_guards(before: Iterable[Guard], after: Iterable[Guard]) -> bool:
    return same([dict(guard) for guard in before], [dict(guard) for guard in after])


def _told(guard: Guard) -> str:
    name = f"“{name_of(guard)}”: " if "name" in guard else ""
    return f"{name}{sentence(guard).rstrip('.')}"
