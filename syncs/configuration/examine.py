"""What is new or changes, examined: sources and services are asked, mappings are checked.

What stays as it is asks nobody, so that an unchanged document needs neither source nor service.
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from destinations.contract import Field
from destinations.errors import DestinationError
from syncs.configuration import reach
from syncs.configuration.checks import Fault, mapping_faults, primary_key_faults
from syncs.configuration.desk import Desk
from syncs.configuration.document import ModelPart, Part
from syncs.configuration.goals import ConnectionGoal, ModelGoal, SyncGoal, fillings_of, why_new_generation
from syncs.configuration.guards import look_faults_of, looked_at
from syncs.configuration.problems import Problem, listed
from syncs.configuration.resolve import Headless, Resolver
from syncs.models import Run, Sync
from syncs.sources.base import SourceError


def examine_models(desk: Desk, goals: Resolver) -> None:
    """Ask the source for the columns of models that change, or whose syncs do."""
    wanted = {sync.model.name: sync.part for sync in goals.syncs if sync.is_in_question}
    for model in goals.models:
        source = model.source
        is_changed = model.changes() or (source.part is not None and source.changes())
        part: Part | None = model.part or wanted.get(model.name) or source.part
        if part is None or not (is_changed or model.name in wanted):
            continue
        try:
            model.columns = reach.columns(source, model.sql)
        except SourceError as error:
            line = part.line_of("sql")
            if isinstance(part, ModelPart) and error.position is not None:
                line = part.line_in_sql(error.position)
            desk.problems.append(Problem(line, f"model {model.name}: {error}"))
            continue
        desk.faults(part, primary_key_faults(model.primary_key, model.columns))


def examine_syncs(desk: Desk, goals: Resolver) -> None:
    """Check mappings that are new or change, or whose model or account do."""
    for goal in goals.syncs:
        is_concerned = goal.is_in_question or goal.model.columns is not None or goal.connection.moves
        if not is_concerned or not goal.part.is_whole:
            continue
        faults = mapping_faults(
            goal.draft,
            goal.connection.adapter,
            fields=_fields(desk, goal),
            columns=goal.model.columns,
            zone=ZoneInfo(goal.model.source.time_zone),
        )
        desk.faults(goal.part, faults)
        desk.faults(goal.part, guard_look_faults(goal))
    for other in goals.without_model:
        if other.part.is_whole:
            fields, zone = _fields(desk, other), ZoneInfo("UTC")
            adapter = other.connection.adapter
            faults = mapping_faults(other.draft, adapter, fields=fields, columns=None, zone=zone)
            desk.faults(other.part, faults)


def guard_look_faults(goal: SyncGoal) -> list[Fault]:
    """Where the goal's guards look at columns, or at mapped fields, that are not there."""
    fields = looked_at(goal.draft, goal.connection.adapter)
    return look_faults_of(goal.guards.guards, goal.model.columns, fields)


def examine_runs(desk: Desk, goals: Resolver) -> None:
    """No run may be under way that was planned with what changes now."""
    for goal in goals.syncs:
        if goal.existing is not None and goal.changes_meaning:
            _demand_rest(desk, goal.part, goal.existing)


def examine_bystanders(desk: Desk, goals: Resolver) -> list[tuple[Sync, str]]:
    """Syncs that the document does not describe, but whose model or connection it changes.

    Returns those that start a new generation by it, with the reason.
    """
    described = {goal.existing.pk for goal in goals.syncs if goal.existing is not None}
    moved = {c.existing.pk: c for c in goals.connections if c.moves and c.existing is not None}
    models = {m.existing.pk: m for m in goals.models if m.existing is not None and m.part is not None}
    found = []
    others = Sync.objects.filter(team=desk.team) if desk.team is not None else Sync.objects.none()
    for sync in others.exclude(pk__in=described).select_related("model"):
        model, connection = models.get(sync.model_id), moved.get(sync.connection_id)
        why = why_new_generation(
            account=connection is not None, primary_key=model is not None and model.has_new_key
        )
        part = (connection or model).part if connection or model else None  # type: ignore[union-attr]
        if part is None:
            continue
        if why:
            found.append((sync, why))
            _demand_rest(desk, part, sync)
        if model is not None and model.columns is not None:
            _demand_columns(desk, part, sync, model)
        if connection is not None:
            _refetch(desk, part, sync, connection)
    return found


def _fields(desk: Desk, goal: SyncGoal | Headless) -> Sequence[Field] | None:
    """The fields of the sync's object: as remembered, or asked for where that is not enough."""
    known = reach.remembered(goal.connection, goal.draft.object)
    names = {field.key for field in known or ()}
    if known is not None and all(filling.field in names for filling in goal.draft.mapping):
        return known
    if goal.connection.awaits_sign_in:
        return known  # nobody can be asked yet
    try:
        return reach.fields(goal.connection, goal.draft.object)
    except DestinationError as error:
        label = goal.connection.adapter.label
        message = (
            f"{goal.part.called} cannot be checked, because the fields of {label} could not be read: {error}"
        )
        desk.wrong(goal.part, message, "connection")
        return None


def _demand_rest(desk: Desk, part: Part, sync: Sync) -> None:
    run = Run.objects.active().filter(sync=sync).first()
    if run is not None:
        desk.wrong(
            part,
            f"run {run.number} of {sync.name} is under way, and it was planned with what changes here: wait "
            f"for its end, or cancel it with `manage.py cancel {run.public_id}`",
        )


def _demand_columns(desk: Desk, part: Part, sync: Sync, model: ModelGoal) -> None:
    mapped = dict.fromkeys(column for one in fillings_of(sync) for column in one.columns)
    missing = [column for column in mapped if column not in (model.columns or ())]
    if missing:
        desk.wrong(
            part,
            f"model {model.name}: the query does not return {listed(missing)}, which sync {sync.name} needs",
            "sql",
        )


def _refetch(desk: Desk, part: Part, sync: Sync, goal: ConnectionGoal) -> None:
    """Another account may have other fields."""
    if goal.awaits_sign_in:
        return
    try:
        reach.fields(goal, sync.object_key)
    except DestinationError as error:
        desk.wrong(part, f"{part.called}: the fields of the new account could not be read: {error}")
