"""Saving one model, by the rules that `apply` follows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from syncadmin.teams import audit
from syncadmin.teams.audit import Action
from syncs.configuration.guards import reading_keys_of
from syncs.configuration.write import start_generations
from syncs.engine.guard_columns import COLUMN
from syncs.engine.guard_kinds import looks
from syncs.engine.mapping import columns_of
from syncs.models import FieldMapping, LedgerEntry, QueryModel, Run, Sync


class ChangedMeanwhile(Exception):
    """Somebody else saved the model since the form was opened. Nothing was written."""

    def __init__(self, model: QueryModel) -> None:
        super().__init__(f"{model} was changed by somebody else.")
        self.model = model


class Removed(Exception):
    """The model, or its source, is no more. Nothing was written."""


class ActiveRun(Exception):
    """The primary key cannot change while a run is under way that was planned with it."""

    def __init__(self, run: Run) -> None:
        called = run.sync if run.team_id == run.sync.model.team_id else f"A sync of {run.team}"
        super().__init__(
            f"{called} is running, and it goes by the primary key that changes here. Wait for its end, or "
            "cancel the run, then save again."
        )
        self.run = run


@dataclass(frozen=True, slots=True)
class Again:
    """A sync that starts anew, with the number of rows that it sends again."""

    sync: Sync
    row_count: int


def sent_again(model: QueryModel, primary_key: Sequence[str]) -> list[Again]:
    """What another primary key costs; nothing where the key stays."""
    stored = QueryModel.objects.filter(pk=model.pk).values_list("primary_key", flat=True).first()
    if stored is None or stored == list(primary_key):
        return []
    syncs = Sync.objects.filter(model=model).select_related("team").order_by("name")
    return [
        Again(sync, LedgerEntry.objects.filter(sync=sync, generation=sync.generation, part=0).count())
        for sync in syncs
    ]


def missing_columns(model: QueryModel, columns: Sequence[str]) -> dict[str, list[str]]:
    """The columns that syncs need and that are not among these, by the sync's name."""
    mapped = (
        FieldMapping.objects.filter(sync__model_id=model.pk, value__isnull=True, variable__isnull=True)
        .order_by("sync__name", "position")
        .values_list("sync__name", "sync__team", "sync__team__name", "column", "first_of", "template")
    )
    known = set(columns)
    found: dict[str, dict[str, None]] = {}
    for name, team_id, team, *source in mapped:
        for column in columns_of(*source):
            if column not in known:
                called = name if team_id == model.team_id else f"a sync of {team}"
                found.setdefault(called, {})[column] = None
    for sync, column in _guards_look_at(model):
        if column not in known:
            called = sync.name if sync.team_id == model.team_id else f"a sync of {sync.team}"
            found.setdefault(called, {})[column] = None
    return {name: list(missing) for name, missing in found.items()}


def _guards_look_at(model: QueryModel) -> Iterator[tuple[Sync, str]]:
    """The columns of a model that guards look at, or read keys from."""
    for sync in Sync.objects.filter(model_id=model.pk).exclude(guards=[]).order_by("name"):
        for guard in sync.guards:
            yield from ((sync, look.name) for look in looks(guard) if look.kind == COLUMN)
    yield from reading_keys_of(model)


@transaction.atomic
def save_model(model: QueryModel, *, based_on: datetime | None) -> None:
    """Make the model, or write what changed. Another primary key starts a new generation of its syncs.

    `based_on` is the `updated_at` that the person saw. Raises ChangedMeanwhile, Removed or ActiveRun.
    """
    if model.pk is None:
        model.save()
        audit.record(None, model.team, Action.MODEL_MADE, model, after=_told(model))
        return
    syncs = list(Sync.objects.select_for_update().filter(model=model).order_by("pk"))
    now = QueryModel.objects.select_for_update().filter(pk=model.pk).first()
    if now is None:
        raise Removed
    if now.updated_at != based_on:
        raise ChangedMeanwhile(now)
    if now.primary_key != model.primary_key:
        run = Run.objects.active().filter(sync__in=syncs).select_related("sync__model", "team").first()
        if run is not None:
            raise ActiveRun(run)
        start_generations(sync.pk for sync in syncs)
    model.save(update_fields=["name", "source", "sql", "primary_key", "updated_at"])
    before, after = audit.changed(_told(now), _told(model))
    if before or after:
        audit.record(None, model.team, Action.MODEL_CHANGED, model, before=before, after=after)


def _told(model: QueryModel) -> dict[str, object]:
    """What the audit log holds of a model."""
    return {
        "name": model.name,
        "source": model.source.name,
        "sql": model.sql,
        "primary_key": list(model.primary_key),
    }
