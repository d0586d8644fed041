"""The words that engine and adapters share. Imports nothing of ours but errors, and no Django.

An adapter declares facts (what it can write to, with which keys and limits) and codes only
behaviour: `check`, `fields`, `send`, `advance`. It never sleeps, retries, logs values, reads settings
or touches a database. The engine promises in return: calls within `limits`, values cast to the
field's kind, keys present and unique in a call, only declared modes.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

from destinations.auth import Auth
from destinations.errors import ContractBroken, DestinationError

JSON: TypeAlias = Any  # what orjson can write; the wire is the one place without a sharper type


class Kind(StrEnum):
    """What a field holds. `values.py` casts to it, once."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    EMAIL = "email"
    DOMAIN = "domain"
    PHONE = "phone"
    PICKLIST = "picklist"
    TEXT_LIST = "text_list"


class Mode(StrEnum):
    UPSERT = "upsert"
    INSERT = "insert"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a picklist: what is stored, and what people read."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field that can be written. `key` is the exact, case-sensitive name on the wire.

    `group` sets fields apart in the mapping form (a lead's company fields); `verified` is False for a
    name that the service did not list.
    """

    key: str
    label: str
    kind: Kind
    options: tuple[Option, ...] = ()
    required: bool = False
    custom: bool = False
    group: str = ""
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    """At most `requests` in any `seconds`."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Meter:
    """What a reply's headers say about one window of the account, this request included.

    `window_seconds` names the window by its published length in `Limits`. `resets_in_seconds` is when
    all of it is free again; None where the service does not tell.
    """

    window_seconds: float
    remaining: int
    resets_in_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the service allows; the engine stays within it.

    `concurrency` is the requests in flight over all workers, `default_concurrency` what we use of it.
    `settle_seconds` is how long a call whose answer was lost may still take effect. `poll_seconds` is
    the first and the longest pause between two looks at a pending job, `poll_deadline_seconds` when we
    give up looking.
    """

    windows: tuple[Window, ...]
    concurrency: int
    default_concurrency: int
    operations_per_call: int
    bytes_per_call: int
    timeout_seconds: float = 120
    settle_seconds: float = 60
    poll_seconds: tuple[float, float] = (2, 15)
    poll_deadline_seconds: float = 1800


@dataclass(frozen=True, slots=True)
class Companion:
    """A second object that one row also writes: a lead's company.

    Mapped fields named `prefix + key` belong to it. `key_field` is its upsert key; where it is not
    mapped, the engine derives it from `fallback_field` of the row's own record (the domain of an
    e-mail address that is not a free-mail one).
    """

    prefix: str
    object: str
    key_field: str
    fallback_field: str
    label: str


@dataclass(frozen=True, slots=True)
class ObjectType:
    """Something a destination can be asked to write.

    `missing_modes` gives the service's reason for each mode that is not in `modes`. `required` lists
    the fields that must be mapped, per mode and upsert key; a missing entry means the key alone.
    `note` is shown where records of this object were written.
    """

    key: str
    label: str
    upsert_keys: tuple[str, ...]
    modes: frozenset[Mode]
    missing_modes: Mapping[Mode, str] = field(default_factory=dict)
    required: Mapping[tuple[Mode, str], tuple[str, ...]] = field(default_factory=dict)
    companion: Companion | None = None
    note: str = ""

    @property
    def converges(self) -> frozenset[Mode]:
        """Modes in which sending a call twice leaves the same records as sending it once."""
        return self.modes - {Mode.INSERT}


@dataclass(frozen=True, slots=True)
class Setting:
    """An advanced setting of a connection, drawn as a form field and read from YAML.

    `kind` is one of text, url, integer, number, choice. `default` is what an empty form means;
    `minimum` and `maximum` bound a number. `names_account` is True where another value may mean
    another account of the service (a subdomain, say), so that a change asks "same account?".
    """

    key: str
    label: str
    kind: str = "text"
    default: JSON = None
    help: str = ""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    names_account: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """A permission to tick at the service, and what it is for."""

    name: str
    why: str


class Who(StrEnum):
    """Who must act on a refusal; the words are those of `RejectedRow.who`."""

    DATA = "data"
    EDITOR = "editor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Remedy:
    """A kind of refusal that can be told from the service's words, and what to do about it.

    `problem` is a short stable word that groups rows, `pattern` a regular expression found in the words
    (in any case), `advice` a sentence that says who must do what.
    """

    problem: str
    pattern: str
    who: Who
    advice: str


class Operation(NamedTuple):
    """One intended change at the destination.

    `id` names it in the reply (unique in the run). `match_key` is the normalised value of the upsert
    key. `values` holds the fields by key, without the companion's prefix; a None in it means "clear
    it there", a field that is absent is left alone.
    """

    id: str
    mode: Mode
    match_key: str
    values: Mapping[str, JSON]
    remote_id: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes: an object by one of its upsert keys."""

    object: ObjectType
    upsert_key: str


@dataclass(frozen=True, slots=True)
class Call:
    """The operations of one request or job. `id` is stable over retries of the same call."""

    id: str
    operations: tuple[Operation, ...]


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
    """The service works on it. `state` is JSON that `advance` needs to go on, after a restart too."""

    state: Mapping[str, JSON]


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

    `read` names statuses of 400 and above that the caller wants as a `Reply`.
    """

    def get(self, path: str, *, read: Sequence[int] = ()) -> Reply: ...

    def post(self, path: str, body: JSON, *, read: Sequence[int] = ()) -> Reply: ...


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

    return [outcome(operation.id) for operation in call.operations]


class Adapter(ABC):
    """A destination. One file each in `adapters/`, found by the registry, built per connection."""

    key: ClassVar[str]
    label: ClassVar[str]
    base_url: ClassVar[str]
    docs_url: ClassVar[str]
    auth: ClassVar[Auth]
    limits: ClassVar[Limits]
    objects: ClassVar[tuple[ObjectType, ...]]
    settings: ClassVar[tuple[Setting, ...]] = ()
    scopes: ClassVar[tuple[Scope, ...]] = ()
    setup_steps: ClassVar[tuple[str, ...]] = ()
    remedies: ClassVar[tuple[Remedy, ...]] = ()

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
    def limits_for(cls, settings: Mapping[str, JSON]) -> Limits:
        """The limits under a connection's advanced settings (a smaller batch, say)."""
        return cls.limits

    @classmethod
    def remedy(cls, reason: str) -> Remedy | None:
        """The first declared remedy that fits a refusal's reason."""
        return next((r for r in cls.remedies if re.search(r.pattern, reason, re.IGNORECASE)), None)

    @abstractmethod
    def check(self) -> Identity:
        """Find out who is connected and what is missing, without writing anything."""

    @abstractmethod
    def fields(self, target: ObjectType) -> list[Field]:
        """The fields that can be written, companion fields included with their prefix."""

    @abstractmethod
    def send(self, target: Target, call: Call) -> list[Outcome] | Pending:
        """Send the call: one outcome per operation, in order, or the state of a job to look at later."""

    def advance(self, target: Target, call: Call, state: Mapping[str, JSON]) -> list[Outcome] | Pending:
        """Go on with a pending job. Never sends the operations again."""
        raise ContractBroken(f"{self.label} answered Pending but cannot advance.")

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
