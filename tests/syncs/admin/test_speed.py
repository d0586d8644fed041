"""A page costs the same whatever stands in the tables."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from destinations.models import Connection, Exchange, RemoteAccount
from syncadmin.lib import history, narrowing
from syncadmin.lib.history import list_of, page_of
from syncadmin.teams.models import Team
from syncs.models import Batch, QueryModel, RejectedRow, Run, Source, Sync
from tests.syncs.admin.history import ACCEPTED, make_batch, make_exchange, make_row, make_run, make_sync
from tests.syncs.admin.test_pages import listed, text_of

MODELS = [Batch, Connection, Exchange, QueryModel, RejectedRow, RemoteAccount, Run, Source, Sync]
LARGE = {
    "syncs_batch": {"payload", "outcomes", "journal"},
    "syncs_run": {"keys", "notes"},
    "destinations_exchange": {"request_body", "reply_body"},
    "destinations_connection": {"sealed_credentials", "fields"},
}


@pytest.fixture
def grow(team: Team) -> Callable[[int], Run]:
    """Make a sync with so many runs, each with a batch, a row and an exchange."""

    def make(runs: int) -> Run:
        sync = make_sync(team=team, name=f"sync {Sync.objects.count()}")
        for _ in range(runs):
            run = make_run(sync=sync)
            batch = make_batch(run=run, keys="12", outcomes={0: ACCEPTED})
            make_row(run=run, batch_number=batch.number)
            make_exchange(run=run, batch=batch)
        return run

    return make


def queries(client: Client, address: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in seen.captured_queries]


@pytest.mark.parametrize("model", MODELS)
def test_a_list_asks_as_often_for_many_rows_as_for_few(staff_client: Client, grow, model):
    grow(2)
    grow(2)
    few = queries(staff_client, list_of(model))
    for _ in range(4):
        grow(5)
    many = queries(staff_client, list_of(model))
    assert len(many) == len(few) <= 9


@pytest.mark.parametrize("model", MODELS)
def test_a_page_asks_as_often_in_a_large_history_as_in_a_small_one(staff_client: Client, grow, model):
    grow(2)
    one = model.objects.latest("pk")
    queries(staff_client, page_of(one))  # Django looks up its content types once
    few = queries(staff_client, page_of(one))
    for _ in range(3):
        grow(5)
    many = queries(staff_client, page_of(one))
    assert len(many) == len(few) <= 9


@pytest.mark.parametrize("model", MODELS)
def test_a_list_reads_nothing_large(staff_client: Client, grow, model):
    grow(2)
    for sql in queries(staff_client, list_of(model)):
        for table, columns in LARGE.items():
            read = {column for found, column in re.findall(r'"(\w+)"\."(\w+)"', sql) if found == table}
            assert not read & columns, sql


@pytest.mark.parametrize("model", [Run, RejectedRow, Batch, Exchange])
def test_no_list_counts_further_than_it_shows(staff_client: Client, grow, monkeypatch, model):
    monkeypatch.setattr(history, "MOST_COUNTED", 3)
    grow(5)
    asked = queries(staff_client, list_of(model))
    counting = [sql for sql in asked if "COUNT(" in sql]
    assert len(counting) == 1
    assert "LIMIT 4" in counting[0]
    page = staff_client.get(list_of(model)).text
    assert "More than 3" in text_of(page)


@pytest.mark.parametrize(
    ("narrowed", "found", "bounded"),
    [
        ({"stage": "invalid"}, 2, True),
        ({"stage": "rejected"}, 0, True),
        ({}, 5, False),
        ({"team": "team"}, 5, False),
        ({"sync": "sync"}, 5, False),
        ({"team": "team", "who__exact": "data"}, 2, True),
        ({"run": "run", "stage": "rejected"}, 1, False),
    ],
)
def test_what_no_index_narrows_is_looked_for_in_the_newest_rows(
    staff_client: Client, sync: Sync, monkeypatch, narrowed: dict[str, Any], found: int, bounded: bool
):
    monkeypatch.setattr(history, "WINDOW", 2)
    run = make_run(sync=sync)
    make_row(run=run, stage="rejected")
    for _ in range(4):
        make_row(run=run)
    known = {"team": sync.team.public_id, "sync": sync.public_id, "run": run.public_id}

    page = staff_client.get(
        list_of(RejectedRow, **{name: known.get(value, value) for name, value in narrowed.items()})
    ).text

    assert listed(page) == found
    assert ("Only the newest 2 were looked through" in text_of(page)) is bounded


def test_only_some_of_many_teams_are_offered_but_any_can_be_named(staff_client: Client, sync, monkeypatch):
    monkeypatch.setattr(narrowing, "MOST_CHOICES", 3)
    others = [Team.objects.create(slug=f"t{n}", name=f"Team {n}") for n in range(5)]
    page = text_of(staff_client.get(list_of(Run)).text)
    assert "Team (the first 3 are offered) All Acme Team 0 Team 1" in page
    assert "Team 4" not in page
    assert "Team 4" in text_of(staff_client.get(list_of(Run, team=others[4].public_id)).text)


def test_the_syncs_of_the_chosen_team_are_offered(staff_client: Client, sync, other_team):
    make_sync(team=other_team, name="theirs")
    every = text_of(staff_client.get(list_of(Run)).text)
    assert "theirs · Globex" in every
    assert "leads · Acme" in every
    one = text_of(staff_client.get(list_of(Run, team=sync.team.public_id)).text)
    assert "theirs · Globex" not in one
