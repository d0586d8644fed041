"""What a run stands on: where its calls go, and the mapping that it does, with the facts of the fields."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from destinations import budget, connect, shares
from destinations.contract import Field, Kind, Mode
from destinations.errors import DestinationError, RateLimited, Temporary
from syncs.engine import ledger
from syncs.engine.calls import Way
from syncs.engine.listing import demand
from syncs.engine.mapping import Rule, Shape
from syncs.engine.variables import Told
from syncs.models import FieldMapping, Run, Sync

TRIED_WITHIN = timedelta(minutes=1)  # by a run that delivers, once an outage's pause is over


def way_of(sync: Sync) -> Way:
    """Where the sync's calls go."""
    adapter = connect.adapter_of(sync.connection)
    return Way(
        sync.connection,
        adapter,
        adapter.limits_for(sync.connection.options),
        sync.upsert_key,
        Mode(sync.mode),
        shares.part_of(sync.connection, sync.team_id),
    )


def keep_fields_fresh(sync: Sync) -> None:
    """Before a plan: ask the service for the object's fields, unless they were listed just now.

    MappingBroken says who must do what where a field that is filled has disappeared or can only be read.
    Where the service does not answer, what it listed last counts; while it is down, it is not asked: to try
    whether it is back is the breaker's.
    """
    adapter = connect.adapter_of(sync.connection)
    sync.connection.refresh_from_db(fields=["fields"])
    outage = budget.outage(sync.connection.account_id)
    is_down = outage is not None and timezone.now() < outage.until + TRIED_WITHIN
    age = _age_of_fields(sync)
    if not is_down and (age is None or age > timedelta(seconds=settings.FIELDS_LAST_SECONDS)):
        _refresh_fields(sync)
    if listed := _listed(sync):
        names = sync.mappings.values_list("field", flat=True)
        demand(names, listed, adapter.object(sync.object_key), adapter.label)


def _listed(sync: Sync) -> dict[str, Field]:
    return {field.key: field for field in connect.known_fields(sync.connection, sync.object_key)}


def _age_of_fields(sync: Sync) -> timedelta | None:
    """How long ago the fields were listed; None: they never were."""
    entry = sync.connection.fields.get(sync.object_key) or {}
    told = parse_datetime(str(entry.get("fetched_at", "")))
    return timezone.now() - told if told is not None else None


def _refresh_fields(sync: Sync) -> None:
    """As a person's refresh does: where something changed, refused rows wait no longer."""
    before = _listed(sync)
    try:
        connect.refresh_fields(sync.connection, sync.object_key)
    except Temporary as error:
        if not isinstance(error, RateLimited):
            budget.failed(sync.connection.account_id, str(error))
        return
    except DestinationError:
        return
    if _listed(sync) != before:
        for other in Sync.objects.filter(connection=sync.connection, object_key=sync.object_key):
            ledger.release_refused(other)


def told_of(run: Run) -> Told:
    """The run variables of a run that has begun."""
    sync, began = run.sync, run.started_at or timezone.now()
    return Told(began, run.number, run.public_id, run.trigger, sync.name, sync.model.name)


def told_next(sync: Sync) -> Told:
    """The run variables as a run that somebody started now would have them; its id is not known yet."""
    number, trigger = sync.last_run_number + 1, Run.Trigger.MANUAL.value
    return Told(timezone.now(), number, UUID(int=0), trigger, sync.name, sync.model.name)


def shape_of(sync: Sync, told: Told, mappings: Iterable[FieldMapping] | None = None) -> Shape:
    """The sync's mapping with the facts of its fields. A field that nobody listed is taken as text.

    `mappings` stand in for those that are stored. MappingBroken where a field cannot hold the run variable
    that fills it.
    """
    listed = {field.key: field for field in connect.known_fields(sync.connection, sync.object_key)}
    mapped = [
        (m, listed.get(m.field, Field(m.field, m.field, Kind.TEXT, verified=False)))
        for m in (sync.mappings.all() if mappings is None else mappings)
    ]
    rules = tuple(
        Rule(
            field=field,
            column=m.column,
            value=m.value,
            steps=tuple(m.steps),
            empty=m.empty,
            default=m.default,
            first_of=tuple(m.first_of or ()),
            template=m.template,
        )
        for m, field in mapped
        if m.variable is None
    )
    zone = ZoneInfo(sync.model.source.time_zone)
    constants = told.constants([(m.variable, field) for m, field in mapped if m.variable], zone)
    target = connect.adapter_of(sync.connection).object(sync.object_key)
    return Shape(rules, tuple(sync.model.primary_key), sync.upsert_key, target.companion, constants)
