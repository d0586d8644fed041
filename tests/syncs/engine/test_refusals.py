"""Rows that the destination refuses: told, then waiting, then tried again; and companies of leads."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from destinations.adapters.qualified import Adapter
from destinations.contract import Outcome, Verdict
from destinations.errors import Rejected
from destinations.models import Exchange
from syncs.engine import ledger
from syncs.models import LedgerEntry, RejectedRow, Run, Sync
from tests.syncs.engine.scene import (
    LEADS,
    Scene,
    check_history,
    counts,
    make_sync,
    person,
    reason,
    set_mapping,
    told,
)

WITH_COMPANY = LEADS | {"company.city": "note"}


@pytest.fixture
def stage(scene: Scene) -> Scene:
    """The scene, with a picklist that we take for a text: only the sandbox knows that "high" is wrong."""
    scene.change_field("Score__c", "picklist", options=["1", "2", "7"])
    set_mapping(scene.sync, LEADS | {"Score__c": "note"})
    return scene


def wait(scene: Scene, **times: Any) -> None:
    """Let the time come that refused rows wait for."""
    LedgerEntry.objects.filter(sync=scene.sync, refused_fingerprint__isnull=False).update(**times)


def test_a_refused_row_is_told_with_field_and_who_must_act(stage: Scene) -> None:
    stage.rows = [person(1, note="high"), person(2, note=None)]

    run = stage.finish()

    assert run.status == Run.Status.ATTENTION
    assert counts(run) == {"read": 2, "planned": 2, "accepted": 1, "rejected": 1}
    row = RejectedRow.objects.get(run=run)
    assert (row.stage, row.key_text, row.field, row.who) == ("rejected", "1", "Score__c", "data")
    assert row.match_key == "person1@acme.com"
    assert row.payload["Score__c"] == "high"
    assert row.batch_number == 1
    check_history(run)


def test_a_refused_row_waits_one_run_then_a_day_then_a_week(stage: Scene) -> None:
    stage.rows = [person(1, note="high")]
    refused = {"read": 1, "planned": 1, "rejected": 1}
    deferred = {"read": 1, "deferred": 1}

    assert counts(stage.finish()) == refused
    assert counts(stage.finish()) == deferred
    assert stage.requests() == []
    assert counts(stage.finish()) == refused
    for days in (1, 7, 7):
        entry = stage.entry(1)
        left = entry.next_try_at - timezone.now()
        assert timedelta(days=days, minutes=-1) < left <= timedelta(days=days)
        assert counts(stage.finish()) == deferred
        wait(stage, next_try_at=timezone.now() - timedelta(seconds=1))
        assert counts(stage.finish()) == refused


def test_a_changed_row_waits_no_longer(stage: Scene) -> None:
    stage.rows = [person(1, note="high")]
    stage.finish()
    stage.change(1, note="7")

    assert counts(stage.finish()) == {"read": 1, "planned": 1, "accepted": 1}
    entry = stage.entry(1)
    assert (entry.refused_fingerprint, entry.refused_count, entry.next_try_run) == (None, 0, None)


def test_a_row_that_changes_back_to_what_was_accepted_is_unchanged(stage: Scene) -> None:
    stage.rows = [person(1, note="7")]
    stage.finish()
    stage.change(1, note="high")
    assert counts(stage.finish())["rejected"] == 1
    stage.change(1, note="7")

    assert counts(stage.finish()) == {"read": 1, "unchanged": 1}
    assert stage.lead(1)["Score__c"] == "7"


@pytest.mark.parametrize("options", [{"trigger": Run.Trigger.RETRY, "keys": ["1"]}, {"full": True}])
def test_a_retry_and_a_full_run_end_the_wait(stage: Scene, options: dict[str, Any]) -> None:
    stage.rows = [person(1, note="high")]
    stage.finish()

    assert counts(stage.finish(**options)) == {"read": 1, "planned": 1, "rejected": 1}


def test_saving_the_mapping_ends_the_wait(stage: Scene) -> None:
    stage.rows = [person(1, note="high")]
    stage.finish()
    assert ledger.release_refused(stage.sync) == 1

    assert counts(stage.finish()) == {"read": 1, "planned": 1, "rejected": 1}


def test_a_refused_row_is_no_other_rows_wait(stage: Scene) -> None:
    stage.rows = [person(1, note="high"), person(2, note="1")]
    stage.finish()
    stage.change(2, note="2")

    assert counts(stage.finish()) == {"read": 2, "deferred": 1, "planned": 1, "accepted": 1}


def refuse_calls(monkeypatch: pytest.MonkeyPatch, *bad: str, alike: bool = False) -> list[int]:
    """A service that refuses each call with one of these leads in it. Returns the sizes of calls."""
    real = Adapter.send
    sizes = []

    def send(self: Adapter, target: Any, call: Any) -> Any:
        sizes.append(len(call.operations))
        found = [one.match_key for one in call.operations if one.match_key in bad]
        if found:
            raise Rejected("One of the leads is bad." if alike else f"{found[0]} is bad.", field="email")
        return real(self, target, call)

    monkeypatch.setattr(Adapter, "send", send)
    return sizes


@pytest.mark.parametrize(("bad", "alike"), [([3, 14], False), ([3], False), ([3], True)])
def test_a_call_that_is_refused_whole_is_split_down_to_the_bad_rows(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, bad: list[int], alike: bool
) -> None:
    sizes = refuse_calls(monkeypatch, *(f"person{id}@acme.com" for id in bad), alike=alike)
    scene.rows = [person(id) for id in range(1, 17)]

    run = scene.finish()

    assert sizes[0] == 16
    assert len(sizes) <= 21
    assert counts(run) == {"read": 16, "planned": 16, "accepted": 16 - len(bad), "rejected": len(bad)}
    assert sorted(told(run)) == sorted(("rejected", "refused", str(id)) for id in bad)
    assert len(scene.sandbox.leads()) == 16 - len(bad)
    check_history(run)


def test_a_batch_is_split_so_often_and_no_more(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = [f"person{id}@acme.com" for id in range(1, 61, 4)]
    sizes = refuse_calls(monkeypatch, *bad)
    scene.rows = [person(id) for id in range(1, 61)]

    run = scene.finish()

    assert len(sizes) == 21
    assert set(bad) <= set(RejectedRow.objects.values_list("match_key", flat=True))
    assert run.accepted_count + run.rejected_count == 60
    check_history(run)


def test_a_call_that_is_refused_alike_in_both_halves_costs_two_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.rows = [person(id) for id in range(1, 61)]
    sizes = refuse_calls(monkeypatch, *(row["email"] for row in scene.rows), alike=True)

    run = scene.finish()

    assert sizes == [60, 30, 30]
    assert counts(run) == {"read": 60, "planned": 60, "rejected": 60}
    assert set(RejectedRow.objects.values_list("field", flat=True)) == {"email"}
    check_history(run)


def test_words_that_no_database_can_hold_are_kept_as_escapes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A NUL in the reason for a row, and in the refusal of a whole call."""
    scene.rows = [person(1)]
    with monkeypatch.context() as patch:
        outcome = Outcome(Verdict.REJECTED, "Not\0 this one.")
        patch.setattr(Adapter, "send", lambda *_: [outcome])
        assert "Not\\x00 this one." in reason(scene.finish(), 1)

    scene.change(1, title="CEO")
    scene.sandbox.faults.set(error_500_next=1, only="POST /v2/bulk")
    with monkeypatch.context() as patch:
        patch.setattr(Adapter, "refusal", lambda *_: Rejected("Not\0 so."))
        run = scene.finish()
    assert "Not\\x00 so." in reason(run, 1)
    assert Exchange.objects.filter(subject=run.public_id, error="Not\\x00 so.").exists()


def test_three_batches_refused_alike_stop_the_run(stage: Scene) -> None:
    stage.options(batch_size=2, concurrency=1)
    stage.rows = [person(id, note="high") for id in range(1, 81)]

    run = stage.finish()

    assert run.status == Run.Status.STOPPED
    assert run.stop_reason.startswith("3 batches in a row were refused in the same words: “")
    assert "mapping" in run.stop_reason
    assert counts(run)["rejected"] >= 6
    # Eight jobs may be with the destination at once: what they bring is settled, and no more are sent.
    assert counts(run)["waiting"] >= 40
    check_history(run)


# A lead's company


@pytest.fixture
def pair(scene: Scene) -> Scene:
    """The scene, with a column mapped to the city of a lead's company."""
    set_mapping(scene.sync, WITH_COMPANY)
    return scene


def test_a_company_is_sent_first_and_once_per_domain(pair: Scene) -> None:
    pair.options(batch_size=2)
    pair.rows = [person(id, note="Pune") for id in range(1, 6)] + [person(6, email="a@gmail.com", note="Goa")]

    run = pair.finish()

    assert counts(run) == {"read": 6, "planned": 6, "accepted": 6}
    entities = [item["entity"] for item in pair.items()]
    assert entities == ["company"] + ["lead"] * 6
    assert pair.sandbox.companies()["acme.com"].fields == {"city": "Pune"}
    assert list(pair.sandbox.companies()) == ["acme.com"]
    assert run.notes == [
        "1 row came with Company values but no domain of a company to write them to; those values were left "
        "out."
    ]
    check_history(run)
    assert counts(pair.finish()) == {"read": 6, "unchanged": 6}
    assert pair.requests() == []


def test_a_change_of_the_company_alone_sends_the_company_alone(pair: Scene) -> None:
    pair.rows = [person(1, note="Pune"), person(2, note="Pune"), person(3, email="a@b.com", note="Goa")]
    pair.finish()
    for row in pair.rows[:2]:
        row["note"] = "Delhi"

    run = pair.finish()

    assert counts(run) == {"read": 3, "unchanged": 2, "planned": 1, "accepted": 1}
    assert [item["data"] for item in pair.items()] == [{"domain": "acme.com", "fields": {"city": "Delhi"}}]
    check_history(run)


def test_a_mapped_domain_decides_whose_company_it_is(pair: Scene) -> None:
    set_mapping(pair.sync, LEADS | {"company.domain": "note", "company.city": {"value": "Pune"}})
    pair.rows = [person(1, note="https://www.globex.com/about"), person(2, email="a@gmail.com", note="b.com")]

    assert counts(pair.finish()) == {"read": 2, "planned": 2, "accepted": 2}
    assert sorted(pair.sandbox.companies()) == ["b.com", "globex.com"]


def test_a_refused_company_fails_its_row_and_says_which_part(pair: Scene) -> None:
    pair.sandbox.faults.set(item_fail_next=1)
    pair.rows = [person(1, note="Pune"), person(2, email="a@b.com", note=None)]

    run = pair.finish()

    assert run.status == Run.Status.ATTENTION
    assert counts(run) == {"read": 2, "planned": 2, "accepted": 1, "rejected": 1}
    row = RejectedRow.objects.get(run=run)
    assert (row.key_text, row.part, row.match_key) == ("1", 1, "acme.com")
    assert row.reason.startswith("Company acme.com: ")
    assert "person1@acme.com" in pair.sandbox.leads()
    check_history(run)

    run = pair.finish()
    assert counts(run) == {"read": 2, "unchanged": 1, "deferred": 1}
    run = pair.finish()
    assert counts(run) == {"read": 2, "unchanged": 1, "planned": 1, "accepted": 1}
    assert pair.sandbox.companies()["acme.com"].fields == {"city": "Pune"}


def test_a_refused_lead_with_a_good_company_fails_its_row_once(pair: Scene) -> None:
    pair.change_field("Score__c", "decimal")
    set_mapping(pair.sync, WITH_COMPANY | {"Score__c": "title"})
    pair.rows = [person(1, note="Pune", title="high")]

    run = pair.finish()
    assert counts(run) == {"read": 1, "planned": 1, "rejected": 1}
    check_history(run)

    pair.rows[0]["note"] = "Delhi"
    run = pair.finish()
    assert counts(run) == {"read": 1, "planned": 1, "accepted": 1}
    assert pair.sandbox.companies()["acme.com"].fields == {"city": "Delhi"}
    check_history(run)


def test_a_limited_run_sends_the_companies_of_its_rows(pair: Scene) -> None:
    pair.rows = [person(id, email=f"a@c{id}.com", note="Pune") for id in range(1, 6)]

    assert counts(pair.finish(limit=2)) == {"read": 2, "planned": 2, "accepted": 2}
    assert sorted(pair.sandbox.companies()) == ["c1.com", "c2.com"]


def test_companies_are_an_object_of_their_own(scene: Scene) -> None:
    mapping = {"domain": "email", "name": "first_name", "industry": {"column": "title", "steps": ["trim"]}}
    scene.sync = make_sync(
        team=scene.team,
        connection=scene.connection,
        mapping=mapping,
        name="companies",
        object_key="companies",
    )
    scene.rows = [person(1, email="HTTPS://www.Acme.com/x", title=" Software "), person(2, email="a@b.com")]

    run = scene.finish()

    assert counts(run) == {"read": 2, "invalid": 1, "planned": 1, "accepted": 1, "normalised": 1}
    assert told(run) == [("invalid", "not_a_domain", "2")]
    assert scene.sandbox.companies()["acme.com"].name == "Person 1"
    assert scene.sandbox.companies()["acme.com"].fields == {"industry": "Software"}
    assert "not a domain" in reason(run, 2)
    assert Sync.objects.count() == 2
