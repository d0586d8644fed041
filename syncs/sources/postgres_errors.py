"""What PostgreSQL and libpq say → a SourceError that tells who must do what.

While connecting, libpq gives text alone (no SQLSTATE), so causes are known by its English words, and what is
not known is repeated. Afterwards the server's SQLSTATE decides, whatever language it speaks.
https://www.postgresql.org/docs/current/errcodes-appendix.html (read 2026-11-21)
"""

import re
from dataclasses import dataclass

import psycopg

from syncs.sources.base import Problem, SourceError, line_of

_QUOTED = re.compile(r'"[^"]*"')
_SERVER_SAYS = re.compile(r"(?:FATAL|ERROR):\s+(.+)")
_READ_ONLY = (
    "The SQL must be one query that only reads: SELECT, or WITH, VALUES or TABLE. The connection is "
    "read-only and nothing was changed. Whoever edits the model must rewrite it."
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where we connect, for the words of an error."""

    host: str
    port: int
    database: str
    user: str
    sslmode: str
    timeout_seconds: int

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


def not_a_query() -> SourceError:
    return SourceError(Problem.SQL, _READ_ONLY)


def unknown_host(to: Target) -> SourceError:
    return SourceError(
        Problem.HOST, f"The host {to.host} is not known. Check its spelling, and this machine's DNS."
    )


def connecting(error: psycopg.Error, to: Target) -> SourceError:
    """Why no session came about."""
    text = str(error)
    low = text.lower()

    def has(*words: str) -> bool:
        return any(word in low for word in words)

    if isinstance(error, psycopg.errors.ConnectionTimeout) or has("timeout expired", "timed out"):
        return SourceError(
            Problem.TIMEOUT,
            f"{to.place} did not answer within {to.timeout_seconds} seconds. Check host and port. If they "
            "are right, an admin of the database must let this machine through its firewall.",
        )
    if has("translate host name", "failed to resolve", "name or service not known"):
        return unknown_host(to)
    if has("no route to host", "network is unreachable", "host is down"):
        return SourceError(
            Problem.HOST,
            f"There is no way to {to.host} from this machine. Check the host; an operator may have to open "
            "the network (VPN, firewall).",
        )
    if has("connection refused") or (to.host.startswith("/") and has("no such file")):
        return SourceError(
            Problem.PORT,
            f"Nothing listens at {to.place}. Check the port (PostgreSQL's own is 5432), and whether the "
            "database runs and accepts connections from other machines.",
        )
    if has("invalid response to ssl negotiation", "expected authentication request"):
        return SourceError(
            Problem.PORT, f"What listens at {to.place} is not PostgreSQL. Check host and port."
        )
    return _tls(low, to) or _refused(text, low, to)


def _tls(low: str, to: Target) -> SourceError | None:
    words = None
    if "does not support ssl" in low:
        words = (
            f"{to.place} offers no TLS, and sslmode {to.sslmode} demands it. An admin of the database must "
            "switch TLS on, or choose sslmode prefer if the way there is safe."
        )
    elif "does not match host name" in low:
        words = (
            f"The certificate of {to.place} is for another name than {to.host}. Use the host name that the "
            "certificate holds, or sslmode verify-ca, which does not compare names."
        )
    elif "certificate verify failed" in low:
        words = (
            f"The certificate of {to.place} is not signed by an authority that is trusted here, or is out of "
            "date. Give the authority's certificate as sslrootcert; the database's host tells where it is."
        )
    elif "root certificate" in low or "load_verify" in low:
        words = (
            "sslrootcert names no certificate that can be read. Paste the certificate itself (it begins with "
            "-----BEGIN CERTIFICATE-----), or name a PEM file in the files folder."
        )
    elif "channel binding" in low:
        words = (
            f"{to.place} does not offer channel binding over TLS, which the setting channel_binding demands. "
            "Choose channel_binding prefer, or sslmode require and a server that offers it."
        )
    elif "pg_hba.conf" in low and to.sslmode == "disable" and ("no encryption" in low or "ssl off" in low):
        words = (
            f"{to.place} refuses {to.user} without TLS. Choose sslmode require; if that is refused too, an "
            f"admin of the database must add a line to pg_hba.conf for {to.user} and {to.database}."
        )
    elif "ssl error" in low or "tlsv1 alert" in low:
        words = (
            f"TLS with {to.place} failed. Check that it is PostgreSQL that listens there, and its TLS "
            "settings."
        )
    return SourceError(Problem.TLS, words) if words else None


def _refused(text: str, low: str, to: Target) -> SourceError:
    """What a server said that was reached."""

    def has(*words: str) -> bool:
        return any(word in low for word in words)

    said = _SERVER_SAYS.findall(text)
    words = said[-1].strip() if said else text.strip().splitlines()[-1].strip()
    if has("pg_hba.conf", "permission denied for database"):
        return SourceError(
            Problem.PERMISSION,
            f"{to.place} does not let {to.user} into the database {to.database}. An admin of the database "
            f"must add a line to pg_hba.conf for this machine, or GRANT CONNECT. It says: {words}",
        )
    if has("password authentication failed", "no password supplied", "sasl authentication failed"):
        return SourceError(
            Problem.PASSWORD,
            f"{to.place} does not accept this user and password. Check both: it does not tell which is wrong "
            f"(user {to.user}).",
        )
    if has(
        "is not permitted to log in", "authentication failed", "no such user", "user not found"
    ) or re.search(r'role ".*" does not exist', low):
        return SourceError(
            Problem.USER,
            f"The user {to.user} may not log in at {to.place}. Check the user, or have an admin of the "
            f"database create it with LOGIN. It says: {words}",
        )
    if re.search(r'database ".*" does not exist', low) or has("no such database"):
        return SourceError(
            Problem.NAME,
            f"There is no database {to.database} at {to.place}. Check the name: it is case-sensitive.",
        )
    if has("starting up", "shutting down", "recovery", "closed the connection", "connection reset"):
        return SourceError(
            Problem.DIED,
            f"{to.place} ended the connection before it was made. Try again in a few minutes; if it stays "
            "so, check host and port, and ask an admin of the database.",
        )
    if has("too many connections", "too many clients", "connection slots"):
        return SourceError(
            Problem.OTHER,
            f"{to.place} has no connection left. Try again later, or have an admin of the database allow "
            f"more. It says: {words}",
        )
    return SourceError(
        Problem.OTHER, f"{to.place} refused the connection. An admin of the database must look: {words}"
    )


def running(
    error: psycopg.Error, sql: str, *, before: int = 0, seconds: int, is_stopped: bool
) -> SourceError:
    """Why a query ended. `before` is how many characters stood before `sql` in what was sent."""
    code = error.sqlstate or ""
    if is_stopped:
        return SourceError(Problem.OTHER, "The query was stopped here.")
    if code == "57014" and "timeout" in (error.diag.message_primary or "timeout"):
        return SourceError(
            Problem.TIMEOUT,
            f"The query ran longer than {seconds} seconds and was stopped. Whoever edits the model must make "
            "it faster, or the source's statement_timeout longer.",
        )
    if code == "25P04":
        return SourceError(
            Problem.TIMEOUT, f"The database ended the query: {_words(error)}. An admin of it set that limit."
        )
    if code in ("57014", "40001", "40P01") or code == "25P03":
        return SourceError(
            Problem.DIED,
            f"The database ended the query: {_words(error)}. Nothing was lost; run the sync again.",
        )
    if not code or code.startswith(("08", "57P")):
        return SourceError(
            Problem.DIED,
            "The connection to the database broke while the query ran. Nothing was lost; run the sync again. "
            "If it happens again, an admin of the database must tell whether it restarts or ends queries.",
        )
    if code == "42601" and not error.diag.statement_position:
        return not_a_query()  # several statements
    if before and (code == "42601" or "DECLARE" in (error.diag.message_primary or "")):
        return not_a_query()  # it was a right statement by itself, but none that a cursor takes
    if code == "42501":
        return SourceError(
            Problem.PERMISSION,
            f"The database refuses the query: {_words(error)}. An admin of the database must GRANT SELECT on "
            "it to the source's user.",
            position=_position(error, sql, before),
        )
    if code == "25006":
        return SourceError(Problem.SQL, f"{_READ_ONLY} The database says: {_words(error)}.")
    if code.startswith(("53", "54", "58", "XX")):
        return SourceError(
            Problem.OTHER,
            f"The database could not run the query: {_words(error)}. An admin of the database must look.",
        )
    at = _position(error, sql, before)
    where = f" in line {at}" if at else ""
    hint = f" {error.diag.message_hint}" if error.diag.message_hint and at else ""
    return SourceError(
        Problem.SQL,
        f"The SQL is wrong{where}: {_words(error)}.{hint} Whoever edits the model must correct it.",
        position=at,
    )


def _words(error: psycopg.Error) -> str:
    """The server's message. An error in the data quotes values of rows: those are left out."""
    words = (error.diag.message_primary or "no reason given").rstrip(".")
    if (error.sqlstate or "").startswith(("22", "23", "P0")) and not error.diag.statement_position:
        return _QUOTED.sub("“…”", words)
    return words


def _position(error: psycopg.Error, sql: str, before: int) -> int | None:
    given = error.diag.statement_position
    at = int(given) - 1 - before if given else -1
    return line_of(sql, at) if at >= 0 else None
