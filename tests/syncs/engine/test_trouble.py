"""Runs at a destination that loses answers, limits, fails and is away: what is there in the end."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from destinations.adapters.qualified import Adapter
from destinations.contract import Call, Target
from destinations.models import RemoteAccount
from destinations.sandbox.running import API_KEY
from syncadmin.lib.crypto import Secret
from syncs.engine import allowance, deliver
from syncs.engine.run import cancel, finish_here
from syncs.models import Batch, LedgerEntry, Run
from tests.syncs.engine.scene import Scene, check_history, counts, person, reason, serve_until_it_waits, told

BULK = "POST /v2/bulk"
LOOK = "GET /v2/bulk/"


@pytest.fixture
def crowd(scene: Scene) -> Scene:
    """Forty people, ten to a batch."""
    scene.options(batch_size=10)
    scene.rows = [person(id) for id in range(1, 41)]
    return scene


def arrived(scene: Scene, run: Run) -> None:
    """Everything arrived, with its values, and the next run has nothing to do."""
    assert run.status == Run.Status.SUCCEEDED, run.stop_reason
    assert counts(run) == {"read": 40, "planned": 40, "accepted": 40}
    assert {email: lead.fields["first_name"] for email, lead in scene.sandbox.leads().items()} == {
        f"person{id}@acme.com": f"Person {id}" for id in range(1, 41)
    }
    check_history(run)
    assert RemoteAccount.objects.get().down_since is None
    assert counts(scene.finish()) == {"read": 40, "unchanged": 40}
    assert scene.requests() == []


@pytest.mark.parametrize(
    "switches",
    [
        {"drop_after_next": 3, "only": BULK},
        {"truncate_next": 2, "garble_next": 1, "only": BULK},
        {"drop_before_next": 2, "only": BULK},
        {"error_500_next": 3, "errors_applied": True, "only": BULK},
        {"error_502_next": 1, "error_504_next": 1, "html_errors": True},
        {"drop_after_next": 2, "error_500_next": 2, "only": LOOK},
        {"job_fail_next": 2, "job_fail_part": 0.5},
        {"job_expire_next": 2},
        {"item_missing_next": 7},
        {"item_missing_next": 7, "missing_applied": False},
        {"item_duplicate_next": 5},
        {"overtake": True, "job_seconds": 0.2},
        {"limit_concurrency_next": 3},
        {"limit_window_next": 2, "retry_after": 0.2},
    ],
    ids=lambda switches: "-".join(switches),
)
def test_what_goes_wrong_on_the_way_is_put_right(crowd: Scene, switches: dict[str, Any]) -> None:
    crowd.sandbox.faults.set(**switches)

    arrived(crowd, crowd.finish())


def test_refusals_for_too_many_requests_use_up_no_attempt(scene: Scene) -> None:
    scene.rows = [person(1)]
    scene.sandbox.faults.set(limit_window_next=7, retry_after=0.05, only=BULK)

    assert counts(scene.finish()) == {"read": 1, "planned": 1, "accepted": 1}
    assert scene.requests().count(BULK) == 8


def test_a_record_whose_result_is_always_missing_is_in_doubt_and_goes_again(scene: Scene) -> None:
    scene.rows = [person(1), person(2)]
    scene.sandbox.faults.set(item_missing_rate=1.0)

    run = scene.finish()

    assert run.status == Run.Status.ATTENTION
    assert counts(run) == {"read": 2, "planned": 2, "in_doubt": 2}
    assert scene.requests().count(BULK) == 5
    assert told(run) == [("in_doubt", "in_doubt", "1"), ("in_doubt", "in_doubt", "2")]
    assert "holds no result for this record" in reason(run, 1)
    assert scene.entry(1).fingerprint is None
    check_history(run)

    scene.sandbox.faults.reset()
    assert counts(scene.finish()) == {"read": 2, "planned": 2, "accepted": 2}


def test_a_job_that_never_ends_is_in_doubt_after_the_set_time(scene: Scene) -> None:
    scene.options(poll_deadline_seconds=1)
    scene.rows = [person(1)]
    scene.sandbox.faults.set(job_stuck_next=1)

    run = scene.finish()

    assert counts(run) == {"read": 1, "planned": 1, "in_doubt": 1}
    assert scene.requests().count(BULK) == 1
    assert "has not finished the job" in reason(run, 1)
    check_history(run)


def test_failed_looks_at_a_job_do_not_add_up_while_others_succeed(scene: Scene) -> None:
    scene.rows = [person(1)]
    scene.sandbox.faults.set(hold_jobs=True)
    run = scene.start()
    over = threading.Event()

    def fail_every_other_look() -> None:
        for _ in range(8):
            before = len(scene.sandbox.requests)
            while len(scene.sandbox.requests) < before + 2 and not over.wait(0.02):
                pass
            scene.sandbox.faults.set(error_500_next=1, only=LOOK)
        scene.sandbox.faults.set(hold_jobs=False)

    thread = threading.Thread(target=fail_every_other_look)
    thread.start()
    run = finish_here(run)
    over.set()
    thread.join()

    assert counts(run) == {"read": 1, "planned": 1, "accepted": 1}
    assert scene.requests().count(BULK) == 1


# A person must act


def test_a_wrong_key_stops_the_run_and_the_next_one_sends_the_rows(crowd: Scene) -> None:
    crowd.connection.credentials = {"api_key": Secret("wrong")}
    crowd.connection.save()

    run = crowd.finish()

    assert run.status == Run.Status.STOPPED
    assert "does not accept the API key" in run.stop_reason
    assert "create a new key" in run.stop_reason
    assert counts(run) == {"read": 40, "planned": 40, "waiting": 40}
    assert told(run) == []
    check_history(run)

    crowd.connection.credentials = {"api_key": Secret(API_KEY)}
    crowd.connection.save()
    arrived(crowd, crowd.finish())


@pytest.mark.parametrize("credentials", [{}, {"api_key": Secret("")}])
def test_a_connection_without_a_key_stops_the_run_before_anything_is_in_doubt(
    crowd: Scene, credentials: dict[str, Secret]
) -> None:
    crowd.connection.credentials = credentials
    crowd.connection.save()

    run = crowd.finish()

    assert run.status == Run.Status.STOPPED
    assert counts(run) == {"read": 40, "planned": 40, "waiting": 40}
    assert crowd.requests() == []
    check_history(run)


def test_a_destination_that_is_not_there_any_more_stops_the_run(scene: Scene) -> None:
    scene.rows = [person(1)]
    scene.connection.destination = "gone"
    scene.connection.save()

    run = scene.finish()

    assert run.status == Run.Status.STOPPED
    assert "gone" in run.stop_reason
    check_history(run)


def test_a_missing_scope_stops_the_run(scene: Scene) -> None:
    scene.rows = [person(1)]
    scene.sandbox.faults.set(bulk_scope=False)

    run = scene.finish()

    assert run.status == Run.Status.STOPPED
    assert "lacks a scope" in run.stop_reason
    assert counts(run) == {"read": 1, "planned": 1, "waiting": 1}


# The account is down


def test_an_outage_pauses_the_run_and_uses_up_no_attempt(crowd: Scene) -> None:
    crowd.sandbox.faults.set(down=True)
    run = crowd.start()
    threading.Timer(1.0, lambda: crowd.sandbox.faults.set(down=False)).start()

    arrived(crowd, finish_here(run))


def test_an_outage_of_the_set_time_stops_the_run_with_its_rows_waiting(
    crowd: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowance, "OUTAGE_STOPS_AFTER", timedelta(seconds=0.5))
    with crowd.sandbox.refusing_connections():
        run = crowd.finish()

    assert run.status == Run.Status.STOPPED
    assert "has not been answering since" in run.stop_reason
    assert "once somebody who may edit the sync starts it" in run.stop_reason
    assert "by itself" not in run.stop_reason, "nothing is done again in this run"
    assert run.stopped_by == Run.StoppedBy.DESTINATION
    assert counts(run) == {"read": 40, "planned": 40, "waiting": 40}
    assert told(run) == []
    check_history(run)

    arrived(crowd, crowd.finish())


# Cancelled


def test_a_run_cancelled_while_queued_sends_nothing(scene: Scene) -> None:
    scene.rows = [person(1)]
    run = scene.start()
    assert cancel(run)

    run = finish_here(run)

    assert run.status == Run.Status.CANCELLED
    assert counts(run) == {}
    assert scene.requests() == []
    assert not cancel(run)


def test_a_run_cancelled_while_planning_sends_nothing(scene: Scene) -> None:
    scene.rows = [person(1), person(2, email="bad@")]

    def on_change(run: Run) -> None:
        if run.status == Run.Status.PLANNING:
            cancel(run)

    run = finish_here(scene.start(), on_change=on_change)

    assert run.status == Run.Status.CANCELLED
    assert counts(run) == {}
    assert not run.rejected_rows.exists()
    assert scene.requests() == []
    check_history(run)


def cancelled_with_a_job(scene: Scene, *, then: Callable[[], object] = lambda: None) -> Run:
    """A run that is cancelled while the destination works on its first batches; `then` comes a look later."""
    scene.options(concurrency=1)
    scene.sandbox.faults.set(hold_jobs=True)

    def on_change(run: Run) -> None:
        if run.cancel_requested_at is not None:
            then()
        elif run.batches.filter(status=Batch.Status.SENDING).exclude(journal=b"").exists():
            cancel(run)

    return finish_here(scene.start(), on_change=on_change)


def test_a_cancelled_run_waits_for_what_the_destination_works_on(crowd: Scene) -> None:
    crowd.rows += [person(id) for id in range(41, 161)]
    run = cancelled_with_a_job(crowd, then=lambda: crowd.sandbox.faults.set(hold_jobs=False))

    assert run.status == Run.Status.CANCELLED
    found = counts(run)
    assert found["accepted"] + found["waiting"] == 160
    assert len(crowd.sandbox.leads()) == found["accepted"] > 0
    check_history(run)
    assert counts(crowd.finish())["unchanged"] == found["accepted"]


def test_a_call_that_waits_for_a_thread_does_not_go_after_a_cancel(
    crowd: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd.options(concurrency=1, batch_size=1)
    run = crowd.start()
    real, sent = Adapter.send, []
    looks: list[Run] = []

    def send(self: Adapter, target: Target, call: Call) -> Any:
        sent.append(call)
        if len(sent) == 3:
            cancel(run)
            connection.close()
            seen, ends = len(looks), time.monotonic() + 100
            while len(looks) < seen + 2:  # somebody has looked whether it was cancelled, and went on
                assert time.monotonic() < ends
                time.sleep(0.01)
        return real(self, target, call)

    monkeypatch.setattr(Adapter, "send", send)
    monkeypatch.setattr(deliver, "LOOK_EVERY", 0.05)
    run = finish_here(run, on_change=looks.append)

    assert run.status == Run.Status.CANCELLED
    assert crowd.requests().count(BULK) == 3
    assert counts(run) == {"read": 40, "planned": 40, "accepted": 3, "waiting": 37}
    assert not LedgerEntry.objects.exclude(settles_at=None).exists()  # nothing counts as lost
    check_history(run)


def test_a_job_that_outlasts_a_cancel_is_in_doubt(crowd: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "CANCEL_WAITS", timedelta(seconds=0.3))
    crowd.rows += [person(id) for id in range(41, 161)]

    run = cancelled_with_a_job(crowd)

    assert run.status == Run.Status.CANCELLED
    found = counts(run)
    assert found["in_doubt"] + found["waiting"] == 160
    assert found["in_doubt"] >= 10
    check_history(run)
    crowd.sandbox.faults.reset()
    found = counts(crowd.finish())  # what the left jobs took is known by then
    assert found["accepted"] + found["unchanged"] == 160
    assert found["unchanged"] >= 10


@pytest.mark.parametrize(("fault", "waits_for"), [("lost", "unanswered"), ("pending", "an earlier run left")])
def test_a_value_that_goes_there_and_back_is_what_the_source_says(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, fault: str, waits_for: str
) -> None:
    """A → B (answer lost, or job pending; run cancelled) → A ends as A, though B takes effect late."""
    monkeypatch.setattr(deliver, "CANCEL_WAITS", timedelta(seconds=0.3))
    scene.options(settle_seconds=600 if fault == "lost" else 0)
    scene.rows = [person(1, title="A")]
    scene.finish()
    scene.change(1, title="B")
    scene.sandbox.faults.set(hold_jobs=True)
    if fault == "lost":
        scene.sandbox.faults.set(drop_after_next=50, only=BULK)
    run = scene.start()

    def on_change(run: Run) -> None:
        if BULK in scene.requests():
            cancel(run)

    run = finish_here(run, on_change=on_change)
    assert run.status == Run.Status.CANCELLED
    assert counts(run) == {"read": 1, "planned": 1, "in_doubt": 1}
    scene.change(1, title="A")

    run = serve_until_it_waits(scene.start())

    assert waits_for in run.waits_for
    scene.sandbox.faults.set(hold_jobs=False, drop_after_next=0)
    assert scene.sandbox.wait_for_jobs()
    assert scene.lead(1)["title"] == "B"
    run.batches.update(due_at=timezone.now())  # as if the ten minutes were over
    assert counts(finish_here(run)) == {"read": 1, "planned": 1, "accepted": 1}
    assert scene.sandbox.wait_for_jobs()
    assert scene.lead(1)["title"] == "A"
    assert counts(scene.finish()) == {"read": 1, "unchanged": 1}


def test_a_refusal_after_a_lost_answer_does_not_hide_what_was_applied(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A, then B whose answer is lost though it took effect, then refused: A must be sent again."""
    scene.rows = [person(1, title="A")]
    scene.finish()
    scene.change(1, title="B")
    scene.sandbox.faults.set(item_missing_next=1)
    real = Adapter.send

    def send(self: Adapter, target: Target, call: Call) -> Any:
        if scene.lead(1)["title"] == "B":  # the second time
            scene.sandbox.faults.set(item_fail_rate=1.0)
        return real(self, target, call)

    with monkeypatch.context() as patch:
        patch.setattr(Adapter, "send", send)
        run = scene.finish()
    assert counts(run) == {"read": 1, "planned": 1, "rejected": 1}
    scene.sandbox.faults.reset()
    scene.change(1, title="A")

    assert counts(scene.finish()) == {"read": 1, "planned": 1, "accepted": 1}
    assert scene.lead(1)["title"] == "A"
