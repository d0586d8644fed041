"""What Qualified's refusals and odd answers are taken for. Nothing is accepted without evidence."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from destinations.adapters import _qualified_answers as answers
from destinations.adapters.qualified import Adapter
from destinations.contract import JSON, Meter, Outcome, Verdict, Who
from destinations.errors import AuthExpired, Cause, DestinationError, Misconfigured, RateLimited, Rejected
from tests.destinations.adapters.conftest import Wire
from tests.destinations.adapters.qualified_jobs import LEADS, TWO_LEADS, done, failed, job
from tests.destinations.openapi import load

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
    {"error": {"message": "nope", "code": 7}},
    {"errors": [{"message": "nope"}, "and no"]},
    {"code": ["x"], "message": {"a": {"b": 1}}},
    {"details": "nope"},
    {"details": {"failed_field": ["x"]}},
]


def refused(status: int, body: JSON = None, path: str = "/v2/bulk") -> DestinationError | None:
    return Adapter.refusal(status, body, NO_HEADERS, path)


def only(result: Any) -> Outcome:
    """What is proved about the first of two leads by a completed job with this result."""
    body = {"job": {"id": "job_1", "status": "completed", "result": result}}
    return answers.judged(LEADS, TWO_LEADS, body["job"])[0]


# Refusals


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Rejected),
        (401, AuthExpired),
        (403, Misconfigured),
        (404, Misconfigured),
        (405, Misconfigured),
        (422, Rejected),
        (500, type(None)),
        (503, type(None)),
    ],
)
def test_a_refusal_is_decided_by_its_status_whatever_its_body(
    status: int, kind: type[DestinationError], body: Any
) -> None:
    error = refused(status, body)

    assert isinstance(error, kind)
    assert "<html>" not in str(error)
    assert "None" not in str(error or "")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "Bad cursor"}, "Bad cursor"),
        ({"code": "bad_request", "message": "Invalid request"}, "Invalid request"),
        ({"message": "Only this"}, "Only this"),
        ({"code": "bad_request"}, "bad_request"),
        ({"error": {"code": "x", "message": "Inner"}}, "Inner"),
        ({"errors": ["One", "Two", "One"]}, "One; Two"),
        ({"errors": {"email": ["is invalid"]}}, "email: is invalid"),
        ("Plain words", "Plain words"),
    ],
)
def test_the_words_of_a_refusal_are_found_wherever_they_are(body: JSON, said: str) -> None:
    assert str(refused(400, body)) == f"Qualified could not read the request (400). Qualified says: {said}."


def test_refused_data_names_the_field() -> None:
    error = refused(422, {"error": "Invalid value", "details": {"failed_field": "Stage__c"}}, "/v2/leads")

    assert isinstance(error, Rejected)
    assert error.field == "Stage__c"
    assert str(error) == (
        "Qualified refused the data (422). Qualified says: Invalid value; failed_field: Stage__c."
    )


@pytest.mark.parametrize(
    "body", [{"code": "insufficient_scope"}, {"error": "insufficient_scope"}, {"message": "Scope is missing"}]
)
def test_a_missing_scope_is_named_with_the_scopes_to_tick(body: JSON) -> None:
    error = refused(403, body)

    assert isinstance(error, Misconfigured)
    assert error.cause is Cause.PERMISSION
    assert "lacks a scope" in str(error)
    for scope in ("bulk_job:manage", "lead:manage", "company:manage"):
        assert scope in str(error)


def test_a_403_that_is_not_qualifieds_own_points_at_the_way_there() -> None:
    assert "no firewall or proxy" in str(refused(403, "<html>Access denied</html>"))


def test_a_code_of_an_unknown_kind_of_401_is_shown() -> None:
    assert "(401 token_expired)" in str(refused(401, {"code": "token_expired"}))
    assert "(401)" in str(refused(401, None))


@pytest.mark.parametrize(
    ("headers", "cause", "retry_after"),
    [({"Retry-After": "17"}, Cause.BUDGET, 17.0), ({}, Cause.CONCURRENCY, None)],
)
def test_too_many_requests_are_told_by_window_and_by_concurrency(
    wire: Wire, headers: dict[str, str], cause: Cause, retry_after: float | None
) -> None:
    qualified = wire.opens(Adapter, load("qualified"))
    limited = {"code": "rate_limited", "message": "Enterprise API rate limit exceeded"}
    wire.answers("POST", "/v2/bulk", 429, limited, headers=headers)

    with pytest.raises(RateLimited) as caught:
        qualified.send(LEADS, TWO_LEADS)

    assert (caught.value.cause, caught.value.retry_after) == (cause, retry_after)


# The meter


def test_the_meter_is_of_the_fifteen_minutes() -> None:
    headers = CaseInsensitiveDict(
        {"ratelimit-limit": "2000", "ratelimit-remaining": "1999", "ratelimit-reset": "1000600"}
    )

    assert Adapter.meter(headers, 1_000_000.0) == Meter(900.0, 1999, 600.0)


@pytest.mark.parametrize(
    ("headers", "meter"),
    [
        ({}, None),
        ({"RateLimit-Remaining": "many"}, None),
        ({"RateLimit-Remaining": "nan"}, None),
        ({"RateLimit-Reset": "1000600"}, None),
        ({"RateLimit-Remaining": "5"}, Meter(900.0, 5, None)),
        ({"RateLimit-Remaining": "5", "RateLimit-Reset": "soon"}, Meter(900.0, 5, None)),
        ({"RateLimit-Remaining": "-1", "RateLimit-Reset": "999000"}, Meter(900.0, 0, 0.0)),
    ],
)
def test_a_meter_that_tells_nothing_is_none(headers: dict[str, str], meter: Meter | None) -> None:
    assert Adapter.meter(headers, 1_000_000.0) == meter


# Items


@pytest.mark.parametrize(
    "result",
    [
        None,
        {},
        "completed",
        [None, 1, "1", []],
        [{"requestId": 1, "status": "completed"}],
        [{"requestId": None, "status": "completed"}],
        [{"requestId": ["1"], "status": "completed"}],
        [{"requestId": "99", "status": "completed"}],
        [{"status": "completed"}],
        [{"requestId": "1"}],
        [{"requestId": "1", "status": None}],
        [{"requestId": "1", "status": "skipped"}],
        [{"requestId": "1", "status": True}],
    ],
)
def test_an_item_without_a_proper_result_is_unproved(result: Any) -> None:
    outcome = only(result)

    assert outcome.verdict is Verdict.UNPROVED
    assert outcome.reason.startswith("Qualified")


def test_an_odd_status_of_an_item_is_shown() -> None:
    assert "says “skipped” where" in only([{"requestId": "1", "status": "skipped"}]).reason
    assert "says nothing where" in only([{"requestId": "1"}]).reason


def test_a_completed_item_with_errors_is_rejected() -> None:
    outcome = only([{"requestId": "1", "status": "completed", "errors": ["Half of it"]}])

    assert outcome == Outcome(Verdict.REJECTED, "Half of it.")


def test_a_completed_item_with_a_kind_message_is_accepted() -> None:
    assert only([{**done("1"), "message": "Lead updated"}]).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("errors", [[], None, [None], {}, ""])
def test_a_failed_item_without_a_reason_says_so(errors: Any) -> None:
    outcome = only([{"requestId": "1", "status": "failed", "errors": errors}])

    assert outcome == Outcome(Verdict.REJECTED, "Qualified refused this record and did not say why.")


@pytest.mark.parametrize(
    "errors", ["Nope", ["Nope"], [{"message": "Nope"}], {"message": "Nope"}, [["Nope"]], {"base": ["Nope"]}]
)
def test_the_errors_of_an_item_are_found_in_any_shape(errors: Any) -> None:
    outcome = only([{"requestId": "1", "status": "failed", "errors": errors}])

    assert outcome.reason in ("Nope.", "base: Nope.")


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_results_for_one_item_the_refusal_counts(order: int) -> None:
    results = [done("1"), failed("1", "Nope"), {"requestId": "1", "status": "odd"}][::order]

    assert only(results) == Outcome(Verdict.REJECTED, "Nope.")


@pytest.mark.parametrize("order", [1, -1])
def test_a_result_twice_is_one_result(order: int) -> None:
    results = [done("1"), done("1"), {"requestId": "1", "status": "odd"}][::order]

    assert only(results) == Outcome(Verdict.ACCEPTED)


def test_very_long_reasons_are_passed_on_in_full() -> None:
    long = "Nope " * 2_000

    assert only([failed("1", long)]).reason == f"{long.strip()}."


@pytest.mark.parametrize(
    ("job", "why"),
    [
        ({"status": "failed", "error": "Crashed"}, ": Crashed."),
        ({"status": "failed", "errors": ["Crashed", "twice"]}, ": Crashed; twice."),
        ({"status": "failed", "errors": "Crashed"}, ": Crashed."),
        ({"status": "failed", "message": "Crashed"}, ": Crashed."),
        ({"status": "failed"}, ", and did not say why."),
    ],
)
def test_a_failed_job_gives_its_reason_to_every_record_it_does_not_name(job: Any, why: str) -> None:
    for outcome in answers.judged(LEADS, TWO_LEADS, {"id": "job_1", **job}):
        assert outcome.verdict is Verdict.UNPROVED
        assert outcome.reason == f"Qualified gave up on the job job_1, which held this record{why}"


# Remedies


@pytest.mark.parametrize(
    ("said", "problem", "who", "field"),
    [
        ("Unknown field: title", "unknown_field", Who.EDITOR, "title"),
        ("unknown attribute 'title' for Lead.", "unknown_field", Who.EDITOR, "title"),
        ("Field Foo__c does not exist", "unknown_field", Who.EDITOR, ""),
        ("Field Foo__c is not found", "unknown_field", Who.EDITOR, ""),
        ("title is not a field", "unknown_field", Who.EDITOR, "title"),
        ("insufficient_scope", "missing_scope", Who.ADMIN, ""),
        ("The token lacks the lead:manage scope", "missing_scope", Who.ADMIN, ""),
        ("Email is invalid", "invalid_key", Who.DATA, "email"),
        ("email can't be blank", "invalid_key", Who.DATA, "email"),
        ("Invalid email address", "invalid_key", Who.DATA, "email"),
        ("Invalid value for title", "invalid_value", Who.DATA, "title"),
        ("title is not included in the list", "invalid_value", Who.DATA, "title"),
        ("title is too long (maximum is 255 characters)", "invalid_value", Who.DATA, "title"),
    ],
)
def test_a_known_kind_of_refusal_says_who_must_do_what(said: str, problem: str, who: Who, field: str) -> None:
    outcome = only([failed("1", said)])

    assert (outcome.verdict, outcome.reason) == (Verdict.REJECTED, said if said.endswith(".") else f"{said}.")
    assert outcome.field == field
    remedy = Adapter.remedy(outcome.reason)
    assert remedy is not None
    assert (remedy.problem, remedy.who) == (problem, who)
    assert "must" in remedy.advice


def test_an_unknown_kind_of_refusal_is_passed_on_as_it_is() -> None:
    assert only([failed("1", "Quota of leads reached")]).reason == "Quota of leads reached."
    assert Adapter.remedy("Quota of leads reached.") is None


# Anything at all


def _statuses() -> st.SearchStrategy[Any]:
    return st.sampled_from(["completed", "failed", "enqueued", "Completed ", "odd", None, 1, [], {}])


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["1", "2", "completed"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_ITEM = st.fixed_dictionaries(
    {},
    optional={
        "requestId": st.sampled_from(["1", "2", "3", 1, None]) | _ANY,
        "request_id": _ANY,
        "status": _statuses(),
        "errors": _ANY,
    },
)
_JOB = st.fixed_dictionaries(
    {},
    optional={
        "id": _ANY,
        "status": _statuses(),
        "result": st.lists(_ITEM | _ANY, max_size=4) | _ANY,
        "results": st.lists(_ITEM, max_size=2) | _ANY,
        "errors": st.lists(_ITEM | _ANY, max_size=2) | _ANY,
    },
)


@settings(max_examples=200, deadline=None)
@given(_JOB)
def test_no_answer_crashes_us_and_none_is_accepted_without_an_item_that_says_so(job: Any) -> None:
    outcomes = answers.judged(LEADS, TWO_LEADS, job)

    assert len(outcomes) == len(TWO_LEADS.operations)
    items = [
        item
        for member in ("result", "results")
        if isinstance(job.get(member), list)
        for item in job[member]
        if isinstance(item, dict)
    ]
    for operation, outcome in zip(TWO_LEADS.operations, outcomes, strict=True):
        if outcome.verdict is Verdict.ACCEPTED:
            assert any(
                operation.id in (item.get("requestId"), item.get("request_id"))
                and str(item.get("status")).strip().lower() == "completed"
                and not item.get("errors")
                for item in items
            )


def test_an_answer_nested_without_end_is_no_trouble() -> None:
    deep: Any = "Nope"
    for _ in range(1_000):
        deep = [{"errors": deep}]

    assert only([{"requestId": "1", "status": "failed", "errors": deep}]).verdict is Verdict.REJECTED
    assert isinstance(refused(400, {"errors": deep}), Rejected)


def test_the_canned_job_is_one_that_qualified_could_send() -> None:
    load("qualified").check_answer(
        "GET", "/v2/bulk/job_1", 200, job("completed", done("1"), failed("2", "x"))
    )
