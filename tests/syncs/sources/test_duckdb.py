"""Files are read, and nothing but the files of the one folder."""

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import duckdb
import pytest

from syncs.sources.base import Column, Problem, SourceError, Type
from syncs.sources.duckdb import DuckDB

MakeReader = Callable[..., DuckDB]
A_UUID = UUID("5f0c32b0-6b1a-4b5b-9d55-0f6d1b8a7c11")


def everything(reader: DuckDB, sql: str) -> list[tuple[object, ...]]:
    with reader.read(sql) as rows:
        return [row for chunk in rows for row in chunk]


def refusal(reader: DuckDB, sql: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        everything(reader, sql)
    return caught.value


@pytest.fixture
def warehouse(files: Path) -> Path:
    """A DuckDB database in the files folder."""
    file = files / "warehouse.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("create table people as select 1 as id, 'O''Brien 🙂' as name")
        connection.execute("create schema crm; create table crm.deals as select 7 as id")
        connection.execute("create view names as select name from warehouse.main.people")
    return file


# What can be read


@pytest.mark.parametrize(
    ("sql", "ids"),
    [
        ("select * from 'leads.csv'", [1, 2]),
        ("from 'leads.csv'", [1, 2]),
        ("FROM \"leads.csv\" SELECT id", [1, 2]),
        ("select id from 'sub/more.csv'", [3]),
        ("select id from './leads.csv' as l(id, e, n)", [1, 2]),
        ("select id from read_csv('leads.csv', all_varchar = false)", [1, 2]),
        ("select id from read_csv(['leads.csv', 'sub/more.csv']) order by id", [1, 2, 3]),
        ("select id from '*.csv'", [1, 2]),
        ("select id from '**/*.csv' order by id", [1, 2, 3]),
        ("with l as (from 'leads.csv') select l.id from l join 'leads.csv' using (id) order by 1", [1, 2]),
        ("select id from 'leads.csv' where id in (from 'leads.csv' select id) union from 'sub/more.csv' "
         "select id order by id", [1, 2, 3]),
        ("-- é🙂 'leads.csv'\nselect id from 'leads.csv' where 'leads.csv' = 'leads.csv'; -- done", [1, 2]),
        ("with \"leads.csv\" as (select 9 as id) select id from \"leads.csv\"", [9]),
    ],
)  # fmt: skip
def test_a_file_is_named_by_its_path_in_the_folder(
    files_reader: MakeReader, sql: str, ids: list[int]
) -> None:
    assert [row[0] for row in everything(files_reader(), sql)] == ids


def test_quotes_emoji_and_accents_are_kept_in_names_and_values(files_reader: MakeReader, files: Path) -> None:
    (files / "O'Brien 🙂.csv").write_text("naïve\nZoë\n")
    sql = "select \"naïve\", 'é' as \"weird \"\"name\" from 'O''Brien 🙂.csv'"
    with files_reader().read(sql) as rows:
        assert list(rows) == [[("Zoë", "é")]]
    assert rows.columns == (Column("naïve", Type.TEXT), Column('weird "name', Type.TEXT))
    assert everything(files_reader(), "select name from 'leads.csv' where id = 2") == [("O'Brien 🙂",)]


def test_a_path_can_be_a_folder_inside(files_reader: MakeReader) -> None:
    reader = files_reader(path="sub")
    assert everything(reader, "select id from 'more.csv'") == [(3,)]
    assert refusal(reader, "select id from '../leads.csv'").problem is Problem.FOLDER


def test_parquet_and_json_are_read(files_reader: MakeReader, files: Path) -> None:
    duckdb.sql("select 5 as id, timestamptz '2026-11-21 03:00:00+00' as at").write_parquet(
        str(files / "a.parquet")
    )
    (files / "b.json").write_text('[{"id": 6, "tags": ["x"]}]')
    assert everything(files_reader(), "from 'a.parquet'") == [(5, datetime(2026, 11, 21, 3, tzinfo=UTC))]
    assert everything(files_reader(), "from 'b.json'") == [(6, ["x"])]


def test_a_database_file_is_read(files_reader: MakeReader, warehouse: Path) -> None:
    reader = files_reader(path="warehouse.duckdb")
    assert everything(reader, "select * from people") == [(1, "O'Brien 🙂")]
    assert everything(reader, "select id from crm.deals") == [(7,)]
    assert everything(reader, "select id from warehouse.main.people") == [(1,)]
    assert everything(reader, "from names") == [("O'Brien 🙂",)]


def test_a_database_may_be_called_as_duckdbs_own(files_reader: MakeReader, warehouse: Path) -> None:
    warehouse.rename(warehouse.with_name("temp.duckdb"))
    assert everything(files_reader(path="temp.duckdb"), "select id from people") == [(1,)]


def test_two_queries_read_one_database_at_a_time(files_reader: MakeReader, warehouse: Path) -> None:
    with (
        files_reader(path="warehouse.duckdb").read("select id from people") as some,
        files_reader(path="warehouse.duckdb", memory_limit="100").read("select id from people") as others,
    ):
        assert list(some) == list(others) == [[(1,)]]


def test_rows_come_in_chunks_and_in_order(files_reader: MakeReader) -> None:
    with files_reader().read("select range as id from range(12345)", chunk_rows=1_000) as rows:
        chunks = list(rows)
    assert max(map(len, chunks)) == 1_000
    assert all(chunks)
    assert [row[0] for chunk in chunks for row in chunk] == list(range(12_345))


def test_describing_runs_nothing(files_reader: MakeReader) -> None:
    found = files_reader().describe(
        "select count(*) as n, now() as at from range(100000000000) a, range(99999) b"
    )
    assert found == (Column("n", Type.NUMBER), Column("at", Type.DATETIME))


def test_a_query_larger_than_its_memory_goes_to_disk_and_leaves_nothing_there(
    files_reader: MakeReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sql = (
        "select range as id, range::varchar || repeat('x', 60) as t from range(1000000) order by hash(range)"
    )
    with files_reader(memory_limit="50").read(sql) as rows:
        assert sum(map(len, rows)) == 1_000_000
    assert {found.name for found in tmp_path.iterdir()} == {"files", "beside.csv"}


# What cannot


@pytest.mark.parametrize(
    "sql",
    [
        "select * from '../beside.csv'",
        "select * from 'sub/../../beside.csv'",
        "select * from '{beside}'",
        "select * from read_csv('{beside}')",
        "select * from read_text('../beside.csv')",
        "select * from read_csv('..' || '/beside.csv')",
        "select * from read_csv(['leads.csv', '../beside.csv'])",
        "select * from '../*.csv'",
        "select * from glob('../*')",
        "select * from glob('/etc/*')",
        "select * from read_text('/etc/passwd')",
        "select * from read_blob('/proc/self/environ')",
        "select * from read_csv('/dev/stdin')",
        "select * from 'link.csv'",
        "select * from 'linked/beside.csv'",
        "select * from '*.csv'",
        "select * from 'https://example.com/leads.csv'",
        "select * from read_csv('s3://bucket/leads.csv')",
        "select * from duckdb_secrets()",
        "select (select content from read_text('{beside}'))",
    ],
)
def test_nothing_outside_the_folder_is_read(files_reader: MakeReader, files: Path, sql: str) -> None:
    beside = files.parent / "beside.csv"
    (files / "link.csv").symlink_to(beside)
    (files / "linked").symlink_to(files.parent)
    sql = sql.replace("{beside}", str(beside))

    error = refusal(files_reader(), sql)

    assert error.problem is Problem.FOLDER
    assert "only files in it may be read" in error.message
    assert "hidden" not in error.message


def test_a_database_source_reads_no_other_file(files_reader: MakeReader, warehouse: Path) -> None:
    error = refusal(files_reader(path="warehouse.duckdb"), "select * from 'leads.csv'")
    assert error.problem is Problem.FOLDER


@pytest.mark.parametrize(
    "sql",
    [
        "insert into people values (2, 'x')",
        "insert into people values (2, 'x') returning id",
        "update people set id = 2 returning id",
        "delete from people returning id",
        "create table other as select 1",
        "create view other as select 1",
        "drop table people",
        "copy people to 'out.csv'",
        "copy (select 1) to 'out.csv'",
        "export database 'out'",
        "attach 'other.duckdb'",
        "detach warehouse",
        "use memory",
        "install httpfs",
        "load httpfs",
        "set memory_limit = '9GB'",
        "reset memory_limit",
        "pragma table_info('people')",
        "pragma database_list",
        "call duckdb_tables()",
        "checkpoint",
        "vacuum",
        "begin",
        "explain select 1",
        "show tables",
        "describe people",
        "summarize people",
        "prepare p as select 1",
        "select 1; select 2",
        "select 1; drop table people",
        "create temp table t as select 1; select * from t",
        "",
        ";",
        "-- nothing",
    ],
)
def test_sql_that_does_more_than_read_is_refused(
    files_reader: MakeReader, files: Path, warehouse: Path, sql: str
) -> None:
    before = warehouse.read_bytes()
    error = refusal(files_reader(path="warehouse.duckdb"), sql)
    assert error.problem is Problem.SQL
    assert "must be one query" in error.message
    assert warehouse.read_bytes() == before
    assert {found.name for found in files.iterdir()} == {"leads.csv", "sub", "warehouse.duckdb"}


@pytest.mark.parametrize(
    "sql",
    [
        "select * from pandas_scan(NULL)",  # it ended the whole process
        'select (select count(*) from system.main."PANDAS_SCAN"(NULL))',
        "select * from query('select 1')",
        "select * from query('select * from pandas' || '_scan(NULL)')",
        "select * from json_execute_serialized_sql('{}')",
        "select * from enable_logging(storage = 'file', storage_path = 'log')",
    ],
)
def test_functions_that_end_the_process_or_run_what_is_not_seen_are_refused(
    files_reader: MakeReader, sql: str
) -> None:
    assert "which is not allowed here" in refusal(files_reader(), sql).message


def test_a_database_whose_views_call_such_functions_is_refused(
    files_reader: MakeReader, warehouse: Path
) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create macro hidden(what) as table select * from query(what)")
    error = refusal(files_reader(path="warehouse.duckdb"), "select * from people")
    assert "in a view or macro" in error.message


def test_variables_of_this_process_are_no_tables(files_reader: MakeReader) -> None:
    people = duckdb.sql("select 1 as id")
    assert people is not None
    assert refusal(files_reader(), "select * from people").problem is Problem.SQL


@pytest.mark.parametrize(
    ("sql", "line", "words"),
    [
        ("selec 1", 1, "syntax error"),
        ("select 1,\n  emial\nfrom 'leads.csv'", 2, '"email"'),
        ("select 'é🙂',\n1 from\n  nowhere", 3, "named in quotes, with its ending"),
        ("select\n\n'abc'::int", 3, "does not fit INT32"),
        ("select id,\nnow() as at, nope('x')\nfrom 'leads.csv'", 2, "nope"),
    ],
)
def test_wrong_sql_is_told_with_its_line(files_reader: MakeReader, sql: str, line: int, words: str) -> None:
    error = refusal(files_reader(), sql)
    assert error.problem is Problem.SQL
    assert error.position == line
    assert f"in line {line}" in error.message
    assert words in error.message


def test_a_file_that_is_not_there_is_told_by_its_name(files_reader: MakeReader, files: Path) -> None:
    error = refusal(files_reader(), "select * from 'sub/leads.csv'")
    assert error.problem is Problem.NAME
    assert "no file “sub/leads.csv”" in error.message
    assert str(files) not in error.message


def test_a_placeholder_is_refused(files_reader: MakeReader) -> None:
    assert "placeholder" in refusal(files_reader(), "select $1").message
    assert "placeholder" in refusal(files_reader(), "select ?").message


def test_two_columns_of_one_name_are_refused(files_reader: MakeReader) -> None:
    assert "“id”" in refusal(files_reader(), "select 1 as id, 2 as id").message


@pytest.mark.parametrize("sql", ["select '\0' as a", "select '\ud83d' as a"])
def test_characters_that_no_database_takes_are_refused(files_reader: MakeReader, sql: str) -> None:
    assert refusal(files_reader(), sql).problem is Problem.SQL


@pytest.mark.parametrize(
    ("last_line", "words"),
    [
        (b"secret,a@example.com", "“id” does not fit BIGINT"),
        (b"7,secret,8", "more or fewer columns"),
        (b"7,secret\xe9", "not UTF-8"),
    ],
)
def test_a_bad_line_of_a_file_is_told_by_its_number_and_not_quoted(
    files_reader: MakeReader, files: Path, last_line: bytes, words: str
) -> None:
    (files / "long.csv").write_bytes(b"id,email\n" + b"1,ann@acme.com\n" * 30_000 + last_line + b"\n")
    error = refusal(files_reader(), "select * from 'long.csv'")
    assert "ine 30002 of “long.csv”" in error.message
    assert words in error.message
    assert "secret" not in error.message


def test_an_error_in_the_data_does_not_quote_the_data(files_reader: MakeReader) -> None:
    for sql in (
        "select name::int from 'leads.csv'",
        "select error('no ' || quote) from (select '''' || name || '''' as quote from 'leads.csv' limit 1)",
        "select (id * 1e18)::bigint * 9999::bigint from 'leads.csv'",
        "select strptime(name, '%Y') from 'leads.csv'",
    ):
        error = refusal(files_reader(), sql)
        assert error.problem is Problem.SQL
        assert "Ann" not in error.message


def test_a_query_that_takes_too_long_is_ended(files_reader: MakeReader) -> None:
    sql = "select count(*) from range(100000000) a, range(100000000) b"
    error = refusal(files_reader(statement_timeout="1"), sql)
    assert error.problem is Problem.TIMEOUT
    assert "longer than 1 seconds" in error.message


def test_a_query_can_be_stopped_from_another_thread(files_reader: MakeReader) -> None:
    with (
        pytest.raises(SourceError) as caught,
        files_reader().read("select range from range(10000000000)") as rows,
    ):
        threading.Timer(0.1, rows.stop).start()
        for _ in rows:
            pass
    assert caught.value.message == "The query was stopped here."


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not count so")
@pytest.mark.parametrize(
    "sql", ["select repeat('x', 4000000000)", "select array_to_string(range(1000000000), ',')"]
)
def test_what_a_function_makes_takes_no_more_of_the_machine(files_reader: MakeReader, sql: str) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    assert "more than 50 MB of memory" in refusal(files_reader(memory_limit=50), sql).message
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_a_query_that_needs_more_memory_than_it_may_is_told(files_reader: MakeReader) -> None:
    error = refusal(files_reader(memory_limit="50"), "select list(range) from range(30000000)")
    assert error.problem is Problem.OTHER
    assert "more than 50 MB" in error.message


# Values


@pytest.mark.parametrize(
    ("expression", "expected", "kind"),
    [
        ("170141183460469231731687303715884105727::hugeint", 2**127 - 1, Type.NUMBER),
        ("340282366920938463463374607431768211455::uhugeint", 2**128 - 1, Type.NUMBER),
        ("1.50::decimal(38, 10)", Decimal("1.5000000000"), Type.NUMBER),
        ("0.1::double", 0.1, Type.NUMBER),
        ("true", True, Type.BOOLEAN),
        ("null", None, Type.NUMBER),
        ("'O''Brien 🙂'", "O'Brien 🙂", Type.TEXT),
        ("'a' || chr(0)", "a\0", Type.TEXT),
        ("'b'::enum('a', 'b')", "b", Type.TEXT),
        ("'5f0c32b0-6b1a-4b5b-9d55-0f6d1b8a7c11'::uuid", A_UUID, Type.TEXT),
        ("date '2026-11-21'", date(2026, 11, 21), Type.DATE),
        ("timestamp '2026-11-21 03:00:00.123456'", datetime(2026, 11, 21, 3, 0, 0, 123456), Type.DATETIME),  # noqa: DTZ001
        ("timestamp_ns '2026-11-21 03:00:00'", datetime(2026, 11, 21, 3), Type.DATETIME),  # noqa: DTZ001
        ("timestamptz '2026-11-21 03:00:00+01'", datetime(2026, 11, 21, 2, tzinfo=UTC), Type.DATETIME),
        ("null::timestamptz", None, Type.DATETIME),
        ("time '03:00'", clock(3), Type.TIME),
        ("time '24:00'", "24:00:00", Type.TIME),
        ("interval '1 month 2 days'", "1 month 2 days", Type.OTHER),
        ("interval '300000 years'", "300000 years", Type.OTHER),
        ("'\\xAA'::blob", b"\xaa", Type.BYTES),
        ("[1, null]", [1, None], Type.LIST),
        ("array_value(1, 2)", (1, 2), Type.LIST),
        ("[timestamptz '2026-11-21 03:00:00+00']", ["2026-11-21 03:00:00+00"], Type.LIST),
        ("[interval 1 month]", ["1 month"], Type.LIST),
        ("{'a': 1, 'b': [2]}", {"a": 1, "b": [2]}, Type.JSON),
        ("map {'k': 1}", {"k": 1}, Type.JSON),
        ("map {[1]: 2}", {"key": [[1]], "value": [2]}, Type.JSON),
        ("'{\"n\": 12345678901234567890123}'::json", {"n": 12345678901234567890123}, Type.JSON),
        ("union_value(a := 1)", {"a": 1}, Type.OTHER),
        ("'x'::variant", "x", Type.OTHER),
        ("'101'::bit", "101", Type.TEXT),
        ("'infinity'::date", date.max, Type.DATE),
        ("'infinity'::timestamp", datetime.max, Type.DATETIME),  # noqa: DTZ901
        ("'290000-01-01'::date", "290000-01-01", Type.DATE),
        ("'0044-03-15 (BC)'::timestamp", "0044-03-15 (BC) 00:00:00", Type.DATETIME),
        ("'290000-01-01'::timestamptz", "290000-01-01 00:00:00", Type.DATETIME),
        ("timetz '12:00:00+02'", clock(12, tzinfo=datetime(2026, 1, 1, tzinfo=UTC).tzinfo), Type.TIME),
    ],
)  # fmt: skip
def test_a_value_arrives_as_pythons(
    files_reader: MakeReader, expression: str, expected: object, kind: Type
) -> None:
    with files_reader().read(f"select {expression} as x, 1 as y") as rows:
        ((found, _),) = next(iter(rows))
    if isinstance(expected, clock) and expected.tzinfo:
        assert isinstance(found, clock)
        assert found.utcoffset() == timedelta(hours=2)
        return
    assert found == expected
    assert type(found) is type(expected)
    assert rows.columns[0].type is kind


# Checking


def test_a_folder_says_what_is_in_it(files_reader: MakeReader, files: Path, warehouse: Path) -> None:
    (files / "notes.txt").write_text("hello")
    (files / "link.csv").symlink_to(files.parent / "beside.csv")
    found = files_reader().check()
    assert found.message == "The folder holds 2 files to read: leads.csv, sub/more.csv."
    assert found.warnings == (
        "“link.csv” is a link out of the folder and is not read.",
        "warehouse.duckdb: to read a database's tables, make a source whose path is the file.",
    )


def test_an_empty_folder_says_so(files_reader: MakeReader, files: Path) -> None:
    (files / "empty").mkdir()
    assert "holds no file to read" in files_reader(path="empty").check().message


def test_a_database_says_what_is_in_it(files_reader: MakeReader, warehouse: Path) -> None:
    message = files_reader(path="warehouse.duckdb").check().message
    assert (
        message == "warehouse.duckdb is a DuckDB database with 3 tables: crm.deals, main.names, main.people."
    )


def test_a_missing_file_is_told_from_a_missing_files_folder(files_reader: MakeReader, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no “gone\.duckdb”") as no_file:
        files_reader(path="gone.duckdb").check()
    with pytest.raises(SourceError, match="FILES_DIR") as no_folder:
        DuckDB({}, {}, files_dir=tmp_path / "gone", time_zone="UTC").check()
    assert no_file.value.problem is Problem.NAME
    assert no_folder.value.problem is Problem.FOLDER


@pytest.mark.parametrize("path", ["../beside.csv", "/etc", "linked", "sub/../.."])
def test_a_path_out_of_the_files_folder_is_refused(files: Path, path: str) -> None:
    (files / "linked").symlink_to(files.parent)
    with pytest.raises(SourceError, match="leads out of the files folder") as caught:
        DuckDB({"path": path}, {}, files_dir=files, time_zone="UTC").check()
    assert caught.value.problem is Problem.FOLDER


@pytest.mark.parametrize("content", [b"", b"hello" * 1_000, b"DUCK"])
def test_a_file_that_is_no_database_is_told(files_reader: MakeReader, files: Path, content: bytes) -> None:
    (files / "bad.duckdb").write_bytes(content)
    with pytest.raises(SourceError, match="is no DuckDB database") as caught:
        files_reader(path="bad.duckdb").check()
    assert caught.value.problem is Problem.NAME


def test_a_database_that_another_process_writes_to_is_told(files_reader: MakeReader, warehouse: Path) -> None:
    code = f"import duckdb, sys; c = duckdb.connect({str(warehouse)!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "open\n"
        with pytest.raises(SourceError, match="open for writing") as caught:
            files_reader(path="warehouse.duckdb").check()
        writer.communicate("\n")
    assert caught.value.problem is Problem.OTHER
    assert files_reader(path="warehouse.duckdb").check().warnings == ()


def test_a_file_that_may_not_be_read_is_a_matter_of_permission(
    files_reader: MakeReader, warehouse: Path
) -> None:
    warehouse.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65_534)  # nobody, for whom modes count
    try:
        with pytest.raises(SourceError, match="may not be read") as caught:
            files_reader(path="warehouse.duckdb").check()
    finally:
        if is_root:
            os.seteuid(0)
    assert caught.value.problem is Problem.PERMISSION


def test_only_a_reader_that_runs_loads_duckdb() -> None:
    code = (
        "import sys; from syncs.sources import registry; registry.get('duckdb'); registry.get('postgres'); "
        "assert 'duckdb' not in sys.modules and '_duckdb' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
