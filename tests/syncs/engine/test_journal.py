"""Whatever happens to a batch's calls, every operation ends with one outcome or was surely never sent."""

from collections import Counter
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.contract import ACCEPTED, Found, Outcome, Verdict
from syncs.engine.journal import (
    AMBIGUOUS,
    EXISTS,
    MISSING,
    MOST_ATTEMPTS,
    MOST_SPLITS,
    SEVERAL,
    Journal,
    Out,
)

NOW = datetime(2026, 11, 21, tzinfo=UTC)
REJECTED = Outcome(Verdict.REJECTED, "No.", "email")
UNPROVED = Outcome(Verdict.UNPROVED, "Silence.")
FOUND = {
    Verdict.ACCEPTED: Found(1, "r1", is_as_sent=True),
    Verdict.REJECTED: Found(1, "r2"),
    Verdict.UNPROVED: Found(0),
}
VERDICTS = st.sampled_from([ACCEPTED, Outcome(Verdict.ACCEPTED, remote_id="r1"), REJECTED, UNPROVED])
EVENTS = st.one_of(
    st.tuples(st.just("answered"), st.lists(VERDICTS, min_size=1, max_size=5)),
    st.tuples(st.just("failed"), st.tuples(st.booleans(), st.booleans())),
    st.tuples(st.just("refused"), st.sampled_from(["One word.", "Another."])),
    st.tuples(st.just("pending"), st.none()),
    st.tuples(st.just("overdue"), st.none()),
    st.tuples(st.just("taken over"), st.none()),
)


def happen(journal: Journal, event: str, how: Any) -> None:
    """What the conductor does with an answer of this kind."""
    call = journal.call
    assert call is not None
    match event:
        case "answered":
            outcomes = [outcome for _, outcome in zip(journal.positions(call), cycle(how), strict=False)]
            if call.find:
                journal.found([FOUND[outcome.verdict] for outcome in outcomes], NOW)
            else:
                journal.answered(outcomes)
        case "failed":
            may_be_applied, counts = how
            journal.failed("Down.", may_be_applied=may_be_applied, counts=counts)
        case "refused" if call.state is None:
            journal.refused(how, "email")
        case "pending" if not call.find:
            journal.pending({"job": "1"}, NOW)
        case "overdue" if call.state is not None:
            journal.overdue("Late.")
        case "taken over" if call.state is None:
            journal.lost_answer()


def check(journal: Journal) -> None:
    """Each operation is in one call or has its outcome; halves stay paired; nothing grows."""
    places = Counter(journal.proved.keys())
    for call in journal.calls:
        places.update(journal.positions(call))
    assert places == Counter(range(journal.size))
    assert all(len(journal.positions(call)) for call in journal.calls)
    assert journal.splits <= MOST_SPLITS
    assert set(journal.given_up) <= set(journal.proved)
    assert journal.calls == [] or not journal.calls[0].suspect
    pairs = Counter(call.pair for call in journal.calls if call.suspect)
    assert all(count == 1 for count in pairs.values())


@given(st.integers(1, 40), st.booleans(), st.booleans(), st.lists(EVENTS, max_size=60))
def test_every_operation_has_one_outcome_or_a_call(
    size: int, converges: bool, finds: bool, events: list[tuple[str, Any]]
) -> None:
    journal = Journal(size, converges=converges, finds=finds)
    for event, how in events:
        if journal.call is None:
            break
        happen(journal, event, how)
        check(journal)
        assert Journal.read(size, journal.write()) == journal


@given(st.integers(1, 40), st.booleans(), st.booleans(), st.booleans(), st.lists(EVENTS, max_size=30))
def test_what_is_abandoned_is_in_doubt_or_was_never_sent(
    size: int, converges: bool, finds: bool, sending: bool, events: list[tuple[str, Any]]
) -> None:
    journal = Journal(size, converges=converges, finds=finds)
    for event, how in events:
        if journal.call is not None:
            happen(journal, event, how)
    before = dict(journal.proved)
    call = journal.call
    is_out = call is not None and not call.find and (sending or call.state is not None)
    out = set(journal.positions(call)) if call is not None and is_out else set()
    may_be_applied = {at for lost in journal.calls if lost.lost for at in journal.positions(lost)}

    unsent = journal.abandon("Over.", sending=sending)

    assert journal.call is None
    assert journal.proved.items() >= before.items()
    assert unsent + len(journal.proved) == size
    assert out <= set(journal.proved)
    assert may_be_applied <= set(journal.proved)
    new = {at: o for at, o in journal.proved.items() if at not in before}
    assert all(outcome.verdict is Verdict.UNPROVED for outcome in new.values())


@given(
    st.integers(2, 600),
    st.sets(st.integers(0, 599), max_size=6),
    st.lists(st.sampled_from(["failed", "pending"]), max_size=3),
)
def test_refusals_of_whole_calls_cost_at_most_twenty_more_and_wrong_no_good_row_needlessly(
    size: int, bad: set[int], troubles: list[str]
) -> None:
    """A service that refuses a call whole, in words of its own for each bad row, until it holds none."""
    journal, calls = Journal(size), 0
    while (call := journal.call) is not None:
        for trouble in troubles:
            happen(journal, trouble, (False, False))
            journal.calls[0].state = None
        calls += 1
        found = sorted(bad.intersection(journal.positions(call)))
        if found:
            journal.refused(f"Row {found[0]} is bad.")
        else:
            journal.answered([ACCEPTED] * len(journal.positions(call)))
        check(journal)
    assert calls <= 1 + 2 * MOST_SPLITS
    bad &= set(range(size))
    refused = {at for at, outcome in journal.proved.items() if outcome.verdict is Verdict.REJECTED}
    assert bad <= refused
    if journal.splits < MOST_SPLITS:
        assert refused == bad


@given(st.integers(2, 500))
def test_the_same_refusal_of_both_halves_refuses_both(size: int) -> None:
    journal, calls = Journal(size), 0
    while journal.call is not None:
        calls += 1
        journal.refused("The list is closed.", "list")

    assert calls == (5 if size == 3 else 3)  # of three, one half is a single row, refused by itself
    assert set(journal.proved.values()) == {Outcome(Verdict.REJECTED, "The list is closed.", "list")}


@pytest.mark.parametrize("other", ["answered", "refused", "failed", "overdue"])
def test_a_half_that_was_refused_alike_is_split_when_the_other_fares_otherwise(other: str) -> None:
    journal = Journal(4)
    journal.refused("Bad.")
    journal.refused("Bad.")
    assert journal.calls[-1].suspect
    match other:
        case "answered":
            journal.answered([ACCEPTED] * 2)
        case "refused":
            journal.refused("Worse.")
        case "failed":
            while journal.failed("Down.", may_be_applied=False, counts=True):
                pass
        case "overdue":
            journal.pending({}, NOW)
            journal.overdue("Late.")

    assert not any(call.suspect for call in journal.calls)
    assert [len(journal.positions(call)) for call in journal.calls][:2] == [1] * 2
    check(journal)


def test_what_is_unproved_is_sent_again_at_most_so_often() -> None:
    journal, calls = Journal(3), 0
    while journal.call is not None:
        calls += 1
        outcomes = [ACCEPTED, *[UNPROVED] * 2] if calls == 1 else [UNPROVED] * 2
        journal.answered(outcomes)

    assert calls == MOST_ATTEMPTS
    assert journal.lost
    assert [journal.proved[at].verdict for at in range(3)] == ["accepted", "unproved", "unproved"]


def test_what_does_not_converge_is_never_sent_again() -> None:
    journal = Journal(2, converges=False)
    journal.answered([ACCEPTED, UNPROVED])
    assert journal.call is None

    journal = Journal(2, converges=False)
    assert not journal.failed("Dropped.", may_be_applied=True, counts=True)
    assert set(journal.proved.values()) == {Outcome(Verdict.UNPROVED, "Dropped.")}


def lost_insert() -> Journal:
    """An insert whose answer was lost, at a service that finds records by their key."""
    journal = Journal(1, converges=False, finds=True)
    assert journal.failed("Dropped.", may_be_applied=True, counts=True)
    assert journal.call is not None
    assert journal.call.find
    return journal


def test_a_lost_insert_that_is_there_as_sent_has_arrived() -> None:
    journal = lost_insert()
    journal.found([Found(1, "r9", is_as_sent=True)], NOW)
    assert journal.proved == {0: Outcome(Verdict.ACCEPTED, remote_id="r9")}


@pytest.mark.parametrize(
    ("there", "outcome"),
    [
        (Found(1, "r9"), Outcome(Verdict.REJECTED, EXISTS)),
        (Found(2), Outcome(Verdict.UNPROVED, SEVERAL)),
    ],
)
def test_a_lost_insert_that_something_else_stands_for_is_not_sent(there: Found, outcome: Outcome) -> None:
    journal = lost_insert()
    journal.found([there], NOW)
    assert journal.proved == {0: outcome}


def test_a_lost_insert_is_sent_again_only_where_two_looks_found_nothing() -> None:
    journal = lost_insert()
    journal.found([Found(0)], NOW)
    again = journal.call
    assert again is not None
    assert (again.find, again.looks, again.since) == (True, 1, NOW.isoformat())
    journal.found([Found(0)], NOW)
    assert journal.call == Out(at=[0], failures=2)


def test_an_insert_refused_after_a_lost_answer_is_looked_up_and_compared() -> None:
    journal = lost_insert()
    journal.found([Found(0)], NOW)
    journal.found([Found(0)], NOW)
    journal.refused("Email address: is already taken.")
    assert journal.call is not None
    assert journal.call.find
    other = Journal.read(1, journal.write())
    journal.found([Found(1, "r9", is_as_sent=True)], NOW)
    assert journal.proved[0].verdict is Verdict.ACCEPTED
    other.found([Found(1, "r9")], NOW)
    assert other.proved == {0: Outcome(Verdict.REJECTED, "Email address: is already taken.")}


def test_an_update_finds_its_records_first_and_creates_none() -> None:
    journal = Journal.begin(5, 1, find=[0, 2, 3, 4], find_per_call=2)
    assert [call.at for call in journal.calls] == [[0, 2], [3, 4], [0], [1], [2], [3], [4]]
    journal.found([Found(1, "r0"), Found(0)], NOW)
    journal.found([Found(2), Found(1, "r4")], NOW)

    assert journal.remote_ids == {0: "r0", 4: "r4"}
    assert journal.proved == {2: Outcome(Verdict.REJECTED, MISSING), 3: Outcome(Verdict.REJECTED, AMBIGUOUS)}
    assert [call.at for call in journal.calls] == [[0], [1], [4]]


def test_an_insert_in_doubt_is_looked_up_before_it_is_sent() -> None:
    journal = Journal.begin(3, 1, find=[1], find_per_call=100, in_doubt=True)
    assert [(call.at, call.find) for call in journal.calls] == [([1], True), ([0], False), ([2], False)]
    other = Journal.read(3, journal.write())

    journal.found([Found(1, "r1", is_as_sent=True)], NOW)
    assert journal.proved == {1: Outcome(Verdict.ACCEPTED, remote_id="r1")}
    other.found([Found(0)], NOW)
    assert [call.at for call in other.calls] == [[0], [2], [1]]


def test_calls_lost_and_not_lost_are_told_apart_when_the_run_ends() -> None:
    journal = Journal.begin(3, 1)
    journal.lost_answer()
    assert journal.abandon("Over.", sending=False) == 2
    assert set(journal.proved) == {0}


def test_what_surely_never_arrived_is_given_up_not_in_doubt() -> None:
    journal = Journal(2)
    sent = 1
    while journal.failed("No way there.", may_be_applied=False, counts=True):
        sent += 1

    assert sent == MOST_ATTEMPTS
    assert journal.given_up == {0, 1}
    assert {outcome.verdict for outcome in journal.proved.values()} == {Verdict.REJECTED}


def test_an_outage_uses_up_no_attempt() -> None:
    journal = Journal(1)
    for _ in range(100):
        assert journal.failed("Down.", may_be_applied=False, counts=False)
    assert journal.call is not None
    assert journal.call.failures == 0


def test_a_step_of_ours_is_no_look_at_the_job() -> None:
    journal = Journal(2)
    journal.pending({"job": "7", "step": "upload"}, NOW, is_look=False)
    journal.pending({"job": "7", "step": "start"}, NOW, is_look=False)
    assert journal.call is not None
    assert (journal.call.looks, journal.call.state) == (0, {"job": "7", "step": "start"})

    journal.pending({"job": "7"}, NOW)
    assert journal.call.looks == 1


def test_only_looks_that_fail_in_a_row_give_a_job_up() -> None:
    journal = Journal(1)
    journal.pending({"job": "1"}, NOW)
    for _ in range(20):
        for _ in range(MOST_ATTEMPTS - 1):
            assert journal.failed("Down.", may_be_applied=True, counts=True)
        journal.pending({"job": "1"}, NOW)
    assert not journal.lost

    while journal.failed("Down.", may_be_applied=True, counts=True):
        pass
    assert journal.proved == {0: Outcome(Verdict.UNPROVED, "Down.")}


def test_a_job_that_never_ends_is_not_raced_by_a_second_one() -> None:
    journal = Journal(1)
    journal.pending({"job": "1"}, NOW)
    journal.overdue("Late.")

    assert journal.call is None
    assert journal.proved == {0: Outcome(Verdict.UNPROVED, "Late.")}


def test_an_empty_journal_is_a_batch_that_was_never_sent() -> None:
    assert Journal.read(7, b"") == Journal(7)


def test_journals_written_before_a_field_was_added_are_read() -> None:
    written = (
        b'{"calls":[{"at":[1],"state":null,"since":"","failures":2}],"proved":{"0":["accepted","","",""]},'
        b'"given_up":[],"splits":0,"lost":true}'
    )
    journal = Journal.read(2, written)

    assert journal.proved == {0: ACCEPTED}
    assert journal.call is not None
    assert (journal.call.failures, journal.call.missed) == (2, 0)
