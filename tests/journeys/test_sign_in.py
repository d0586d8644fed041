"""From an empty team to the first person at Salesloft, by signing in there, in a browser."""

from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from destinations.sandbox.running import API_KEY
from tests.journeys.conftest import ONE_PASS
from tests.journeys.installation import Installation
from tests.journeys.setting_up import add_model, add_source, people, write_csv
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), ONE_PASS]


def sign_in_at_salesloft(visitor: Visitor, *, person: str = "Sally") -> None:
    """On the sandbox's own page: choose who one is, and allow it."""
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Salesloft sandbox: sign in")
    choice = visitor.page.get_by_label("Sign in as")
    choice.select_option(choice.locator("option", has_text=person).first.get_attribute("value"))
    visitor.press("Sign in and allow")


def test_alice_signs_in_at_salesloft_and_sends_a_person(alice: Visitor, site: Installation, tmp_path: Path):
    service = f"http://127.0.0.1:{site.sandbox_port}/salesloft"
    add_source(alice, write_csv(tmp_path / "people.csv", people(1, host="signed.example")))
    add_model(alice)

    alice.follow("Overview", within="Acme")
    alice.press("Add destination")
    alice.press("Try with the sandbox of Salesloft")
    alice.follow("Connect with OAuth")
    alice.sees("After saving you sign in there as one of its people")
    alice.press("Save")
    alice.sees("One step is left: sign in at Salesloft")
    alice.press("Connect to Salesloft")
    sign_in_at_salesloft(alice)
    alice.sees("The connection works: you are in")
    alice.sees("Connected as Sally Sandbox (sally@sandbox.example).")

    alice.press("Add sync")
    alice.page.get_by_role("radio", name="people").check()
    alice.press("Go on")
    alice.page.get_by_role("radio", name="People").check()
    alice.press("Go on")
    alice.sees("Not with “Create only”")
    alice.press("Go on")
    alice.sees("What to know of some fields before you fill them")
    alice.press("Go on to the review")
    alice.fill("Name of the sync", "People to Salesloft")
    alice.press("Save the sync")
    alice.press("Run now")
    alice.sees("1 row goes in 1 call: under a minute of the account’s limit")
    alice.go("Send 1 row to", exact=False)
    alice.wait_until_over()

    assert alice.total("Arrived") == 1
    headers = {"Authorization": f"Bearer {API_KEY}"}
    found = requests.get(f"{service}/v2/people", headers=headers, timeout=60).json()["data"]
    assert [one["email_address"] for one in found] == ["ada1@signed.example"]
    # The sign-in is the only other place that the browser went to.
    assert all(service in complaint for complaint in alice.complaints)
    alice.complaints.clear()
