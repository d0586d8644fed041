"""Rows become records, a column at a time; what does not fit is a flaw of its row."""

from datetime import UTC
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.contract import Companion, Field, Kind
from syncs.engine.extract import bare, lines_of
from syncs.engine.mapping import Mapped, Mapper, MappingBroken, Rule, Shape
from tests.syncs.engine.anything import CELLS, COLUMNS

COMPANY = Companion("company.", "companies", "domain", "email", "Company")
EMAIL = Rule(Field("email", "Email", Kind.EMAIL), "mail")
NAME = Rule(Field("name", "Name", Kind.TEXT), "name")
SCORE = Rule(Field("score", "Score", Kind.NUMBER), "score")
CITY = Rule(Field("company.city", "City", Kind.TEXT), "city")
DOMAIN = Rule(Field("company.domain", "Domain", Kind.DOMAIN), "site")
COLUMN_NAMES = ("id", "mail", "name", "score", "city", "site")


def shape(*rules: Rule, primary_key: tuple[str, ...] = ("id",)) -> Shape:
    return Shape((EMAIL, *rules), primary_key, "email", COMPANY)


def mapped(shape: Shape, *rows: tuple[Any, ...], columns: tuple[str, ...] = COLUMN_NAMES) -> Mapped:
    """Rows as (id, mail, name, score, city, site); what is missing at the end is None."""
    full = [row + (None,) * (len(columns) - len(row)) for row in rows]
    return Mapper(shape, columns, UTC).map(full)


def record(shape: Shape, found: Mapped, at: int = 0) -> dict[str, Any]:
    return dict(zip(shape.row_layout.fields, found.records[at][2:], strict=True))


def codes(found: Mapped, at: int = 0) -> list[str]:
    return [flaw.code for flaw in found.flaws.get(at, ())]


# Properties


@given(COLUMNS, COLUMNS, st.lists(CELLS, min_size=6, max_size=6))
def test_any_row_gives_a_record_or_flaws(ids: list[Any], mails: list[Any], others: list[Any]) -> None:
    rules = (NAME, SCORE, CITY, DOMAIN)
    rows = [(id, mail, *others[:4]) for id, mail in zip(ids, mails, strict=False)]
    if not rows:
        return
    found = mapped(shape(*rules), *rows)

    assert len(found.records) == len(found.key_texts) == len(found.companions) == len(rows)
    for at in range(len(rows)):
        if at in found.flaws:
            assert all(flaw.message and flaw.code and flaw.field for flaw in found.flaws[at])
        else:
            assert found.key_texts[at]
            assert found.match_keys[at]
            (line,) = lines_of([found.records[at]])
            assert orjson.loads(bare(line))[:2] == [found.key_texts[at], found.match_keys[at]]
    assert 0 <= found.normalised_count <= len(rows)


@given(COLUMNS, st.randoms(use_true_random=False))
def test_neither_the_order_of_columns_nor_of_rules_matters(cells: list[Any], random: Random) -> None:
    rows = [(1, "a@b.com", cell, cell, cell, "b.com") for cell in cells]
    if not rows:
        return
    rules = [NAME, SCORE, CITY, DOMAIN]
    here = shape(*rules)
    places = list(range(len(COLUMN_NAMES)))
    random.shuffle(places)
    random.shuffle(rules)
    there = shape(*rules)

    found = mapped(here, *rows)
    other = mapped(
        there,
        *[tuple(row[at] for at in places) for row in rows],
        columns=tuple(COLUMN_NAMES[at] for at in places),
    )

    assert there.row_layout == here.row_layout
    assert there.companion_layout == here.companion_layout
    assert lines_of(other.records) == lines_of(found.records)
    assert lines_of(other.companions) == lines_of(found.companions)
    assert {at: set(flaws) for at, flaws in other.flaws.items()} == {
        at: set(flaws) for at, flaws in found.flaws.items()
    }


@given(st.lists(st.sampled_from(["a@b.com", "A@B.com ", None, "", "bad@", 7]), min_size=1, max_size=8))
def test_a_row_is_mapped_alike_alone_and_among_others(mails: list[Any]) -> None:
    rows = [(at, mail, "x", 1, "Pune", None) for at, mail in enumerate(mails)]
    together = mapped(shape(NAME, CITY), *rows)
    alone = [mapped(shape(NAME, CITY), row) for row in rows]

    assert [found.records[0] for found in alone] == together.records
    assert [found.companion_keys[0] for found in alone] == together.companion_keys
    assert [found.flaws.get(0) for found in alone] == [together.flaws.get(at) for at in range(len(rows))]
    assert sum(found.normalised_count for found in alone) == together.normalised_count
    assert sum(found.keyless_count for found in alone) == together.keyless_count


# Values


def test_a_fixed_value_fills_every_row() -> None:
    fixed = Rule(Field("name", "Name", Kind.TEXT), value="VP")
    found = mapped(shape(fixed), (1, "a@b.com"), (2, "c@d.com"))

    assert [record(shape(fixed), found, at)["name"] for at in (0, 1)] == ["VP", "VP"]


def test_the_first_of_several_columns_that_is_not_empty_fills_a_field() -> None:
    rule = Rule(NAME.field, first_of=("name", "city", "site"), steps=("trim",), empty="attention")
    rows = [(1, "a@b.com", " Zoë "), (2, "b@b.com", " ", None, 7), (3, "c@b.com", "", None, None, "x")]
    found = mapped(shape(rule), *rows, (4, "d@b.com", None, None, float("nan"), ""))

    assert [record(shape(rule), found, at)["name"] for at in range(4)] == ["Zoë", "7", "x", None]
    assert codes(found, 3) == ["empty"]


def test_a_template_fills_a_field_from_all_columns() -> None:
    rule = Rule(NAME.field, template="{{ name }} of {{ city | upcase }}", steps=("trim",))
    found = mapped(shape(rule), (1, "a@b.com", "Bob", None, "Pune"), (2, "b@b.com", "Al", None, b"x"))

    assert record(shape(rule), found)["name"] == "Bob of PUNE"
    assert codes(found, 1) == ["binary"]
    assert found.flaws[1][0].message.startswith("Name: the template fails: a value is binary data")


def test_what_a_step_cannot_read_is_a_flaw_of_its_row() -> None:
    rule = Rule(Field("phone", "Phone", Kind.PHONE), "name", steps=({"phone": "DE"},), empty="default")
    found = mapped(shape(rule), (1, "a@b.com", "0151 12345678"), (2, "b@b.com", "call me"))

    assert record(shape(rule), found)["phone"] == "+4915112345678"
    assert found.flaws[1][0].message.startswith('Phone: "call me" is not a phone number, read in DE.')


@given(COLUMNS)
def test_equal_mappings_give_equal_records_however_they_are_written(cells: list[Any]) -> None:
    """So nothing is sent again because a mapping is written in another way."""
    rows = [(at, "a@b.com", cell) for at, cell in enumerate(cells)]
    if not rows:
        return
    one = mapped(shape(Rule(NAME.field, "name", steps=("trim", "lower"))), *rows)
    other = mapped(shape(Rule(NAME.field, first_of=("name",), steps=("trim", "trim", "lower"))), *rows)

    assert lines_of(one.records) == lines_of(other.records)
    assert one.flaws == other.flaws


@given(COLUMNS, st.randoms(use_true_random=False))
def test_the_order_of_columns_does_not_matter_to_templates_and_steps(
    cells: list[Any], random: Random
) -> None:
    rules = shape(
        Rule(NAME.field, template="{{ name }}-{{ city }}"),
        Rule(SCORE.field, first_of=("score", "name"), steps=("number", {"round": 1})),
    )
    rows = [(1, "a@b.com", cell, cell, cell, None) for cell in cells]
    if not rows:
        return
    places = random.sample(range(len(COLUMN_NAMES)), len(COLUMN_NAMES))
    found = mapped(rules, *rows)
    other = mapped(
        rules,
        *[tuple(row[at] for at in places) for row in rows],
        columns=tuple(COLUMN_NAMES[at] for at in places),
    )

    assert lines_of(other.records) == lines_of(found.records)
    assert sorted(other.flaws) == sorted(found.flaws)
    assert all(other.flaws[at] == found.flaws[at] for at in found.flaws)


def test_a_fixed_value_that_does_not_fit_is_a_flaw_of_every_row() -> None:
    fixed = Rule(Field("score", "Score", Kind.NUMBER), value="many")
    found = mapped(shape(fixed), (1, "a@b.com"), (2, "c@d.com"))

    assert codes(found, 0) == codes(found, 1) == ["not_a_number"]


def test_steps_run_before_the_cast() -> None:
    rule = Rule(SCORE.field, "score", steps=("trim", {"map": {"high": 9}}))
    found = mapped(shape(rule), (1, "a@b.com", None, " high "))

    assert record(shape(rule), found)["score"] == 9


@pytest.mark.parametrize(
    ("empty", "value", "flaws"),
    [("leave", None, []), ("clear", None, []), ("default", "none", []), ("attention", None, ["empty"])],
)
@pytest.mark.parametrize("cell", [None, "", "  "])
def test_an_empty_value_is_what_the_field_says(
    cell: Any, empty: str, value: str | None, flaws: list[str]
) -> None:
    rule = Rule(NAME.field, "name", empty=empty, default="none")
    found = mapped(shape(rule), (1, "a@b.com", cell), (2, "c@d.com", "Zoë"))

    assert record(shape(rule), found)["name"] == value
    assert record(shape(rule), found, 1)["name"] == "Zoë"
    assert codes(found) == flaws
    assert codes(found, 1) == []


def test_a_value_that_does_not_fit_is_told_once_though_it_may_not_be_empty() -> None:
    rule = Rule(SCORE.field, "score", empty="attention")

    assert codes(mapped(shape(rule), (1, "a@b.com", None, "many"))) == ["not_a_number"]


def test_only_what_is_cleared_is_sent_as_none() -> None:
    layout = shape(Rule(NAME.field, "name", empty="clear"), SCORE).row_layout

    assert layout.cleared == ("name",)


# Keys


def test_a_row_without_a_primary_key_or_an_upsert_key_cannot_be_sent() -> None:
    found = mapped(shape(), (None, "a@b.com"), ("", "a@b.com"), (3, None), (4, " "), (5, "bad"), (None, None))

    assert [codes(found, at) for at in range(6)] == [
        ["no_primary_key"],
        ["no_primary_key"],
        ["no_upsert_key"],
        ["no_upsert_key"],
        ["not_an_email"],
        ["no_primary_key", "no_upsert_key"],
    ]
    assert found.match_keys[2:5] == [None] * 3


def test_a_key_is_one_text_whatever_the_drivers_type() -> None:
    found = mapped(shape(), (42, "a@b.com"), ("42", "a@b.com"), (42.0, "a@b.com"))

    assert found.key_texts == ["42"] * 3


def test_a_key_of_several_columns_is_told_apart_from_its_neighbours() -> None:
    several = shape(primary_key=("id", "name"))
    found = mapped(several, ("a", "a@b.com", "b,c"), ("a,b", "a@b.com", "c"), ("a", "a@b.com", None))

    assert found.key_texts == ['["a","b,c"]', '["a,b","c"]', None]
    assert codes(found, 2) == ["no_primary_key"]


def test_tidied_upsert_keys_are_counted() -> None:
    found = mapped(shape(), (1, "A@b.com"), (2, "a@b.com"), (3, None), (4, " a@b.com "), (5, "bad"))

    assert found.normalised_count == 2


# Companions


@pytest.mark.parametrize(
    ("mail", "site", "key"),
    [
        ("a@b.com", None, None),
        ("a@b.com", "https://www.Globex.com/x", "globex.com"),
        ("a@gmail.com", "globex.com", "globex.com"),
    ],
)
def test_a_mapped_domain_is_the_companions_key(mail: str, site: str | None, key: str | None) -> None:
    found = mapped(shape(CITY, DOMAIN), (1, mail, None, None, "Pune", site))

    assert found.companion_keys == [key]
    assert found.keyless_count == (key is None)


@pytest.mark.parametrize(
    ("mail", "key"),
    [
        ("a@b.com", "b.com"),
        ("a@www.b.com", "b.com"),
        ("a@Gmail.com", None),
        ("a@bücher.de", "xn--bcher-kva.de"),
    ],
)
def test_without_one_it_is_the_emails_domain_unless_that_is_free_mail(mail: str, key: str | None) -> None:
    found = mapped(shape(CITY), (1, mail, None, None, "Pune"))

    assert found.companion_keys == [key]
    assert found.keyless_count == (key is None)


def test_a_row_without_values_for_its_company_writes_none() -> None:
    found = mapped(shape(CITY), (1, "a@b.com", None, None, None), (2, "a@gmail.com", None, None, None))

    assert found.companion_keys == [None, None]
    assert found.keyless_count == 0


def test_a_companys_domain_alone_writes_it() -> None:
    found = mapped(shape(DOMAIN), (1, "a@b.com", None, None, None, "globex.com"))

    assert found.companion_keys == ["globex.com"]
    assert found.companions == [("globex.com", "globex.com", "globex.com")]


def test_a_value_to_clear_is_a_value_of_the_company() -> None:
    clearing = Rule(CITY.field, "city", empty="clear")
    found = mapped(shape(clearing), (1, "a@b.com"))

    assert found.companion_keys == ["b.com"]


def test_a_companys_wrong_value_is_a_flaw_of_its_row() -> None:
    found = mapped(shape(CITY, DOMAIN), (1, "a@b.com", None, None, "Pune", "no domain"))

    assert codes(found) == ["not_a_domain"]


def test_the_companions_fields_are_no_part_of_the_row() -> None:
    both = shape(NAME, CITY, DOMAIN)

    assert both.row_layout.fields == ("email", "name")
    assert both.companion_layout is not None
    assert both.companion_layout.wire_fields == ("city", "domain")
    assert shape(NAME).companion_layout is None


# Columns


@pytest.mark.parametrize(("gone", "says"), [("name", "“name”, which fills Name"), ("id", "its primary key")])
def test_a_column_that_is_gone_is_told_before_any_row(gone: str, says: str) -> None:
    columns = [name for name in COLUMN_NAMES if name != gone]
    with pytest.raises(MappingBroken, match=says):
        Mapper(shape(NAME), columns, UTC)


@pytest.mark.parametrize(
    "rule",
    [Rule(NAME.field, template="{{ mail }}{{ given }}"), Rule(NAME.field, first_of=("mail", "given"))],
)
def test_a_column_that_a_template_or_the_first_of_several_wants_is_told_when_it_is_gone(rule: Rule) -> None:
    with pytest.raises(MappingBroken, match="“given”, which fills Name"):
        Mapper(shape(rule), COLUMN_NAMES, UTC)


def test_a_template_that_cannot_be_used_is_told_before_any_row() -> None:
    with pytest.raises(MappingBroken, match=r"The template that fills Name cannot be used\. Line 1"):
        Mapper(shape(Rule(NAME.field, template="{{ mail ")), COLUMN_NAMES, UTC)


def test_people_see_the_columns_that_are_used_and_no_others() -> None:
    mapper = Mapper(shape(NAME), COLUMN_NAMES, UTC)

    assert mapper.source_values((1, "bad", b"xy", 3, "Pune", "z")) == {
        "id": 1,
        "mail": "bad",
        "name": "<2 bytes>",
    }
