"""Every page, as everybody can use it: axe finds nothing serious, and no page scrolls sideways on a phone.

Each is looked at on a desk in light and on a phone in dark. The pages are found by their links: one of each
kind is enough.
"""

import re
from collections.abc import Iterable, Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.journeys.conftest import ONE_PASS, Visit
from tests.journeys.installation import Installation
from tests.journeys.visitor import LARGE, SMALL, Visitor

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    ONE_PASS,
]

LOOKS = ((LARGE, "light"), (SMALL, "dark"))
NO_PAGE = re.compile(
    r"\.(csv|json)\b|^/admin/.*/(add|delete|history|password)/|^/admin/(admin|auth|django_q|jsi18n|password|r)\b"
)
GRAVE = ("serious", "critical")
RUN_AXE = "options => axe.run(document, options).then(found => found.violations)"
WHOLE = {"resultTypes": ["violations"]}
COLOURS = {**WHOLE, "runOnly": ["color-contrast", "link-in-text-block"]}  # all that changes in the dark
AT_REST = "document.getAnimations().forEach(one => one.cancel())"  # colours on their way are not judged
IS_TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def kind_of(address: str) -> str:
    """What pages of one kind have in common: their path without ids, and which rows they show."""
    path, _, query = address.partition("?")
    path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", path)
    path = re.sub(r"/\d+(?=/)", "/N", path)
    path = re.sub(r"(?<=/guards/add/)\w+", "GUARD", path)
    path = re.sub(r"(?<=/targets/add/)\w+", "TARGET", path)
    shown = re.search(r"show=\w+", query)
    return f"{path}?{shown[0]}" if shown else path


def pages_below(visitor: Visitor, start: str) -> Iterator[str]:
    """Open `start` and every page below it that links lead to, one of each kind.

    Of the staff's, those that are Django's own are left out.
    """
    waiting, seen = [start], {kind_of(start)}
    while waiting:
        address = waiting.pop(0)
        assert visitor.open(address) == 200, address
        yield address
        for target in visitor.links():
            is_page = target.startswith(start) and not NO_PAGE.search(target)
            if is_page and kind_of(target) not in seen:
                seen.add(kind_of(target))
                waiting.append(target)


def faults_of(page: Page) -> list[str]:
    """What is wrong with the page that is open, in each look."""
    page.evaluate(AXE_SCRIPT)
    found = []
    for size, scheme in LOOKS:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        page.evaluate(AT_REST)
        look = f"{page.url} at {size['width']} in {scheme}"
        if page.evaluate(IS_TOO_WIDE):
            found.append(f"{look}: scrolls sideways")
        for fault in page.evaluate(RUN_AXE, COLOURS if scheme == "dark" else WHOLE):
            if fault["impact"] in GRAVE:
                places = "; ".join(node["html"][:160] for node in fault["nodes"][:3])
                found.append(f"{look}: {fault['id']} ({fault['impact']}), {fault['help']}: {places}")
    page.set_viewport_size(LARGE)
    return found


def faults(visitor: Visitor, pages: Iterable[str]) -> list[str]:
    found = []
    for _ in pages:
        heard = len(visitor.complaints)
        found += faults_of(visitor.page)
        del visitor.complaints[heard:]  # axe's own attempts at inline style
    return found


def opened(visitor: Visitor, addresses: Iterable[str], status: int = 200) -> Iterator[str]:
    for address in addresses:
        assert visitor.open(address) == status, address
        yield address


def test_the_pages_of_a_team_at_work(visit: Visit, filled: str):
    alice = visit()
    alice.sign_in(f"alice@{filled}.example")
    pages = list[str]()

    def noted() -> Iterator[str]:
        for page in pages_below(alice, f"/t/{filled}/"):
            pages.append(page)
            yield page

    assert faults(alice, noted()) == []
    assert len({kind_of(page).split("?")[0] for page in pages}) >= 35, pages
    assert all(any(part in page for page in pages) for part in ("/changes/", "/row/")), pages


def test_where_a_person_is(visit: Visit, filled: str):
    alice = visit()
    alice.sign_in(f"alice@{filled}.example")
    alice.open(f"/t/{filled}/runs/")

    alice.page.keyboard.press("/")
    alice.page.keyboard.type("1")
    alice.page.keyboard.press("Enter")

    alice.sees("It arrived in Qualified on")
    alice.follow("Look in the source")
    alice.sees("A run would not send this row: it is as it was last sent.")
    assert faults(alice, [alice.path]) == []


def test_the_pages_of_a_team_that_begins(alice: Visitor, acme: str):
    sections = ["", "syncs/", "runs/", "models/", "sources/", "destinations/", "syncs/add/", "models/add/"]
    sections.append("people/")
    assert faults(alice, opened(alice, [f"/t/{acme}/{section}" for section in sections])) == []


def test_the_pages_of_somebody_who_has_not_signed_in(visit: Visit, site: Installation):
    stranger = visit()
    addresses = ["/login/", "/password/forgotten/", "/password/sent/", "/password/set/", "/password/new/a/b/"]
    assert faults(stranger, opened(stranger, addresses)) == []


def test_the_pages_about_oneself(visit: Visit, filled: str):
    alice = visit()
    alice.sign_in(f"alice@{filled}.example")
    assert faults(alice, opened(alice, ["/profile/", "/password/"])) == []


def test_the_pages_that_say_no(visit: Visit, filled: str):
    alice = visit()
    alice.sign_in(f"alice@{filled}.example")
    for address, status in (("/nowhere/", 404), ("/forbidden/", 403), ("/broken/", 500)):
        assert faults(alice, opened(alice, [address], status)) == []


def test_the_pages_of_the_staff(visit: Visit, filled: str):
    staff = visit()
    staff.sign_in(f"staff@{filled}.example")
    assert faults(staff, pages_below(staff, "/admin/")) == []
