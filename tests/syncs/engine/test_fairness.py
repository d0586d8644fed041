"""Teams in turn, and no account takes every worker."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from destinations.models import Connection, RemoteAccount
from syncadmin.teams.models import Team
from syncs.engine.fairness import due_count, fairest
from syncs.engine.lease import Lease, holder_is_dead, this_holder
from syncs.models import QueryModel, Run, Source, Sync

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def make_run() -> Any:
    """Make a due run of this team, with a sync of its own; over an account of its own unless one is given."""

    def make(team: str, *, account: RemoteAccount | None = None, served: int = 0, **columns: Any) -> Run:
        of, _ = Team.objects.get_or_create(slug=team, defaults={"name": team})
        account = account or RemoteAccount.objects.create(team=of, destination="qualified")
        name = uuid4().hex
        connection = Connection.objects.create(team=of, account=account, name=name, destination="qualified")
        source = Source.objects.create(team=of, name=name, kind="duckdb")
        model = QueryModel.objects.create(team=of, source=source, name=name, sql="", primary_key=["id"])
        sync = Sync.objects.create(
            team=of, name=name, model=model, connection=connection, object_key="leads", upsert_key="email"
        )
        now = timezone.now()
        columns.setdefault("due_at", now - MINUTE)
        served_at = now - served * MINUTE if served else None
        return Run.objects.create(team=of, sync=sync, number=1, generation=1, served_at=served_at, **columns)

    return make


def hold(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(lease_token=uuid4(), lease_expires_at=timezone.now() + MINUTE)


def test_nothing_due_is_nobodys_turn(make_run: Any) -> None:
    assert fairest() is None
    make_run("acme", due_at=timezone.now() + MINUTE)
    make_run("acme", status=Run.Status.SUCCEEDED)
    hold(make_run("acme"))
    assert fairest() is None


def test_the_team_that_waited_longest_is_next(make_run: Any) -> None:
    make_run("acme", served=1)
    make_run("acme")
    globex = make_run("globex", served=5)

    assert fairest() == globex


def test_a_team_with_many_runs_does_not_starve_one_with_one(make_run: Any) -> None:
    for _ in range(5):
        make_run("acme")
    globex = make_run("globex")
    served = []
    for _ in range(4):
        run = fairest()
        assert run is not None
        Run.objects.filter(pk=run.pk).update(served_at=timezone.now())
        served.append(run.team.slug)

    assert globex.team.slug in served[:2]
    assert served.count("acme") == served.count("globex") == 2


def test_within_a_team_the_run_that_waited_longest_is_next(make_run: Any) -> None:
    make_run("acme", served=1)
    older = make_run("acme", served=9)

    assert fairest() == older
    assert fairest(besides=older.pk) != older


def test_an_account_leaves_one_worker_to_others(make_run: Any, settings: Any) -> None:
    settings.WORKERS = 2
    busy = make_run("acme", status=Run.Status.DELIVERING)
    hold(busy)
    make_run("acme", status=Run.Status.DELIVERING, account=busy.sync.connection.account)
    assert fairest() is None

    planning = make_run("acme", account=busy.sync.connection.account, served=1)
    assert fairest() == planning
    other = make_run("globex", status=Run.Status.DELIVERING)
    assert fairest() == other


def test_an_account_may_have_all_but_one_of_many_workers(make_run: Any, settings: Any) -> None:
    settings.WORKERS = 3
    busy = make_run("acme", status=Run.Status.DELIVERING)
    hold(busy)
    second = make_run("acme", status=Run.Status.DELIVERING, account=busy.sync.connection.account)

    assert fairest() == second
    hold(second)
    make_run("acme", status=Run.Status.DELIVERING, account=busy.sync.connection.account)
    assert fairest() is None


def test_a_team_that_has_a_worker_lets_those_go_first_that_have_none(make_run: Any, settings: Any) -> None:
    settings.WORKERS = 4
    hold(make_run("slow", served=1))
    waits_longest = make_run("slow", served=9)
    globex = make_run("globex", served=1)

    assert fairest() == globex
    hold(globex)
    assert fairest() == waits_longest, "with one each, who waited longest"


def test_in_a_team_the_account_with_fewer_workers_is_next(make_run: Any, settings: Any) -> None:
    settings.WORKERS = 4
    busy = make_run("acme", served=1)
    hold(busy)
    make_run("acme", account=busy.sync.connection.account, served=9)
    other = make_run("acme", served=1)

    assert fairest() == other


def test_plans_of_one_account_leave_one_of_four_workers_to_others(make_run: Any, settings: Any) -> None:
    settings.WORKERS = 4
    first = make_run("acme", status=Run.Status.PLANNING)
    account = first.sync.connection.account
    for run in (first, *(make_run("acme", account=account, status=Run.Status.PLANNING) for _ in range(2))):
        hold(run)
    make_run("acme", account=account)
    assert fairest() is None

    other = make_run("acme")
    assert fairest() == other


def test_a_dead_workers_run_does_not_count_as_busy(make_run: Any, settings: Any) -> None:
    settings.WORKERS = 1
    dead = make_run("acme", status=Run.Status.DELIVERING)
    Run.objects.update(lease_token=uuid4(), lease_expires_at=timezone.now() - MINUTE)

    assert fairest() == dead


def test_what_a_dead_worker_in_this_place_held_is_due_at_once(make_run: Any, settings: Any) -> None:
    settings.WORKERS = 1
    held = make_run("acme", status=Run.Status.DELIVERING)
    hold(held)
    Run.objects.update(lease_holder=this_holder())
    assert (fairest(), due_count(timezone.now())) == (None, 0)
    Run.objects.update(lease_holder="elsewhere 1 0.00")
    assert (fairest(), due_count(timezone.now())) == (None, 0)

    Run.objects.update(lease_holder=this_holder().rpartition(" ")[0] + " 0.00")
    assert (fairest(), due_count(timezone.now())) == (held, 1)
    assert fairest(besides=held.pk) is None
    Run.objects.update(due_at=timezone.now() + MINUTE)
    assert (fairest(), due_count(timezone.now())) == (None, 0)


def test_a_living_worker_lives_on_when_the_clock_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    holder = this_holder()
    assert not holder_is_dead(holder)
    # The clock's time of the boot is what a set clock moves, and with it the times at which processes began.
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: 0.0, raising=False)
    assert not holder_is_dead(holder)
    assert this_holder() == holder


def test_a_lease_of_a_time_before_the_clock_was_put_back_holds_nobody_up(make_run: Any) -> None:
    held = make_run("acme", status=Run.Status.DELIVERING)
    Run.objects.update(lease_token=uuid4(), lease_expires_at=timezone.now() + 60 * MINUTE)
    Run.objects.update(lease_holder=this_holder())
    assert fairest() is None, "it lives, and renews its lease in a moment"

    Run.objects.update(lease_holder="elsewhere 1 0.00")
    run = fairest()
    assert run == held
    assert Lease.take(run) is not None
