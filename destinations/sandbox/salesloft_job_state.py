"""What the look-alike of Salesloft remembers of bulk jobs: each job, and each of its rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from destinations.sandbox.state import State

TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, type TEXT NOT NULL, state TEXT NOT NULL,
    fate TEXT NOT NULL, scopes BLOB NOT NULL, total INTEGER NOT NULL DEFAULT 0,
    processed INTEGER NOT NULL DEFAULT 0, errors INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL, updated_at REAL NOT NULL, ready_at REAL, finished_at REAL
);
CREATE INDEX IF NOT EXISTS jobs_executing ON jobs (ready_at) WHERE state = 'executing';
CREATE TABLE IF NOT EXISTS job_rows (
    id INTEGER PRIMARY KEY AUTOINCREMENT, job_id INTEGER NOT NULL, status TEXT NOT NULL, record BLOB NOT NULL,
    error TEXT, resource_id INTEGER, upsert_type TEXT
);
CREATE INDEX IF NOT EXISTS job_rows_job ON job_rows (job_id, id);
CREATE INDEX IF NOT EXISTS job_rows_pending ON job_rows (job_id, id) WHERE status = 'pending';
"""
OPEN, EXECUTING, DONE = "open", "executing", "done"
PENDING, SUCCESS, ERROR, MISSING = "pending", "success", "error", "missing"

_JOB = (
    "SELECT id, name, type, state, fate, scopes, total, processed, errors, created_at, updated_at, ready_at, "
    "finished_at FROM jobs "
)


@dataclass(frozen=True, slots=True)
class Job:
    """A bulk job. `fate` is what shall go wrong with it, `scopes` what its maker may do."""

    id: int
    name: str | None
    type: str
    state: str
    fate: str
    scopes: frozenset[str]
    total: int
    processed: int
    errors: int
    created_at: float
    updated_at: float
    ready_at: float | None
    finished_at: float | None


@dataclass(slots=True)
class JobRow:
    """One row of a job. `status` is pending, success, error, or missing: done, but never told."""

    id: int
    record: dict[str, Any]
    status: str = PENDING
    error: str | None = None
    resource_id: int | None = None
    upsert_type: str | None = None


class JobState(State):
    """The tables of the jobs."""

    def add_job(self, *, name: str | None, type: str, fate: str, scopes: frozenset[str], now: float) -> int:
        return self._write(
            "INSERT INTO jobs (name, type, state, fate, scopes, created_at, updated_at) "
            "VALUES (?, ?, 'open', ?, ?, ?, ?)",
            (name, type, fate, orjson.dumps(sorted(scopes)), now, now),
        )

    def job(self, id: int) -> Job | None:
        return next((_job(row) for row in self._rows(_JOB + "WHERE id = ?", (id,))), None)

    def jobs(self, *, limit: int) -> list[Job]:
        """The latest jobs, the newest first."""
        return [_job(row) for row in self._rows(_JOB + "ORDER BY id DESC LIMIT ?", (limit,))]

    def jobs_after(self, id: int, states: Iterable[str], *, limit: int) -> list[Job]:
        """Jobs in one of these states above an id, in order."""
        sql = _JOB + "WHERE id > ? AND state IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?"  # noqa: S608
        return [_job(row) for row in self._rows(sql, (id, orjson.dumps(list(states)).decode(), limit))]

    def executing_jobs(self) -> list[Job]:
        """The jobs to work off, in the order they were made ready."""
        return [_job(row) for row in self._rows(_JOB + "WHERE state = 'executing' ORDER BY ready_at, id")]

    def rename_job(self, id: int, name: str, *, now: float) -> None:
        self._write("UPDATE jobs SET name = ?, updated_at = ? WHERE id = ?", (name, now, id))

    def make_job_ready(self, id: int, *, now: float) -> None:
        self._write(
            "UPDATE jobs SET state = 'executing', ready_at = ?, updated_at = ? WHERE id = ?", (now, now, id)
        )

    def remove_job(self, id: int) -> None:
        with self.transaction() as connection:
            connection.execute("DELETE FROM jobs WHERE id = ?", (id,))
            connection.execute("DELETE FROM job_rows WHERE job_id = ?", (id,))

    def add_job_rows(self, id: int, records: list[dict[str, Any]], *, now: float) -> None:
        with self.transaction() as connection:
            connection.executemany(
                "INSERT INTO job_rows (job_id, status, record) VALUES (?, 'pending', ?)",
                ((id, orjson.dumps(each)) for each in records),
            )
            connection.execute(
                "UPDATE jobs SET total = total + ?, updated_at = ? WHERE id = ?", (len(records), now, id)
            )

    def pending_job_rows(self, id: int, *, limit: int) -> list[JobRow]:
        rows = self._rows(
            "SELECT id, record FROM job_rows WHERE job_id = ? AND status = 'pending' ORDER BY id LIMIT ?",
            (id, limit),
        )
        return [JobRow(number, orjson.loads(record)) for number, record in rows]

    def job_rows_after(self, id: int, after: int, statuses: Iterable[str], *, limit: int) -> list[JobRow]:
        """Rows of a job in one of these statuses above an id, in order."""
        rows = self._rows(
            "SELECT id, record, status, error, resource_id, upsert_type FROM job_rows WHERE job_id = ? "
            "AND id > ? AND status IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?",
            (id, after, orjson.dumps(list(statuses)).decode(), limit),
        )
        return [JobRow(number, orjson.loads(record), *rest) for number, record, *rest in rows]

    def settle_job_rows(self, id: int, rows: list[JobRow], *, now: float) -> None:
        """Store what came of some rows, and count them."""
        with self.transaction() as connection:
            connection.executemany(
                "UPDATE job_rows SET status = ?, error = ?, resource_id = ?, upsert_type = ? WHERE id = ?",
                ((each.status, each.error, each.resource_id, each.upsert_type, each.id) for each in rows),
            )
            failed = sum(each.status == ERROR for each in rows)
            connection.execute(
                "UPDATE jobs SET processed = processed + ?, errors = errors + ?, updated_at = ? WHERE id = ?",
                (len(rows), failed, now, id),
            )

    def finish_job(self, id: int, *, now: float) -> None:
        self._write(
            "UPDATE jobs SET state = 'done', finished_at = ?, updated_at = ? WHERE id = ?", (now, now, id)
        )


def _job(row: tuple[Any, ...]) -> Job:
    *named, scopes, total, processed, errors, created_at, updated_at, ready_at, finished_at = row
    id, name, type, state, fate = named
    allowed = frozenset(orjson.loads(scopes))
    times = (created_at, updated_at, ready_at, finished_at)
    return Job(id, name, type, state, fate, allowed, total, processed, errors, *times)
