"""What Salesloft's refusals and odd answers are taken for. Nothing is accepted without evidence."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import orjson
import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from destinations.adapters import _salesloft_jobs as jobs
from destinations.adapters.salesloft import Adapter
from destinations.contract import JSON, Call, Found, Meter, Mode, Outcome, Pending, Target, Verdict, Who
from destinations.errors import (
    AuthExpired,
    Cause,
    DestinationError,
    Misconfigured,
    RateLimited,
    Rejected,
    Temporary,
)
from destinations.http import HttpClient
from tests.destinations.adapters.conftest import Wire
from tests.destinations.adapters.salesloft_calls import (
    ACCOUNTS,
    ACCOUNTS_BY_ID,
    PEOPLE,
    PEOPLE_BY_ID,
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


# Evidence


@pytest.mark.parametrize(
    "body", [{}, {"data": None}, {"data": {}}, {"data": {"person": {"id": True}}}, {"data": [1]}, [], 1, None]
)
@pytest.mark.parametrize("mode", list(Mode))
def test_an_answer_without_the_records_id_proves_nothing(wire: Wire, body: JSON, mode: Mode) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    paths = {Mode.UPSERT: "/v2/person_upserts", Mode.INSERT: "/v2/people", Mode.UPDATE: "/v2/people/7"}
    method = "PUT" if mode is Mode.UPDATE else "POST"
    wire.answers(method, paths[mode], 200, body, published=False)
    one = call(PEOPLE, {"email_address": "ann@x.test"}, mode=mode, remote_id="7")

    answered = salesloft.send(PEOPLE, one)

    assert isinstance(answered, list)
    assert [outcome.verdict for outcome in answered] == [Verdict.UNPROVED]


def test_a_look_up_whose_filter_was_ignored_is_not_believed(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("GET", "/v2/people", 200, listed(person(), person(2, email_address="other@x.test")))

    with pytest.raises(Temporary) as caught:
        salesloft.find(PEOPLE, call(PEOPLE, {"email_address": "ann@x.test"}))

    assert caught.value.cause is Cause.GARBLED
    assert not caught.value.may_be_applied


def test_a_record_found_by_another_of_its_addresses_is_none_with_that_key(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    other = person(2, email_address="other@x.test", secondary_email_address="Ann@x.test")
    wire.answers("GET", "/v2/people", 200, listed(other))

    assert salesloft.find(PEOPLE, call(PEOPLE, {"email_address": "ann@x.test"})) == [Found(0)]


@pytest.mark.parametrize(
    ("sent", "shown", "is_as_sent"),
    [
        ({"title": "VP"}, {"title": " VP "}, True),
        ({"title": "VP"}, {"title": None}, False),
        ({"title": None}, {"title": ""}, True),
        ({"title": "VP"}, {}, True),
        ({"email_address": "ann@x.test"}, {"email_address": "Ann@X.test"}, True),
        ({"phone": "+1 (444) 555-6666"}, {"phone": "+14445556666"}, True),
        ({"owner_id": "7"}, {"owner": {"id": 7, "_href": "…"}}, True),
        ({"owner_id": "7"}, {"owner": {"id": 8}}, False),
        ({"owner_id": "7"}, {"owner": None}, False),
        ({"account_id": None}, {"account": None}, True),
        ({"tags": ["a"]}, {"tags": ["b", "a"]}, True),
        ({"tags": ["a"]}, {"tags": []}, False),
        ({"contact_restrictions": ["call"]}, {"contact_restrictions": ["call", "email"]}, False),
        ({"do_not_contact": True}, {"do_not_contact": False}, False),
        ({"do_not_contact": None}, {"do_not_contact": True}, True),
        ({"custom_fields.Plan": "Pro"}, {"custom_fields": {"Plan": "Pro"}}, True),
        ({"custom_fields.Plan": "Pro"}, {"custom_fields": {"plan": "Pro"}}, False),
        ({"custom_fields.Plan": None}, {"custom_fields": {}}, True),
        ({"custom_fields.Plan": "Pro"}, {"custom_fields": {}}, False),
        ({"crm_id_type": "salesforce"}, {}, True),
    ],
)
def test_a_record_is_compared_with_what_was_sent(
    wire: Wire, sent: dict[str, JSON], shown: dict[str, JSON], is_as_sent: bool
) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("GET", "/v2/people", 200, listed(person(**shown)))
    one = call(PEOPLE, {"email_address": "ann@x.test", **sent})

    assert salesloft.find(PEOPLE, one) == [Found(1, "1", is_as_sent)]


def test_long_addresses_are_asked_for_in_lines_that_a_server_takes(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("GET", "/v2/people", 200, listed())
    keys = [f"{'a' * 60}{at:03}@{'b' * 60}.test" for at in range(100)]

    found = salesloft.find(PEOPLE, call(PEOPLE, *({"email_address": key} for key in keys)))

    assert found == [Found(0)] * 100
    assert all(len(path) < 5_000 for _, path, _ in wire.asked)
    asked = re.findall(r"a{60}\d{3}%40", "".join(path for _, path, _ in wire.asked))
    assert len(set(asked)) == 100


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


# Anything at all

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 300)
    | st.text(max_size=4)
    | st.sampled_from(["done", "open", "executing", "error", "ann@x.test", "2026-01-01"])
)
_NAMES = st.sampled_from(
    [
        *("data", "metadata", "paging", "next_page", "id", "person", "account", "email_address", "domain"),
        *("state", "total", "processed", "errors", "error", "records", "record", "status", "custom_fields"),
        *("name", "email", "active", "team", "field_type", "value_type", "owner", "tags", "message"),
    ]
)
_ANY = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=20,
)
_BODY = _ANY | st.fixed_dictionaries({"data": _ANY | st.lists(st.dictionaries(_NAMES, _ANY, max_size=5))})
_STATUS = st.sampled_from([200, 200, 200, 204, 302, 400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503])
_STEPS = st.sampled_from(["create", "upload", "discard", "start", "poll", "results"])
RICH: dict[str, JSON] = {
    "email_address": "ann@x.test",
    "owner_id": "7",
    "tags": ["a"],
    "phone": "1",
    "custom_fields.Plan": "Pro",
}


def anything(answers: list[tuple[int, JSON]]) -> Iterator[tuple[int, JSON]]:
    yield from answers
    while True:
        yield answers[-1]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_answer_crashes_us(data: st.DataObject) -> None:
    replies = anything(data.draw(st.lists(st.tuples(_STATUS, _BODY), min_size=1, max_size=4)))

    def answer(_request: Any) -> tuple[int, dict[str, str], bytes]:
        status, body = next(replies)
        return status, {"Date": "Sat, 21 Nov 2026 12:00:15 GMT"}, orjson.dumps(body)

    target = data.draw(st.sampled_from([PEOPLE, PEOPLE_BY_ID, ACCOUNTS, ACCOUNTS_BY_ID]))
    mode = data.draw(st.sampled_from(Mode))
    key = {"email_address": "ann@x.test", "domain": "x.test", "id": 7}[target.upsert_key]
    known = data.draw(st.sampled_from([{}, {"remote_id": "7"}, {"remote_id": "7", "former_match": "x"}]))
    one = call(target, {**RICH, target.upsert_key: key}, mode=mode, **known)
    state = {
        "step": data.draw(_STEPS),
        "job": "7",
        "tries": data.draw(st.integers(0, 3)),
        "whole": True,
        "errors": data.draw(st.none() | st.integers(0, 3)),
        "after": 0,
        "read": 0,
        "refused": [],
    }
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST", "PUT", "DELETE"):
            mock.add_callback(method, re.compile(".*"), answer)
        client = HttpClient(Adapter, base_url=Adapter.base_url, headers={}, timeout=5)
        salesloft = Adapter(client, {})
        outcomes = _tried(salesloft, target, one, mode)
        for outcome in outcomes or ():
            assert outcome.verdict is not Verdict.ACCEPTED or outcome.remote_id
        for advance in (salesloft.advance, salesloft.leave):
            with suppress(DestinationError):
                answered = advance(PEOPLE, TWO_PEOPLE, state)
                assert isinstance(answered, Pending) or len(answered) == 2
                orjson.dumps(answered.state if isinstance(answered, Pending) else None)
        with suppress(DestinationError):
            assert len(salesloft.find(target, one)) == 1
        with suppress(DestinationError):
            salesloft.fields(target.object)
        with suppress(DestinationError):
            salesloft.check()


def _tried(salesloft: Adapter, target: Target, one: Call, mode: Mode) -> list[Outcome] | None:
    with suppress(DestinationError):
        answered = salesloft.send(target, one)
        assert isinstance(answered, list)
        assert len(answered) == 1
        return answered
    return None


@settings(max_examples=100, deadline=None)
@given(_ANY, st.sampled_from([400, 401, 403, 404, 409, 422, 429]), st.sampled_from(["/v2/people", "/", ""]))
def test_no_refusal_crashes_us(body: JSON, status: int, path: str) -> None:
    refused(status, body, path)


def test_a_refusal_nested_without_end_is_no_trouble() -> None:
    deep: Any = "Nope"
    for _ in range(1_000):
        deep = [{"errors": deep}]

    assert isinstance(refused(422, {"errors": deep}), Rejected)


def test_the_canned_answers_are_ones_that_salesloft_could_send() -> None:
    SALESLOFT.check_answer("POST", "/v2/person_upserts", 200, upserted(person()))
    SALESLOFT.check_answer("POST", "/v2/account_upserts", 200, upserted(account(), "create"))
    SALESLOFT.check_answer("GET", "/v2/bulk_jobs/7", 200, job("done"))


def test_results_are_read_page_by_page_behind_the_last_id(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    echo = {"upsert_key": "email_address", "email_address": "Ben@x.test"}
    row = {"id": 31, "status": "error", "error": "first_name is odd", "record": echo}
    wire.answers("GET", "/v2/bulk_jobs/7", 200, job("done", errors=2))
    wire.answers("GET", "/v2/bulk_jobs/7/results", 200, {"data": [row]})
    polled = salesloft.advance(PEOPLE, TWO_PEOPLE, {"step": "poll", "job": "7", "tries": 0})
    assert isinstance(polled, Pending)
    assert polled.at_once

    first = salesloft.advance(PEOPLE, TWO_PEOPLE, polled.state)
    assert isinstance(first, Pending)
    assert first.state["after"] == 31
    again = {**row, "id": 32, "record": {**echo, "email_address": "zoe@x.test"}}
    wire.mock.replace("GET", wire.base_url + "/v2/bulk_jobs/7/results", json={"data": [again]})
    last = salesloft.advance(PEOPLE, TWO_PEOPLE, orjson.loads(orjson.dumps(first.state)))

    assert isinstance(last, list)
    ann, ben = last
    assert ann.verdict is Verdict.UNPROVED  # the second row names nobody whom we sent
    assert ben == Outcome(
        Verdict.REJECTED, "Salesloft's bulk job refused this record: first_name is odd.", "first_name"
    )
    assert wire.asked[-1][1].endswith("?status=error&id%5Bgt%5D=31&per_page=100")


@pytest.mark.parametrize(
    "row",
    [
        {"id": None, "status": "error"},
        {"id": "31", "status": "error"},
        {"id": 0, "status": "error"},
        {"status": "error"},
    ],
)
def test_results_without_a_cursor_are_asked_for_again(wire: Wire, row: JSON) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("GET", "/v2/bulk_jobs/7/results", 200, {"data": [row]}, published=False)
    state = {"step": "results", "job": "7", "whole": True, "errors": 1, "after": 0, "read": 0, "refused": []}

    with pytest.raises(Temporary):
        salesloft.advance(PEOPLE, TWO_PEOPLE, state)


def test_a_row_that_succeeded_is_no_refusal_where_the_filter_is_ignored(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    row = {"id": 31, "status": "success", "error": None, "record": {"email_address": "ann@x.test"}}
    wire.answers("GET", "/v2/bulk_jobs/7/results", 200, {"data": [row]})
    state = {"step": "results", "job": "7", "whole": True, "errors": 0, "after": 0, "read": 0, "refused": []}

    assert salesloft.advance(PEOPLE, TWO_PEOPLE, state) == [Outcome(Verdict.ACCEPTED)] * 2


def test_a_job_is_created_under_the_calls_id(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("POST", "/v2/bulk_jobs", 200, job("open", total=0))

    pending = salesloft.send(PEOPLE, TWO_PEOPLE)

    assert pending == Pending({"step": "upload", "job": "7", "tries": 0}, at_once=True)
    assert wire.asked == [("POST", "/v2/bulk_jobs", {"type": jobs.TYPE, "name": "call-7"})]
