"""The first sync without a mouse: Tab, Space, Enter and the arrows, and always to be seen where one is."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.journeys.conftest import ONE_PASS
from tests.journeys.setting_up import add_model, add_source, connect_sandbox, people, write_csv
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), ONE_PASS]

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


def marked(visitor: Visitor, box: Locator) -> str:
    """What Enter would choose in the list of the box."""
    option = box.get_attribute("aria-activedescendant")
    assert option, "nothing is marked"
    return visitor.page.locator(f"#{option}").inner_text()


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
    source = row.get_by_role("combobox", name="Comes from")
    tab_to(alice, source)
    keyboard.press("ArrowDown")
    expect(source).to_have_attribute("aria-expanded", "true")
    keyboard.press("ArrowDown")
    keyboard.press("ArrowUp")
    assert marked(alice, source) == "company\ntext · Analytical Engines · in row 3"
    keyboard.press("Escape")
    expect(source).to_have_attribute("aria-expanded", "false")
    expect(source).to_have_value("")
    keyboard.type("a fixed")
    assert marked(alice, source).startswith("A fixed value")
    keyboard.press("Enter")
    expect(source).to_have_value("A fixed value")
    tab_to(alice, row.get_by_label("The value for every row"))
    keyboard.type("Engineer")
    field = row.get_by_role("combobox", name="Fills the field")
    tab_to(alice, field)
    keyboard.type("Nothing_like_it__c")
    expect(page.locator("#combo-list").get_by_role("option")).to_have_text(
        [re.compile("Use the name"), re.compile("Refresh fields"), re.compile("Not created there yet")]
    )
    keyboard.press("ControlOrMeta+a")
    keyboard.type("title")
    keyboard.press("Enter")
    expect(field).to_have_value("Title")
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
