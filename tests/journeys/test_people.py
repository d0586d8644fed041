"""Who may do what: Bob looks, Charlie finds nothing."""

import re
from pathlib import Path

import pytest

from syncadmin.teams.models import Membership
from tests.journeys.conftest import Visit
from tests.journeys.installation import Installation
from tests.journeys.setting_up import people, run_all, set_up, write_csv
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SECTIONS = ("Overview", "Syncs", "Runs", "Models", "Sources", "Destinations")
# What Bob may press: it changes what he sees, and nothing else.
LOOKS = re.compile(r"^(Filter|Search|Refresh|Look at its rows|Download.*|Show.*|Back.*)$")


def paths_of(visitor: Visitor) -> list[str]:
    """Every page of the team that can be reached from its sections by links, each once."""
    found: dict[str, None] = {}
    team = visitor.path.split("/")[2]
    for section in SECTIONS:
        visitor.follow(section, within="Acme")
        found[visitor.path] = None
    for start in list(found):
        visitor.open(start)
        links = visitor.page.get_by_role("main").get_by_role("link").all()
        for link in links:
            path = (link.get_attribute("href") or "").split("?")[0]
            if path.startswith(f"/t/{team}/") and not path.endswith(".csv"):
                found[path] = None
    return list(found)


@pytest.fixture
def filled(alice: Visitor, tmp_path: Path) -> Visitor:
    """Alice, in front of a run that arrived but for one row."""
    rows = [*people(4, host="people.example"), (5, "not an address", "Eve", "People")]
    set_up(alice, write_csv(tmp_path / "people.csv", rows))
    run_all(alice, rows="4 rows")
    return alice


def test_bob_looks_at_everything_and_can_press_nothing_that_would_be_refused(filled: Visitor, bob: Visitor):
    bob.sees("Overview")
    seen = paths_of(bob)
    assert len(seen) >= 12
    for path in seen:
        assert bob.open(path) == 200, path
        refused = [name for name in bob.buttons() if not LOOKS.match(name)]
        assert not refused, f"{path} offers Bob {refused}"


def test_bob_who_sends_a_form_all_the_same_is_refused(filled: Visitor, bob: Visitor, site: Installation):
    forms = [path for path in paths_of(filled) if "/add/" not in path]
    before = site.leads()
    sync = next(path for path in forms if re.search(r"/syncs/[0-9a-f-]{36}/$", path))
    source = next(path for path in forms if re.search(r"/sources/[0-9a-f-]{36}/$", path))
    for path in (f"{sync}run/", f"{sync}pause/", f"{sync}remove/", f"{source}remove/", f"{source}test/"):
        answer = bob.send(path)
        assert answer == 403, f"{path} answers {answer}"
    assert bob.open(f"{sync}edit/") == 403
    bob.sees("may look")
    filled.open(sync)
    assert "Paused" not in filled.says()
    assert site.leads() == before


def test_charlie_finds_nothing_of_acme(filled: Visitor, site: Installation, acme: str, visit: Visit):
    site.add_team(f"{acme}-rival", "Globex")
    charlie = visit()
    charlie.sign_in(site.add_person("charlie", f"{acme}-rival", Membership.Role.OWNER))
    charlie.sees("Set up Globex")
    for path in paths_of(filled):
        assert charlie.open(path) == 404, path
        assert "people" not in charlie.page.get_by_role("main").inner_text()
    charlie.sees("There is no such page")
    charlie.page.get_by_role("main").get_by_role("link").first.click()
    charlie.sees("Set up Globex")
