"""Pages with names and values that have no place to break a line, in a real browser: none scrolls sideways."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import sync_playwright

from destinations.sandbox.running import Sandbox
from syncadmin.teams.models import Team, User
from tests.journeys import chromium
from tests.journeys.visitor import LARGE, SMALL
from tests.syncs.engine.conftest import folders, sandbox  # noqa: F401
from tests.syncs.views.awkward import fill, pages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def written(
    client: Client,
    transactional_db: None,
    folders: None,  # noqa: F811
    team: Team,
    alice: User,
    sandbox: Sandbox,  # noqa: F811
    tmp_path: Path,
) -> list[Path]:
    """Each page as a file. While a browser is open, Django's database refuses to work in its thread."""
    names = fill(team, sandbox, alice)
    client.force_login(alice)
    found = []
    for number, (address, text) in enumerate(pages(client, team.slug, names).items()):
        found.append(tmp_path / f"{number:03}{re.sub(r'[^a-z]+', '-', address)}.html")
        found[-1].write_text(text.replace('"/static/', f'"file://{settings.BASE_DIR}/static/'))
    return found


def test_no_page_scrolls_sideways(written: list[Path], chromium_path: str):
    assert len(written) > 50
    wide = []
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, chromium_path)
        for size in (SMALL, LARGE):
            page = browser.new_page(viewport=size)
            for path in written:
                page.goto(f"file://{path}")
                assert page.evaluate("document.styleSheets.length"), path.name
                if page.evaluate(TOO_WIDE):
                    wide.append((size["width"], path.name))
        browser.close()
    assert not wide
