"""The budget's arithmetic: never over a limit, whoever asks in whatever order."""

import json
from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destinations import pacing
from destinations.contract import Meter, Window
from destinations.others import Counted
from destinations.pacing import FLIGHT_SECONDS, HOLDER_SECONDS, Grant, Rules, State
from destinations.waits import Wait, Why, wait_text

NOON = 1_790_000_000.0  # a Unix time; nothing depends on which
MINUTE = Rules(windows=(Window(10, 60),), concurrency=4)
QUARTER = Rules(
    windows=(Window(2_000, 900), Window(7_000, 3_600), Window(120_000, 86_400)),
    concurrency=4,
    reserve_percent=20,
)


def take(
    state: State, rules: Rules, now: float, requests: int = 1, holder: str = "a", slots: int = 1
) -> Grant:
    return pacing.take(state, rules, holder, now, requests=requests, slots=slots)


def test_a_new_account_grants_what_is_asked_for():
    grant = take({}, QUARTER, NOON, requests=10, slots=4)
    assert (grant.requests, grant.slots, grant.wait) == (10, 4, None)


def test_a_full_window_grants_nothing_until_its_first_use_slips_out():
    full = take({}, MINUTE, NOON, requests=12)
    assert full.requests == 10

    waiting = take(full.state, MINUTE, NOON + 5)
    assert (waiting.requests, waiting.wait.why, waiting.wait.window) == (0, Why.WINDOW, MINUTE.windows[0])
    assert NOON + 60 < waiting.retry_at < NOON + 63

    assert take(waiting.state, MINUTE, waiting.retry_at - 0.01).requests == 0
    assert take(waiting.state, MINUTE, waiting.retry_at + 0.01).requests == 1


def test_the_reserve_is_left_to_others_but_one_request_always_goes():
    assert take({}, Rules((Window(10, 60),), 1, reserve_percent=25), NOON, requests=10).requests == 7
    assert take({}, Rules((Window(1, 60),), 1, reserve_percent=95), NOON, requests=10).requests == 1


def test_the_tightest_of_several_windows_decides_and_the_last_to_free_is_waited_for():
    rules = Rules((Window(5, 10), Window(8, 100)), 1)
    first = take({}, rules, NOON, requests=9)
    second = take(first.state, rules, NOON + 20, requests=9)
    assert (first.requests, second.requests) == (5, 3)
    assert second.wait.window == Window(8, 100)


def test_unsent_requests_can_be_given_back():
    full = take({}, MINUTE, NOON, requests=10)
    state = pacing.give_back(full.state, MINUTE, NOON + 1, granted_at=full.at, requests=4)
    assert take(state, MINUTE, NOON + 1, requests=10).requests == 4


def test_giving_back_what_has_long_slipped_out_changes_nothing():
    full = take({}, MINUTE, NOON, requests=10)
    later = pacing.give_back(full.state, MINUTE, NOON + 600, granted_at=full.at, requests=4)
    assert take(later, MINUTE, NOON + 600, requests=99).requests == 10


def test_a_connection_test_counts_though_it_did_not_ask():
    state = pacing.spend({}, MINUTE, NOON, requests=12)
    assert take(state, MINUTE, NOON).requests == 0


def test_when_the_service_counts_more_use_than_ours_the_difference_is_foreign():
    grant = take({}, QUARTER, NOON, requests=100)
    state = pacing.observed(grant.state, QUARTER, NOON + 1, Meter(900, remaining=500, resets_in_seconds=300))
    # 1,500 of 2,000 are used and 400 stay in reserve.
    assert take(state, QUARTER, NOON + 1, requests=500).requests == 100
    assert take(state, QUARTER, NOON + 302, requests=2_000).requests == 1_500


def test_a_limit_that_the_service_tells_counts_instead_of_ours():
    state = pacing.observed({}, MINUTE, NOON, Meter(60, remaining=30, limit=30))
    rules = replace(MINUTE, reserve_percent=20)
    assert pacing.take(state, rules, "a", NOON + 1, requests=1_000, slots=1).requests == 24
    later = NOON + pacing.TOLD_SECONDS + 1
    assert pacing.take(state, rules, "a", later, requests=1_000, slots=1).requests == rules.allowed(
        rules.windows[0]
    )


def test_alone_nearly_all_of_the_window_is_used():
    """A worker that takes whatever is granted, over ten minutes of 600 requests, a fifth left to others."""
    rules, state, now, sent = Rules((Window(600, 60),), 8, reserve_percent=20), {}, NOON, 0
    while now < NOON + 600:
        grant = pacing.take(state, rules, "a", now, requests=40, slots=8)
        state, sent = grant.state, sent + grant.requests
        now = max(now + 0.5, grant.retry_at or 0) if grant.requests < 40 else now + 0.5
    assert sent >= 0.97 * 10 * rules.allowed(rules.windows[0])


def test_of_a_watched_window_a_person_gets_a_handful_at_once_and_a_worker_one():
    watched = replace(QUARTER, watched=frozenset({900.0}))
    assert take({}, watched, NOON, requests=9).requests == 1
    brief = pacing.take({}, watched, "person", NOON, requests=9, slots=1, is_few=True)
    assert brief.requests == 9


def test_foreign_use_is_what_the_service_said_last():
    state = pacing.observed({}, MINUTE, NOON, Meter(60, remaining=0, resets_in_seconds=50))
    assert take(state, MINUTE, NOON + 1).requests == 0
    state = pacing.observed(state, MINUTE, NOON + 2, Meter(60, remaining=9, resets_in_seconds=50))
    assert take(state, MINUTE, NOON + 3, requests=10).requests == 9


def test_a_service_that_counts_less_than_we_do_does_not_raise_our_limit():
    full = take({}, MINUTE, NOON, requests=10)
    state = pacing.observed(full.state, MINUTE, NOON + 1, Meter(60, remaining=10))
    assert take(state, MINUTE, NOON + 1).requests == 0


def test_the_meter_of_a_published_window_is_read_for_the_window_the_account_has_instead():
    rules = Rules((Window(10, 2),), 1, published={900: 2})
    state = pacing.observed({}, rules, NOON, Meter(900, remaining=3, resets_in_seconds=1))
    assert take(state, rules, NOON, requests=10).requests == 3


def test_a_meter_of_an_unknown_window_is_not_believed():
    state = pacing.observed({}, MINUTE, NOON, Meter(900, remaining=0))
    assert take(state, MINUTE, NOON).requests == 1


def test_a_refusal_with_a_time_stops_the_whole_account_until_then():
    state = pacing.refused({}, MINUTE, NOON, sent_at=NOON, retry_after=30)
    grant = take(state, MINUTE, NOON + 29, holder="b")
    assert (grant.requests, grant.wait) == (0, Wait(Why.ASKED, NOON + 30))
    assert take(state, MINUTE, NOON + 30, holder="b").requests == 1


def test_an_earlier_refusal_does_not_shorten_a_later_one():
    state = pacing.refused({}, MINUTE, NOON, sent_at=NOON, retry_after=30)
    state = pacing.refused(state, MINUTE, NOON, sent_at=NOON, retry_after=0)
    assert take(state, MINUTE, NOON + 29).requests == 0


def test_a_refusal_with_a_mad_time_stops_for_a_day_at_most():
    state = pacing.refused({}, MINUTE, NOON, sent_at=NOON, retry_after=1e12)
    assert take(state, MINUTE, NOON + 86_401).requests == 1


def test_a_refusal_without_a_time_halves_the_slots_which_grow_back_one_by_one():
    state = pacing.refused({}, MINUTE, NOON, sent_at=NOON - 1, retry_after=None)
    slots = [take(state, MINUTE, NOON + later, slots=4).slots for later in (0, 9, 10, 19, 20, 999)]
    assert slots == [2, 2, 3, 3, 4, 4]


def test_requests_refused_together_halve_the_slots_once():
    state: State = {}
    for _ in range(4):
        state = pacing.refused(state, MINUTE, NOON, sent_at=NOON - 1, retry_after=None)
    assert take(state, MINUTE, NOON, slots=4).slots == 2

    state = pacing.refused(state, MINUTE, NOON + 2, sent_at=NOON + 1, retry_after=None)
    assert take(state, MINUTE, NOON + 2, slots=4).slots == 1


def test_slots_in_use_are_not_given_twice_and_the_other_waits():
    first = take({}, MINUTE, NOON, holder="a", slots=4)
    second = take(first.state, MINUTE, NOON, holder="b", slots=4)
    assert (first.slots, second.slots, second.requests) == (4, 0, 0)
    assert (second.wait.why, second.retry_at) == (Why.SLOTS, NOON + 1)


def test_a_holder_that_waits_gets_its_even_share_as_requests_come_home():
    state = take({}, MINUTE, NOON, holder="a", slots=4).state
    state = take(state, MINUTE, NOON, holder="b", slots=4).state

    busy = pacing.take(state, MINUTE, "a", NOON + 1, requests=0, slots=4, in_flight=4)
    assert busy.slots == 4
    calmer = pacing.take(busy.state, MINUTE, "a", NOON + 2, requests=0, slots=4, in_flight=1)
    assert calmer.slots == 2
    assert take(calmer.state, MINUTE, NOON + 3, holder="b", slots=4).slots == 2


def test_a_holder_that_wants_little_leaves_the_rest():
    state = take({}, MINUTE, NOON, holder="a", slots=1).state
    assert take(state, MINUTE, NOON, holder="b", slots=4).slots == 3


def test_a_holder_whose_heart_stopped_frees_its_slots():
    state = take({}, MINUTE, NOON, holder="dead", slots=4).state
    assert take(state, MINUTE, NOON + HOLDER_SECONDS - 1, holder="b", slots=4).slots == 0
    assert take(state, MINUTE, NOON + HOLDER_SECONDS, holder="b", slots=4).slots == 4


def test_a_heartbeat_keeps_the_slots():
    state = take({}, MINUTE, NOON, holder="a", slots=4).state
    state = pacing.renew(state, MINUTE, "a", NOON + 40)
    assert take(state, MINUTE, NOON + 80, holder="b", slots=4).slots == 0


def test_a_holder_that_lets_go_frees_its_slots_at_once():
    state = take({}, MINUTE, NOON, holder="a", slots=4).state
    state = pacing.release(state, MINUTE, "a", NOON + 1)
    assert take(state, MINUTE, NOON + 1, holder="b", slots=4).slots == 4


def test_the_state_stays_small_however_long_the_account_is_used():
    state: State = {}
    for step in range(400):
        state = take(state, QUARTER, NOON + step * 300, requests=5, holder=f"h{step % 3}").state
    assert len(json.dumps(state)) < 5_000


def test_the_state_of_a_call_is_left_as_it_was():
    state = take({}, MINUTE, NOON, requests=3).state
    before = json.dumps(state)
    take(state, MINUTE, NOON, requests=3)
    pacing.refused(state, MINUTE, NOON, sent_at=NOON, retry_after=None)
    assert json.dumps(state) == before


def test_after_an_outage_one_holder_tries_and_the_others_wait_for_it():
    state = pacing.trial({}, MINUTE, "a", NOON, down_until=NOON)
    assert state is not None
    assert pacing.trial(state, MINUTE, "b", NOON + 1, down_until=NOON) is None
    assert pacing.trial(state, MINUTE, "a", NOON + 1, down_until=NOON) is not None


def test_a_trial_that_nobody_hears_of_again_is_made_by_another():
    state = pacing.trial({}, MINUTE, "dead", NOON, down_until=NOON)
    assert pacing.trial(state, MINUTE, "b", NOON + HOLDER_SECONDS, down_until=NOON) is not None


def test_the_trial_after_the_next_pause_is_anybodys():
    state = pacing.trial({}, MINUTE, "a", NOON, down_until=NOON)
    assert pacing.trial(state, MINUTE, "b", NOON + 9, down_until=NOON + 8) is not None


@pytest.mark.parametrize(
    ("wait", "text"),
    [
        (
            Wait(Why.WINDOW, NOON, Window(2_000, 900)),
            "Waiting for Acme's limit of 2,000 requests in 15 minutes until 14:13:20 UTC.",
        ),
        (
            Wait(Why.WINDOW, NOON - 20.5, Window(7_000, 3_600)),
            "Waiting for Acme's limit of 7,000 requests in 1 hour until 14:13 UTC.",
        ),
        (Wait(Why.ASKED, NOON), "Acme asked us to wait until 14:13:20 UTC."),
        (
            Wait(Why.SLOTS, NOON, slots=4),
            "Waiting for other requests to Acme to finish: at most 4 go at once.",
        ),
        (Wait(Why.DOWN, NOON), "Acme is not answering. It is tried again at 14:13:20 UTC."),
    ],
)
def test_people_read_what_is_waited_for(wait: Wait, text: str):
    assert wait_text(wait, "Acme") == text


def test_people_read_the_time_in_their_own_zone():
    zone = timezone(timedelta(hours=2), "CEST")
    assert wait_text(Wait(Why.ASKED, NOON), "Acme", zone) == "Acme asked us to wait until 16:13:20 CEST."


# Whatever the interleaving. The service counts a request somewhere between the grant and the end of its
# use, plus the flight; the latest and the earliest of these are the worst cases, so both are tried.

HOLDERS = ("a", "b", "c")
steps = st.lists(
    st.tuples(
        st.none() | st.floats(0, 2),  # seconds that pass; None: until the last holder may ask again
        st.sampled_from(HOLDERS),
        st.integers(1, 12),  # requests asked for
        st.sampled_from((0, 0, 1, 5)),  # of them given back before the next step
        st.sampled_from((0.0, 0.5, 1.0)),  # when within its use each is counted
    ),
    min_size=8,
    max_size=40,
)
rule_sets = st.builds(
    Rules,
    windows=st.lists(
        st.builds(Window, st.integers(1, 12), st.sampled_from((0.7, 2.0, 5.0, 20.0))),
        min_size=1,
        max_size=3,
        unique_by=lambda window: window.seconds,
    ).map(tuple),
    concurrency=st.integers(1, 5),
    reserve_percent=st.sampled_from((0, 20, 95)),
    watched=st.sampled_from((frozenset[float](), frozenset({0.7, 2.0, 5.0, 20.0}))),
)


@settings(max_examples=150, deadline=None)
@given(rules=rule_sets, steps=steps)
def test_no_interval_of_any_window_holds_more_than_is_allowed(rules: Rules, steps: list):
    state: State = {}
    now, retry_at, counted = NOON, NOON, []
    for passed, holder, requests, unsent, lateness in steps:
        now = now + passed if passed is not None else max(now, retry_at)
        grant = pacing.take(state, rules, holder, now, requests=requests, slots=1)
        retry_at = grant.retry_at or now
        unsent = min(unsent, grant.requests)
        state = pacing.give_back(grant.state, rules, now, granted_at=grant.at, requests=unsent)
        state = json.loads(json.dumps(pacing.release(state, rules, holder, now)))
        late = lateness * (grant.use_by - grant.at + FLIGHT_SECONDS)
        counted += [now + late] * (grant.requests - unsent)
    for window in rules.windows:
        for start in counted:
            assert sum(start <= at <= start + window.seconds for at in counted) <= rules.allowed(window)


class Workers:
    """Holders that keep what they were granted until they let go or are killed."""

    def __init__(self) -> None:
        self.flights: dict[str, tuple[int, float]] = {}

    def in_flight(self, holder: str, now: float) -> int:
        count, heard_at = self.flights.get(holder, (0, now))
        return count if now < heard_at + HOLDER_SECONDS else 0

    def all_in_flight(self, now: float) -> int:
        return sum(self.in_flight(holder, now) for holder in self.flights)


@settings(max_examples=150, deadline=None)
@given(
    concurrency=st.integers(1, 6),
    steps=st.lists(
        st.tuples(
            st.sampled_from((0.0, 1.0, 11.0, 50.0)),
            st.sampled_from(HOLDERS),
            st.sampled_from(("start", "finish", "refused", "release")),
            st.integers(0, 6),
        ),
        max_size=60,
    ),
)
def test_no_more_requests_are_in_flight_than_the_concurrency(concurrency: int, steps: list):
    rules = Rules((), concurrency)
    state: State = {}
    workers, now = Workers(), NOON
    for passed, holder, act, count in steps:
        now += passed
        out = workers.in_flight(holder, now)
        if act == "start":
            grant = pacing.take(state, rules, holder, now, requests=count, slots=count, in_flight=out)
            state = grant.state
            workers.flights[holder] = (max(out, min(grant.slots, count)), now)
        elif act == "finish":
            workers.flights[holder] = (max(0, out - count), now)
            state = pacing.renew(state, rules, holder, now)
        elif act == "refused":
            state = pacing.refused(state, rules, now, sent_at=now, retry_after=None)
        else:
            workers.flights.pop(holder, None)
            state = pacing.release(state, rules, holder, now)
        state = json.loads(json.dumps(state))
        assert workers.all_in_flight(now) <= concurrency


@settings(max_examples=100, deadline=None)
@given(
    rules=rule_sets, busy=st.integers(1, 4), remaining=st.integers(0, 12), resets=st.sampled_from((None, 1.0))
)
def test_waiting_until_the_time_that_is_named_always_gets_a_request(
    rules: Rules, busy: int, remaining: int, resets: float | None
):
    state: State = {}
    now = NOON
    for _ in range(busy):
        grant = pacing.take(state, rules, "a", now, requests=12, slots=1)
        meter = Meter(rules.windows[0].seconds, remaining, resets_in_seconds=resets)
        booked = grant.booked
        state = pacing.observed(grant.state, rules, now, meter, Counted(now - 0.1, booked, booked))
    for _ in range(200):
        grant = pacing.take(state, rules, "a", now, requests=1, slots=1)
        if grant.requests:
            return
        assert grant.retry_at is not None
        assert grant.retry_at > now - 0.001
        now = grant.retry_at + 0.001
    pytest.fail("Waiting never ended.")
