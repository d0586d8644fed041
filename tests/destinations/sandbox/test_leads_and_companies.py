from datetime import UTC, datetime

import pytest

from tests.destinations.sandbox.conftest import company, lead

HALF_AN_HOUR = 1800


def test_a_new_lead_is_created_and_the_same_email_updates_it_whatever_its_case(sandbox, api):
    first = api.post("/v2/leads", {"email": "Ann@Acme.test", "fields": {"title": "VP", "first_name": "Ann"}})
    second = api.post("/v2/leads", {"email": " ann@acme.TEST ", "fields": {"title": "CEO"}})

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert list(sandbox.leads()) == ["ann@acme.test"]
    assert sandbox.leads()["ann@acme.test"].fields == {"title": "CEO", "first_name": "Ann"}


def test_null_clears_a_field_and_an_unset_field_reads_as_null(sandbox, api):
    api.post("/v2/leads", {"email": "ann@acme.test", "fields": {"title": "VP", "phone": "1"}})
    answer = api.post("/v2/leads", {"email": "ann@acme.test", "fields": {"title": None}}).json()

    assert sandbox.leads()["ann@acme.test"].fields == {"phone": "1"}
    assert (answer["fields"]["title"], answer["fields"]["phone"]) == (None, "1")


@pytest.mark.parametrize(
    ("data", "failed_field", "said"),
    [
        ({}, "email", "email is required"),
        ({"email": "ann"}, "email", "email is invalid"),
        ({"email": "ann@localhost"}, "email", "email is invalid"),
        ({"email": "a..n@acme.test"}, "email", "email is invalid"),
        ({"email": 7}, "email", "email is invalid"),
        ({"email": "ann@acme.test", "title": "VP"}, "title", "Unknown attribute: title"),
        ({"email": "ann@acme.test", "fields": []}, "fields", "fields must be an object"),
        ({"email": "ann@acme.test", "fields": {"lead_score__c": 1}}, "lead_score__c", "Unknown field"),
        ({"email": "ann@acme.test", "fields": {"Lead_Score__c": "1"}}, "Lead_Score__c", "must be a number"),
        ({"email": "ann@acme.test", "fields": {"Lead_Score__c": True}}, "Lead_Score__c", "must be a number"),
        ({"email": "ann@acme.test", "fields": {"title": 1}}, "title", "must be a string"),
        (
            {"email": "ann@acme.test", "fields": {"Secondary_Email__c": "x"}},
            "Secondary_Email__c",
            "valid email",
        ),
        (
            {"email": "ann@acme.test", "fields": {"Lifecycle_Stage__c": "MQL"}},
            "Lifecycle_Stage__c",
            "options",
        ),
        (
            {"email": "ann@acme.test", "fields": {"Marketing_Opt_In__c": "yes"}},
            "Marketing_Opt_In__c",
            "true or",
        ),
        ({"email": "ann@acme.test", "fields": {"Interests__c": ["a"]}}, "Interests__c", "Unknown field"),
        ({"email": "ann@acme.test", "fields": {"industry": "Software"}}, "industry", "Unknown field"),
    ],
)
def test_a_lead_with_a_fault_is_refused_and_the_field_is_named(sandbox, api, data, failed_field, said):
    answer = api.post("/v2/leads", data)

    assert answer.status_code == 422
    assert answer.json()["details"]["failed_field"] == failed_field
    assert said in answer.json()["error"]
    assert sandbox.leads() == {}


@pytest.mark.parametrize(
    "domain", ["", "acme", "https://acme.test", "acme.test/about", "acme.test:80", "a b.test", "acme..test"]
)
def test_a_company_without_a_plain_domain_is_refused(sandbox, api, domain):
    answer = api.post("/v2/companies", {"domain": domain})
    assert (answer.status_code, answer.json()["details"]) == (422, {"failed_field": "domain"})


def test_addresses_of_the_whole_world_are_taken(sandbox, api):
    for email in ("o'brien+x@acme.co.uk", "jörg@müller.test", "a@xn--p1ai.xn--p1ai", "用户@例子.测试"):
        assert api.post("/v2/leads", {"email": email}).status_code == 201


def test_a_company_is_matched_by_its_domain_without_www_and_case(sandbox, api):
    first = api.post("/v2/companies", {"domain": "WWW.Acme.test", "name": "Acme"})
    second = api.post("/v2/companies", {"domain": "acme.test", "fields": {"employee_count": 12}})

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == {
        **first.json(),
        "fields": {**first.json()["fields"], "employee_count": 12},
        "updatedAt": second.json()["updatedAt"],
    }
    assert (first.json()["domain"], second.json()["name"]) == ("acme.test", "Acme")


def test_leads_inherit_their_companys_values_and_a_changed_value_advances_them(sandbox, api):
    ann = api.post("/v2/leads", {"email": "ann@acme.test"}).json()
    bob = api.post("/v2/leads", {"email": "bob@globex.test"}).json()
    sandbox.advance_clock(60)
    api.run(company("acme.test", industry="Software"))
    after_change = api.get(f"/v2/leads/{ann['id']}").json()["data"]
    sandbox.advance_clock(60)
    api.run(company("acme.test", industry="Software"))

    assert after_change["fields"]["industry"] == "Software"
    assert after_change["updatedAt"] > ann["updatedAt"]
    assert api.get(f"/v2/leads/{ann['id']}").json()["data"] == after_change
    assert api.get(f"/v2/leads/{bob['id']}").json()["data"] == bob


def test_a_write_that_changes_nothing_leaves_the_lead_as_it_was_but_is_counted(sandbox, api):
    first = api.post("/v2/leads", {"email": "ann@acme.test", "fields": {"title": "VP"}}).json()
    sandbox.advance_clock(60)
    second = api.post("/v2/leads", {"email": "ann@acme.test", "fields": {"title": "VP"}}).json()

    assert first == second
    assert sandbox.leads()["ann@acme.test"].write_count == 2


def test_new_leads_are_listed_after_half_an_hour_or_as_the_switch_says(sandbox, api):
    api.post("/v2/leads", {"email": "ann@acme.test"})
    assert api.get("/v2/leads?email=ann@acme.test").json()["data"] == []

    sandbox.advance_clock(HALF_AN_HOUR)
    assert [each["email"] for each in api.get("/v2/leads").json()["data"]] == ["ann@acme.test"]

    api.post("/v2/leads", {"email": "bob@acme.test"})
    sandbox.faults.set(list_delay=0)
    found = api.get("/v2/leads", params={"email": " BOB@acme.test "}).json()["data"]
    assert [each["email"] for each in found] == ["bob@acme.test"]


def test_pages_go_forward_and_back_the_newest_lead_first(sandbox, api):
    sandbox.faults.set(list_delay=0, page_size=2)
    for number in range(5):
        api.post("/v2/leads", {"email": f"p{number}@acme.test"})

    def emails(page):
        return [each["email"][:2] for each in page["data"]]

    first = api.get("/v2/leads").json()
    second = api.get("/v2/leads", params={"after": first["pageInfo"]["endCursor"]}).json()
    third = api.get("/v2/leads", params={"after": second["pageInfo"]["endCursor"]}).json()
    back = api.get("/v2/leads", params={"before": second["pageInfo"]["startCursor"]}).json()

    assert [emails(page) for page in (first, second, third)] == [["p4", "p3"], ["p2", "p1"], ["p0"]]
    flags = [(p["pageInfo"]["hasPreviousPage"], p["pageInfo"]["hasNextPage"]) for p in (first, second, third)]
    assert flags == [(False, True), (True, True), (True, False)]
    assert back == first
    empty = api.get("/v2/leads", params={"after": third["pageInfo"]["endCursor"]}).json()
    assert empty["data"] == []
    assert empty["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": True,
        "startCursor": None,
        "endCursor": None,
    }
    assert api.get("/v2/leads?after=nonsense").status_code == 400


def test_leads_are_filtered_by_when_they_were_created_and_updated(sandbox, api):
    sandbox.faults.set(list_delay=0)
    api.post("/v2/leads", {"email": "old@acme.test"})
    sandbox.advance_clock(3 * 86400)
    api.post("/v2/leads", {"email": "new@acme.test"})
    between = datetime.fromtimestamp(sandbox.service.clock.now() - 86400, UTC)

    def emails(**query):
        return [each["email"] for each in api.get("/v2/leads", params=query).json()["data"]]

    assert emails(created_after=between.isoformat()) == ["new@acme.test"]
    assert emails(created_before=between.date().isoformat()) == ["old@acme.test"]
    assert emails(updated_after=between.replace(tzinfo=None).isoformat()) == ["new@acme.test"]
    api.post("/v2/leads", {"email": "old@acme.test", "fields": {"title": "VP"}})
    assert emails(updated_after=between.isoformat()) == ["new@acme.test", "old@acme.test"]
    assert emails(updated_before=between.isoformat(), email="old@acme.test") == []


def test_field_lists_show_types_and_options_and_lists_only_where_multi_select_is_on(sandbox, api):
    leads = {each["name"]: each for each in api.get("/v2/leads/fields").json()["data"]}
    companies = {each["name"]: each for each in api.get("/v2/companies/fields").json()["data"]}

    assert leads["Lead_Score__c"]["type"] == "decimal"
    assert {"value": "mql", "label": "Marketing Qualified Lead"} in leads["Lifecycle_Stage__c"]["options"]
    assert "options" not in leads["first_name"]
    assert companies["industry"]["type"] == "picklist"
    assert "Interests__c" not in leads

    sandbox.faults.set(multi_select=True)
    kinds = {each["name"]: each["type"] for each in api.get("/v2/leads/fields").json()["data"]}
    assert (kinds["Interests__c"], kinds["Products_Owned__c"]) == ("text_array", "multi_picklist")
    job = api.run(lead("ann@acme.test", Interests__c=["a", "b"]), lead("bob@acme.test", Interests__c="a"))
    assert [entry["errors"] for entry in job["result"]] == [
        [],
        ["Invalid value for Interests__c: must be an array of strings"],
    ]


def test_a_field_that_was_added_can_be_written_and_one_that_was_removed_cannot(sandbox, api):
    sandbox.add_field("lead", "Region__c", "picklist", options=["EMEA"])
    sandbox.remove_field("lead", "title")

    job = api.run(
        lead("ann@acme.test", Region__c="EMEA"), lead("bob@acme.test", title="VP", Region__c="emea")
    )

    assert job["result"][0]["errors"] == []
    assert job["result"][1]["errors"] == [
        "Unknown field: title",
        "Invalid value for Region__c: is not one of the options",
    ]
