"""What Salesloft's refusals and odd answers are taken for. Nothing is accepted without evidence."""

from collections.abc import Mapping
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from destinations.adapters.salesloft import Adapter
from destinations.contract import JSON, Meter, Outcome, Verdict, Who
from destinations.errors import (
    AuthExpired,
    Cause,
    DestinationError,
    Misconfigured,
    RateLimited,
    Rejected,
)
from tests.destinations.adapters.conftest import Wire
from tests.destinations.adapters.salesloft_calls import (
    PEOPLE,
    call,
    person,
    upserted,
)
from tests.destinations.openapi import load

SALESLOFT = load("salesloft")
NO_HEADERS: Mapping[str, str] = CaseInsensitiveDict()
BODIES: list[Any] = [
    None,
    "",
    "nope",
    "<html>nope</html>",
    [],
    [None, 1],
    {},
    {"error": None},
    {"error": "nope", "status": 422},
    {"error": {"message": "nope", "code": 7}},
    {"errors": None},
    {"errors": "nope"},
    {"errors": ["nope", None, {"x": {"y": ["nope"]}}]},
    {"errors": {"email_address": "nope", "first_name": [["nope"]], "x": True}},
]


def refused(status: int, body: JSON = None, path: str = "/v2/person_upserts") -> DestinationError | None:
    return Adapter.refusal(status, body, NO_HEADERS, path)


# Refusals


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("status", "path", "kind"),
    [
        (400, "/v2/people", Rejected),
        (401, "/v2/people", AuthExpired),
        (403, "/v2/people", Misconfigured),
        (404, "/v2/people/7", Rejected),
        (404, "/v2/me", type(None)),
        (404, "/v2/bulk_jobs/7", type(None)),
        (405, "/v2/people", type(None)),
        (409, "/v2/people", Rejected),
        (422, "/v2/accounts/7", Rejected),
        (429, "/v2/people", RateLimited),
        (500, "/v2/people", type(None)),
        (503, "/v2/people", type(None)),
    ],
)
def test_a_refusal_is_decided_by_its_status_and_path_whatever_its_body(
    status: int, path: str, kind: type[DestinationError], body: Any
) -> None:
    error = refused(status, body, path)

    assert isinstance(error, kind)
    assert "<html>" not in str(error)
    assert "None" not in str(error or "")


@pytest.mark.parametrize(
    ("body", "said", "field"),
    [
        (
            {"errors": {"email_address": ["is already taken"], "first_name": ["is required"]}},
            "Email address: is already taken; First name: is required (422).",
            "email_address",
        ),
        ({"errors": {"owner_id": ["is not active"]}}, "Owner: is not active (422).", "owner_id"),
        (
            {"errors": {"custom_fields": {"Plan": ["is not a field"]}}},
            "Plan: is not a field (422).",
            "custom_fields.Plan",
        ),
        (
            {"errors": [{"attribute": "domain", "message": "is taken."}, {"message": "and no"}]},
            "Domain: is taken; and no (422).",
            "domain",
        ),
        ({"errors": {"base": ["Nope"]}}, "Salesloft refused this person: Nope (422).", ""),
        ({"error": "Nope", "status": 422}, "Salesloft refused this person: Nope (422).", ""),
        ({"errors": ["Nope", "Nope", "No"]}, "Salesloft refused this person: Nope; No (422).", ""),
        ("Nope", "Salesloft refused this person: Nope (422).", ""),
        ({"errors": {}}, "Salesloft refused this person (422) and did not say why.", ""),
        ("<html>", "Salesloft refused this person (422) and did not say why.", ""),
    ],
)
def test_refused_data_is_told_field_by_field(body: JSON, said: str, field: str) -> None:
    error = refused(422, body)

    assert isinstance(error, Rejected)
    assert (error.message, error.field) == (said, field)


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/v2/people?email_addresses=a%40x.test", "people:read"),
        ("/v2/people", "people:write"),
        ("/v2/people/7", "people:write"),
        ("/v2/person_upserts", "people:write"),
        ("/v2/accounts?domain=x.test", "accounts:read"),
        ("/v2/accounts", "accounts:write"),
        ("/v2/accounts/7", "accounts:write"),
        ("/v2/account_upserts", "accounts:write"),
        ("/account_upserts", "accounts:write"),
        ("/v2/bulk_jobs/7/results?status=error", "people:write"),
        ("/v2/users?page=1", "team:read"),
    ],
)
def test_a_403_names_the_scope_that_the_call_needs(path: str, scope: str) -> None:
    error = refused(403, {"error": "Forbidden"}, path)

    assert isinstance(error, Misconfigured)
    assert error.cause is Cause.PERMISSION
    assert f"lacks the scope {scope}" in error.message
    assert "Salesloft says: Forbidden." in error.message
    assert "?" not in error.message


def test_a_403_where_no_scope_is_known_names_none() -> None:
    assert "the scopes of the API key" in str(refused(403, None, "/v2/custom_fields?field_type=person"))


def test_a_path_that_is_not_salesloft_is_the_base_urls_fault(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("POST", "/v2/person_upserts", 404, "<html>", published=False)

    with pytest.raises(Misconfigured) as caught:
        salesloft.send(PEOPLE, call(PEOPLE, {"email_address": "ann@x.test"}))

    assert caught.value.cause is Cause.NOT_FOUND


def test_a_base_url_may_end_in_the_version(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT, base_url="https://api.salesloft.com/v2")
    wire.answers("POST", "/person_upserts", 200, upserted(person()), published=False, fits=False)

    assert salesloft.send(PEOPLE, call(PEOPLE, {"email_address": "ann@x.test"})) == [
        Outcome(Verdict.ACCEPTED, remote_id="1")
    ]


# The budget


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Date": "Sat, 21 Nov 2026 12:00:15 GMT"}, 45.0),
        ({"Date": "Sat, 21 Nov 2026 12:00:59 GMT"}, 1.0),
        ({"Date": "Sat, 21 Nov 2026 12:00:00 GMT"}, 60.0),
        ({"Date": "yesterday"}, 60.0),
        ({}, 60.0),
        ({"Retry-After": "soon"}, 60.0),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "7.5", "Date": "Sat, 21 Nov 2026 12:00:15 GMT"}, 7.5),
        (
            {"Retry-After": "Sat, 21 Nov 2026 12:00:20 GMT", "Date": "Sat, 21 Nov 2026 12:00:15 GMT"},
            5.0,
        ),
    ],
)
def test_a_429_is_waited_out_to_the_full_minute_unless_a_time_is_named(
    wire: Wire, headers: dict[str, str], pause: float
) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    limited = {"error": "API rate limit exceeded"}
    wire.answers("POST", "/v2/person_upserts", 429, limited, headers=headers)

    with pytest.raises(RateLimited) as caught:
        salesloft.send(PEOPLE, call(PEOPLE, {"email_address": "ann@x.test"}))

    assert (caught.value.cause, caught.value.retry_after) == (Cause.BUDGET, pause)


@pytest.mark.parametrize(
    ("headers", "meter"),
    [
        ({}, None),
        ({"x-ratelimit-endpoint-cost": "1"}, None),
        ({"x-ratelimit-remaining-minute": "many"}, None),
        ({"x-ratelimit-remaining-minute": "-1"}, None),
        ({"X-RateLimit-Remaining-Minute": " 599 "}, Meter(60.0, 599)),
        (
            {
                "x-ratelimit-remaining-minute": "570",
                "x-ratelimit-endpoint-cost": "30",
                "x-ratelimit-limit-minute": "1200",
            },
            Meter(60.0, 570, limit=1200, cost=30),
        ),
        ({"x-ratelimit-remaining-minute": "5", "x-ratelimit-limit-minute": "0"}, Meter(60.0, 5)),
    ],
)
def test_the_meter_is_of_the_teams_minute(headers: dict[str, str], meter: Meter | None) -> None:
    assert Adapter.meter(CaseInsensitiveDict(headers), 1_000_000.0) == meter


# Remedies


@pytest.mark.parametrize(
    ("said", "problem", "who"),
    [
        ({"errors": {"owner_id": ["is not active"]}}, "owner", Who.DATA),
        ({"errors": {"crm_id": ["is too short"]}}, "crm_id", Who.DATA),
        ({"errors": {"crm_id_type": ["is required"]}}, "crm_id", Who.DATA),
        ({"errors": {"name": ["is required"]}}, "needs_name", Who.EDITOR),
        ({"errors": {"email_address": ["is odd"]}}, "invalid_key", Who.DATA),
        ({"errors": {"first_name": ["x"], "domain": ["is odd"]}}, "invalid_key", Who.DATA),
        ({"errors": {"city": ["is too long"]}}, "invalid_value", Who.DATA),
        ({"error": "Nope"}, "invalid_value", Who.DATA),
    ],
)
def test_a_refusal_says_who_must_do_what_by_its_fields(said: JSON, problem: str, who: Who) -> None:
    remedy = Adapter.remedy(str(refused(422, said)))

    assert remedy is not None
    assert (remedy.problem, remedy.who) == (problem, who)
    assert "must" in remedy.advice


def test_a_refusal_nested_without_end_is_no_trouble() -> None:
    deep: Any = "Nope"
    for _ in range(1_000):
        deep = [{"errors": deep}]

    assert isinstance(refused(422, {"errors": deep}), Rejected)
