"""Every status that the description names for an endpoint can be had, in the shape it names."""

from typing import Any

import pytest

from tests.destinations.openapi import load
from tests.destinations.sandbox.conftest import acme, ann

PATHS = load("salesloft").document["paths"]
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v2/people"): {"email_address": "bob@acme.test"},
    ("PUT", "/v2/people/{id}"): {"title": "VP"},
    ("POST", "/v2/person_upserts"): ann(title="VP"),
    ("POST", "/v2/accounts"): {"name": "Beta", "domain": "beta.test"},
    ("PUT", "/v2/accounts/{id}"): {"size": "50"},
    ("POST", "/v2/account_upserts"): acme(size="50"),
    ("POST", "/v2/bulk_jobs"): {"type": "person/upsert"},
    ("PUT", "/v2/bulk_jobs/{id}"): {"name": "another"},
    ("POST", "/v2/bulk_jobs/{id}/job_data"): {"data": [ann()]},
}
UNKNOWN = {"upsert_key": "id", "id": 99999}


def operations() -> list[tuple[str, str, int]]:
    """All (method, path, status), but a 403 for who one is: any token may ask that."""
    return [
        (method.upper(), template, int(status))
        for template, methods in PATHS.items()
        for method, operation in methods.items()
        for status in operation["responses"]
        if (template, status) != ("/v2/me", "403")
    ]


@pytest.mark.parametrize(("method", "template", "status"), operations())
def test_each_published_status_is_answered_in_its_published_shape(salesloft, loft, method, template, status):
    ids = {
        "people": loft.person(email_address="ann@acme.test"),
        "accounts": loft.account(),
        "bulk_jobs": loft.open_job(ann()),
    }
    kind = template.split("/")[2]
    path = template.removeprefix("/v2").replace("{id}", str(ids.get(kind, "")))
    body, key = BODIES.get((method, template)), "sandbox-key"
    if status == 401:
        key = "wrong"
    if status == 403:
        key = "may-do-nothing"
        salesloft.add_key(key)
        salesloft.faults.set(custom_fields_listed=False)
    if status == 404:
        path = template.removeprefix("/v2").replace("{id}", "99999")
        body = UNKNOWN if kind.endswith("upserts") else body
    if status == 422:
        path, body = (path + "?ids=x", None) if method == "GET" else (path, {"gremlins": 1})
    if status == 429:
        salesloft.faults.set(window_cost=0)
    if status == 500:
        salesloft.faults.set(error_500_next=1)

    answer = loft.call(method, path, body, key=key)

    assert answer.status_code == status


def test_a_listed_row_of_a_job_has_its_published_shape(loft):
    job = loft.run(ann(), ann("nobody"))
    assert len(loft.data(f"/bulk_jobs/{job}/results")) == 2
    assert len(loft.data(f"/bulk_jobs/{job}/job_data?status=success,error")) == 2


ODD: tuple[Any, ...] = (None, "", "x", "7", 7, 7.5, True, [], ["x"], [7], {}, {"Plan": "Pro"}, {"Plan": 7})


@pytest.mark.parametrize(
    ("template", "base"),
    [
        ("/v2/people", {"email_address": "bob@acme.test"}),
        ("/v2/person_upserts", ann()),
        ("/v2/accounts", {"name": "Beta", "domain": "beta.test"}),
        ("/v2/account_upserts", acme(name="Acme")),
        ("/v2/bulk_jobs", {"type": "person/upsert"}),
    ],
)
def test_what_is_accepted_is_allowed_whatever_a_field_holds(salesloft, loft, template, base):
    facts = load("salesloft")
    schema = PATHS[template]["post"]["requestBody"]["content"]["application/json"]["schema"]
    known = facts.document["components"]["schemas"]["PersonUpsertRequest"] if "$ref" in schema else schema
    statuses = set()
    for name in (*known["properties"], "gremlins"):
        for value in ODD:
            # The client holds every request that is accepted against the description.
            statuses.add(loft.post(template.removeprefix("/v2"), {**base, name: value}).status_code)
            salesloft.act("clear")
    assert statuses <= {200, 404, 422}
    assert statuses >= {200, 422}
