"""Guards, as rows meet them: held back, gone on, or a flaw where a guard cannot tell; never an exception."""

from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destinations.contract import Field, Kind
from syncs.engine import guard_keys
from syncs.engine.guard_kinds import guard_faults, name_of, sentence, unknown_looks
from syncs.engine.guard_order import Aside, in_order
from syncs.engine.guards import Guards, Supplies
from syncs.engine.mail_domains import OwnLists
from syncs.engine.mapping import Mapper, MappingBroken, Rule, Shape
from syncs.engine.plan import Twin
from tests.syncs.engine.anything import COLUMNS, HUGE, VALUES, Hostile

BERLIN = ZoneInfo("Europe/Berlin")
SHAPE = Shape(
    (
        Rule(Field("email", "E-mail", Kind.EMAIL), column="email"),
        Rule(Field("title", "Title", Kind.TEXT), column="title"),
    ),
    ("id",),
    "email",
)
NAMES = ["id", "email", "title", "a", "b"]


def judge(
    guards: list[dict[str, Any]], *rows: dict[str, Any], own: OwnLists | None = None, keys: Any = None
) -> list[str]:
    """What becomes of each row: "" if it goes on, the guard's place that holds it back, or "unsure"."""
    assert guard_faults(guards) == []
    named = [{"id": at, "email": f"p{at}@acme.com"} | row for at, row in enumerate(rows)]
    columns = list(dict.fromkeys([*NAMES, *(name for row in named for name in row)]))
    chunk = [tuple(row.get(name) for name in columns) for row in named]
    mapped = Mapper(SHAPE, columns, UTC).map(chunk)
    supplies = Supplies(own or OwnLists(), keys or {})
    compiled = Guards(guards, columns, SHAPE, BERLIN, supplies)
    judged = compiled.judge(compiled.chunk(chunk, mapped), mapped)
    assert not judged.held.keys() & judged.flaws.keys()
    return [
        str(judged.held[at]) if at in judged.held else "unsure" if at in judged.flaws else ""
        for at in range(len(rows))
    ]


def only(**condition: Any) -> list[dict[str, Any]]:
    return [{"send_only": {"all": [condition]}}]


def meets(value: object, **way: Any) -> bool | None:
    """Whether a value meets a condition; None where that cannot be told."""
    found = judge([{"hold_back": {"any": [{"column": "a"} | way]}}], {"a": value})[0]
    return None if found == "unsure" else found == "0"


@pytest.mark.parametrize(
    ("value", "way", "expected"),
    [
        ("DE", {"is": "de"}, True),
        (" de ", {"is": "DE"}, True),
        ("DEU", {"is": "DE"}, False),
        (None, {"is": "DE"}, False),
        (None, {"is_not": "DE"}, True),
        (3.0, {"is": 3}, True),
        (Decimal("3.00"), {"is": "3"}, True),
        (3, {"is": 3.0}, True),
        (True, {"is": True}, True),
        (True, {"is": "true"}, True),
        (date(2026, 1, 31), {"is": "2026-01-31"}, True),
        ("Straße", {"is": "STRASSE"}, True),
        ("Acme GmbH", {"contains": "gmbh"}, True),
        ("Acme GmbH", {"does_not_contain": "gmbh"}, False),
        ("Acme", {"starts_with": "ac"}, True),
        ("Acme", {"ends_with": "ME"}, True),
        ("b", {"in": ["a", "B"]}, True),
        (2, {"not_in": [1, 2]}, False),
        ("", {"is_empty": True}, True),
        ("  ", {"is_empty": True}, True),
        (float("nan"), {"is_empty": True}, True),
        ("x", {"is_empty": False}, True),
        (6, {"greater_than": 5}, True),
        (5, {"greater_than": 5}, False),
        ("5.5", {"greater_than": "5"}, True),
        (None, {"greater_than": 5}, False),
        (None, {"less_than": 5}, False),
        (Decimal("4.9"), {"less_than": 5}, True),
        ("five", {"greater_than": 5}, None),
        (True, {"greater_than": 0}, None),
        (date(2026, 1, 30), {"before": "2026-01-31"}, True),
        ("2026-01-31T10:00:00", {"after": "2026-01-31"}, False),
        ("2026-02-01", {"after": "2026-01-31"}, True),
        (datetime(2026, 1, 31, 23, 30, tzinfo=UTC), {"after": "2026-01-31"}, True),  # in Berlin the next day
        (datetime(2026, 1, 31, 11, 30), {"before": "2026-01-31T11:00:00Z"}, True),  # noqa: DTZ001
        (datetime(2026, 1, 31, 12, 30), {"before": "2026-01-31T11:00:00Z"}, False),  # noqa: DTZ001
        (datetime.max.replace(tzinfo=UTC), {"after": "2026-01-31"}, None),
        ("soon", {"after": "2026-01-31"}, None),
        (5, {"after": "2026-01-31"}, None),
        (Hostile(), {"greater_than": 5}, None),
    ],
)
def test_a_value_meets_a_condition_or_not_or_nobody_can_tell(value, way, expected):
    assert meets(value, **way) is expected


def test_a_number_of_thousands_of_digits_is_compared_as_well():
    assert meets(HUGE, greater_than=5) is True


def test_only_rows_that_meet_all_conditions_are_sent():
    guard = {"send_only": {"all": [{"column": "a", "is": "DE"}, {"column": "b", "greater_than": 5}]}}
    rows = [{"a": "DE", "b": 6}, {"a": "DE", "b": 5}, {"a": "FR", "b": "?"}, {"a": "DE", "b": "?"}]
    assert judge([guard], *rows) == ["", "0", "0", "unsure"]


def test_any_of_several_conditions_holds_a_row_back_and_groups_stand_inside():
    either = {
        "any": [{"column": "a", "is": "x"}, {"all": [{"column": "a", "is": "y"}, {"column": "b", "is": 1}]}]
    }
    assert judge([{"hold_back": either}], {"a": "x"}, {"a": "y"}, {"a": "y", "b": 1}) == ["0", "", "0"]


def test_a_definite_hold_counts_more_than_a_doubt_whatever_the_order():
    doubt = {"hold_back": {"all": [{"column": "a", "greater_than": 5}]}}
    sure = {"hold_back": {"all": [{"column": "b", "is": "x"}]}}
    assert judge([doubt, sure], {"a": "?", "b": "x"}) == ["1"]
    assert judge([sure, doubt], {"a": "?", "b": "x"}) == ["0"]


def test_the_first_guard_in_order_is_named():
    one, two = only(column="a", **{"is": "x"})[0], {"personal_emails": {"field": "email"}}
    assert judge([one, two], {"a": "y", "email": "a@gmail.com"}) == ["0"]
    assert judge([two, one], {"a": "y", "email": "a@gmail.com"}) == ["0"]


def test_mail_services_are_known_by_their_domain():
    guards = [{"personal_emails": {"field": "email"}}, {"disposable_emails": {"column": "email"}}]
    emails = ["a@GMail.com", "a@acme.com", "a@mailinator.com", "a@x.mailinator.com", "a@corp.mail.ru", None]
    assert judge(guards, *({"email": email} for email in emails)) == ["0", "", "1", "1", "", ""]


def test_the_teams_lists_have_the_last_word_and_blocked_wins():
    guards = [{"personal_emails": {"field": "email"}}, {"blocked_domains": {"field": "email"}}]
    own = OwnLists(frozenset({"gmail.com", "rival.com"}), frozenset({"rival.com"}))
    rows = [{"email": "a@gmail.com"}, {"email": "a@sales.rival.com"}, {"email": "a@web.de"}]
    assert judge(guards, *rows, own=own) == ["", "1", "0"]


def test_an_address_that_is_none_is_held_back_and_an_empty_one_passes():
    guards = [{"email_syntax": {"column": "a"}}]
    rows = [{"a": "x@acme.com"}, {"a": "x@acme"}, {"a": ""}, {"a": 5}, {"a": "x" * 5000 + "@acme.com"}]
    assert judge(guards, *rows) == ["", "0", "", "0", "0"]


def test_suppressed_keys_are_found_in_whatever_form_they_are_written():
    keys = guard_keys.digests([" Ada@Acme.com ", "42", "Bob", "x@MÜLLER.de", ""])
    guard = {"suppressed": {"column": "a", "list": "x", "count": 4}}
    values = ["ada@acme.com", "ADA@ACME.COM ", 42, 42.0, "bob", "x@müller.de", "eve", None, ""]
    found = judge([guard], *({"a": value} for value in values), keys={0: keys})
    assert found == ["0", "0", "0", "0", "0", "0", "", "", ""]


def test_who_must_never_be_sent_is_known_by_key_or_by_address():
    guard = {"never_send": {"keys": ["2"], "emails": ["P0@Acme.com"]}}
    others = {"hold_back": {"all": [{"column": "a", "is": "x"}]}}
    assert judge([others, guard], {"a": "x"}, {}, {}) == ["1", "", "1"]


def test_guards_that_look_at_what_is_not_there_stop_the_run_and_name_it():
    shape_columns = ["id", "email", "title"]
    for guard, name in (
        ({"email_syntax": {"column": "gone"}}, "gone"),
        ({"personal_emails": {"field": "first_name"}}, "first_name"),
    ):
        assert unknown_looks([guard], shape_columns, ["email"])
        with pytest.raises(MappingBroken, match=name):
            Guards([guard], shape_columns, SHAPE, UTC, Supplies())


# Any row, any guard

_SCALARS = st.sampled_from(
    ["de", "Acme", "5", "2026-01-31", "2026-01-31T12:00:00+02:00", "true", 5, 2.5, True]
)
_LOOKS = st.sampled_from([{"column": "a"}, {"column": "b"}, {"field": "email"}, {"field": "title"}])
_WAYS = st.one_of(
    st.tuples(
        st.sampled_from(["is", "is_not", "contains", "does_not_contain", "starts_with", "ends_with"]),
        _SCALARS,
    ),
    st.tuples(st.sampled_from(["in", "not_in"]), st.lists(_SCALARS, min_size=1, max_size=3)),
    st.tuples(st.just("is_empty"), st.booleans()),
    st.tuples(st.sampled_from(["greater_than", "less_than"]), st.sampled_from([0, -2.5, "1e3"])),
    st.tuples(
        st.sampled_from(["before", "after"]),
        st.sampled_from(["0001-01-01", "2026-01-31", "9999-12-31", "2026-01-31T12:00:00+02:00"]),
    ),
)
_CONDITIONS = st.builds(lambda look, way: look | {way[0]: way[1]}, _LOOKS, _WAYS)


def _groups(items: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda kind, items: {kind: items},
        st.sampled_from(["all", "any"]),
        st.lists(items, min_size=1, max_size=3),
    )


_TREES = _groups(_CONDITIONS | _groups(_CONDITIONS))
GUARDS = st.lists(
    st.one_of(
        st.builds(lambda kind, tree: {kind: tree}, st.sampled_from(["send_only", "hold_back"]), _TREES),
        st.builds(
            lambda kind, look: {kind: look},
            st.sampled_from(["email_syntax", "personal_emails", "disposable_emails", "blocked_domains"]),
            _LOOKS,
        ),
        st.builds(lambda look: {"suppressed": look | {"list": "x", "count": 1}}, _LOOKS),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=100)
@given(guards=GUARDS, a=COLUMNS, b=st.lists(VALUES, min_size=1, max_size=6))
def test_any_row_is_held_back_or_not_or_has_a_flaw(guards, a, b):
    size = max(len(a), len(b))
    pairs = zip([*a, *[None] * (size - len(a))], [*b, *[None] * (size - len(b))], strict=True)
    rows = [{"a": one, "b": other, "email": other, "title": one} for one, other in pairs]
    keys = {at: guard_keys.digests(["5"]) for at in range(len(guards))}

    found = judge(guards, *rows, keys=keys)

    for row, verdict in zip(rows, found, strict=True):  # a row alone is judged as among others
        assert judge(guards, row | {"id": 0}, keys=keys) == [verdict]
    turned = [dict(reversed(row.items())) for row in rows]  # the order of columns does not matter
    assert judge(guards, *turned, keys=keys) == found


@settings(max_examples=50)
@given(guards=GUARDS)
def test_whatever_is_without_fault_can_be_told_in_a_sentence(guards):
    assert guard_faults(guards) == []
    for guard in guards:
        assert sentence(guard).endswith(".")
        assert 1 <= len(name_of(guard)) <= 100


WORDS = ["send_only", "never_send", "suppressed", "new_domains", "keep_first", "name", "all", "any", "column"]
WORDS += [
    "field",
    "is",
    "in",
    "before",
    "greater_than",
    "keys",
    "emails",
    "most",
    "list",
    "model",
    "is_empty",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "x", "all", "2026-01-31"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(WORDS),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(JSON)
def test_anything_at_all_is_checked_without_an_exception(tree):
    for given_as in (tree, [tree]):
        for path, message in guard_faults(given_as):
            assert all(isinstance(part, str) for part in path)
            assert message
        if guard_faults(given_as) == []:
            for guard in given_as:
                assert sentence(guard)


# Keys of suppression lists


def test_a_hundred_thousand_keys_are_small_and_come_back():
    keys = guard_keys.digests(f"person{at}@acme.com" for at in range(100_000))
    stored = guard_keys.packed(keys)
    assert len(stored) == 800_000
    assert guard_keys.unpacked(stored) == keys
    assert guard_keys.read(guard_keys.written(stored)) == stored
    assert guard_keys.digest("person7@acme.com") in keys
    assert guard_keys.digest("person7@acme.co") not in keys


def test_a_list_is_named_by_its_content_whatever_the_order_it_was_pasted_in():
    one, other = (guard_keys.packed(guard_keys.digests(keys)) for keys in (["a", "B "], ["b", "a", "A", ""]))
    assert one == other
    assert guard_keys.name_of(one) == guard_keys.name_of(other)
    assert guard_keys.name_of(one) != guard_keys.name_of(guard_keys.packed(guard_keys.digests(["a"])))


@pytest.mark.parametrize("text", ["zz", "0" * 15, "0" * 17, "ABCDEF0123456789"])
def test_what_is_no_digest_is_not_read_as_one(text):
    assert guard_keys.read(text) is None


# The first of several rows


def order(texts: list[str], *, descending: bool = False, by: list[int] | None = None) -> list[str]:
    """The texts in the order in which their rows are kept; `by` are the rows' keys."""
    twins = [Twin(at, bytes([key]), str(at), "x", ()) for at, key in enumerate(by or range(len(texts)))]
    return [texts[twin.position] for twin in in_order(twins, texts, descending=descending)]


@pytest.mark.parametrize(
    ("texts", "least_first"),
    [
        (["10", "9", "", "-1.5"], ["-1.5", "9", "10", ""]),
        (["2026-02-01", "2026-01-31T23:00:00+02:00", ""], ["2026-01-31T23:00:00+02:00", "2026-02-01", ""]),
        (["b", "10", "A", "9"], ["10", "9", "A", "b"]),
        (["", ""], ["", ""]),
    ],
)
def test_rows_are_put_in_order_as_numbers_times_or_texts_and_empty_ones_last(texts, least_first):
    filled = [text for text in least_first if text]
    assert order(texts) == least_first
    assert order(texts, descending=True) == [*reversed(filled), *[""] * (len(texts) - len(filled))]


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from(["", "1", "2", "x", "2026-01-01"]), min_size=1, max_size=6),
    st.booleans(),
    st.data(),
)
def test_which_row_is_kept_does_not_depend_on_the_order_in_which_they_come(texts, descending, data):
    rows = list(enumerate(texts))
    turned = data.draw(st.permutations(rows))

    def kept(rows: list[tuple[int, str]]) -> int:
        twins = [Twin(at, bytes([key]), "", "x", ()) for at, (key, _) in enumerate(rows)]
        return in_order(twins, [text for _, text in rows], descending=descending)[0].key[0]

    assert kept(rows) == kept(turned)


def test_values_are_laid_aside_by_position(tmp_path):
    with closing(Aside(tmp_path)) as aside:
        aside.add(["a", None, "ü", 5])
        aside.add([date(2026, 1, 31), "  "])
        assert [aside.at(position) for position in range(6)] == ["a", "", "ü", "5", "2026-01-31", ""]
    assert list(tmp_path.iterdir()) == []
