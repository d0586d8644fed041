"""Source values as plain text and as JSON."""

# ruff: noqa: DTZ001, DTZ901 (sources give times without a zone)

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given

from syncs.engine.plain import Unfit, is_broken, plain_text
from syncs.engine.values import canonical, canonical_column, jsonable
from tests.syncs.engine.anything import BERLIN, COLUMNS, HUGE, VALUES, Hostile

NESTED: list[Any] = []
for _ in range(100):
    NESTED = [NESTED, 1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" kept as it is ", " kept as it is "),
        ("O'Brien \U0001f600", "O'Brien \U0001f600"),
        (True, "true"),
        (42, "42"),
        (3.0, "3"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e-5, "0.00001"),
        (1e16, "10000000000000000"),
        (1e21, "1e+21"),
        (5e-324, "5e-324"),
        (Decimal("42.00"), "42"),
        (Decimal("-0.00"), "0"),
        (Decimal("1E+3"), "1000"),
        (Decimal("12.3400"), "12.34"),
        (Decimal("1E+999999"), "1E+999999"),
        (Decimal("12345678901234567890123456789.10"), "12345678901234567890123456789.1"),
        (date(1, 1, 1), "0001-01-01"),
        (datetime(2026, 11, 21, 3, tzinfo=UTC), "2026-11-21T03:00:00Z"),
        (
            datetime(2026, 11, 21, 3, 0, 0, 5, tzinfo=timezone(timedelta(hours=5))),
            "2026-11-20T22:00:00.000005Z",
        ),
        (datetime(2026, 11, 21, 3), "2026-11-21T02:00:00Z"),
        (time(3, 0), "03:00:00"),
        (timedelta(days=1, hours=2, seconds=3.5), "P1DT2H3.5S"),
        (timedelta(minutes=-90), "-PT1H30M"),
        (timedelta(0), "PT0S"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (ip_address("10.0.0.1"), "10.0.0.1"),
        ({"a": [1, Decimal("2.50"), None, date(2026, 11, 21)]}, '{"a":[1,2.5,null,"2026-11-21"]}'),
        ({}, "{}"),
        (["a", float("nan")], '["a",null]'),
    ],
)
def test_a_value_has_one_plain_text(value: object, text: str) -> None:
    assert plain_text(value, BERLIN) == text


@pytest.mark.parametrize(
    "value", [None, "", " \t\n", float("nan"), Decimal("NaN"), Decimal("sNaN"), [], (), b""]
)
def test_nothing_has_no_plain_text(value: object) -> None:
    assert plain_text(value, UTC) is None


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("a\0b", "broken_text"),
        ("a\ud800", "broken_text"),
        (["a\0b"], "broken_text"),
        (b"abc", "binary"),
        ({"a": b"abc"}, "binary"),
        (float("inf"), "not_finite"),
        (Decimal("-Infinity"), "not_finite"),
        ([float("inf")], "not_finite"),
        pytest.param(HUGE, "too_long", id="huge"),
        (1j, "unknown_type"),
        (NESTED, "too_deep"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "out_of_range"),
        (datetime.min, "out_of_range"),
    ],
)
def test_what_has_no_plain_text_is_told(value: object, code: str) -> None:
    with pytest.raises(Unfit) as told:
        plain_text(value, BERLIN)
    assert told.value.code == code
    assert str(told.value).endswith(".")


@pytest.mark.parametrize("value", [42, "42", 42.0, Decimal("42"), Decimal("42.0"), Decimal("4.2E+1")])
def test_a_key_is_one_whatever_type_the_driver_gives(value: object) -> None:
    assert canonical(value) == "42"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" 42 ", " 42 "),
        (" ", " "),
        ("a\0b\ud800", "a\\x00b\\ud800"),
        (datetime(2026, 11, 21, 4, tzinfo=BERLIN), "2026-11-21T03:00:00Z"),
        (datetime(2026, 11, 21, 3), "2026-11-21T03:00:00Z"),
        (b"\x0a\x1b", "\\x0a1b"),
        (True, "true"),
        (2**70, str(2**70)),
        (["a", 1], '["a",1]'),
        (datetime.min.replace(tzinfo=BERLIN), "0001-01-01 00:00:00+00:53:28"),
        (Hostile(), "<Hostile>"),
    ],
)
def test_a_key_keeps_its_text_exactly(value: object, text: str) -> None:
    assert canonical(value) == text


@pytest.mark.parametrize("value", [None, "", float("nan"), Decimal("NaN"), [], b""])
def test_nothing_is_no_key(value: object) -> None:
    assert canonical(value) is None


@given(VALUES)
def test_every_value_has_a_key_that_databases_can_hold(value: object) -> None:
    text = canonical(value)
    assert text is None or (type(text) is str and text and not is_broken(text) and canonical(text) == text)


@given(COLUMNS)
def test_a_column_of_keys_is_its_values_one_by_one(column: list[Any]) -> None:
    assert canonical_column(column) == [canonical(value) for value in column]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"123456789012", "<12 bytes>"),
        (Decimal("12.50"), 12.5),
        (Decimal("12"), 12),
        (Decimal("0.1000000000000000000001"), "0.1000000000000000000001"),
        (2**63, 2**63),
        (2**64, str(2**64)),
        (float("nan"), "NaN"),
        (float("inf"), "inf"),
        (date(2026, 11, 21), "2026-11-21"),
        (datetime(2026, 11, 21, 3), "2026-11-21T03:00:00"),
        (datetime(2026, 11, 21, 4, tzinfo=BERLIN), "2026-11-21T03:00:00Z"),
        ({"a": (1, None, b"x"), 2: "b\0"}, {"a": [1, None, "<1 bytes>"], "2": "b\\x00"}),
        (1j, "1j"),
        (Hostile(), "<Hostile>"),
    ],
)
def test_a_rejected_row_shows_its_values(value: object, shown: object) -> None:
    assert jsonable(value) == shown


def test_what_is_nested_too_deeply_is_shown_as_far_as_it_goes() -> None:
    assert b"<nested too deeply>" in orjson.dumps(jsonable(NESTED))


def test_a_number_of_thousands_of_digits_harms_nothing() -> None:
    assert canonical_column([1, HUGE]) == ["1", "<int>"]
    assert jsonable([HUGE]) == ["<int>"]


@given(VALUES)
def test_every_value_can_be_shown(value: object) -> None:
    assert b"\\u0000" not in orjson.dumps(jsonable(value))
