"""Who watches sees what lies about: else a queue that never heals would pass."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncs.engine.lease import this_holder
from tests.chaos import vigil as watching
from tests.chaos.conftest import needs_no_database
from tests.chaos.truth import assert_served
from tests.chaos.vigil import Vigil

pytestmark = needs_no_database

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DEAD = this_holder().rpartition(" ")[0] + " 1.00"


def watched(monkeypatch: pytest.MonkeyPatch, seconds: int, **run: Any) -> Vigil:
    """A vigil over one run that stays as it is for so long."""
    row = {"id": 1, "status": "queued", "due_at": NOW, "served_at": None, "lease_token": None}
    row |= {"lease_expires_at": None, "lease_holder": ""} | run
    vigil = Vigil(lambda sql: [dict(row)], lambda: NOW)
    for at in range(0, seconds + 1, 10):
        monkeypatch.setattr(watching.time, "monotonic", lambda at=at: float(at))
        vigil._look()
    monkeypatch.undo()
    return vigil


@pytest.mark.parametrize("holder", ["", DEAD], ids=["nobody", "a dead one"])
def test_a_run_in_nobodys_hands_is_seen(monkeypatch: pytest.MonkeyPatch, holder: str) -> None:
    ends = NOW + timedelta(seconds=30) if holder else None
    lies_about = watched(monkeypatch, 130, lease_holder=holder, lease_expires_at=ends)
    assert (lies_about.alone, lies_about.stood_still) == (130, 130)
    with pytest.raises(AssertionError, match="no live worker"):
        assert_served(lies_about)


def test_a_queue_that_does_not_heal_in_time_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="nothing moved"):
        assert_served(watched(monkeypatch, 40))
    assert_served(watched(monkeypatch, 20))


def test_what_is_held_or_rests_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = NOW + timedelta(seconds=30)
    held = watched(monkeypatch, 300, lease_holder=this_holder(), lease_expires_at=ends)
    rests = watched(monkeypatch, 300, due_at=NOW + timedelta(minutes=5))
    for fine in (held, rests):
        assert (fine.alone, fine.stood_still) == (0, 0)
        assert_served(fine)
