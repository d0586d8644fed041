"""Takes the screenshots of the README: `make screenshots`. Its name keeps it out of the other tests."""

import os
from pathlib import Path

import pytest
from django.conf import settings

from syncs.demo import warehouse
from tests.journeys.conftest import Visit
from tests.journeys.installation import Installation
from tests.journeys.visitor import Visitor

pytestmark = pytest.mark.timeout(400)

SHOTS = Path(os.environ.get("SCREENSHOTS") or settings.BASE_DIR / ".github" / "screenshots")
VIEW = {"width": 1200, "height": 900}
LONGEST_TEXT = 255  # signs that the sandbox takes, so that it refuses some rows too


@pytest.fixture
def ada(site: Installation, visit: Visit) -> Visitor:
    """Owns the team of the demo, whose syncs have run."""
    site.add_team("demo", "Demo")
    email = site.add_person("ada", "demo")
    warehouse.make(site.data_dir / "files" / "demo.duckdb")
    site.tell_sandbox("switches", longest_string=LONGEST_TEXT)
    document = str(settings.BASE_DIR / "syncs" / "demo" / "demo.yaml")
    for command in (("apply", document), ("run", "companies", "--team", "demo", "--approve")):
        done = site.manage(*command)
        assert done.returncode in {0, 1}, done.stdout + done.stderr
    visitor = visit(viewport=VIEW, color_scheme="light")
    visitor.sign_in(email)
    return visitor


def test_a_run_and_a_mapping(ada: Visitor):
    ada.follow("Syncs", within="Demo")
    ada.follow("leads")
    ada.press("Run now")
    ada.page.get_by_role("button", name="Send").click()
    ada.wait_until_over()
    ada.page.screenshot(path=SHOTS / "run.png")

    ada.follow("leads")
    ada.follow("Edit the mapping")
    ada.page.screenshot(path=SHOTS / "mapping.png")
