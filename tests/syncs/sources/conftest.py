"""Sources to read: a database of each test's own, and a folder of files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncadmin.lib.outgoing import LOOPBACK
from syncs.sources.duckdb import DuckDB
from syncs.sources.postgres import Postgres
from tests.postgres import READER, Database, Server, postgres_server  # noqa: F401


@pytest.fixture
def database(postgres_server: Server) -> Iterator[Database]:  # noqa: F811
    with postgres_server.database() as database:
        yield database


@pytest.fixture(scope="module")
def warehouse(postgres_server: Server) -> Iterator[Database]:  # noqa: F811
    """A database that the tests of a module share: they only read it, or try in vain to change it."""
    with postgres_server.database() as database:
        database.execute(
            "create table people (id int, email text); insert into people values (1, 'ann@acme.com'); "
            "create sequence counter; create procedure nothing() language sql as ''; "
            f"grant all on all tables in schema public to {READER}; "
            f"grant all on all sequences in schema public to {READER}; "
            "grant create on schema public to public"
        )
        yield database


@pytest.fixture
def make_postgres(tmp_path: Path) -> Callable[..., Postgres]:
    """Makes a reader; settings by keyword, as in YAML."""

    def make(**keys: object) -> Postgres:
        options, secrets = Postgres.from_yaml(keys)
        return Postgres(options, secrets, files_dir=tmp_path, time_zone="UTC", networks=LOOPBACK)

    return make


@pytest.fixture
def postgres_reader(database: Database, make_postgres: Callable[..., Postgres]) -> Callable[..., Postgres]:
    """Makes a reader of the test's own database."""
    return lambda **keys: make_postgres(**{"url": database.url} | keys)


@pytest.fixture
def warehouse_reader(warehouse: Database, make_postgres: Callable[..., Postgres]) -> Callable[..., Postgres]:
    """Makes a reader of the database that the module shares."""
    return lambda **keys: make_postgres(**{"url": warehouse.url} | keys)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files folder, with two people in leads.csv; what lies beside it is nobody's to read."""
    folder = tmp_path / "files"
    (folder / "sub").mkdir(parents=True)
    (folder / "leads.csv").write_text('id,email,name\n1,ann@acme.com,Ann\n2,tim@acme.com,"O\'Brien 🙂"\n')
    (folder / "sub" / "more.csv").write_text("id,email,name\n3,zoë@acme.com,Zoë\n")
    (tmp_path / "beside.csv").write_text("secret\nhidden\n")
    return folder


@pytest.fixture
def files_reader(files: Path) -> Callable[..., DuckDB]:
    """Makes a reader of the files folder; settings by keyword, as in YAML."""

    def make(**keys: object) -> DuckDB:
        options, secrets = DuckDB.from_yaml(keys)
        return DuckDB(options, secrets, files_dir=files, time_zone="UTC")

    return make
