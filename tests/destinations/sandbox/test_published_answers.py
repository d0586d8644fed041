"""Every status that the reference names for an endpoint can be had, in the shape it names."""

from typing import Any

import pytest

from tests.destinations.openapi import load
from tests.destinations.sandbox.conftest import lead

FACTS = load("qualified").document["paths"]
PER_OBJECT_FACTS = load("qualified_per_object").document["paths"]

BODIES: dict[str, Any] = {
    "/v2/leads": {"email": "ann@acme.test", "fields": {"title": "VP"}},
    "/v2/companies": {"domain": "acme.test", "name": "Acme", "fields": {"industry": "Software"}},
    "/v2/bulk": {"items": [lead("ann@acme.test")]},
    "/bulk/leads": {"items": [{"action": "POST", "request_id": "1", "data": {"email": "ann@acme.test"}}]},
    "/bulk/companies": {"items": [{"action": "POST", "request_id": "1", "data": {"domain": "acme.test"}}]},
}
UNPROCESSABLE: dict[str, Any] = {
    "/v2/leads": {"email": "ann@acme.test", "fields": {"Title": "VP"}},
    "/v2/companies": {"domain": "acme.test", "fields": {"industry": "Dragons"}},
    "/v2/bulk": {"items": []},
    "/bulk/leads": {"items": []},
    "/bulk/companies": {"items": []},
}
SWITCHES = {401: {"api_enabled": False}, 429: {"limit_window_next": 1}, 500: {"error_500_next": 1}}


def operations(paths: dict[str, Any]) -> list[tuple[str, str, int]]:
    """All (method, path, status), but a 400 for a look at a job: the reference names no way to get one."""
    return [
        (method.upper(), template, int(status))
        for template, methods in paths.items()
        for method, operation in methods.items()
        for status in operation["responses"]
        if not (status == "400" and template.endswith("/{id}"))
    ]


@pytest.mark.parametrize(("method", "template", "status"), operations(FACTS) + operations(PER_OBJECT_FACTS))
def test_each_published_status_is_answered_in_its_published_shape(sandbox, api, method, template, status):
    path, key, body = template, "sandbox-key", BODIES.get(template) if method == "POST" else None
    if template == "/v2/leads/{id}":
        path = f"/v2/leads/{api.post('/v2/leads', BODIES['/v2/leads']).json()['id']}"
    elif "{id}" in template:
        path = template.replace("{id}", api.submit(lead("ann@acme.test")))
    if status == 200 and method == "POST":
        api.call(method, path, body)
    if status == 400:
        path, body = path + "?created_after=yesterday", "no object" if method == "POST" else None
    if status == 403:
        sandbox.add_key("may-do-nothing")
        key = "may-do-nothing"
    if status == 404:
        path = template.replace("{id}", "0123456789ab")
    if status == 422:
        body = UNPROCESSABLE[path]
    sandbox.faults.set(**SWITCHES.get(status, {}))

    answer = api.call(method, path, body, key=key)

    assert answer.status_code == status


def test_the_examples_of_the_reference_are_answered_word_for_word(sandbox, api):
    sandbox.add_key("may-do-nothing")
    sandbox.faults.set(error_500_next=1)

    assert api.get("/v2/leads").json() == {"error": "Internal server error"}
    assert api.get("/v2/leads", key="wrong").json() == {"code": "invalid_token"}
    assert api.get("/v2/leads", key="may-do-nothing").json() == {"code": "insufficient_scope"}
    assert api.post("/v2/bulk", "x").json() == {"code": "bad_request", "message": "Invalid request"}
    assert api.post("/v2/bulk", {"items": []}).json() == {
        "code": "invalid_items",
        "message": "items must be an array with size 1..500",
    }
    sandbox.faults.set(limit_concurrency_next=1)
    assert api.get("/v2/leads").json() == {
        "code": "rate_limited",
        "message": "Enterprise API rate limit exceeded",
    }


def test_an_unknown_path_or_method_is_not_found(api):
    assert api.get("/v3/leads", checked=False).status_code == 404
    assert api.call("DELETE", "/v2/leads", checked=False).status_code == 404
