"""Dry runs: what they say would change is what the next run does."""

import zlib

from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from syncs.engine.batches import Payload
from syncs.engine.diff import CHANGED, CLEARED, KNOWN, NEW, SAME, SET, UNKNOWN, Summary
from syncs.engine.diff_writer import read_told
from syncs.engine.forget import forget
from syncs.engine.run import finish_here
from syncs.models import BatchDiff, LeftRows, Run, Sync
from tests.syncs.engine.scene import LEADS, Scene, counts, person, set_mapping


def summary_of(run: Run) -> Summary:
    assert run.diff is not None
    return Summary.read(run.diff)


def test_a_dry_run_tells_field_by_field_what_the_next_run_does(scene: Scene) -> None:
    clearing = {"title": {"column": "title", "empty": "clear"}}
    set_mapping(scene.sync, LEADS | clearing)
    scene.rows = [person(id) for id in range(1, 7)]
    scene.finish()
    scene.change(1, title="CEO")
    scene.change(2, title="")
    scene.change(3, title="", first_name="Ada")
    scene.rows = [*scene.rows[:-1], person(7)]

    found = summary_of(scene.finish(dry_run=True))

    assert scene.requests() == []
    assert (found.count(NEW), found.count(KNOWN)) == (1, 3)
    assert found.count("", "title", CLEARED) == 2
    assert found.count("", "title", CHANGED) == 1
    assert found.count("", "first_name", CHANGED) == 1
    assert found.count(NEW, "first_name", SET) == 1
    assert found.count(KNOWN, "email") == 0
    assert counts(scene.finish()) == {"read": 6, "unchanged": 2, "planned": 4, "accepted": 4, "left": 1}
    assert summary_of(scene.finish(dry_run=True)).counts == {}


def test_a_run_that_sends_keeps_no_diff(scene: Scene) -> None:
    scene.rows = [person(1)]
    assert scene.finish().diff is None
    assert not BatchDiff.objects.exists()


def test_before_is_what_was_sent_last_not_what_the_row_was(scene: Scene) -> None:
    scene.rows = [person(1)]
    scene.finish()
    scene.change(1, title="CEO")
    scene.finish(dry_run=True)
    scene.change(1, title="VP")

    assert summary_of(scene.finish(dry_run=True)).counts == {}


def test_without_records_nobody_knows_what_was_before(scene: Scene) -> None:
    Sync.objects.update(keep_records=False)
    scene.rows = [person(1), person(2)]
    scene.finish()
    scene.change(1, title="CEO")
    scene.rows.append(person(3))

    run = scene.finish(dry_run=True)

    assert run.diff is not None and run.diff["keeps_records"] is False
    found = summary_of(run)
    assert (found.count(KNOWN, "", UNKNOWN), found.count(KNOWN), found.count(NEW)) == (1, 1, 1)


def test_a_row_that_is_sent_as_it_was_is_told_apart(scene: Scene) -> None:
    """A new field that is empty makes another record of each row, and changes nothing there."""
    scene.rows = [person(1), person(2)]
    scene.finish()
    set_mapping(scene.sync, LEADS | {"phone": "note"})

    found = summary_of(scene.finish(dry_run=True))

    assert found.count(KNOWN, "", SAME) == 2
    assert found.fields == []


def test_a_companys_fields_are_told_of_with_its_prefix_and_count_for_no_row_of_their_own(
    scene: Scene,
) -> None:
    set_mapping(scene.sync, LEADS | {"company.name": "note"})
    scene.rows = [person(1, note="Rail"), person(2, note="Rail")]
    scene.finish()
    scene.change(1, note="Air", title="CEO")
    scene.change(2, note="Air")

    run = scene.finish(dry_run=True)

    found = summary_of(run)
    assert found.count("", "company.name", CHANGED) == 1
    assert found.count(KNOWN) + found.count(NEW) == run.planned_count


def test_another_upsert_key_is_counted(scene: Scene) -> None:
    scene.rows = [person(1), person(2)]
    scene.finish()
    scene.change(1, email="ada@acme.com")

    assert summary_of(scene.finish(dry_run=True)).rekeyed == 1


def test_rows_that_left_the_model_are_named(scene: Scene) -> None:
    scene.rows = [person(id) for id in range(1, 5)]
    scene.finish()
    scene.rows = scene.rows[2:]

    run = scene.finish(dry_run=True)

    kept = b"".join(bytes(one.keys) for one in LeftRows.objects.filter(run=run))
    assert run.left_count == 2
    expected = sorted(bytes(scene.entry(id).key) for id in (1, 2))
    assert kept == b"".join(expected)


def test_what_is_usual_is_learnt_from_runs_over_all_rows_but_the_first(scene: Scene) -> None:
    scene.rows = [person(id) for id in range(1, 6)]
    scene.finish()
    for number in range(3):
        scene.change(1, title=f"T{number}")
        scene.finish()

    run = scene.finish(dry_run=True)

    assert run.diff is not None and run.diff["usual"] == 1


def test_comparing_takes_as_many_queries_for_many_rows_as_for_few(scene: Scene) -> None:
    """But for those that are needed for each some hundred of them."""
    few, many = 5, 300
    seen = []
    for count in (few, many):
        scene.rows = [person(id) for id in range(count)]
        run = scene.start(dry_run=True)
        with CaptureQueriesContext(database) as queries:
            finish_here(run)
        seen.append(sum("ledgerentry" in one["sql"] for one in queries.captured_queries))

    assert seen[0] == seen[1]


def test_forgetting_a_person_leaves_nothing_of_them_in_a_dry_run(scene: Scene) -> None:
    scene.rows = [person(1, title="Countess"), person(2)]
    scene.finish()
    scene.change(1, title="Analyst")
    scene.change(2, title="CEO")
    run = scene.finish(dry_run=True)

    forget(scene.team, "person1@acme.com")

    (batch,) = run.batches.all()
    (diff,) = run.batch_diffs.all()
    told = read_told(diff, Payload(bytes(batch.payload)), prefix="")
    titles = [dict(one.changes or {}) for one in told]
    assert sum("title" in one for one in titles) == 1
    assert b"Countess" not in zlib.decompress(bytes(diff.befores))


def test_a_dry_run_of_all_rows_tells_those_that_would_be_sent_as_they_are(scene: Scene) -> None:
    scene.rows = [person(1), person(2)]
    scene.finish()
    scene.change(1, title="CEO")

    found = summary_of(scene.finish(dry_run=True, full=True))

    assert (found.count(KNOWN, "", SAME), found.count(KNOWN, "", CHANGED)) == (1, 1)
