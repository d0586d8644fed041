"""Runs that a brake holds: nothing is sent before somebody agrees, and only what was shown is sent then."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from syncadmin.teams.models import User
from syncs.engine import approval, scheduling
from syncs.engine.braking import PLAN_LASTS
from syncs.engine.diff import CHANGED, KNOWN, Summary
from syncs.engine.fairness import fairest
from syncs.engine.run import cancel, finish_here, start
from syncs.models import Batch, BatchDiff, LeftRows, Run, Sync
from tests.syncs.engine.scene import LEADS, Scene, check_history, counts, person, set_mapping, told

LOW: dict[str, Any] = {
    "changes": {"percent": 50, "least": 3},
    "blanks": {"percent": 50, "least": 3},
    "new": {"percent": 50, "least": 3},
    "lost": {"percent": 50, "least": 3},
    "rekeyed": {"percent": 50, "least": 3},
}


@pytest.fixture
def alice(scene: Scene) -> User:
    return User.objects.create_user("alice@acme.com", "secret")


@pytest.fixture
def begun(scene: Scene) -> Scene:
    """Six people were sent, and brakes hold from half of them on."""
    scene.rows = [person(id) for id in range(1, 7)]
    scene.finish()
    Sync.objects.update(brakes=LOW)
    return scene


def change_all(scene: Scene, title: str = "CEO") -> None:
    for row in scene.rows:
        row["title"] = title


def held(scene: Scene, **options: Any) -> Run:
    """A run of what the scene holds now, that waits."""
    run = scene.finish(**options)
    assert run.status == Run.Status.APPROVAL
    assert scene.requests() == []
    return run


def texts(run: Run) -> list[str]:
    assert run.brakes is not None
    return [one["text"] for one in run.brakes["found"]]


def kinds(run: Run) -> list[str]:
    assert run.brakes is not None
    return [one["kind"] for one in run.brakes["found"]]


def titles(scene: Scene) -> set[str]:
    return {lead.fields["title"] for lead in scene.sandbox.leads().values()}


def make_old(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(planned_at=timezone.now() - PLAN_LASTS - timedelta(minutes=1))


def test_a_run_that_would_change_far_more_than_usual_waits_and_is_sent_once_somebody_agrees(
    begun: Scene, alice: User
) -> None:
    change_all(begun)
    run = held(begun)

    assert texts(run) == ["All 6 rows that were sent before would change."]
    assert counts(run) == {"read": 6, "planned": 6, "waiting": 6}
    assert Summary.read(run.diff or {}).count(KNOWN, "title", CHANGED) == 6
    assert run.lease_token is None and fairest() is None
    assert titles(begun) == {"VP"}

    answer = approval.approve(run, attempt=run.plan_attempt, by=alice)

    assert answer.done
    assert fairest() == run, "a worker takes it at once"
    run = finish_here(run)
    assert (run.status, run.decided_by) == (Run.Status.SUCCEEDED, alice)
    assert counts(run) == {"read": 6, "planned": 6, "accepted": 6}
    assert titles(begun) == {"CEO"}
    check_history(run)
    assert begun.finish().unchanged_count == 6


def test_what_somebody_does_not_want_is_not_sent_and_the_next_run_asks_again(
    begun: Scene, alice: User
) -> None:
    change_all(begun)
    run = held(begun)

    assert approval.deny(run, by=alice).done

    run = finish_here(run)
    assert (run.status, run.decision, run.is_over) == (Run.Status.CANCELLED, Run.Decision.DENIED, True)
    assert run.stop_reason.startswith("alice@acme.com decided not to send it.")
    assert not Batch.objects.filter(run=run).exclude(status=Batch.Status.PLANNED).exists()
    assert counts(run) == {"read": 6, "planned": 6, "waiting": 6}
    assert titles(begun) == {"VP"}
    again = held(begun)
    assert again.planned_count == 6
    change_all(begun, "VP")
    approval.deny(again, by=alice)
    finish_here(again)
    assert counts(begun.finish()) == {"read": 6, "unchanged": 6}


def test_an_old_plan_is_made_anew_and_goes_on_where_it_does_no_more(begun: Scene, alice: User) -> None:
    change_all(begun)
    run = held(begun)
    make_old(run)
    begun.change(1, title="VP")
    begun.write()
    approval.approve(run, attempt=run.plan_attempt, by=alice)
    died = {"status": Run.Status.PLANNING, "plan_attempt": run.plan_attempt + 1}
    Run.objects.filter(pk=run.pk).update(**died)  # a worker began it, and was killed

    run = finish_here(run)

    assert (run.status, run.decided_by) == (Run.Status.SUCCEEDED, alice)
    assert counts(run) == {"read": 6, "unchanged": 1, "planned": 5, "accepted": 5}
    check_history(run)


def test_an_old_plan_that_does_more_by_now_asks_again_and_says_what_is_more(
    begun: Scene, alice: User
) -> None:
    change_all(begun)
    run = held(begun)
    make_old(run)
    begun.rows += [person(id) for id in range(7, 19)]
    begun.write()
    first_attempt = run.plan_attempt
    approval.approve(run, attempt=first_attempt, by=alice)

    run = finish_here(run)

    assert (run.status, run.decision, run.decided_by) == (Run.Status.APPROVAL, "", None)
    assert run.brakes is not None
    assert run.brakes["since"] == [
        "18 rows would be sent now; 6 were approved.",
        "This is new: 12 new records would be sent, where 6 were sent so far.",
    ]
    assert titles(begun) == {"VP"}
    assert not approval.approve(run, attempt=first_attempt, by=alice).done
    assert approval.approve(run, attempt=run.plan_attempt, by=alice).done
    assert finish_here(run).accepted_count == 18
    assert set(BatchDiff.objects.filter(run=run).values_list("plan_attempt", flat=True)) == {run.plan_attempt}


def test_a_sync_that_changes_between_approval_and_sending_asks_anew(begun: Scene, alice: User) -> None:
    change_all(begun)
    run = held(begun)
    approval.approve(run, attempt=run.plan_attempt, by=alice)
    begun.sync.model.save()

    run = finish_here(run)

    assert run.status == Run.Status.APPROVAL
    assert run.brakes is not None and run.brakes["since"] == [
        "The sync, its model or its source was changed since."
    ]
    change_all(begun, "VP")
    begun.write()
    make_old(run)
    begun.sync.save()
    approval.approve(run, attempt=run.plan_attempt, by=alice)
    assert counts(finish_here(run)) == {"read": 6, "unchanged": 6}, "nothing holds what does no harm"


def test_a_field_that_would_be_emptied_in_many_rows_is_seen(begun: Scene) -> None:
    set_mapping(begun.sync, LEADS | {"title": {"column": "title", "empty": "clear"}})
    Sync.objects.update(brakes=LOW | {"changes": False})
    begun.finish()
    change_all(begun, "")

    assert texts(held(begun)) == ["Title would be emptied in all 6 rows that were sent before."]


def test_a_model_without_rows_waits_and_is_right_once_somebody_said_so(begun: Scene, alice: User) -> None:
    (settings.FILES_DIR / "people.csv").write_text("id,email,first_name,title,note\n")
    run = finish_here(start(begun.sync, ring=False))

    assert (run.status, kinds(run)) == (Run.Status.APPROVAL, ["empty"])
    assert "had 6 rows in the last run. Nothing would be sent" in texts(run)[0]
    assert (run.left_count, LeftRows.objects.filter(run=run, plan_attempt=run.plan_attempt).exists()) == (
        6,
        True,
    )
    approval.approve(run, attempt=run.plan_attempt, by=alice)
    assert finish_here(run).status == Run.Status.SUCCEEDED
    assert len(begun.sandbox.leads()) == 6
    assert finish_here(start(begun.sync, ring=False)).status == Run.Status.SUCCEEDED


def test_many_rows_with_another_upsert_key_are_seen_and_rows_that_need_attention_are_told(
    begun: Scene,
) -> None:
    for row in begun.rows:
        row["email"] = f"new-{row['email']}"
    begun.rows.append(person(7, email="nobody"))

    run = held(begun)

    assert kinds(run) == ["changes", "rekeyed"]
    assert counts(run) == {"read": 7, "invalid": 1, "planned": 6, "waiting": 6, "rekeyed": 6}
    assert ("invalid", "7") in {(stage, key) for stage, _, key in told(run)}


def test_most_rows_gone_and_as_many_others_in_their_place_are_seen(begun: Scene) -> None:
    begun.rows = [person(id) for id in range(11, 17)]

    run = held(begun)

    assert kinds(run) == ["new", "lost"]
    assert texts(run)[1].startswith("All 6 rows that were sent before are no longer in the model.")


def test_tries_runs_of_a_few_rows_and_syncs_without_brakes_are_not_held(begun: Scene) -> None:
    change_all(begun)
    for options in ({"dry_run": True}, {"limit": 2}, {"keys": ["1", "2"]}):
        assert begun.finish(**options).status == Run.Status.SUCCEEDED
    Sync.objects.update(brakes=dict.fromkeys(LOW, False))
    assert begun.finish().planned_count >= 2


def test_a_first_run_that_nobody_saw_the_numbers_of_waits(scene: Scene, alice: User) -> None:
    Sync.objects.update(brakes={"first": {"least": 3}})
    scene.rows = [person(id) for id in range(1, 5)]

    run = held(scene)

    assert texts(run) == [
        "This is the first run over all rows: 4 rows would be sent, and nobody has looked at the numbers yet."
    ]
    assert not scheduling.is_first(scene.sync)
    approval.deny(run, by=alice)
    finish_here(run)
    assert scheduling.is_first(scene.sync), "a schedule waits for it still"
    scene.rows += [person(id) for id in range(5, 16)]
    run = held(scene, confirmed=4)
    assert texts(run)[0].endswith("15 rows would be sent, where 4 were shown before.")
    cancel(run)
    finish_here(run)
    assert scene.finish(confirmed=14).accepted_count == 15
    assert not scheduling.is_first(scene.sync)
