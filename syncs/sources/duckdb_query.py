"""One locked-down instance of DuckDB with one query.

An instance is in memory and of its own; a database file is attached to it, so that two queries in one process
may read one file.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from syncs.sources import duckdb_errors
from syncs.sources.base import Chunk, Column, Problem, SourceError, Type, distinct, encoded
from syncs.sources.duckdb_paths import nodes, with_whole_paths
from syncs.sources.exact_json import exact_json

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_DESCRIBE = "DESCRIBE "
_THREADS = 2
_SPILL_SPACE = "8GB"  # what a query may write to disk where memory is short
_RESERVED = ("memory", "system", "temp")  # names of DuckDB's own databases
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
_TYPES = {
    **dict.fromkeys((*_NUMBERS, *(f"U{name}" for name in _NUMBERS[:5])), Type.NUMBER),
    **dict.fromkeys(("VARCHAR", "UUID", "ENUM", "BIT"), Type.TEXT),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), Type.DATETIME),
    **dict.fromkeys(("TIME", "TIME_NS", "TIME WITH TIME ZONE"), Type.TIME),
    **dict.fromkeys(("STRUCT", "MAP", "JSON"), Type.JSON),
    "TIMESTAMP WITH TIME ZONE": Type.DATETIME,
    "BOOLEAN": Type.BOOLEAN,
    "DATE": Type.DATE,
    "BLOB": Type.BYTES,
}
# Functions that no query may call: some of the driver's own end the process where an address leads nowhere,
# some run SQL that is not seen here, some would write files.
_NEVER = frozenset(
    {
        *("pandas_scan", "arrow_scan", "arrow_scan_dumb", "python_map_function"),
        *("query", "json_execute_serialized_sql"),
        *("enable_logging", "enable_profiling"),
    }
)
_CALLS_NEVER = rf"""\b({"|".join(sorted(_NEVER))})"?\s*\("""
# The driver cannot give these, or not exactly, when they are inside a list or a structure.
_CAST_WITHIN = re.compile(r"\b(?:TIMESTAMP WITH TIME ZONE|INTERVAL|VARIANT|UNION)\b")


class Query:
    """Used by one thread, but for `stop`. `called` is the place as people know it."""

    def __init__(self, place: Path, *, called: str, spill: Path, megabytes: int, seconds: int) -> None:
        # Imported here: it takes 30 MB of memory, which a worker that reads only PostgreSQL never needs.
        import duckdb

        self._errors: type[Exception] = duckdb.Error
        self._select = duckdb.StatementType.SELECT
        self._folder = place if place.is_dir() else place.parent
        self._megabytes = megabytes
        self._seconds = seconds
        self._text = b""
        self._casts: list[str] = []
        self._finishes: dict[int, Callable[[Any], Any]] = {}
        self._is_stopped = False
        self._is_late = False
        self._connection: DuckDBPyConnection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{megabytes}MB",
                "threads": _THREADS,
                "temp_directory": str(spill),
                "max_temp_directory_size": _SPILL_SPACE,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
            },
        )
        self._lock_down(place, called)

    def _lock_down(self, place: Path, called: str) -> None:
        run = self._connection.execute
        if place.is_dir():
            run(f"SET allowed_directories = [{_quoted(str(place))}]")
        else:
            name = place.stem if place.stem.lower() not in _RESERVED else "warehouse"
            identifier = '"' + name.replace('"', '""') + '"'
            try:
                run(f"ATTACH {_quoted(str(place))} AS {identifier} (READ_ONLY, TYPE duckdb)")
            except self._errors as error:
                raise duckdb_errors.opening(error, called) from None
            run(f"USE {identifier}")
            self._demand_harmless()
        run("SET TimeZone = 'UTC'")
        run("SET errors_as_json = true")
        run("SET python_enable_replacements = false")  # the SQL must not see this process's variables
        run("SET enable_external_access = false")
        run("SET lock_configuration = true")

    def tables(self) -> list[str]:
        """The names of a database's tables and views, by schema."""
        return [name for name, _ in self.named_tables()]

    def named_tables(self) -> list[tuple[str, str]]:
        """As `tables`, each with its name as SQL writes it."""
        found = self._connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_catalog = current_database() ORDER BY 1, 2"
        )
        return [(f"{schema}.{name}", f"{_named(schema)}.{_named(name)}") for schema, name in found.fetchall()]

    def describe(self, sql: str) -> tuple[Column, ...]:
        """The columns of the query, which is checked to be one and has not run."""
        self._text = encoded(sql)
        with self._told():
            self._text = self._checked(sql)
        with self._told(before=len(_DESCRIBE)):
            found = self._connection.execute(_DESCRIBE + self._text.decode()).fetchall()
        types: list[str] = [row[1] for row in found]
        self._casts = [_cast(at, one) for at, one in enumerate(types)]
        self._finishes = {at: how for at, one in enumerate(types) if (how := _finish(one)) is not None}
        return distinct(tuple(Column(row[0], _type(row[1])) for row in found))

    def _start(self) -> None:
        """Run what was described, up to its first rows."""
        with self._told():
            if all(cast == f"c{at}" for at, cast in enumerate(self._casts)):
                self._connection.execute(self._text.decode())
                return
            columns = ", ".join(f"c{at}" for at in range(len(self._casts)))
            self._connection.execute(f"CREATE TEMP VIEW syncadmin_model({columns}) AS " + self._text.decode())
            casts = ", ".join(self._casts)  # of our own making
            self._connection.execute(f"SELECT {casts} FROM temp.syncadmin_model")  # noqa: S608

    def chunks(self, chunk_rows: int) -> Iterator[Chunk]:
        """The rows of what was described."""
        self._start()
        while True:
            with self._told():
                chunk = self._connection.fetchmany(chunk_rows)
            if not chunk:
                return
            yield self._finished(chunk) if self._finishes else chunk

    def stop(self) -> None:
        self._is_stopped = True
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()

    def _checked(self, sql: str) -> bytes:
        """The one query that the SQL is, its file names made whole."""
        statements = self._connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != self._select:
            raise duckdb_errors.not_a_query()
        if statements[0].named_parameters:
            raise SourceError(
                Problem.SQL,
                "The SQL holds a placeholder (? or $1). Whoever edits the model must write the value there.",
            )
        row = self._connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
        tree = orjson.loads(row[0]) if row else {"error": True}
        if tree["error"]:  # PRAGMA and the like
            raise duckdb_errors.not_a_query()
        for node in nodes(tree):
            if str(node.get("function_name", "")).lower() in _NEVER:
                raise duckdb_errors.never(node["function_name"])
        return with_whole_paths(sql, tree, self._folder)

    def _demand_harmless(self) -> None:
        """Refuse a database whose views or macros call what no query may."""
        found = self._connection.execute(
            "SELECT 1 FROM duckdb_views() WHERE NOT internal AND regexp_matches(sql, $1, 'i') UNION ALL "
            "SELECT 1 FROM duckdb_functions() "
            "WHERE NOT internal AND regexp_matches(macro_definition, $1, 'i')",
            [_CALLS_NEVER],
        )
        if found.fetchone() is not None:
            raise duckdb_errors.never("query or pandas_scan, in a view or macro,")

    def _finished(self, chunk: Chunk) -> Chunk:
        columns: list[Any] = list(zip(*chunk, strict=True))
        for at, finish in self._finishes.items():
            columns[at] = [None if value is None else finish(value) for value in columns[at]]
        return list(zip(*columns, strict=True))

    @contextmanager
    def _told(self, *, before: int = 0) -> Iterator[None]:
        """Ended when it takes too long. What goes wrong here is told as a SourceError.

        `before` is how many bytes stood before our text in what was run.
        """
        timer = threading.Timer(self._seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            if self._is_stopped:
                raise self._errors("stopped")
            yield
        except self._errors as error:
            raise duckdb_errors.running(
                error,
                self._text,
                self._folder,
                before=before,
                seconds=self._seconds,
                megabytes=self._megabytes,
                is_stopped=self._is_stopped,
                is_late=self._is_late,
            ) from None
        finally:
            timer.cancel()

    def _end(self) -> None:
        self._is_late = True
        self._connection.interrupt()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _named(name: str) -> str:
    """A name as SQL takes it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def _type(one: str) -> Type:
    """The type of a column by DuckDB's name of it: DECIMAL(4,2), STRUCT(a INTEGER)[]."""
    return Type.LIST if one.endswith("]") else _TYPES.get(one.partition("(")[0], Type.OTHER)


def _cast(at: int, one: str) -> str:
    """How a column is asked for."""
    match one:
        case "TIMESTAMP WITH TIME ZONE":
            return f"timezone('UTC', c{at})"
        case "INTERVAL":
            return f"CAST(c{at} AS VARCHAR)"
    return f"to_json(c{at})" if _CAST_WITHIN.search(one) else f"c{at}"


def _finish(one: str) -> Callable[[Any], Any] | None:
    """What is left to do with a column's values."""
    if one == "TIMESTAMP WITH TIME ZONE":
        return _in_utc
    if one == "JSON" or (one != "INTERVAL" and _CAST_WITHIN.search(one)):
        return _parsed
    return None


def _in_utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if value.__class__ is datetime else value  # beyond year 9999 it is text


def _parsed(value: str) -> Any:
    try:
        return exact_json(value.encode())
    except (ValueError, RecursionError):
        return value
