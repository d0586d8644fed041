"""Many rows into a table at once: COPY on PostgreSQL, executemany on SQLite."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection


def insert(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows. Joins the open transaction. Values are as the driver takes them."""
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(rows))


@dataclass(frozen=True, slots=True, eq=False)
class Upsert:
    """`INSERT … ON CONFLICT (key) DO UPDATE SET update` over many rows, in one statement.

    `columns` are names with PostgreSQL's types, in the order of the rows' values.
    """

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
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                arrays = ", ".join(f"%s::{kind}[]" for kind in self.columns.values())
                columns = [list(column) for column in zip(*rows, strict=True)]
                cursor.execute(f"{head} SELECT * FROM unnest({arrays}) {tail}", columns)
            else:
                marks = ", ".join(["%s"] * len(self.columns))
                cursor.executemany(f"{head} VALUES ({marks}) {tail}", rows)


def moment(value: datetime | None) -> Any:
    """A time as the database's driver takes it in plain statements."""
    return connection.ops.adapt_datetimefield_value(value)
