"""The first sync without a mouse: Tab, Space, Enter and the arrows, and always to be seen where one is."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator

from tests.journeys.conftest import ONE_PASS
from tests.journeys.setting_up import add_model, add_source, connect_sandbox, people, write_csv
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), ONE_PASS]

MOST_TABS = 60
IS_FOCUSED = "element => element === document.activeElement"
IS_SEEN = """element => {
    const box = element.getBoundingClientRect();
    return getComputedStyle(element).outlineStyle !== "none" && box.top >= 0 && box.bottom <= innerHeight;
}"""


def tab_to(visitor: Visitor, goal: Locator) -> None:
    """Press Tab until the focus is there; where it is must be seen at every stop."""
    for _ in range(MOST_TABS):
        visitor.page.keyboard.press("Tab")
        focused = visitor.page.locator(":focus")
        if not focused.count():  # after the last stop the browser's own bar comes
            continue
        assert focused.evaluate(IS_SEEN), focused.evaluate("element => element.outerHTML")
        if goal.evaluate(IS_FOCUSED):
            return
    raise AssertionError(f"{MOST_TABS} tabs do not lead to {goal}")


def press_by_key(visitor: Visitor, name: str) -> None:
    page = visitor.page
    goal = page.get_by_role("button", name=name, exact=True).or_(
        page.get_by_role("link", name=name, exact=True)
    )
    tab_to(visitor, goal)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_a_sync_is_made_and_tested_without_a_mouse(alice: Visitor, tmp_path: Path):
    add_source(alice, write_csv(tmp_path / "people.csv", people(3, host="keys.example")))
    add_model(alice)
    connect_sandbox(alice)
    alice.follow("Overview", within="Acme")
    alice.sees("3 of 5 steps are done.")
    page, keyboard = alice.page, alice.page.keyboard

    press_by_key(alice, "Skip to the content")
    press_by_key(alice, "Add sync")
    tab_to(alice, page.get_by_role("radio", name="people"))
    press_by_key(alice, "Go on")
    tab_to(alice, page.get_by_role("radio", name="Leads"))
    keyboard.press("Space")
    press_by_key(alice, "Go on")
    press_by_key(alice, "Go on")

    row = page.get_by_role("group", name="Row 4")
    tab_to(alice, row.get_by_label("Comes from"))
    keyboard.type("A fixed")
    tab_to(alice, row.get_by_label("The value for every row"))
    keyboard.type("Engineer")
    tab_to(alice, row.get_by_label("Fills the field"))
    keyboard.type("Title")
    press_by_key(alice, "Go on to the review")
    alice.sees("the fixed value “Engineer”")
    tab_to(alice, page.get_by_label("Name of the sync"))
    keyboard.press("ControlOrMeta+a")
    keyboard.type("By keys alone")
    with page.expect_navigation():
        keyboard.press("Enter")
    alice.sees("By keys alone is saved.")

    press_by_key(alice, "Run a test")
    alice.wait_until_over()
    assert alice.total("Arrived") == 3
