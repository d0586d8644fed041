"""Fields that change at the destination between two runs: what the next run makes of it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from destinations import budget
from destinations.contract import Field, Kind, ObjectType
from destinations.models import RemoteAccount
from syncs.engine.listing import demand
from syncs.engine.mapping import MappingBroken
from syncs.models import Run
from tests.syncs.engine.scene import LEADS, Scene, check_history, counts, person, reason, set_mapping, told


@pytest.fixture
def world(scene: Scene, settings) -> Scene:
    """The scene with a field Score__c, a text, filled from `note`. Every run asks for the fields."""
    settings.FIELDS_LAST_SECONDS = 0
    scene.sandbox.add_field("lead", "Score__c", "string")
    set_mapping(scene.sync, LEADS | {"Score__c": "note"})
    scene.rows = [person(1, note="7"), person(2, note="high")]
    assert counts(scene.finish())["accepted"] == 2
    return scene


def test_a_field_that_disappeared_stops_the_run_before_anything_is_sent(world: Scene) -> None:
    world.sandbox.remove_field("lead", "Score__c")
    world.change(1, title="CEO")
    run = world.finish()

    assert run.status == Run.Status.STOPPED
    assert run.stop_reason == (
        "Qualified has no field “Score__c” of leads any more, and this sync fills it. Whoever edits the sync "
        "must fill another field or leave it out; or whoever manages Qualified must bring it back. Nothing "
        "was sent."
    )
    assert not any(request.startswith("POST") for request in world.requests())
    assert counts(run) == {}
    check_history(run)

    world.sandbox.add_field("lead", "Score__c", "string")
    assert counts(world.finish()) == {"read": 2, "unchanged": 1, "planned": 1, "accepted": 1}


def test_a_field_of_another_type_is_cast_by_it(world: Scene) -> None:
    world.sandbox.add_field("lead", "Score__c", "decimal")
    run = world.finish()

    assert run.status == Run.Status.ATTENTION
    assert told(run) == [("invalid", "not_a_number", "2")]
    assert world.lead(1)["Score__c"] == 7


def test_a_text_that_becomes_a_picklist_takes_its_options_and_each_new_one(world: Scene) -> None:
    world.sandbox.add_field("lead", "Score__c", "picklist", options=["7", "High"])
    run = world.finish()
    assert told(run) == [("invalid", "not_in_list", "2")]
    assert 'Did you mean "High"?' in reason(run, 2)

    world.sandbox.add_field("lead", "Score__c", "picklist", options=["7", "High", "high"])
    world.change(1, note="low")
    run = world.finish()
    assert [key for _, _, key in told(run)] == ["1"]
    assert counts(run)["unchanged"] == 1  # "high" was sent already, when it was a text


def test_a_default_that_does_not_fit_the_new_type_is_told_at_its_rows(world: Scene) -> None:
    score = {"column": "note", "empty": "default", "default": "none"}
    set_mapping(world.sync, LEADS | {"Score__c": score})
    world.sandbox.add_field("lead", "Score__c", "decimal")
    world.rows = [person(1, note="7"), person(2, note=None)]
    run = world.finish()

    assert told(run) == [("invalid", "not_a_number", "2")]
    assert reason(run, 2).startswith("Score__c is empty, and its default does not fit it any more. ")


def test_refused_rows_wait_no_longer_where_the_fields_changed(world: Scene, settings) -> None:
    settings.FIELDS_LAST_SECONDS = 86_400
    world.sandbox.add_field("lead", "Score__c", "picklist", options=["7"])
    world.change(2, note="9")
    assert counts(world.finish())["rejected"] == 1  # refused there: we took it for a text
    world.sandbox.add_field("lead", "Score__c", "picklist", options=["7", "9"])
    assert counts(world.finish())["deferred"] == 1

    settings.FIELDS_LAST_SECONDS = 0
    assert counts(world.finish()) == {"read": 2, "unchanged": 1, "planned": 1, "accepted": 1}


def test_a_service_that_does_not_tell_its_fields_is_sent_by_what_it_told_last(world: Scene) -> None:
    world.sandbox.faults.set(error_500_next=1, only="GET /v2/leads/fields")
    world.change(1, title="CEO")

    assert counts(world.finish())["accepted"] == 1


def test_a_service_that_does_not_answer_is_not_asked_by_each_plan(
    world: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "FAILURES_OPEN", 1)
    world.sandbox.faults.set(error_503_next=9, only="GET /v2/leads/fields")
    asked = []
    for _ in range(2):
        world.finish(dry_run=True)
        asked += world.requests()
    assert asked == ["GET /v2/leads/fields"]

    RemoteAccount.objects.update(down_until=timezone.now() - timedelta(minutes=5))
    world.finish(dry_run=True)
    assert world.requests() == asked, "that was long ago"


def test_whoever_edits_the_connection_meanwhile_is_not_held_up(world: Scene) -> None:
    world.connection.refresh_from_db()
    before = world.connection.updated_at, world.connection.fields["leads"]["fetched_at"]
    world.finish()

    world.connection.refresh_from_db()
    assert world.connection.updated_at == before[0]
    assert world.connection.fields["leads"]["fetched_at"] > before[1]


def test_fields_that_were_listed_just_now_are_not_asked_for_again(world: Scene, settings) -> None:
    settings.FIELDS_LAST_SECONDS = 86_400
    world.change(1, title="CEO")
    world.finish()

    assert not any("fields" in request for request in world.requests())


def test_a_field_that_can_only_be_read_now_stops_the_run() -> None:
    target = ObjectType("people", "People", ("email",), frozenset())
    listed = {"age": Field("age", "Age", Kind.NUMBER, read_only="is worked out there")}
    with pytest.raises(
        MappingBroken, match="“Age” of people in Acme cannot be filled any more: it is worked"
    ):
        demand(["age"], listed, target, "Acme")


def test_a_field_is_missed_only_where_the_list_is_whole() -> None:
    target = ObjectType("people", "People", ("email",), frozenset(), open_prefix="extra.")
    whole = {"age": Field("age", "Age", Kind.NUMBER)}
    part = {"age": Field("age", "Age", Kind.NUMBER, verified=False)}
    demand(["city"], part, target, "Acme")
    demand(["extra.city"], whole, target, "Acme")
    many = [f"f{n}" for n in range(7)]
    with pytest.raises(
        MappingBroken, match="has no fields “f0”, “f1”, “f2”, “f3”, “f4” and 2 more of people"
    ):
        demand(many, whole, target, "Acme")
