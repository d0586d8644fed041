import threading

import pytest

from destinations.sandbox.clock import Clock
from destinations.sandbox.faults import WIRE, Faults
from destinations.sandbox.limits import Limits, switches
from tests.destinations.sandbox.conftest import Api


class StillClock(Clock):
    """A clock that only moves when it is told to."""

    def now(self) -> float:
        return 1_000_000.0 + self.offset


@pytest.fixture
def limits() -> Limits:
    found = switches(concurrency=100, windows=((2, 10), (4, 100), (6, 1000)))
    return Limits(Faults((*found, *WIRE)), StillClock())


def test_each_window_is_refused_with_the_time_until_it_begins_anew(limits):
    taken = []
    waits = []
    for _ in range(4):
        while (refusal := limits.enter()) is None:
            taken.append(limits.clock.now())
        waits.append(refusal.retry_after)
        limits.clock.advance(refusal.retry_after)

    assert [at - 1_000_000 for at in taken] == [0, 0, 10, 10, 100, 100, 1000, 1000]
    assert waits == [10, 90, 900, 10]


def test_the_default_limits_are_those_of_an_account(sandbox):
    values = sandbox.faults.values()
    assert [values[f"{name}_requests"] for name in ("short", "middle", "long")] == [2000, 7000, 120_000]
    assert [values[f"{name}_seconds"] for name in ("short", "middle", "long")] == [900, 3600, 86400]
    assert values["concurrency"] == 10


def test_headers_tell_what_is_left_of_the_short_window(sandbox, api):
    first = api.get("/v2/leads/fields").headers
    second = api.get("/v2/leads/fields").headers
    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("2000", "1999")
    assert second["RateLimit-Remaining"] in ("1998", "1999")  # 1999 where a window began in between
    assert 0 < int(first["RateLimit-Reset"]) - sandbox.service.clock.now() <= 900


def test_a_full_window_is_429_with_retry_after_and_opens_again(sandbox, api):
    sandbox.faults.set(short_requests=2, short_seconds=10_000_000)
    answers = [api.get("/v2/leads/fields") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["RateLimit-Remaining"] == "0"

    sandbox.advance_clock(int(answers[2].headers["Retry-After"]))
    assert api.get("/v2/leads/fields").status_code == 200


def test_too_many_at_once_is_429_without_retry_after(sandbox, api):
    sandbox.faults.set(concurrency=1, slow_next=1, slow_seconds=60, only="POST /v2/leads")
    other = Api(sandbox.url)
    slow = threading.Thread(target=lambda: other.post("/v2/leads", {"email": "ann@acme.test"}, timeout=100))
    slow.start()
    while sandbox.leads() == {}:
        pass
    try:
        refused = api.get("/v2/leads/fields")
    finally:
        sandbox.service.wake()
        slow.join()
        other.session.close()

    assert (refused.status_code, refused.headers.get("Retry-After")) == (429, None)
    assert api.get("/v2/leads/fields").status_code == 200
    assert sandbox.peak_in_flight == 1


def test_a_wrong_key_uses_up_nothing(sandbox, api):
    sandbox.faults.set(short_requests=1, short_seconds=10_000_000)
    assert api.get("/v2/leads/fields", key="wrong").status_code == 401
    assert api.get("/v2/leads/fields").status_code == 200
