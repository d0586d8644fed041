"""Qualified at the wire: what the connection test tells apart, and the fields it offers."""

from typing import Any

import pytest

from destinations.adapters.qualified import Adapter
from destinations.contract import JSON, Field, Kind, Mode, Option
from destinations.errors import AuthExpired, Cause, Misconfigured, Temporary
from tests.destinations.adapters.conftest import Wire
from tests.destinations.adapters.qualified_jobs import COMPANIES, LEADS, TIMES
from tests.destinations.openapi import load

QUALIFIED = load("qualified")
NO_FIELDS: dict[str, JSON] = {"data": []}
EMPTY_REFUSED = {"code": "invalid_items", "message": "items must be an array with size 1..500"}


def listed(name: str, type_: str, label: str = "", **more: JSON) -> dict[str, JSON]:
    return {"id": f"fld_{name}", "label": label or name, "name": name, "type": type_, **TIMES, **more}


# The connection test


def test_a_good_key_with_bulk_access_lacks_nothing(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("GET", "/v2/leads/fields", 200, NO_FIELDS)
    wire.answers("GET", "/v2/companies/fields", 200, NO_FIELDS)
    wire.answers("POST", "/v2/bulk", 422, EMPTY_REFUSED, fits=False)

    identity = qualified.check()

    assert identity.missing == ()
    assert (identity.account_id, identity.account_name) == ("", "")
    assert identity.notes == ("Qualified does not tell which team a key belongs to.",)
    assert wire.asked[-1] == ("POST", "/v2/bulk", {"items": []})


def test_a_refused_key_names_both_reasons_and_what_to_do(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("GET", "/v2/leads/fields", 401, {"code": "invalid_token"})

    with pytest.raises(AuthExpired) as caught:
        qualified.check()

    for words in (
        "the key is wrong",
        "API is not enabled for your Qualified team",
        "Settings › API",
        "Enterprise",
    ):
        assert words in str(caught.value)
    assert "qk_test" not in str(caught.value)


def test_a_key_without_bulk_access_is_told_which_scopes_to_tick(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("GET", "/v2/leads/fields", 200, NO_FIELDS)
    wire.answers("GET", "/v2/companies/fields", 200, NO_FIELDS)
    wire.answers("POST", "/v2/bulk", 403, {"code": "insufficient_scope"}, fits=False)

    (missing,) = qualified.check().missing

    for scope in ("bulk_job:manage", "lead:manage", "company:manage", "Settings › API"):
        assert scope in missing


def test_the_probe_of_bulk_access_can_be_switched_off(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED, probe_bulk="never")
    wire.answers("GET", "/v2/leads/fields", 200, NO_FIELDS)
    wire.answers("GET", "/v2/companies/fields", 200, NO_FIELDS)

    identity = qualified.check()

    assert identity.missing == ()
    assert "Bulk access was not tried" in identity.notes[-1]
    assert [method for method, *_ in wire.asked] == ["GET", "GET"]


def test_a_missing_field_list_is_a_note_where_the_probe_proves_the_key(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("GET", "/v2/leads/fields", 404, {"message": "no"}, published=False)
    wire.answers("GET", "/v2/companies/fields", 404, "<html>", published=False)
    wire.answers("POST", "/v2/bulk", 422, EMPTY_REFUSED, fits=False)

    identity = qualified.check()

    assert identity.missing == ()
    assert "does not list the fields of leads" in identity.notes[1]
    assert "does not list the fields of companies" in identity.notes[2]


def test_without_field_lists_and_without_a_probe_nothing_proves_the_key(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED, probe_bulk="never")
    wire.answers("GET", "/v2/leads/fields", 404, None, published=False)
    wire.answers("GET", "/v2/companies/fields", 404, None, published=False)

    (missing,) = qualified.check().missing

    assert missing.startswith("Nothing proved that the key works")


def test_a_wrong_base_url_is_told_from_a_missing_scope(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("GET", "/v2/leads/fields", 404, "<html>", published=False)
    wire.answers("GET", "/v2/companies/fields", 404, "<html>", published=False)
    wire.answers("POST", "/v2/bulk", 404, "<html>", published=False, fits=False)

    with pytest.raises(Misconfigured) as caught:
        qualified.check()

    assert caught.value.cause is Cause.NOT_FOUND
    assert "base URL and the bulk style" in str(caught.value)


def test_an_unreadable_empty_batch_leaves_bulk_access_open(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("GET", "/v2/leads/fields", 200, NO_FIELDS)
    wire.answers("GET", "/v2/companies/fields", 200, NO_FIELDS)
    wire.answers("POST", "/v2/bulk", 400, {"code": "bad_request", "message": "Invalid request"}, fits=False)

    identity = qualified.check()

    assert identity.missing == ()
    assert "Whether the key has bulk access is open" in identity.notes[-1]


def test_a_vendor_that_is_down_is_told_as_such(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("GET", "/v2/leads/fields", 503, "<html>", published=False)

    with pytest.raises(Temporary) as caught:
        qualified.check()

    assert caught.value.cause is Cause.SERVER


def test_with_a_path_per_object_both_are_probed_and_a_fault_is_told_once_each(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED, bulk_style="per_object")
    wire.answers("GET", "/v2/leads/fields", 200, NO_FIELDS)
    wire.answers("GET", "/v2/companies/fields", 200, NO_FIELDS)
    wire.answers("POST", "/bulk/leads", 422, EMPTY_REFUSED, published=False, fits=False)
    wire.answers("POST", "/bulk/companies", 403, {"code": "insufficient_scope"}, published=False, fits=False)

    (missing,) = qualified.check().missing

    assert "/bulk/companies" in missing


# Fields


def test_lead_fields_come_from_the_service_with_types_and_options(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    options = [{"value": "new", "label": "Brand new"}, {"value": "won", "label": ""}]
    lead_fields = [
        listed("first_name", "string", "First name"),
        listed("Score__c", "decimal"),
        listed("Opted_In__c", "boolean"),
        listed("Stage__c", "picklist", options=options),
        listed("Topics__c", "text_array"),
        listed("Likes__c", "multi_picklist"),
        listed("Work_Email__c", "email"),
        listed("phone", "phone"),
        listed("Full__c", "name"),
        listed("Firm__c", "company"),
        listed("Later__c", "hologram"),
        listed("Empty__c", "picklist", options=[]),
    ]
    wire.answers("GET", "/v2/leads/fields", 200, {"data": lead_fields})
    wire.answers("GET", "/v2/companies/fields", 200, {"data": [listed("Tier__c", "text", "Tier")]})

    found = qualified.fields(LEADS.object)

    assert found[0] == Field("email", "Email", Kind.EMAIL, required=True)
    assert {field.key: field.kind for field in found[1:13]} == {
        "first_name": Kind.TEXT,
        "Score__c": Kind.NUMBER,
        "Opted_In__c": Kind.BOOLEAN,
        "Stage__c": Kind.PICKLIST,
        "Topics__c": Kind.TEXT_LIST,
        "Likes__c": Kind.TEXT_LIST,
        "Work_Email__c": Kind.EMAIL,
        "phone": Kind.PHONE,
        "Full__c": Kind.TEXT,
        "Firm__c": Kind.TEXT,
        "Later__c": Kind.TEXT,
        "Empty__c": Kind.TEXT,
    }
    by_key = {field.key: field for field in found}
    assert by_key["Stage__c"].options == (Option("new", "Brand new"), Option("won", "won"))
    assert (by_key["first_name"].custom, by_key["Score__c"].custom) == (False, True)
    assert found[13:] == [
        Field("company.domain", "Company domain", Kind.DOMAIN, group="Company"),
        Field("company.name", "Company name", Kind.TEXT, group="Company"),
        Field("company.Tier__c", "Tier", Kind.TEXT, custom=True, group="Company"),
    ]


def test_company_fields_begin_with_the_key_and_the_name(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers(
        "GET", "/v2/companies/fields", 200, {"data": [listed("Employees__c", "decimal", "Employees")]}
    )

    found = qualified.fields(COMPANIES.object)

    assert found == [
        Field("domain", "Domain", Kind.DOMAIN, required=True),
        Field("name", "Name", Kind.TEXT),
        Field("Employees__c", "Employees", Kind.NUMBER, custom=True),
    ]


def test_a_listed_key_field_keeps_its_label_and_stays_the_required_key(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    both = [listed("domain", "string", "Web domain"), listed("Domain", "string", "Another one")]
    wire.answers("GET", "/v2/companies/fields", 200, {"data": both})

    found = qualified.fields(COMPANIES.object)

    assert found[0] == Field("domain", "Web domain", Kind.DOMAIN, required=True)
    assert [field.key for field in found] == ["domain", "name", "Domain"]


def test_where_fields_are_not_listed_a_few_standard_names_are_offered_unchecked(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("GET", "/v2/leads/fields", 404, {"error": "Not found"}, published=False)
    wire.answers("GET", "/v2/companies/fields", 404, "<html>", published=False)

    found = qualified.fields(LEADS.object)

    assert {field.key: field.verified for field in found} == {
        "email": True,
        "first_name": False,
        "last_name": False,
        "name": False,
        "title": False,
        "phone": False,
        "company_name": False,
        "company.domain": True,
        "company.name": True,
        "company.industry": False,
        "company.website": False,
    }
    assert {field.kind for field in found if not field.verified} == {Kind.TEXT}


@pytest.mark.parametrize("body", [{"data": {}}, {"fields": []}, [], "[]", {"data": None}])
def test_a_garbled_field_list_is_not_taken_for_an_empty_one(wire: Wire, body: JSON) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("GET", "/v2/companies/fields", 200, body, published=False)

    with pytest.raises(Temporary) as caught:
        qualified.fields(COMPANIES.object)

    assert caught.value.cause is Cause.GARBLED


def test_odd_entries_of_a_field_list_do_no_harm(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    odd: list[Any] = [
        None,
        "Score__c",
        {},
        {"name": 7},
        {"name": ""},
        {"name": "Odd__c", "type": ["picklist"], "label": None},
        {"name": "Stage__c", "type": "picklist", "options": [None, {"value": 1}, {"value": "won"}]},
        {"name": "Odd__c", "type": "decimal"},
    ]
    wire.answers("GET", "/v2/companies/fields", 200, {"data": odd}, published=False)

    found = qualified.fields(COMPANIES.object)[2:]

    assert found == [
        Field("Odd__c", "Odd__c", Kind.TEXT, custom=True),
        Field("Stage__c", "Stage__c", Kind.PICKLIST, (Option("won", "won"),), custom=True),
    ]


# Facts


def test_leads_and_companies_are_upserted_by_their_one_key() -> None:
    assert {one.key: one.upsert_keys for one in Adapter.objects} == {
        "leads": ("email",),
        "companies": ("domain",),
    }
    for one in Adapter.objects:
        assert one.modes == {Mode.UPSERT}
        assert "creates or updates in one step" in one.missing_modes[Mode.INSERT]
        assert "creates or updates in one step" in one.missing_modes[Mode.UPDATE]


def test_what_people_wonder_about_is_noted_at_the_object() -> None:
    assert LEADS.object.note == "Leads appear in Qualified once they have activity."
    assert "Every lead on a company's domain takes over" in COMPANIES.object.note


def test_the_limits_of_an_account_are_all_declared() -> None:
    windows = {(window.requests, window.seconds) for window in Adapter.limits.windows}

    assert windows == {(2_000, 900), (7_000, 3_600), (120_000, 86_400)}
    assert (Adapter.limits.concurrency, Adapter.limits.operations_per_call) == (10, 500)


def test_advanced_settings_change_the_limits() -> None:
    limits = Adapter.limits_for(
        {"batch_size": 20, "concurrency": 1, "poll_seconds": 0.2, "timeout_seconds": 3}
    )

    assert (limits.operations_per_call, limits.default_concurrency, limits.timeout_seconds) == (20, 1, 3)
    assert limits.poll_seconds == (0.2, 1.5)
    assert limits.windows == Adapter.limits.windows


def test_every_scope_is_in_the_steps_of_the_setup() -> None:
    steps = " ".join(Adapter.setup_steps)

    for scope in Adapter.scopes:
        assert scope.name in steps
        assert scope.why
    for words in ("Enterprise", "Settings › API", "only this one time"):
        assert words in steps
