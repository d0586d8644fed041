"""Journeys of runs, from rows in a file to records at the sandbox, judged by what is there in the end."""

import pytest

from destinations.models import AccountHour, Exchange
from syncs.engine.run import AlreadyRunning, Paused, finish_here
from syncs.models import LedgerEntry, Run, Sync
from tests.syncs.engine.scene import (
    LEADS,
    Scene,
    check_history,
    counts,
    person,
    reason,
    set_mapping,
    told,
)


def test_a_first_run_brings_every_row(scene: Scene) -> None:
    scene.rows = [person(1, first_name="O'Brien"), person(2, first_name="Zoë 🦊"), person(3, title=None)]

    run = scene.finish()

    assert run.status == Run.Status.SUCCEEDED
    assert counts(run) == {"read": 3, "planned": 3, "accepted": 3}
    assert scene.lead(1) == {"first_name": "O'Brien", "title": "VP"}
    assert scene.lead(2)["first_name"] == "Zoë 🦊"
    assert scene.lead(3) == {"first_name": "Person 3"}
    check_history(run)


# What is sent again, and what is not


def test_a_second_run_sends_nothing(scene: Scene) -> None:
    scene.rows = [person(1), person(2)]
    scene.finish()

    run = scene.finish()

    assert run.status == Run.Status.SUCCEEDED
    assert counts(run) == {"read": 2, "unchanged": 2}
    assert scene.requests() == []
    check_history(run)


def test_a_change_of_an_unmapped_column_sends_nothing(scene: Scene) -> None:
    scene.rows = [person(1)]
    scene.finish()
    scene.change(1, note="called back")

    assert counts(scene.finish()) == {"read": 1, "unchanged": 1}
    assert scene.requests() == []


def test_another_order_of_rows_or_of_mapped_fields_sends_nothing(scene: Scene) -> None:
    scene.rows = [person(1), person(2)]
    scene.finish()
    scene.rows.reverse()
    set_mapping(scene.sync, dict(reversed(LEADS.items())))

    assert counts(scene.finish()) == {"read": 2, "unchanged": 2}


def test_one_changed_row_sends_one(scene: Scene) -> None:
    scene.rows = [person(id) for id in range(1, 6)]
    scene.finish()
    scene.change(3, title="CEO")

    run = scene.finish()

    assert counts(run) == {"read": 5, "unchanged": 4, "planned": 1, "accepted": 1}
    assert scene.emails() == ["person3@acme.com"]
    assert scene.lead(3)["title"] == "CEO"


def test_a_new_field_in_the_mapping_sends_every_row(scene: Scene) -> None:
    scene.rows = [person(1), person(2)]
    scene.finish()
    set_mapping(scene.sync, LEADS | {"country": {"value": "India"}})

    assert counts(scene.finish()) == {"read": 2, "planned": 2, "accepted": 2}
    assert scene.lead(2)["country"] == "India"


def test_a_row_that_left_the_model_is_counted_and_stays_there(scene: Scene) -> None:
    scene.rows = [person(1), person(2)]
    scene.finish()
    gone = scene.rows.pop()

    run = scene.finish()

    assert counts(run) == {"read": 1, "unchanged": 1, "left": 1}
    assert run.notes == ["1 row left the model; what was sent stays at the destination."]
    assert "person2@acme.com" in scene.sandbox.leads()

    scene.rows.append(gone)
    assert counts(scene.finish()) == {"read": 2, "unchanged": 2}


def test_a_full_run_sends_every_row_again(scene: Scene) -> None:
    scene.rows = [person(1), person(2)]
    scene.finish()

    assert counts(scene.finish(full=True)) == {"read": 2, "planned": 2, "accepted": 2}
    assert scene.emails() == ["person1@acme.com", "person2@acme.com"]


def test_a_new_generation_sends_every_row_again(scene: Scene) -> None:
    scene.rows = [person(1)]
    scene.finish()
    Sync.objects.update(generation=2)

    assert counts(scene.finish()) == {"read": 1, "planned": 1, "accepted": 1}


def test_a_run_of_a_former_generation_stops_and_sends_nothing(scene: Scene) -> None:
    scene.rows = [person(1)]
    run = scene.start()
    Sync.objects.update(generation=2)

    run = finish_here(run)

    assert run.status == Run.Status.STOPPED
    assert "changed" in run.stop_reason
    assert scene.requests() == []


def test_records_go_in_batches_of_the_size_that_is_set(scene: Scene) -> None:
    scene.options(batch_size=2)
    scene.rows = [person(id) for id in range(1, 6)]

    run = scene.finish()

    assert [batch.operation_count for batch in run.batches.order_by("number")] == [2, 2, 1]
    assert [batch.object_key for batch in run.batches.all()] == ["leads"] * 3
    assert len(scene.sandbox.leads()) == 5
    check_history(run)


def test_an_empty_model_is_a_run_that_found_nothing(scene: Scene) -> None:
    scene.rows = [person(1)]
    scene.sync.model.sql += " where id = 'none'"
    scene.sync.model.save()

    run = scene.finish()

    assert run.status == Run.Status.SUCCEEDED
    assert counts(run) == {}


# Rows that share a key


def test_equal_rows_with_one_email_are_sent_once(scene: Scene) -> None:
    scene.rows = [person(1), person(2, email="PERSON1@acme.com ", first_name="Person 1")]

    run = scene.finish()

    assert run.status == Run.Status.SUCCEEDED
    assert counts(run) == {"read": 2, "held_back": 1, "planned": 1, "accepted": 1, "normalised": 1}
    [(stage, problem, key)] = told(run)
    assert (stage, problem) == ("held_back", "same_as")
    assert reason(run, key).startswith(f"Equal to row {3 - int(key)}, with the same Email.")
    check_history(run)
    assert counts(scene.finish())["held_back"] == 1
    assert scene.requests() == []


def test_different_rows_with_one_email_are_all_invalid(scene: Scene) -> None:
    scene.rows = [person(1), person(2, email="person1@acme.com"), person(3)]

    run = scene.finish()

    assert run.status == Run.Status.ATTENTION
    assert counts(run) == {"read": 3, "invalid": 2, "planned": 1, "accepted": 1}
    assert told(run) == [("invalid", "duplicate", "1"), ("invalid", "duplicate", "2")]
    assert "(also: 2)" in reason(run, 1)
    assert scene.emails() == ["person3@acme.com"]
    check_history(run)


def test_a_retry_of_one_of_two_different_rows_sends_neither(scene: Scene) -> None:
    scene.rows = [person(1), person(2, email="person1@acme.com")]
    scene.finish()

    run = scene.finish(keys=["1"], trigger=Run.Trigger.RETRY)

    assert counts(run) == {"read": 1, "invalid": 1}
    assert told(run) == [("invalid", "duplicate", "1")]
    assert scene.requests() == []


def test_rows_with_one_primary_key_are_invalid(scene: Scene) -> None:
    scene.rows = [person(1), person(1, email="other@acme.com"), person(2)]

    run = scene.finish()

    assert counts(run) == {"read": 3, "invalid": 2, "planned": 1, "accepted": 1}
    assert told(run) == [("invalid", "repeated_primary_key", "1")] * 2
    check_history(run)


def test_the_very_same_row_twice_is_sent_once(scene: Scene) -> None:
    scene.rows = [person(1), person(1)]

    assert counts(scene.finish()) == {"read": 2, "held_back": 1, "planned": 1, "accepted": 1}


def test_a_row_in_a_clash_did_not_leave_the_model(scene: Scene) -> None:
    scene.rows = [person(1), person(2)]
    scene.finish()
    scene.change(2, email="person1@acme.com")

    assert counts(scene.finish()) == {"read": 2, "invalid": 2}


def test_a_primary_key_may_have_several_columns(scene: Scene) -> None:
    scene.sync.model.primary_key = ["title", "id"]
    scene.sync.model.save()
    scene.rows = [person(1), person(1, email="b@acme.com", title="CEO"), person(2, title=None)]

    run = scene.finish()

    assert counts(run) == {"read": 3, "invalid": 1, "planned": 2, "accepted": 2}
    assert told(run) == [("invalid", "no_primary_key", "")]
    assert set(LedgerEntry.objects.values_list("key_text", flat=True)) == {'["VP","1"]', '["CEO","1"]'}


# Rows that cannot be sent


def test_invalid_rows_stay_here_with_a_reason(scene: Scene) -> None:
    set_mapping(
        scene.sync, LEADS | {"Lead_Score__c": "note", "title": {"column": "title", "empty": "attention"}}
    )
    scene.rows = [
        person(1, email="bad@"),
        person(2, email=None),
        person(3, note="many"),
        person(4, title=""),
        person(5, note="7"),
    ]

    run = scene.finish()

    assert run.status == Run.Status.ATTENTION
    assert counts(run) == {"read": 5, "invalid": 4, "planned": 1, "accepted": 1}
    assert told(run) == [
        ("invalid", "empty", "4"),
        ("invalid", "no_upsert_key", "2"),
        ("invalid", "not_a_number", "3"),
        ("invalid", "not_an_email", "1"),
    ]
    assert scene.lead(5)["Lead_Score__c"] == 7
    check_history(run)


def test_a_row_that_became_invalid_did_not_leave_the_model(scene: Scene) -> None:
    scene.rows = [person(1)]
    scene.finish()
    scene.change(1, email="bad@")

    assert counts(scene.finish()) == {"read": 1, "invalid": 1}


# Another e-mail


def test_a_row_with_another_email_tells_of_the_record_left_behind(scene: Scene) -> None:
    scene.rows = [person(1)]
    scene.finish()
    scene.change(1, email="one@acme.com")

    run = scene.finish()

    assert run.status == Run.Status.SUCCEEDED
    assert counts(run) == {"read": 1, "planned": 1, "accepted": 1, "rekeyed": 1}
    assert told(run) == [("left_behind", "rekeyed", "1")]
    assert "was person1@acme.com and is one@acme.com now" in reason(run, 1)
    assert scene.entry(1).match_key == "one@acme.com"
    assert set(scene.sandbox.leads()) == {"person1@acme.com", "one@acme.com"}
    assert counts(scene.finish()) == {"read": 1, "unchanged": 1}


def test_a_mended_email_that_never_arrived_leaves_nothing_behind(scene: Scene) -> None:
    scene.sandbox.faults.set(item_fail_next=1)
    scene.rows = [person(1, email="wrong@acme.com")]
    assert counts(scene.finish()) == {"read": 1, "planned": 1, "rejected": 1}
    scene.change(1, email="right@acme.com")

    run = scene.finish()

    assert counts(run) == {"read": 1, "planned": 1, "accepted": 1}
    assert told(run) == []
    assert scene.entry(1).match_key == "right@acme.com"


def test_two_rows_may_swap_their_emails(scene: Scene) -> None:
    scene.rows = [person(1), person(2)]
    scene.finish()
    scene.change(1, email="person2@acme.com")
    scene.change(2, email="person1@acme.com")

    assert counts(scene.finish()) == {"read": 2, "planned": 2, "accepted": 2, "rekeyed": 2}
    assert scene.lead(1)["first_name"] == "Person 2"


# Runs of some rows


def test_a_dry_run_plans_and_sends_nothing(scene: Scene) -> None:
    scene.rows = [person(1), person(2, email="bad@")]

    run = scene.finish(dry_run=True)

    assert run.is_over
    assert counts(run) == {"read": 2, "invalid": 1, "planned": 1, "waiting": 1}
    assert scene.requests() == []
    check_history(run)
    assert counts(scene.finish())["accepted"] == 1


def test_a_limited_run_sends_the_first_rows_and_settles_them(scene: Scene) -> None:
    scene.rows = [person(id) for id in range(1, 8)]

    run = scene.finish(limit=3)

    assert counts(run) == {"read": 3, "planned": 3, "accepted": 3}
    assert scene.emails() == [f"person{id}@acme.com" for id in (1, 2, 3)]
    assert counts(scene.finish(limit=2)) == {"read": 5, "unchanged": 3, "planned": 2, "accepted": 2}
    assert scene.emails() == [f"person{id}@acme.com" for id in (4, 5)]
    assert counts(scene.finish()) == {"read": 7, "unchanged": 5, "planned": 2, "accepted": 2}


def test_a_run_of_some_keys_sends_only_those(scene: Scene) -> None:
    scene.rows = [person(id) for id in range(1, 6)] + [person(6, email="bad@")]

    run = scene.finish(keys=["2", "4", "6", "9"])

    assert counts(run) == {"read": 3, "invalid": 1, "planned": 2, "accepted": 2}
    assert scene.emails() == ["person2@acme.com", "person4@acme.com"]
    check_history(run)
    assert counts(scene.finish(keys=["2"])) == {"read": 1, "unchanged": 1}


# Sources that fail


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("select * from 'nowhere.csv'", "nowhere.csv"),
        ("selec * from 'people.csv'", "selec"),
        ("select id, first_name, title from 'people.csv'", "no longer returns the column “email”"),
        ("select email, first_name, title from 'people.csv'", "no longer returns “id”"),
        (
            "select * from 'people.csv' union all by name select error('half way')::int as id from range(1)",
            "",
        ),
    ],
)
def test_a_model_that_cannot_be_read_stops_the_run(scene: Scene, sql: str, says: str) -> None:
    scene.rows = [person(1), person(2, email="bad@")]
    scene.sync.model.sql = sql
    scene.sync.model.save()

    run = scene.finish()

    assert run.status == Run.Status.STOPPED
    assert counts(run) == {}
    assert says in run.stop_reason
    assert "person1" not in run.stop_reason
    assert not run.rejected_rows.exists()
    assert scene.requests() == []
    check_history(run)


def test_a_run_that_is_queued_twice_is_one(scene: Scene) -> None:
    scene.rows = [person(1)]
    run = scene.start()

    with pytest.raises(AlreadyRunning) as refusal:
        scene.start()

    assert refusal.value.run == run
    assert Run.objects.get().number == 1
    finish_here(run)
    assert scene.start().number == 2


def test_a_paused_sync_starts_no_run_of_any_kind(scene: Scene) -> None:
    scene.rows = [person(1)]
    Sync.objects.filter(pk=scene.sync.pk).update(paused=True)  # after somebody opened its page

    for kind in ({}, {"dry_run": True}, {"limit": 1}, {"keys": ["1"], "trigger": Run.Trigger.RETRY}):
        with pytest.raises(Paused, match=r"leads is paused\. Resume it, then run it\."):
            scene.start(**kind)
    assert not Run.objects.exists()
    assert scene.sync.last_run_number == 0

    Sync.objects.filter(pk=scene.sync.pk).update(paused=False)
    run = scene.start()
    Sync.objects.filter(pk=scene.sync.pk).update(paused=True)
    with pytest.raises(AlreadyRunning) as refusal:
        scene.start()
    assert refusal.value.run == run, "what was begun goes on, and can be followed"


def test_every_request_of_a_run_is_counted_for_its_account_by_the_hour(scene: Scene):
    scene.rows = [person(id) for id in range(1, 30)]
    scene.sandbox.faults.set(limit_window_next=2, retry_after=0.05)
    AccountHour.objects.all().delete()  # the fields were listed
    run = scene.finish()
    hours = AccountHour.objects.filter(account=scene.connection.account)
    sent = Exchange.objects.filter(subject=run.public_id)
    assert sum(hour.request_count for hour in hours.all()) == sent.count() > 2
    assert sum(hour.refused_count for hour in hours.all()) == sent.filter(status=429).count() > 0
