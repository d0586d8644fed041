"""What would change, field by field: the rules alone."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from syncs.engine.diff import (
    BLANK,
    CHANGED,
    CLEARED,
    KNOWN,
    NEW,
    SAME,
    SET,
    UNKNOWN,
    Summary,
    Told,
    changes,
    read_before,
    write_befores,
)

VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text("ab1", max_size=2)
RECORDS = st.dictionaries(st.sampled_from("abcd"), VALUES | st.lists(st.text("ab", max_size=1), max_size=2))
GROUPS = st.sampled_from([NEW, KNOWN])


def spelled(record) -> dict[str, bytes]:
    """As JSON has it: there 1 is not true."""
    return {name: orjson.dumps(value) for name, value in record.items()}


@settings(max_examples=100)
@given(RECORDS, RECORDS)
def test_what_was_sent_with_the_changes_applied_is_what_will_have_been_sent(before, after):
    applied = before | {name: change.after for name, change in changes(before, after).items()}

    assert spelled(applied) == spelled(before | after)


@settings(max_examples=100)
@given(RECORDS, RECORDS)
def test_only_what_differs_is_a_change_and_its_kind_fits_its_values(before, after):
    for name, change in changes(before, after).items():
        assert name not in before or orjson.dumps(before[name]) != orjson.dumps(after[name])
        kinds = {
            (False, False): BLANK,
            (False, True): SET,
            (True, False): CLEARED,
            (True, True): CHANGED,
        }
        assert change.kind == kinds[change.before is not None, change.after is not None]
        assert change.was_sent == (name in before)


@settings(max_examples=100)
@given(GROUPS, st.none() | RECORDS, RECORDS)
def test_what_is_kept_beside_a_batch_tells_the_same_again(group, before, after):
    told = Told.of(group, before, after)

    (written,) = orjson.loads(orjson.dumps(write_befores([told])))
    again = read_before(written, orjson.loads(orjson.dumps(after)))

    assert again == told


@settings(max_examples=60)
@given(st.lists(st.tuples(GROUPS, st.none() | RECORDS, RECORDS), max_size=8), st.integers(0, 8))
def test_a_summary_counts_exactly_the_rows_that_fit_in_whatever_parts_it_is_made(rows, middle):
    told = [((1, at), Told.of(*row)) for at, row in enumerate(rows)]
    whole, first, second = Summary(), Summary(), Summary()
    whole.add(told)
    first.add(told[:middle])
    second.add(told[middle:])
    first.merge(second)

    assert first == whole
    assert Summary.read(orjson.loads(orjson.dumps(whole.write()))) == whole
    for group in ("", NEW, KNOWN):
        for name in ("", *whole.fields):
            for kind in ("", SET, CHANGED, CLEARED, BLANK, SAME, UNKNOWN):
                fit = [one for _, one in told if one.fits(group=group, name=name, kind=kind)]
                assert whole.count(group, name, kind) == len(fit)


def test_one_and_true_are_two_values():
    assert changes({"a": 1, "b": 1, "c": "1"}, {"a": True, "b": 1.0, "c": "1"}).keys() == {"a", "b"}


def test_examples_are_few_and_what_hurts_comes_first():
    summary = Summary()
    summary.add(((1, at), Told.of(NEW, {}, {"phone": "1"})) for at in range(9))
    summary.add(((2, at), Told.of(KNOWN, {"phone": "1"}, {"phone": None})) for at in range(2))

    assert summary.examples_of("phone") == [(2, 0), (2, 1), (1, 0)]
