"""Salesloft's bulk jobs against the look-alike, with everything that can get lost on the way."""

import pytest

from destinations.contract import JSON, Call, Outcome, Pending, Verdict
from destinations.errors import TooMany
from destinations.sandbox.salesloft import Salesloft
from tests.destinations.adapters.salesloft_calls import (
    PEOPLE,
    call,
)
from tests.destinations.adapters.salesloft_sandbox import connect, deliver, done, only, people

ACCEPTED, REJECTED, UNPROVED = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNPROVED


@pytest.fixture
def sandbox(salesloft_sandbox: Salesloft) -> Salesloft:
    return salesloft_sandbox


def crowd(count: int) -> Call:
    return call(PEOPLE, *({"email_address": f"p{at}@x.test", "title": "VP"} for at in range(count)))


def test_five_thousand_people_take_eight_requests(sandbox: Salesloft) -> None:
    outcomes = deliver(sandbox, connect(sandbox), PEOPLE, crowd(5_000))

    assert outcomes.count(Outcome(ACCEPTED)) == 5_000
    assert len(sandbox.people()) == 5_000
    assert len(sandbox.requests) <= 8


def test_the_refused_rows_of_a_job_are_told_and_the_rest_is_proved(sandbox: Salesloft) -> None:
    values: list[dict[str, JSON]] = [{"email_address": f"p{at}@x.test"} for at in range(250)]
    for at in range(0, 250, 2):
        values[at]["custom_fields.Nowhere"] = "?"
    outcomes = deliver(sandbox, connect(sandbox), PEOPLE, call(PEOPLE, *values))

    assert [one.verdict for one in outcomes] == [REJECTED, ACCEPTED] * 125
    assert outcomes[0].reason.startswith("Salesloft's bulk job refused this record: ")
    assert len(sandbox.people()) == 125


def test_a_record_moves_along_in_a_job_too(sandbox: Salesloft) -> None:
    salesloft = connect(sandbox)
    made = only(salesloft, PEOPLE, {"email_address": "ann@x.test"})
    ann, ben = call(PEOPLE, {"email_address": "ann@y.test"}, {"email_address": "ben@x.test"}).operations
    ann = ann._replace(remote_id=made.remote_id, former_match="ann@x.test")
    outcomes = deliver(sandbox, salesloft, PEOPLE, Call("call", (ann, ben)))

    assert outcomes == [Outcome(ACCEPTED)] * 2
    assert sorted(people(sandbox)) == ["ann@y.test", "ben@x.test"]


def test_a_person_whose_former_record_is_gone_is_created_anew(sandbox: Salesloft) -> None:
    """By the ID alone the job would refuse her, run after run."""
    salesloft = connect(sandbox)
    ann, ben, eve = call(
        PEOPLE,
        {"email_address": "ann@y.test"},
        {"email_address": "ben@x.test", "custom_fields.Nowhere": "?"},
        {"email_address": "eve@y.test", "custom_fields.Nowhere": "?"},
    ).operations
    ann = ann._replace(remote_id="4711", former_match="ann@x.test")
    eve = eve._replace(remote_id="4712", former_match="eve@x.test")
    outcomes = deliver(sandbox, salesloft, PEOPLE, Call("call", (ann, ben, eve)))

    assert [one.verdict for one in outcomes] == [ACCEPTED, REJECTED, REJECTED]
    assert outcomes[0].remote_id == str(people(sandbox)["ann@y.test"].id)
    assert outcomes[1].reason.startswith("Salesloft's bulk job refused this record: ")
    assert "Nowhere" in outcomes[2].reason
    assert list(people(sandbox)) == ["ann@y.test"]


def test_the_ids_of_a_jobs_people_are_kept_where_that_is_asked_for(sandbox: Salesloft) -> None:
    values: list[dict[str, JSON]] = [{"email_address": f"p{at}@x.test"} for at in range(1_250)]
    values[7]["custom_fields.Nowhere"] = "?"
    outcomes = deliver(sandbox, connect(sandbox, bulk_ids="yes"), PEOPLE, call(PEOPLE, *values))

    assert outcomes[7].verdict is REJECTED
    there = people(sandbox)
    for at, outcome in enumerate(outcomes):
        if at != 7:
            assert outcome == Outcome(ACCEPTED, remote_id=str(there[f"p{at}@x.test"].id))
    assert sum(seen.path.endswith("/results") for seen in sandbox.requests) == 13


def test_ids_that_a_job_told_prove_its_rows_though_its_counts_do_not_add_up(sandbox: Salesloft) -> None:
    sandbox.faults.set(job_fail_next=1)
    outcomes = deliver(sandbox, connect(sandbox, bulk_ids="yes"), PEOPLE, crowd(300))

    assert [one.verdict for one in outcomes].count(ACCEPTED) == len(sandbox.people()) == 150
    assert {one.verdict for one in outcomes} == {ACCEPTED, UNPROVED}


@pytest.mark.parametrize("fault", ["drop_after", "truncate", "garble", "drop_before", "error_503"])
@pytest.mark.parametrize(
    "step", ["GET /v2/bulk_jobs", "POST /v2/bulk_jobs/", "PUT /v2/bulk_jobs", "DELETE /v2/bulk_jobs"]
)
def test_a_job_survives_any_lost_answer_at_any_step(sandbox: Salesloft, fault: str, step: str) -> None:
    if step.startswith("DELETE"):
        sandbox.faults.set(upload_short_next=1)  # else nothing is deleted
    sandbox.faults.set(**{f"{fault}_next": 1, "only": step})
    outcomes = deliver(sandbox, connect(sandbox), PEOPLE, crowd(300))

    assert outcomes.count(Outcome(ACCEPTED)) == 300
    assert {one.write_count for one in sandbox.people()} == {1}
    assert len(sandbox.people()) == 300


@pytest.mark.parametrize("fault", ["upload_short", "upload_twice"])
def test_an_upload_that_is_not_whole_is_thrown_away_with_its_job(sandbox: Salesloft, fault: str) -> None:
    sandbox.faults.set(**{f"{fault}_next": 1})
    outcomes = deliver(sandbox, connect(sandbox), PEOPLE, crowd(300))

    assert outcomes.count(Outcome(ACCEPTED)) == 300
    assert {one.write_count for one in sandbox.people()} == {1}
    assert sum(seen.method == "DELETE" for seen in sandbox.requests) == 1


def test_uploads_that_never_work_end_in_single_calls(sandbox: Salesloft) -> None:
    sandbox.faults.set(upload_short_rate=1.0)
    with pytest.raises(TooMany):
        deliver(sandbox, connect(sandbox), PEOPLE, crowd(300))

    assert sandbox.people() == []
    assert sum(seen.path.endswith("/job_data") for seen in sandbox.requests) == 3


@pytest.mark.parametrize("status", [403, 404])
def test_an_account_without_bulk_jobs_is_told_to_send_less_at_once(sandbox: Salesloft, status: int) -> None:
    sandbox.faults.set(bulk_jobs=False, bulk_refusal=status)
    with pytest.raises(TooMany, match="does not take bulk jobs"):
        connect(sandbox).send(PEOPLE, crowd(300))


def test_a_process_that_died_after_the_upload_does_not_upload_twice(sandbox: Salesloft) -> None:
    salesloft, people_ = connect(sandbox), crowd(300)
    created = salesloft.send(PEOPLE, people_)
    assert isinstance(created, Pending)
    uploaded = salesloft.advance(PEOPLE, people_, created.state)  # and nobody kept what came of it
    assert isinstance(uploaded, Pending)

    again = salesloft.advance(PEOPLE, people_, created.state)
    while isinstance(again, Pending):
        assert sandbox.wait_for_jobs()
        again = salesloft.advance(PEOPLE, people_, again.state)

    assert again.count(Outcome(ACCEPTED)) == 300
    assert {one.write_count for one in sandbox.people()} == {1}


@pytest.mark.parametrize("fault", ["job_fail", "row_missing", "job_lost"])
def test_a_job_that_does_not_add_up_proves_nothing_of_what_it_does_not_name(
    sandbox: Salesloft, fault: str
) -> None:
    sandbox.faults.set(**{f"{fault}_next": 1})
    outcomes = deliver(sandbox, connect(sandbox), PEOPLE, crowd(300))

    verdicts = {one.verdict for one in outcomes}
    if fault == "row_missing":  # nobody can see that: the counts add up
        assert verdicts == {ACCEPTED}
    else:
        assert verdicts == {UNPROVED}


def test_a_row_that_fails_for_no_reason_is_told(sandbox: Salesloft) -> None:
    sandbox.faults.set(row_fail_next=1)
    outcomes = deliver(sandbox, connect(sandbox), PEOPLE, crowd(3))

    assert [one.verdict for one in outcomes] == [REJECTED, ACCEPTED, ACCEPTED]


@pytest.mark.parametrize("steps", [0, 1])
def test_a_job_whose_run_has_ended_is_never_begun(sandbox: Salesloft, steps: int) -> None:
    salesloft, one = connect(sandbox), crowd(300)
    answer = salesloft.send(PEOPLE, one)
    for _ in range(steps):
        assert isinstance(answer, Pending)
        answer = salesloft.advance(PEOPLE, one, answer.state)
    assert isinstance(answer, Pending)

    left = salesloft.leave(PEOPLE, one, answer.state)

    assert {outcome.verdict for outcome in done(left)} == {UNPROVED}
    assert sandbox.people() == []
    assert sandbox.requests[-1].method == "DELETE"


def test_a_job_that_executes_is_waited_for_when_its_run_has_ended(sandbox: Salesloft) -> None:
    sandbox.faults.set(hold_jobs=True)
    salesloft, one = connect(sandbox), crowd(300)
    answer = salesloft.send(PEOPLE, one)
    for _ in range(2):
        assert isinstance(answer, Pending)
        answer = salesloft.advance(PEOPLE, one, answer.state)
    assert isinstance(answer, Pending)

    left = salesloft.leave(PEOPLE, one, answer.state)
    assert isinstance(left, Pending)
    sandbox.faults.set(hold_jobs=False)
    assert sandbox.wait_for_jobs()
    assert isinstance(salesloft.leave(PEOPLE, one, left.state), list)
    assert len(sandbox.people()) == 300
