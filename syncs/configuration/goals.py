"""What each named thing shall be, beside what it is now. The difference is what gets told and written.

A goal without `part` stands for something that the document does not describe but refers to: it stays.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from destinations import accounts
from destinations.contract import JSON, Adapter, Field
from destinations.errors import DestinationError
from destinations.models import Connection, OAuthToken
from destinations.shares import name_for
from syncadmin.lib.crypto import Secret, UnreadableSecret
from syncs.configuration.brakes import brakes_told
from syncs.configuration.checks import Draft, Filling
from syncs.configuration.differences import differences, mapping_differences, same_fillings
from syncs.configuration.document import ConnectionPart, ModelPart, SourcePart, SyncPart
from syncs.configuration.guard_reading import Guard, Wanted
from syncs.configuration.guards import differences as guard_differences
from syncs.configuration.guards import same_guards, stored_guards
from syncs.engine import permitted
from syncs.engine.scheduling import schedule_of
from syncs.models import FieldMapping, QueryModel, Source, Sync

WAITS = "waits for a sign-in: an admin of the team must open it in the browser and choose Connect"
SAME_COLUMNS = ("windows", "reserve_percent", "concurrency")


@dataclass(slots=True)
class SourceGoal:
    """`secrets` are those that the document gives; others stay as they are stored."""

    name: str
    existing: Source | None
    part: SourcePart | None
    kind: str
    options: dict[str, JSON]
    secrets: dict[str, Secret]
    time_zone: str

    @classmethod
    def of(cls, source: Source) -> "SourceGoal":
        return cls(source.name, source, None, source.kind, source.options, {}, source.time_zone)

    @property
    def credentials(self) -> dict[str, Secret]:
        if self.existing is None or self.existing.kind != self.kind:
            return self.secrets
        return stored(self.existing) | self.secrets

    def changes(self) -> list[str]:
        if self.existing is None:
            return [f"new, {self.kind}"]
        before = {"type": self.existing.kind, "time_zone": self.existing.time_zone, **self.existing.options}
        after = {"type": self.kind, "time_zone": self.time_zone, **self.options}
        return [*differences(before, after), *changed_secrets(self.existing, self.secrets)]


@dataclass(slots=True)
class ModelGoal:
    name: str
    existing: QueryModel | None
    part: ModelPart | None
    source: SourceGoal
    sql: str
    primary_key: list[str]
    columns: list[str] | None = None

    @property
    def has_new_key(self) -> bool:
        return self.existing is not None and self.existing.primary_key != self.primary_key

    def changes(self) -> list[str]:
        if self.existing is None:
            return [f"new, of {self.source.name}, known by {', '.join(self.primary_key)}"]
        before = {
            "source": self.existing.source.name,
            "sql": self.existing.sql,
            "primary_key": self.existing.primary_key,
        }
        after = {
            "source": self.source.name,
            "sql": self.sql,
            "primary_key": self.primary_key,
        }
        return list(differences(before, after))


@dataclass(slots=True)
class ConnectionGoal:
    """`limits` are what the document says of the account. `moves`: to another account of the service.

    `fetched` holds the fields that the service was asked for now, `silent` why it did not tell them, `spoken`
    the adapters that asked.
    """

    name: str
    existing: Connection | None
    part: ConnectionPart | None
    adapter: type[Adapter]
    options: dict[str, JSON]
    sign_in: str
    secrets: dict[str, Secret]
    limits: Mapping[str, Any] = field(default_factory=dict)
    same_as: "ConnectionGoal | None" = None
    asks: bool = False
    moves: bool = False
    fetched: dict[str, list[Field]] = field(default_factory=dict)
    silent: dict[str, DestinationError] = field(default_factory=dict)
    spoken: list[Adapter] = field(default_factory=list)

    @property
    def candidate(self) -> Connection:
        """The connection as it would be, not saved: to ask the service with."""
        now = self.existing
        found = Connection(
            pk=now.pk if now else None,
            name=self.name,
            destination=self.adapter.key,
            sign_in=self.sign_in,
            options=self.options,
        )
        found.credentials = (stored(now) if now and not self.has_other_way else {}) | self.secrets
        return found

    @property
    def has_other_way(self) -> bool:
        """Whether it signs in another way than before."""
        return self.existing is not None and self.existing.sign_in != self.sign_in

    @property
    def awaits_sign_in(self) -> bool:
        """Whether it works only once a person has signed in at the service."""
        now = self.existing
        if self.sign_in != Connection.SignIn.OAUTH:
            return False
        if now is None or self.has_other_way or self.moves or not OAuthToken.objects.filter(connection=now):
            return True
        return stored(now).get("client_id") != self.secrets.get("client_id", stored(now).get("client_id"))

    @property
    def accounts(self) -> set[int]:
        """The accounts, of those that exist, that it leads to as far as people said."""
        found: set[int] = set()
        seen: list[ConnectionGoal] = []
        goal: ConnectionGoal | None = self
        while goal is not None and goal not in seen:
            seen.append(goal)
            if goal.existing is not None and not goal.moves:
                found.add(goal.existing.account_id)
            goal = goal.same_as
        return found

    def changes(self) -> list[str]:
        if self.existing is None:
            joins = f", at the account of {self.same_as.name}" if self.same_as else ""
            new = f"new, to {self.adapter.label}{joins}"
            return [new, *self._limit_changes({}), *([WAITS] if self.awaits_sign_in else [])]
        found = [
            *differences(self.existing.options, self.options),
            *differences({"sign_in": self.existing.sign_in}, {"sign_in": self.sign_in}),
            *changed_secrets(self.existing, self.secrets),
        ]
        if found and self.awaits_sign_in:
            found.append(WAITS)
        if self.moves:
            found.append("account: another one from now on")
        if self.same_as is not None and not (self.accounts_now & self.same_as.accounts_now):
            found.append(f"account: the same as that of {self.same_as.name}")
        account = self.existing.account
        now = {key: getattr(account, key) for key in SAME_COLUMNS}
        if now["concurrency"] is None:
            now["concurrency"] = self.existing.options.get("concurrency")
        return [*found, *self._limit_changes(now)]

    @property
    def is_unproved(self) -> bool:
        """Whether what decides if one gets in is new."""
        now = self.existing
        if now is None or self.moves:
            return True
        changes = (*differences(now.options, self.options), *changed_secrets(now, self.secrets))
        return self.has_other_way or bool(changes)

    @property
    def accounts_now(self) -> set[int]:
        return {self.existing.account_id} if self.existing is not None and not self.moves else set()

    def _limit_changes(self, now: Mapping[str, JSON]) -> Iterator[str]:
        wanted = {key: value for key, value in self.limits.items() if value is not None or now.get(key)}
        yield from differences({key: now.get(key) for key in wanted}, wanted)


@dataclass
class SyncGoal:
    """What it decides is decided once: writing changes what it compares with."""

    name: str
    existing: Sync | None
    part: SyncPart
    model: ModelGoal
    connection: ConnectionGoal
    draft: Draft
    keep_records: bool
    paused: bool
    guards: Wanted = field(default_factory=Wanted)
    brakes: Mapping[str, JSON] = field(default_factory=dict)

    @cached_property
    def guards_before(self) -> tuple[Guard, ...]:
        return stored_guards(self.existing) if self.existing is not None else ()

    @cached_property
    def has_new_guards(self) -> bool:
        return not same_guards(self.guards_before, self.guards.guards)

    @cached_property
    def before(self) -> tuple[Filling, ...]:
        return fillings_of(self.existing) if self.existing is not None else ()

    @cached_property
    def has_new_mapping(self) -> bool:
        return not same_fillings(self.before, self.draft.mapping)

    @cached_property
    def changes_meaning(self) -> bool:
        """Whether a run that is under way would not do what is wanted now."""
        return self.existing is not None and (
            self.has_new_mapping
            or self.has_new_guards
            or bool(self.new_generation)
            or any(differences(*self._target))
        )

    @property
    def is_in_question(self) -> bool:
        """Whether it must be examined: a switch alone is no reason to ask source and service."""
        return self.existing is None or self.changes_meaning

    @cached_property
    def new_generation(self) -> str:
        """Why the sync starts a new generation; empty where it does not."""
        if self.existing is None:
            return ""
        if self.connection.existing is None or self.existing.connection_id != self.connection.existing.pk:
            moved = self.existing.connection.account_id not in self.connection.accounts
        else:
            moved = self.connection.moves
        return why_new_generation(
            account=moved,
            object=self.existing.object_key != self.draft.object,
            upsert_key=self.existing.upsert_key != self.draft.upsert_key,
            primary_key=self.existing.model.primary_key != self.model.primary_key,
        )

    @property
    def _target(self) -> tuple[dict[str, JSON], dict[str, JSON]]:
        assert self.existing is not None  # noqa: S101 - asked by those who looked
        before = {
            "model": permitted.name_for(self.existing.model, self.existing.team_id),
            "connection": name_for(self.existing.connection, self.existing.team_id),
            "object": self.existing.object_key,
            "mode": self.existing.mode,
            "upsert_key": self.existing.upsert_key,
        }
        after = {
            "model": self.model.name,
            "connection": self.connection.name,
            "object": self.draft.object,
            "mode": self.draft.mode,
            "upsert_key": self.draft.upsert_key,
        }
        return before, after

    def changes(self) -> list[str]:
        if self.existing is None:
            number = len(self.draft.mapping)
            fields = f"{number} field{'' if number == 1 else 's'} mapped"
            if count := len(self.guards.guards):
                fields += f", {count} guard{'' if count == 1 else 's'}"
            if self.brakes:
                fields += ", brakes of its own"
            if self.part.schedule is not None:
                fields += f", {self.part.schedule}"
            where = f"{self.connection.adapter.label} {self.draft.object}"
            return [f"new, {self.model.name} → {where} by {self.draft.upsert_key}, {fields}"]
        flags = ("keep_records", "paused")
        switches = differences(
            {flag: getattr(self.existing, flag) for flag in flags},
            {flag: getattr(self, flag) for flag in flags},
        )
        rhythms: tuple[dict[str, JSON], dict[str, JSON]] = ({}, {})
        if self.part.schedule is not None:
            now = schedule_of(self.existing)
            rhythms = ({"schedule": str(now)}, {"schedule": str(self.part.schedule)})
        return [
            *differences(*self._target),
            *switches,
            *differences(*rhythms),
            *differences({"brakes": brakes_told(self.existing.brakes)}, {"brakes": brakes_told(self.brakes)}),
            *mapping_differences(self.before, self.draft.mapping),
            *guard_differences(self.guards_before, self.guards.guards),
        ]


def why_new_generation(**causes: bool) -> str:
    """`another account, another primary key`; empty where nothing of the kind changes."""
    return ", ".join(f"another {name.replace('_', ' ')}" for name, holds in causes.items() if holds)


def fillings_of(sync: Sync) -> tuple[Filling, ...]:
    """The stored mapping of a sync."""
    return tuple(
        Filling(
            m.field,
            m.column,
            m.value,
            tuple(m.steps),
            m.empty,
            m.default,
            tuple(m.first_of or ()),
            m.template,
            m.variable,
        )
        for m in sync.mappings.all()
    )


def mapping_rows(sync: Sync, fillings: tuple[Filling, ...]) -> list[FieldMapping]:
    """The mapping as it is stored."""
    return [
        FieldMapping(
            team_id=sync.team_id,
            sync=sync,
            position=position,
            field=one.field,
            column=one.column,
            first_of=list(one.first_of) or None,
            template=one.template,
            value=one.value,
            variable=one.variable,
            steps=list(one.steps),
            empty=one.empty,
            default=one.default,
        )
        for position, one in enumerate(fillings)
    ]


def stored(owner: Source | Connection) -> dict[str, Secret]:
    """The stored secrets; none where their key is no longer configured."""
    try:
        return owner.credentials
    except UnreadableSecret:
        return {}


def changed_secrets(owner: Source | Connection, given: Mapping[str, Secret]) -> Iterator[str]:
    now = stored(owner)
    for name, secret in given.items():
        if now.get(name) != secret:
            yield f"{name}: changed"


def asks_for_account(goal: ConnectionGoal) -> bool:
    """Whether the change may lead to another account, so that the document must say."""
    return goal.existing is not None and accounts.change_asks(goal.existing, goal.secrets, goal.options)
