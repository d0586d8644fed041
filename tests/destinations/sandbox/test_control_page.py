from html.parser import HTMLParser

import pytest
import requests

from tests.destinations.sandbox.conftest import lead

VOID = {"meta", "input", "br", "link", "hr", "img"}


class Outline(HTMLParser):
    """Fails on a tag that is not closed in order; collects ids, labels' targets and outside addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if given.get("for"):
            self.labels.append(given["for"])
        self.loaded += [given[name] for name in ("src", "href") if given.get(name, "").startswith("http")]
        assert tag != "script"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def post(sandbox, action, data, **headers):
    return requests.post(f"{sandbox.url}/__sandbox__/{action}", data=data, headers=headers, timeout=60)


def test_the_page_is_whole_and_stands_alone(sandbox, api):
    api.run(lead("<b>@acme.test"), lead("ann@acme.test", title="<script>alert(1)</script>"))
    answer = requests.get(f"{sandbox.url}/__sandbox__/", timeout=60)
    outline = Outline()
    outline.feed(answer.text)

    assert (outline.open, outline.loaded) == ([], [])
    assert len(outline.ids) == len(set(outline.ids))
    assert set(outline.labels) <= set(outline.ids)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "&lt;script&gt;alert(1)" in answer.text


def test_every_switch_is_on_the_page(sandbox):
    text = requests.get(f"{sandbox.url}/__sandbox__/", timeout=60).text
    for key in sandbox.faults.switches:
        assert f'name="{key}"' in text


def test_switches_are_set_by_a_form_and_an_unticked_one_is_off(sandbox):
    form = {"shown": "api_enabled down", "down": "on", "drop_after_rate": "0.05", "only": "POST /v2/bulk"}
    answer = post(sandbox, "switches", form)
    values = sandbox.faults.values()

    assert (answer.status_code, answer.history[0].status_code) == (200, 303)
    assert "3 changed" in answer.text
    assert (values["api_enabled"], values["down"], values["field_lists"]) == (False, True, True)
    assert (values["drop_after_rate"], values["only"]) == (0.05, "POST /v2/bulk")

    post(sandbox, "reset", {})
    assert sandbox.faults.values()["drop_after_rate"] == 0


def test_a_wrong_form_says_what_is_wrong(sandbox):
    answer = post(sandbox, "switches", {"drop_after_rate": "5"})
    assert answer.status_code == 400
    assert "drop_after_rate must be from 0 to 1." in answer.text


def test_programs_use_json(sandbox):
    url = f"{sandbox.url}/__sandbox__"
    answer = requests.post(f"{url}/switches", json={"error_503_next": 2}, timeout=60)
    assert answer.json()["switches"]["error_503_next"] == 2
    assert requests.get(f"{url}/state.json", timeout=60).json()["switches"] == answer.json()["switches"]

    refused = requests.post(f"{url}/switches", json={"gremlins": 2}, timeout=60)
    assert (refused.status_code, refused.json()) == (400, {"error": "There is no switch named gremlins."})


def test_keys_and_fields_are_added_and_removed(sandbox, api):
    key = {"key": "reader", "scopes": ["lead:view", "bulk_job:view"]}
    assert post(sandbox, "keys", key).status_code == 200
    field = {"entity": "lead", "name": "Region__c", "type": "picklist", "options": "emea = Europe\nApac\n"}
    assert post(sandbox, "fields", field).status_code == 200

    listed = {each["name"]: each for each in api.get("/v2/leads/fields", key="reader").json()["data"]}
    assert listed["Region__c"]["options"] == [
        {"value": "emea", "label": "Europe"},
        {"value": "Apac", "label": "Apac"},
    ]

    post(sandbox, "keys/remove", {"key": "reader"})
    post(sandbox, "fields/remove", {"entity": "lead", "name": "Region__c"})
    assert api.get("/v2/leads/fields", key="reader").status_code == 401
    assert "Region__c" not in api.get("/v2/leads/fields").text


@pytest.mark.parametrize(
    ("action", "form", "said"),
    [
        ("keys", {"key": ""}, "key is missing"),
        ("keys", {"key": "a b"}, "no blanks"),
        ("keys", {"key": "a", "scopes": ["all"]}, "scopes must be some of"),
        ("fields", {"entity": "person", "name": "x", "type": "string"}, "entity must be"),
        ("fields", {"entity": "lead", "name": "x", "type": "number"}, "type must be"),
        ("fields", {"entity": "lead", "name": "x", "type": "picklist"}, "needs options"),
        ("clock", {"seconds": "-1"}, "seconds must be"),
        ("clock", {}, "seconds must be"),
    ],
)
def test_a_wrong_action_says_what_is_wrong(sandbox, action, form, said):
    answer = requests.post(f"{sandbox.url}/__sandbox__/{action}", json=form, timeout=60)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_what_there_is_can_be_read_and_forgotten(sandbox, api):
    api.run(lead("ann@acme.test", title="VP"))
    url = f"{sandbox.url}/__sandbox__"
    [found] = requests.get(f"{url}/leads.json?email=ANN@acme.test", timeout=60).json()["data"]
    assert (found["email"], found["fields"], found["write_count"]) == ("ann@acme.test", {"title": "VP"}, 1)
    assert requests.get(f"{url}/companies.json", timeout=60).json() == {"data": []}
    assert requests.get(f"{url}/jobs.json", timeout=60).json()["data"][0]["status"] == "completed"
    latest = requests.get(f"{url}/requests.json", timeout=60).json()["data"][-1]
    assert (latest["method"], latest["path"], latest["status"]) == ("POST", "/v2/bulk", 202)
    assert "body" not in latest
    assert requests.get(f"{url}/?email=nobody@acme.test", timeout=60).text.count("Nothing was found.") == 1

    post(sandbox, "clear", {})
    assert requests.get(f"{url}/state.json", timeout=60).json()["counts"] == {
        "leads": 0,
        "companies": 0,
        "jobs": 0,
        "waiting_jobs": 0,
    }


def test_a_form_of_another_site_is_not_taken(sandbox):
    answer = post(sandbox, "clear", {}, Origin="http://evil.test")
    assert (answer.status_code, "another site" in answer.text) == (400, True)
    assert post(sandbox, "clear", {}, Origin=sandbox.url).status_code == 200


def test_the_page_can_close_the_port_for_a_while(sandbox, api):
    requests.post(f"{sandbox.url}/__sandbox__/refuse", json={"seconds": 30}, timeout=60)
    with pytest.raises(requests.ConnectionError):
        requests.get(sandbox.url, timeout=60)
    sandbox.server.accept()
    assert api.get("/v2/leads/fields").status_code == 200


def test_requests_to_the_page_cost_no_budget_and_are_not_recorded(sandbox):
    requests.get(f"{sandbox.url}/__sandbox__/", timeout=60)
    assert (sandbox.requests, sandbox.peak_in_flight) == ([], 0)
