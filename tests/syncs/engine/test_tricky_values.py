"""Every tricky value into every kind of field under every rule for empty values: a value, or a reason."""

# ruff: noqa: DTZ001, DTZ901 (sources give times without a zone)

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import permutations
from math import isfinite
from typing import Any
from uuid import UUID

import orjson
import pytest

from destinations.contract import Companion, Field, Kind, Option
from syncs.engine import keys
from syncs.engine.batches import Payload, Planned, write
from syncs.engine.extract import bare, lines_of
from syncs.engine.mapping import ATTENTION, CLEAR, DEFAULT, LEAVE, Mapped, Mapper, Rule, Shape
from syncs.engine.plain import is_broken
from syncs.engine.values import cast_column
from tests.syncs.engine.anything import BERLIN, HUGE, Hostile, Level, Stage, Words

EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-11, minutes=-30))
DEEP: Any = "bottom"
for _ in range(200):
    DEEP = [DEEP]
ROUND: list[Any] = []
ROUND.append(ROUND)

TRICKY: dict[str, Any] = {
    "nothing": None,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "minus zero": -0.0,
    "the least float": 5e-324,
    "the largest float": 1.7976931348623157e308,
    "0.1 + 0.2": 0.1 + 0.2,
    "2^53": 2**53,
    "2^63": 2**63,
    "-2^63 - 1": -(2**63) - 1,
    "2^64": 2**64,
    "5,001 digits": HUGE,
    "decimal NaN": Decimal("NaN"),
    "signalling NaN": Decimal("sNaN"),
    "decimal infinity": Decimal("-Infinity"),
    "decimal 1E+999999": Decimal("1E+999999"),
    "decimal 1E-999999": Decimal("1E-999999"),
    "decimal of 40 digits": Decimal("1234567890.123456789012345678901234567890"),
    "money": Decimal("19.90"),
    "true": True,
    "an enumeration": Level.ONE,
    "a text enumeration": Stage.WON,
    "a kind of text": Words("won"),
    "year 1": date.min,
    "year 9999": date.max,
    "the first moment": datetime.min,
    "the last moment": datetime.max,
    "the first moment in the east": datetime.min.replace(tzinfo=EAST),
    "the last moment in the west": datetime.max.replace(tzinfo=WEST),
    "a naive time in no hour": datetime(2026, 3, 29, 2, 30),
    "a naive time in two hours": datetime(2026, 10, 25, 2, 30, fold=1),
    "an aware time": datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN),
    "a time of day": time(23, 59, 59, 999999),
    "a time of day with a zone": time(1, tzinfo=EAST),
    "a duration": timedelta(days=-1, microseconds=1),
    "the longest duration": timedelta.max,
    "no bytes": b"",
    "bytes": b"\x00\xff",
    "a bytearray": bytearray(b"abc"),
    "a memoryview": memoryview(b"abc"),
    "a strided memoryview": memoryview(b"abcdef")[::2],
    "a uuid": UUID(int=7),
    "an empty text": "",
    "blanks": " \t\n\u00a0\u2003",
    "a NUL": "a\0b",
    "half a character": "\ud83d",
    "the other half": "x\ude00",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈",
    "from right to left": "\u202eשלום \u0645\u0631\u062d\u0628\u0627\u202c",
    "combining marks": "Z" + "\u0301" * 300,
    "no-break and zero width": "\ufeffa\u200bb\u2028c",
    "a very long text": "x" * 200_000,
    "a very long word for a number": "9" * 10_000,
    "an exponent without end": "1e99999999999999999999",
    "a date that is none": "2026-02-30",
    "a leap second": "2026-06-30T23:59:60Z",
    "an e-mail": " Bob@Acme.COM ",
    "an international e-mail": "bob@bücher.example",
    "a web address": "https://user:pw@www.acme.com:8080/x?y#z",
    "a phone number": "+49 (0)89 / 123-45",
    "markup": "<script>alert(1)</script>",
    "a formula": "=cmd|' /C calc'!A0",
    "JSON": '{"a": [1, 2.50, null, {"b": "\\ud800"}]}',
    "a JSON list": '["a", 1.50, null, ""]',
    "JSON without end": "[" * 5_000,
    "an option": "won",
    "a list": ["a", None, 1, ""],
    "a list of lists": [["a"], ["b"]],
    "a list with half a character": ["\ud800"],
    "a structure": {"a": [1, {"b": float("nan")}], None: Decimal("1.10"), 2: b"x"},
    "200 levels": DEEP,
    "a list in itself": ROUND,
    "a set": {1, 2},
    "an object of its own": Hostile(),
    "a type": object,
    "a complex number": 1j,
}  # fmt: skip
OPTIONS = (
    Option("won", "Closed won"),
    Option("lost", "Lost", aliases=("L",)),
    Option("old", "Old", closed="is old"),
)
FIELDS = [*(Field(kind.value, kind.value.capitalize(), kind) for kind in Kind)]
FIELDS.append(Field("stage", "Stage", Kind.PICKLIST, options=OPTIONS))
RULES = (LEAVE, CLEAR, DEFAULT, ATTENTION)
DEFAULTS: dict[Kind, Any] = dict.fromkeys(Kind, "won") | {
    Kind.NUMBER: 7,
    Kind.BOOLEAN: False,
    Kind.DATE: "2026-11-21",
    Kind.DATETIME: "2026-11-21T00:00:00Z",
    Kind.EMAIL: "nobody@acme.com",
    Kind.DOMAIN: "acme.com",
    Kind.TEXT_LIST: ["a"],
}
COLUMNS = ("id", "mail", "cell", "other")
EMAIL = Rule(Field("mail", "E-mail", Kind.EMAIL), "mail")
SOURCES: dict[str, dict[str, Any]] = {
    "a column": {"column": "cell"},
    "the first of two": {"first_of": ("cell", "other")},
    "a template": {"template": "{{ cell }}{{ cell | default: '' | upcase | slice: 0, 9 }}"},
    "steps": {"column": "cell", "steps": ("trim", "lower", {"replace": ["a", "b"]}, {"map": {"x": "y"}})},
}
SCALARS = {
    Kind.TEXT: str, Kind.NUMBER: (int, float), Kind.BOOLEAN: bool, Kind.DATE: str, Kind.DATETIME: str,
    Kind.EMAIL: str, Kind.DOMAIN: str, Kind.PHONE: str, Kind.PICKLIST: str, Kind.TEXT_LIST: list,
}  # fmt: skip


def rules_of(field: Field, empty: str) -> Iterator[Rule]:
    default = DEFAULTS[field.kind] if empty == DEFAULT else None
    for source in SOURCES.values():
        yield Rule(field, empty=empty, default=default, **source)


def mapper_of(rule: Rule, columns: tuple[str, ...] = COLUMNS) -> Mapper:
    companion = Companion("company.", "companies", "domain", "mail", "Company")
    return Mapper(Shape((EMAIL, rule), ("id",), "mail", companion), columns, BERLIN)


def rows() -> list[tuple[Any, ...]]:
    return [(at, f"p{at}@acme.com", cell, None) for at, cell in enumerate(TRICKY.values())]


def value_of(mapped: Mapped, at: int, rule: Rule) -> Any:
    fields = sorted(("mail", rule.field.key))
    return mapped.records[at][2 + fields.index(rule.field.key)]


def check(value: Any, rule: Rule, name: str) -> None:
    """What a row may be sent with."""
    kind = rule.field.kind
    if value is None:
        assert rule.empty in (LEAVE, CLEAR), name
        return
    assert isinstance(value, SCALARS[kind]), name
    if kind is Kind.NUMBER:
        assert not isinstance(value, bool) and isfinite(value), name
        assert isinstance(value, float) or abs(value) <= 2**53 - 1, name
    for text in value if isinstance(value, list) else [value]:
        assert not (isinstance(text, str) and (is_broken(text) or not text)), name
    if kind is Kind.DATE:
        date.fromisoformat(value)
    if kind is Kind.DATETIME:
        assert datetime.fromisoformat(value).utcoffset() == timedelta(0), name
    if rule.field.options:
        assert value in {"won", "lost"}, name


@pytest.mark.parametrize("empty", RULES)
@pytest.mark.parametrize("field", FIELDS, ids=lambda field: str(field.key))
def test_every_tricky_value_gives_a_value_or_a_reason(field: Field, empty: str) -> None:
    for rule in rules_of(field, empty):
        mapped = mapper_of(rule).map(rows())
        for at, name in enumerate(TRICKY):
            flaws = mapped.flaws.get(at, [])
            for flaw in flaws:
                assert flaw.field == field.key and flaw.code, name
                assert flaw.message.startswith(field.label) and flaw.message.endswith("."), (name, flaw)
                assert len(flaw.message) < 600 and not is_broken(flaw.message), (name, flaw)
            if not flaws:
                check(value_of(mapped, at, rule), rule, name)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: str(field.key))
def test_casting_what_was_cast_changes_nothing(field: Field) -> None:
    once, problems = cast_column(list(TRICKY.values()), field, zone=BERLIN)
    twice, more = cast_column(list(once), field, zone=BERLIN)

    assert more == {}
    assert [(one, type(one)) for one in twice] == [(one, type(one)) for one in once]
    for value in once:  # alone as well, where the quick ways for whole columns are taken
        if value is not None:
            assert cast_column([value], field, zone=BERLIN) == ([value], {})
    assert all(once[at] is None for at in problems)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: str(field.key))
def test_a_tricky_value_comes_out_alike_alone_and_among_others(field: Field) -> None:
    among, problems = cast_column(list(TRICKY.values()), field, zone=BERLIN)
    for at, value in enumerate(TRICKY.values()):
        alone, told = cast_column([value], field, zone=BERLIN)
        assert (alone[0], type(alone[0]), told.get(0)) == (among[at], type(among[at]), problems.get(at))


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: str(field.key))
def test_what_is_sent_and_what_is_shown_can_always_be_written(field: Field) -> None:
    rule = Rule(field, "cell")
    mapper = mapper_of(rule)
    mapped = mapper.map(rows())
    fit = [at for at in range(len(TRICKY)) if at not in mapped.flaws]
    lines = lines_of([mapped.records[at] for at in fit])
    prints = keys.fingerprints(lines, keys.layout_seed([]))
    batch = [Planned(b"k" * 16, bare(line), one) for line, one in zip(lines, prints, strict=True)]
    payload = Payload(write(batch, mapper.shape.row_layout))

    assert len(payload) == len(fit) == len(lines)
    for place, at in enumerate(fit):
        value = value_of(mapped, at, rule)
        assert payload.row(place).record.get(field.key) == value
    for row in rows():
        shown = orjson.loads(orjson.dumps(mapper.source_values(row)))
        assert set(shown) == {"id", "mail", "cell"}


def test_every_tricky_value_is_a_primary_key_or_none() -> None:
    shape = Shape((EMAIL,), ("cell",), "mail")
    mapped = Mapper(shape, COLUMNS, UTC).map(rows())
    for at, name in enumerate(TRICKY):
        key = mapped.key_texts[at]
        assert (key is None) == any(flaw.code == "no_primary_key" for flaw in mapped.flaws.get(at, [])), name
        assert key is None or (key and not is_broken(key) and len(keys.row_key(key)) == 16), name


@pytest.mark.parametrize("source", SOURCES)
def test_the_order_of_columns_never_matters(source: str) -> None:
    rule = Rule(FIELDS[0], **SOURCES[source])
    there = mapper_of(rule).map(rows())
    for order in list(permutations(range(len(COLUMNS))))[1::5]:
        turned = [tuple(row[at] for at in order) for row in rows()]
        here = mapper_of(rule, tuple(COLUMNS[at] for at in order)).map(turned)
        assert lines_of(here.records) == lines_of(there.records)
        assert here.flaws == there.flaws
