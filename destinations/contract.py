"""The words that engine and adapters share. Imports nothing of ours but errors, and no Django.

An adapter declares facts (what it can write to, with which keys and limits) and codes only
behaviour: `check`, `fields`, `send`, `advance`. It never sleeps, retries, logs values, reads settings
or touches a database. The engine promises in return: calls within `limits`, values cast to the
field's kind, keys present and unique in a call, only declared modes.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, NamedTuple, Protocol, TypeAlias

from destinations.auth import ApiKey, Auth, OAuth
from destinations.errors import ContractBroken, DestinationError
from destinations.facts import (
    JSON,
    Companion,
    Field,
    Kind,
    Limits,
    Mode,
    ObjectType,
    Option,
    Packing,
    Problem,
    Remedy,
    Scope,
    Setting,
    Step,
    Who,
    Window,
)

__all__ = [
    "ACCEPTED",
    "JSON",
    "UNPROVED",
    "Adapter",
    "Call",
    "Client",
    "Companion",
    "Field",
    "Found",
    "Identity",
    "Kind",
    "Limits",
    "Meter",
    "Mode",
    "ObjectType",
    "Operation",
    "Operations",
    "Option",
    "Outcome",
    "Packing",
    "Pending",
    "Piece",
    "Problem",
    "Remedy",
    "Reply",
    "Scope",
    "Setting",
    "Step",
    "Target",
    "Verdict",
    "Who",
    "Window",
    "outcomes",
]


@dataclass(frozen=True, slots=True)
class Meter:
    """What a reply's headers say about one window of the account, this request included.

    `window_seconds` names the window by its published length in `Limits`. `resets_in_seconds` is when
    all of it is free again, `limit` what it holds in all; None where the service does not tell. `cost`
    is what this request took of it.
    """

    window_seconds: float
    remaining: int
    resets_in_seconds: float | None = None
    limit: int | None = None
    cost: int = 1


class Operation(NamedTuple):
    """One intended change at the destination.

    `id` names it in the reply (unique in the run). `match_key` is the normalised value of the upsert
    key. `values` holds the fields by key, without the companion's prefix; a None in it means "clear
    it there", a field that is absent is left alone. `remote_id` is the service's id of the record where
    we know it. `former_match` is the upsert key with which the record was last sent, where the row has
    another one now: with a remote id the record moves along, else a second one is written.
    """

    id: str
    mode: Mode
    match_key: str
    values: Mapping[str, JSON]
    remote_id: str = ""
    former_match: str = ""


class Found(NamedTuple):
    """What a look-up found for one operation's match key.

    `records` is how many carry it (0, 1, or more where the key is ambiguous), `remote_id` the id
    of the only one. `is_as_sent`: that record holds the operation's values, as far as the service shows.
    `others` are the fields in which it does not, as on the wire, with what is there; None: not told.
    """

    records: int
    remote_id: str = ""
    is_as_sent: bool = False
    others: Mapping[str, JSON] | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes: an object by one of its upsert keys."""

    object: ObjectType
    upsert_key: str


Piece: TypeAlias = tuple[str, str, JSON]  # an operation's id, its match key, its other values


class Operations(Sequence[Operation]):
    """Operations that are not read before an adapter asks for one: see `Call.pieces`."""

    ids: Sequence[str]

    def pieces(self, upsert_key: str) -> Iterable[Piece]:
        return _pieces(self, upsert_key)


@dataclass(frozen=True, slots=True)
class Call:
    """The operations of one request or job. `id` is stable over retries of the same call."""

    id: str
    operations: Sequence[Operation]

    @property
    def ids(self) -> Sequence[str]:
        """The operations' ids, in order."""
        found = self.operations
        return found.ids if isinstance(found, Operations) else [one.id for one in found]

    def pieces(self, upsert_key: str) -> Iterable[Piece]:
        """What a body is put together from: each operation's id, its match key, and its other values.

        Those are one piece of JSON, or None where there are none. For services that take values as they
        are: to read hundreds of operations, only to write them again, takes most of the time of a job.
        """
        found = self.operations
        return found.pieces(upsert_key) if isinstance(found, Operations) else _pieces(found, upsert_key)


def _pieces(operations: Sequence[Operation], upsert_key: str) -> Iterable[Piece]:
    for one in operations:
        others = {key: value for key, value in one.values.items() if key != upsert_key}
        yield one.id, one.match_key, others or None


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNPROVED = "unproved"


class Outcome(NamedTuple):
    """What is proved about one operation. Without evidence it is unproved, never accepted."""

    verdict: Verdict
    reason: str = ""
    field: str = ""
    remote_id: str = ""


ACCEPTED = Outcome(Verdict.ACCEPTED)
UNPROVED = Outcome(Verdict.UNPROVED)


@dataclass(frozen=True, slots=True)
class Pending:
    """The call is not done. `state` is JSON that `advance` needs to go on, after a restart too.

    `at_once`: the next step is ours and need not wait (a job that is not started yet); else the service
    works on it, and is looked at again after a pause.
    """

    state: Mapping[str, JSON]
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is connected, as far as the service tells, and what will not work (`missing`)."""

    account_id: str = ""
    account_name: str = ""
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with a status below 300, or one that the adapter said it wants to read itself.

    `headers` are found in any case. `json` is None where the body is empty, and the text where an
    answer of status 400 or above is not JSON.
    """

    status: int
    headers: Mapping[str, str]
    json: JSON


class Client(Protocol):
    """The one way to the wire that an adapter gets. Errors are raised as in `errors.py`.

    `read` names statuses of 400 and above that the caller wants as a `Reply`. `params` go into the
    query, in order, each value once.
    """

    def get(
        self, path: str, *, params: Sequence[tuple[str, str]] = (), read: Sequence[int] = ()
    ) -> Reply: ...

    def post(self, path: str, body: JSON, *, read: Sequence[int] = ()) -> Reply: ...

    def put(self, path: str, body: JSON, *, read: Sequence[int] = ()) -> Reply: ...

    def delete(self, path: str, *, read: Sequence[int] = ()) -> Reply: ...


def outcomes(
    call: Call, *, accepted: Mapping[str, str], rejected: Mapping[str, tuple[str, str]], unproved: str = ""
) -> list[Outcome]:
    """Put a reply's evidence in the call's order; what it does not mention is unproved.

    `accepted` maps an operation's id to the remote id ("" where the service tells none), `rejected` to
    (reason, field). An id that is in both is rejected. `unproved` is the reason for the rest.
    """
    rest = Outcome(Verdict.UNPROVED, unproved)

    def outcome(name: str) -> Outcome:
        if name in rejected:
            reason, at = rejected[name]
            return Outcome(Verdict.REJECTED, reason, at)
        if name in accepted:
            remote_id = accepted[name]
            return Outcome(Verdict.ACCEPTED, remote_id=remote_id) if remote_id else ACCEPTED
        return rest

    return [outcome(name) for name in call.ids]


class Adapter(ABC):
    """A destination. One file each in `adapters/`, found by the registry, built per connection."""

    key: ClassVar[str]
    label: ClassVar[str]
    base_url: ClassVar[str]
    docs_url: ClassVar[str]
    auths: ClassVar[tuple[Auth, ...]]
    limits: ClassVar[Limits]
    objects: ClassVar[tuple[ObjectType, ...]]
    settings: ClassVar[tuple[Setting, ...]] = ()
    scopes: ClassVar[tuple[Scope, ...]] = ()
    setup_steps: ClassVar[tuple[str, ...]] = ()
    remedies: ClassVar[tuple[Remedy, ...]] = ()
    problems: ClassVar[tuple[Problem, ...]] = ()
    steps: ClassVar[tuple[Step, ...]] = ()

    def __init__(self, client: Client, settings: Mapping[str, JSON]) -> None:
        self.client = client
        self.options = {s.key: s.default for s in self.settings} | dict(settings)

    @classmethod
    def object(cls, key: str) -> ObjectType:
        """The declared object with this key. KeyError where there is none."""
        for found in cls.objects:
            if found.key == key:
                return found
        raise KeyError(key)

    @classmethod
    def api_key(cls) -> ApiKey | None:
        """How a pasted key signs in; None where the service takes none."""
        return next((auth for auth in cls.auths if isinstance(auth, ApiKey)), None)

    @classmethod
    def oauth(cls) -> OAuth | None:
        """How a person signs in at the service itself; None where that is not offered."""
        return next((auth for auth in cls.auths if isinstance(auth, OAuth)), None)

    @classmethod
    def limits_for(cls, settings: Mapping[str, JSON]) -> Limits:
        """The limits under a connection's advanced settings (a smaller batch, say)."""
        return cls.limits.under(settings)

    @classmethod
    def packings(cls, target: ObjectType, mode: Mode, settings: Mapping[str, JSON]) -> tuple[Packing, ...]:
        """The ways in which operations may be packed, the largest first; the last one takes any number."""
        limits = cls.limits_for(settings)
        return (Packing(limits.operations_per_call, limits.operations_per_call),)

    @classmethod
    def remedy(cls, reason: str) -> Remedy | None:
        """The first declared remedy that fits a refusal's reason."""
        return next((r for r in cls.remedies if re.search(r.pattern, reason, re.IGNORECASE)), None)

    @classmethod
    def step(cls, method: str, url: str) -> str:
        """What a request is for, in the words of the first declared step that fits; "" where none does."""
        fitting = (one for one in cls.steps if one.method == method and re.search(one.pattern, url))
        return next((one.words for one in fitting), "")

    @abstractmethod
    def check(self) -> Identity:
        """Find out who is connected and what is missing, without writing anything."""

    @abstractmethod
    def fields(self, target: ObjectType) -> list[Field]:
        """The fields, companion fields included with their prefix; those that cannot be filled say why."""

    @abstractmethod
    def send(self, target: Target, call: Call) -> list[Outcome] | Pending:
        """Send the call: one outcome per operation, in order, or the state of a job to look at later."""

    def find(self, target: Target, call: Call) -> list[Found]:
        """Look the operations' match keys up, without writing: one answer per operation, in order.

        At most `finds[upsert_key]` operations a call. The record found really carries the key.
        """
        raise ContractBroken(f"{self.label} declares look-ups but cannot find.")

    def advance(self, target: Target, call: Call, state: Mapping[str, JSON]) -> list[Outcome] | Pending:
        """Go on with a pending job: its next step, or a look at it.

        After an error, or where the process died, the same state comes again: a step that may have been
        taken is looked at before it is taken again. TooMany where nothing was applied and nothing will be.
        """
        raise ContractBroken(f"{self.label} answered Pending but cannot advance.")

    def leave(self, target: Target, call: Call, state: Mapping[str, JSON]) -> list[Outcome] | Pending:
        """Go on with a job whose run has ended: begin nothing more of it.

        Pending while what the service has of it may still take effect. Where a job runs on its own once
        it is handed over, that is a look at it.
        """
        return self.advance(target, call, state)

    @classmethod
    def refusal(
        cls, status: int, body: JSON, headers: Mapping[str, str], path: str
    ) -> DestinationError | None:
        """How this service words a refusal (status 400 and above). None: the client's table decides.

        `body` is None where it is empty, and the text where it is not JSON. `path` is as it was asked.
        """
        return None

    @classmethod
    def meter(cls, headers: Mapping[str, str], now: float) -> Meter | None:
        """What a reply's headers tell of the account's use. `now` is our clock, in Unix seconds.

        Called for every reply, refusals included. None where the headers tell nothing.
        """
        return None
