"""What the look-alike of Salesloft remembers: people and accounts, what they refer to, apps and tokens.

Jobs are in `salesloft_job_state.py`. People and accounts are kept alike, in a table each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from destinations.sandbox.salesloft_job_state import TABLES as JOB_TABLES
from destinations.sandbox.salesloft_job_state import JobState

_RECORDS = """
CREATE TABLE IF NOT EXISTS {table} (
    id INTEGER PRIMARY KEY AUTOINCREMENT, match_key TEXT, other_key TEXT, crm_id TEXT, fields TEXT NOT NULL,
    created_at REAL NOT NULL, updated_at REAL NOT NULL, write_count INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS {table}_match ON {table} (match_key);
CREATE INDEX IF NOT EXISTS {table}_other ON {table} (other_key) WHERE other_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS {table}_crm ON {table} (crm_id) WHERE crm_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS {table}_updated ON {table} (updated_at);
"""
_TABLES = """
CREATE TABLE IF NOT EXISTS custom_fields (
    id INTEGER PRIMARY KEY, field_type TEXT NOT NULL, name TEXT NOT NULL, value_type TEXT NOT NULL,
    created_at REAL NOT NULL, UNIQUE (field_type, name)
);
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, email TEXT NOT NULL UNIQUE,
    active INTEGER NOT NULL, team_id INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS choices (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, created_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS apps (
    client_id TEXT PRIMARY KEY, secret TEXT NOT NULL, redirect_uri TEXT NOT NULL, scopes BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY, client_id TEXT NOT NULL, redirect_uri TEXT NOT NULL, user_id INTEGER NOT NULL,
    scopes BLOB NOT NULL, expires_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    id INTEGER PRIMARY KEY, grant_id INTEGER NOT NULL, access TEXT NOT NULL UNIQUE,
    refresh TEXT NOT NULL UNIQUE, client_id TEXT NOT NULL, user_id INTEGER NOT NULL, scopes BLOB NOT NULL,
    created_at REAL NOT NULL, expires_at REAL NOT NULL, access_revoked INTEGER NOT NULL DEFAULT 0,
    refresh_revoked INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS tokens_grant ON tokens (grant_id);
"""
PEOPLE, ACCOUNTS = "people", "accounts"
_COLUMNS = "id, match_key, other_key, crm_id, fields, created_at, updated_at, write_count"


@dataclass(slots=True)
class Record:
    """A stored person or account. `fields` holds the set fields by the names they are written with.

    `match_key` is the e-mail or the domain in lower case; `other_key` a person's phone and last name.
    """

    id: int
    match_key: str | None
    other_key: str | None
    crm_id: str | None
    fields: dict[str, Any]
    created_at: float
    updated_at: float
    write_count: int = 0


@dataclass(frozen=True, slots=True)
class CustomField:
    """`field_type` is person or company, `value_type` text or date."""

    id: int
    field_type: str
    name: str
    value_type: str
    created_at: float


@dataclass(frozen=True, slots=True)
class User:
    id: int
    first_name: str
    last_name: str
    email: str
    active: bool
    team_id: int

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class Choice:
    """A person stage, an account stage or an account tier."""

    id: int
    kind: str
    name: str
    created_at: float


@dataclass(frozen=True, slots=True)
class App:
    """An OAuth application. An empty `redirect_uri` takes any address."""

    client_id: str
    secret: str
    redirect_uri: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """What an authorization code stands for."""

    code: str
    client_id: str
    redirect_uri: str
    user_id: int
    scopes: tuple[str, ...]
    expires_at: float


@dataclass(frozen=True, slots=True)
class Token:
    """One answer of the token endpoint. Those that came of one sign-in share `grant_id`."""

    id: int
    grant_id: int
    access: str
    refresh: str
    client_id: str
    user_id: int
    scopes: tuple[str, ...]
    created_at: float
    expires_at: float
    access_revoked: bool
    refresh_revoked: bool


class SalesloftState(JobState):
    """The tables of one team of Salesloft."""

    tables = _TABLES + _RECORDS.format(table=PEOPLE) + _RECORDS.format(table=ACCOUNTS) + JOB_TABLES

    # People and accounts

    def records(self, table: str, column: str, values: Iterable[Any]) -> list[Record]:
        """Those that have one of these values in a column."""
        wanted = orjson.dumps(list(values)).decode()
        is_wanted = f"{column} IN (SELECT value FROM json_each(?))"  # noqa: S608 - ours
        return self.found(table, is_wanted, (wanted,), order="id", limit=-1, offset=0)

    def found(
        self, table: str, where: str, parameters: Sequence[Any], *, order: str, limit: int, offset: int
    ) -> list[Record]:
        """A page of what a condition of ours finds."""
        sql = f"SELECT {_COLUMNS} FROM {table} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
        return [_record(row) for row in self._rows(sql, (*parameters, limit, offset))]

    def count(self, table: str, where: str, parameters: Sequence[Any]) -> int:
        return int(self._rows(f"SELECT count(*) FROM {table} WHERE {where}", parameters)[0][0])  # noqa: S608

    def next_id(self, table: str) -> int:
        """The id of the next record; ids of deleted ones are not used again."""
        found = self._rows("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
        return int(found[0][0]) + 1 if found else 1

    def save_records(self, table: str, records: Iterable[Record]) -> None:
        rows = [
            (
                each.id,
                each.match_key,
                each.other_key,
                each.crm_id,
                orjson.dumps(each.fields).decode(),
                each.created_at,
                each.updated_at,
                each.write_count,
            )
            for each in records
        ]
        with self.transaction() as connection:
            connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608

    def remove_record(self, table: str, id: int) -> bool:
        """False: there is no such record."""
        with self.transaction() as connection:
            return connection.execute(f"DELETE FROM {table} WHERE id = ?", (id,)).rowcount == 1  # noqa: S608

    # What they refer to

    def custom_fields(self) -> list[CustomField]:
        rows = self._rows(
            "SELECT id, field_type, name, value_type, created_at FROM custom_fields ORDER BY id"
        )
        return [CustomField(*row) for row in rows]

    def save_custom_field(self, field_type: str, name: str, value_type: str, *, now: float) -> None:
        """Add a custom field, or change the one of that type and name."""
        self._write(
            "INSERT INTO custom_fields (field_type, name, value_type, created_at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (field_type, name) DO UPDATE SET value_type = excluded.value_type",
            (field_type, name, value_type, now),
        )

    def remove_custom_field(self, field_type: str, name: str) -> None:
        self._write("DELETE FROM custom_fields WHERE field_type = ? AND name = ?", (field_type, name))

    def users(self) -> list[User]:
        rows = self._rows("SELECT id, first_name, last_name, email, active, team_id FROM users ORDER BY id")
        return [
            User(id, first, last, email, bool(active), team) for id, first, last, email, active, team in rows
        ]

    def save_user(self, first_name: str, last_name: str, email: str, *, active: bool, team_id: int) -> None:
        """Add a user, or change the one of that e-mail."""
        self._write(
            "INSERT INTO users (first_name, last_name, email, active, team_id) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (email) DO UPDATE SET first_name = excluded.first_name, "
            "last_name = excluded.last_name, active = excluded.active",
            (first_name, last_name, email, active, team_id),
        )

    def choices(self, kind: str) -> list[Choice]:
        sql = "SELECT id, kind, name, created_at FROM choices WHERE kind = ? ORDER BY id"
        return [Choice(*row) for row in self._rows(sql, (kind,))]

    def save_choice(self, kind: str, name: str, *, now: float) -> None:
        self._write("INSERT INTO choices (kind, name, created_at) VALUES (?, ?, ?)", (kind, name, now))

    # Apps and tokens

    def apps(self) -> dict[str, App]:
        rows = self._rows("SELECT client_id, secret, redirect_uri, scopes FROM apps ORDER BY client_id")
        return {row[0]: App(row[0], row[1], row[2], tuple(orjson.loads(row[3]))) for row in rows}

    def save_app(self, app: App) -> None:
        self._write("INSERT OR REPLACE INTO apps VALUES (?, ?, ?, ?)", _packed(app))

    def save_code(self, code: Code) -> None:
        self._write("INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?)", _packed(code))

    def use_code(self, code: str) -> Code | None:
        """Take a code out, so that it works once."""
        with self.transaction() as connection:
            found = connection.execute("SELECT * FROM codes WHERE code = ?", (code,)).fetchone()
            connection.execute("DELETE FROM codes WHERE code = ?", (code,))
        if found is None:
            return None
        code, client_id, redirect_uri, user_id, scopes, expires_at = found
        return Code(code, client_id, redirect_uri, user_id, tuple(orjson.loads(scopes)), expires_at)

    def token(self, column: str, value: str) -> Token | None:
        """The token with this `access` or this `refresh`."""
        found = self._rows(f"SELECT * FROM tokens WHERE {column} = ?", (value,))  # noqa: S608 - ours
        return _token(found[0]) if found else None

    def tokens(self, *, limit: int) -> list[Token]:
        """The latest ones, the newest first."""
        return [_token(row) for row in self._rows("SELECT * FROM tokens ORDER BY id DESC LIMIT ?", (limit,))]

    def save_token(self, token: Token) -> None:
        """Store a new token. A `grant_id` of 0 begins a sign-in of its own; `id` is ignored."""
        with self.transaction() as connection:
            values = _packed(token)[1:]
            id = connection.execute(
                "INSERT INTO tokens (grant_id, access, refresh, client_id, user_id, scopes, created_at, "
                "expires_at, access_revoked, refresh_revoked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            ).lastrowid
            connection.execute("UPDATE tokens SET grant_id = id WHERE id = ? AND grant_id = 0", (id,))

    def revoke(self, grant_id: int, *, access: bool, refresh: bool) -> None:
        """End access tokens, refresh tokens, or both, of one sign-in; of all where it is 0."""
        self._write(
            "UPDATE tokens SET access_revoked = max(access_revoked, ?), "
            "refresh_revoked = max(refresh_revoked, ?) WHERE ? IN (0, grant_id)",
            (access, refresh, grant_id),
        )

    # All of it

    def counts(self) -> dict[str, int]:
        """How many people, accounts and jobs there are."""
        row = self._rows(
            "SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM accounts), "
            "(SELECT count(*) FROM jobs)"
        )[0]
        return dict(zip(("people", "accounts", "jobs"), row, strict=True))

    def clear_records(self) -> None:
        """Forget people, accounts and jobs; all else stays."""
        with self.transaction() as connection:
            for table in (PEOPLE, ACCOUNTS, "jobs", "job_rows"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - ours


def _record(row: tuple[Any, ...]) -> Record:
    id, match_key, other_key, crm_id, fields, created_at, updated_at, write_count = row
    return Record(id, match_key, other_key, crm_id, orjson.loads(fields), created_at, updated_at, write_count)


def _token(row: tuple[Any, ...]) -> Token:
    *named, scopes, created_at, expires_at, access_revoked, refresh_revoked = row
    id, grant_id, access, refresh, client_id, user_id = named
    return Token(
        id=id,
        grant_id=grant_id,
        access=access,
        refresh=refresh,
        client_id=client_id,
        user_id=user_id,
        scopes=tuple(orjson.loads(scopes)),
        created_at=created_at,
        expires_at=expires_at,
        access_revoked=bool(access_revoked),
        refresh_revoked=bool(refresh_revoked),
    )


def _packed(value: App | Code | Token) -> list[Any]:
    """The columns of a row; scopes as JSON."""
    return [orjson.dumps(each) if isinstance(each, tuple) else each for each in asdict(value).values()]
