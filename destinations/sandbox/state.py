"""What a service of the sandbox remembers: a SQLite file of its own, or memory.

What was answered has been committed, so that a killed sandbox comes back with it. One process at a time
may open a file. Every service has settings and keys; the rest is its own (`qualified_state.py`).
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import orjson

MEMORY = ":memory:"

_TABLES = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keys (key TEXT PRIMARY KEY, scopes BLOB NOT NULL) WITHOUT ROWID;
"""


class StateInUse(Exception):
    """Another process has this state file open."""


class State:
    """The tables of one service, over one connection that its threads share. `tables` is its own SQL."""

    tables: ClassVar[str] = ""

    def __init__(self, path: str = MEMORY, *, patience: float = 2) -> None:
        """Open the file, made where it is missing. StateInUse after `patience` seconds."""
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(
            path, timeout=patience, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_TABLES + self.tables)
            with self.transaction():
                self._connection.execute("INSERT OR REPLACE INTO settings VALUES ('opened', '1')")
        except sqlite3.OperationalError as error:
            self._connection.close()
            if "locked" in str(error):
                raise StateInUse(
                    f"Another sandbox has {path} open. Stop it, or name another state file."
                ) from None
            raise

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing. Nested ones join the outermost."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self._connection
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def _rows(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(sql, parameters).fetchall()

    def _write(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement in a transaction; the id of the row it inserted."""
        with self.transaction() as connection:
            return connection.execute(sql, parameters).lastrowid or 0

    # Settings and keys

    def setting(self, name: str) -> Any:
        found = self._rows("SELECT value FROM settings WHERE name = ?", (name,))
        return orjson.loads(found[0][0]) if found else None

    def save_setting(self, name: str, value: Any) -> None:
        self._write("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, orjson.dumps(value)))

    def keys(self) -> dict[str, frozenset[str]]:
        """The API keys and their scopes."""
        rows = self._rows("SELECT key, scopes FROM keys ORDER BY key")
        return {key: frozenset(orjson.loads(scopes)) for key, scopes in rows}

    def save_key(self, key: str, scopes: Iterable[str]) -> None:
        self._write("INSERT OR REPLACE INTO keys VALUES (?, ?)", (key, orjson.dumps(sorted(scopes))))

    def remove_key(self, key: str) -> None:
        self._write("DELETE FROM keys WHERE key = ?", (key,))

    # What the records are

    def counts(self) -> dict[str, int]:
        """How many records of each kind there are."""
        return {}

    def clear_records(self) -> None:
        """Forget the records; keys and switches stay."""
