from datetime import UTC, datetime

from django.test import Client

from syncadmin.lib.history import list_of, page_of
from syncs.models import Kept


def test_staff_see_how_large_the_history_is_and_until_when_it_was_removed(staff_client: Client):
    at = datetime(2026, 11, 20, 3, tzinfo=UTC)
    Kept.objects.measured(Kept.Kind.REQUESTS, 12_345, 67_800_000, at)
    Kept.objects.removed(Kept.Kind.REQUESTS, datetime(2026, 11, 6, tzinfo=UTC), by_size=True)
    for address in (list_of(Kept), page_of(Kept.objects.get())):
        said = staff_client.get(address).text
        assert "12,345" in said
        assert "67.8 MB" in said
        assert "2026-11-06" in said


def test_an_older_mark_stays_behind_a_younger_one(db):
    for day in (6, 5):
        Kept.objects.removed(Kept.Kind.RUNS, datetime(2026, 11, day, tzinfo=UTC), by_size=False)
    assert Kept.objects.get().removed_until.day == 6
