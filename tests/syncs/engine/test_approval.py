"""Who decides about a run that waits, and when: one decision of one person, or of the clock."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from syncadmin.teams.models import Team, User
from syncs import tasks
from syncs.engine import approval
from syncs.engine.brakes import Found, Shown
from syncs.engine.braking import mark_of
from syncs.engine.fairness import fairest
from syncs.engine.lease import Lease
from syncs.engine.run import AlreadyRunning, cancel, serve, start
from syncs.models import Run, Sync
from tests.syncs.admin.history import make_run, make_sync

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture
def sync() -> Sync:
    return make_sync(team=Team.objects.create(slug="acme", name="Acme"))


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice@acme.com", "secret")


@pytest.fixture
def dora() -> User:
    return User.objects.create_user("dora@acme.com", "secret")


def waiting(sync: Sync, **columns: Any) -> Run:
    """A run of six rows that waits for a day from now on."""
    shown = Shown((Found("changes", "All 6 rows would change.", 6),), 6, mark_of(sync))
    told = {"read_count": 6, "planned_count": 6, "waiting_count": 6, "finished_at": None}
    until = NOW + timedelta(days=1)
    told |= {"brakes": shown.write(), "approval_ends_at": until, "due_at": until}
    return make_run(sync=sync, status=Run.Status.APPROVAL, **told | columns)


def test_of_two_admins_one_decides(sync: Sync, alice: User, dora: User) -> None:
    run = waiting(sync)
    seen = Run.objects.get(pk=run.pk)

    assert approval.approve(run, attempt=1, by=alice, now=NOW).done
    late = approval.approve(seen, attempt=1, by=dora, now=NOW)
    assert (late.done, late.text) == (False, "It was decided already: alice@acme.com approved this run.")
    assert not approval.deny(seen, by=dora, now=NOW).done

    run.refresh_from_db()
    assert (run.status, run.decided_by, run.approved) == (Run.Status.DELIVERING, alice, run.brakes)
    assert fairest() == run, "a worker takes it at once"


def test_who_does_not_want_it_ends_it(sync: Sync, alice: User, dora: User) -> None:
    run = waiting(sync)
    assert fairest() is None, "no worker is bothered with it"
    with pytest.raises(AlreadyRunning):
        start(sync)

    assert approval.deny(run, by=dora, now=NOW).done
    assert "dora@acme.com did not want it" in approval.approve(run, attempt=1, by=alice, now=NOW).text

    assert fairest() == run, "a worker ends it at once"
    _serve(run)
    assert (run.status, run.decision) == (Run.Status.CANCELLED, "denied")
    assert run.stop_reason.startswith("dora@acme.com decided not to send it.")
    assert run.waiting_count == 6
    assert start(sync).number == 2


def test_only_the_plan_that_was_shown_can_be_approved(sync: Sync, alice: User) -> None:
    run = waiting(sync, plan_attempt=2)
    assert "looked at anew" in approval.approve(run, attempt=1, by=alice, now=NOW).text
    Sync.objects.update(paused=True)
    assert "is paused" in approval.approve(run, attempt=2, by=alice, now=NOW).text
    run.refresh_from_db()
    assert (run.status, run.decision) == (Run.Status.APPROVAL, "")


def test_a_sync_that_was_changed_meanwhile_is_planned_anew(sync: Sync, alice: User) -> None:
    run = waiting(sync)
    sync.model.save()

    answer = approval.approve(run, attempt=1, by=alice, now=NOW)

    assert not answer.done and "was changed since" in answer.text
    run.refresh_from_db()
    assert (run.status, run.decision, run.approved) == (Run.Status.QUEUED, "", None)
    assert fairest() == run


def test_what_nobody_approves_in_time_ends_once(sync: Sync, alice: User) -> None:
    run = waiting(sync)
    late = NOW + timedelta(days=1)
    assert approval.expire(late - timedelta(seconds=1)) == 0
    assert approval.expire(late) == 1
    assert approval.expire(late) == 0
    assert "too late" in approval.approve(run, attempt=1, by=alice, now=NOW).text

    _serve(run)
    assert (run.status, run.decision, run.decided_by) == (Run.Status.STOPPED, "expired", None)
    assert "Nobody approved it within 24 hours, so nothing was sent." in run.stop_reason


def test_an_approval_that_comes_too_late_ends_it(sync: Sync, alice: User) -> None:
    run = waiting(sync)
    answer = approval.approve(run, attempt=1, by=alice, now=NOW + timedelta(days=1))
    assert "too late" in answer.text
    _serve(run)
    assert run.status == Run.Status.STOPPED


def test_a_tick_and_a_worker_end_what_is_too_late(sync: Sync) -> None:
    past = NOW - timedelta(minutes=1)
    by_tick = waiting(sync, approval_ends_at=past, due_at=past)
    tasks.tick()
    _serve(by_tick)
    by_worker = waiting(sync, approval_ends_at=past, due_at=past)
    _serve(by_worker)
    _serve(by_worker)
    assert set(Run.objects.values_list("status", "decision")) == {("stopped", "expired")}


def test_a_run_that_waits_can_be_cancelled(sync: Sync, alice: User) -> None:
    run = waiting(sync)
    assert cancel(run)
    assert fairest() == run
    _serve(run)
    assert not cancel(run)
    assert (run.status, run.decision) == (Run.Status.CANCELLED, "")
    assert "over already" in approval.approve(run, attempt=1, by=alice, now=NOW).text


def test_a_cancel_that_comes_while_it_is_planned_is_obeyed(sync: Sync, alice: User) -> None:
    run = waiting(sync, cancel_requested_at=NOW, due_at=NOW)
    assert "cancelling" in approval.approve(run, attempt=1, by=alice, now=NOW).text
    _serve(run)
    assert run.status == Run.Status.CANCELLED


def test_no_run_waits_without_saying_why_and_until_when(sync: Sync) -> None:
    with pytest.raises(IntegrityError, match="run_approval_says_why"), transaction.atomic():
        waiting(sync, approval_ends_at=None)


def _serve(run: Run) -> None:
    """Let a worker take it as far as it goes."""
    run.refresh_from_db()
    lease = Lease.take(run)
    assert lease is not None
    with lease:
        serve(run, lease, until=0.0, others_wait=lambda: False)
    run.refresh_from_db()
