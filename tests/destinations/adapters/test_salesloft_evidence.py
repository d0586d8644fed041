"""What proves that a record was written, found or refused: look-ups, ids and the results of jobs."""

import re

import orjson
import pytest

from destinations.adapters import _salesloft_jobs as jobs
from destinations.adapters.salesloft import Adapter
from destinations.contract import JSON, Found, Mode, Outcome, Pending, Verdict
from destinations.errors import (
    Cause,
    Temporary,
)
from tests.destinations.adapters.conftest import Wire
from tests.destinations.adapters.salesloft_calls import (
    PEOPLE,
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


# Writes and look-ups


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

    (found,) = salesloft.find(PEOPLE, one)
    assert found[:3] == Found(1, "1", is_as_sent)[:3]
    assert found.others is None if is_as_sent else set(found.others or ()) == set(sent)


def test_long_addresses_are_asked_for_in_lines_that_a_server_takes(wire: Wire) -> None:
    salesloft = wire.opens(Adapter, SALESLOFT)
    wire.answers("GET", "/v2/people", 200, listed())
    keys = [f"{'a' * 60}{at:03}@{'b' * 60}.test" for at in range(100)]

    found = salesloft.find(PEOPLE, call(PEOPLE, *({"email_address": key} for key in keys)))

    assert found == [Found(0)] * 100
    assert all(len(path) < 5_000 for _, path, _ in wire.asked)
    asked = re.findall(r"a{60}\d{3}%40", "".join(path for _, path, _ in wire.asked))
    assert len(set(asked)) == 100


# Jobs


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


def test_the_canned_answers_are_ones_that_salesloft_could_send() -> None:
    SALESLOFT.check_answer("POST", "/v2/person_upserts", 200, upserted(person()))
    SALESLOFT.check_answer("POST", "/v2/account_upserts", 200, upserted(account(), "create"))
    SALESLOFT.check_answer("GET", "/v2/bulk_jobs/7", 200, job("done"))
