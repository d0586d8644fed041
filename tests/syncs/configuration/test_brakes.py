"""When a run waits for approval, as a document says it."""

from collections.abc import Callable

import pytest
import responses

from syncadmin.teams.models import Team
from syncs.configuration.export import export
from syncs.engine.brakes import NONE
from syncs.models import Sync

Apply = Callable[..., list[str]]
Refused = Callable[..., list[tuple[int, str]]]

LINE = "    mapping: {email"


def said(brakes: str) -> dict[str, str]:
    return {LINE: f"    brakes: {brakes}\n{LINE}"}


@pytest.fixture(autouse=True)
def world(files: object, qualified: responses.RequestsMock) -> None:
    """A file to read, and a service that lists its fields."""


def test_a_document_sets_brakes_and_what_is_exported_says_the_same(applied: Apply) -> None:
    assert applied(said("{changes: {percent: 60, least: 500}, new: off}"))[-1].endswith(
        "4 fields mapped, brakes of its own"
    )
    assert Sync.objects.get().brakes == {"changes": {"percent": 60}, "new": False}
    exported = export(Team.objects.get())
    assert "    brakes:\n      changes:\n        percent: 60\n      new: false\n" in exported
    assert applied(text=exported) == []


def test_a_change_is_told_and_a_document_that_says_nothing_leaves_them(applied: Apply) -> None:
    applied(said("false"))
    assert Sync.objects.get().brakes == NONE
    assert "    brakes: false\n" in export(Team.objects.get())
    assert applied() == []
    assert applied(said("true")) == ["sync leads-to-qualified: brakes: off → as by default"]
    assert Sync.objects.get().brakes == {}
    assert "brakes" not in export(Team.objects.get())


@pytest.mark.parametrize(
    ("brakes", "line", "words"),
    [
        ("many", 13, "must be false, or such as {changes: {percent: 60, least: 1000}, new: false}"),
        ("{speed: true}", 13, "there is no brake `speed`"),
        ("\n      lost: {percent: 20}\n      new:\n        percent: 200", 16, "from 1 to 100"),
        ("\n      empty:\n        least: 5", 15, "`empty` knows no `least`: it has no limits"),
    ],
)
def test_what_means_nothing_is_told_at_its_line(refused: Refused, brakes: str, line: int, words: str) -> None:
    ((at, told),) = refused(said(brakes))
    assert at == line
    assert told.startswith("`brakes` of sync leads-to-qualified: ") and words in told
