"""Salesloft's facts, and its calls at the wire: what exactly is sent, and which fields are offered."""

from zoneinfo import ZoneInfo

import pytest
import requests

from destinations.adapters.salesloft import Adapter
from destinations.auth import ApiKey, OAuth
from destinations.contract import JSON, Field, Kind, Mode, Option, Packing, Pending, Target
from destinations.errors import ContractBroken, Rejected, Temporary
from destinations.registry import faults_of
from syncs.engine.mapping import Mapper, Rule, Shape
from tests.destinations.adapters.conftest import Wire
from tests.destinations.adapters.salesloft_calls import (
    ACCOUNTS,
    ACCOUNTS_BY_ID,
    PEOPLE,
    PEOPLE_BY_ID,
    TIMES,
    TWO_PEOPLE,
    account,
    call,
    job,
    listed,
    person,
    upserted,
)
from tests.destinations.openapi import load

SALESLOFT = load("salesloft")
NONE = listed()


def user(id: int, name: str, email: str, *, active: bool = True) -> dict[str, JSON]:
    return {"id": id, "guid": f"g{id}", "name": name, "email": email, "active": active, **TIMES}


def named(id: int, name: str) -> dict[str, JSON]:
    return {"id": id, "name": name, **TIMES}


def offered(wire: Wire, target: Target, **lists: dict[str, JSON]) -> dict[str, Field]:
    """The fields by key where these lists are as given, and the others empty."""
    salesloft = wire.opens(Adapter, SALESLOFT)
    paths = ("users", "person_stages") if target is PEOPLE else ("users", "account_stages", "account_tiers")
    for path in (*paths, "custom_fields"):
        wire.answers("GET", f"/v2/{path}", 200, lists.get(path, NONE))
    return {field.key: field for field in salesloft.fields(target.object)}


# Facts


def test_the_facts_are_sound_and_offer_both_ways_to_sign_in() -> None:
    assert list(faults_of(Adapter)) == []
    oauth, key = Adapter.auths
    assert isinstance(oauth, OAuth)
    assert isinstance(key, ApiKey)
    assert any("{redirect}" in step for step in oauth.app_steps)
    assert len(oauth.app_steps) == 4
    assert [scope.name for scope in Adapter.scopes if scope.optional] == ["team:read"]
    assert all(scope.why for scope in Adapter.scopes)


def test_every_mode_goes_by_every_key_but_an_insert_by_an_id_that_is_not_there_yet() -> None:
    for target, key in ((PEOPLE.object, "email_address"), (ACCOUNTS.object, "domain")):
        assert target.modes == frozenset(Mode)
        assert target.keys_for(Mode.UPSERT) == target.keys_for(Mode.UPDATE) == (key, "id")
        assert target.keys_for(Mode.INSERT) == (key,)
        assert target.required[Mode.UPDATE, "id"] == ("id",)
    assert ACCOUNTS.object.required[Mode.INSERT, "domain"] == ("name", "domain")
    assert ACCOUNTS.object.required[Mode.UPSERT, "domain"] == ("domain",)


@pytest.mark.parametrize(("target", "count"), [(PEOPLE, 10), (ACCOUNTS, 12)])
def test_the_mapping_opens_with_the_usual_fields(wire: Wire, target: Target, count: int) -> None:
    fields = offered(wire, target)

    assert len(target.object.seeds) == count
    assert list(fields)[:count] == list(target.object.seeds)


def test_every_field_that_salesloft_takes_is_offered_and_no_other(wire: Wire) -> None:
    people = SALESLOFT.document["paths"]["/v2/people"]["post"]["requestBody"]["content"]["application/json"]
    writable = set(people["schema"]["properties"]) - {"custom_fields"}

    assert {key for key, one in offered(wire, PEOPLE).items() if not one.read_only} == writable | {"id"}


def test_every_field_of_an_account_is_offered(wire: Wire) -> None:
    body = SALESLOFT.document["paths"]["/v2/accounts/{id}"]["put"]["requestBody"]["content"]
    writable = set(body["application/json"]["schema"]["properties"]) - {"custom_fields"}

    assert {key for key, one in offered(wire, ACCOUNTS).items() if not one.read_only} == writable | {"id"}


@pytest.mark.parametrize(("target", "schema"), [(PEOPLE, "Person"), (ACCOUNTS, "Account")])
def test_what_salesloft_only_shows_is_listed_with_the_reason(wire: Wire, target: Target, schema: str) -> None:
    shown = set(SALESLOFT.document["components"]["schemas"][schema]["properties"])
    barred = {key: one.read_only for key, one in offered(wire, target).items() if one.read_only}

    assert set(barred) <= shown
    assert barred["created_at"] == "is set by Salesloft itself"


@pytest.mark.parametrize(
    ("target", "mode", "settings", "packings"),
    [
        (PEOPLE, Mode.UPSERT, {}, (Packing(5000, 5000, 201, 12), Packing(1, 25))),
        (PEOPLE, Mode.UPSERT, {"bulk_from": 10, "batch_size": 9}, (Packing(9, 9, 10, 12), Packing(1, 25))),
        (PEOPLE, Mode.UPSERT, {"batch_size": 1}, (Packing(1, 25),)),
        (PEOPLE, Mode.INSERT, {}, (Packing(1, 25),)),
        (PEOPLE, Mode.UPDATE, {}, (Packing(1, 25),)),
        (ACCOUNTS, Mode.UPSERT, {}, (Packing(1, 25),)),
    ],
)
def test_many_people_go_out_in_jobs_and_all_else_one_at_a_time(
    target: Target, mode: Mode, settings: dict[str, JSON], packings: tuple[Packing, ...]
) -> None:
    assert Adapter.packings(target.object, mode, settings) == packings


@pytest.mark.parametrize(
    ("target", "written", "key"),
    [(PEOPLE, " Ann@X.Test ", "ann@x.test"), (ACCOUNTS, "https://www.X.test:443/shop", "x.test")],
)
def test_the_keys_are_tidied_by_the_engine_before_we_see_them(
    wire: Wire, target: Target, written: str, key: str
) -> None:
    field = offered(wire, target)[target.upsert_key]
    mapper = Mapper(Shape((Rule(field, "key"),), ("pk",), target.upsert_key), ("pk", "key"), ZoneInfo("UTC"))

    mapped = mapper.map([("1", written)])

    assert (mapped.match_keys, mapped.normalised_count) == ([key], 1)


# Fields


def test_owners_go_by_number_address_or_name_and_inactive_ones_are_closed(wire: Wire) -> None:
    users = listed(
        user(1, "Olivia Owner", "olivia@x.test"),
        user(2, "Sam Same", "sam1@x.test"),
        user(3, "Sam Same", "sam2@x.test", active=False),
    )
    field = offered(wire, PEOPLE, users=users)["owner_id"]

    assert (field.kind, field.options) == (
        Kind.PICKLIST,
        (
            Option("1", "Olivia Owner", ("olivia@x.test", "Olivia Owner")),
            Option("2", "Sam Same (sam1@x.test)", ("sam1@x.test", "Sam Same")),
            Option(
                "3", "Sam Same (sam2@x.test)", ("sam2@x.test", "Sam Same"), closed="is inactive in Salesloft"
            ),
        ),
    )
    assert any("visible_only=false" in path for _, path, _ in wire.asked)


def test_stages_and_tiers_go_by_number_or_name(wire: Wire) -> None:
    tiers = listed(named(7, "Tier 1"), named(8, "Tier 2"))
    fields = offered(wire, ACCOUNTS, account_tiers=tiers, account_stages=listed(named(1, "Customer")))

    assert fields["account_tier_id"].options == (
        Option("7", "Tier 1", ("Tier 1",)),
        Option("8", "Tier 2", ("Tier 2",)),
    )
    assert fields["company_stage_id"].options == (Option("1", "Customer", ("Customer",)),)


def test_custom_fields_are_offered_by_their_exact_names(wire: Wire) -> None:
    def custom(id: int, name: str, value_type: str, field_type: str = "person") -> dict[str, JSON]:
        return {**named(id, name), "value_type": value_type, "field_type": field_type}

    custom_fields = listed(
        custom(1, "Lead Source", "text"),
        custom(2, "renewal", "date"),
        custom(3, "Tier", "text", field_type="company"),
    )
    fields = [field for field in offered(wire, PEOPLE, custom_fields=custom_fields).values() if field.custom]

    assert [(field.key, field.label, field.kind) for field in fields] == [
        ("custom_fields.Lead Source", "Lead Source", Kind.TEXT),
        ("custom_fields.renewal", "renewal", Kind.DATE),
    ]
    assert all(field.verified for field in fields)


def test_a_list_is_read_to_its_last_page_and_no_further(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    many = [user(at, f"User {at}", f"u{at}@x.test") for at in range(1, 151)]
    wire.answers("GET", "/v2/users", 200, {"metadata": {}, "data": many[:100]})
    wire.answers("GET", "/v2/users", 200, {"metadata": {}, "data": many[100:]})
    wire.answers("GET", "/v2/person_stages", 200, listed(named(1, "New"), next_page=2))
    wire.answers("GET", "/v2/person_stages", 200, listed(named(2, "Old")))
    wire.answers("GET", "/v2/custom_fields", 200, NONE)

    fields = {field.key: field for field in salesloft.fields(PEOPLE.object)}

    assert len(fields["owner_id"].options) == 150
    assert len(fields["person_stage_id"].options) == 2
    assert len(wire.asked) == 5


def test_a_list_that_cannot_be_read_is_asked_for_again_later(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("GET", "/v2/users", 200, {"data": "none"}, published=False)

    with pytest.raises(Temporary):
        salesloft.fields(PEOPLE.object)


# What is sent

ANN: dict[str, JSON] = {
    "email_address": "ann@x.test",
    "first_name": "Ann",
    "title": None,
    "owner_id": "7",
    "account_id": 9,
    "do_not_contact": None,
    "autotag_date": True,
    "tags": ["a"],
    "crm_id": "003i000001mnhpDAAQ",
    "custom_fields.Plan": "Pro",
    "custom_fields.Renewal": None,
}
ANN_SENT: dict[str, JSON] = {
    "email_address": "ann@x.test",
    "first_name": "Ann",
    "title": None,
    "owner_id": 7,
    "account_id": 9,
    "tags": ["a"],
    "crm_id": "003i000001mnhpDAAQ",
    "crm_id_type": "salesforce",
    "custom_fields": {"Plan": "Pro", "Renewal": None},
}


def test_an_upsert_names_its_key_and_leaves_out_what_it_does_not_take(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("POST", "/v2/person_upserts", 200, upserted(person()))

    salesloft.send(PEOPLE, call(PEOPLE, ANN))

    assert wire.asked == [("POST", "/v2/person_upserts", {"upsert_key": "email_address", **ANN_SENT})]


def test_an_insert_may_tag_with_the_date(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("POST", "/v2/people", 200, {"data": person()})

    salesloft.send(PEOPLE, call(PEOPLE, ANN, mode=Mode.INSERT))

    assert wire.asked == [("POST", "/v2/people", {**ANN_SENT, "autotag_date": True})]


def test_an_update_by_id_sends_no_id_and_may_archive(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("PUT", "/v2/accounts/9", 200, {"data": account()})
    values: dict[str, JSON] = {"id": 9, "archived": True, "size": "250", "do_not_contact": False}

    salesloft.send(ACCOUNTS_BY_ID, call(ACCOUNTS_BY_ID, values, mode=Mode.UPDATE))

    sent = {"archived": True, "size": "250", "do_not_contact": False}
    assert wire.asked == [("PUT", "/v2/accounts/9", sent)]


def test_an_upsert_by_id_needs_no_address_and_archives_nothing(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("POST", "/v2/account_upserts", 200, upserted(account()))

    salesloft.send(ACCOUNTS_BY_ID, call(ACCOUNTS_BY_ID, {"id": 9, "archived": True, "city": "Ulm"}))

    assert wire.asked == [("POST", "/v2/account_upserts", {"upsert_key": "id", "id": 9, "city": "Ulm"})]


def test_an_id_beside_another_key_is_left_out(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("POST", "/v2/account_upserts", 200, upserted(account()))

    salesloft.send(ACCOUNTS, call(ACCOUNTS, {"domain": "x.test", "id": 5}))

    assert wire.asked[0][2] == {"upsert_key": "domain", "domain": "x.test"}


def test_an_id_that_is_none_stays_within_its_path(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("PUT", "/v2/people/7%2F..%2F8%3Fx", 404, {"error": "Not found"}, fits=False, published=False)

    with pytest.raises(Rejected) as caught:
        salesloft.send(PEOPLE_BY_ID, call(PEOPLE_BY_ID, {"id": "7/../8?x"}, mode=Mode.UPDATE))

    assert caught.value.field == "id"


def test_a_key_that_was_refused_is_looked_up_only_where_it_may_be_ambiguous(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    refusal = {"errors": {"email_address": ["is odd"]}}
    wire.answers("POST", "/v2/person_upserts", 422, refusal)
    wire.answers("GET", "/v2/people", 503, "<html>", published=False)

    with pytest.raises(Rejected, match="Email address: is odd"):
        salesloft.send(PEOPLE, call(PEOPLE, {"email_address": "ann@x.test"}))

    wire.mock.replace(
        "POST", wire.base_url + "/v2/person_upserts", json={"errors": {"city": ["x"]}}, status=422
    )
    with pytest.raises(Rejected, match="City: x"):
        salesloft.send(PEOPLE, call(PEOPLE, {"email_address": "ann@x.test"}))
    assert [method for method, *_ in wire.asked] == ["POST", "GET", "POST"]


def test_only_people_to_upsert_go_out_together() -> None:
    salesloft = Adapter(None, {})  # type: ignore[arg-type]
    two = call(ACCOUNTS, {"domain": "x.test"}, {"domain": "y.test"})
    inserts = call(PEOPLE, *(one.values for one in TWO_PEOPLE.operations), mode=Mode.INSERT)  # type: ignore[arg-type]

    for target, one in ((ACCOUNTS, two), (PEOPLE, inserts)):
        with pytest.raises(ContractBroken):
            salesloft.send(target, one)


@pytest.mark.parametrize("fault", [requests.ReadTimeout(), requests.ConnectionError("reset")])
def test_an_upload_without_an_answer_may_come_late_so_its_job_is_thrown_away(
    wire: Wire, fault: Exception
) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("GET", "/v2/bulk_jobs/7", 200, job("open", total=0))
    wire.mock.add("POST", wire.base_url + "/v2/bulk_jobs/7/job_data", body=fault)
    wire.answers("DELETE", "/v2/bulk_jobs/7", 204, "")

    pending = salesloft.advance(PEOPLE, TWO_PEOPLE, {"step": "upload", "job": "7", "tries": 0})
    assert pending == Pending({"step": "discard", "job": "7", "tries": 1}, at_once=True)
    anew = salesloft.advance(PEOPLE, TWO_PEOPLE, pending.state)

    assert anew == Pending({"step": "create", "tries": 1}, at_once=True)


def test_the_rows_of_an_upload_are_upserts_of_their_own(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("GET", "/v2/bulk_jobs/7", 200, job("open", total=0))
    wire.answers("POST", "/v2/bulk_jobs/7/job_data", 200, {"data": {"records": 2}})

    pending = salesloft.advance(PEOPLE, TWO_PEOPLE, {"step": "upload", "job": "7", "tries": 0})

    assert pending == Pending({"step": "start", "job": "7", "tries": 0}, at_once=True)
    assert wire.asked[-1][2] == {
        "data": [
            {"upsert_key": "email_address", "email_address": "ann@x.test", "first_name": "Ann"},
            {"upsert_key": "email_address", "email_address": "ben@x.test", "first_name": "Ben"},
        ]
    }
