"""The budget and the breaker in the database, with several workers at once."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from destinations import budget
from destinations.contract import Limits, Meter, Window
from destinations.errors import Cause, Misconfigured, RateLimited
from destinations.gate import Gate
from destinations.models import RemoteAccount
from destinations.pacing import Rules
from destinations.waits import Why

LIMITS = Limits((Window(2_000, 900), Window(7_000, 3_600)), 10, 4, 500, 1_000_000)
RULES = Rules((Window(100, 3_600),), 4)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def take(account: RemoteAccount, gate: Gate | None = None, holder: str = "a", **asked: Any) -> budget.Grant:
    asked = {"requests": 10, "slots": 2, **asked}
    return budget.take(account.pk, RULES, holder, gate or Gate(), **asked)


def fresh(account: RemoteAccount) -> RemoteAccount:
    return RemoteAccount.objects.get(pk=account.pk)


# Rules


def test_an_account_without_settings_of_its_own_has_the_services_limits(account):
    rules = budget.rules(account, LIMITS)
    assert (rules.windows, rules.concurrency, rules.reserve_percent) == (LIMITS.windows, 4, 20)


def test_what_is_set_on_the_account_wins_but_never_over_the_services_concurrency(account):
    account.windows, account.concurrency, account.reserve_percent = [[30, 5], [10, 2.5]], 99, 0
    rules = budget.rules(account, LIMITS)
    assert (rules.windows, rules.concurrency) == ((Window(10, 2.5), Window(30, 5)), 10)
    assert rules.allowed(rules.windows[0]) == 10


def test_own_windows_stand_for_the_published_ones_when_there_are_as_many(account):
    account.windows = [[10, 2], [30, 5]]
    assert budget.rules(account, LIMITS).published == {900: 2, 3_600: 5}
    account.windows = [[10, 2]]
    assert budget.rules(account, LIMITS).published == {}


@pytest.mark.parametrize(
    "written", [{"a": 1}, [10, 2], [[10]], [["10", 2]], [[0, 2]], [[10, 0]], [[True, 2]]]
)
def test_windows_that_make_no_sense_are_told_to_an_admin(account, written):
    account.windows = written
    with pytest.raises(Misconfigured, match="An admin must correct"):
        budget.rules(account, LIMITS)


# Budget


def test_a_grant_fills_the_gate_and_what_is_left_is_given_back_at_the_end(account):
    gate = Gate()
    assert take(account, gate).requests == 10
    for _ in range(3):
        gate.take()
    assert gate.left == 7
    budget.release(account.pk, RULES, "a", gate)
    assert (gate.left, take(account, requests=200).requests) == (0, 97)


def test_a_gate_whose_grant_is_used_up_says_when_to_come_again(account):
    gate = Gate()
    take(account, requests=100)
    grant = take(account, gate, requests=1)
    with pytest.raises(RateLimited) as caught:
        gate.take()
    assert caught.value.cause is Cause.BUDGET
    assert caught.value.retry_after == pytest.approx(grant.wait.until - time.time(), abs=20)


def test_a_call_on_its_way_waits_for_a_grant_that_whoever_conducts_asks_for(account):
    gate, left_at = Gate(), []
    call = threading.Thread(target=lambda: left_at.append(gate.take(patience=100)))
    call.start()
    until = time.monotonic() + 100
    while not gate.waiting:
        assert time.monotonic() < until
        time.sleep(0.001)
    take(account, gate, requests=1)
    call.join(100)
    assert len(left_at) == 1
    assert (gate.left, gate.waiting) == (0, 0)


def test_where_one_thread_does_everything_it_asks_the_budget_itself(account):
    gate = Gate()
    gate.on_empty = lambda: take(account, gate, requests=1)
    gate.take(patience=100)
    with pytest.raises(RateLimited):
        gate.take()  # a call's first request never waits


def test_what_was_granted_long_ago_may_not_be_sent_any_more(account):
    clock = [time.time()]
    gate = Gate(clock=lambda: clock[0])
    take(account, gate)
    clock[0] += 60
    with pytest.raises(RateLimited):
        gate.take()
    budget.settle_observations(account.pk, RULES, gate)
    assert take(account, requests=200).requests == 100


def test_what_the_service_says_reaches_the_other_workers(account):
    gate = Gate()
    take(account, gate, requests=1)
    gate.observe(Meter(3_600, remaining=50, resets_in_seconds=3_600), time.time())
    gate.observe(Meter(3_600, remaining=49, resets_in_seconds=3_600), time.time())
    gate.observe(Meter(3_600, remaining=51, resets_in_seconds=3_600), time.time())
    budget.settle_observations(account.pk, RULES, gate)
    assert take(account, holder="b", requests=100).requests == 49


def test_a_refusal_with_a_time_stops_the_other_workers_too(account):
    gate = Gate()
    gate.refused(30, sent_at=time.time())
    take(account, gate, requests=0)
    grant = take(account, holder="b")
    assert (grant.requests, grant.wait.why) == (0, Why.ASKED)
    assert grant.wait.until == pytest.approx(time.time() + 30, abs=20)


def test_a_refusal_without_a_time_leaves_half_of_the_slots(account):
    gate = Gate()
    gate.refused(None, sent_at=time.time())
    budget.settle_observations(account.pk, RULES, gate)
    assert take(account, slots=4).slots == 2


def test_slots_are_shared_by_holders_and_kept_by_a_heartbeat(account):
    now = time.time()
    assert take(account, holder="a", slots=4, now=now).slots == 4
    budget.renew(account.pk, RULES, "a", now=now + 40)
    assert take(account, holder="b", slots=4, now=now + 80).slots == 0
    assert take(account, holder="b", slots=4, now=now + 90).slots == 4


def test_a_persons_test_counts_in_the_budget(account):
    budget.spend(account.pk, RULES, 5)
    assert take(account, requests=200).requests == 95


def test_a_grant_costs_one_read_and_one_write(account):
    with CaptureQueriesContext(database) as queries:
        take(account)
    assert [query["sql"].split()[0] for query in queries] == ["SELECT", "UPDATE"]


def test_nothing_learnt_costs_nothing(account):
    with CaptureQueriesContext(database) as queries:
        budget.settle_observations(account.pk, RULES, Gate())
    assert len(queries) == 0


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_never_lose_an_update_and_never_exceed_the_limit(account):
    granted: list[int] = []

    def work(holder: str) -> None:
        try:
            for _ in range(15):
                gate = Gate()
                grant = take(account, gate, holder, requests=3, slots=1)
                granted.append(grant.requests)
                for _ in range(grant.requests):
                    gate.take()
                budget.release(account.pk, RULES, holder, gate)
        finally:
            database.close()

    workers = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    # 180 were asked for by four workers, each as long as it had one of the four slots; 100 fit.
    assert len(granted) == 60
    assert sum(granted) == 100
    assert take(account, holder="late").requests == 0
    assert fresh(account).budget["holders"].keys() == {"late"}


# Breaker


def fail(account: RemoteAccount, times: int = 1, now: datetime = NOW) -> bool:
    return [budget.failed(account.pk, "The service has trouble.", now=now) for _ in range(times)][-1]


def test_four_failures_in_a_row_are_not_yet_an_outage(account):
    assert not fail(account, 4)
    assert budget.outage(account.pk) is None


def test_the_fifth_failure_in_a_row_opens_the_breaker(account):
    fail(account, 4)
    assert fail(account)
    outage = budget.outage(account.pk)
    assert (outage.since, outage.reason) == (NOW, "The service has trouble.")
    assert NOW <= outage.until <= NOW + timedelta(seconds=1)


def test_an_answer_in_between_starts_the_count_anew(account):
    fail(account, 4)
    budget.answered(account.pk)
    assert not fail(account, 4)


def test_pauses_grow_and_the_outage_began_when_it_began(account, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    fail(account, 5)
    pauses, now = [], NOW
    for _ in range(9):
        outage = budget.outage(account.pk)
        pauses.append((outage.until - now).total_seconds())
        now = outage.until
        fail(account, now=now)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert budget.outage(account.pk).since == NOW


def test_a_late_failure_from_before_the_pause_lengthens_nothing(account, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    fail(account, 5)
    assert fail(account, 3)
    assert budget.outage(account.pk).until == NOW + timedelta(seconds=1)
    assert fresh(account).failure_count == 5


def test_an_answer_closes_the_breaker(account):
    fail(account, 5)
    budget.answered(account.pk)
    assert budget.outage(account.pk) is None
    assert fresh(account).down_reason == ""
    assert not fail(account)


def test_an_answer_writes_nothing_when_nothing_was_wrong(account):
    with CaptureQueriesContext(database) as queries:
        budget.answered(account.pk)
    assert [query["sql"].split()[0] for query in queries] == ["SELECT"]


def test_during_a_pause_nothing_is_granted_and_slots_in_flight_are_kept(account, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    fail(account, 5)
    grant = take(account, slots=4, in_flight=1, now=NOW.timestamp() + 0.5)
    assert (grant.requests, grant.slots) == (0, 1)
    assert (grant.wait.why, grant.wait.until) == (Why.DOWN, NOW.timestamp() + 1)
    assert budget.wait_text(grant.wait, "Acme").startswith("Acme is not answering.")


def test_after_a_pause_one_call_of_one_worker_tries_and_its_answer_lets_all_go(account, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    fail(account, 5)
    later = NOW.timestamp() + 2
    first = take(account, holder="a", slots=4, now=later)
    second = take(account, holder="b", slots=4, now=later)
    assert (first.slots, second.slots, second.requests) == (1, 0, 0)
    assert second.wait.why is Why.DOWN

    budget.answered(account.pk)
    assert take(account, holder="b", slots=2, now=later).slots == 2


def test_a_trial_that_fails_starts_the_next_pause_after_which_another_may_try(account, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    fail(account, 5)
    later = NOW + timedelta(seconds=2)
    take(account, holder="a", slots=1, now=later.timestamp())
    fail(account, now=later)
    assert take(account, holder="b", now=later.timestamp() + 1).wait.why is Why.DOWN
    assert take(account, holder="b", now=later.timestamp() + 2).slots == 1


@pytest.mark.django_db(transaction=True)
def test_failures_of_workers_at_once_are_all_counted(account):
    def work() -> None:
        try:
            fail(account)
        finally:
            database.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert fresh(account).failure_count == 4
    assert fail(account)
