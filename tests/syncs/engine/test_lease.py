"""One worker at a time holds a run; whoever lost it changes nothing any more."""

import multiprocessing
import os
from datetime import timedelta
from uuid import uuid4

import psutil
import pytest
from django.db import transaction
from django.utils import timezone

from destinations.adapters.qualified import Adapter
from syncs.engine import lease as leases
from syncs.engine import settle
from syncs.engine.ground import way_of
from syncs.engine.lease import Lease, LostLease, holder_is_dead, this_holder
from syncs.models import Batch, Run
from tests.syncs.engine.scene import Scene, counts, person, plan_only, steal


@pytest.fixture
def run(scene: Scene) -> Run:
    """A run that is planned: two rows in one batch."""
    scene.rows = [person(1), person(2)]
    return plan_only(scene.start())


def taken(run: Run) -> Lease:
    lease = Lease.take(run)
    assert lease is not None
    run.refresh_from_db()
    return lease


def test_a_run_that_is_held_cannot_be_taken(run: Run) -> None:
    with taken(run):
        assert Lease.take(Run.objects.get()) is None
    with taken(run):
        pass
    run.refresh_from_db()
    assert (run.lease_token, run.lease_expires_at, run.lease_holder) == (None, None, "")


def test_a_lease_that_expired_is_taken_over(run: Run) -> None:
    steal(run, seconds=-1)

    taken(run)

    assert run.lease_holder == this_holder()
    assert run.served_at is not None


def test_two_that_see_a_dead_holder_do_not_both_take_over(run: Run) -> None:
    taken(run)
    Run.objects.update(lease_holder=this_holder().rpartition(" ")[0] + " 0.00")
    first, second = Run.objects.get(), Run.objects.get()

    assert Lease.take(first) is not None
    assert Lease.take(second) is None


def test_a_holder_in_this_place_that_died_is_dead_at_once() -> None:
    child = multiprocessing.get_context("spawn").Process(target=int)
    child.start()
    place = this_holder().rsplit(" ", 2)[0]
    try:
        born = f"{psutil.Process(child.pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        born = "0.00"
    child.join()

    assert holder_is_dead(f"{place} {child.pid} {born}")
    assert holder_is_dead(f"{place} {os.getpid()} 1.00")  # the number was given to another process
    assert not holder_is_dead(this_holder())
    assert not holder_is_dead(f"elsewhere {child.pid} {born}")
    assert not holder_is_dead("")


def test_a_lease_is_renewed_while_it_is_held(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEW_EVERY", 0.02)
    with taken(run) as lease:
        before = run.lease_expires_at
        while Run.objects.get().lease_expires_at == before:
            pass
        assert lease.is_held


def test_a_lease_whose_renewal_fails_is_lost_in_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEW_EVERY", 0.02)
    with taken(run) as lease:
        steal(run, seconds=30)
        while lease.is_held:
            pass
        with pytest.raises(LostLease):
            lease.demand()
    run.refresh_from_db()
    assert run.lease_holder == "elsewhere 1 0.00"  # the end of the block lets go of our own lease only


def test_a_lease_that_was_never_renewed_is_not_trusted_to_its_end(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LASTS", leases.MARGIN)

    assert not taken(run).is_held


def test_a_fence_holds_only_for_the_lease_in_the_database(run: Run) -> None:
    lease = taken(run)
    with transaction.atomic():
        lease.fence()
    steal(run)
    with transaction.atomic(), pytest.raises(LostLease):
        lease.fence()


# Stale workers


def claimed(run: Run, lease: Lease) -> settle.Held:
    batch = Batch.objects.select_related("run__sync").get()
    held = settle.claim(batch, lease, timezone.now(), way_of(run.sync).journal)
    assert held is not None
    return held


def as_it_is() -> list[dict[str, object]]:
    return [*Batch.objects.values(), *Run.objects.values("accepted_count", "waiting_count", "rejected_count")]


def test_a_stale_worker_claims_nothing(run: Run) -> None:
    lease = taken(run)
    steal(run)
    before = as_it_is()

    assert settle.claim(Batch.objects.get(), lease, timezone.now(), way_of(run.sync).journal) is None
    assert as_it_is() == before


def test_an_expired_lease_claims_nothing_though_nobody_took_it(run: Run) -> None:
    lease = taken(run)
    later = timezone.now() + timedelta(seconds=60)

    assert settle.claim(Batch.objects.get(), lease, later, way_of(run.sync).journal) is None


def test_a_batch_is_claimed_once(run: Run) -> None:
    lease = taken(run)
    first, second = Batch.objects.get(), Batch.objects.get()

    assert settle.claim(first, lease, timezone.now(), way_of(run.sync).journal) is not None
    assert settle.claim(second, lease, timezone.now(), way_of(run.sync).journal) is None
    assert Batch.objects.get().attempt == 1


@pytest.mark.parametrize("fenced_by", ["run", "batch", "attempt", "status"])
def test_a_stale_worker_keeps_and_settles_nothing(run: Run, fenced_by: str) -> None:
    lease = taken(run)
    held = claimed(run, lease)
    match fenced_by:
        case "run":
            steal(run)
        case "batch":
            Batch.objects.update(lease_token=uuid4())
        case "attempt":
            Batch.objects.update(attempt=2)
        case "status":
            Batch.objects.update(status=Batch.Status.WAITING)
    before = as_it_is()

    with pytest.raises(LostLease):
        settle.keep(held, lease, due_at=timezone.now(), error="")
    held.journal.failed("gone.", may_be_applied=False, counts=True)
    with pytest.raises(LostLease):
        settle.settle(run, [held], [], lease, failed_owners=frozenset(), adapter=Adapter, companion="")

    assert as_it_is() == before
    with pytest.raises(LostLease):
        lease.demand()


def test_a_batch_that_a_dead_worker_was_sending_is_taken_over_as_lost(run: Run) -> None:
    claimed(run, taken(run))
    steal(run, seconds=-1)

    held = claimed(run, taken(run))

    assert held.journal.lost
    assert held.batch.attempt == 2
    assert held.call_id.endswith("-2")


def test_a_batch_whose_job_a_dead_worker_watched_is_watched_on(run: Run) -> None:
    lease = taken(run)
    held = claimed(run, lease)
    held.journal.pending({"job": "7"}, timezone.now())
    settle.keep(held, lease, due_at=timezone.now(), error="")
    steal(run, seconds=-1)

    held = claimed(run, taken(run))

    assert not held.journal.lost
    assert held.journal.call is not None
    assert held.journal.call.state == {"job": "7"}


def test_ending_twice_in_a_row_ends_once(run: Run) -> None:
    lease = taken(run)
    claimed(run, lease)
    for _ in range(2):
        settle.abandon(run, lease, adapter=Adapter, companion="", read=way_of(run.sync).journal)

    run.refresh_from_db()
    assert counts(run) == {"read": 2, "planned": 2, "in_doubt": 2}
