"""A mapping is changed: what it would do is looked at first, one row is tried, and its answer is read."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import ONE_PASS
from tests.journeys.installation import Installation
from tests.journeys.setting_up import people, run_all, set_up, wait_for_boxes, write_csv
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), ONE_PASS]


def test_alice_sees_what_her_change_would_do_and_tries_it_with_one_row(
    alice: Visitor, site: Installation, tmp_path: Path
):
    set_up(alice, write_csv(tmp_path / "people.csv", people(24, host="change.example")))
    run_all(alice, rows="24 rows")
    alice.follow("People to leads")

    # The wrong column for a field …
    alice.follow("Edit the mapping")
    wait_for_boxes(alice)
    first_name = alice.page.locator("fieldset", has=alice.page.locator("[value='field:first_name']:checked"))
    first_name.get_by_role("combobox", name="Comes from").fill("company")
    alice.page.keyboard.press("Enter")
    alice.press("Go on to the review")
    alice.press("Save and show what would change")

    # … is seen before anything is sent.
    alice.sees("This would change First Name in all 24 rows that were sent before and send all rows.")
    assert (alice.total("New"), alice.total("Changed"), alice.total("No change")) == (0, 24, 0)
    alice.follow("change First Name in all 24 rows that were sent before")
    alice.sees("24 of 24 rows with a change of First Name.")
    expect(alice.page.locator("table.changes").first).to_contain_text("Analytical Engines")
    assert site.leads()["ada1@change.example"]["fields"]["first_name"] == "Ada 1"

    # One row is sent for a try.
    alice.follow("People to leads")
    alice.follow("Look at one row as it would be sent")
    alice.fill("Primary key (id)", "3")
    alice.press("Find the row")
    alice.sees("A run would send this row: 1 field changed.")
    alice.press("Send this row now")
    alice.sees("It arrived: Qualified took the record.")
    expect(alice.page.get_by_label("Request 1").last).to_contain_text("Analytical Engines")
    assert site.leads()["ada3@change.example"]["fields"]["first_name"] == "Analytical Engines"
    assert site.leads()["ada4@change.example"]["fields"]["first_name"] == "Ada 4"
