"""The charts of the overview, of a sync and of a destination. Bob may only look, Charlie is a stranger."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from destinations.models import AccountHour, Connection, Exchange, RemoteAccount
from syncadmin.lib.charts import Chart
from syncadmin.teams.models import Team, User
from syncs.models import Kept, QueryModel, Run, Source, Sync
from syncs.views import periods, run_chart

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(team: Team) -> Connection:
    account = RemoteAccount.objects.create(team=team, destination="qualified")
    return Connection.objects.create(team=team, account=account, name="q", destination="qualified")


@pytest.fixture
def model(team: Team) -> QueryModel:
    source = Source.objects.create(team=team, name="files", kind="duckdb")
    return QueryModel.objects.create(team=team, source=source, name="m", sql="select 1", primary_key=["id"])


@pytest.fixture
def sync(connection: Connection, model: QueryModel) -> Sync:
    return make_sync(connection, model, "leads")


@pytest.fixture
def as_bob(client: Client, bob: User) -> Client:
    client.force_login(bob)
    return client


def make_sync(connection: Connection, model: QueryModel, name: str) -> Sync:
    return Sync.objects.create(
        team=connection.team,
        name=name,
        model=model,
        connection=connection,
        object_key="leads",
        upsert_key="email",
    )


def make_run(sync: Sync, at: datetime, *, status: str = "attention", arrived: int = 0, **counts: int) -> Run:
    counts = {"accepted": arrived, "invalid": 0, "held_back": 0, "rejected": 0} | counts
    planned = counts["accepted"] + counts["rejected"]
    Sync.objects.filter(pk=sync.pk).update(last_run_number=sync.last_run_number + 1)
    sync.refresh_from_db()
    run = Run.objects.create(
        team=sync.team,
        sync=sync,
        number=sync.last_run_number,
        generation=1,
        status=status,
        due_at=at,
        started_at=at,
        finished_at=at,
        planned_count=planned,
        read_count=planned + counts["invalid"] + counts["held_back"],
        **{f"{name}_count": count for name, count in counts.items()},
    )
    Run.objects.filter(pk=run.pk).update(created_at=at)
    return run


def hrefs(chart: Chart) -> list[str]:
    return [unescape(found) for found in re.findall(r'href="([^"]+)"', chart.svg)]


def page(name: str, *args: object, **query: object) -> str:
    return reverse(name, args=["acme", *args], query=query or None)


def test_each_bar_leads_to_exactly_the_runs_that_it_counts(as_bob: Client, sync: Sync):
    now = timezone.now()
    for hours, arrived, invalid in ((0, 3, 0), (2, 5, 1), (2, 7, 2), (30, 100, 0)):
        make_run(sync, now - timedelta(hours=hours), arrived=arrived, invalid=invalid)
    make_run(sync, now, status="cancelled", held_back=4)
    chart = as_bob.get(page("overview")).context["counted"].chart
    counted = []
    for address in hrefs(chart):
        listed = as_bob.get(address)
        kind = listed.context["kind"]
        counted.append((kind, listed.context["row_count"], listed.context["run_count"]))
    assert counted == [("arrived", 12, 2), ("attention", 3, 2), ("arrived", 3, 1), ("held_back", 4, 1)]
    assert [total for _, total in chart.totals] == [15, 4, 3]


@pytest.mark.parametrize(("name", "bars", "arrived"), [("24h", 24, 1), ("7d", 7, 11), ("30d", 30, 111)])
def test_it_looks_back_as_far_as_is_asked_for(as_bob: Client, sync: Sync, name, bars, arrived):
    now = timezone.now()
    for days, rows in ((0, 1), (5, 10), (25, 100), (40, 1_000)):
        make_run(sync, now - timedelta(days=days), arrived=rows)
    found = as_bob.get(page("overview", range=name))
    chart = found.context["counted"].chart
    assert (len(chart.bars), chart.totals[0][1]) == (bars, arrived)
    assert '<svg class="chart"' in found.text
    assert "style=" not in found.text


def test_days_are_the_readers_own_over_a_change_of_the_clocks(sync: Sync):
    """25 hours: what was asked for in the last of them is of that day, and in the first of the next not."""
    for at, arrived in (
        ("2026-10-24T22:00+00:00", 1),
        ("2026-10-25T22:59+00:00", 10),
        ("2026-10-25T23:00+00:00", 100),
    ):
        make_run(sync, datetime.fromisoformat(at), arrived=arrived)
    with timezone.override("Europe/Berlin"):
        period = periods.asked({"range": "7d"}, datetime(2026, 10, 26, 12, tzinfo=UTC))
        chart = run_chart.of_runs(sync.team, period).chart
    assert [(bar.title, bar.total) for bar in chart.bars[-3:]] == [
        ("Sat 24 Oct", 0),
        ("Sun 25 Oct", 11),
        ("Mon 26 Oct", 100),
    ]


def test_a_range_says_what_of_it_was_removed(as_bob: Client, sync: Sync, settings):
    settings.HISTORY_KEEP_DAYS = 14
    now = timezone.now()
    make_run(sync, now)
    before = now - timedelta(days=14)
    Kept.objects.removed(Kept.Kind.RUNS, before, by_size=False)
    day = f"{before.day} {before:%B}( {before.year})?"  # with its year when that is not this one
    said = re.compile(f"Runs before {day} were removed after 14 days[.]")
    assert said.search(as_bob.get(page("overview", range="30d")).text)
    assert not said.search(as_bob.get(page("overview", range="7d")).text)
    assert said.search(as_bob.get(page("runs", since="2020-01-01", until="2020-01-02")).text)
    assert not said.search(as_bob.get(page("runs", period="7d")).text)


def test_a_time_in_an_address_that_is_none_is_told(as_bob: Client, sync: Sync):
    make_run(sync, timezone.now())
    for bad in ("yesterday", "2026-11-07", "9999-12-31T00:00Z"):
        assert "names a time that is none" in as_bob.get(page("runs", **{"from": bad})).text


# Destinations


def test_requests_are_shown_against_the_limit_and_lead_to_those_that_are_kept(as_bob: Client, connection):
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    other = Connection.objects.create(
        team=connection.team, account=connection.account, name="other", destination="qualified"
    )
    for status, way in ((200, connection), (None, connection), (429, connection), (202, other)):
        Exchange.objects.create(
            team=way.team,
            connection=way,
            method="GET",
            url="https://api.example/leads?email=ada@acme.com",
            status=status,
            started_at=hour,
            milliseconds=5,
        )
    AccountHour.objects.create(
        team=connection.team, account=connection.account, hour=hour, request_count=4, refused_count=1
    )
    for name in ("24h", "7d"):
        found = as_bob.get(page("connection", connection.public_id, range=name))
        chart = found.context["requests"]
        assert [total for _, total in chart.totals] == [3, 1]
        rest, refused = hrefs(chart)
        assert len(as_bob.get(rest).context["lines"]) == 3
        assert [one.status for one, _ in as_bob.get(refused).context["lines"]] == [429]
        (bar,) = (bar for bar in chart.bars if bar.total)  # the last one, unless the hour has just turned
        assert len(as_bob.get(bar.url).context["lines"]) == 4
    assert (
        "At most 5,600 an hour go to the account; 20% of its limits are left"
        in as_bob.get(page("connection", connection.public_id)).text
    )
    listed = as_bob.get(page("connection_requests", connection.public_id))
    assert "GET https://api.example/leads?" in listed.text
    assert "ada@" not in listed.text, "Bob may only look"


def test_charlie_finds_no_requests_of_another_team(client: Client, charlie: User, connection):
    client.force_login(charlie)
    assert client.get(page("connection_requests", connection.public_id)).status_code == 404


# Syncs


def test_syncs_are_counted_by_how_they_stand_and_each_number_lists_them(as_bob: Client, connection, model):
    now = timezone.now()
    for name, ends in {
        "healthy": ["stopped", "succeeded"],
        "half": ["attention"],
        "stopped": ["succeeded", "stopped"],
        "new": [],
        "cancelled": ["cancelled"],
    }.items():
        sync = make_sync(connection, model, name)
        for status in ends:
            make_run(sync, now, status=status)
    found = as_bob.get(page("overview"))
    told = {}
    for health in found.context["healths"]:
        told[health.words] = sorted(line.sync.name for line in as_bob.get(health.url).context["lines"])
        assert health.count == len(told[health.words])
    assert told == {
        "Healthy": ["healthy"],
        "Rows need attention": ["half"],
        "Stopped": ["stopped"],
        "No finished run": ["cancelled", "new"],
    }
    assert [run.sync.name for run in found.context["stopped"]] == ["stopped"]


def test_a_syncs_page_draws_its_last_runs(as_bob: Client, sync: Sync):
    first = make_run(sync, timezone.now(), arrived=5)
    second = make_run(sync, timezone.now(), arrived=1, invalid=2)
    chart = as_bob.get(page("sync", sync.public_id)).context["chart"]
    assert [bar.label for bar in chart.bars] == ["#1", "#2"]
    assert hrefs(chart) == [
        page("run_rows", first.public_id, show="arrived"),
        page("run_rows", second.public_id, show="arrived"),
        page("run_rows", second.public_id, show="attention"),
    ]


@pytest.mark.parametrize("name", ["overview", "syncs"])
def test_the_number_of_queries_does_not_grow_with_syncs_and_runs(
    as_bob: Client, connection, model, name, django_assert_max_num_queries
):
    now = timezone.now()
    with django_assert_max_num_queries(30) as few:
        as_bob.get(page(name))
    for number in range(12):
        sync = make_sync(connection, model, f"sync {number}")
        for status in ("attention", "stopped"):
            make_run(sync, now, status=status, arrived=1)
    with django_assert_max_num_queries(30) as some:
        as_bob.get(page(name))
    for number in range(12, 24):
        sync = make_sync(connection, model, f"sync {number}")
        for status in ("succeeded", "attention", "stopped"):
            make_run(sync, now, status=status)
    with django_assert_max_num_queries(len(some)):
        as_bob.get(page(name))
    assert few
