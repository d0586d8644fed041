import pytest
import requests

from destinations.sandbox.running import running_sandbox
from tests.destinations.sandbox.conftest import ann
from tests.destinations.sandbox.test_control_page import Outline


def read(salesloft, name=""):
    return requests.get(f"{salesloft.url}/__sandbox__/{name}", timeout=60)


def post(salesloft, action, data, **headers):
    return requests.post(f"{salesloft.url}/__sandbox__/{action}", data=data, headers=headers, timeout=60)


def test_the_page_is_whole_and_stands_alone(salesloft, loft):
    loft.run(ann(title="<script>alert(1)</script>"), ann("<b>"))
    loft.account(name="<i>Acme</i>")
    answer = read(salesloft)
    outline = Outline()
    outline.feed(answer.text)
    assert (outline.open, outline.loaded) == ([], [])
    assert len(outline.ids) == len(set(outline.ids))
    assert set(outline.labels) <= set(outline.ids)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "&lt;script&gt;alert(1)" in answer.text
    for key in salesloft.faults.switches:
        assert f'name="{key}"' in answer.text


def test_the_pages_of_the_services_lead_to_each_other():
    with running_sandbox() as sandbox:
        first = requests.get(f"{sandbox.url}/__sandbox__/", timeout=60).text
        second = requests.get(f"{sandbox.url}/salesloft/__sandbox__/", timeout=60).text
    assert 'href="/salesloft/__sandbox__/"' in first
    assert 'href="/__sandbox__/"' in second
    assert "Qualified sandbox" in first
    assert "Salesloft sandbox" in second
    assert f"<code>{sandbox.url}/salesloft</code>" in second


def test_a_form_sets_switches_and_comes_back_to_this_service(salesloft):
    answer = post(salesloft, "switches", {"shown": "bulk_jobs duplicates", "duplicates": "on"})
    assert answer.history[0].headers["Location"] == "/salesloft/__sandbox__/"
    values = salesloft.faults.values()
    assert (values["duplicates"], values["bulk_jobs"]) == (True, False)


def test_programs_use_json(salesloft, loft):
    url = f"{salesloft.url}/__sandbox__"
    answer = requests.post(f"{url}/switches", json={"error_503_next": 2}, timeout=60).json()
    assert (answer["service"], answer["switches"]["error_503_next"]) == ("salesloft", 2)
    assert read(salesloft, "state.json").json()["switches"] == answer["switches"]
    refused = requests.post(f"{url}/switches", json={"gremlins": 2}, timeout=60)
    assert (refused.status_code, refused.json()) == (400, {"error": "There is no switch named gremlins."})


def test_what_there_is_can_be_read_and_forgotten(salesloft, loft):
    loft.run(ann(title="VP"))
    loft.account()
    [person] = read(salesloft, "people.json?email=ANN@acme.test").json()["data"]
    assert person["fields"] == {"email_address": "ann@acme.test", "title": "VP"}
    assert [each["match_key"] for each in read(salesloft, "accounts.json").json()["data"]] == ["acme.test"]
    assert read(salesloft, "jobs.json").json()["data"][0]["state"] == "done"
    latest = read(salesloft, "requests.json").json()["data"][0]
    assert (latest["method"], latest["path"], latest["status"]) == ("POST", "/v2/accounts", 200)
    assert "Nothing was found." in read(salesloft, "?email=nobody@acme.test").text

    post(salesloft, "clear", {})
    state = read(salesloft, "state.json").json()
    assert state["counts"] == {"people": 0, "accounts": 0, "jobs": 0}
    assert len(state["users"]) == 4


def test_a_team_is_changed(salesloft, loft):
    post(salesloft, "users", {"first_name": "Uma", "last_name": "User", "email": "uma@sandbox.example"})
    [uma] = loft.data("/users?search=uma")
    assert uma["active"] is True
    gone = {"first_name": "Uma", "last_name": "User", "email": "uma@sandbox.example", "active": "no"}
    post(salesloft, "users", gone)
    assert loft.data("/users?search=uma") == []
    post(salesloft, "choices", {"kind": "account_tier", "name": "Tier 3"})
    assert [each["name"] for each in loft.data("/account_tiers")] == ["Tier 1", "Tier 2", "Tier 3"]
    assert len(loft.data("/account_stages")) == 2
    field = {"field_type": "company", "name": "Tier"}
    post(salesloft, "custom_fields/remove", field)
    assert [each["name"] for each in loft.data("/custom_fields?field_type=company")] == ["Customer Since"]


@pytest.mark.parametrize(
    ("action", "form", "said"),
    [
        ("keys", {"key": "a", "scopes": ["lead:view"]}, "scopes must be some of"),
        ("custom_fields", {"field_type": "account", "name": "x", "value_type": "text"}, "field_type must be"),
        ("custom_fields", {"field_type": "person", "name": "x", "value_type": "number"}, "value_type must"),
        ("custom_fields", {"field_type": "person", "value_type": "text"}, "name is missing"),
        ("users", {"first_name": "A", "last_name": "B"}, "email is missing"),
        ("choices", {"kind": "stage", "name": "x"}, "kind must be one of"),
        ("apps", {"client_id": "a"}, "secret is missing"),
        ("tokens/revoke", {"grant": "all"}, "number of a sign-in"),
    ],
)
def test_a_wrong_action_says_what_is_wrong(salesloft, action, form, said):
    answer = requests.post(f"{salesloft.url}/__sandbox__/{action}", json=form, timeout=60)
    assert (answer.status_code, said in answer.json()["error"]) == (400, True)


def test_a_form_of_another_site_is_not_taken(salesloft):
    answer = post(salesloft, "clear", {}, Origin="http://evil.test")
    assert (answer.status_code, "another site" in answer.text) == (400, True)


def test_requests_to_the_page_cost_no_budget_and_are_not_recorded(salesloft):
    read(salesloft)
    assert (list(salesloft.requests), salesloft.limits.spent) == ([], (0, 0))
