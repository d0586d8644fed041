"""What a run asks of the account, told before and while it sends; times in the reader's zone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from destinations import budget, connect
from destinations.models import Connection, RemoteAccount
from syncs.models import LedgerEntry, QueryModel, Run, Source, Sync
from syncs.templatetags.runs import local_times
from syncs.views.run_cost import cost_words, use_words


@pytest.fixture
def sync(team) -> Sync:
    account = RemoteAccount.objects.create(team=team, destination="salesloft", reserve_percent=20)
    connection = Connection.objects.create(team=team, account=account, name="loft", destination="salesloft")
    source = Source.objects.create(team=team, name="files", kind="duckdb")
    model = QueryModel.objects.create(team=team, source=source, name="m", sql="select 1", primary_key=["id"])
    return Sync.objects.create(
        team=team,
        name="people",
        model=model,
        connection=connection,
        object_key="people",
        upsert_key="email_address",
    )


def _run(sync: Sync, **facts: Any) -> Run:
    facts = {"status": Run.Status.DELIVERING, "due_at": timezone.now(), **facts}
    return Run.objects.create(team=sync.team, sync=sync, number=1, generation=1, **facts)


def test_many_people_are_a_handful_of_jobs_within_a_minute(sync):
    assert cost_words(sync, 20_000) == (
        "About 20,000 people go in 4 jobs of about 12 requests each: under a minute of the account’s limit "
        "of 600 requests in 1 minute, of which Syncadmin uses 480."
    )


def test_single_calls_take_as_long_as_the_limit_lets_them(sync):
    sync.object_key, sync.upsert_key = "accounts", "domain"
    assert cost_words(sync, 20_000) == (
        "About 20,000 accounts go in 20,000 calls: about 42 minutes of the account’s limit of 600 requests "
        "in 1 minute, of which Syncadmin uses 480."
    )
    assert cost_words(sync, 1).startswith("1 row goes in 1 call: under a minute of the account’s limit")


def test_before_an_update_the_look_ups_are_counted_too(sync):
    sync.mode = "update"
    assert cost_words(sync, 1_000).startswith("About 1,000 people go in 1,000 calls and 40 look-ups: about 3")
    sync.object_key, sync.upsert_key = "accounts", "domain"  # which are looked up one by one
    assert "in 1,000 calls and 1,000 look-ups: about 5 minutes" in cost_words(sync, 1_000)
    sync.upsert_key = "id"
    assert "in 1,000 calls: about 3 minutes" in cost_words(sync, 1_000)


def test_records_whose_number_is_known_are_not_looked_up(sync):
    sync.mode = "update"
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            team=sync.team,
            sync=sync,
            generation=sync.generation,
            key=at.to_bytes(16, "big"),
            key_text=f'["{at}"]',
            match_key=f"p{at}@x.test",
            run_number=1,
            remote_id=str(at),
        )
        for at in range(60)
    )
    assert cost_words(sync, 61).startswith("About 61 people go in 61 calls and 1 look-up: under a minute")
    assert cost_words(sync, 60).startswith("About 60 people go in 60 calls: under a minute")


def test_the_accounts_own_limit_is_the_one_that_counts(sync):
    RemoteAccount.objects.update(windows=[[60, 5]], reserve_percent=0)
    sync.connection.account.refresh_from_db()
    told = cost_words(sync, 200)
    assert "in 200 calls: about 17 seconds of the account’s limit of 60 requests in 5 seconds, all of" in told


def test_where_nothing_goes_nothing_is_told(sync):
    assert cost_words(sync, 0) == ""


def test_a_run_tells_how_much_is_used_while_it_sends(client, alice, sync):
    account = sync.connection.account
    rules = budget.rules(account, connect.adapter_of(sync.connection).limits)
    budget.spend(account.pk, rules, 37)
    run = _run(sync)
    run.sync.connection.account.refresh_from_db()
    told = "37 of 600 requests in 1 minute are used by now; Syncadmin uses at most 480."
    assert use_words(run) == [told]

    client.force_login(alice)
    assert told in client.get(reverse("run", args=["acme", run.public_id])).text
    run.status = Run.Status.SUCCEEDED
    assert use_words(run) == []


def test_what_is_waited_for_is_told_in_the_readers_zone(client, alice, sync):
    at = timezone.now().astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=3)
    run = _run(
        sync, waits_for=f"Waiting for Salesloft's limit of 600 requests in 1 minute until {at:%H:%M} UTC."
    )
    type(alice).objects.filter(pk=alice.pk).update(time_zone="Asia/Kolkata")
    alice.refresh_from_db()
    client.force_login(alice)

    text = client.get(reverse("run", args=["acme", run.public_id])).text

    there = at + timedelta(hours=5, minutes=30)
    assert f"until {there:%H:%M} IST." in text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("until 25:99 UTC.", "until 25:99 UTC."),
        ("Reading the model: 12:30 rows", "Reading the model: 12:30 rows"),
        ("until 09:05:07 UTC and 10:00 UTC", "until 11:05:07 SAST and 12:00 SAST"),
    ],
)
def test_only_times_of_day_are_changed(text, told):
    with timezone.override("Africa/Johannesburg"):
        assert local_times(text) == told


def test_midnight_is_crossed(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 28, 23, 59, tzinfo=UTC))
    with timezone.override("Europe/Berlin"):  # where summer begins on the 29th at 1:00 UTC
        assert local_times("until 01:30 UTC") == "until 03:30 CEST"
