"""Qualified's jobs at the wire, from the request that hands one over to the last look at it."""

import pytest

from destinations.adapters.qualified import Adapter
from destinations.contract import JSON, UNPROVED, Call, Mode, Operation, Outcome, Pending, Verdict
from destinations.errors import AuthExpired, Cause, Rejected, Temporary
from tests.destinations.adapters.conftest import Wire
from tests.destinations.adapters.qualified_jobs import COMPANIES, LEADS, TWO_LEADS, done, failed, job, leads
from tests.destinations.openapi import load

QUALIFIED = load("qualified")
PER_OBJECT = load("qualified_per_object")


# Sending


def test_leads_go_out_as_one_job_with_the_key_at_the_top_and_the_rest_in_fields(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("POST", "/v2/bulk", 202, job("enqueued"))
    call = leads(
        {
            "email": "ann@x.test",
            "first_name": "O'Brien",
            "Score__c": 7,
            "Topics__c": ["a"],
            "domain": "x.test",
        },
        {"email": "ben@x.test", "title": None},
        {"email": "cho@x.test"},
    )

    assert qualified.send(LEADS, call) == Pending({"job": "job_1"})

    first = {"first_name": "O'Brien", "Score__c": 7, "Topics__c": ["a"], "domain": "x.test"}
    assert wire.asked == [
        (
            "POST",
            "/v2/bulk",
            {
                "items": [
                    {
                        "entity": "lead",
                        "action": "POST",
                        "data": {"email": "ann@x.test", "fields": first},
                        "request_id": "1",
                    },
                    {
                        "entity": "lead",
                        "action": "POST",
                        "data": {"email": "ben@x.test", "fields": {"title": None}},
                        "request_id": "2",
                    },
                    {"entity": "lead", "action": "POST", "data": {"email": "cho@x.test"}, "request_id": "3"},
                ]
            },
        )
    ]


def test_companies_carry_domain_and_name_at_the_top(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("POST", "/v2/bulk", 202, job("enqueued"))
    values: dict[str, JSON] = {
        "domain": "x.test",
        "name": "X & Söhne",
        "industry": "Tea",
        "email": "a@x.test",
    }
    call = Call(
        "call",
        (
            Operation("7", Mode.UPSERT, "x.test", values),
            Operation("8", Mode.UPSERT, "y.test", {"name": None}),
        ),
    )

    qualified.send(COMPANIES, call)

    first, second = wire.asked[0][2]["items"]
    assert first == {
        "entity": "company",
        "action": "POST",
        "data": {
            "domain": "x.test",
            "name": "X & Söhne",
            "fields": {"industry": "Tea", "email": "a@x.test"},
        },
        "request_id": "7",
    }
    assert second["data"] == {"domain": "y.test", "name": None}


def test_what_is_sent_as_the_key_is_its_normalised_value(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("POST", "/v2/bulk", 202, job("enqueued"))
    operation = Operation("1", Mode.UPSERT, "ann@x.test", {"email": " Ann@X.test "})

    qualified.send(LEADS, Call("call", (operation,)))

    assert wire.asked[0][2]["items"][0]["data"] == {"email": "ann@x.test"}


def test_a_job_that_is_done_at_once_is_read_at_once(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("POST", "/v2/bulk", 202, job("completed", done("2"), failed("1", "Nope")))

    assert qualified.send(LEADS, TWO_LEADS) == [
        Outcome(Verdict.REJECTED, "Nope."),
        Outcome(Verdict.ACCEPTED),
    ]


def test_a_job_that_is_done_at_once_but_tells_no_results_is_looked_at_again(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("POST", "/v2/bulk", 202, job("completed"))

    assert qualified.send(LEADS, TWO_LEADS) == Pending({"job": "job_1"})


def test_a_job_that_failed_at_once_leaves_its_rows_unproved(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("POST", "/v2/bulk", 202, job("failed"))

    outcomes = qualified.send(LEADS, TWO_LEADS)

    reason = "Qualified gave up on the job job_1, which held this record, and did not say why."
    assert outcomes == [UNPROVED._replace(reason=reason)] * 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        7,
        {"job": None},
        {"job": []},
        {"job": {}},
        {"job": {"id": ""}},
        {"job": {"id": [1]}},
        {"id": True},
    ],
)
def test_an_answer_without_a_job_to_ask_for_is_garbled_and_may_be_applied(wire: Wire, body: JSON) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("POST", "/v2/bulk", 202, body, published=False)

    with pytest.raises(Temporary) as caught:
        qualified.send(LEADS, TWO_LEADS)

    assert (caught.value.cause, caught.value.may_be_applied) == (Cause.GARBLED, True)


def test_a_refused_batch_is_rejected_with_the_words_of_the_service(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("POST", "/v2/bulk", 422, {"code": "invalid_items", "message": "items is odd"})

    with pytest.raises(Rejected, match=r"refused the data \(422\)\. Qualified says: items is odd\.$"):
        qualified.send(LEADS, TWO_LEADS)


# Looking at a job


def poll(wire: Wire, status: int, body: JSON, *, published: bool = True) -> list[Outcome] | Pending:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("GET", "/v2/bulk/job_1", status, body, published=published)
    return qualified.advance(LEADS, TWO_LEADS, {"job": "job_1"})


@pytest.mark.parametrize("status", ["enqueued", "processing"])
def test_a_job_at_work_is_pending(wire: Wire, status: str) -> None:
    assert poll(wire, 200, job(status, done("1"))) == Pending({"job": "job_1"})


def test_a_status_that_is_new_to_us_is_pending(wire: Wire) -> None:
    assert poll(wire, 200, job("hibernating"), published=False) == Pending({"job": "job_1"})


def test_results_are_told_in_the_order_of_the_call_whatever_theirs_is(wire: Wire) -> None:
    assert poll(wire, 200, job("completed", failed("2", "First.", "Second"), done("1"))) == [
        Outcome(Verdict.ACCEPTED),
        Outcome(Verdict.REJECTED, "First.; Second."),
    ]


def test_a_record_that_a_completed_job_leaves_out_is_unproved(wire: Wire) -> None:
    assert poll(wire, 200, job("completed", done("1"))) == [
        Outcome(Verdict.ACCEPTED),
        Outcome(
            Verdict.UNPROVED, "Qualified finished the job, but its answer holds no result for this record."
        ),
    ]


def test_a_failed_job_tells_the_records_it_names_and_leaves_the_rest_unproved(wire: Wire) -> None:
    body = job("failed", done("2"), error="Worker crashed")

    assert poll(wire, 200, body) == [
        Outcome(
            Verdict.UNPROVED, "Qualified gave up on the job job_1, which held this record: Worker crashed."
        ),
        Outcome(Verdict.ACCEPTED),
    ]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"error": "Not found"}),
        (404, {"code": "not_found", "message": "gone"}),
        (400, {"code": "bad_request"}),
    ],
)
def test_a_job_that_is_no_longer_known_leaves_all_unproved(wire: Wire, status: int, body: JSON) -> None:
    outcomes = poll(wire, status, body)

    reason = (
        f"Qualified no longer knows the job job_1 that held this record ({status}): it keeps a finished job "
        "for 24 hours."
    )
    assert outcomes == [Outcome(Verdict.UNPROVED, reason)] * 2


def test_a_forgotten_job_whose_answer_is_no_json_leaves_all_unproved(wire: Wire) -> None:
    outcomes = poll(wire, 404, "<html>nginx</html>", published=False)

    assert isinstance(outcomes, list)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.UNPROVED] * 2


@pytest.mark.parametrize(
    "body", [{}, [], None, "job", {"job": None}, {"job": {"id": "job_1"}}, {"job": {"status": 1}}]
)
def test_an_answer_without_a_status_is_garbled(wire: Wire, body: JSON) -> None:
    with pytest.raises(Temporary) as caught:
        poll(wire, 200, body, published=False)

    assert caught.value.cause is Cause.GARBLED


def test_a_key_that_was_revoked_meanwhile_stops_the_run(wire: Wire) -> None:
    with pytest.raises(AuthExpired):
        poll(wire, 401, {"code": "invalid_token"})


def test_an_id_with_signs_of_its_own_stays_one_part_of_the_path(wire: Wire) -> None:
    qualified = wire.opens(Adapter, QUALIFIED)
    wire.answers("GET", "/v2/bulk/a%2Fb%3Fc", 200, job("completed", done("1"), done("2")))

    outcomes = qualified.advance(LEADS, TWO_LEADS, {"job": "a/b?c"})

    assert outcomes == [Outcome(Verdict.ACCEPTED)] * 2


# One path per object


def test_with_a_path_per_object_items_name_no_entity_and_jobs_are_asked_for_elsewhere(wire: Wire) -> None:
    qualified = wire.opens(Adapter, PER_OBJECT, bulk_style="per_object")
    wire.answers("POST", "/bulk/leads", 202, {"job": {"job_id": "77", "status": "enqueued"}})
    results = [done("1")]
    errors = [{"requestId": "2", "status": "failed", "errors": ["Unknown field: Foo"]}]
    body = {"job": {"job_id": "77", "status": "completed", "results": results, "errors": errors}}
    wire.answers("GET", "/bulk/jobs/77", 200, body)

    pending = qualified.send(LEADS, TWO_LEADS)
    assert pending == Pending({"job": "77"})
    outcomes = qualified.advance(LEADS, TWO_LEADS, pending.state)

    assert isinstance(outcomes, list)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED, Verdict.REJECTED]
    assert outcomes[1].reason == "Unknown field: Foo."
    assert wire.asked[0][2]["items"][1] == {
        "action": "POST",
        "data": {"email": "ben@x.test"},
        "request_id": "2",
    }


def test_with_a_path_per_object_companies_have_their_own(wire: Wire) -> None:
    qualified = wire.opens(Adapter, PER_OBJECT, bulk_style="per_object")
    wire.answers("POST", "/bulk/companies", 202, {"job": {"id": "78", "status": "enqueued"}})
    operation = Operation("1", Mode.UPSERT, "x.test", {"domain": "x.test", "name": "X"})

    assert qualified.send(COMPANIES, Call("call", (operation,))) == Pending({"job": "78"})


def test_with_a_path_per_object_a_job_without_its_envelope_is_read_too(wire: Wire) -> None:
    qualified = wire.opens(Adapter, PER_OBJECT, bulk_style="per_object")
    wire.answers("POST", "/bulk/leads", 202, {"job_id": 79}, published=False)
    body = {"status": "completed", "results": [done("1"), done("2")]}
    wire.answers("GET", "/bulk/jobs/79", 200, body, published=False)

    pending = qualified.send(LEADS, TWO_LEADS)
    assert pending == Pending({"job": "79"})
    assert qualified.advance(LEADS, TWO_LEADS, pending.state) == [Outcome(Verdict.ACCEPTED)] * 2


def test_with_a_path_per_object_a_forgotten_job_points_at_the_bulk_style(wire: Wire) -> None:
    qualified = wire.opens(Adapter, PER_OBJECT, bulk_style="per_object")
    wire.answers("GET", "/bulk/jobs/77", 404, {"message": "gone"})

    outcomes = qualified.advance(LEADS, TWO_LEADS, {"job": "77"})

    assert isinstance(outcomes, list)
    assert "set the bulk style back to unified" in outcomes[0].reason
