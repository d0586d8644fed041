"""A job that a run left at the destination cannot overwrite what a later run sends."""

from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.models import Exchange
from syncadmin.lib.crypto import Secret
from syncs.engine import deliver
from syncs.engine.run import cancel, finish_here
from syncs.models import Batch, Run
from tests.syncs.engine.scene import Scene, check_history, counts, person, plan_only, serve_until_it_waits

LOOK = "GET /v2/bulk/"


@pytest.fixture
def left(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Person 1 was A, became B, and the run that sent B was cancelled with its job still at work."""
    monkeypatch.setattr(deliver, "CANCEL_WAITS", timedelta(seconds=0.2))
    scene.options(settle_seconds=0)
    scene.rows = [person(1, title="A"), person(2)]
    scene.finish()
    scene.change(1, title="B")
    scene.sandbox.faults.set(hold_jobs=True)

    def on_change(run: Run) -> None:
        if run.batches.exclude(journal=b"").exists():
            cancel(run)

    run = finish_here(scene.start(), on_change=on_change)
    assert run.status == Run.Status.CANCELLED
    assert counts(run) == {"read": 2, "unchanged": 1, "planned": 1, "in_doubt": 1}
    check_history(run)
    return run


def test_the_next_run_waits_for_the_job_and_then_sends_the_value_of_now(scene: Scene, left: Run) -> None:
    scene.change(1, title="A")

    run = serve_until_it_waits(scene.start())

    assert run.waits_for == "Waiting until Qualified is done with a job that an earlier run left there."
    scene.sandbox.faults.set(hold_jobs=False)
    assert counts(finish_here(run)) == {"read": 2, "unchanged": 1, "planned": 1, "accepted": 1}
    assert scene.sandbox.wait_for_jobs()
    assert scene.lead(1)["title"] == "A"
    assert scene.requests()[0].startswith(LOOK), "it looks before it sends"
    assert Exchange.objects.filter(subject=left.public_id, method="GET").exists(), "and that can be seen"
    assert not Batch.objects.filter(left_at__isnull=False).exists()
    assert counts(scene.finish()) == {"read": 2, "unchanged": 2}
    assert scene.requests() == []


def test_what_the_job_is_found_to_have_accepted_is_not_sent_again(scene: Scene, left: Run) -> None:
    run = serve_until_it_waits(scene.start())
    scene.sandbox.faults.set(hold_jobs=False)

    assert counts(finish_here(run)) == {"read": 2, "unchanged": 2}
    assert all(request.startswith(LOOK) for request in scene.requests())
    assert scene.lead(1)["title"] == "B"
    scene.change(1, title="A")
    assert counts(scene.finish()) == {"read": 2, "unchanged": 1, "planned": 1, "accepted": 1}
    assert scene.lead(1)["title"] == "A"


def test_a_dry_run_waits_for_nothing(scene: Scene, left: Run) -> None:
    assert counts(scene.finish(dry_run=True))["planned"] == 1
    assert scene.requests() == []


def test_the_wait_can_be_cancelled_and_the_job_is_not_forgotten(scene: Scene, left: Run) -> None:
    run = finish_here(scene.start(), on_change=lambda run: run.waits_for and cancel(run))

    assert run.status == Run.Status.CANCELLED
    assert counts(run) == {}
    assert Batch.objects.filter(left_at__isnull=False).exists()


def test_a_job_that_the_destination_no_longer_knows_holds_up_nobody(scene: Scene, left: Run) -> None:
    scene.sandbox.act("clear")
    scene.sandbox.faults.set(hold_jobs=False)
    assert counts(scene.finish()) == {"read": 2, "unchanged": 1, "planned": 1, "accepted": 1}


def test_a_job_that_is_too_old_is_not_waited_for(scene: Scene, left: Run) -> None:
    scene.options(poll_deadline_seconds=0)

    plan_only(scene.start())

    assert scene.requests() == [], "nobody asks after it any more"


def test_a_run_that_may_not_look_stops_and_sends_nothing(scene: Scene, left: Run) -> None:
    scene.change(1, title="A")
    scene.connection.credentials = {"api_key": Secret("wrong")}
    scene.connection.save()

    run = scene.finish()

    assert run.status == Run.Status.STOPPED
    assert "key" in run.stop_reason
    assert all(request.startswith(LOOK) for request in scene.requests())
    assert Exchange.objects.filter(subject=left.public_id, status=401).exists()


def test_another_row_with_the_upsert_key_waits_for_an_unanswered_request_too(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Person 1's new address was sent, the answer lost; then the address belongs to person 2."""
    monkeypatch.setattr(deliver, "CANCEL_WAITS", timedelta(0))
    scene.options(settle_seconds=600)
    scene.rows = [person(1, email="old@acme.com"), person(3)]
    scene.finish()
    scene.change(1, email="shared@acme.com", title="B")
    scene.sandbox.faults.set(job_seconds=1.5, job_spread=0, drop_after_next=50, only="POST /v2/bulk")

    def on_change(run: Run) -> None:
        if "POST /v2/bulk" in scene.requests():
            cancel(run)

    assert counts(finish_here(scene.start(), on_change=on_change))["in_doubt"] == 1
    scene.sandbox.faults.set(job_seconds=0, overtake=True, drop_after_next=0)
    scene.rows = [person(2, email="shared@acme.com", title="A"), person(3, title="Now")]

    run = serve_until_it_waits(scene.start())

    assert "unanswered" in run.waits_for
    assert scene.sandbox.wait_for_jobs()
    run.batches.update(due_at=timezone.now())  # as if its ten minutes were over
    run = finish_here(run)
    assert counts(run) == {"read": 2, "planned": 2, "accepted": 2, "left": 1}
    assert scene.sandbox.wait_for_jobs()
    assert scene.sandbox.leads()["shared@acme.com"].fields["title"] == "A"
    assert run.batches.filter(stage=Batch.Stage.LATE_ROWS).get().row_count == 1, "nobody else waits"
