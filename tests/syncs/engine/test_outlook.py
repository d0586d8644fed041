"""What another mapping would mean for rows that were sent."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from destinations.contract import Companion, Field, Kind
from syncs.engine.mapping import Mapper, Rule, Shape
from syncs.engine.outlook import Compared, compare, reshaped_companions, reshaped_rows

UTC = ZoneInfo("UTC")
COLUMNS = ("id", "mail", "name", "score", "site")
EMAIL = Rule(Field("email", "Email", Kind.EMAIL), "mail")
NAME = Rule(Field("name", "Name", Kind.TEXT), "name")
SCORE = Rule(Field("score", "Score", Kind.NUMBER), "score")
SITE = Rule(Field("company.site", "Site", Kind.TEXT), "site")
ROWS = [
    (1, "a@acme.com", "Ann", "1", "x"),
    (2, "b@acme.com", "bob", "many", "x"),
    (3, "c@acme.com", "Cy", "3", "y"),
]


def shape(*rules: Rule) -> Shape:
    companion = Companion("company.", "companies", "domain", "email", "Company")
    return Shape(rules, ("id",), "email", companion)


def compared(before: Shape, after: Shape) -> Compared:
    found = Compared()
    compare(Mapper(before, COLUMNS, UTC), Mapper(after, COLUMNS, UTC), ROWS, found)
    return found


def test_another_source_of_a_field_changes_the_rows_that_come_out_otherwise() -> None:
    lower = replace(NAME, steps=("lower",))
    assert not reshaped_rows(shape(EMAIL, NAME), shape(lower, EMAIL))
    assert compared(shape(EMAIL, NAME), shape(EMAIL, lower)) == Compared(rows=3, same=1, other=2)


def test_rows_that_can_be_sent_no_more_are_counted_apart() -> None:
    strict = replace(NAME, column="score", field=Field("name", "Name", Kind.NUMBER))
    assert compared(shape(EMAIL, NAME), shape(EMAIL, strict)) == Compared(rows=3, other=2, worse=1)
    assert compared(shape(EMAIL, strict), shape(EMAIL, NAME)) == Compared(rows=3, other=2, better=1)


def test_a_field_more_or_less_or_another_rule_for_empty_values_changes_all() -> None:
    found = reshaped_rows(shape(EMAIL, NAME), shape(EMAIL, SCORE))
    assert (found.added, found.removed) == (("score",), ("name",))
    assert reshaped_rows(shape(EMAIL, NAME), shape(EMAIL, replace(NAME, empty="clear"))).other_empty == (
        "name",
    )


def test_a_run_variable_changes_none() -> None:
    with_number = replace(shape(EMAIL), constants={"number": 7})
    assert not reshaped_rows(shape(EMAIL), with_number)
    assert compared(shape(EMAIL), with_number) == Compared(rows=3, same=3)


def test_what_is_written_beside_a_row_counts_with_it() -> None:
    other = replace(SITE, steps=("upper",))
    assert not reshaped_companions(shape(EMAIL, SITE), shape(EMAIL, other))
    assert compared(shape(EMAIL, SITE), shape(EMAIL, other)).other == 3
    assert reshaped_companions(shape(EMAIL), shape(EMAIL, SITE)).added == ("company.site",)
    assert not reshaped_rows(shape(EMAIL), shape(EMAIL, SITE))
    assert not reshaped_companions(shape(EMAIL, SITE), shape(EMAIL))
