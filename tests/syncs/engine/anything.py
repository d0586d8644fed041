"""Any value that a row may hold, for hypothesis: what drivers give, and what they never should."""

# ruff: noqa: DTZ901 (sources give times without a zone)

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from ipaddress import ip_address
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

HUGE = 10**5000  # more digits than Python writes; hypothesis cannot print it, so it has tests of its own
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from([UTC, BERLIN, timezone(timedelta(hours=-11)), timezone(timedelta(hours=14))])


class Hostile:
    """Raises whatever is asked of it."""

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __repr__(self) -> str:
        return "Hostile()"

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")


class Stage(StrEnum):
    WON = "won"


class Level(IntEnum):
    ONE = 1


class Words(str):
    __slots__ = ()


TEXTS = st.one_of(
    st.text(max_size=12),
    st.text("ab \t\0\ud800\u00a0\u200b\U0001f600", max_size=6),
    st.sampled_from(
        [
            "true", "No", "ON", "1", "0", "42", " 4.20 ", "-1e3", "1,234", "nan", "inf", "infinity", "1e999",
            "007", "9007199254740992", "1e99999999999999999999", "2026-11-21", "2026-11-21T03:00:00+05:00",
            "20261121", "2026-02-30", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59.999999", "won", "Won",
            " lost", "Closed", '["a", "b"]', '[1, 2.50, null, ""]', '[["a"]]', "[", "{}", "a,b",
            "Bob@Acme.com", "https://www.acme.com/x",
        ]
    ),
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(),
    st.integers(-3, 3),
    st.floats(),
    st.integers(-100, 100).map(float),
    st.decimals(),
    st.decimals(-1000, 1000, places=2),
    st.sampled_from(
        [
            2**53 - 1, 2**53, -(2**53), 2**63, 2**64, 10**400, 1e22, -0.0, float("inf"), float("nan"), 5e-324,
            Decimal("sNaN"), Decimal("-Infinity"), Decimal("1E+3"), Decimal("1E+400"), Decimal("1E-400"),
            Decimal("9007199254740991.6"), Decimal("3.00000000000000000001"), Decimal("1E+999999"),
            Decimal("-0.00"),
        ]
    ),
)  # fmt: skip
EDGES = [datetime.min, datetime.max, datetime.min.replace(tzinfo=BERLIN), date.min, date.max, timedelta.min]
MOMENTS = st.one_of(
    st.datetimes(timezones=st.none() | ZONES),
    st.dates(),
    st.times(timezones=st.none() | st.just(UTC)),
    st.timedeltas(),
    st.sampled_from(EDGES),
)
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, False, b"", b"\x00\xff", bytearray(b"x"), memoryview(b"xy"), UUID(int=7), Stage.WON,
        ip_address("10.0.0.1"), Level.ONE, Words("won"), object, Hostile(), 1j, {1, 2}, range(3), [], (),
        {},
    ]
)  # fmt: skip
CELLS = TEXTS | NUMBERS | MOMENTS | ODD | st.binary(max_size=4)
VALUES = st.recursive(
    CELLS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(TEXTS | st.integers() | st.dates(), inner, max_size=3)
    ),
    max_leaves=6,
)
# Columns as sources give them (one type and None), and as they should not.
_KINDS_OF_COLUMN = (
    TEXTS,
    st.integers(),
    st.integers(-5, 5),
    st.floats(),
    st.decimals(),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=ZONES),
    VALUES,
)
COLUMNS = st.one_of(*(st.lists(st.none() | cells, max_size=6) for cells in _KINDS_OF_COLUMN))
