"""Installations and people in front of browsers.

One installation serves all journeys of a test process; each has teams of its own.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from pytest_django import DjangoDbBlocker

from syncadmin.teams.models import Membership
from tests.databases import IS_POSTGRES, once
from tests.journeys import chromium
from tests.journeys.installation import Installation
from tests.journeys.setting_up import FLAWED, LONGEST_TEXT, people, write_csv
from tests.journeys.visitor import LARGE, Visitor
from tests.syncadmin.supervisor.instance import database_at_hand, new_database

Visit = Callable[..., Visitor]

ONE_PASS = pytest.mark.skipif(
    IS_POSTGRES,
    reason="What a browser shows is the same on both databases: one pass of the suite looks at it. The views "
    "are tested on both, and so is the way to the first record.",
)

_numbers = count(1)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    path = chromium.find()
    if path is None and os.environ.get("CI"):
        pytest.fail(f"CI must see the pages, but {chromium.MISSING}.")
    if path is None:
        pytest.skip(chromium.MISSING)
    return path


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """For one module: as long as it lives, Django's database refuses to work in this thread."""
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, chromium_path)
        yield browser
        browser.close()


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Installation]:
    """An installation that was made ready, up with these options."""

    def collect(path: Path) -> None:
        done = site.manage("collectstatic", "--noinput", "--verbosity", "0")
        assert done.returncode == 0, done.stderr
        (site.data_dir / "staticfiles").rename(path)

    site = Installation(folder, new_database(folder))
    shutil.copytree(once("staticfiles", collect), site.data_dir / "staticfiles")
    with database_at_hand(site):
        try:
            site.open(*options)
            yield site
        finally:
            site.close()


@pytest.fixture(scope="session")
def site(
    chromium_path: str, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Installation]:
    """An installation with everything running. It has nobody yet."""
    with django_db_blocker.unblock(), running(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def visit(site: Installation, browser: Browser) -> Iterator[Visit]:
    """Put somebody in front of a browser of their own: `visit(viewport=SMALL, java_script_enabled=False)`.

    Afterwards nothing may have gone wrong in it: no error of a script, nothing that the policy forbade, no
    request to another place.
    """
    with ExitStack() as stack:
        visitors: list[Visitor] = []

        def begin(at: Installation | None = None, **options: Any) -> Visitor:
            context = browser.new_context(**{"viewport": LARGE, "reduced_motion": "reduce", **options})
            stack.callback(context.close)
            visitors.append(Visitor(at or site, context))
            return visitors[-1]

        yield begin
        complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    assert not complaints


@pytest.fixture
def acme(site: Installation) -> str:
    """The slug of a new team, Acme, without anything or anybody."""
    slug = f"acme-{next(_numbers)}"
    site.add_team(slug, "Acme")
    return slug


@pytest.fixture(scope="session")
def filled(site: Installation) -> str:
    """The slug of a team with something on every page, which is there to be looked at.

    Its people are alice@, bob@ (who may only look) and staff@ (who may enter the admin) at SLUG.example.
    """
    slug = "acme-filled"
    site.add_team(slug, "Acme")
    site.add_person("alice", slug)
    site.add_person("bob", slug, Membership.Role.VIEWER)
    site.add_person("staff", slug, is_staff=True)
    files = site.data_dir / "files"
    files.mkdir(exist_ok=True)
    write_csv(files / f"{slug}.csv", [*FLAWED, *people(30, first=100)])
    site.tell_sandbox("switches", longest_string=LONGEST_TEXT)
    document = Path(__file__).with_name("filled.yaml")
    for command in (
        ("apply", str(document)),
        ("run", "people-to-leads", "--team", slug),
        ("run", "people-to-leads", "--team", slug, "--dry-run", "--full"),
        ("run", "companies", "--team", slug),
    ):
        done = site.manage(*command)
        assert done.returncode in {0, 1}, done.stdout + done.stderr
    site.tell_sandbox("switches", longest_string=0)
    return slug


@pytest.fixture
def alice(site: Installation, acme: str, visit: Visit) -> Visitor:
    """Owns Acme, and has signed in."""
    visitor = visit()
    visitor.sign_in(site.add_person("alice", acme))
    visitor.sees("Set up Acme")
    return visitor
