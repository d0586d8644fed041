"""Runs of a sync with guards: what is held back is told and counted, and does not leave the model's set."""

from typing import Any

from syncs.engine import guard_keys, guard_watch
from syncs.engine.guard_kinds import guard_faults
from syncs.models import GuardKeys, LedgerEntry, MailDomain, QueryModel, RejectedRow, Run, Source
from tests.syncs.engine.scene import (
    LEADS,
    Scene,
    check_history,
    counts,
    person,
    reason,
    set_mapping,
    told,
    write_csv,
)

ONLY_VPS = {"name": "Only VPs", "send_only": {"all": [{"column": "title", "is": "VP"}]}}
FIRST = {"keep_first": {"column": "note", "descending": True}}


def guard(scene: Scene, *guards: dict[str, Any]) -> None:
    assert guard_faults(list(guards)) == []
    scene.sync.guards = list(guards)
    scene.sync.save(update_fields=["guards"])


def test_what_a_guard_stops_is_held_back_with_its_name_and_counted(scene: Scene) -> None:
    guard(scene, ONLY_VPS, {"personal_emails": {"field": "email"}})
    scene.rows = [person(1), person(2, title="CEO"), person(3, email="ada@gmail.com"), person(4, email="no")]
    # Their data would be wrong too, and one would be a duplicate; of what is held back nobody needs to know.
    scene.rows += [
        person(5, title="CEO", email="no address"),
        person(6, title="CEO", email=scene.rows[0]["email"]),
    ]

    run = scene.finish()

    assert counts(run) == {"read": 6, "held_back": 4, "invalid": 1, "planned": 1, "accepted": 1}
    assert scene.emails() == ["person1@acme.com"]
    assert run.held_by == [["Only VPs", 3], ["Personal e-mail addresses", 1]]
    held = RejectedRow.objects.get(run=run, key_text="2")
    assert (held.stage, held.problem, held.field) == ("held_back", "guard", "Only VPs")
    assert "whoever edits the sync must change the guard" in held.reason
    check_history(run)


def test_a_row_that_was_sent_and_is_held_back_now_stays_as_it_was_there_and_did_not_leave(
    scene: Scene,
) -> None:
    scene.rows = [person(1), person(2)]
    scene.finish()
    before = LedgerEntry.objects.filter(sync=scene.sync, key_text="2").values().get()
    guard(scene, ONLY_VPS)
    scene.change(2, title="CEO")

    run = scene.finish()

    assert counts(run) == {"read": 2, "unchanged": 1, "held_back": 1}
    assert scene.requests() == []
    assert LedgerEntry.objects.filter(sync=scene.sync, key_text="2").values().get() == before
    assert scene.lead(2)["title"] == "VP"


def test_rows_that_a_change_of_guards_frees_are_sent_by_the_next_run(scene: Scene) -> None:
    guard(scene, ONLY_VPS)
    scene.rows = [person(1), person(2, title="CEO")]
    scene.finish()
    guard(scene)

    assert counts(scene.finish()) == {"read": 2, "unchanged": 1, "planned": 1, "accepted": 1}
    assert scene.emails() == ["person2@acme.com"]


def test_where_a_guard_cannot_tell_the_row_needs_attention(scene: Scene) -> None:
    guard(scene, {"hold_back": {"all": [{"column": "note", "greater_than": 5}]}})
    scene.rows = [person(1, note="4"), person(2, note="many"), person(3, note="6")]

    run = scene.finish()

    assert told(run) == [("held_back", "guard", "3"), ("invalid", "guard_unsure", "2")]
    assert "note is “many”, which is no number" in reason(run, 2)


def test_a_run_of_chosen_rows_holds_back_those_that_guards_stop_and_counts_no_others(scene: Scene) -> None:
    guard(scene, ONLY_VPS)
    scene.rows = [person(1), person(2, title="CEO"), person(3, title="CEO"), person(4)]

    run = scene.finish(keys=["1", "2"])

    assert counts(run) == {"read": 2, "held_back": 1, "planned": 1, "accepted": 1}
    assert (told(run), run.held_by) == ([("held_back", "guard", "2")], [["Only VPs", 1]])
    assert scene.emails() == ["person1@acme.com"]


def test_nobody_writes_the_company_of_a_row_that_is_held_back(scene: Scene) -> None:
    set_mapping(scene.sync, LEADS | {"company.domain": "company", "company.name": "note"})
    guard(scene, ONLY_VPS)
    scene.rows = [
        person(1, company="acme.com", note="Acme"),
        person(2, company="b.com", note="B", title="CEO"),
    ]

    scene.finish()

    assert set(scene.sandbox.companies()) == {"acme.com"}


def test_of_several_rows_for_one_record_the_first_by_a_column_is_sent(scene: Scene) -> None:
    guard(scene, FIRST)
    scene.rows = [
        person(1, email="x@acme.com", note="9", title="Old"),
        person(2, email="x@acme.com", note="10", title="New"),
        person(3, email="x@acme.com", note="", title="Unknown"),
        person(4),
    ]

    run = scene.finish()

    assert counts(run) == {"read": 4, "held_back": 2, "planned": 2, "accepted": 2}
    assert scene.sandbox.leads()["x@acme.com"].fields["title"] == "New"
    assert told(run) == [("held_back", "guard", "1"), ("held_back", "guard", "3")]
    assert "That is row 2." in reason(run, 1)
    check_history(run)


def test_a_flood_of_a_domain_never_sent_is_held_back_and_known_domains_are_not(scene: Scene) -> None:
    guard(scene, {"new_domains": {"field": "email", "most": 2}})
    scene.rows = [person(id) for id in (1, 2, 3)]
    assert counts(scene.finish())["accepted"] == 3  # in the first run every domain is new
    scene.rows += [person(id) for id in (4, 5, 6)]
    scene.rows += [person(id, email=f"p{id}@new.com") for id in (11, 12, 13)]
    scene.rows += [person(id, email=f"p{id}@small.com") for id in (21, 22)]

    run = scene.finish()

    assert counts(run) == {"read": 11, "unchanged": 3, "held_back": 3, "planned": 5, "accepted": 5}
    assert {key for _, _, key in told(run)} == {"11", "12", "13"}
    assert counts(scene.finish())["held_back"] == 3  # until somebody says that they are meant
    MailDomain.objects.create(team=scene.team, domain="new.com", verdict="allowed")
    assert counts(scene.finish())["accepted"] == 3
    check_history(run)


def test_a_flood_is_seen_as_one_where_only_some_of_its_rows_are_sent_again(scene: Scene) -> None:
    guard(scene, {"new_domains": {"field": "email", "most": 2}})
    scene.rows = [person(1)]
    scene.finish()
    scene.rows += [person(id, email=f"p{id}@new.com") for id in (11, 12, 13)]

    assert counts(scene.finish(keys=["11"])) == {"read": 1, "held_back": 1}


def test_pasted_keys_are_held_back_and_the_run_stops_where_they_are_gone(scene: Scene) -> None:
    stored = guard_keys.packed(guard_keys.digests(["Person2@Acme.com"]))
    name = guard_keys.name_of(stored)
    kept = GuardKeys.objects.create(team=scene.team, sync=scene.sync, name=name, digests=stored, key_count=1)
    guard(scene, {"suppressed": {"field": "email", "list": name, "count": 1}})
    scene.rows = [person(1), person(2)]
    assert counts(scene.finish()) == {"read": 2, "held_back": 1, "planned": 1, "accepted": 1}

    kept.delete()
    run = scene.finish(full=True)

    assert run.status == Run.Status.STOPPED
    assert "its pasted keys are gone" in run.stop_reason
    assert scene.requests() == []


def test_the_keys_of_a_model_are_read_anew_in_each_run(scene: Scene) -> None:
    source = Source.objects.get(team=scene.team)
    sql = "select * from read_csv('stop.csv', header = true, all_varchar = true)"
    model = QueryModel.objects.create(
        team=scene.team, source=source, name="stop", sql=sql, primary_key=["who"]
    )
    content = {"field": "email", "model": str(model.public_id), "model_column": "who"}
    guard(scene, {"suppressed": content})
    scene.rows = [person(1), person(2)]
    write_csv("stop.csv", [{"who": "PERSON1@acme.com"}])
    assert counts(scene.finish())["held_back"] == 1
    assert scene.emails() == ["person2@acme.com"]

    write_csv("stop.csv", [{"who": "nobody"}])
    assert counts(scene.finish()) == {"read": 2, "unchanged": 1, "planned": 1, "accepted": 1}

    write_csv("stop.csv", [{"email": "nobody"}])
    run = scene.finish()
    assert run.status == Run.Status.STOPPED
    assert "no longer returns the column “who”" in run.stop_reason


def test_a_run_stops_before_it_sends_where_a_guard_looks_at_what_is_gone(scene: Scene) -> None:
    guard(scene, {"email_syntax": {"column": "mail"}})
    scene.rows = [person(1)]

    run = scene.finish()

    assert run.status == Run.Status.STOPPED
    assert "looks at the column “mail”, which the model no longer returns" in run.stop_reason


def test_people_who_must_never_be_sent_are_not_whatever_the_other_guards_say(scene: Scene) -> None:
    guard(scene, ONLY_VPS, {"never_send": {"keys": ["1"], "emails": ["Person2@ACME.com"]}})
    scene.rows = [person(1), person(2), person(3)]

    assert scene.finish().held_back_count == 2
    assert scene.emails() == ["person3@acme.com"]


def test_a_run_keeps_the_first_rows_of_a_guard_and_counts_them_all(scene: Scene, monkeypatch) -> None:
    monkeypatch.setattr(guard_watch, "MOST_LISTED", 2)
    guard(scene, ONLY_VPS)
    scene.rows = [person(id, title="CEO") for id in range(1, 6)]

    run = scene.finish()

    assert (run.held_back_count, run.held_by) == (5, [["Only VPs", 5]])
    assert [key for *_, key in told(run)] == ["1", "2"]


def test_guards_count_in_a_dry_run_too(scene: Scene) -> None:
    guard(scene, ONLY_VPS)
    scene.rows = [person(1), person(2, title="CEO")]

    assert counts(scene.finish(dry_run=True)) == {"read": 2, "held_back": 1, "planned": 1, "waiting": 1}
    assert scene.requests() == []
