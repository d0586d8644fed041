"""PostgreSQL's values arrive exactly, and no value ends the reading."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import inf, isnan

import pytest

from syncs.sources.base import SourceError, Type
from syncs.sources.postgres import Postgres
from tests.postgres import Database

MakeReader = Callable[..., Postgres]


def value(reader: Postgres, expression: str) -> tuple[object, Type]:
    """The value and its column's type."""
    with reader.read(f"select {expression} as x") as rows:
        return next(iter(rows))[0][0], rows.columns[0].type


@pytest.mark.parametrize(
    ("expression", "expected", "kind"),
    [
        ("1::smallint", 1, Type.NUMBER),
        ("9223372036854775807::bigint", 2**63 - 1, Type.NUMBER),
        ("1.10::numeric", Decimal("1.10"), Type.NUMBER),
        (
            "12345678901234567890.12345678901234567890::numeric",
            Decimal("12345678901234567890.12345678901234567890"),
            Type.NUMBER,
        ),
        ("0.1::float8", 0.1, Type.NUMBER),
        ("0.1::float4", 0.1, Type.NUMBER),
        ("'infinity'::float8", inf, Type.NUMBER),
        ("true", True, Type.BOOLEAN),
        ("'O''Brien 🙂'::text", "O'Brien 🙂", Type.TEXT),
        ("'ab'::varchar(5)", "ab", Type.TEXT),
        ("null::text", None, Type.TEXT),
        ("''::text", "", Type.TEXT),
        ("date '2026-11-21'", date(2026, 11, 21), Type.DATE),
        ("timestamp '2026-11-21 03:00:00.123456'", datetime(2026, 11, 21, 3, 0, 0, 123456), Type.DATETIME),  # noqa: DTZ001
        (
            "timestamptz '2026-11-21 03:00:00+05:30'",
            datetime(2026, 11, 20, 21, 30, tzinfo=UTC),
            Type.DATETIME,
        ),
        ("time '03:00'", time(3), Type.TIME),
        ("interval '1 month 2 days 03:00'", "1 mon 2 days 03:00:00", Type.OTHER),
        ("'\\x00ff'::bytea", b"\x00\xff", Type.BYTES),
        ("'{\"a\": [1, null, 0.1]}'::jsonb", {"a": [1, None, 0.1]}, Type.JSON),
        ("'{\"n\": 12345678901234567890123}'::jsonb", {"n": 12345678901234567890123}, Type.JSON),
        (
            "'{\"n\": 0.12345678901234567890}'::jsonb",
            {"n": Decimal("0.12345678901234567890")},
            Type.JSON,
        ),
        ("'\"\\ud800\"'::json", "\ud800", Type.JSON),
        ("array[1, null, 3]", [1, None, 3], Type.LIST),
        ("array[array['a'], array['b,\"']]", [["a"], ['b,"']], Type.LIST),
        ("array['{\"a\": 1}'::jsonb]", [{"a": 1}], Type.LIST),
        (
            "array['5f0c32b0-6b1a-4b5b-9d55-0f6d1b8a7c11'::uuid]",
            ["5f0c32b0-6b1a-4b5b-9d55-0f6d1b8a7c11"],
            Type.LIST,
        ),
        ("'5F0C32B0-6b1a-4b5b-9d55-0f6d1b8a7c11'::uuid", "5f0c32b0-6b1a-4b5b-9d55-0f6d1b8a7c11", Type.TEXT),
        ("'10.0.0.1'::inet", "10.0.0.1", Type.TEXT),
        ("int4range(1, 5)", "[1,5)", Type.OTHER),
        ("row(1, 'a')", "(1,a)", Type.OTHER),
        ("'1.50'::money", "$1.50", Type.OTHER),
        ("b'101'", "101", Type.OTHER),
        ("point(1, 2)", "(1,2)", Type.OTHER),
        ("date 'infinity'", "infinity", Type.DATE),
        ("date '0044-03-15 BC'", "0044-03-15 BC", Type.DATE),
        ("timestamp '-infinity'", "-infinity", Type.DATETIME),
        ("timestamptz '20000-01-01 00:00+00'", "20000-01-01 00:00:00+00", Type.DATETIME),
        ("time '24:00'", "24:00:00", Type.TIME),
        ("array[date 'infinity']", "{infinity}", Type.LIST),
    ],
)
def test_a_value_arrives_exactly(
    warehouse_reader: MakeReader, expression: str, expected: object, kind: Type
) -> None:
    found, found_kind = value(warehouse_reader(), expression)
    assert found == expected
    assert type(found) is type(expected)
    assert found_kind is kind


def test_not_a_number_arrives_as_such(warehouse_reader: MakeReader) -> None:
    number, _ = value(warehouse_reader(), "'nan'::float8")
    exact, _ = value(warehouse_reader(), "'nan'::numeric")
    assert isinstance(number, float) and isnan(number)
    assert isinstance(exact, Decimal) and exact.is_nan()


def test_a_value_that_python_cannot_hold_spoils_no_other(warehouse_reader: MakeReader) -> None:
    sql = (
        "select i as id, case when i = 3 then date 'infinity' else date '2026-01-01' + i end as day, "
        "1.5::numeric as amount, now() - now() as gap from generate_series(1, 600) i"
    )
    with warehouse_reader().read(sql) as rows:
        found = [row for chunk in rows for row in chunk]
    assert found[2] == (3, "infinity", Decimal("1.5"), "00:00:00")
    assert found[3] == (4, date(2026, 1, 5), Decimal("1.5"), "00:00:00")
    assert len(found) == 600


def test_types_of_the_databases_own_arrive_as_text_and_lists(
    postgres_reader: MakeReader, database: Database
) -> None:
    database.execute("create type mood as enum ('happy', 'so; so'); create domain score as numeric(5, 2)")
    database.execute("create type place as (street text, number int)")
    sql = (
        "select 'so; so'::mood as a, array['happy', 'so; so']::mood[] as b, 1.5::score as c, "
        "('Main St', 5)::place as d, array[('Main St', 5)]::place[] as e, box '((1,1),(0,0))' as f, "
        "array[box '((1,1),(0,0))'] as g"
    )
    with postgres_reader().read(sql) as rows:
        assert list(rows) == [
            [
                (
                    "so; so",
                    ["happy", "so; so"],
                    Decimal("1.50"),
                    '("Main St",5)',
                    ['("Main St",5)'],
                    "(1,1),(0,0)",
                    ["(1,1),(0,0)"],
                )
            ]
        ]
    assert [column.type for column in rows.columns] == [
        Type.TEXT,
        Type.LIST,
        Type.NUMBER,
        Type.OTHER,
        Type.LIST,
        Type.OTHER,
        Type.LIST,
    ]


def test_a_database_in_another_encoding_is_read(postgres_reader: MakeReader, database: Database) -> None:
    name = f"{database.name}_latin"
    database.execute(f"create database {name} template template0 encoding 'LATIN1' locale 'C'")
    try:
        reader = postgres_reader(url=database.server.url(database=name))
        assert value(reader, "'José'::text")[0] == "José"
    finally:
        database.execute(f"drop database {name} with (force)")


def test_text_in_no_known_encoding_is_told(postgres_reader: MakeReader, database: Database) -> None:
    name = f"{database.name}_ascii"
    database.execute(f"create database {name} template template0 encoding 'SQL_ASCII' locale 'C'")
    try:
        reader = postgres_reader(url=database.server.url(database=name))
        with pytest.raises(SourceError, match="invalid byte sequence"):
            value(reader, "convert_from('\\x4a6f73e9', 'SQL_ASCII')")
    finally:
        database.execute(f"drop database {name} with (force)")


def test_a_column_that_would_overflow_a_number_is_told_without_its_value(
    warehouse_reader: MakeReader,
) -> None:
    with (
        pytest.raises(SourceError, match="out of range") as caught,
        warehouse_reader().read(
            "select (i * 1000000)::int4 * 5000 as x from generate_series(1, 3) i"
        ) as rows,
    ):
        list(rows)
    assert "1000000" not in str(caught.value)
