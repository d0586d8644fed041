"""What went to an account, by the hour."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from destinations import use
from destinations.models import AccountHour, RemoteAccount

pytestmark = pytest.mark.django_db


@dataclass
class Went:
    started_at: datetime
    status: int | None = 200


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 20, hour, minute, 30, tzinfo=UTC)


def hours(account: RemoteAccount) -> list[tuple[int, int, int]]:
    rows = AccountHour.objects.filter(account=account).order_by("hour")
    return [(row.hour.hour, row.request_count, row.refused_count) for row in rows]


def test_two_workers_add_to_the_same_hour_and_each_request_counts_once(account):
    first, second = use.Tally(account), use.Tally(account)
    first.add([Went(at(9, 59)), Went(at(10)), Went(at(10, 1), status=429)])
    second.add([Went(at(10, 59), status=None)])
    first.write()
    second.write()
    first.write()
    assert hours(account) == [(9, 1, 0), (10, 3, 1)]


def test_a_worker_writes_every_few_seconds_and_not_for_each_call(
    account, monkeypatch, django_assert_num_queries
):
    clock = 100.0
    monkeypatch.setattr(use.time, "monotonic", lambda: clock)
    tally = use.Tally(account)
    with django_assert_num_queries(0):
        for _ in range(500):
            tally.add([Went(at(9))])
            tally.beat()
    clock += use.WRITE_EVERY
    tally.beat()
    assert hours(account) == [(9, 500, 0)]
    with django_assert_num_queries(0):
        clock += use.WRITE_EVERY
        tally.beat()
