"""Who may do what: Bob looks, Charlie finds nothing."""

import re

import pytest

from tests.journeys.conftest import ONE_PASS, Visit
from tests.journeys.installation import Installation
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), ONE_PASS]

SECTIONS = ("Overview", "Syncs", "Runs", "Models", "Sources", "Destinations", "Settings")
# What Bob may press: it changes what he sees, and nothing else.
LOOKS = re.compile(r"^(Filter|Find|Search|Refresh|Look at its rows|Download.*|Show.*|Back.*)$")


def paths_of(visitor: Visitor) -> list[str]:
    """Every page of the team that can be reached from its sections by links, each once."""
    found: dict[str, None] = {}
    team = visitor.path.split("/")[2]
    for section in SECTIONS:
        with visitor.page.expect_navigation():
            visitor.follow(section, within="Acme")
        found[visitor.path] = None
    for start in list(found):
        visitor.open(start)
        for target in visitor.links():
            path = target.split("?")[0]
            if path.startswith(f"/t/{team}/") and not path.endswith(".csv"):
                found[path] = None
    return list(found)


@pytest.fixture
def bob(visit: Visit, filled: str) -> Visitor:
    visitor = visit()
    visitor.sign_in(f"bob@{filled}.example")
    return visitor


@pytest.fixture
def alice(visit: Visit, filled: str) -> Visitor:
    visitor = visit()
    visitor.sign_in(f"alice@{filled}.example")
    return visitor


def test_bob_looks_at_everything_and_can_press_nothing_that_would_be_refused(bob: Visitor):
    seen = paths_of(bob)
    assert len(seen) >= 15
    for path in seen:
        assert bob.open(path) == 200, path
        refused = [name for name in bob.buttons() if not LOOKS.match(name)]
        assert not refused, f"{path} offers Bob {refused}"


def test_bob_who_sends_a_form_all_the_same_is_refused(bob: Visitor, alice: Visitor, site: Installation):
    pages = paths_of(bob)
    before = site.leads()
    sync = next(path for path in pages if re.search(r"/syncs/[0-9a-f-]{36}/$", path))
    source = next(path for path in pages if re.search(r"/sources/[0-9a-f-]{36}/$", path))
    for path in (f"{sync}run/", f"{sync}pause/", f"{sync}remove/", f"{source}remove/", f"{source}test/"):
        assert bob.send(path) == 403, path
    assert bob.open(f"{sync}edit/") == 403
    bob.sees("may look")
    alice.open(sync)
    assert "Pause" in alice.buttons()
    assert site.leads() == before


def test_charlie_finds_nothing_of_acme(alice: Visitor, site: Installation, acme: str, visit: Visit):
    charlie = visit()
    charlie.sign_in(site.add_person("charlie", acme))  # another team of that name
    charlie.sees("Set up Acme")
    for path in paths_of(alice):
        assert charlie.open(path) == 404, path
        charlie.sees("There is no such page")
    charlie.page.get_by_role("main").get_by_role("link").first.click()
    charlie.sees("Set up Acme")
