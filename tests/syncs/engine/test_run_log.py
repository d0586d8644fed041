"""What a run leaves in the log: ids and counts, never a value."""

import json

import pytest

from destinations.sandbox.running import API_KEY
from syncs.models import Run
from tests.log import logged
from tests.syncs.engine.scene import Scene, person


@pytest.mark.parametrize("form", ["LINE", "JSON"])
def test_a_run_with_every_kind_of_trouble_leaves_no_value_in_the_log(scene: Scene, form):
    scene.rows = [person(id, first_name=f"Zebedee{id}", title="Duke of Nowhere") for id in range(1, 20)]
    scene.rows += [person(20, email="zebedee-at-nowhere"), person(21, email="person3@acme.com", title="Earl")]
    scene.sandbox.faults.set(error_500_next=1, item_missing_rate=0.2, drop_after_next=1)
    with logged(form) as written:
        run = scene.finish()
    said = written.getvalue()
    assert run.status == Run.Status.ATTENTION
    assert str(run.public_id) in said
    for value in ("zebedee", "duke of", "earl", "@acme", "acme.com", API_KEY.lower(), "/api/"):
        assert value not in said.lower()


def test_its_lines_name_run_sync_and_team_and_count_its_rows(scene: Scene):
    scene.rows = [person(1), person(2), person(3, email="nobody")]
    with logged("JSON", level="INFO") as written:
        run = scene.finish()
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    asked, *served = lines
    assert {line["run"] for line in lines} == {str(run.public_id)}
    assert asked["message"] == "A run was asked for (manual)."
    assert {(line["sync"], line["team"]) for line in served} == {(str(scene.sync.public_id), "acme")}
    last = lines[-1]
    assert last["message"] == "The run ended as attention: 3 read, 1 invalid, 2 planned, 2 accepted"
    assert (last["accepted_count"], last["invalid_count"]) == (2, 1)


def test_a_run_that_stopped_says_where_somebody_must_act_and_not_what_was_read(scene: Scene):
    scene.rows = [person(1)]
    scene.sync.model.sql = (
        "select * replace (cast('ada@acme.com' as integer) as id) from read_csv('people.csv')"
    )
    scene.sync.model.save(update_fields=["sql"])
    with logged("JSON", level="INFO") as written:
        run = scene.finish()
    assert "INT32" in run.stop_reason
    last = json.loads(written.getvalue().splitlines()[-1])
    assert (last["level"], last["message"]) == ("WARNING", "The run ended as stopped, at: source: no rows")
    assert "ada@" not in written.getvalue()
