"""Values of a source become values of the destination's kinds."""

# ruff: noqa: DTZ001, DTZ901 (sources give times without a zone)

import time as clock
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.contract import Field, Kind, Option
from syncs.engine.plain import is_broken
from syncs.engine.values import cast_column
from tests.syncs.engine.anything import BERLIN, COLUMNS, HUGE, ZONES, Hostile, Stage, Words

OPTIONS = (
    Option("won", "Closed won"),
    Option("lost", "Closed lost"),
    Option("Open", "open"),
    Option("OPEN", ""),
)
FIELDS = {kind: Field(kind.value, kind.value.capitalize(), kind) for kind in Kind}
STAGE = Field("stage", "Stage", Kind.PICKLIST, options=OPTIONS)
OWNER = Field(
    "owner_id",
    "Owner",
    Kind.PICKLIST,
    options=(
        Option("17", "Ann Lee", aliases=("Ann Lee", "ann@acme.com")),
        Option("18", "Ann Lee", aliases=("Ann Lee", "lee@acme.com")),
        Option("19", "Bob", aliases=("Bob", "bob@acme.com"), closed="is inactive in Acme"),
    ),
)
ANY_FIELD = st.sampled_from([*FIELDS.values(), STAGE, OWNER])


def cast(value: object, kind: Kind | Field, zone: tzinfo = UTC) -> Any:
    """The value as the kind; a value that does not fit gives the problem's code and sentence."""
    field = FIELDS[kind] if isinstance(kind, Kind) else kind
    out, problems = cast_column([value], field, zone=zone)
    return tuple(problems[0]) if problems else out[0]


@pytest.mark.parametrize(
    ("kind", "value", "meant"),
    [
        (Kind.TEXT, " O'Brien ", " O'Brien "),
        (Kind.TEXT, Stage.WON, "won"),
        (Kind.TEXT, 3.0, "3"),
        (Kind.TEXT, 2**70, str(2**70)),
        (Kind.TEXT, date(1, 1, 1), "0001-01-01"),
        (Kind.TEXT, UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Kind.NUMBER, 2**53 - 1, 2**53 - 1),
        (Kind.NUMBER, 3.0, 3),
        (Kind.NUMBER, 1e20, 1e20),
        (Kind.NUMBER, Decimal("3.00"), 3),
        (Kind.NUMBER, Decimal("0.10"), 0.1),
        (Kind.NUMBER, Decimal("3.00000000000000000001"), 3),
        (Kind.NUMBER, Decimal("9007199254740991.6"), 9007199254740992.0),
        (Kind.NUMBER, Decimal("1E-999999"), 0),
        (Kind.NUMBER, " -1.5e3 ", -1500),
        (Kind.NUMBER, "007", 7),
        (Kind.BOOLEAN, " YES ", True),
        (Kind.BOOLEAN, "f", False),
        (Kind.BOOLEAN, 1, True),
        (Kind.BOOLEAN, 0.0, False),
        (Kind.BOOLEAN, Decimal("1.0"), True),
        (Kind.DATE, date(2026, 11, 21), "2026-11-21"),
        (Kind.DATE, "2026-11-21", "2026-11-21"),
        (Kind.DATE, datetime(2026, 11, 21, 23, 30), "2026-11-21"),
        (Kind.DATE, datetime(2026, 11, 21, 23, 30, tzinfo=UTC), "2026-11-22"),
        (Kind.DATE, "2026-11-21T23:30:00Z", "2026-11-22"),
        (Kind.DATETIME, datetime(2026, 11, 21, 4), "2026-11-21T03:00:00Z"),
        (Kind.DATETIME, datetime(2026, 7, 1, 4), "2026-07-01T02:00:00Z"),
        (Kind.DATETIME, datetime(2026, 11, 21, 3, 0, 0, 120000, tzinfo=UTC), "2026-11-21T03:00:00.120000Z"),
        (Kind.DATETIME, datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
        (Kind.DATETIME, date(2026, 11, 21), "2026-11-20T23:00:00Z"),
        (Kind.DATETIME, "2026-11-21 03:00:00+00", "2026-11-21T03:00:00Z"),
        (Kind.EMAIL, " Bob@Acme.COM ", "bob@acme.com"),
        (Kind.DOMAIN, "https://www.Acme.com/about", "acme.com"),
        (Kind.PHONE, " +49 (0)89 123 ", "+49 (0)89 123"),
        (Kind.PHONE, 4989123.0, "4989123"),
        (Kind.PICKLIST, "anything", "anything"),
        (STAGE, "won", "won"),
        (STAGE, Words("won"), "won"),
        (Kind.TEXT_LIST, ["a", None, " ", 1], ["a", "1"]),
        (Kind.TEXT_LIST, ("a",), ["a"]),
        (Kind.TEXT_LIST, '["a", 1.50, null]', ["a", "1.5"]),
        (Kind.TEXT_LIST, "a, b", ["a, b"]),
        (Kind.TEXT_LIST, "[draft] offer", ["[draft] offer"]),
        (Kind.TEXT_LIST, 7, ["7"]),
        (Kind.TEXT_LIST, "[]", None),
        (Kind.TEXT_LIST, [None, ""], None),
    ],
)
def test_a_value_becomes_what_the_field_holds(kind: Kind | Field, value: object, meant: object) -> None:
    found = cast(value, kind, BERLIN)
    assert (found, type(found)) == (meant, type(meant))


@pytest.mark.parametrize("field", [*FIELDS.values(), STAGE], ids=lambda field: str(field.key))
@pytest.mark.parametrize(
    "value", [None, "", " \t\u00a0", float("nan"), Decimal("NaN"), Decimal("sNaN"), [], ()]
)
def test_nothing_is_nothing_in_every_kind(value: object, field: Field) -> None:
    assert cast_column([value], field, zone=UTC) == ([None], {})


@pytest.mark.parametrize(
    ("kind", "value", "code", "says"),
    [
        (Kind.TEXT, b"abc", "binary", "Text: <3 bytes> is binary data"),
        (Kind.TEXT, "a\0b", "broken_text", 'Text: "a\\x00b" holds a NUL'),
        (Kind.TEXT, float("inf"), "not_finite", "Text: inf is infinite"),
        (Kind.TEXT, {1}, "unknown_type", "is of the type set"),
        (Kind.TEXT, Hostile(), "unknown_type", "is of the type Hostile"),
        (Kind.NUMBER, "1,234", "not_a_number", 'Number: "1,234" is not a number. Write it like 1234.5'),
        (Kind.NUMBER, "\u0661", "not_a_number", "is not a number"),
        (Kind.NUMBER, True, "not_a_number", "Number: true is not a number"),
        (Kind.NUMBER, UUID(int=7), "not_a_number", "is not a number"),
        (Kind.NUMBER, 2**53, "number_too_large", "exact up to 9007199254740991"),
        (Kind.NUMBER, "1e99999999999999999999", "number_too_large", "is too large"),
        (Kind.NUMBER, Decimal("1E+999999"), "number_too_large", "is too large"),
        (Kind.NUMBER, float("-inf"), "not_finite", "is infinite"),
        (Kind.NUMBER, Decimal("Infinity"), "not_finite", "is infinite"),
        (Kind.BOOLEAN, "maybe", "not_a_boolean", 'Boolean: "maybe" is not true or false.'),
        (Kind.BOOLEAN, 2, "not_a_boolean", "Boolean: 2 is not true or false."),
        (
            Kind.DATE,
            "21.11.2026",
            "not_a_date",
            'Date: "21.11.2026" is not a date. Write it like 2026-11-21.',
        ),
        (Kind.DATE, "2026-02-30", "not_a_date", "is not a date"),
        (Kind.DATE, "infinity", "not_a_date", "is not a date"),
        (Kind.DATE, 20261121, "not_a_date", "is not a date"),
        (Kind.DATE, datetime.max.replace(tzinfo=UTC), "out_of_range", "outside the years 1 to 9999"),
        (Kind.DATETIME, "-infinity", "not_a_time", "is not a date with a time."),
        (Kind.DATETIME, 1.5, "not_a_time", "is not a date with a time."),
        (Kind.DATETIME, datetime.min, "out_of_range", "outside the years 1 to 9999"),
        (
            Kind.EMAIL,
            "bob",
            "not_an_email",
            'Email: "bob" is not an e-mail address. An email address must have an @-sign.',
        ),
        (Kind.EMAIL, 5, "not_an_email", "Email: 5 is not an e-mail address."),
        (Kind.EMAIL, "bob\u200b@acme.com", "not_an_email", '"bob\\u200b@acme.com"'),
        (Kind.EMAIL, "bob@acme.com\0", "broken_text", "holds a NUL"),
        (
            Kind.DOMAIN,
            "bob@acme.com",
            "not_a_domain",
            "is an e-mail address, not a domain. Write it like acme.com.",
        ),
        (Kind.DOMAIN, "Acme Inc.", "not_a_domain", 'Domain: "Acme Inc." is not a domain.'),
        (STAGE, "Won", "not_in_list", 'Stage: "Won" is not one of the options. Did you mean "won"?'),
        (STAGE, " won", "not_in_list", 'Did you mean "won"? It must be written exactly so.'),
        (STAGE, "open", "not_in_list", 'Did you mean "Open" or "OPEN"?'),
        (STAGE, "closed WON", "not_in_list", 'is the label of an option. Send its value, "won"'),
        (STAGE, "closed losst", "not_in_list", 'Did you mean "lost"?'),
        (STAGE, 7, "not_in_list", 'Stage: 7 is not one of the 4 options, such as "won", "lost", "Open".'),
        (Kind.TEXT_LIST, {"a": 1}, "not_a_list", "is not a plain list of texts"),
        (Kind.TEXT_LIST, [["a"]], "not_a_list", "is not a plain list of texts"),
        (Kind.TEXT_LIST, '[{"a": 1}]', "not_a_list", "is not a plain list of texts"),
        (Kind.TEXT_LIST, ["a", b"b"], "binary", "is binary data"),
        (Kind.TEXT_LIST, '["\\ud800"]', "broken_text", "half a character"),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_a_sentence(
    kind: Kind | Field, value: object, code: str, says: str
) -> None:
    found = cast(value, kind, BERLIN)
    assert found[0] == code
    assert says in found[1]
    assert found[1].endswith(".")


def test_an_option_goes_by_its_other_words_too() -> None:
    assert cast("17", OWNER) == "17"
    assert cast(" ANN@acme.com", OWNER) == "17"
    column = ["ann@acme.com", None, "lee@acme.com", "17"]
    assert cast_column(column, OWNER, zone=UTC) == (["17", None, "18", "17"], {})
    code, says = cast("ann lee", OWNER)
    assert (code, says) == ("ambiguous_option", 'Owner: "ann lee" means 2 options: 17, 18. Send one of them.')


@pytest.mark.parametrize("value", ["19", "Bob", "bob@acme.com"])
def test_an_option_that_is_closed_is_told_with_its_reason(value: str) -> None:
    code, says = cast(value, OWNER)
    assert (code, says) == ("closed", f'Owner: "{value}" cannot be chosen: Bob is inactive in Acme.')


def test_a_long_value_is_quoted_to_80_characters() -> None:
    _, message = cast("x" * 500, Kind.NUMBER)
    assert f'"{"x" * 79}…"' in message


def test_one_bad_cell_leaves_the_others_alone() -> None:
    out, problems = cast_column(["A@x.test", "bad", None, "", "c@x.test"], FIELDS[Kind.EMAIL], zone=UTC)
    assert out == ["a@x.test", None, None, None, "c@x.test"]
    assert list(problems) == [1]


def test_a_number_of_thousands_of_digits_is_told_alone() -> None:
    out, problems = cast_column([1, HUGE], FIELDS[Kind.TEXT], zone=UTC)
    assert (out, problems[1].code) == (["1", None], "too_long")
    out, problems = cast_column([1, HUGE], FIELDS[Kind.NUMBER], zone=UTC)
    assert (out, problems[1].code) == ([1, None], "number_too_large")


def test_a_field_without_a_label_is_named_by_its_key() -> None:
    _, problems = cast_column(["x"], Field("Score__c", "", Kind.NUMBER), zone=UTC)
    assert problems[0].message.startswith("Score__c: ")


def test_a_column_of_wrong_options_does_not_cost_minutes() -> None:
    country = Field(
        "country", "Country", Kind.PICKLIST, options=tuple(Option(f"Land {n}", "") for n in range(250))
    )
    column = [f"Lend {n}" for n in range(5000)]

    started = clock.process_time()
    _, problems = cast_column(column, country, zone=UTC)

    assert clock.process_time() - started < 5
    assert len(problems) == 5000


@given(COLUMNS, ANY_FIELD, ZONES)
def test_whatever_a_column_holds_comes_out_as_json_or_as_a_problem(
    column: list[Any], field: Field, zone: tzinfo
) -> None:
    before = list(column)
    out, problems = cast_column(column, field, zone=zone)

    assert len(out) == len(column)
    assert all(a is b for a, b in zip(column, before, strict=True))
    orjson.dumps(out)
    for index, problem in problems.items():
        assert out[index] is None
        assert problem.message.startswith(f"{field.label}: ")
        assert not is_broken(problem.message)


@given(COLUMNS, ANY_FIELD, ZONES)
def test_casting_twice_is_casting_once(column: list[Any], field: Field, zone: tzinfo) -> None:
    out, _ = cast_column(column, field, zone=zone)
    again, problems = cast_column(out, field, zone=zone)
    assert (orjson.dumps(again), problems) == (orjson.dumps(out), {})


@given(COLUMNS, ANY_FIELD, ZONES)
def test_the_quick_way_for_a_column_agrees_with_the_look_at_each_cell(
    column: list[Any], field: Field, zone: tzinfo
) -> None:
    """A column of two types is looked at cell by cell."""
    out, problems = cast_column(column, field, zone=zone)
    closely, told = cast_column([*column, "a", UUID(int=7)], field, zone=zone)
    assert orjson.dumps(out) == orjson.dumps(closely[: len(column)])
    assert problems == {index: problem for index, problem in told.items() if index < len(column)}


def test_a_naive_time_is_in_the_zone_of_the_source_also_when_clocks_change() -> None:
    column = [datetime(2026, 3, 29, 1, 59), datetime(2026, 3, 29, 3, 0), datetime(2026, 10, 25, 2, 30)]
    out, _ = cast_column(column, FIELDS[Kind.DATETIME], zone=BERLIN)
    assert out == ["2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z", "2026-10-25T00:30:00Z"]


def test_a_moment_is_the_same_whatever_zone_it_is_written_in() -> None:
    moment = datetime(2026, 11, 21, 3, tzinfo=UTC)
    column = [
        moment,
        moment.astimezone(BERLIN),
        moment.astimezone(timezone(timedelta(hours=-11, minutes=-30))),
    ]
    out, _ = cast_column(column, FIELDS[Kind.DATETIME], zone=BERLIN)
    assert out == ["2026-11-21T03:00:00Z"] * 3
