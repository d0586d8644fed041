"""Salesloft over HTTP against the look-alike: checked by what is stored there in the end."""

import pytest

from destinations.adapters.salesloft import Adapter
from destinations.contract import JSON, Found, Kind, Mode, Option, Outcome, Target, Verdict
from destinations.errors import AuthExpired, Cause, Misconfigured, RateLimited, Rejected
from destinations.sandbox.salesloft import Salesloft
from tests.destinations.adapters.salesloft_calls import (
    ACCOUNTS,
    ACCOUNTS_BY_ID,
    PEOPLE,
    PEOPLE_BY_ID,
    call,
)
from tests.destinations.adapters.salesloft_sandbox import connect, only, people

ACCEPTED, REJECTED, UNPROVED = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNPROVED


@pytest.fixture
def sandbox(salesloft_sandbox: Salesloft) -> Salesloft:
    return salesloft_sandbox


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
    assert remedy.problem == "exists"
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
        assert remedy.problem == "ambiguous"
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
    assert found[2] == Found(1, ids["p2@x.test"], is_as_sent=False, others={"title": "VP"})
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
    other = Found(1, made.remote_id, others={"name": "X"})
    assert salesloft.find(ACCOUNTS_BY_ID, by_id) == [other, Found(0), Found(0)]


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
