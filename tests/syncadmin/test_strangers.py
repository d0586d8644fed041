"""Every address and every form, tried by those who may not. The addresses come from the URL conf itself.

Alice owns a team; Bob may only look at it; Charlie owns another team; nobody is not signed in.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from syncadmin.teams.models import Team, User
from tests.syncadmin.alices_world import (
    Forms,
    Place,
    address_of,
    fill,
    make_token,
    places,
    public_ids,
    rows_of,
    state,
    strays,
)

# Where nobody needs to be signed in.
OPEN = {
    *("login", "logout", "password_reset", "password_reset_done", "password_reset_confirm"),
    *("password_reset_complete", "healthz", "metrics"),
    *("invitation", "invitation_accept", "set_up"),
    *("sso", "sso_return", "sso_link", "sso_start", "sso_go"),
}
# What a viewer may send, and why that is no change.
VIEWERS_MAY = {
    "people": "looks for a person; what is typed is kept out of the address",
    "team_leave": "leaves the team himself",
}
# Addresses of the site, not of a team: what they show is of whoever is signed in.
OF_WHOEVER_ASKS = {"home", "teams", "profile", "password_change", "sign_in_return", "team_add"}


@pytest.fixture
def names(team: Team, alice: User, tmp_path: Path, settings: Settings) -> dict[str, Any]:
    settings.FILES_DIR = tmp_path
    return fill(team, alice)


@cache
def of_teams() -> list[Place]:
    return [place for place in places() if place.route.startswith("t/")]


@cache
def of_programs() -> list[Place]:
    return [place for place in places() if place.route.startswith("api/")]


@cache
def of_staff() -> list[Place]:
    return [place for place in places() if place.route.startswith("admin/")]


def tried(client: Client, address: str) -> list[int]:
    return [client.get(address).status_code, client.post(address).status_code]


def test_every_address_is_known_to_these_tests() -> None:
    """A new part of the site needs a decision here: who may, and who tries."""
    for place in places():
        known = place in of_teams() + of_programs() + of_staff()
        assert known or place.name in OPEN | OF_WHOEVER_ASKS, place
    assert len(of_teams()) > 80
    assert len(of_staff()) > 80


def test_charlie_finds_nothing_of_alices_team(
    client: Client, charlie: User, names: dict[str, Any], team: Team, other_team: Team
) -> None:
    """Nor that there is one: a team that does not exist answers alike."""
    client.force_login(charlie)
    before = state()
    for place in of_teams():
        address = address_of(place, names, team)
        found = tried(client, address)
        assert set(found) <= {404, 405}, place
        assert 405 not in found or found == tried(client, address.replace("/t/acme/", "/t/nowhere/")), place
    assert state() == before


def test_charlie_finds_nothing_of_alices_below_his_own_team(
    client: Client, charlie: User, names: dict[str, Any], team: Team, other_team: Team
) -> None:
    client.force_login(charlie)
    no_ones = {"team", "key", "kind", "guard_kind"}  # these name nothing of Alice's
    checked = 0
    before = state()
    for place in of_teams():
        address = address_of(place, names, team).replace("/t/acme/", "/t/globex/", 1)
        if set(place.parts) - no_ones - {"row"}:
            assert set(tried(client, address)) <= {404, 405}, place
            checked += 1
        else:
            assert b"alices" not in b"".join(client.get(address, follow=True)), place
    assert checked > 50
    assert state() == before


def test_charlie_sends_his_own_forms_with_alices_things_in_them(
    client: Client, charlie: User, names: dict[str, Any], team: Team, other_team: Team
) -> None:
    """Wherever one of his pages names a thing of his by its id, he puts Alice's in its place."""
    own = fill(other_team, charlie, whose="charlies")
    hers = public_ids(team)
    swaps = {
        mine: theirs
        for kind, ids in public_ids(other_team).items()
        for mine, theirs in zip(ids, hers[kind], strict=False)
    }
    client.force_login(charlie)
    addresses = {place: address_of(place, own, other_team) for place in of_teams()}
    pages = {place: client.get(address) for place, address in addresses.items()}
    before, sent = rows_of(team), 0
    for place, page in pages.items():
        if page.status_code != 200 or page.streaming:
            continue
        fields = Forms(page.text).fields
        changed = {name: swaps.get(value, value) for name, value in fields.items()}
        if changed != fields:
            sent += 1
            asked = dict(ids_in(changed))
            for answer in (client.post(addresses[place], changed), client.get(addresses[place], asked)):
                assert b"alices" not in b"".join(answer), place
    assert sent > 5
    assert strays(other_team) == []
    assert rows_of(team) == before


def ids_in(fields: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in fields.items() if value.count("-") == 4 and len(value) == 36]


def test_bob_may_look_and_change_nothing(
    client: Client, bob: User, names: dict[str, Any], team: Team
) -> None:
    client.force_login(bob)
    before = state()
    for place in of_teams():
        address = address_of(place, names, team)
        got = client.get(address).status_code
        assert got in {200, 302, 403, 404, 405}, place
        if place.name not in VIEWERS_MAY:  # a page that only shows takes a POST for a GET
            assert client.post(address).status_code in {403, 405, got}, place
    assert state() == before


def test_nobody_is_sent_to_sign_in(client: Client, names: dict[str, Any], team: Team) -> None:
    before = state()
    for place in places():
        address = address_of(place, names, team) if place not in of_staff() else _staffs(place)
        if place.name in OPEN or place in of_programs() or place.name == "login":
            continue
        got = client.get(address)
        assert (got.status_code, got.get("Location", "").partition("?")[0].rstrip("/")) in {
            (302, "/login"),
            (302, "/admin/login"),
            (301, address.rstrip("/")),
        }, place
        if place not in of_staff():
            assert client.post(address).status_code == 403, place
    assert state() == before


def test_without_its_token_no_form_is_taken(alice: User, names: dict[str, Any], team: Team) -> None:
    """From another site a browser sends the cookie along, and knows no token."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    before = state()
    for place in of_teams():
        answer = client.post(address_of(place, names, team))
        assert (answer.status_code, "csrf" in str(answer.templates[0].name)) == (403, True), place
    assert state() == before


def test_charlies_token_finds_nothing_of_alices(
    client: Client, charlie: User, names: dict[str, Any], team: Team, other_team: Team
) -> None:
    secret = make_token(other_team, charlie, "charlies")
    for place in of_programs():
        address = address_of(place, names, team)
        assert {client.get(address).status_code, client.post(address).status_code} <= {401, 405}, place
        told = [
            method(address, HTTP_AUTHORIZATION=f"Bearer {secret}") for method in (client.get, client.post)
        ]
        for answer in told:
            assert answer.status_code in {404, 405} or place.parts == (), place
            assert "alices" not in answer.text, place


def test_a_cookie_is_nothing_to_the_addresses_of_programs(
    client: Client, alice: User, names: dict[str, Any], team: Team
) -> None:
    """They take forms without a token of the page, so a cookie must not do."""
    client.force_login(alice)
    for place in of_programs():
        address = address_of(place, names, team)
        assert {client.get(address).status_code, client.post(address).status_code} <= {401, 405}, place


def test_alice_may_not_enter_the_pages_of_staff(client: Client, alice: User, names: dict[str, Any]) -> None:
    client.force_login(alice)
    before = state()
    for place in of_staff():
        if place.name not in {"login", "logout"}:
            assert client.post(_staffs(place)).status_code in {302, 404}, place
    assert state() == before


def _staffs(place: Place) -> str:
    """An address of the admin, with something in its parts."""
    some = dict.fromkeys(place.parts, "1")
    some |= {"app_label": "teams", "url": "nowhere/"}
    return address_of(place, some, Team())
