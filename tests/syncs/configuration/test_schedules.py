"""When a sync runs, as a document says it."""

from collections.abc import Callable

import pytest
import responses

from syncs.engine.scheduling import schedule_of
from syncs.models import Sync, SyncSchedule
from tests.syncs.configuration.conftest import DOCUMENT

Apply = Callable[..., list[str]]
Refused = Callable[..., list[tuple[int, str]]]

LINE = "    mapping: {email"
NEXT = DOCUMENT.split("syncs:\n")[1].replace("leads-to-qualified", "second")


def said(schedule: str) -> dict[str, str]:
    return {LINE: f"    schedule: {schedule}\n{LINE}"}


@pytest.fixture(autouse=True)
def world(files: object, qualified: responses.RequestsMock) -> None:
    """A file to read, and a service that lists its fields."""


def test_a_document_schedules_a_sync_once(applied: Apply) -> None:
    lines = applied(said("{daily: 07:30, zone: Europe/Berlin}"))
    assert lines[-1].endswith("4 fields mapped, every day at 07:30 (Europe/Berlin)")
    kept = SyncSchedule.objects.get()
    assert kept.rule == {"daily": "07:30", "zone": "Europe/Berlin"}
    assert kept.next_at is not None
    assert applied(said("{daily: 07:30, zone: Europe/Berlin}")) == []


def test_a_document_that_says_nothing_leaves_the_schedule(applied: Apply) -> None:
    applied(said("{every: 15 minutes}"))
    assert applied() == []
    assert SyncSchedule.objects.exists()


def test_a_change_is_told_and_manual_takes_the_schedule_away(applied: Apply) -> None:
    applied(said("{every: 15 minutes}"))
    assert applied(said("{every: 6 hours}")) == [
        "sync leads-to-qualified: schedule: every 15 minutes → every 6 hours"
    ]
    assert applied(said("manual")) == ["sync leads-to-qualified: schedule: every 6 hours → by hand"]
    assert not SyncSchedule.objects.exists()


def test_a_sync_follows_one_that_the_document_makes_after_it(applied: Apply) -> None:
    first = DOCUMENT.replace(LINE, f"    schedule: {{after: second}}\n{LINE}")
    applied(text=first + NEXT)
    assert str(schedule_of(Sync.objects.get(name="leads-to-qualified"))) == "after each good run of second"


def test_two_syncs_change_places_in_one_document(applied: Apply) -> None:
    def document(first: str, second: str) -> str:
        return DOCUMENT.replace(LINE, f"    schedule: {first}\n{LINE}") + NEXT.replace(
            LINE, f"    schedule: {second}\n{LINE}"
        )

    applied(text=document("{every: 15 minutes}", "{after: leads-to-qualified}"))
    applied(text=document("{after: second}", "{every: 15 minutes}"))
    assert {one.name: str(schedule_of(one)) for one in Sync.objects.all()} == {
        "leads-to-qualified": "after each good run of second",
        "second": "every 15 minutes",
    }


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("{every: 1 minute}", "an interval is from 5 minutes to 7 days"),
        ("often", "must be manual, or such as {every: 15 minutes}"),
        ("{hourly: true}", "there is no “hourly” in a schedule"),
        ("{after: nobody}", "there is no sync `nobody`"),
        ("{after: leads-to-qualified}", "would start each other without an end"),
    ],
)
def test_what_cannot_be_is_told_at_its_line(refused: Refused, schedule: str, words: str) -> None:
    problems = refused(said(schedule))
    assert [line for line, _ in problems] == [13]
    assert words in problems[0][1]
