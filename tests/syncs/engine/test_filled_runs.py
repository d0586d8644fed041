"""Runs whose fields come from templates, several columns and transformations, judged by what arrives."""

from syncs.models import Run
from tests.syncs.engine.scene import LEADS, Scene, check_history, counts, person, reason, set_mapping, told

FILLED = {
    "email": {"first_of": ["note", "email"], "steps": ["trim", "lower"]},
    "first_name": {"template": "{{ first_name | upcase }} ({{ title | default: '-' }})"},
    "phone": {"column": "phone", "steps": [{"phone": "DE"}]},
}


def test_what_fills_a_field_arrives_and_what_cannot_be_read_needs_attention(scene: Scene) -> None:
    set_mapping(scene.sync, FILLED)
    scene.rows = [
        person(1, phone="0151 12345678"),
        person(2, phone="", note=" Person9@Acme.com ", title=None),
        person(3, phone="call me"),
    ]

    run = scene.finish()

    assert run.status == Run.Status.ATTENTION
    assert counts(run)["accepted"] == 2
    assert scene.lead(1) == {"first_name": "PERSON 1 (VP)", "phone": "+4915112345678"}
    assert scene.lead(9) == {"first_name": "PERSON 2 (-)"}
    assert [problem for _, problem, _ in told(run)] == ["not_a_phone"]
    assert '"call me" is not a phone number, read in DE.' in reason(run, 3)
    check_history(run)


def test_an_equal_mapping_written_in_another_way_sends_nothing(scene: Scene) -> None:
    scene.rows = [person(1), person(2, title=None)]
    scene.finish()
    first_name = {"first_of": ["first_name"], "steps": [{"replace_pattern": ["never", "x"]}]}
    title = {"template": "{{ title }}"}
    set_mapping(scene.sync, LEADS | {"first_name": first_name, "title": title})

    assert counts(scene.finish()) == {"read": 2, "unchanged": 2}
    assert scene.requests() == []


def test_a_template_that_goes_beyond_its_limits_ends_no_run(scene: Scene) -> None:
    endless = "{% for i in (1..1000) %}{% for j in (1..1000) %}x{% endfor %}{% endfor %}{{ first_name }}"
    set_mapping(scene.sync, LEADS | {"title": {"template": endless}})
    scene.rows = [person(id) for id in range(1, 61)]

    run = scene.finish()

    assert {problem for _, problem, _ in told(run)} == {"template_limit"}
    assert len(told(run)) == 60
    assert "was not tried" in reason(run, 60)
    assert scene.requests() == []
