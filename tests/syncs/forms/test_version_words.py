"""What changed between two versions of a sync, in plain words."""

from typing import Any

import pytest

from syncs.forms.version_words import Saved, changes

REFS = {"model": "m-1", "connection": "c-1"}
BASE: dict[str, Any] = {
    "name": "leads",
    "model": "people",
    "connection": "qualified",
    "object": "leads",
    "mode": "upsert",
    "upsert_key": "email",
}


def told(before: Any, after: Any) -> list[str]:
    """What is said where a field was filled in the first way, and is in the second; None: not at all."""
    definitions = [BASE | {"mapping": {} if one is None else {"title": one}} for one in (before, after)]
    found = changes(*(Saved(one, REFS) for one in definitions), {"title": "Job title"})
    return [f"{one.subject} {one.what}: {'; '.join(one.lines)}" for one in found]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (None, "job", "added: filled by column job"),
        ("job", None, "removed: was filled by column job"),
        ("job", "role", "changed: now from column role instead of column job"),
        ("job", {"value": "VP"}, "changed: now from the fixed value “VP” instead of column job"),
        (
            {"value": 1},
            {"value": True},
            "changed: now from the fixed value “true” instead of the fixed value “1”",
        ),
        ("job", {"variable": "run_id"}, "changed: now from the run variable run_id instead of column job"),
        (
            {"first_of": ["a", "b"]},
            {"first_of": ["b", "a"]},
            "changed: now from the first of b, a that is not empty instead of the first of a, b that is not "
            "empty",
        ),
        (
            {"template": "{{ a }}"},
            {"template": "{{ b }}"},
            "changed: the template is “{{ b }}” instead of “{{ a }}”",
        ),
        ({"column": "job", "steps": ["trim"]}, "job", "changed: step taken out: {trim}"),
        ("job", {"column": "job", "steps": ["lower"]}, "changed: new step: {lower}"),
        (
            {"column": "job", "steps": ["trim", "lower"]},
            {"column": "job", "steps": ["lower", "trim"]},
            "changed: the steps come in another order: {lower}; {trim}",
        ),
        (
            {"column": "job", "steps": ["trim", "lower"]},
            {"column": "job", "steps": ["trim", "upper"]},
            "changed: step: {upper}, instead of: {lower}",
        ),
        (
            {"column": "job", "steps": [{"map": {"a": "b", "c": "d"}}]},
            {"column": "job", "steps": [{"map": {"a": "x", "e": "f"}}]},
            "changed: the value “a” is mapped to “x” instead of “b”; the value “e” is mapped to “f”; "
            "the value “c” is mapped no more",
        ),
        (
            "job",
            {"column": "job", "empty": {"default": "none"}},
            "changed: if it is empty: “Use a default”, “none” instead of “Leave the field as it is there”",
        ),
    ],
)
def test_a_field_that_changed_is_told(before: Any, after: Any, words: str) -> None:
    from syncs.forms.field_words import step_told

    names = {name: step_told(name) for name in ("trim", "lower", "upper")}
    for name, sentence in names.items():
        words = words.replace(f"{{{name}}}", sentence)
    assert told(before, after) == [f"Job title {words}"]


def test_settings_are_told_before_fields_and_names_alone_are_no_change() -> None:
    before = Saved(BASE | {"mapping": {}}, REFS)
    after = BASE | {"mode": "insert", "keep_records": False, "model": "renamed", "mapping": {"email": "mail"}}
    lines = [(one.subject, one.lines) for one in changes(before, Saved(after, REFS), {})]
    assert lines == [
        ("Mode", ("“Create only” instead of “Update or create”",)),
        ("Values last sent", ("are no longer kept",)),
        ("email", ("filled by column mail",)),
    ]
    other = Saved(after | {"mapping": {}}, REFS | {"model": "m-2"})
    assert ("Model", ("renamed instead of people",)) in [
        (one.subject, one.lines) for one in changes(before, other, {})
    ]


def test_what_a_later_version_of_syncadmin_knows_is_told_by_its_name() -> None:
    before = Saved(BASE | {"limits": {"limit": 5, "emails": True}}, REFS)
    after = Saved(BASE | {"limits": {"limit": 7, "emails": True}}, REFS)
    assert [(one.subject, one.lines) for one in changes(before, after, {})] == [
        ("Limits", ("limit: 7 instead of 5",))
    ]
    assert changes(None, after, {}) == changes(after, after, {}) == []


def test_guards_and_schedules_are_told_in_their_own_words() -> None:
    guard = {"name": "Germans", "send_only": {"all": [{"column": "country", "is": "DE"}]}}
    before = Saved(BASE | {"guards": [guard]}, REFS)
    after = Saved(BASE | {"schedule": {"every": "1 hour"}}, REFS)
    found = {one.setting: one.lines for one in changes(before, after, {})}

    assert found["schedule"] == ("every hour instead of by hand alone",)
    assert len(found["guards"]) == 1 and found["guards"][0].startswith("taken out: “Germans”: ")
