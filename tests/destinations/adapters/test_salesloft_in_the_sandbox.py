"""Salesloft over HTTP against the look-alike: checked by what is stored there in the end."""

from collections.abc import Iterator
from typing import Any

import pytest

from destinations.adapters.salesloft import Adapter
from destinations.contract import JSON, Call, Found, Kind, Mode, Option, Outcome, Pending, Target, Verdict
from destinations.errors import AuthExpired, Cause, Misconfigured, RateLimited, Rejected, Temporary, TooMany
from destinations.http import HttpClient
from destinations.sandbox.running import running_service
from destinations.sandbox.salesloft import Salesloft
from destinations.sandbox.salesloft_state import Record
from tests.destinations.adapters.salesloft_calls import (
    ACCOUNTS,
    ACCOUNTS_BY_ID,
    PEOPLE,
    PEOPLE_BY_ID,
    call,
)
from tests.destinations.openapi import load

ACCEPTED, REJECTED, UNPROVED = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNPROVED


@pytest.fixture
def sandbox() -> Iterator[Salesloft]:
    """The look-alike. What it was asked must be in Salesloft's published description."""
    with running_service(Salesloft, switches={"job_seconds": 0.0}) as sandbox:
        yield sandbox
        for seen in sandbox.requests:
            path = f"{seen.path}?{seen.query}" if seen.query else seen.path
            load("salesloft").check_request(seen.method, path, seen.json() if seen.body else None)


def connect(sandbox: Salesloft, key: str = "sandbox-key", *, timeout: float = 5, **options: JSON) -> Adapter:
    client = HttpClient(
        Adapter,
        base_url=sandbox.url,
        headers=Adapter.auth.headers({"api_key": key}),
        timeout=timeout,
        secrets=[key],
    )
    return Adapter(client, {"base_url": sandbox.url, **options})


def only(adapter: Adapter, target: Target, values: dict[str, JSON], **more: Any) -> Outcome:
    """The outcome of one record sent in one call."""
    (outcome,) = done(adapter.send(target, call(target, values, **more)))
    return outcome


def done(answer: list[Outcome] | Pending) -> list[Outcome]:
    assert isinstance(answer, list)
    return answer


def deliver(sandbox: Salesloft, adapter: Adapter, target: Target, one: Call) -> list[Outcome]:
    """A bulk job to its end, as the engine drives it: each state goes through JSON, errors come again."""
    answer = adapter.send(target, one)
    for _ in range(60):
        if isinstance(answer, list):
            return answer
        assert sandbox.wait_for_jobs()
        try:
            answer = adapter.advance(target, one, answer.state)
        except Temporary:
            continue
    raise AssertionError("The job has no end.")


def people(sandbox: Salesloft) -> dict[str, Record]:
    return {str(one.match_key): one for one in sandbox.people()}


# One record in one call


def test_a_person_is_created_then_changed_and_keeps_what_is_not_sent(sandbox: Salesloft) -> None:
    salesloft = connect(sandbox)
    first = only(
        salesloft,
        PEOPLE,
        {
            "email_address": "ann@x.test",
            "first_name": "Ann",
            "owner_id": "2",
            "person_stage_id": "1",
            "tags": ["a", "b"],
            "contact_restrictions": ["call"],
            "custom_fields.Plan": "Pro",
            "custom_fields.Renewal Date": "2026-12-24",
            "do_not_contact": None,
        },
    )
    again = only(salesloft, PEOPLE, {"email_address": "ann@x.test", "title": "VP", "first_name": None})

    stored = people(sandbox)["ann@x.test"]
    assert first == again == Outcome(ACCEPTED, remote_id=str(stored.id))
    assert "first_name" not in stored.fields
    assert stored.fields["title"] == "VP"
    assert stored.fields["owner_id"] == 2
    assert stored.fields["custom_fields"] == {"Plan": "Pro", "Renewal Date": "2026-12-24"}
    assert "do_not_contact" not in stored.fields


def test_an_account_takes_numbers_as_text_and_needs_a_name_only_to_be_created(sandbox: Salesloft) -> None:
    salesloft = connect(sandbox)
    with pytest.raises(Rejected) as caught:
        only(salesloft, ACCOUNTS, {"domain": "x.test", "size": "250"})
    created = only(salesloft, ACCOUNTS, {"domain": "x.test", "name": "Söhne & Co", "size": "250"})
    changed = only(salesloft, ACCOUNTS, {"domain": "x.test", "founded": "1999", "revenue_range": "1-5"})

    (stored,) = sandbox.accounts()
    assert (caught.value.message, caught.value.field) == ("Name: is required (422).", "name")
    assert created == changed == Outcome(ACCEPTED, remote_id=str(stored.id))
    assert (stored.fields["size"], stored.fields["founded"]) == ("250", "1999")


def test_insert_only_creates_and_says_so_of_what_is_there(sandbox: Salesloft) -> None:
    salesloft = connect(sandbox)
    values: dict[str, JSON] = {"email_address": "ann@x.test", "first_name": "Ann", "autotag_date": True}
    assert only(salesloft, PEOPLE, values, mode=Mode.INSERT).verdict is ACCEPTED

    with pytest.raises(Rejected) as caught:
        only(salesloft, PEOPLE, {**values, "first_name": "Anna"}, mode=Mode.INSERT)

    assert caught.value.message == (
        "This person is already in Salesloft, and insert only creates. Email address: is already taken (422)."
    )
    assert caught.value.field == "email_address"
    remedy = Adapter.remedy(caught.value.message)
    assert remedy is not None
    assert remedy.problem == "already_there"
    (stored,) = sandbox.people()
    assert stored.fields["first_name"] == "Ann"
    assert len(stored.fields["tags"]) == 1


@pytest.mark.parametrize("knows_id", [True, False])
@pytest.mark.parametrize(
    ("target", "key", "old"),
    [(PEOPLE, "email_address", "ann@x.test"), (ACCOUNTS, "domain", "x.test")],
)
def test_update_changes_what_is_there_and_never_creates(
    sandbox: Salesloft, target: Target, key: str, old: str, knows_id: bool
) -> None:
    salesloft = connect(sandbox)
    record: dict[str, JSON] = {key: old, "name" if key == "domain" else "title": "One"}
    made = only(salesloft, target, record)
    known = {"remote_id": made.remote_id} if knows_id else {}

    updated = only(salesloft, target, {key: old, "city": "Ulm"}, mode=Mode.UPDATE, **known)
    assert updated == made
    with pytest.raises(Rejected, match="Salesloft has no") as caught:
        only(salesloft, target, {key: f"no-{old}", "city": "Ulm"}, mode=Mode.UPDATE)

    assert caught.value.field == key
    (stored,) = sandbox.people() or sandbox.accounts()
    assert stored.fields["city"] == "Ulm"


@pytest.mark.parametrize(("target", "more"), [(PEOPLE_BY_ID, {}), (ACCOUNTS_BY_ID, {"domain": "y.test"})])
@pytest.mark.parametrize("mode", [Mode.UPSERT, Mode.UPDATE])
def test_by_id_a_record_is_changed_and_a_missing_one_refused(
    sandbox: Salesloft, target: Target, more: dict[str, JSON], mode: Mode
) -> None:
    salesloft = connect(sandbox)
    by_key = PEOPLE if target is PEOPLE_BY_ID else ACCOUNTS
    made = only(
        salesloft,
        by_key,
        {by_key.upsert_key: "ann@x.test" if by_key is PEOPLE else "x.test", "name": "X"}
        if by_key is ACCOUNTS
        else {"email_address": "ann@x.test"},
    )
    changed = only(salesloft, target, {"id": int(made.remote_id), "city": "Ulm", **more}, mode=mode)
    with pytest.raises(Rejected, match=r"\(404\)"):
        only(salesloft, target, {"id": 999, "city": "Ulm"}, mode=mode)

    assert changed == made
    (stored,) = sandbox.people() or sandbox.accounts()
    assert stored.fields["city"] == "Ulm"


def test_a_known_record_moves_along_with_its_new_key(sandbox: Salesloft) -> None:
    salesloft = connect(sandbox)
    made = only(salesloft, PEOPLE, {"email_address": "ann@x.test", "title": "VP"})
    moved = only(
        salesloft,
        PEOPLE,
        {"email_address": "ann@y.test"},
        remote_id=made.remote_id,
        former_match="ann@x.test",
    )

    (stored,) = sandbox.people()
    assert moved == made
    assert (stored.match_key, stored.fields["title"]) == ("ann@y.test", "VP")


def test_a_record_that_was_deleted_there_is_written_anew_by_its_key(sandbox: Salesloft) -> None:
    salesloft = connect(sandbox)
    moved = only(
        salesloft, PEOPLE, {"email_address": "ann@y.test"}, remote_id="404", former_match="ann@x.test"
    )
    updated = only(
        salesloft, PEOPLE, {"email_address": "ann@y.test", "city": "Ulm"}, mode=Mode.UPDATE, remote_id="404"
    )

    (stored,) = sandbox.people()
    assert moved == updated == Outcome(ACCEPTED, remote_id=str(stored.id))
    assert stored.fields["city"] == "Ulm"


def test_an_address_that_two_have_is_told_with_how_many(sandbox: Salesloft) -> None:
    sandbox.faults.set(duplicates=True)
    salesloft = connect(sandbox)
    for name in ("One", "Two"):
        only(salesloft, PEOPLE, {"email_address": "ann@x.test", "first_name": name}, mode=Mode.INSERT)

    for mode in (Mode.UPSERT, Mode.UPDATE):
        with pytest.raises(Rejected) as caught:
            only(salesloft, PEOPLE, {"email_address": "ann@x.test", "first_name": "New"}, mode=mode)
        assert caught.value.message.startswith("2 people in Salesloft have this email address")
        assert caught.value.field == "email_address"
        remedy = Adapter.remedy(caught.value.message)
        assert remedy is not None
        assert remedy.problem == "ambiguous_key"
    assert sorted(one.fields["first_name"] for one in sandbox.people()) == ["One", "Two"]


def test_a_missing_scope_is_named(sandbox: Salesloft) -> None:
    with pytest.raises(Misconfigured) as caught:
        only(connect(sandbox, "read-only-key"), PEOPLE, {"email_address": "ann@x.test"})

    assert caught.value.cause is Cause.PERMISSION
    assert "people:write" in caught.value.message
    assert "crm_id_person:write" in caught.value.message


def test_a_used_up_budget_is_waited_out_to_the_full_minute(sandbox: Salesloft) -> None:
    salesloft = connect(sandbox)
    sandbox.faults.set(window_cost=1)
    only(salesloft, PEOPLE, {"email_address": "ann@x.test"})
    with pytest.raises(RateLimited) as caught:
        only(salesloft, PEOPLE, {"email_address": "ben@x.test"})

    assert caught.value.cause is Cause.BUDGET
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 60


# Looking up


def test_people_are_found_by_the_hundred_with_how_many_have_the_key(sandbox: Salesloft) -> None:
    salesloft = connect(sandbox)
    sandbox.faults.set(duplicates=True)
    for at in range(4):
        only(salesloft, PEOPLE, {"email_address": f"p{at}@x.test", "title": "VP"}, mode=Mode.INSERT)
    only(salesloft, PEOPLE, {"email_address": "p3@x.test"}, mode=Mode.INSERT)
    ids = {one.match_key: str(one.id) for one in sandbox.people()}
    sandbox.requests.clear()

    asked = [{"email_address": f"P{at}@x.test" if at == 1 else f"p{at}@x.test"} for at in range(100)]
    asked[0]["title"] = " VP "
    asked[2]["title"] = "CEO"
    found = salesloft.find(PEOPLE, call(PEOPLE, *asked))

    assert found[0] == Found(1, ids["p0@x.test"], is_as_sent=True)
    assert found[1] == Found(1, ids["p1@x.test"], is_as_sent=True)
    assert found[2] == Found(1, ids["p2@x.test"], is_as_sent=False)
    assert found[3] == Found(2)
    assert set(found[4:]) == {Found(0)}
    assert len(sandbox.requests) == 1


def test_accounts_are_found_by_domain_and_by_id(sandbox: Salesloft) -> None:
    salesloft = connect(sandbox)
    made = only(salesloft, ACCOUNTS, {"domain": "x.test", "name": "X", "account_tier_id": "7"})
    sent = {"domain": "x.test", "name": "X", "account_tier_id": "7", "custom_fields.Tier": None}

    assert salesloft.find(ACCOUNTS, call(ACCOUNTS, sent)) == [Found(1, made.remote_id, is_as_sent=True)]
    assert salesloft.find(ACCOUNTS, call(ACCOUNTS, {"domain": "y.test"})) == [Found(0)]
    by_id = call(ACCOUNTS_BY_ID, {"id": int(made.remote_id), "name": "Y"}, {"id": "x"}, {"id": 999})
    assert salesloft.find(ACCOUNTS_BY_ID, by_id) == [Found(1, made.remote_id), Found(0), Found(0)]


# Who is connected, and which fields there are


def test_the_connection_test_tells_the_team_and_the_user(sandbox: Salesloft) -> None:
    identity = connect(sandbox).check()

    assert identity.account_id
    assert identity.account_name
    assert identity.missing == ()
    assert identity.notes[0] == "Connected as Sally Sandbox (sally@sandbox.example)."
    assert {seen.method for seen in sandbox.requests} == {"GET"}


def test_without_team_read_the_same_team_is_recognised(sandbox: Salesloft) -> None:
    known, unknown = connect(sandbox).check(), connect(sandbox, "no-team-key").check()

    assert unknown.account_id == known.account_id
    assert unknown.missing == ()
    assert any("team:read" in note for note in unknown.notes)


def test_missing_scopes_and_a_bad_key_are_told(sandbox: Salesloft) -> None:
    sandbox.add_key("accounts-key", "accounts:read")
    (missing,) = connect(sandbox, "accounts-key").check().missing
    assert "lacks the scope people:read" in missing
    with pytest.raises(AuthExpired, match="An admin must reconnect"):
        connect(sandbox, "wrong-key").check()


def test_the_fields_hold_the_teams_own_choices_and_names(sandbox: Salesloft) -> None:
    fields = {field.key: field for field in connect(sandbox).fields(PEOPLE.object)}

    owner = fields["owner_id"]
    assert owner.kind is Kind.PICKLIST
    assert Option("2", "Olivia Owner", ("olivia@sandbox.example", "Olivia Owner")) in owner.options
    (ida,) = (option for option in owner.options if option.label == "Ida Inactive")
    assert ida.closed == "is inactive in Salesloft"
    assert [option.label for option in fields["person_stage_id"].options]
    assert fields["custom_fields.Plan"].kind is Kind.TEXT
    assert fields["custom_fields.Renewal Date"].kind is Kind.DATE
    assert "custom_fields.Tier" not in fields
    accounts = {field.key: field for field in connect(sandbox).fields(ACCOUNTS.object)}
    assert accounts["custom_fields.Customer Since"].custom
    assert "Tier 1" in [option.label for option in accounts["account_tier_id"].options]


def test_what_may_not_be_listed_is_taken_as_it_is_typed(sandbox: Salesloft) -> None:
    sandbox.faults.set(custom_fields_listed=False)
    salesloft = connect(sandbox, "no-team-key")
    fields = {field.key: field for field in salesloft.fields(PEOPLE.object)}

    assert fields["owner_id"].kind is Kind.NUMBER
    assert "team:read" in fields["owner_id"].help
    assert not any(field.custom for field in fields.values())
    assert fields["person_stage_id"].kind is Kind.PICKLIST
    assert any("custom_fields." in note for note in salesloft.check().notes)
    values: dict[str, JSON] = {"email_address": "ann@x.test", "custom_fields.Plan": "Pro", "owner_id": 2}
    assert only(salesloft, PEOPLE, values).verdict is ACCEPTED
    assert people(sandbox)["ann@x.test"].fields["custom_fields"] == {"Plan": "Pro"}


# Bulk jobs


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
