"""Parts of a document → goals: what they name is looked up, what they say is checked by itself.

Nobody is asked here but our own tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from destinations import registry
from destinations.accounts import SameAccountUnsaid
from destinations.advanced import BadSettings, clean
from destinations.contract import Adapter
from destinations.models import Connection, RemoteAccount
from syncs.configuration import credentials, guards
from syncs.configuration.checks import Draft, target_faults, with_defaults
from syncs.configuration.desk import Desk
from syncs.configuration.document import ConnectionPart, Document, ModelPart, Part, SourcePart, SyncPart
from syncs.configuration.goals import ConnectionGoal, ModelGoal, SourceGoal, SyncGoal, asks_for_account
from syncs.configuration.problems import did_you_mean, listed
from syncs.models import LedgerEntry, QueryModel, Source, Sync
from syncs.sources import registry as sources

_SOURCE_KEYS = ("type", "time_zone")
_CONNECTION_KEYS = (
    "destination",
    "windows",
    "reserve_percent",
    "concurrency",
    "same_account",
    "same_account_as",
)


@dataclass(frozen=True, slots=True)
class Headless:
    """A sync whose model is wrong; its mapping can be looked at all the same."""

    part: SyncPart
    connection: ConnectionGoal
    draft: Draft


class Resolver:
    """The goals: those of the document, and what those refer to. What is wrong is left out."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._sources: dict[str, SourceGoal | None] = {}
        self._models: dict[str, ModelGoal | None] = {}
        self._connections: dict[str, ConnectionGoal | None] = {}
        self._named: frozenset[str] = frozenset()
        self.syncs: list[SyncGoal] = []
        self.without_model: list[Headless] = []

    def resolve(self, document: Document) -> None:
        self._named = frozenset(sync.name for sync in document.syncs)
        for source in document.sources:
            self._sources[source.name] = self._source(source)
        for model in document.models:
            self._models[model.name] = self._model(model)
        for connection in document.connections:
            self._connections[connection.name] = self._connection(connection)
        for connection in document.connections:
            self._join(connection)
        self._agree_on_limits()
        self.syncs = [goal for goal in map(self._sync, document.syncs) if goal is not None]

    @property
    def sources(self) -> list[SourceGoal]:
        return [goal for goal in self._sources.values() if goal is not None]

    @property
    def models(self) -> list[ModelGoal]:
        return [goal for goal in self._models.values() if goal is not None]

    @property
    def connections(self) -> list[ConnectionGoal]:
        return [goal for goal in self._connections.values() if goal is not None]

    # Sources and models

    def _source(self, part: SourcePart) -> SourceGoal | None:
        if part.kind is None:
            return None
        reader = sources.readers().get(part.kind)
        if reader is None:
            self._unknown_kind(part, "type", part.kind, sources.readers())
            return None
        known = reader.yaml_keys()
        given = self._known_keys(part, part.options, known, _SOURCE_KEYS)
        try:
            options, secrets = reader.from_yaml(given)
        except BadSettings as error:
            for key, message in error.faults.items():
                self._desk.wrong(part, f"{part.called}: {message}", key)
            return None
        existing = self._desk.existing(Source, part.name)
        return SourceGoal(part.name, existing, part, part.kind, options, secrets, part.time_zone)

    def _model(self, part: ModelPart) -> ModelGoal | None:
        source = self._find_source(part, part.source)
        if source is None or part.sql is None or part.primary_key is None:
            return None
        existing = self._desk.existing(QueryModel, part.name, "source")
        return ModelGoal(part.name, existing, part, source, part.sql, list(part.primary_key))

    def _find_source(self, part: Part, name: str | None) -> SourceGoal | None:
        if name is not None and name not in self._sources:
            existing = self._desk.existing(Source, name)
            if existing is None:
                self._desk.missing(Source, part, "source", name, self._sources, "source")
                return None
            self._sources[name] = SourceGoal.of(existing)
        return self._sources[name] if name is not None else None

    # Connections

    def _connection(self, part: ConnectionPart) -> ConnectionGoal | None:
        if part.destination is None:
            return None
        adapter = registry.adapters().get(part.destination)
        if adapter is None:
            self._unknown_kind(part, "destination", part.destination, registry.adapters())
            return None
        existing = self._desk.existing(Connection, part.name, "account")
        if existing is not None and existing.destination != adapter.key:
            message = f"{part.called} leads to {existing.destination} already; give the new one another name"
            self._desk.wrong(part, message, "destination")
            return None
        before = len(self._desk.problems)
        sign_in, secrets = credentials.read(self._desk, part, adapter, existing)
        options = self._options(part, adapter, existing)
        limits = self._limits(part, adapter)
        if len(self._desk.problems) > before:
            return None
        goal = ConnectionGoal(part.name, existing, part, adapter, options, sign_in, secrets, limits)
        goal.asks = asks_for_account(goal)
        goal.moves = goal.asks and part.same_account is False
        if goal.asks and part.same_account is None and existing is not None:
            rows = LedgerEntry.objects.filter(sync__connection=existing, part=0).count()
            self._desk.wrong(part, f"{SameAccountUnsaid(existing)} That would be {rows:,} rows.")
        return goal

    def _options(
        self, part: ConnectionPart, adapter: type[Adapter], existing: Connection | None
    ) -> dict[str, Any]:
        """The advanced settings. How many requests at once belongs to the account: see `_limits`."""
        settings = [setting for setting in adapter.settings if setting.key != "concurrency"]
        known = [setting.key for setting in settings]
        secrets = credentials.keys(adapter)
        given = self._known_keys(part, part.options, [*known, *secrets], _CONNECTION_KEYS)
        for name in secrets:
            given.pop(name, None)
        try:
            options = clean(settings, given)
        except BadSettings as error:
            for key, message in error.faults.items():
                self._desk.wrong(part, f"{part.called}: {message}", key)
            return {}
        if existing is not None and "concurrency" in existing.options and "concurrency" not in part.limits:
            options["concurrency"] = existing.options["concurrency"]
        return options

    def _limits(self, part: ConnectionPart, adapter: type[Adapter]) -> dict[str, Any]:
        """What the document says of the account, null being the usual."""
        limits = dict(part.limits)
        if "reserve_percent" in limits and limits["reserve_percent"] is None:
            limits["reserve_percent"] = RemoteAccount._meta.get_field("reserve_percent").default
        most = adapter.limits.concurrency
        if (limits.get("concurrency") or 0) > most:
            message = f"{part.called}: {adapter.label} takes at most {most} requests at once"
            self._desk.wrong(part, message, "concurrency")
        return limits

    def _join(self, part: ConnectionPart) -> None:
        """`same_account_as`: two connections share an account, its budget and its breaker."""
        goal, other = self._connections.get(part.name), self._find_connection(part, "same_account_as")
        if goal is None or other is None:
            return
        if other is goal or other.adapter is not goal.adapter:
            message = (
                f"{part.called} can share an account only with another connection to {goal.adapter.label}"
            )
            self._desk.wrong(part, message, "same_account_as")
            return
        goal.same_as = other
        if goal.moves and goal.existing is not None and goal.existing.account_id in other.accounts:
            message = f"{part.called} says same_account: false, but {other.name} leads to its present account"
            self._desk.wrong(part, message, "same_account_as")

    def _agree_on_limits(self) -> None:
        """Connections that share an account share its limits: they must not say different ones."""
        for at, goal in enumerate(self.connections):
            for other in self.connections[:at]:
                together = goal.accounts & other.accounts or other.same_as is goal or goal.same_as is other
                for key in goal.limits.keys() & other.limits.keys() if together else ():
                    if other.limits[key] != goal.limits[key] and goal.part is not None:
                        message = f"`{key}` belongs to the account that {goal.name} and {other.name} share"
                        self._desk.wrong(goal.part, f"{message}; say the same in both, or in one alone", key)

    def _find_connection(self, part: ConnectionPart | SyncPart, key: str) -> ConnectionGoal | None:
        name = part.same_account_as if isinstance(part, ConnectionPart) else part.connection
        if name is not None and name not in self._connections:
            existing = self._desk.existing(Connection, name, "account")
            if existing is None and isinstance(part, SyncPart):
                existing = self._desk.shared(name, part.draft.object)
            if existing is None:
                self._desk.missing(Connection, part, "connection", name, self._connections, key)
                return None
            adapter = registry.adapters().get(existing.destination)
            if adapter is None:
                self._unknown_kind(part, key, existing.destination, registry.adapters())
                return None
            goal = ConnectionGoal(name, existing, None, adapter, existing.options, existing.sign_in, {})
            self._connections[name] = goal
        return self._connections[name] if name is not None else None

    # Syncs

    def _sync(self, part: SyncPart) -> SyncGoal | None:
        model, connection = self._find_model(part), self._find_connection(part, "connection")
        if connection is None or not part.draft.object:
            return None
        draft = with_defaults(part.draft, connection.adapter)
        faults = target_faults(draft, connection.adapter)
        self._desk.faults(part, faults)
        if model is None and not faults:
            self.without_model.append(Headless(part, connection, draft))
        if model is None or faults:
            return None
        if not (self._are_guards_sound(part) and self._is_schedule_sound(part)):
            return None
        existing = self._desk.existing(Sync, part.name, "connection__account", "model__source")
        now = existing or Sync()
        return SyncGoal(
            part.name,
            existing,
            part,
            model,
            connection,
            draft,
            keep_records=now.keep_records if part.keep_records is None else part.keep_records,
            paused=now.paused if part.paused is None else part.paused,
            guards=part.guards,
            brakes=now.brakes if part.brakes is None else part.brakes,
        )

    def _are_guards_sound(self, part: SyncPart) -> bool:
        """Whether the guards are right by themselves, and their models are there."""
        faults = guards.faults_of(part.guards)
        self._desk.faults(part, faults)
        missing = False
        for at, name in guards.models_named(part.guards.guards) if not faults else ():
            if name not in self._models and self._desk.existing(QueryModel, name) is None:
                path = ("guards", str(at), "suppressed", "model")
                self._desk.missing(QueryModel, part, "model", name, self._models, *path)
                missing = True
        return not (faults or missing)

    def _is_schedule_sound(self, part: SyncPart) -> bool:
        """Whether the sync that it follows is there."""
        name = part.schedule.after if part.schedule is not None else ""
        if not name or name in self._named or self._desk.existing(Sync, name) is not None:
            return True
        self._desk.missing(Sync, part, "sync", name, self._named, "schedule")
        return False

    def _find_model(self, part: SyncPart) -> ModelGoal | None:
        name = part.model
        if name is not None and name not in self._models:
            found = self._desk.existing(QueryModel, name, "source")
            if found is None and (found := self._desk.shared_model(name)) is not None:
                owned = SourceGoal.of(found.source)
                goal = ModelGoal(name, found, None, owned, found.sql, found.primary_key)
                return self._models.setdefault(name, goal)
            if found is None:
                self._desk.missing(QueryModel, part, "model", name, self._models, "model")
                return None
            source = self._find_source(part, found.source.name)
            self._models[name] = (
                ModelGoal(name, found, None, source, found.sql, found.primary_key) if source else None
            )
        return self._models[name] if name is not None else None

    # Keys

    def _known_keys(
        self, part: Part, given: Mapping[str, Any], known: Any, also: tuple[str, ...]
    ) -> dict[str, Any]:
        """The keys that the reader or the destination knows; the others are told."""
        for key in given:
            if key not in known:
                hint = did_you_mean(key, [*known, *also])
                self._desk.wrong(part, f"unknown key `{key}` in {part.called}{hint}", key)
        return {key: value for key, value in given.items() if key in known}

    def _unknown_kind(self, part: Part, key: str, kind: str, known: Mapping[str, object]) -> None:
        hint = did_you_mean(kind, known) or f"; there are {listed(sorted(known))}"
        self._desk.wrong(part, f"{part.called}: there is no {key} `{kind}`{hint}", key)
