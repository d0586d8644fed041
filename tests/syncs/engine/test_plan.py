"""What becomes of a row: the decisions of planning."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncs.engine.keys import row_key
from syncs.engine.ledger import next_try
from syncs.engine.plan import Circumstances, Fate, Known, Twin, clash, fate

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RUN = Circumstances(number=10, now=NOW)
ACCEPTED = Known(
    fingerprint=1,
    refused_fingerprint=None,
    next_try_run=None,
    next_try_at=None,
    settles_at=None,
    match_key="a@b.com",
    remote_id="",
)


def refused(count: int, *, run_number: int = 9, at: datetime = NOW) -> Known:
    """The record 2, refused so often, the last time in this run at this time."""
    next_run, next_at = next_try(count, run_number, at)
    return ACCEPTED._replace(refused_fingerprint=2, next_try_run=next_run, next_try_at=next_at)


def test_what_the_ledger_does_not_know_is_sent() -> None:
    assert fate(1, None, RUN) is Fate.SEND
    assert fate(2, ACCEPTED, RUN) is Fate.SEND


def test_a_first_refusal_waits_one_run() -> None:
    assert fate(2, refused(1), RUN) is Fate.DEFER
    assert fate(2, refused(1), replace(RUN, number=11)) is Fate.SEND


@pytest.mark.parametrize(("count", "days"), [(2, 1), (3, 7), (4, 7), (99, 7)])
def test_later_refusals_wait_a_day_then_a_week(count: int, days: int) -> None:
    known = refused(count)
    nearly = NOW + timedelta(days=days, seconds=-1)

    assert fate(2, known, replace(RUN, number=999, now=nearly)) is Fate.DEFER
    assert fate(2, known, replace(RUN, now=NOW + timedelta(days=days))) is Fate.SEND


def test_another_record_than_the_refused_one_waits_for_nothing() -> None:
    assert fate(3, refused(3), RUN) is Fate.SEND


def test_full_runs_retries_and_releases_end_the_wait() -> None:
    assert fate(2, refused(3), replace(RUN, full=True)) is Fate.SEND
    assert fate(2, refused(3), replace(RUN, retry=True)) is Fate.SEND
    assert fate(2, refused(3)._replace(next_try_at=None), RUN) is Fate.SEND


@pytest.mark.parametrize("run", [RUN, replace(RUN, full=True), replace(RUN, retry=True)])
def test_nothing_overtakes_an_unanswered_request(run: Circumstances) -> None:
    known = ACCEPTED._replace(fingerprint=None, settles_at=NOW + timedelta(seconds=1))

    assert fate(2, known, run) is Fate.SEND_LATER
    assert fate(2, known._replace(settles_at=NOW), run) is Fate.SEND


def test_a_refused_record_waits_also_while_a_request_is_unanswered() -> None:
    assert fate(2, refused(1)._replace(settles_at=NOW + timedelta(days=9)), RUN) is Fate.DEFER


def test_a_record_was_sent_if_it_was_accepted_or_is_in_doubt() -> None:
    assert ACCEPTED.was_sent
    assert ACCEPTED._replace(fingerprint=None, settles_at=NOW).was_sent
    assert not refused(1)._replace(fingerprint=None).was_sent


def twin(position: int, key: str, *values: str) -> Twin:
    return Twin(position, row_key(key), key, "a@b.com", values)


@given(st.permutations([twin(0, "1", "x"), twin(1, "2", "x"), twin(2, "3", "x")]))
def test_of_equal_rows_always_the_same_one_is_kept(twins: list[Twin]) -> None:
    found = clash(twins)

    assert found.kept == clash(twins[::-1]).kept
    assert {found.kept, *found.same} == set(twins)
    assert len(found.same) == 2
    assert found.different == ()


@given(st.permutations([twin(0, "1", "x"), twin(1, "2", "x"), twin(2, "3", "y")]))
def test_of_rows_that_differ_none_is_kept(twins: list[Twin]) -> None:
    found = clash(twins)

    assert (found.kept, found.same) == (None, ())
    assert set(found.different) == set(twins)
