"""Many rows into a table at once: COPY and arrays on PostgreSQL, executemany on SQLite.

On PostgreSQL values travel in their binary form, which takes a tenth of the time of text. So the columns
of a table come with PostgreSQL's types, in the order of the rows' values.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper


def insert(table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows. Joins the open transaction. Values are as the driver takes them."""
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(list(columns.values()))
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(rows))


@dataclass(frozen=True, slots=True, eq=False)
class Upsert:
    """`INSERT … ON CONFLICT (key) DO UPDATE SET update` over many rows, in one statement."""

    table: str
    columns: Mapping[str, str]
    key: Sequence[str]
    update: str

    def run(self, rows: Sequence[Sequence[Any]]) -> None:
        """Joins the open transaction. No two rows may have the same key."""
        if not rows:
            return
        head = f"INSERT INTO {self.table} ({', '.join(self.columns)})"
        tail = f"ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {self.update}"
        if connection.vendor == "postgresql":
            chosen, values = self._arrays(rows)
            with binary_cursor() as cursor:
                cursor.execute(f"{head} {chosen} {tail}", values)
        else:
            marks = ", ".join(["%s"] * len(self.columns))
            with connection.cursor() as cursor:
                cursor.executemany(f"{head} VALUES ({marks}) {tail}", rows)

    def _arrays(self, rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        """The rows as a SELECT from an array a column; a value that all rows have is sent once."""
        chosen, arrays, names = [], [], []
        once, many = [], []
        for (name, kind), values in zip(self.columns.items(), zip(*rows, strict=True), strict=True):
            if name not in self.key and values.count(values[0]) == len(values):
                chosen.append(f"%b::{kind}")
                once.append(values[0])
            else:
                chosen.append(f"given.{name}")
                names.append(name)
                arrays.append(f"%b::{kind}[]")
                many.append(list(values))
        source = f"unnest({', '.join(arrays)}) AS given ({', '.join(names)})"
        return f"SELECT {', '.join(chosen)} FROM {source}", once + many


class Together:
    """Statements that are carried out together: to PostgreSQL they go in one journey, not each in its own.

    Each is added with the number of rows that it must change, or None where that does not matter. They keep
    their order.
    """

    def __init__(self) -> None:
        self._groups: list[tuple[str, list[Sequence[Any]], int | None]] = []

    def add(self, statement: str, values: Sequence[Any], *, changes: int | None = None) -> None:
        if self._groups:
            last, rows, count = self._groups[-1]
            if last == statement:
                rows.append(values)
                self._groups[-1] = (last, rows, None if count is None or changes is None else count + changes)
                return
        self._groups.append((statement, [values], changes))

    def run(self) -> bool:
        """Carry them out, in the open transaction. Whether each changed as many rows as it must."""
        groups, self._groups = self._groups, []
        if connection.vendor != "postgresql":
            with connection.cursor() as cursor:
                return all(_changed(cursor, *group) for group in groups)
        connection.ensure_connection()
        cursors = []
        with connection.wrap_database_errors, connection.connection.pipeline():
            for statement, rows, _ in groups:
                cursor = CursorWrapper(psycopg.Cursor(connection.connection), connection)
                cursor.executemany(statement, rows)
                cursors.append(cursor)
        return all(
            count is None or cursor.rowcount == count
            for cursor, (_, _, count) in zip(cursors, groups, strict=True)
        )


def _changed(cursor: Any, statement: str, rows: list[Sequence[Any]], count: int | None) -> bool:
    if len(rows) == 1:
        cursor.execute(statement, rows[0])
    else:
        cursor.executemany(statement, rows)
    return count is None or cursor.rowcount == count


@contextmanager
def unhurried() -> Iterator[None]:
    """A transaction that the disk may learn of later: with the next one that is of the usual kind.

    For writes that are done anew where a power cut took them with it, and on which nothing is sent before a
    usual commit followed. Within another transaction it is a part of that one.
    """
    is_own = not connection.in_atomic_block
    if is_own and connection.vendor == "sqlite":
        _execute("PRAGMA synchronous = NORMAL")
    try:
        with transaction.atomic():
            if is_own and connection.vendor == "postgresql":
                _execute("SET LOCAL synchronous_commit = off")
            yield
    finally:
        if is_own and connection.vendor == "sqlite":
            _execute("PRAGMA synchronous = FULL")


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def binary_cursor() -> Iterator[CursorWrapper]:
    """PostgreSQL: a cursor whose `%b` values are sent beside the statement instead of written into it."""
    connection.ensure_connection()
    with CursorWrapper(psycopg.Cursor(connection.connection), connection) as cursor:
        yield cursor


def moment(value: datetime | None) -> Any:
    """A time as the database's driver takes it in plain statements."""
    return connection.ops.adapt_datetimefield_value(value)
