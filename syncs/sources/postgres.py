"""PostgreSQL: one read-only transaction, one query, one server-side cursor.

Docs:   https://www.postgresql.org/docs/current/libpq-connect.html (read 2026-11-21)
Speed:  the next FETCH is under way while the caller works on the rows of the last: the server computes in
        the meantime, and what it sends waits in the socket. No thread is needed for that.
Reach:  the host is looked up and checked here, and libpq is told the addresses that passed: it connects to
        those (`hostaddr`), and proves the certificate against the name.
Safety: the query is prepared first, by itself, so that there is exactly one statement and an error's
        position is the user's. DECLARE then takes nothing but a query, and the transaction is read-only.
Quirk:  all settings are local to the transaction: behind PgBouncer the session is shared with others.
"""

import contextlib
import re
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from destinations.contract import JSON, Setting
from syncadmin.lib import outgoing
from syncs.sources import postgres_errors, postgres_values
from syncs.sources.base import MOST_TABLES, Checked, Column, Problem, Reader, Rows, SourceError, Table
from syncs.sources.postgres_errors import Target
from syncs.sources.postgres_session import Session

_QUICK_SECONDS = 30  # for check and describe
_DANGEROUS_ROLES = (
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_execute_server_program",
    "pg_read_all_data",
    "pg_write_all_data",
)
_ABOUT_THE_ROLE = """
    select r.rolname, r.rolsuper, current_setting('server_version'),
        array(select g.rolname::text from pg_roles g
            where g.rolname = any(%s) and pg_has_role(r.oid, g.oid, 'member') order by 1),
        (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'v', 'm', 'f', 'p')
            and n.nspname not in ('pg_catalog', 'information_schema')
            and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'))
    from pg_roles r where r.rolname = current_user
"""
_TABLES = """
    select case n.nspname when 'public' then c.relname else n.nspname || '.' || c.relname end,
        format('%%I.%%I', n.nspname, c.relname)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'v', 'm', 'f', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
        and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
    order by n.nspname <> 'public', 1 limit %s
"""
_URL_KEYS = {"dbname": "database"} | {
    key: key
    for key in ("host", "port", "user", "password", "sslmode", "sslrootcert", "channel_binding", "options")
}
_NOT_A_URL = (
    "url is no address of a PostgreSQL database. Write postgresql://user:password@host:5432/database. Signs "
    "such as @ : / # ? % in the user or password must be percent-encoded (@ is %40)."
)


class Postgres(Reader):
    key = "postgres"
    label = "PostgreSQL"
    settings = (
        Setting("host", "Host", help="The name or the IP address of the database's machine."),
        Setting("port", "Port", kind="integer", default=5432, minimum=1, maximum=65_535),
        Setting("database", "Database", help="The database's name."),
        Setting("user", "User", help="A role that may only SELECT."),
        Setting("password", "Password"),
        Setting(
            "sslmode",
            "TLS",
            kind="choice",
            default="prefer",
            choices=("disable", "prefer", "require", "verify-ca", "verify-full"),
            help="prefer encrypts where the server can; verify-full also proves that it is the right server.",
        ),
        Setting(
            "sslrootcert",
            "Certificate of the authority",
            default="",
            help="For verify-ca and verify-full: the certificate itself, or a PEM file in the files folder. "
            "Empty: the authorities that this machine trusts.",
        ),
        Setting(
            "channel_binding",
            "Channel binding",
            kind="choice",
            default="prefer",
            choices=("disable", "prefer", "require"),
            help="require also proves that nobody sits between us and the server.",
        ),
        Setting("options", "Session options", default="", help="As in libpq: -c search_path=crm"),
        Setting(
            "connect_timeout",
            "Wait for a connection (seconds)",
            kind="integer",
            default=10,
            minimum=2,
            maximum=300,
        ),
        Setting(
            "statement_timeout",
            "Wait for the query (seconds)",
            kind="integer",
            default=3_600,
            help="The database ends a query that takes longer to give its next rows.",
            minimum=1,
            maximum=86_400,
        ),
    )
    secrets = ("password",)
    required = ("host", "database", "user")

    @classmethod
    def yaml_keys(cls) -> tuple[str, ...]:
        return ("url", *super().yaml_keys())

    @classmethod
    def _spelled_out(cls, keys: Mapping[str, JSON], faults: dict[str, str]) -> dict[str, JSON]:
        """`url` taken apart. Its text is never repeated: it may hold a password where none is expected."""
        rest = {key: value for key, value in keys.items() if key != "url"}
        if re.search(r"[,\s]", str(rest.get("host") or "").strip()):
            faults["host"] = "host is one name or one address, without blanks and commas."
        if not keys.get("url"):
            return rest
        try:
            parts = {k: v for k, v in conninfo_to_dict(str(keys["url"])).items() if v is not None}
        except (psycopg.Error, ValueError):
            parts = {}
        host = str(parts.get("host", ""))
        if not host or any(sign in host for sign in "@,?#") or not _is_port(parts.get("port", "5432")):
            faults["url"] = _NOT_A_URL
            return rest
        for name, value in parts.items():
            if name not in _URL_KEYS:
                faults["url"] = f"url has the parameter {name}, which is not known here. Remove it."
            elif _URL_KEYS[name] in rest:
                faults[_URL_KEYS[name]] = f"{_URL_KEYS[name]} is in the url too. Say it once."
            else:
                rest[_URL_KEYS[name]] = value
        return rest

    def check(self) -> Checked:
        with self._session(_QUICK_SECONDS) as session:
            found = session.run(_ABOUT_THE_ROLE, [list(_DANGEROUS_ROLES)])
            encrypted = session.connection.pgconn.ssl_in_use
        role, is_superuser, version, dangerous, table_count = found[0]
        database = self.options["database"]
        warnings = []
        if is_superuser:
            warnings.append(
                f"{role} is a superuser: who may write SQL here can read files of the database's machine. "
                + self._advice()
            )
        elif dangerous:
            warnings.append(
                f"{role} has the rights of {', '.join(dangerous)}, which are more than reading its tables "
                f"takes. {self._advice()}"
            )
        if not is_superuser and not table_count:
            warnings.append(f"{role} may read no table of {database}. {self._advice()}")
        if not encrypted and not _is_near(self.options["host"]):
            warnings.append(
                "The connection is not encrypted: rows and statements can be read on the way. Choose sslmode "
                "require, or better verify-full."
            )
        tables = "1 table" if table_count == 1 else f"{table_count:,} tables"
        tls = "over TLS" if encrypted else "without TLS"
        return Checked(
            f"Connected to {database} at {self._target().place} as {role}, {tls}: PostgreSQL {version}, "
            f"{tables} to read.",
            tuple(warnings),
        )

    def tables(self) -> tuple[Table, ...]:
        with self._session(_QUICK_SECONDS) as session:
            found = session.run(_TABLES, [MOST_TABLES])
        return tuple(Table(name, f"select * from {quoted}") for name, quoted in found)  # noqa: S608 - quoted

    def describe(self, sql: str) -> tuple[Column, ...]:
        with self._session(_QUICK_SECONDS) as session:
            return session.declare(sql)

    @contextmanager
    def read(self, sql: str, *, chunk_rows: int = 5_000) -> Iterator[Rows]:
        with self._session(self.options["statement_timeout"]) as session:
            columns = session.declare(sql)
            yield Rows(columns, session.chunks(chunk_rows), session.stop)

    @contextmanager
    def _session(self, seconds: int) -> Iterator[Session]:
        """A connection of its own in a read-only transaction, ended with the block."""
        target = self._target()
        addresses = self._addresses(target)
        with contextlib.ExitStack() as stack:
            try:
                connection: psycopg.Connection[Any] = psycopg.connect(
                    autocommit=True,
                    context=postgres_values.ADAPTERS,
                    prepare_threshold=None,  # poolers share connections, and with them prepared statements
                    **(self._parameters(stack) | addresses),
                )
            except psycopg.Error as error:
                raise postgres_errors.connecting(error, target) from None
            session = Session(connection, seconds)
            stack.callback(session.close)
            session.begin()
            yield session

    def _addresses(self, target: Target) -> dict[str, str]:
        """Where libpq shall connect: the host at each address of it that may be. SourceError where none."""
        if target.host.startswith(("/", "@")):  # a socket in the file system: on this machine
            error = outgoing.refusal(target.host, ip_address("127.0.0.1"), self.networks)
            if error is not None:
                raise SourceError(Problem.HOST, str(error))
            return {}
        try:
            found = outgoing.resolved(target.host, target.port, self.networks)
        except outgoing.Refused as error:
            raise SourceError(Problem.HOST, str(error)) from None
        except (OSError, UnicodeError):
            raise postgres_errors.unknown_host(target) from None
        addresses = [str(entry[4][0]) for entry in found]
        return {"host": ",".join([target.host] * len(addresses)), "hostaddr": ",".join(addresses)}

    def _target(self) -> Target:
        wanted = self.options
        return Target(
            host=wanted["host"],
            port=wanted["port"],
            database=wanted["database"],
            user=wanted["user"],
            sslmode=wanted["sslmode"],
            timeout_seconds=wanted["connect_timeout"],
        )

    def _parameters(self, stack: contextlib.ExitStack) -> dict[str, Any]:
        """What libpq is told. Nothing may come from this machine's own PG… variables, .pgpass or keys."""
        wanted, password = self.options, self._secrets.get("password")
        return {
            "host": wanted["host"],
            "port": wanted["port"],
            "dbname": wanted["database"],
            "user": wanted["user"],
            "password": password.reveal() if password else "",
            "passfile": "/dev/null/none",
            "sslmode": wanted["sslmode"],
            "sslrootcert": self._authority(stack),
            "sslcertmode": "disable",
            "channel_binding": wanted["channel_binding"],
            "gssencmode": "disable",
            "options": wanted["options"],
            "target_session_attrs": "any",
            "connect_timeout": wanted["connect_timeout"],
            "application_name": "syncadmin",
            "client_encoding": "utf8",
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,
        }

    def _authority(self, stack: contextlib.ExitStack) -> str | None:
        """The file of certificates that sign the server's; None for libpq's own way."""
        given: str = self.options["sslrootcert"]
        if "-----BEGIN" in given:
            file = Path(stack.enter_context(tempfile.TemporaryDirectory()), "authority.pem")
            file.write_text(given)
            return str(file)
        if given and given != "system":
            return str(self.files_dir / given)
        if self.options["sslmode"] in ("verify-ca", "verify-full"):
            return ssl.get_default_verify_paths().cafile or DEFAULT_CA_BUNDLE_PATH
        return None

    def _advice(self) -> str:
        """The SQL that makes a better role."""
        database = sql.Identifier(self.options["database"]).as_string()
        return (
            "An admin of the database should make a role of its own: CREATE ROLE syncadmin_reader LOGIN "
            f"PASSWORD '…'; GRANT CONNECT ON DATABASE {database} TO syncadmin_reader; GRANT USAGE ON SCHEMA "
            "public TO syncadmin_reader; GRANT SELECT ON ALL TABLES IN SCHEMA public TO syncadmin_reader;"
        )


def _is_port(text: object) -> bool:
    return str(text).isdecimal() and 1 <= int(str(text)) <= 65_535


def _is_near(host: str) -> bool:
    """Whether the way to the host stays on this machine."""
    return host.startswith("/") or host in ("localhost", "127.0.0.1", "::1")
