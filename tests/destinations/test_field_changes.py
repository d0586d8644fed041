"""What became of a service's fields between two looks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from destinations import field_changes, registry
from destinations.contract import JSON, Field, Kind, Option

THEN = datetime(2026, 11, 20, tzinfo=UTC)
NOW = THEN + timedelta(days=1)
STAGE = Field("stage", "Stage", Kind.PICKLIST, (Option("new", "New"), Option("won", "Won")))
TITLE = Field("title", "Title", Kind.TEXT)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ([STAGE], []),
        ([], ["is no longer listed there"]),
        ([replace(STAGE, kind=Kind.TEXT, options=())], ["is of the type text now and was picklist"]),
        (
            [replace(STAGE, options=(*STAGE.options, Option("lost", "Lost")))],
            ["has a new choice “Lost”"],
        ),
        ([replace(STAGE, options=STAGE.options[:1])], ["lost the choice “Won”"]),
        (
            [replace(STAGE, options=(STAGE.options[0], Option("won", "Won", closed="is inactive")))],
            ["can no longer take “Won”"],
        ),
        ([replace(STAGE, required=True)], ["is required now"]),
        ([replace(STAGE, read_only="is set by Acme")], ["cannot be filled any more: it is set by Acme"]),
    ],
)
def test_what_is_other_than_before_is_told_in_words(after: list[Field], told: list[str]) -> None:
    assert field_changes.changes([STAGE], after).get("stage", []) == told


def test_many_new_choices_are_counted() -> None:
    many = tuple(Option(str(n), str(n)) for n in range(9))
    ((line,),) = field_changes.changes([STAGE], [replace(STAGE, options=(*STAGE.options, *many))]).values()
    assert line.endswith("“4” and 4 more")


def test_changes_are_remembered_with_the_fields_and_told_from_a_moment_on() -> None:
    known: dict[str, JSON] = registry.remember_fields({}, "leads", [STAGE, TITLE], fetched_at=THEN)
    known = registry.remember_fields(known, "leads", [TITLE], fetched_at=NOW)
    assert registry.changes_since(known, "leads", THEN) == {"stage": ["is no longer listed there"]}
    assert registry.changes_since(known, "leads", NOW) == {}
    assert registry.changes_since(known, "people", None) == {}
    assert registry.remembered_fields(known, "leads") == [TITLE]

    back = registry.remember_fields(known, "leads", [STAGE, TITLE], fetched_at=NOW + timedelta(days=1))
    assert registry.changes_since(back, "leads", THEN) == {}


def test_what_changed_long_ago_is_forgotten() -> None:
    known = registry.remember_fields({}, "leads", [STAGE], fetched_at=THEN)
    other = replace(STAGE, kind=Kind.TEXT, options=())
    known = registry.remember_fields(known, "leads", [other], fetched_at=NOW)
    later = registry.remember_fields(known, "leads", [other], fetched_at=NOW + timedelta(days=91))
    assert registry.changes_since(later, "leads", None) == {}
