"""One query, read in chunks, changing nothing; and what happens when it cannot go on."""

import threading
import time
from collections.abc import Callable

import pytest

from syncs.sources import postgres_session
from syncs.sources.base import Column, Problem, SourceError, Type
from syncs.sources.postgres import Postgres
from tests.postgres import READER, SUPERUSER, Database

MakeReader = Callable[..., Postgres]


def refusal(reader: Postgres, sql: str) -> SourceError:
    """What reading says; describing says the same wherever nothing has to run for it."""
    with pytest.raises(SourceError) as caught, reader.read(sql) as rows:
        list(rows)
    return caught.value


def everything(reader: Postgres, sql: str) -> list[tuple[object, ...]]:
    with reader.read(sql) as rows:
        return [row for chunk in rows for row in chunk]


def backends(database: Database) -> list[tuple[object, ...]]:
    return database.execute(
        f"select pid, state from pg_stat_activity where datname = current_database() and usename = '{READER}'"
    )


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 100
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def test_rows_come_in_order_and_in_chunks(warehouse_reader: MakeReader) -> None:
    sql = "select i as id, 'user' || i as name from generate_series(1, 12000) i"
    with warehouse_reader().read(sql, chunk_rows=1_000) as rows:
        columns, chunks = rows.columns, list(rows)

    assert columns == (Column("id", Type.NUMBER), Column("name", Type.TEXT))
    assert max(len(chunk) for chunk in chunks) == 1_000
    assert all(chunks)
    assert [row for chunk in chunks for row in chunk] == [(i, f"user{i}") for i in range(1, 12_001)]


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1_500])
def test_no_row_is_lost_at_the_edge_of_a_chunk(warehouse_reader: MakeReader, count: int) -> None:
    with warehouse_reader().read(f"select generate_series(1, {count}) as id", chunk_rows=1_000) as rows:
        assert [row[0] for chunk in rows for row in chunk] == list(range(1, count + 1))


def test_large_rows_come_fewer_at_a_time(warehouse_reader: MakeReader) -> None:
    sql = "select i as id, repeat('x', 200000) as note from generate_series(1, 560) i"
    with warehouse_reader().read(sql) as rows:
        sizes = [len(chunk) for chunk in rows]
    assert sum(sizes) == 560
    assert sizes[0] == 500  # nothing was known of the rows yet
    assert max(sizes[1:]) <= 40


def test_describing_runs_nothing(warehouse_reader: MakeReader) -> None:
    found = warehouse_reader().describe("select pg_sleep(60), 1 as id, now() as at")
    assert found == (Column("pg_sleep", Type.OTHER), Column("id", Type.NUMBER), Column("at", Type.DATETIME))


def test_quotes_emoji_and_comments_in_the_sql_are_left_alone(warehouse_reader: MakeReader) -> None:
    sql = """
        -- a comment; with a semicolon
        select 'O''Brien 🙂' as name, $$; drop table x; --$$ as note, '%s %(a)s %' as percent,
            "weird ""name" /* ; */ from (select 1 as "weird ""name") t where 'é' = 'é'  ;
        -- the end"""
    reader = warehouse_reader()
    assert everything(reader, sql) == [("O'Brien 🙂", "; drop table x; --", "%s %(a)s %", 1)]
    assert [column.name for column in reader.describe(sql)] == ["name", "note", "percent", 'weird "name']


@pytest.mark.parametrize(
    "sql",
    [
        "insert into people values (2)",
        "insert into people values (2) returning id",
        "with added as (insert into people values (2) returning id) select * from added",
        "update people set id = 2 returning id",
        "delete from people",
        "create table other (id int)",
        "create table other as select 1",
        "select * into other from people",
        "drop table people",
        "copy people to stdout",
        "copy (select 1) to program 'true'",
        "select id from people for update",
        "select nextval('counter')",
        "set default_transaction_read_only = off",
        "show all",
        "explain select 1",
        "begin",
        "commit",
        "do $$ begin end $$",
        "call nothing()",
        "listen news",
        "declare c cursor for select 1",
        "fetch all from syncadmin_model",
        "",
        "-- nothing",
        ";",
    ],
)
def test_sql_that_does_more_than_read_is_refused(
    warehouse_reader: MakeReader, warehouse: Database, sql: str
) -> None:
    error = refusal(warehouse_reader(), sql)

    assert error.problem is Problem.SQL
    assert "read-only" in error.message
    assert "must be one query" in error.message
    assert warehouse.execute("select id from people") == [(1,)]


def test_sql_may_not_lift_the_bar_by_itself(postgres_reader: MakeReader, database: Database) -> None:
    database.execute("create table people (id int)")
    database.execute(
        "create function sneak() returns int language plpgsql as $$ begin "
        "perform set_config('transaction_read_only', 'off', true); "
        "insert into people values (9); return 1; end $$"
    )
    database.execute(f"grant all on all tables in schema public to {READER}")

    error = refusal(postgres_reader(), "select sneak()")

    assert error.problem in (Problem.SQL, Problem.OTHER)
    assert database.execute("select id from people") == []


@pytest.mark.parametrize(
    "sql", ["select 1; select 2", "select 1; drop table people", "select 1;; select 2 --", "begin; select 1"]
)
def test_stacked_statements_are_refused(warehouse_reader: MakeReader, warehouse: Database, sql: str) -> None:
    error = refusal(warehouse_reader(), sql)
    assert error.problem is Problem.SQL
    assert "must be one query" in error.message
    assert warehouse.execute("select count(*) from people") == [(1,)]


@pytest.mark.parametrize(
    ("sql", "line", "words"),
    [
        ("selec 1", 1, "syntax error"),
        ("select 1,\n  emial\nfrom people", 2, 'Perhaps you meant to reference the column "people.email"'),
        ("select 'é🙂',\n1 from\n  nowhere", 3, 'relation "nowhere" does not exist'),
        ("select\n\n'abc'::int", 3, "invalid input syntax for type integer"),
        ("select 'abc", 1, "unterminated"),
    ],
)
def test_wrong_sql_is_told_with_its_line(
    warehouse_reader: MakeReader, sql: str, line: int, words: str
) -> None:
    reader = warehouse_reader()
    with pytest.raises(SourceError) as described:
        reader.describe(sql)
    for error in (described.value, refusal(reader, sql)):
        assert error.problem is Problem.SQL
        assert error.position == line
        assert f"in line {line}" in error.message
        assert words in error.message


def test_a_placeholder_is_refused(warehouse_reader: MakeReader) -> None:
    assert "placeholder" in refusal(warehouse_reader(), "select $1::int").message


@pytest.mark.parametrize("sql", ["select '\0' as a", "select '\ud83d' as a"])
def test_characters_that_no_database_takes_are_refused(warehouse_reader: MakeReader, sql: str) -> None:
    error = refusal(warehouse_reader(), sql)
    assert error.problem is Problem.SQL
    assert "character" in error.message


def test_two_columns_of_one_name_are_refused(warehouse_reader: MakeReader) -> None:
    error = refusal(warehouse_reader(), "select 1 as id, 2 as id")
    assert error.problem is Problem.SQL
    assert "“id”" in error.message


def test_a_table_that_may_not_be_read_is_a_matter_of_permission(
    postgres_reader: MakeReader, database: Database
) -> None:
    database.execute(f"create table salaries (id int); revoke all on salaries from {READER}")
    reader = postgres_reader()
    error = refusal(reader, "select * from salaries")
    assert error.problem is Problem.PERMISSION
    assert "GRANT SELECT" in error.message
    with pytest.raises(SourceError, match="GRANT SELECT"):
        reader.describe("select * from salaries")


def test_an_error_in_the_data_does_not_quote_the_data(
    postgres_reader: MakeReader, database: Database
) -> None:
    database.execute("create table people (age text); insert into people values ('secret@example.com')")
    error = refusal(postgres_reader(), "select age::int from people")
    assert error.problem is Problem.SQL
    assert "invalid input syntax for type integer" in error.message
    assert "secret" not in error.message


def test_a_query_that_takes_too_long_is_ended(warehouse_reader: MakeReader) -> None:
    error = refusal(warehouse_reader(statement_timeout="1"), "select pg_sleep(3000)")
    assert error.problem is Problem.TIMEOUT
    assert "longer than 1 seconds" in error.message


def test_sql_that_lifts_the_limit_of_time_by_itself_is_ended_too(
    warehouse_reader: MakeReader, warehouse: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit that the query sets counts from its next rows on."""
    monkeypatch.setattr(postgres_session, "_GRACE_SECONDS", 0.0)
    sql = (
        "select set_config('statement_timeout', '0', true) union all "
        "select case when i > 1000 then pg_sleep(60)::text end from generate_series(1, 5000) i"
    )
    error = refusal(warehouse_reader(statement_timeout="1"), sql)
    assert error.problem is Problem.TIMEOUT
    wait_until(lambda: not backends(warehouse))


@pytest.mark.parametrize(
    "sql",
    [
        "select pg_read_file('/etc/passwd')",
        "select pg_read_binary_file('postgresql.conf')",
        "select * from pg_ls_dir('.')",
        "select lo_import('/etc/passwd')",
        "select lo_export(1, '/tmp/out')",
        "select lo_from_bytea(0, 'x')",
        "select pg_reload_conf()",
        "select set_config('role', 'postgres', true)",
        "select set_config('session_authorization', 'postgres', true)",
        "select set_config('session_preload_libraries', 'evil', true)",
        "select * from dblink('dbname=postgres', 'drop table people') as t(x text)",
        "select passwd from pg_shadow",
        "select query_to_xml('delete from people returning id', true, true, '')",
        "set transaction read write",
        "set role postgres",
        "copy people from program 'true'",
        "lock table people",
        "prepare p as select 1",
        "select 1 into outfile '/tmp/out'",
    ],
)
def test_sql_reaches_no_file_no_other_role_and_no_other_connection(
    warehouse_reader: MakeReader, warehouse: Database, sql: str
) -> None:
    error = refusal(warehouse_reader(), sql)
    assert error.problem in (Problem.SQL, Problem.PERMISSION, Problem.OTHER), error.message
    assert "root:" not in error.message
    assert warehouse.execute("select id from people") == [(1,)]


def test_a_connection_that_dies_half_way_is_told(postgres_reader: MakeReader, database: Database) -> None:
    sql = "select i as id, repeat('x', 1000) as note from generate_series(1, 100000) i"
    read = 0
    with pytest.raises(SourceError) as caught, postgres_reader().read(sql, chunk_rows=1_000) as rows:
        for chunk in rows:
            read += len(chunk)
            if read < 2_000:
                database.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    f"where datname = current_database() and usename = '{READER}'"
                )
    assert caught.value.problem is Problem.DIED
    assert "run the sync again" in caught.value.message
    assert 0 < read < 100_000


def test_a_query_can_be_stopped_from_another_thread(warehouse_reader: MakeReader) -> None:
    over = threading.Event()
    with pytest.raises(SourceError) as caught, warehouse_reader().read("select pg_sleep(3000)") as rows:

        def stop() -> None:
            while not over.wait(0.1):
                rows.stop()

        beside = threading.Thread(target=stop)
        beside.start()
        try:
            list(rows)
        finally:
            over.set()
            beside.join()
    assert caught.value.message == "The query was stopped here."


def test_a_query_that_is_stopped_before_it_began_does_not_run(warehouse_reader: MakeReader) -> None:
    with (
        pytest.raises(SourceError, match="stopped here"),
        warehouse_reader().read("select pg_sleep(3000)") as rows,
    ):
        rows.stop()
        list(rows)


def test_leaving_early_ends_the_query_at_the_server(postgres_reader: MakeReader, database: Database) -> None:
    sql = "select i, case when i > 1000 then pg_sleep(600) end from generate_series(1, 5000) i"
    with postgres_reader().read(sql, chunk_rows=500) as rows:
        assert len(next(iter(rows))) == 500
        next(iter(rows))
    wait_until(lambda: not backends(database))


def test_an_error_of_the_caller_passes_through_and_ends_the_connection(
    postgres_reader: MakeReader, database: Database
) -> None:
    with pytest.raises(ZeroDivisionError), postgres_reader().read("select generate_series(1, 9999)") as rows:
        for _ in rows:
            raise ZeroDivisionError
    wait_until(lambda: not backends(database))


def test_a_session_leaves_nothing_to_the_next(warehouse_reader: MakeReader) -> None:
    reader = warehouse_reader()
    everything(
        reader, "select set_config('search_path', 'nowhere', false), set_config('my.note', 'x', false) as b"
    )
    assert everything(
        reader, "select current_setting('my.note', true) as a, current_setting('search_path') as b"
    ) == [(None, '"$user", public')]


def test_the_session_is_read_only_and_says_who_it_is(warehouse_reader: MakeReader) -> None:
    names = (
        "transaction_read_only", "default_transaction_read_only", "application_name", "TimeZone",
        "statement_timeout", "idle_in_transaction_session_timeout",
    )  # fmt: skip
    settings = ", ".join(f"current_setting('{name}') as s{at}" for at, name in enumerate(names))
    assert everything(warehouse_reader(), f"select {settings}") == [
        ("on", "on", "syncadmin", "UTC", "1h", "15min")
    ]


def test_a_superusers_sql_is_read_only_too(postgres_reader: MakeReader, database: Database) -> None:
    database.execute("create table people (id int)")
    reader = postgres_reader(url=database.server.url(user=SUPERUSER, database=database.name))
    assert refusal(reader, "delete from people returning id").problem is Problem.SQL
