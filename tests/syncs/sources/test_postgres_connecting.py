"""What keeps a connection from being made is told apart, with who must do what."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from destinations.advanced import BadSettings
from syncadmin.lib.outgoing import LOOPBACK
from syncs.sources.base import Problem, SourceError
from syncs.sources.postgres import Postgres
from tests.postgres import PASSWORD, READER, STRANGER, SUPERUSER, Database, Server

MakeReader = Callable[..., Postgres]


def refusal(reader: Postgres) -> SourceError:
    with pytest.raises(SourceError) as caught:
        reader.check()
    assert PASSWORD not in str(caught.value)
    return caught.value


@contextmanager
def something_else_at_a_port(answer: bytes) -> Iterator[int]:
    """A service that gives every caller the same answer; an empty one keeps it waiting."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        calls: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    call, _ = listener.accept()
                except OSError:
                    return
                calls.append(call)
                call.recv(1_024)
                if answer:
                    call.sendall(answer)
                    call.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for call in calls:
            call.close()


def test_a_good_source_says_what_it_is_connected_to(postgres_reader: MakeReader, database: Database) -> None:
    database.execute("create table people (id int)")

    found = postgres_reader().check()

    assert f"Connected to {database.name} at 127.0.0.1:" in found.message
    assert "as reader, without TLS: PostgreSQL 18" in found.message
    assert "1 table to read" in found.message
    assert found.warnings == ()


@pytest.mark.parametrize("nowhere", ["h" * 64 + ".invalid", ".".join(["h" * 60] * 5)])
def test_an_unknown_host_is_told(warehouse_reader: MakeReader, warehouse: Database, nowhere: str) -> None:
    """Names too long for DNS: they are refused without a question to the network."""
    error = refusal(warehouse_reader(url=warehouse.url.replace("127.0.0.1", nowhere)))
    assert error.problem is Problem.HOST
    assert "Check its spelling" in error.message


def test_a_port_where_nothing_listens_is_told(warehouse_reader: MakeReader, warehouse: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    error = refusal(warehouse_reader(url=warehouse.url.replace(f":{warehouse.server.port}/", f":{free}/")))
    assert error.problem is Problem.PORT
    assert f"Nothing listens at 127.0.0.1:{free}" in error.message


def test_a_port_where_something_else_listens_is_told(
    warehouse_reader: MakeReader, warehouse: Database
) -> None:
    with something_else_at_a_port(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        error = refusal(
            warehouse_reader(url=warehouse.url.replace(f":{warehouse.server.port}/", f":{port}/"))
        )
    assert error.problem is Problem.PORT
    assert "is not PostgreSQL" in error.message


def test_a_server_that_does_not_answer_is_told(warehouse_reader: MakeReader, warehouse: Database) -> None:
    with something_else_at_a_port(b"") as port:
        url = warehouse.url.replace(f":{warehouse.server.port}/", f":{port}/")
        error = refusal(warehouse_reader(url=url, connect_timeout="2"))
    assert error.problem is Problem.TIMEOUT
    assert "within 2 seconds" in error.message


def test_a_wrong_database_is_told_from_a_wrong_password(
    warehouse_reader: MakeReader, warehouse: Database
) -> None:
    server = warehouse.server
    wrong_name = refusal(warehouse_reader(url=server.url(database="Warehouse")))
    wrong_password = refusal(warehouse_reader(url=server.url(database=warehouse.name, password="guess")))
    no_password = refusal(
        warehouse_reader(url=f"postgresql://{READER}@127.0.0.1:{server.port}/{warehouse.name}")
    )

    assert wrong_name.problem is Problem.NAME
    assert "There is no database Warehouse" in wrong_name.message
    assert wrong_password.problem is no_password.problem is Problem.PASSWORD
    assert "it does not tell which is wrong" in wrong_password.message


def test_a_user_that_does_not_exist_is_told_as_the_server_tells_it(
    warehouse_reader: MakeReader, warehouse: Database
) -> None:
    error = refusal(warehouse_reader(url=warehouse.server.url(user="nobody", database=warehouse.name)))
    assert error.problem is Problem.PASSWORD  # the server answers as for a wrong password
    assert "(user nobody)" in error.message


def test_a_role_without_login_is_told(warehouse_reader: MakeReader, warehouse: Database) -> None:
    warehouse.execute(f"create role no_login nologin password $${PASSWORD}$$")
    try:
        error = refusal(warehouse_reader(url=warehouse.server.url(user="no_login", database=warehouse.name)))
    finally:
        warehouse.execute("drop role no_login")
    assert error.problem is Problem.USER
    assert "LOGIN" in error.message


def test_a_user_whom_the_server_does_not_let_in_needs_a_permission(
    warehouse_reader: MakeReader, warehouse: Database
) -> None:
    error = refusal(warehouse_reader(url=warehouse.server.url(user=STRANGER, database=warehouse.name)))
    assert error.problem is Problem.PERMISSION
    assert "pg_hba.conf" in error.message


def test_a_user_who_may_not_connect_to_the_database_needs_a_permission(
    postgres_reader: MakeReader, database: Database
) -> None:
    database.execute(f"revoke connect on database {database.name} from public")
    error = refusal(postgres_reader())
    assert error.problem is Problem.PERMISSION
    assert "GRANT CONNECT" in error.message


def test_a_server_that_wants_tls_is_told(warehouse_reader: MakeReader, warehouse: Database) -> None:
    url = warehouse.server.url(user=STRANGER, database=warehouse.name)
    error = refusal(warehouse_reader(url=url, sslmode="disable"))
    assert error.problem is Problem.TLS
    assert "Choose sslmode require" in error.message


def test_a_server_without_tls_is_told(warehouse_reader: MakeReader) -> None:
    error = refusal(warehouse_reader(sslmode="require"))
    assert error.problem is Problem.TLS
    assert "offers no TLS" in error.message


def test_tls_is_used_and_proved(warehouse: Database, tmp_path: Path) -> None:
    server = warehouse.server
    url = warehouse.url.replace(f":{server.port}/", f":{server.tls_port}/")
    certificate = server.authority.read_text()
    (tmp_path / "authority.pem").write_text(certificate)
    for keys in (
        {"sslmode": "require"},
        {"sslmode": "verify-ca", "sslrootcert": str(server.authority)},
        {"sslmode": "verify-full", "sslrootcert": certificate},
        {"sslmode": "verify-full", "sslrootcert": "authority.pem"},
    ):
        options, secrets = Postgres.from_yaml({"url": url} | keys)
        reader = Postgres(options, secrets, files_dir=tmp_path, time_zone="UTC", networks=LOOPBACK)
        found = reader.check()
        assert "over TLS" in found.message


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"sslrootcert": "other"}, "not signed by an authority that is trusted here"),
        ({}, "not signed by an authority that is trusted here"),
        ({"sslrootcert": "missing.pem"}, "names no certificate that can be read"),
        ({"sslrootcert": "-----BEGIN CERTIFICATE-----\nhello"}, "names no certificate that can be read"),
    ],
)
def test_a_certificate_that_proves_nothing_is_told(
    warehouse_reader: MakeReader, warehouse: Database, keys: dict[str, str], words: str
) -> None:
    server = warehouse.server
    url = warehouse.url.replace(f":{server.port}/", f":{server.tls_port}/")
    if keys.get("sslrootcert") == "other":
        keys = {"sslrootcert": str(server.other_authority)}
    error = refusal(warehouse_reader(url=url, sslmode="verify-full", **keys))
    assert error.problem is Problem.TLS
    assert words in error.message


def test_a_certificate_of_another_name_is_told(warehouse_reader: MakeReader, warehouse: Database) -> None:
    server = warehouse.server
    url = warehouse.url.replace(f"127.0.0.1:{server.port}/", f"localhost:{server.tls_port}/")
    keys = {"sslrootcert": str(server.authority)}
    error = refusal(warehouse_reader(url=url, sslmode="verify-full", **keys))
    assert error.problem is Problem.TLS
    assert "is for another name than localhost" in error.message
    assert "over TLS" in warehouse_reader(url=url, sslmode="verify-ca", **keys).check().message


def test_a_server_with_no_connection_left_is_told(postgres_reader: MakeReader, database: Database) -> None:
    database.execute(f"alter database {database.name} connection limit 0")
    error = refusal(postgres_reader())
    assert error.problem is Problem.OTHER
    assert "no connection left" in error.message


def test_a_superuser_is_warned_of_and_told_how_to_make_a_better_role(
    warehouse_reader: MakeReader, warehouse: Database
) -> None:
    found = warehouse_reader(url=warehouse.server.url(user=SUPERUSER, database=warehouse.name)).check()
    (warning,) = found.warnings
    assert "postgres is a superuser" in warning
    assert f'GRANT CONNECT ON DATABASE "{warehouse.name}" TO syncadmin_reader' in warning


def test_a_role_that_may_read_the_servers_files_is_warned_of(
    warehouse_reader: MakeReader, warehouse: Database
) -> None:
    warehouse.execute(f"grant pg_read_server_files, pg_execute_server_program to {READER}")
    try:
        (warning,) = warehouse_reader().check().warnings
    finally:
        warehouse.execute(f"revoke pg_read_server_files, pg_execute_server_program from {READER}")
    assert "pg_execute_server_program, pg_read_server_files" in warning


def test_a_role_that_may_read_nothing_is_warned_of(postgres_reader: MakeReader, database: Database) -> None:
    database.execute("create schema hidden")
    database.execute("create table hidden.people (id int)")
    (warning,) = postgres_reader().check().warnings
    assert "may read no table" in warning
    assert "GRANT SELECT ON ALL TABLES" in warning


def test_the_sql_that_a_warning_gives_makes_a_role_without_warnings(
    postgres_reader: MakeReader, database: Database
) -> None:
    database.execute("create table people (id int)")
    url = database.server.url(user=SUPERUSER, database=database.name)
    (warning,) = postgres_reader(url=url).check().warnings
    statements = warning.partition(": CREATE")[2].replace("'…'", f"$${PASSWORD}$$")
    try:
        database.execute("CREATE" + statements)
        url = database.server.url(user="syncadmin_reader", database=database.name)
        assert postgres_reader(url=url).check().warnings == ()
    finally:
        database.execute("drop owned by syncadmin_reader; drop role syncadmin_reader")


def test_this_machines_own_passwords_are_not_used(
    warehouse_reader: MakeReader, warehouse: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    passwords = tmp_path / "pgpass"
    passwords.write_text(f"*:*:*:*:{PASSWORD.replace(':', chr(92) + ':')}\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    url = f"postgresql://{READER}@127.0.0.1:{warehouse.server.port}/{warehouse.name}"
    psycopg.connect(url).close()  # libpq by itself would let us in
    assert refusal(warehouse_reader(url=url)).problem is Problem.PASSWORD


def test_a_session_option_counts(
    postgres_reader: MakeReader, database: Database, postgres_server: Server
) -> None:
    database.execute("create schema crm")
    database.execute(f"grant usage on schema crm to {READER}")
    database.execute("create table crm.people as select 7 as id")
    with postgres_reader(options="-c search_path=crm").read("select id from people") as rows:
        assert list(rows) == [[(7,)]]


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "fd00:ec2::254", "fe80::1"])
def test_the_metadata_of_a_cloud_is_never_connected_to(make_postgres: MakeReader, host: str) -> None:
    error = refusal(make_postgres(host=host, database="x", user="x"))
    assert error.problem is Problem.HOST
    assert "it is never connected to" in error.message


def test_a_private_address_is_refused_with_the_setting_that_would_allow_it(warehouse: Database) -> None:
    options, secrets = Postgres.from_yaml({"url": warehouse.url})
    for host in ("127.0.0.1", "localhost", "10.0.0.5", "/var/run/postgresql"):
        reader = Postgres(options | {"host": host}, secrets, files_dir=Path(), time_zone="UTC")
        error = refusal(reader)
        assert error.problem is Problem.HOST
        assert "ALLOWED_NETWORKS" in error.message


def test_a_name_that_changes_its_answer_is_connected_to_where_it_was_checked(
    warehouse_reader: MakeReader, warehouse: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def changing(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "rebind.example":
            asked.append(host)
            host = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    reader = warehouse_reader(url=warehouse.url.replace("127.0.0.1", "rebind.example"))
    assert "Connected to" in reader.check().message
    assert len(asked) == 1
    assert "rebind.example leads to 169.254.169.254" in refusal(reader).message


def test_a_host_is_one_host(make_postgres: MakeReader) -> None:
    for host in ("one,two", "one two"):
        with pytest.raises(BadSettings) as caught:
            make_postgres(host=host, database="x", user="x")
        assert "one name or one address" in caught.value.faults["host"]
