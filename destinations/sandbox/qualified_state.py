"""What the look-alike of Qualified remembers: fields, leads, companies and jobs."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from destinations.sandbox.state import State

_TABLES = """
CREATE TABLE IF NOT EXISTS fields (
    id INTEGER PRIMARY KEY, entity TEXT NOT NULL, name TEXT NOT NULL, label TEXT NOT NULL, type TEXT NOT NULL,
    options BLOB NOT NULL, created_at REAL NOT NULL, updated_at REAL NOT NULL, UNIQUE (entity, name)
);
CREATE TABLE IF NOT EXISTS leads (
    id INTEGER PRIMARY KEY, email TEXT NOT NULL, match_key TEXT NOT NULL UNIQUE, domain TEXT NOT NULL,
    fields BLOB NOT NULL, created_at REAL NOT NULL, updated_at REAL NOT NULL, write_count INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS leads_domain ON leads (domain);
CREATE TABLE IF NOT EXISTS companies (
    id INTEGER PRIMARY KEY, domain TEXT NOT NULL UNIQUE, name TEXT, fields BLOB NOT NULL,
    created_at REAL NOT NULL, updated_at REAL NOT NULL, write_count INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY, status TEXT NOT NULL, fate TEXT NOT NULL, items BLOB, total INTEGER NOT NULL,
    processed INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
    result BLOB NOT NULL DEFAULT '[]', created_at REAL NOT NULL, starts_at REAL NOT NULL,
    due_at REAL NOT NULL, finished_at REAL
);
CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (due_at) WHERE status = 'waiting';
CREATE INDEX IF NOT EXISTS jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
"""

_LEAD = "SELECT id, email, match_key, domain, fields, created_at, updated_at, write_count FROM leads "
_LEADS_BY_KEY = _LEAD + "WHERE match_key IN (SELECT value FROM json_each(?))"  # noqa: S608 - constants
_LEAD_BY_ID = _LEAD + "WHERE id = ?"
_LEAD_SPAN = (
    _LEAD + "WHERE id > :above AND id < :below AND created_at BETWEEN :created_after AND :created_before "
    "AND updated_at BETWEEN :updated_after AND :updated_before "
)
_LEADS_NEWEST_FIRST = _LEAD_SPAN + "ORDER BY id DESC LIMIT :limit"
_LEADS_OLDEST_FIRST = _LEAD_SPAN + "ORDER BY id LIMIT :limit"
_COMPANY = "SELECT id, domain, name, fields, created_at, updated_at, write_count FROM companies "
_COMPANIES_BY_DOMAIN = _COMPANY + "WHERE domain IN (SELECT value FROM json_each(?))"  # noqa: S608 - constants
_COMPANIES = _COMPANY + "WHERE id < :below ORDER BY id DESC LIMIT :limit"
_JOB = (
    "SELECT id, status, fate, total, processed, failed, created_at, starts_at, due_at, finished_at FROM jobs "
)


@dataclass(slots=True)
class Lead:
    """A stored lead. `fields` holds the set person fields only; `write_count` every accepted write."""

    id: int | None
    email: str
    match_key: str
    domain: str
    fields: dict[str, Any]
    created_at: float
    updated_at: float
    write_count: int = 0


@dataclass(slots=True)
class Company:
    """A stored company. `fields` holds the set account fields only."""

    id: int | None
    domain: str
    name: str | None
    fields: dict[str, Any]
    created_at: float
    updated_at: float
    write_count: int = 0


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """A field of the account. `options` are (value, label); `entity` is lead or company."""

    entity: str
    name: str
    label: str
    type: str
    options: tuple[tuple[str, str], ...] = ()
    id: int = 0
    created_at: float = 0
    updated_at: float = 0


@dataclass(frozen=True, slots=True)
class Job:
    """A bulk job without its items. `status` is waiting, completed or failed; `fate` what shall go wrong."""

    id: int
    status: str
    fate: str
    total: int
    processed: int
    failed: int
    created_at: float
    starts_at: float
    due_at: float
    finished_at: float | None


@dataclass(frozen=True, slots=True)
class Span:
    """Which leads to list: bounds are inclusive moments, `above` and `below` exclusive ids."""

    created_after: float = float("-inf")
    created_before: float = float("inf")
    updated_after: float = float("-inf")
    updated_before: float = float("inf")
    above: int = -1
    below: int = 2**62

    def holds(self, lead: Lead) -> bool:
        """Whether a lead's times are within the span."""
        is_created = self.created_after <= lead.created_at <= self.created_before
        return is_created and self.updated_after <= lead.updated_at <= self.updated_before

    def parameters(self, limit: int) -> dict[str, Any]:
        return asdict(self) | {"limit": limit}


class QualifiedState(State):
    """The tables of one account of Qualified."""

    tables = _TABLES

    # Fields

    def fields(self) -> list[FieldDefinition]:
        """All field definitions, in the order they were made."""
        rows = self._rows(
            "SELECT entity, name, label, type, options, id, created_at, updated_at FROM fields ORDER BY id"
        )
        return [
            FieldDefinition(entity, name, label, kind, tuple(map(tuple, orjson.loads(options))), *rest)
            for entity, name, label, kind, options, *rest in rows
        ]

    def save_field(self, definition: FieldDefinition, *, now: float) -> None:
        """Add a field, or change the one of that entity and name."""
        self._write(
            "INSERT INTO fields (entity, name, label, type, options, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (entity, name) DO UPDATE SET "
            "label = excluded.label, type = excluded.type, options = excluded.options, "
            "updated_at = excluded.updated_at",
            (
                definition.entity,
                definition.name,
                definition.label,
                definition.type,
                orjson.dumps(definition.options),
                now,
                now,
            ),
        )

    def remove_field(self, entity: str, name: str) -> None:
        self._write("DELETE FROM fields WHERE entity = ? AND name = ?", (entity, name))

    # Leads and companies

    def leads_by_key(self, keys: Iterable[str]) -> dict[str, Lead]:
        rows = self._rows(_LEADS_BY_KEY, (orjson.dumps(list(keys)).decode(),))
        return {lead.match_key: lead for lead in map(_lead, rows)}

    def lead(self, id: int) -> Lead | None:
        return next(map(_lead, self._rows(_LEAD_BY_ID, (id,))), None)

    def leads(self, span: Span, *, limit: int, oldest_first: bool = False) -> list[Lead]:
        """Leads within a span, the newest first unless asked otherwise."""
        sql = _LEADS_OLDEST_FIRST if oldest_first else _LEADS_NEWEST_FIRST
        return [_lead(row) for row in self._rows(sql, span.parameters(limit))]

    def save_leads(self, leads: Iterable[Lead]) -> None:
        """Store leads by their id; those without one are new."""
        rows = [
            (
                each.id,
                each.email,
                each.match_key,
                each.domain,
                orjson.dumps(each.fields),
                each.created_at,
                each.updated_at,
                each.write_count,
            )
            for each in leads
        ]
        with self.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO leads VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def touch_leads(self, domains: Iterable[str], *, now: float) -> None:
        """Advance `updated_at` of every lead on these domains."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE leads SET updated_at = ? WHERE domain IN (SELECT value FROM json_each(?))",
                (now, orjson.dumps(list(domains)).decode()),
            )

    def companies_by_domain(self, domains: Iterable[str]) -> dict[str, Company]:
        rows = self._rows(_COMPANIES_BY_DOMAIN, (orjson.dumps(list(domains)).decode(),))
        return {company.domain: company for company in map(_company, rows)}

    def companies(self, *, limit: int, below: int = 2**62) -> list[Company]:
        """Companies, the newest first."""
        return [_company(row) for row in self._rows(_COMPANIES, {"below": below, "limit": limit})]

    def save_companies(self, companies: Iterable[Company]) -> None:
        rows = [
            (
                each.id,
                each.domain,
                each.name,
                orjson.dumps(each.fields),
                each.created_at,
                each.updated_at,
                each.write_count,
            )
            for each in companies
        ]
        with self.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO companies VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    # Jobs

    def add_job(
        self, *, items: bytes, total: int, fate: str, created_at: float, starts_at: float, due_at: float
    ) -> int:
        """Keep an accepted job and the items that it shall process; its id."""
        return self._write(
            "INSERT INTO jobs (status, fate, items, total, created_at, starts_at, due_at) "
            "VALUES ('waiting', ?, ?, ?, ?, ?, ?)",
            (fate, items, total, created_at, starts_at, due_at),
        )

    def job(self, id: int) -> Job | None:
        return next((Job(*row) for row in self._rows(_JOB + "WHERE id = ?", (id,))), None)

    def job_items(self, id: int) -> bytes:
        """The JSON of the items still to process; an empty list where the job is finished or gone."""
        found = self._rows("SELECT items FROM jobs WHERE id = ?", (id,))
        return bytes(found[0][0] or b"[]") if found else b"[]"

    def job_result(self, id: int) -> bytes:
        """The JSON of the per-item results, as it is sent."""
        return bytes(self._rows("SELECT CAST(result AS BLOB) FROM jobs WHERE id = ?", (id,))[0][0])

    def waiting_jobs(self) -> list[Job]:
        """Jobs that are not finished, the next due first."""
        return [Job(*row) for row in self._rows(_JOB + "WHERE status = 'waiting' ORDER BY due_at, id")]

    def jobs(self, *, limit: int) -> list[Job]:
        """The latest jobs, the newest first."""
        return [Job(*row) for row in self._rows(_JOB + "ORDER BY id DESC LIMIT ?", (limit,))]

    def finish_job(
        self, id: int, *, status: str, result: bytes, processed: int, failed: int, now: float
    ) -> None:
        self._write(
            "UPDATE jobs SET status = ?, result = ?, processed = ?, failed = ?, finished_at = ?, "
            "items = NULL WHERE id = ?",
            (status, result, processed, failed, now, id),
        )

    def forget_jobs(self, *, finished_before: float) -> None:
        self._write("DELETE FROM jobs WHERE finished_at < ?", (finished_before,))

    # All of it

    def counts(self) -> dict[str, int]:
        """How many leads, companies and jobs there are."""
        row = self._rows(
            "SELECT (SELECT count(*) FROM leads), (SELECT count(*) FROM companies), "
            "(SELECT count(*) FROM jobs), (SELECT count(*) FROM jobs WHERE status = 'waiting')"
        )[0]
        return dict(zip(("leads", "companies", "jobs", "waiting_jobs"), row, strict=True))

    def clear_records(self) -> None:
        """Forget leads, companies and jobs; keys, fields and switches stay."""
        with self.transaction() as connection:
            for statement in ("DELETE FROM leads", "DELETE FROM companies", "DELETE FROM jobs"):
                connection.execute(statement)


def _lead(row: tuple[Any, ...]) -> Lead:
    id, email, match_key, domain, fields, created_at, updated_at, write_count = row
    return Lead(id, email, match_key, domain, orjson.loads(fields), created_at, updated_at, write_count)


def _company(row: tuple[Any, ...]) -> Company:
    id, domain, name, fields, created_at, updated_at, write_count = row
    return Company(id, domain, name, orjson.loads(fields), created_at, updated_at, write_count)
