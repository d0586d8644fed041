"""Qualified over HTTP against the look-alike: checked by what is stored there in the end."""

from collections.abc import Iterator

import pytest

from destinations.adapters.qualified import Adapter
from destinations.contract import JSON, Call, Kind, Mode, Operation, Outcome, Pending, Target, Verdict
from destinations.errors import AuthExpired, Cause, Misconfigured, RateLimited, Temporary
from destinations.http import HttpClient
from destinations.sandbox.running import Sandbox, running_sandbox
from syncadmin.lib.outgoing import LOOPBACK
from tests.destinations.adapters.qualified_jobs import COMPANIES, LEADS, leads


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(switches={"job_seconds": 0.0}) as sandbox:
        yield sandbox


def connect(sandbox: Sandbox, key: str = "sandbox-key", **options: JSON) -> Adapter:
    client = HttpClient(
        Adapter,
        base_url=sandbox.url,
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
        secrets=[key],
        networks=LOOPBACK,
    )
    return Adapter(client, options)


def deliver(sandbox: Sandbox, qualified: Adapter, target: Target, call: Call) -> list[Outcome]:
    """Hand over a call and look at its job once it is done."""
    answer = qualified.send(target, call)
    assert isinstance(answer, Pending)
    assert sandbox.wait_for_jobs()
    outcomes = qualified.advance(target, call, answer.state)
    assert isinstance(outcomes, list)
    return outcomes


@pytest.mark.parametrize("style", ["unified", "per_object"])
def test_leads_and_companies_arrive_and_the_odd_one_is_told(sandbox: Sandbox, style: str) -> None:
    qualified = connect(sandbox, bulk_style=style)
    people = leads(
        {"email": "miles@obrien.test", "first_name": "Miles", "last_name": "O'Brien", "Lead_Score__c": 7},
        {"email": "ann@x.test", "Nowhere__c": "?"},
        {"email": "ben@x.test", "Lead_Score__c": "seven"},
    )
    firm = Operation("9", Mode.UPSERT, "x.test", {"domain": "x.test", "name": "Söhne & Co"})

    accepted, unknown, invalid = deliver(sandbox, qualified, LEADS, people)
    (company,) = deliver(sandbox, qualified, COMPANIES, Call("call", (firm,)))

    assert accepted == company == Outcome(Verdict.ACCEPTED)
    assert (unknown.verdict, unknown.field) == (Verdict.REJECTED, "Nowhere__c")
    assert unknown.reason == "Unknown field: Nowhere__c."
    assert (invalid.verdict, invalid.field) == (Verdict.REJECTED, "Lead_Score__c")
    assert list(sandbox.leads()) == ["miles@obrien.test"]
    assert sandbox.leads()["miles@obrien.test"].fields["last_name"] == "O'Brien"
    assert sandbox.companies()["x.test"].name == "Söhne & Co"


def test_a_null_clears_and_an_absent_field_is_left_alone(sandbox: Sandbox) -> None:
    qualified = connect(sandbox)
    deliver(sandbox, qualified, LEADS, leads({"email": "ann@x.test", "title": "VP", "first_name": "Ann"}))
    deliver(sandbox, qualified, LEADS, leads({"email": "ann@x.test", "title": None}))

    fields = sandbox.leads()["ann@x.test"].fields
    assert fields.get("title") is None
    assert fields["first_name"] == "Ann"


def test_the_connection_test_tells_the_keys_apart(sandbox: Sandbox) -> None:
    assert connect(sandbox).check().missing == ()
    (missing,) = connect(sandbox, "no-bulk-key").check().missing
    assert "bulk_job:manage" in missing
    with pytest.raises(AuthExpired, match="Either the key is wrong"):
        connect(sandbox, "wrong-key").check()
    sandbox.faults.set(api_enabled=False)
    with pytest.raises(AuthExpired, match="API is not enabled"):
        connect(sandbox).check()


def test_the_connection_test_writes_nothing(sandbox: Sandbox) -> None:
    for style in ("unified", "per_object"):
        connect(sandbox, bulk_style=style).check()

    assert sandbox.wait_for_jobs()
    assert (sandbox.leads(), sandbox.companies()) == ({}, {})


def test_a_port_that_nobody_listens_at_is_told_as_such(sandbox: Sandbox) -> None:
    with sandbox.refusing_connections(), pytest.raises(Temporary) as caught:
        connect(sandbox).check()

    assert caught.value.cause is Cause.CONNECT


def test_fields_are_those_of_the_account(sandbox: Sandbox) -> None:
    sandbox.add_field("lead", "Plan__c", "picklist", options=["gold", "tin"])
    sandbox.add_field("company", "Seats__c", "decimal")

    found = {field.key: field for field in connect(sandbox).fields(LEADS.object)}

    assert [option.value for option in found["Plan__c"].options] == ["gold", "tin"]
    assert (found["company.Seats__c"].kind, found["company.Seats__c"].group) == (Kind.NUMBER, "Company")
    assert found["email"].required


def test_without_field_lists_the_standard_names_are_offered(sandbox: Sandbox) -> None:
    sandbox.faults.set(field_lists=False)

    found = {field.key: field for field in connect(sandbox).fields(LEADS.object)}

    assert not found["first_name"].verified
    assert connect(sandbox).check().missing == ()


def test_a_job_that_is_forgotten_and_a_job_that_failed_leave_all_unproved(sandbox: Sandbox) -> None:
    qualified = connect(sandbox)
    call = leads({"email": "ann@x.test"}, {"email": "ben@x.test"})
    sandbox.faults.set(job_expire_next=1)
    forgotten = deliver(sandbox, qualified, LEADS, call)
    sandbox.faults.set(job_fail_next=1)
    failed = deliver(sandbox, qualified, LEADS, call)

    assert {outcome.verdict for outcome in forgotten + failed} == {Verdict.UNPROVED}
    assert "no longer knows the job" in forgotten[0].reason
    assert "gave up on the job" in failed[0].reason


def test_a_result_that_is_left_out_is_unproved_and_one_that_is_there_twice_counts_once(
    sandbox: Sandbox,
) -> None:
    call = leads({"email": "ann@x.test"}, {"email": "ben@x.test"})
    sandbox.faults.set(item_missing_next=1)
    missing = deliver(sandbox, connect(sandbox), LEADS, call)
    sandbox.faults.set(item_duplicate_next=1)
    twice = deliver(sandbox, connect(sandbox), LEADS, call)

    assert sorted(outcome.verdict for outcome in missing) == [Verdict.ACCEPTED, Verdict.UNPROVED]
    assert twice == [Outcome(Verdict.ACCEPTED)] * 2


@pytest.mark.parametrize(
    ("switch", "kind", "cause"),
    [
        ("error_500_next", Temporary, Cause.SERVER),
        ("error_503_next", Temporary, Cause.SERVER),
        ("limit_window_next", RateLimited, Cause.BUDGET),
        ("limit_concurrency_next", RateLimited, Cause.CONCURRENCY),
        ("drop_after_next", Temporary, Cause.DROPPED),
        ("truncate_next", Temporary, Cause.GARBLED),
        ("garble_next", Temporary, Cause.GARBLED),
    ],
)
def test_every_fault_of_the_wire_asks_for_its_own_decision(
    sandbox: Sandbox, switch: str, kind: type[Temporary], cause: Cause
) -> None:
    sandbox.faults.set(**{switch: 1})

    with pytest.raises(kind) as caught:
        connect(sandbox).send(LEADS, leads({"email": "ann@x.test"}))

    assert caught.value.cause is cause


def test_a_scope_that_is_taken_away_stops_with_what_to_tick(sandbox: Sandbox) -> None:
    sandbox.faults.set(bulk_scope=False)

    with pytest.raises(Misconfigured, match="must tick bulk_job:manage"):
        connect(sandbox).send(LEADS, leads({"email": "ann@x.test"}))


def test_500_records_fit_one_job(sandbox: Sandbox) -> None:
    call = leads(*({"email": f"p{number}@x.test"} for number in range(500)))

    outcomes = deliver(sandbox, connect(sandbox), LEADS, call)

    assert outcomes == [Outcome(Verdict.ACCEPTED)] * 500
    assert len(sandbox.leads()) == 500
