import pytest


@pytest.fixture
def crowd(loft):
    """Thirty people, p0 to p29, the even ones in Rome."""
    return [
        loft.person(email_address=f"p{n}@acme.test", city="Rome" if n % 2 == 0 else "Oslo") for n in range(30)
    ]


def emails(loft, query):
    return sorted(each["email_address"] for each in loft.data(f"/people?{query}"))


@pytest.mark.parametrize(
    "query",
    [
        "email_addresses=p1@acme.test,P2@ACME.test,nobody@acme.test",
        "email_addresses[]=p1@acme.test&email_addresses[]=p2@acme.test",
        "email_addresses=p1%40acme.test&email_addresses=p2@acme.test",
    ],
)
def test_people_are_looked_up_by_many_emails_at_once(loft, crowd, query):
    assert emails(loft, query) == ["p1@acme.test", "p2@acme.test"]


def test_people_are_looked_up_by_ids(loft, crowd):
    assert emails(loft, f"ids={crowd[3]},{crowd[4]},99999") == ["p3@acme.test", "p4@acme.test"]


def test_a_hundred_emails_fit_one_look_up(loft):
    for number in range(100):
        loft.person(email_address=f"p{number}@acme.test")
    query = ",".join(f"p{number}@acme.test" for number in range(100))
    assert len(loft.data(f"/people?per_page=100&email_addresses={query}")) == 100


def test_a_filter_whose_name_is_not_known_is_ignored(loft, crowd):
    misspelt = loft.get("/people?email_address=p1@acme.test", checked=False)
    assert (misspelt.status_code, len(misspelt.json()["data"])) == (200, 25)


def test_a_published_filter_that_the_sandbox_lacks_is_not_ignored(loft, crowd):
    assert loft.get("/people?tag_id=5").status_code == 422


def test_pages_are_told_and_corrected(loft, crowd):
    first = loft.get("/people").json()
    assert (len(first["data"]), first["metadata"]["paging"]) == (
        25,
        {"per_page": 25, "current_page": 1, "next_page": 2, "prev_page": None},
    )
    last = loft.get("/people?page=2&include_paging_counts=true").json()
    assert last["metadata"]["paging"] == {
        "per_page": 25,
        "current_page": 2,
        "next_page": None,
        "prev_page": 1,
        "total_pages": 2,
        "total_count": 30,
    }
    assert loft.data("/people?page=50") == []
    assert len(loft.data("/people?per_page=5000&page=0")) == 30
    assert len(loft.data("/people?per_page=-3")) == 1


def test_the_latest_change_comes_first_unless_asked_otherwise(salesloft, loft, crowd):
    salesloft.clock.advance(5)
    loft.put(f"/people/{crowd[7]}", {"title": "VP"})
    assert loft.data("/people?per_page=1")[0]["id"] == crowd[7]
    assert loft.data("/people?per_page=1&sort_by=created_at&sort_direction=ASC")[0]["id"] == crowd[0]
    assert loft.get("/people?sort_by=luck").status_code == 422
    assert loft.get("/people?sort_direction=up").status_code == 422


def test_changes_since_a_moment_are_found(salesloft, loft, crowd):
    before = loft.data("/people?per_page=1")[0]["updated_at"].replace("+", "%2B")
    salesloft.clock.advance(5)
    loft.put(f"/people/{crowd[7]}", {"title": "VP"})
    assert emails(loft, f"updated_at[gt]={before}") == ["p7@acme.test"]
    assert loft.get("/people?updated_at[gt]=yesterday").status_code == 422


def test_values_that_are_no_value_of_a_filter_are_refused(loft):
    for query in ("ids=one", "do_not_contact=perhaps", "owner_id=olivia@sandbox.example"):
        assert loft.get(f"/people?{query}").status_code == 422


def test_fields_and_custom_fields_are_filters(loft, crowd):
    assert len(loft.data("/people?city=Rome&per_page=100")) == 15
    loft.put(f"/people/{crowd[1]}", {"custom_fields": {"Plan": "Pro"}, "do_not_contact": True})
    assert emails(loft, "custom_fields[Plan]=PRO") == ["p1@acme.test"]
    assert emails(loft, "custom_fields[plan]=Pro") == []
    assert emails(loft, "do_not_contact=true") == ["p1@acme.test"]
    assert len(loft.data("/people?owner_id=_is_null&per_page=100")) == 30


def test_accounts_are_looked_up_by_domain_and_ids(loft):
    acme, beta = loft.account(), loft.account(domain="beta.test", name="Beta")
    assert [each["id"] for each in loft.data("/accounts?domain=ACME.test")] == [acme]
    assert {each["id"] for each in loft.data(f"/accounts?ids={acme},{beta}")} == {acme, beta}
    assert [each["id"] for each in loft.data("/accounts?name=Beta")] == [beta]


def test_users_are_searched_and_deactivated_ones_hidden(loft):
    def names(query):
        return [each["name"] for each in loft.data(f"/users?{query}")]

    assert names("") == ["Oliver Owner", "Olivia Owner", "Sally Sandbox"]
    assert names("search=oliver+owner") == ["Oliver Owner"]
    assert names("search=OLIVIA@sandbox") == ["Olivia Owner"]
    assert names("search=ida") == names("active=false") == []
    assert names("search=ida&visible_only=false") == ["Ida Inactive"]
    assert names("active=true&visible_only=false&sort_direction=ASC")[0] == "Sally Sandbox"
    assert len(loft.data("/users?page=1&per_page=2")) == 2
    assert len(loft.data("/users?per_page=2")) == 3  # no pages unless one is asked for


def test_custom_fields_are_listed_by_type_or_refused(salesloft, loft):
    names = {each["name"]: each["value_type"] for each in loft.data("/custom_fields?field_type=company")}
    assert names == {"Tier": "text", "Customer Since": "date"}
    assert len(loft.data("/custom_fields?per_page=100")) == 5
    salesloft.act("custom_fields", field_type="person", name="Shoe", value_type="text")
    assert "Shoe" in {each["name"] for each in loft.data("/custom_fields?field_type=person")}
    salesloft.faults.set(custom_fields_listed=False)
    assert loft.get("/custom_fields").status_code == 403


def test_unknown_custom_fields_can_be_ignored(salesloft, loft):
    salesloft.faults.set(unknown_custom_fields=True)
    loft.person(email_address="ann@acme.test", custom_fields={"Plan": "Pro", "Shoe": "42"})
    assert salesloft.people()[0].fields["custom_fields"] == {"Plan": "Pro"}


def test_who_is_connected_is_told(loft):
    me, team = loft.data("/me"), loft.data("/team")
    assert (me["email"], me["team"]["id"], team["name"]) == (
        "sally@sandbox.example",
        team["id"],
        "Sandbox Sales",
    )
