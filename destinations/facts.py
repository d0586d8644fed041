"""What an adapter declares about its service. Imports nothing of ours, and no Django.

Facts only: `contract.py` has what an adapter does, and gives these words on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self, TypeAlias

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
    """One value of a picklist: what is stored, and what people read.

    `aliases` are other words for it that rows may hold (an owner's e-mail and name for their id).
    `closed` is why no record can take it now, to be read after its label ("is inactive in Acme"), "" where
    it can be taken.
    """

    value: str
    label: str
    aliases: tuple[str, ...] = ()
    closed: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object. `key` is the exact, case-sensitive name on the wire.

    `group` sets fields apart in the mapping form (a lead's company fields); `verified` is False for a
    name that the service did not list. `help` says what people must know before they fill it. `read_only`
    is why it cannot be filled, to be read after its label ("is set by Acme itself"), "" where it can.
    """

    key: str
    label: str
    kind: Kind
    options: tuple[Option, ...] = ()
    required: bool = False
    custom: bool = False
    group: str = ""
    verified: bool = True
    help: str = ""
    read_only: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """At most `requests` in any `seconds`."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What the service allows; the engine stays within it.

    `concurrency` is the requests in flight over all workers, `default_concurrency` what we use of it.
    `settle_seconds` is how long a call whose answer was lost may still take effect. `poll_seconds` is
    the first and the longest pause between two looks at a pending job, `poll_deadline_seconds` when we
    give up looking. `watched_seconds` are the windows, by their length, of which each answer tells what is
    left but not when that ends: beside others we begin them one request at a time.
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
    watched_seconds: frozenset[float] = frozenset()

    def under(self, settings: Mapping[str, JSON]) -> Self:
        """The limits with a connection's usual settings applied; one that is absent changes nothing."""
        first, longest = self.poll_seconds
        poll_seconds = settings.get("poll_seconds", first)
        return replace(
            self,
            default_concurrency=settings.get("concurrency", self.default_concurrency),
            operations_per_call=settings.get("batch_size", self.operations_per_call),
            timeout_seconds=settings.get("timeout_seconds", self.timeout_seconds),
            settle_seconds=settings.get("settle_seconds", self.settle_seconds),
            poll_seconds=(poll_seconds, poll_seconds * longest / first),
            poll_deadline_seconds=settings.get("poll_deadline_seconds", self.poll_deadline_seconds),
        )


@dataclass(frozen=True, slots=True)
class Packing:
    """How operations go out: `per_call` in one request or job, `per_batch` stored and settled together.

    Worth while from `least` operations on: a job has a price of its own. `requests` is about how many a call
    takes in all, its look-ups and looks at a job among them; more than one are called a job on the pages.
    """

    per_call: int
    per_batch: int
    least: int = 1
    requests: int = 1


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
    `seeds` are the fields that the mapping form opens with, in order. `finds` tells by which keys records
    can be looked up, and how many keys a look-up takes. `remote_id_key` is the upsert key that holds the
    service's own id of the record, "" where none does. `missing_keys` gives the reason why a mode cannot go
    by an upsert key. Fields whose names begin with `open_prefix` may be mapped though the service did not
    list them ("": none may). `note` is shown where records of this object were written.
    """

    key: str
    label: str
    upsert_keys: tuple[str, ...]
    modes: frozenset[Mode]
    missing_modes: Mapping[Mode, str] = field(default_factory=dict)
    required: Mapping[tuple[Mode, str], tuple[str, ...]] = field(default_factory=dict)
    seeds: tuple[str, ...] = ()
    finds: Mapping[str, int] = field(default_factory=dict)
    remote_id_key: str = ""
    missing_keys: Mapping[tuple[Mode, str], str] = field(default_factory=dict)
    open_prefix: str = ""
    companion: Companion | None = None
    note: str = ""

    def keys_for(self, mode: Mode) -> tuple[str, ...]:
        """The upsert keys by which the mode can go, the usual one first."""
        return tuple(key for key in self.upsert_keys if (mode, key) not in self.missing_keys)

    def found_first(self, mode: Mode, upsert_key: str) -> int:
        """How many keys a look-up takes of those that go before this mode's calls; 0 where none does."""
        return self.finds[upsert_key] if mode is Mode.UPDATE and upsert_key != self.remote_id_key else 0

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
    """A permission to tick at the service, and what it is for. `optional`: all else works without it."""

    name: str
    why: str
    optional: bool = False


class Who(StrEnum):
    """Who must act on a refusal; the words are those of `RejectedRow.who`."""

    DATA = "data"
    EDITOR = "editor"
    ADMIN = "admin"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Problem:
    """A reason for which rows do not arrive, as people look it up.

    `code` is the short stable word that groups rows, `title` what stands above them. `explanation` says in
    plain sentences what happened, `action` what to do, and `who` must. `docs` is the page of the vendor that
    tells of it, "" where there is none.
    """

    code: str
    title: str
    explanation: str
    action: str
    who: Who
    docs: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What a request to this path is for, in a few words: a step of a job, say.

    `pattern` is a regular expression that is found in the path as it is asked, its query included.
    """

    method: str
    pattern: str
    words: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """A kind of refusal that can be told from the service's words, and what to do about it.

    `problem` is a short stable word that groups rows, `pattern` a regular expression found in the words
    (in any case), `advice` a sentence that says who must do what. An adapter explains each problem that it
    names in its `problems`. The problems `exists`, `missing` and
    `ambiguous` are about the records that are there, so that many of them stop no run.
    """

    problem: str
    pattern: str
    who: Who
    advice: str
