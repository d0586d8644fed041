import pytest

from tests.destinations.sandbox.conftest import acme, ann

OF_SALESFORCE = {"crm_id_type": "salesforce"}


def test_an_upsert_creates_then_updates_and_nests_the_record(salesloft, loft):
    first = loft.post("/person_upserts", ann(first_name="Ann", custom_fields={"Plan": "Pro"})).json()["data"]
    second = loft.post("/person_upserts", ann("ANN@acme.test", title="VP")).json()["data"]

    assert (first["upsert_type"], second["upsert_type"]) == ("create", "update")
    assert first["person"]["id"] == second["person"]["id"]
    [person] = salesloft.people()
    assert person.fields == {
        "email_address": "ANN@acme.test",
        "first_name": "Ann",
        "title": "VP",
        "custom_fields": {"Plan": "Pro"},
    }
    assert second["person"]["display_name"] == "Ann"


def test_an_account_is_upserted_by_its_domain_in_lower_case(salesloft, loft):
    first = loft.post("/account_upserts", acme("Acme.Test", name="Acme")).json()["data"]
    second = loft.post("/account_upserts", acme(size="50")).json()["data"]
    assert (first["upsert_type"], first["account"]["domain"]) == ("create", "acme.test")
    assert (second["upsert_type"], second["account"]["name"]) == ("update", "Acme")
    assert len(salesloft.accounts()) == 1


def test_without_an_upsert_key_an_upsert_only_creates(loft):
    loft.person(email_address="ann@acme.test")
    body = {"email_address": "ann@acme.test", "title": "VP"}
    answer = loft.post("/person_upserts", body)
    assert answer.json() == {"errors": {"email_address": ["is already taken"]}}
    fresh = loft.post("/person_upserts", {"email_address": "bob@acme.test"}, checked=False).json()["data"]
    assert fresh["upsert_type"] == "create"


def test_an_upsert_by_id_never_creates(salesloft, loft):
    id = loft.person(email_address="ann@acme.test")
    answer = loft.post("/person_upserts", {"upsert_key": "id", "id": id, "title": "VP"})
    assert answer.json()["data"]["upsert_type"] == "update"
    missing = {"upsert_key": "id", "id": id + 1, "email_address": "bob@acme.test"}
    assert loft.post("/person_upserts", missing).status_code == 404
    assert loft.post("/account_upserts", {"upsert_key": "id", "id": 5, "name": "X"}).status_code == 404
    assert len(salesloft.people()) == 1


def test_the_field_that_the_upsert_key_names_must_be_there(loft):
    assert loft.refused("/person_upserts", {"upsert_key": "email_address", "phone": "1"}) == {
        "email_address": ["is required"]
    }
    assert loft.refused("/account_upserts", {"upsert_key": "id", "name": "X"}) == {"id": ["is required"]}
    assert loft.refused("/account_upserts", {"upsert_key": "email_address"}) == {
        "upsert_key": ["is not included in the list"]
    }


def test_an_id_beside_another_key_must_be_that_of_the_match(loft):
    id = loft.person(email_address="ann@acme.test")
    assert loft.post("/person_upserts", ann(id=id, title="VP")).status_code == 200
    assert set(loft.refused("/person_upserts", ann(id=id + 1))) == {"id"}
    assert set(loft.refused("/person_upserts", ann("bob@acme.test", id=id))) == {"id"}


def test_several_matches_fail_where_the_team_allows_duplicates(salesloft, loft):
    salesloft.faults.set(duplicates=True)
    loft.person(email_address="ann@acme.test")
    loft.person(email_address="Ann@acme.test")
    assert set(loft.refused("/person_upserts", ann(title="VP"))) == {"email_address"}
    assert [person.fields.get("title") for person in salesloft.people()] == [None, None]


def test_what_exists_cannot_be_created_again(salesloft, loft):
    loft.person(email_address="ann@acme.test")
    loft.person(phone="1 444", last_name="Lee")
    loft.account()
    assert loft.refused("/people", {"email_address": " Ann@ACME.test "}) == {
        "email_address": ["is already taken"]
    }
    assert loft.refused("/people", {"phone": "1 444", "last_name": "LEE"}) == {"phone": ["is already taken"]}
    assert loft.refused("/accounts", {"name": "B", "domain": "ACME.test"}) == {"domain": ["is already taken"]}
    assert len(salesloft.people()) == 2


def test_an_update_changes_the_fields_that_are_sent_and_null_clears_one(salesloft, loft):
    id = loft.person(email_address="ann@acme.test", title="VP", phone="1", custom_fields={"Plan": "Pro"})
    answer = loft.put(f"/people/{id}", {"title": None, "phone": "2", "custom_fields": {"Lead Source": "Web"}})
    assert answer.json()["data"]["title"] is None
    [person] = salesloft.people()
    assert person.fields == {
        "email_address": "ann@acme.test",
        "phone": "2",
        "custom_fields": {"Plan": "Pro", "Lead Source": "Web"},
    }
    salesloft.faults.set(custom_fields_replace=True)
    loft.put(f"/people/{id}", {"custom_fields": {"Lead Source": "Fair"}})
    assert salesloft.people()[0].fields["custom_fields"] == {"Lead Source": "Fair"}


def test_an_update_of_a_missing_record_creates_nothing(salesloft, loft):
    assert loft.put("/people/7", {"email_address": "ann@acme.test"}).status_code == 404
    assert loft.put("/accounts/7", {"name": "A", "domain": "acme.test"}).status_code == 404
    assert loft.put("/people/ann", {"title": "VP"}).status_code == 404
    assert (salesloft.people(), salesloft.accounts()) == ([], [])


def test_an_update_cannot_take_the_key_of_another_record(salesloft, loft):
    loft.person(email_address="ann@acme.test")
    bob = loft.person(email_address="bob@acme.test")
    assert loft.refused(f"/people/{bob}", {"email_address": "ann@acme.test"}, method="PUT") == {
        "email_address": ["is already taken"]
    }
    assert loft.put(f"/people/{bob}", {"email_address": "robert@acme.test"}).status_code == 200
    assert loft.post("/person_upserts", ann("bob@acme.test")).json()["data"]["upsert_type"] == "create"


def test_a_phone_that_moves_to_a_taken_one_is_refused(loft):
    loft.person(phone="1", last_name="Lee")
    other = loft.person(phone="2", last_name="Lee")
    assert set(loft.refused(f"/people/{other}", {"phone": "1"}, method="PUT")) == {"phone"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"first_name": "Ann"}, "email_address"),
        ({"phone": "1"}, "email_address"),
        ({"last_name": "Lee", "phone": ""}, "email_address"),
        ({"email_address": "ann"}, "email_address"),
        ({"email_address": "ann@acme.test", "company_name": "Acme"}, "company_name"),
        ({"email_address": "ann@acme.test", "eu_resident": True}, "eu_resident"),
        ({"email_address": "ann@acme.test", "person": {}}, "person"),
        ({"email_address": "ann@acme.test", "phone": 1444}, "phone"),
        ({"email_address": "ann@acme.test", "owner_id": "2"}, "owner_id"),
        ({"email_address": "ann@acme.test", "owner_id": 999}, "owner_id"),
        ({"email_address": "ann@acme.test", "account_id": 999}, "account_id"),
        ({"email_address": "ann@acme.test", "person_stage_id": 999}, "person_stage_id"),
        ({"email_address": "ann@acme.test", "job_seniority": "boss"}, "job_seniority"),
        ({"email_address": "ann@acme.test", "contact_restrictions": ["fax"]}, "contact_restrictions"),
        ({"email_address": "ann@acme.test", "do_not_contact": None}, "do_not_contact"),
        ({"email_address": "ann@acme.test", "do_not_contact": "yes"}, "do_not_contact"),
        ({"email_address": "ann@acme.test", "tags": "a"}, "tags"),
        ({"email_address": "ann@acme.test", "custom_fields": [{"Plan": "Pro"}]}, "custom_fields"),
        ({"email_address": "ann@acme.test", "custom_fields": {"plan": "Pro"}}, "custom_fields"),
        ({"email_address": "ann@acme.test", "custom_fields": {"Plan": 5}}, "custom_fields"),
        ({"email_address": "ann@acme.test", "custom_fields": {"Renewal Date": "1 May"}}, "custom_fields"),
        ({"email_address": "ann@acme.test", "custom_fields": {"Tier": "A"}}, "custom_fields"),
        ({"email_address": "ann@acme.test", "crm_id": "00Q4x000000abcdEAA"}, "crm_id_type"),
        (
            {"email_address": "a@x.test", "crm_id": "0014x000000abcdEAA", **OF_SALESFORCE},
            "crm_id",
        ),
        ({"email_address": "a@x.test", "crm_id": "00Q4x000000abcd", **OF_SALESFORCE}, "crm_id"),
        ("ann@acme.test", "body"),
        (None, "body"),
    ],
)
def test_a_person_that_is_not_as_described_is_refused_at_the_field(salesloft, loft, body, field):
    assert set(loft.refused("/people", body)) == {field}
    assert salesloft.people() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"domain": "acme.test"}, "name"),
        ({"name": "Acme"}, "domain"),
        ({"name": "Acme", "domain": "https://acme.test/"}, "domain"),
        ({"name": "Acme", "domain": "acme"}, "domain"),
        ({"name": "Acme", "domain": "acme.test", "size": 50}, "size"),
        ({"name": "Acme", "domain": "acme.test", "archived": True}, "archived"),
        ({"name": "Acme", "domain": "acme.test", "custom_fields": {"Plan": "A"}}, "custom_fields"),
        ({"name": "Acme", "domain": "acme.test", "account_tier_id": 1}, "account_tier_id"),
    ],
)
def test_an_account_that_is_not_as_described_is_refused_at_the_field(salesloft, loft, body, field):
    assert set(loft.refused("/accounts", body)) == {field}
    assert salesloft.accounts() == []


def test_an_upsert_that_would_create_an_account_needs_its_name(salesloft, loft):
    assert loft.refused("/account_upserts", acme(size="50")) == {"name": ["is required"]}
    loft.account()
    assert loft.post("/account_upserts", acme(size="50")).status_code == 200
    salesloft.faults.set(account_needs_both=True)
    assert loft.refused("/account_upserts", acme(size="50")) == {"name": ["is required"]}


def test_links_come_back_as_objects(loft):
    account = loft.account()
    [stage] = [each for each in loft.data("/person_stages") if each["name"] == "Working"]
    [olivia] = loft.data("/users?search=olivia")
    id = loft.person(
        email_address="ann@acme.test", account_id=account, owner_id=olivia["id"], person_stage_id=stage["id"]
    )
    shown = loft.data(f"/people/{id}")
    found = (shown["account"]["id"], shown["owner"]["id"], shown["person_stage"]["id"])
    assert found == (account, olivia["id"], stage["id"])
    assert not {"account_id", "owner_id", "person_stage_id"} & set(shown)


def test_an_inactive_owner_is_refused(loft):
    [ida] = loft.data("/users?search=ida&visible_only=false")
    assert ida["active"] is False
    assert loft.refused("/people", {"email_address": "a@x.test", "owner_id": ida["id"]}) == {
        "owner_id": ["must exist"]
    }


def test_a_crm_id_needs_a_scope_of_its_own(salesloft, loft):
    body = ann(crm_id="00Q4x000000abcdEAA", crm_id_type="salesforce")
    answer = loft.post("/person_upserts", body, key="no-team-key")
    assert (answer.status_code, "crm_id_person:write" in answer.json()["error"]) == (403, True)
    assert loft.post("/person_upserts", body).status_code == 200
    by_crm = {"upsert_key": "crm_id", "crm_id": "00Q4x000000abcdEAA", "crm_id_type": "salesforce"}
    again = loft.post("/person_upserts", by_crm | {"title": "VP"}).json()["data"]
    assert (again["upsert_type"], again["person"]["title"]) == ("update", "VP")


def test_an_account_is_archived_and_comes_back(salesloft, loft):
    id = loft.account()
    assert loft.put(f"/accounts/{id}", {"archived": True}).json()["data"]["archived_at"]
    assert loft.data("/accounts?archived=false") == []
    assert loft.put(f"/accounts/{id}", {"archived": False}).json()["data"]["archived_at"] is None


def test_a_deleted_person_is_gone_and_the_id_is_not_used_again(salesloft, loft):
    id = loft.person(email_address="ann@acme.test")
    assert loft.call("DELETE", f"/people/{id}").status_code == 204
    assert loft.call("DELETE", f"/people/{id}").status_code == 404
    assert loft.get(f"/people/{id}").status_code == 404
    assert loft.person(email_address="ann@acme.test") > id


def test_the_older_paths_are_served_too(loft):
    assert loft.get("/me.json", checked=False).json()["data"]["name"] == "Sally Sandbox"
    created = loft.post("/people.json", {"email_address": "ann@acme.test"}, checked=False).json()
    assert loft.get(f"/people/{created['data']['id']}.json", checked=False).status_code == 200
    assert loft.get("/bulk_jobs.json", checked=False).status_code == 404
