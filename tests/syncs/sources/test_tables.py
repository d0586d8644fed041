"""What can be picked instead of writing SQL."""

import pytest

from destinations.advanced import BadSettings
from syncadmin.lib.outgoing import LOOPBACK
from syncs.sources.base import SourceError
from syncs.sources.duckdb import DuckDB, Upload
from syncs.sources.postgres import Postgres
from tests.postgres import READER


@pytest.fixture
def files(tmp_path):
    (tmp_path / "o'brien").mkdir()
    (tmp_path / "o'brien" / "people.csv").write_text("id\n1\n2\n")
    (tmp_path / "notes.txt").write_text("nothing to read")
    return DuckDB({}, {}, files_dir=tmp_path, time_zone="UTC")


def test_each_file_is_a_table_whose_query_works(files):
    (table,) = files.tables()

    assert table.name == "o'brien/people.csv"
    with files.read(table.sql) as rows:
        assert [row for chunk in rows for row in chunk] == [(1,), (2,)]


def test_postgres_lists_what_the_role_may_read(database):
    database.execute('create table "Odd ""name" (id int)')
    database.execute('insert into "Odd ""name" values (7)')
    database.execute("create schema crm")
    database.execute("create table crm.people (id int)")
    database.execute(f"grant usage on schema crm to {READER}; grant select on crm.people to {READER}")
    options, secrets = Postgres.from_yaml({"url": database.url})
    reader = Postgres(options, secrets, files_dir=None, time_zone="UTC", networks=LOOPBACK)

    tables = {table.name: table.sql for table in reader.tables()}

    assert {'Odd "name', "crm.people"} <= set(tables)
    with reader.read(tables['Odd "name']) as rows:
        assert [row for chunk in rows for row in chunk] == [(7,)]


@pytest.mark.parametrize("path", [".", "..", "", "*", None, "not-a-folder-of-ours"])
def test_an_upload_is_read_from_its_own_folder_alone(tmp_path, path):
    with pytest.raises(BadSettings, match="folder of an upload"):
        Upload.from_yaml({"path": path})
    stored = Upload({"path": path or "."}, {}, files_dir=tmp_path, time_zone="UTC")
    with pytest.raises(SourceError, match="not an upload"):
        stored.tables()
