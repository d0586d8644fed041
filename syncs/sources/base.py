"""What every kind of source can do: check, describe, read. No Django here; values are passed in.

A reader opens a fresh connection for each call, reads and never writes, runs exactly one query, and keeps
its memory flat in the number of rows. What goes wrong is a `SourceError`; no message carries a secret or a
row's values.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from destinations import advanced
from destinations.advanced import BadSettings
from destinations.contract import JSON, Setting
from syncadmin.lib.crypto import Secret
from syncadmin.lib.outgoing import Networks

Chunk: TypeAlias = list[tuple[Any, ...]]


MOST_TABLES = 1_000


class Problem(StrEnum):
    """What is wrong, told apart as far as the source tells."""

    HOST = "host"
    PORT = "port"
    NAME = "name"  # of the database or the file
    USER = "user"
    PASSWORD = "password"  # noqa: S105 - the word, not a secret
    TLS = "tls"
    PERMISSION = "permission"
    SQL = "sql"
    TIMEOUT = "timeout"
    DIED = "died"
    FOLDER = "folder"
    OTHER = "other"


class SourceError(Exception):
    """The source cannot be read. `str(error)` is written for people: what happened, who must do what.

    `position` is the line of the SQL, counted from 1, where the source names one.
    """

    def __init__(self, problem: Problem, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.problem = problem
        self.message = message
        self.position = position


class Type(StrEnum):
    """What a column holds, in a few words."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    LIST = "list"
    JSON = "json"
    BYTES = "bytes"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Table:
    """Something to pick instead of writing SQL: its name for people, and the query of all its rows."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A source that can be read: what was found there, and what is better changed."""

    message: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """A query's rows while its connection is open. Iterate once: lists of tuples, none of them empty.

    `stop` may be called from another thread: the iteration then raises SourceError as soon as the source
    gives the query up. One that comes just as the query begins may be lost: call it until the iteration ends.
    """

    columns: tuple[Column, ...]
    chunks: Iterator[Chunk]
    stop: Callable[[], None]

    def __iter__(self) -> Iterator[Chunk]:
        return self.chunks


class Reader(ABC):
    """A source. One class for each kind, built for each use.

    `settings` are drawn as form fields and read from YAML; those named in `secrets` are kept encrypted,
    those in `required` may not be empty. Times without a zone come without one: the caller knows
    `time_zone`, which is theirs.
    """

    key: ClassVar[str]
    label: ClassVar[str]
    settings: ClassVar[tuple[Setting, ...]]
    secrets: ClassVar[tuple[str, ...]] = ()
    required: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        options: Mapping[str, JSON],
        secrets: Mapping[str, Secret],
        *,
        files_dir: Path,
        time_zone: str,
        networks: Networks = (),
    ) -> None:
        """`networks` may be connected to beside public addresses."""
        defaults = {s.key: s.default for s in self.settings if s.key not in self.secrets}
        self.options: dict[str, JSON] = defaults | dict(options)
        self.files_dir = files_dir
        self.time_zone = time_zone
        self.networks = networks
        self._secrets = dict(secrets)

    @classmethod
    def from_yaml(cls, keys: Mapping[str, JSON]) -> tuple[dict[str, JSON], dict[str, Secret]]:
        """(options, secrets) of the keys that people wrote. Options that are the default are left out.

        Raises BadSettings with a sentence for each key that is wrong, unknown or missing.
        """
        faults = {key: _unknown(key, cls.yaml_keys()) for key in keys if key not in cls.yaml_keys()}
        known = cls._spelled_out({k: v for k, v in keys.items() if k not in faults}, faults)
        secrets = {k: Secret(str(v)) for k, v in known.items() if k in cls.secrets and v not in (None, "")}
        options: dict[str, JSON] = {}
        try:
            plain = [setting for setting in cls.settings if setting.key not in cls.secrets]
            options = advanced.clean(plain, {k: v for k, v in known.items() if k not in cls.secrets})
        except BadSettings as error:
            faults |= error.faults
        if not faults:  # else what is missing may be what could not be read
            missing = [s for s in cls.settings if s.key in cls.required and s.key not in options | secrets]
            faults = {setting.key: f"{setting.label} is missing. {setting.help}" for setting in missing}
        if faults:
            raise BadSettings(faults)
        return options, secrets

    @classmethod
    def yaml_keys(cls) -> tuple[str, ...]:
        """Every key that `from_yaml` knows."""
        return tuple(setting.key for setting in cls.settings)

    @classmethod
    def _spelled_out(cls, keys: Mapping[str, JSON], faults: dict[str, str]) -> dict[str, JSON]:
        """The keys as settings, short forms taken apart. Adds to `faults` what cannot be read."""
        return dict(keys)

    @abstractmethod
    def check(self) -> Checked:
        """Find out whether the source can be read. Raises SourceError with what to do."""

    @abstractmethod
    def tables(self) -> tuple[Table, ...]:
        """The tables and files that may be read, by name; at most MOST_TABLES. SourceError as in `check`."""

    @abstractmethod
    def describe(self, sql: str) -> tuple[Column, ...]:
        """The query's columns, without reading rows. Raises SourceError where the SQL is wrong."""

    @abstractmethod
    def read(self, sql: str, *, chunk_rows: int = 5_000) -> AbstractContextManager[Rows]:
        """The query's rows in chunks. Leaving the block early ends the query at the source."""


def encoded(text: str) -> bytes:
    """The SQL as it goes over the wire, whole: drivers end it at a NUL, or cannot encode it."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise SourceError(
            Problem.SQL,
            "The SQL holds a character that no database takes (a NUL, or half of an emoji). Whoever edits "
            "the model must remove it.",
        )
    return encoded


def line_of(sql: str, at: int) -> int:
    """The line, counted from 1, of a character counted from 0."""
    return sql.count("\n", 0, at) + 1


def distinct(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns, if their names are: a mapping could not tell two of one name apart."""
    seen: set[str] = set()
    for column in columns:
        if column.name in seen:
            raise SourceError(
                Problem.SQL,
                f"The SQL returns more than one column named “{column.name}”. Whoever edits the model must "
                "give each a name of its own with AS, or leave one out.",
            )
        seen.add(column.name)
    return columns


def _unknown(key: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(key, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."
    return f"There is no setting {key}. {hint}"
