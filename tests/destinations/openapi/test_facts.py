"""The checker must not nod everything through."""

from typing import Any

import pytest

from tests.destinations.openapi import OutsideTheFacts, load

QUALIFIED = load("qualified")
PER_OBJECT = load("qualified_per_object")
SALESLOFT = load("salesloft")

LEAD = {
    "entity": "lead",
    "action": "POST",
    "data": {"email": "ann@x.test", "fields": {"Score__c": 3, "title": None}},
    "request_id": "1",
}
COMPANY = {
    "entity": "company",
    "action": "POST",
    "data": {"domain": "x.test", "name": "X"},
    "request_id": "2",
}
JOB = {
    "id": "job_1",
    "status": "completed",
    "totalRecords": 1,
    "processedRecords": 1,
    "failedRecords": 1,
    "result": [{"requestId": "1", "status": "failed", "operation": "upsert", "errors": ["Unknown field: X"]}],
    "createdAt": "2026-01-05T08:00:00Z",
    "updatedAt": "2026-01-05T08:00:00Z",
}


def test_a_batch_of_both_entities_is_a_request_of_qualified() -> None:
    QUALIFIED.check_request("POST", "/v2/bulk", {"items": [LEAD, COMPANY]})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"items": []}, "non-empty"),
        ({"items": [LEAD] * 501}, "too long"),
        ({"items": [{**LEAD, "requestId": "1"}]}, "requestId"),
        ({"items": [{**LEAD, "action": "PUT"}]}, "PUT"),
        ({"items": [{**LEAD, "data": {"fields": {}}}]}, "email"),
        ({"items": [{**LEAD, "data": {"email": "a@x.test", "first_name": "A"}}]}, "first_name"),
        ({"items": [{**COMPANY, "data": {"domain": "x.test", "email": "a@x.test"}}]}, "email"),
        ({"items": [LEAD], "dry_run": True}, "dry_run"),
    ],
)
def test_a_batch_that_the_reference_does_not_describe_is_refused(body: Any, said: str) -> None:
    with pytest.raises(OutsideTheFacts, match=said):
        QUALIFIED.check_request("POST", "/v2/bulk", body)


def test_an_unknown_path_or_method_is_refused() -> None:
    with pytest.raises(OutsideTheFacts, match="no path"):
        QUALIFIED.check_request("GET", "/v2/people")
    with pytest.raises(OutsideTheFacts, match="takes no DELETE"):
        QUALIFIED.check_request("DELETE", "/v2/bulk/job_1")
    with pytest.raises(OutsideTheFacts, match="takes no body"):
        QUALIFIED.check_request("GET", "/v2/leads/fields", {"a": 1})


def test_a_job_with_members_that_are_new_to_us_is_an_answer_of_qualified() -> None:
    QUALIFIED.check_answer("GET", "/v2/bulk/job_1", 200, {"job": {**JOB, "priority": 1}})


@pytest.mark.parametrize(
    "body",
    [
        {"job": {**JOB, "status": "done"}},
        {"job": {**JOB, "createdAt": "2026-01-05 08:00"}},
        {"job": {**JOB, "failedRecords": "1"}},
        {"job": {**JOB, "result": [{"request_id": "1", "status": "failed"}]}},
        {"job": {"id": "job_1"}},
        {"data": JOB},
        {},
        None,
    ],
)
def test_a_job_of_another_shape_is_refused(body: Any) -> None:
    with pytest.raises(OutsideTheFacts):
        QUALIFIED.check_answer("GET", "/v2/bulk/job_1", 200, body)


def test_errors_have_the_shapes_that_the_reference_names() -> None:
    QUALIFIED.check_answer("POST", "/v2/bulk", 422, {"code": "invalid_items", "message": "items must be …"})
    QUALIFIED.check_answer("POST", "/v2/leads", 422, {"error": "no", "details": {"failed_field": "title"}})
    for body in ({"error": "x"}, {"code": "not_found", "message": "x"}, {"message": "x"}):
        QUALIFIED.check_answer("GET", "/v2/bulk/gone", 404, body)
    with pytest.raises(OutsideTheFacts):
        QUALIFIED.check_answer("POST", "/v2/bulk", 401, {"error": "no"})
    with pytest.raises(OutsideTheFacts, match="never answers 418"):
        QUALIFIED.check_answer("POST", "/v2/bulk", 418, {"error": "no"})


def test_the_style_with_one_path_per_object_takes_items_without_entity() -> None:
    item = {key: value for key, value in LEAD.items() if key != "entity"}
    PER_OBJECT.check_request("POST", "/bulk/leads", {"items": [item]})
    with pytest.raises(OutsideTheFacts, match="entity"):
        PER_OBJECT.check_request("POST", "/bulk/leads", {"items": [LEAD]})
    PER_OBJECT.check_answer(
        "GET", "/bulk/jobs/7", 200, {"job": {"job_id": "7", "status": "completed", "results": []}}
    )
    with pytest.raises(OutsideTheFacts):
        PER_OBJECT.check_answer("GET", "/bulk/jobs/7", 200, {"job": {"status": "completed"}})


def test_a_query_may_name_only_what_the_reference_names() -> None:
    QUALIFIED.check_request("GET", "/v2/leads?email=ann@x.test&after=1")
    with pytest.raises(OutsideTheFacts, match="knows no mail in a query"):
        QUALIFIED.check_request("GET", "/v2/leads?mail=ann@x.test")
    SALESLOFT.check_request("GET", "/v2/people?email_addresses[]=a@x.test&custom_fields[Plan]=Pro")
    SALESLOFT.check_request("GET", "/v2/bulk_jobs/7/results?id[gt]=5&status=error&per_page=100")
    with pytest.raises(OutsideTheFacts, match="knows no email_address in a query"):
        SALESLOFT.check_request("GET", "/v2/people?email_address=a@x.test")


PERSON = {"upsert_key": "email_address", "email_address": "ann@x.test", "title": None}
ACCOUNT = {"upsert_key": "domain", "domain": "x.test", "custom_fields": {"Tier": "A"}}


def test_upserts_and_uploads_of_them_are_requests_of_salesloft() -> None:
    SALESLOFT.check_request("POST", "/v2/person_upserts", PERSON)
    SALESLOFT.check_request("POST", "/v2/account_upserts", ACCOUNT)
    SALESLOFT.check_request("PUT", "/v2/accounts/7", {"size": "50", "archived": True})
    SALESLOFT.check_request("POST", "/v2/bulk_jobs/7/job_data", {"data": [PERSON] * 5000})
    SALESLOFT.check_request("PUT", "/v2/bulk_jobs/7", {"ready_to_execute": True})
    SALESLOFT.check_request("DELETE", "/v2/bulk_jobs/7")


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "/v2/person_upserts", {"person": PERSON}, "person"),
        ("POST", "/v2/person_upserts", {**PERSON, "company_name": "X"}, "company_name"),
        ("POST", "/v2/person_upserts", {**PERSON, "upsert_key": "domain"}, "domain"),
        ("POST", "/v2/person_upserts", {"email_address": "ann@x.test"}, "upsert_key"),
        ("POST", "/v2/person_upserts", {**PERSON, "do_not_contact": None}, "boolean"),
        ("POST", "/v2/person_upserts", {**PERSON, "job_seniority": "boss"}, "boss"),
        ("POST", "/v2/people", PERSON, "upsert_key"),
        ("POST", "/v2/accounts", {"domain": "x.test"}, "name"),
        ("POST", "/v2/account_upserts", {**ACCOUNT, "size": 50}, "string"),
        ("POST", "/v2/account_upserts", {**ACCOUNT, "custom_fields": [{"Tier": "A"}]}, "object"),
        ("POST", "/v2/bulk_jobs", {"type": "account/upsert"}, "account/upsert"),
        ("POST", "/v2/bulk_jobs/7/job_data", {"data": [PERSON] * 5001}, "too long"),
        ("PATCH", "/v2/people/7", {"title": "VP"}, "takes no PATCH"),
        ("GET", "/v2/peoples", None, "no path"),
    ],
)
def test_what_salesloft_does_not_describe_is_refused(method: str, path: str, body: Any, said: str) -> None:
    with pytest.raises(OutsideTheFacts, match=said):
        SALESLOFT.check_request(method, path, body)


def test_an_answer_of_salesloft_has_its_envelope() -> None:
    job = {"id": 7, "type": "person/upsert", "state": "open", "total": 0, "processed": 0, "errors": 0}
    SALESLOFT.check_answer("GET", "/v2/bulk_jobs/7", 200, {"data": job})
    for body in (job, {"data": {**job, "state": "failed"}}, {"data": {"id": 7}}, {"data": [job]}, None):
        with pytest.raises(OutsideTheFacts):
            SALESLOFT.check_answer("GET", "/v2/bulk_jobs/7", 200, body)
    SALESLOFT.check_answer("POST", "/v2/people", 422, {"errors": {"phone": ["is required"]}})
    with pytest.raises(OutsideTheFacts):
        SALESLOFT.check_answer("POST", "/v2/people", 422, {"error": "phone is required"})
