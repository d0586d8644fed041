"""Operations are packed within the limits and come back as they went in."""

from dataclasses import replace
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from destinations.contract import ACCEPTED, Call, Mode, Outcome, Packing, Verdict
from syncs.engine.batches import (
    ENVELOPE_BYTES,
    Payload,
    Planned,
    outcomes_without,
    pack,
    read_outcomes,
    without,
    write,
    write_outcomes,
)
from syncs.engine.mapping import Layout

LAYOUT = Layout(("email", "score", "title"), ("leave", "leave", "clear"))
JSON_VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
OUTCOMES = st.builds(
    Outcome, st.sampled_from(list(Verdict)), st.text(max_size=5), st.text(max_size=5), st.text(max_size=5)
)


def planned(key: str, *values: Any, match_key: str = "a@b.com", **more: Any) -> Planned:
    return Planned(key.encode(), orjson.dumps([key, match_key, *values]), 7, **more)


def of_length(length: int) -> Planned:
    return Planned(b"", b"x" * length, 0)


@given(st.lists(st.integers(0, 3_000)), st.integers(1, 20), st.integers(500, 5_000))
def test_batches_keep_order_and_both_limits(lengths: list[int], operations: int, size: int) -> None:
    given_ones = [of_length(length) for length in lengths]

    packed = list(pack(given_ones, [Packing(operations, operations)], size))

    assert [one for batch in packed for one in batch] == given_ones
    for batch in packed:
        assert 1 <= len(batch) <= operations
        assert len(batch) == 1 or sum(len(one.line) + ENVELOPE_BYTES for one in batch) <= size


@given(st.lists(st.integers(0, 50)), st.integers(1, 20))
def test_no_batch_is_smaller_than_it_must_be(lengths: list[int], operations: int) -> None:
    packed = list(pack(map(of_length, lengths), [Packing(operations, operations)], 1_000_000))

    assert len(packed) == -(-len(lengths) // operations)


@given(st.integers(0, 400), st.integers(2, 100))
def test_what_is_too_few_for_a_job_goes_in_small_batches(count: int, least: int) -> None:
    job, single = Packing(100, 100, least=least), Packing(1, 25)

    packed = list(pack(map(of_length, [0] * count), [job, single], 1_000_000))

    sizes = [len(batch) for batch in packed]
    rest = count % 100
    assert sizes[: count // 100] == [100] * (count // 100)
    assert sum(sizes) == count
    if rest >= least:
        assert sizes[-1] == rest
    elif rest:
        assert max(sizes[count // 100 :]) <= 25
        assert len(sizes[count // 100 :]) == -(-rest // 25)


def test_what_a_look_up_found_counts_more_than_what_was_planned() -> None:
    batch = [planned("1", "a@b.com", 1, "VP", remote_id="7"), planned("2", "c@d.com", 2, "CEO")]
    payload = Payload(write(batch, LAYOUT))

    assert payload.without_remote_id() == [1]
    operations = payload.operations(12, Mode.UPDATE, [0, 1], {1: "8"})
    assert [one.remote_id for one in operations] == ["7", "8"]
    assert Payload(payload.part([1])).row(0) == payload.row(1)


def test_what_is_left_alone_is_absent_and_what_is_cleared_is_none() -> None:
    row = Payload(write([planned("1", "a@b.com", None, None)], LAYOUT)).row(0)

    assert row.record == {"email": "a@b.com", "title": None}


def test_what_the_run_fills_is_sent_and_is_not_part_of_what_is_remembered() -> None:
    layout = replace(LAYOUT, constants={"run": 3})
    batch = [planned("1", "a@b.com", 1, "VP"), planned("2", "c@d.com", 2, "CEO")]
    payload = Payload(write(batch, layout))

    for packed in (payload, Payload(payload.part([0, 1]))):
        assert packed.row(0).record == {"email": "a@b.com", "score": 1, "title": "VP", "run": 3}
        assert packed.records([0, 1])[1] == {"email": "c@d.com", "score": 2, "title": "CEO"}
        assert [one.values["run"] for one in packed.operations(12, Mode.UPSERT, [0, 1])] == [3, 3]
        looked_up = packed.operations(12, Mode.INSERT, [0, 1], to_find=True)
        assert not any("run" in one.values for one in looked_up)
    forgotten = Payload(without(write(batch, layout), {0}))
    assert (forgotten.row(0).record, forgotten.row(1).record["run"]) == ({}, 3)
    assert layout.constant_bytes == len('{"run":3}')


def test_a_companions_prefix_stays_here() -> None:
    layout = Layout(("company.city", "company.domain"), ("leave", "leave"), "company.")
    batch = [planned("acme.com", "Pune", "acme.com", match_key="acme.com", owner="17", counts=False)]
    row = Payload(write(batch, layout)).row(0)

    assert row.record == {"city": "Pune", "domain": "acme.com"}
    assert (row.owner, row.counts) == ("17", False)


@given(
    st.lists(
        st.tuples(
            st.text(min_size=1), st.lists(JSON_VALUES, min_size=3, max_size=3), st.booleans(), st.text()
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_payload_is_read_as_it_was_written(rows: list[tuple[str, list[Any], bool, str]]) -> None:
    batch = [
        planned(key, *values, counts=counts, remote_id=other, former_match=other, owner=other)
        for key, values, counts, other in rows
    ]
    payload = Payload(write(batch, LAYOUT))

    assert len(payload) == len(rows)
    for at, (key, values, counts, other) in enumerate(rows):
        row = payload.row(at)
        assert (row.key_text, row.match_key, row.fingerprint, row.counts) == (key, "a@b.com", 7, counts)
        assert row.remote_id == row.former_match == row.owner == other
        assert row.record == {
            field: value
            for field, value in zip(LAYOUT.fields, values, strict=True)
            if value is not None or field == "title"
        }
    assert payload.counted(range(len(rows))) == [at for at, row in enumerate(rows) if row[2]]
    chosen = range(0, len(rows), 2)
    operations = payload.operations(12, Mode.UPSERT, chosen)
    assert [one.id for one in operations] == [f"12-{at}" for at in chosen]
    assert [one.values for one in operations] == [payload.row(at).record for at in chosen]
    assert {(one.mode, one.match_key) for one in operations} == {(Mode.UPSERT, "a@b.com")}
    assert payload.operations(12, Mode.UPSERT, []) == ()
    assert list(map(orjson.loads, payload.record_texts(chosen))) == payload.records(chosen)


@given(
    st.lists(st.tuples(st.text(min_size=1), st.booleans(), JSON_VALUES), min_size=1, max_size=8),
    st.booleans(),
    st.sampled_from(["email", "score"]),
)
def test_a_body_put_together_from_pieces_says_what_the_operations_say(
    rows: list[tuple[str, bool, Any]], has_constants: bool, upsert_key: str
) -> None:
    """Whether or not the key is as it is matched, and whichever key is asked for."""
    layout = replace(LAYOUT, constants={"run": 3} if has_constants else {})
    batch = [planned(key, key if same else "?", value, None, match_key=key) for key, same, value in rows]
    operations = Payload(write(batch, layout)).operations(12, Mode.UPSERT, range(len(rows)))
    call = Call("12-1", operations)

    pieces = orjson.loads(orjson.dumps(list(call.pieces(upsert_key))))

    assert len(pieces) == len(rows)
    for (name, match_key, fields), one in zip(pieces, operations, strict=True):
        assert (name, match_key) == (one.id, one.match_key)
        assert fields == {key: value for key, value in one.values.items() if key != upsert_key}
    assert pieces == [list(piece) for piece in Call("12-1", tuple(operations)).pieces(upsert_key)]
    assert list(call.ids) == [one.id for one in operations]


def test_what_is_passed_on_is_the_text_that_the_plan_wrote() -> None:
    layout = Layout(("email", "score"), ("leave", "leave"))
    payload = Payload(write([planned("1", "a@b.com", 1), planned("2", "a@b.com", None)], layout))

    (_, _, score), (_, _, nothing) = Call("c", payload.operations(12, Mode.UPSERT, [0, 1])).pieces("email")
    assert isinstance(score, orjson.Fragment)
    assert (orjson.dumps(score), nothing) == (b'{"score":1}', None)


@given(st.dictionaries(st.integers(0, 500), OUTCOMES), st.sets(st.integers(0, 500)), st.booleans())
def test_outcomes_are_read_as_they_were_written(
    outcomes: dict[int, Outcome], given_up: set[int], lost: bool
) -> None:
    found = read_outcomes(write_outcomes(outcomes, given_up=given_up, lost=lost))

    by = {verdict: {at for at, o in outcomes.items() if o.verdict is verdict} for verdict in Verdict}
    assert set(found.accepted) == by[Verdict.ACCEPTED]
    assert set(map(int, found.rejected)) == by[Verdict.REJECTED]
    assert set(found.in_doubt) == by[Verdict.UNPROVED]
    assert all(tuple(found.rejected[str(at)]) == outcomes[at][1:3] for at in by[Verdict.REJECTED])
    assert all(found.remote_ids.get(str(at), "") == outcomes[at].remote_id for at in by[Verdict.ACCEPTED])
    assert (set(found.given_up), found.lost) == (given_up, lost)


def test_a_person_can_be_taken_out_of_a_batch() -> None:
    batch = [planned("1", "a@b.com", 1, "VP"), planned("2", "c@d.com", 2, "CEO", counts=False)]
    payload = Payload(without(write(batch, LAYOUT), {1}))
    assert payload.row(0).record["email"] == "a@b.com"
    assert payload.row(1) == ("", "", {}, 0, False, "", "", "", False)

    outcomes = {0: ACCEPTED, 1: Outcome(Verdict.REJECTED, "c@d.com is bad", "email")}
    packed = outcomes_without(write_outcomes(outcomes, given_up=(), lost=False), {1}, reason="Gone.")
    assert read_outcomes(packed).rejected == {"1": ["Gone.", ""]}
