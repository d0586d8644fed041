"""What the reasons mean: the page, and the links that lead to it."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from syncadmin.teams.models import Team, User
from tests.syncs.admin.history import make_row, make_run, make_sync


@pytest.fixture
def as_bob(client: Client, bob: User) -> Client:
    client.force_login(bob)
    return client


def page(client: Client, **query: str) -> str:
    response = client.get(reverse("reasons", args=["acme"]), query)
    assert response.status_code == 200
    return response.content.decode()


def test_bob_reads_what_every_reason_means_and_searches_for_one(as_bob: Client) -> None:
    every = page(as_bob)
    for told in ("Not an e-mail address", "Refused by Qualified", "Refused by Salesloft", "The owner"):
        assert told.lower() in every.lower()

    found = page(as_bob, q="  e-mail ADDRESS ")
    assert "Not an e-mail address" in found
    assert "Nested too deeply" not in found
    assert "Show all" in found

    assert "No reason speaks of “&lt;b&gt;”" in page(as_bob, q="<b>")


def test_groups_and_rows_lead_to_what_their_reason_means_at_their_destination(
    as_bob: Client, team: Team
) -> None:
    run = make_run(
        sync=make_sync(team=team), invalid_count=1, read_count=2, rejected_count=1, planned_count=1
    )
    rows = [
        make_row(run=run, stage="rejected", problem="invalid_value", reason="Too long."),
        make_row(run=run, key="8"),
    ]
    every = page(as_bob)
    addresses = [reverse("run", args=["acme", run.public_id])]
    addresses += [reverse("run_row", args=["acme", run.public_id, row.public_id]) for row in rows]
    lists = reverse("run_rows", args=["acme", run.public_id])
    addresses.append(f"{lists}?show=attention&stage=rejected&problem=invalid_value&field=email")
    seen = set()
    for address in addresses:
        anchors = re.findall(r"/runs/reasons/#([\w-]+)", as_bob.get(address).content.decode())
        assert anchors, address
        seen |= set(anchors)
    assert seen == {"qualified-invalid_value", "not_an_email"}
    for anchor in seen:
        assert f'id="{anchor}"' in every
    assert "too long, of another kind" in as_bob.get(addresses[1]).content.decode()


def test_charlie_of_another_team_finds_no_page(client: Client, team: Team, charlie: User) -> None:
    client.force_login(charlie)
    assert client.get(reverse("reasons", args=["acme"])).status_code == 404
