"""A plan, written in one transaction."""

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from destinations import accounts, budget, connect, registry, use
from destinations.models import Connection, RemoteAccount
from syncadmin.teams import audit
from syncadmin.teams.models import Team
from syncs.configuration import versions
from syncs.configuration.alerts import write_alerts
from syncs.configuration.goals import ConnectionGoal, ModelGoal, SourceGoal, SyncGoal, mapping_rows
from syncs.configuration.guards import write_guards
from syncs.configuration.mail_domains import write_mail_domains
from syncs.configuration.plan import Plan
from syncs.configuration.problems import ConfigurationError, Problem
from syncs.engine import attention, ledger
from syncs.engine.scheduling import Circle, schedule_of, set_schedule
from syncs.models import FieldMapping, QueryModel, Run, Source, Sync
from syncs.schedule import BY_HAND


def write(plan: Plan) -> None:
    """Write the plan. ConfigurationError, with nothing written, where something came between."""
    try:
        with transaction.atomic():
            _Writer(plan).write()
    except IntegrityError:
        raise ConfigurationError(
            [Problem(0, "somebody else changed the team's configuration at the same time; apply it again")]
        ) from None


class _Writer:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._sources: dict[str, Source] = {}
        self._models: dict[str, QueryModel] = {}
        self._connections: dict[str, Connection] = {}
        self._changed: list[Sync] = []

    def write(self) -> None:
        plan = self._plan
        self._hold_runs_back()
        self._team = self._write_team()
        write_mail_domains(self._team, plan.document.mail_domains)
        for source in plan.sources:
            self._sources[source.name] = self._source(source)
        for model in plan.models:
            self._models[model.name] = self._model(model)
        for connection in sorted(plan.connections, key=lambda goal: goal.same_as is not None):
            self._connections[connection.name] = self._connection(connection)
        for connection in plan.connections:
            self._share(connection)
        for connection in plan.connections:
            self._limit(connection)
            self._remember(connection)
        for sync in plan.syncs:
            self._sync(sync)
        changed = [(goal, found) for goal in plan.syncs if (found := self._rescheduled(goal)) is not None]
        for _, scheduled in changed:  # who follows whom now stands in nobody's way
            set_schedule(scheduled, BY_HAND)
        for goal, scheduled in changed:
            self._schedule(goal, scheduled)
        write_alerts(self._team, plan.alerts)
        for written in self._changed:
            versions.keep(written, author=None, origin=versions.Origin.APPLY)
        start_generations(sync.pk for sync in plan.bystanders)
        audit.record(None, self._team, audit.Action.CONFIGURATION_APPLIED, after={"changes": plan.lines})

    def _hold_runs_back(self) -> None:
        """Lock the syncs whose meaning changes, as starting a run does, and look again."""
        keys = {goal.existing.pk for goal in self._plan.syncs if goal.existing and goal.changes_meaning}
        keys |= {sync.pk for sync in self._plan.bystanders}
        locked = Sync.objects.select_for_update().filter(pk__in=keys).order_by("pk")
        for sync in locked:
            if Run.objects.active().filter(sync=sync).exists():
                raise ConfigurationError(
                    [Problem(0, f"a run of {sync.name} began just now; apply it again later")]
                )

    def _write_team(self) -> Team:
        document = self._plan.document
        name = document.team_name or document.team
        team, is_new = Team.objects.get_or_create(slug=document.team, defaults={"name": name})
        if not is_new and document.team_name and team.name != document.team_name:
            team.name = document.team_name
            team.save(update_fields=["name"])
        return team

    def _source(self, goal: SourceGoal) -> Source:
        source = goal.existing or Source(team=self._team, name=goal.name)
        if goal.changes():
            source.credentials = goal.credentials  # reads the kind that is stored
            source.kind, source.options, source.time_zone = goal.kind, goal.options, goal.time_zone
            source.health, source.health_reason = Source.Health.UNTESTED, ""
            source.save()
        return source

    def _model(self, goal: ModelGoal) -> QueryModel:
        model = goal.existing or QueryModel(team=self._team, name=goal.name)
        if goal.changes():
            model.source = self._sources[goal.source.name]
            model.sql, model.primary_key = goal.sql, goal.primary_key
            model.save()
        return model

    def _connection(self, goal: ConnectionGoal) -> Connection:
        if goal.existing is None:
            connection = goal.candidate
            other = self._connections.get(goal.same_as.name) if goal.same_as else None
            connection.team = self._team
            connection.account = (
                other.account
                if other
                else RemoteAccount.objects.create(team=self._team, destination=goal.adapter.key)
            )
            connection.save()
            return connection
        if goal.part is not None:
            accounts.apply_change(
                goal.existing,
                credentials=goal.secrets,
                options=goal.options,
                same_account=goal.part.same_account,
                sign_in=Connection.SignIn(goal.sign_in),
            )
        return goal.existing

    def _share(self, goal: ConnectionGoal) -> None:
        if goal.same_as is None:
            return
        connection, other = self._connections[goal.name], self._connections[goal.same_as.name]
        connection.refresh_from_db(fields=["account"])
        other.refresh_from_db(fields=["account"])
        accounts.same_account_as(connection, other)

    def _limit(self, goal: ConnectionGoal) -> None:
        """What the document says of the account."""
        connection = self._connections[goal.name]
        connection.refresh_from_db(fields=["account"])
        account = connection.account
        wanted = {key: value for key, value in goal.limits.items() if getattr(account, key) != value}
        if wanted:
            RemoteAccount.objects.filter(pk=account.pk).update(**wanted)

    def _remember(self, goal: ConnectionGoal) -> None:
        """Keep what the service told while we asked, and count the requests."""
        connection = self._connections[goal.name]
        if goal.moves:
            connection.fields = {}
        for object_key, fields in goal.fetched.items():
            connection.fields = registry.remember_fields(
                connection.fields, object_key, list(fields), fetched_at=timezone.now()
            )
        if goal.moves or goal.fetched:
            connection.save(update_fields=["fields", "updated_at"])
            for sync in Sync.objects.filter(connection=connection, object_key__in=goal.fetched):
                ledger.release_refused(sync)
        rows = [
            row
            for adapter in goal.spoken
            for row in connect.exchange_rows(adapter, connection, team_id=connection.team_id)
        ]
        if rows:
            account = RemoteAccount.objects.get(pk=connection.account_id)
            use.keep(account, rows)
            rules = budget.rules(account, goal.adapter.limits_for(goal.options))
            budget.spend(account.pk, rules, len(rows))

    def _sync(self, goal: SyncGoal) -> None:
        if goal.changes() or goal.new_generation:
            sync = write_sync(
                goal,
                team=self._team,
                model=self._models[goal.model.name],
                connection=self._connections[goal.connection.name],
            )
            self._changed.append(sync)

    def _rescheduled(self, goal: SyncGoal) -> Sync | None:
        """The sync, where it gets another schedule."""
        if goal.part.schedule is None:
            return None
        sync = Sync.objects.get(team=self._team, name=goal.name)
        return None if goal.part.schedule == schedule_of(sync) else sync

    def _schedule(self, goal: SyncGoal, sync: Sync) -> None:
        wanted = goal.part.schedule or BY_HAND
        follows = Sync.objects.get(team=self._team, name=wanted.after) if wanted.after else None
        try:
            set_schedule(sync, wanted, follows)
        except Circle:
            message = f"`schedule` of {goal.part.called}: the syncs would start each other without an end"
            raise ConfigurationError([Problem(goal.part.line_of("schedule"), message)]) from None


def write_sync(goal: SyncGoal, *, team: Team, model: QueryModel, connection: Connection) -> Sync:
    """Write a sync with its mapping, in the caller's transaction. A new meaning starts a new generation.

    What it was is kept as a version, if none is yet; the caller keeps what it is once all is written.
    """
    if goal.existing is not None:
        Sync.objects.select_for_update().only("pk").get(pk=goal.existing.pk)  # versions come one by one
        versions.keep_found(Sync.objects.select_related("model", "connection").get(pk=goal.existing.pk))
    new_generation, new_mapping = goal.new_generation, goal.has_new_mapping
    has_new_guards = goal.has_new_guards
    sync = goal.existing or Sync(team=team)
    sync.name, sync.model, sync.connection = goal.name, model, connection
    sync.object_key, sync.mode, sync.upsert_key = goal.draft.object, goal.draft.mode, goal.draft.upsert_key
    sync.keep_records, sync.paused = goal.keep_records, goal.paused
    sync.brakes = dict(goal.brakes)
    if goal.existing is None:
        sync.save()
    else:
        sync.save(update_fields=_COLUMNS)
    if new_generation:
        start_generations([sync.pk])
    if new_mapping:
        FieldMapping.objects.filter(sync=sync).delete()
        FieldMapping.objects.bulk_create(mapping_rows(sync, goal.draft.mapping))
        ledger.release_refused(Sync.objects.get(pk=sync.pk))
    if has_new_guards:
        write_guards(sync, goal.guards)
    return sync


def start_generations(keys: Iterable[int]) -> None:
    """Begin a new ledger for each of these syncs: every row is sent again."""
    begun = list(keys)
    Sync.objects.filter(pk__in=begun).update(generation=F("generation") + 1)
    attention.close_all(begun)


_COLUMNS = [
    "name",
    "model",
    "connection",
    "object_key",
    "mode",
    "upsert_key",
    "keep_records",
    "paused",
    "brakes",
    "updated_at",
]
