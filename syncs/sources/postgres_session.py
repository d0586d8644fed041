"""One connection to PostgreSQL with one query: sent for chunk by chunk, a chunk ahead of the caller.

The wire is driven by psycopg's own generators, so that a FETCH can be sent before its rows are wanted.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import generators, pq
from psycopg.adapt import Transformer
from psycopg.pq.abc import PGresult

from syncs.sources import postgres_errors, postgres_values
from syncs.sources.base import Chunk, Column, Problem, SourceError, distinct, encoded

_IDLE_MINUTES = 15  # the database ends a transaction that we left hanging
_FIRST_FETCH_ROWS = 500  # until the size of a row is known
_LOADED_ROWS = (
    1_000  # at once: what is made of them stays in the processor's cache, a tenth faster than 5,000
)
_CHUNK_BYTES = 8_000_000  # rows of megabytes come fewer at a time
_CURSOR = "syncadmin_model"
_DECLARE = f"DECLARE {_CURSOR} NO SCROLL CURSOR FOR "
_GRACE_SECONDS = 10.0  # the database ends a query by itself, unless its SQL has lifted the limit
_TOO_LONG = psycopg.errors._WaitTimeout
_FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)


class Session:
    """One connection, one read-only transaction, one cursor. Used by one thread, but for `stop`."""

    def __init__(self, connection: psycopg.Connection[Any], seconds: int) -> None:
        self.connection = connection
        self._seconds = seconds
        self._patience = seconds + _GRACE_SECONDS
        self._sql = ""
        self._stopped = False
        self._is_waited_for = False  # a FETCH whose answer nobody has taken

    def begin(self) -> None:
        statement = (
            "BEGIN READ ONLY; SET LOCAL default_transaction_read_only = on; "
            "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'postgres'; "
            "SET LOCAL extra_float_digits = 3; SET LOCAL cursor_tuple_fraction = 1; "
            f"SET LOCAL statement_timeout = '{self._seconds:d}s'; "
            f"SET LOCAL idle_in_transaction_session_timeout = '{_IDLE_MINUTES}min'"
        )
        with self._told():
            self.connection.execute(statement.encode())

    def run(self, statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement of our own."""
        with self._told():
            return self.connection.execute(statement.encode(), parameters).fetchall()

    def declare(self, text: str) -> tuple[Column, ...]:
        """Open the cursor. Nothing has run yet, but names, types and permissions are checked."""
        self._sql = text
        query = encoded(text)
        pgconn = self.connection.pgconn
        self._exchange(lambda: pgconn.send_prepare(b"", query))
        prepared = self._exchange(lambda: pgconn.send_describe_prepared(b""))
        if not prepared.nfields:
            raise postgres_errors.not_a_query()
        if prepared.nparams:
            raise SourceError(
                Problem.SQL,
                "The SQL holds a placeholder such as $1. Whoever edits the model must write the value there.",
            )
        declaration = _DECLARE.encode() + query
        self._exchange(lambda: pgconn.send_query_params(declaration, None), before=len(_DECLARE))
        with self._told():
            return distinct(postgres_values.columns(self.connection, prepared))

    def chunks(self, chunk_rows: int) -> Iterator[Chunk]:
        """The rows, at most `chunk_rows` sent for at a time, and fewer given."""
        transformer = Transformer.from_context(self.connection)
        asked = min(chunk_rows, _FIRST_FETCH_ROWS)
        self._ask_for(asked)
        result = self._answer()
        transformer.set_pgresult(result)
        while result.ntuples:
            is_last = result.ntuples < asked
            if not is_last:
                asked = min(chunk_rows, max(1, _CHUNK_BYTES // _row_bytes(result)))
                self._ask_for(asked)
            for first in range(0, result.ntuples, _LOADED_ROWS):
                last = min(first + _LOADED_ROWS, result.ntuples)
                yield postgres_values.load(transformer, self.connection, result, first, last)
            if is_last:
                return
            result = self._answer()
            transformer.set_pgresult(result, set_loaders=False)

    def stop(self) -> None:
        self._stopped = True
        self._cancel()

    def close(self) -> None:
        if self._is_waited_for:
            self._cancel()  # or the server would go on to compute for nobody
        self.connection.close()

    def _cancel(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self.connection.cancel_safe(timeout=5)

    def _ask_for(self, count: int) -> None:
        """Send for rows, and do not wait for them."""
        pgconn = self.connection.pgconn
        with self._told():
            self._heed_stop()
            pgconn.send_query(f"FETCH FORWARD {count} FROM {_CURSOR}".encode())
            self._is_waited_for = True
            self.connection.wait(generators.send(pgconn))

    def _answer(self, *, before: int = 0) -> PGresult:
        """Wait for the answer to what was sent."""
        pgconn = self.connection.pgconn
        with self._told(before):
            try:
                result = self.connection.wait(generators.fetch_many(pgconn), timeout=self._patience)[-1]
            except _TOO_LONG:
                raise psycopg.errors.QueryCanceled("timeout") from None
            self._is_waited_for = False
            if result.status in _FAILED:
                raise psycopg.errors.error_from_result(result, encoding="utf-8")
            self._heed_stop()
        return result

    def _heed_stop(self) -> None:
        if self._stopped:
            raise psycopg.errors.QueryCanceled("stopped")

    def _exchange(self, send: Callable[[], None], *, before: int = 0) -> PGresult:
        pgconn = self.connection.pgconn
        with self._told():
            send()
            self.connection.wait(generators.send(pgconn))
        return self._answer(before=before)

    @contextmanager
    def _told(self, before: int = 0) -> Iterator[None]:
        """What goes wrong here is told as a SourceError."""
        try:
            yield
        except psycopg.Error as error:
            raise postgres_errors.running(
                error, self._sql, before=before, seconds=self._seconds, is_stopped=self._stopped
            ) from None


def _row_bytes(result: PGresult) -> int:
    """How large a row is, about: the mean of a few."""
    sample = range(0, result.ntuples, max(1, result.ntuples // 20))
    size = sum(len(result.get_value(row, at) or b"") for row in sample for at in range(result.nfields))
    return max(1, size // len(sample))
