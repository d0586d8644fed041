"""Run variables: they arrive with what a run sends, and make no row a changed one."""

import zlib
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import pytest

from destinations.contract import Field, Kind
from syncs.engine.mapping import MappingBroken
from syncs.engine.run import finish_here
from syncs.engine.variables import VARIABLES, Told, misfit
from syncs.models import LedgerEntry, Run
from tests.syncs.engine.scene import LEADS, Scene, counts, person, plan_only, set_mapping

NOW = datetime(2026, 11, 21, 23, 30, 12, 345678, tzinfo=UTC)
TOLD = Told(NOW, 7, UUID(int=5), "manual", "Leads", "People")
BERLIN = ZoneInfo("Europe/Berlin")


def field(kind: Kind) -> Field:
    return Field("field", "A field", kind)


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("run_started_at", Kind.DATETIME, "2026-11-21T23:30:12Z"),
        ("run_started_at", Kind.TEXT, "2026-11-21T23:30:12Z"),
        ("run_started_at", Kind.DATE, "2026-11-22"),
        ("run_number", Kind.NUMBER, 7),
        ("run_number", Kind.TEXT, "7"),
        ("run_id", Kind.TEXT, "00000000-0000-0000-0000-000000000005"),
        ("run_trigger", Kind.TEXT_LIST, ["manual"]),
        ("sync_name", Kind.TEXT, "Leads"),
        ("model_name", Kind.TEXT, "People"),
    ],
)
def test_a_variable_is_told_as_its_field_wants_it(name: str, kind: Kind, value: object) -> None:
    assert TOLD.constants([(name, field(kind))], BERLIN) == {"field": value}
    assert misfit(name, field(kind), BERLIN) is None


def test_a_variable_that_fits_its_field_no_more_stops_the_run_with_words() -> None:
    with pytest.raises(MappingBroken, match=r"“run_started_at” does not fit its field any more. A field: "):
        TOLD.constants([("run_started_at", field(Kind.NUMBER))], BERLIN)
    with pytest.raises(MappingBroken, match="“moon”, which this version of Syncadmin does not know"):
        TOLD.constants([("moon", field(Kind.TEXT))], BERLIN)


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("kind", Kind)
def test_what_is_said_to_fit_does(name: str, kind: Kind) -> None:
    if misfit(name, field(kind), BERLIN) is None:
        assert TOLD.constants([(name, field(kind))], BERLIN)["field"] is not None


STAMPED = LEADS | {
    "country": {"variable": "run_number"},
    "Notes__c": {"variable": "run_id"},
    "company.city": {"variable": "sync_name"},
    "company.description": "note",
}


def test_variables_arrive_with_what_is_sent_and_send_nothing_by_themselves(scene: Scene) -> None:
    set_mapping(scene.sync, STAMPED)
    scene.rows = [person(1, note="Big"), person(2, note="Big")]

    first = scene.finish()

    assert counts(first)["accepted"] == 2
    assert scene.lead(2)["country"] == "1"
    assert scene.lead(2)["Notes__c"] == str(first.public_id)
    company = scene.sandbox.companies()["acme.com"].fields
    assert (company["city"], company["description"]) == ("leads", "Big")
    assert ledger_has_none_of("country", "Notes__c", "city")

    assert counts(scene.finish()) == {"read": 2, "unchanged": 2}
    assert scene.requests() == []

    scene.change(2, title="CEO")
    third = scene.finish()
    assert counts(third) == {"read": 2, "unchanged": 1, "planned": 1, "accepted": 1}
    assert scene.lead(2)["country"] == "3"
    assert scene.lead(1)["country"] == "1"


def test_to_map_a_variable_sends_no_row_again(scene: Scene) -> None:
    scene.rows = [person(1)]
    scene.finish()
    set_mapping(scene.sync, LEADS | {"country": {"variable": "run_number"}})

    assert counts(scene.finish()) == {"read": 1, "unchanged": 1}


def test_batches_that_are_sent_later_keep_what_their_plan_told(scene: Scene) -> None:
    set_mapping(scene.sync, LEADS | {"country": {"variable": "sync_name"}})
    scene.rows = [person(1)]
    run = plan_only(scene.start())
    scene.sync.name = "renamed"
    scene.sync.save(update_fields=["name"])

    assert finish_here(run).status == Run.Status.SUCCEEDED
    assert scene.lead(1)["country"] == "leads"


def ledger_has_none_of(*fields: str) -> bool:
    packed = LedgerEntry.objects.values_list("record", flat=True)
    records = [orjson.loads(zlib.decompress(bytes(one), wbits=zlib.MAX_WBITS)) for one in packed]
    assert sorted(len(record) for record in records) == [1, 3, 3]
    return not any(set(fields) & set(record) for record in records)
