"""Names and values with markup, right-to-left and of hundreds of characters, on every page."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import sync_playwright

from destinations.sandbox.running import Sandbox
from syncadmin.teams.models import Team, User
from tests.journeys import chromium
from tests.journeys.conftest import ONE_PASS
from tests.journeys.visitor import LARGE, SMALL
from tests.syncs.engine.conftest import folders, sandbox  # noqa: F401
from tests.syncs.views.awkward import TAG, fill, pages

NAMES = re.compile(r"(team|source|model|connection|trouble|sync|draft|column) " + re.escape(TAG))
# What is inside turns nothing outside: by HTML's own rules, or (the last three) by our style.
APART = {"bdi", "title", "option", "textarea", "pre", "a", "strong", "code"}


@pytest.fixture
def shown(
    client: Client,
    transactional_db: None,
    folders: None,  # noqa: F811
    team: Team,
    alice: User,
    sandbox: Sandbox,  # noqa: F811
) -> dict[str, str]:
    names = fill(team, sandbox, alice)
    client.force_login(alice)
    return pages(client, team.slug, names)


class Reader(HTMLParser):
    """Notes tags that nobody of us wrote, and names that run on into what stands beside them."""

    VOID = {"meta", "link", "input", "img", "br", "progress"}

    def __init__(self) -> None:
        super().__init__()
        self.path: list[str] = []
        self.strays: list[str] = []
        self.turned: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if ("id", "x") in attrs:
            self.strays.append(tag)
        if tag not in self.VOID:
            self.path.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.path:
            while self.path.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if NAMES.search(data) and self.path[-1] not in APART:
            self.turned.append(f"{' '.join(self.path[-3:])}: {data.strip()[:40]}")


def test_everything_is_escaped_on_every_page(shown: dict[str, str]) -> None:
    assert len(shown) > 50
    for address, text in shown.items():
        assert TAG not in text, address
        reader = Reader()
        reader.feed(text)
        assert not reader.strays, address


def test_a_name_from_right_to_left_turns_nothing_beside_it(shown: dict[str, str]) -> None:
    found = {}
    for address, text in shown.items():
        reader = Reader()
        reader.feed(text)
        if reader.turned:
            found[address] = reader.turned
    assert not found


@pytest.fixture
def chromium_path() -> str:
    path = chromium.find()
    if path is None and os.environ.get("CI"):
        pytest.fail(f"CI must see the pages, but {chromium.MISSING}.")
    if path is None:
        pytest.skip(chromium.MISSING)
    return path


@ONE_PASS
@pytest.mark.slow
def test_no_page_scrolls_sideways(shown: dict[str, str], tmp_path: Path, chromium_path: str) -> None:
    """In a real browser, which is open only when all is asked for: Django's database dislikes its loop."""
    paths = []
    for number, (address, text) in enumerate(shown.items()):
        paths.append(tmp_path / f"{number:03}{re.sub('[^a-z]+', '-', address)}.html")
        paths[-1].write_text(text.replace('"/static/', f'"file://{settings.BASE_DIR}/static/'))
    wide = []
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, chromium_path)
        for size in (SMALL, LARGE):
            page = browser.new_page(viewport=size)
            for path in paths:
                page.goto(f"file://{path}")
                assert page.evaluate("getComputedStyle(document.body).margin") == "0px", "it has its style"
                if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    wide.append((size["width"], path.name))
        browser.close()
    assert not wide
