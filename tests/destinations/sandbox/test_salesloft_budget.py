from concurrent.futures import ThreadPoolExecutor

import pytest

from destinations.sandbox.clock import Clock
from destinations.sandbox.faults import WIRE, Faults
from destinations.sandbox.salesloft_budget import SWITCHES, Budget
from tests.destinations.sandbox.conftest import SalesloftApi

HOUR = 3600


class StillClock(Clock):
    """A clock that only moves when it is told to. It begins with a window."""

    def now(self) -> float:
        return 1_200_000.0 + self.offset


@pytest.fixture
def budget():
    return Budget(Faults((*SWITCHES, *WIRE)), StillClock())


def spend(budget):
    """Spend until it is refused; how much was spent."""
    spent = 0
    while budget.enter(1) is None:
        budget.leave()
        spent += 1
    return spent


def test_a_team_has_600_a_calendar_minute(budget):
    assert (spend(budget), budget.remaining) == (600, 0)
    assert budget.enter(1).seconds == 60
    budget.clock.advance(59)
    assert budget.enter(1).seconds == 1
    budget.clock.advance(1)
    assert (budget.remaining, spend(budget)) == (600, 600)


def test_the_window_and_its_limit_can_be_set(budget):
    budget.faults.set(window_cost=60, window_seconds=5)
    assert spend(budget) == 60
    budget.clock.advance(5)
    assert spend(budget) == 60


def test_a_second_client_eats_its_share_evenly(budget):
    budget.faults.set(other_share=0.5)
    assert budget.remaining == 600
    budget.clock.advance(30)
    assert budget.remaining == 450
    assert spend(budget) == 450
    budget.clock.advance(29.9)
    assert budget.remaining == 0
    budget.clock.advance(0.1)
    assert budget.remaining == 600


def test_deep_pages_cost_more(budget):
    pages = (1, 100, 101, 150, 151, 250, 251, 500, 501, 9999)
    assert [budget.cost_of(page) for page in pages] == [1, 1, 3, 3, 8, 8, 10, 10, 30, 30]
    budget.faults.set(request_cost=2)
    assert (budget.cost_of(1), budget.cost_of(101)) == (2, 3)


def test_each_answer_tells_its_cost_and_what_is_left(salesloft, loft):
    salesloft.faults.set(window_cost=600, window_seconds=24 * HOUR)
    first, deep = loft.get("/me").headers, loft.get("/people?page=101").headers
    assert (first["x-ratelimit-endpoint-cost"], first["x-ratelimit-remaining-minute"]) == ("1", "599")
    assert (deep["x-ratelimit-endpoint-cost"], deep["x-ratelimit-remaining-minute"]) == ("3", "596")
    assert first["x-ratelimit-limit-minute"] == "600"
    salesloft.faults.set(limit_header=False)
    assert "x-ratelimit-limit-minute" not in loft.get("/me").headers


def test_a_used_up_window_is_429_without_retry_after_unless_that_is_switched_on(salesloft, loft):
    salesloft.faults.set(window_cost=1, window_seconds=24 * HOUR)
    loft.get("/me")
    refused = loft.post("/people", {"email_address": "ann@acme.test"})
    assert (refused.status_code, refused.json()) == (429, {"error": "API rate limit exceeded"})
    assert ("Retry-After" in refused.headers, refused.headers["x-ratelimit-remaining-minute"]) == (False, "0")
    assert salesloft.people() == []

    salesloft.faults.set(retry_after_sent=True)
    wait = int(loft.get("/me").headers["Retry-After"])
    salesloft.clock.advance(wait)
    assert loft.get("/me").status_code == 200


def test_a_wrong_token_costs_nothing(salesloft, loft):
    salesloft.faults.set(window_cost=1, window_seconds=24 * HOUR)
    assert loft.get("/me", key="wrong").status_code == 401
    assert loft.get("/me").status_code == 200


def test_what_was_spent_and_refused_is_remembered(salesloft, loft):
    salesloft.faults.set(window_cost=3, window_seconds=24 * HOUR)
    for _ in range(5):
        loft.get("/me")
    assert salesloft.limits.spent == (3, 2)
    assert salesloft.desk.state()["budget"] == {"spent": 3, "remaining": 0, "refused": 2}
    salesloft.act("reset")
    assert salesloft.limits.spent == (0, 0)


def test_many_clients_share_the_budget_and_never_get_more(salesloft):
    salesloft.faults.set(window_cost=50, window_seconds=24 * HOUR)

    def work(_):
        api = SalesloftApi(salesloft.url)
        with api.session:
            return [api.get("/me").status_code for _ in range(20)]

    with ThreadPoolExecutor(5) as pool:
        statuses = [status for done in pool.map(work, range(5)) for status in done]
    assert (statuses.count(200), statuses.count(429)) == (50, 50)
