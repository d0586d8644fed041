"""What comes between somebody and their work: no worker, a closed browser, a session that ran out."""

from pathlib import Path

import pytest
from playwright.sync_api import expect
from pytest_django import DjangoDbBlocker

from tests.journeys.conftest import ONE_PASS, Visit, running
from tests.journeys.installation import Installation
from tests.journeys.setting_up import (
    add_model,
    add_source,
    connect_sandbox,
    people,
    set_up,
    wait_for_boxes,
    write_csv,
)
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), ONE_PASS]


@pytest.fixture
def held_jobs(site: Installation):
    """The sandbox takes what it is sent and does not work it off, until the test says so."""
    site.tell_sandbox("switches", hold_jobs=True)
    yield
    site.tell_sandbox("switches", hold_jobs=False)


def test_a_stopped_worker_is_told_with_what_to_do_and_the_run_goes_on_once_it_is_back(
    visit: Visit, tmp_path: Path, django_db_blocker: DjangoDbBlocker
):
    with django_db_blocker.unblock(), running(tmp_path, "--no-worker") as site:
        site.add_team("acme", "Acme")
        alice = visit(site)
        alice.sign_in(site.add_person("alice", "acme"))
        set_up(alice, write_csv(tmp_path / "people.csv", people(3)))

        alice.press("Run a test")
        alice.sees("No worker is running, so nothing is sent.")
        alice.sees("starts one with python manage.py up")

        site.stop()
        site.open()
        alice.wait_until_over()  # the page was not touched
        assert alice.total("Arrived") == 3
        alice.complaints.clear()  # the server was away for a moment, which the console told


def test_a_browser_that_was_closed_in_mid_run_finds_it_where_it_is(
    alice: Visitor, held_jobs: None, site: Installation, visit: Visit, tmp_path: Path
):
    set_up(alice, write_csv(tmp_path / "people.csv", people(12, host="closed.example")))
    alice.press("Run a test")
    alice.sees("0 of 10 rows done")
    email = alice.page.locator(".who-mail").inner_text()
    alice.context.close()

    again = visit()
    again.sign_in(email)
    again.follow("Runs", within="Acme")
    again.follow("People to leads #1")
    again.sees("0 of 10 rows done")
    site.tell_sandbox("switches", hold_jobs=False)
    again.wait_until_over()
    assert again.total("Arrived") == 10


def test_what_was_typed_is_not_lost_when_the_session_ran_out(
    alice: Visitor, site: Installation, acme: str, tmp_path: Path
):
    add_source(alice, write_csv(tmp_path / "people.csv", people(3)))
    add_model(alice)
    connect_sandbox(alice)
    alice.follow("Overview", within="Acme")
    alice.press("Add sync")
    alice.page.get_by_role("radio", name="people").check()
    alice.press("Go on")
    alice.page.get_by_role("radio", name="Leads").check()
    alice.press("Go on")
    alice.press("Go on")
    wait_for_boxes(alice)
    row = alice.page.get_by_role("group", name="Row 4")
    row.get_by_label("Comes from").fill("A fixed value")
    row.get_by_label("Comes from").press("Enter")
    row.get_by_label("The value for every row").fill("typed before the session ended")
    row.get_by_label("Fills the field").fill("Title")

    alice.page.once("dialog", lambda dialog: dialog.dismiss())
    with alice.page.expect_event("dialog") as asked:
        alice.page.get_by_role("link", name="Runs", exact=True).click(no_wait_after=True)
    assert asked.value.type == "beforeunload"
    alice.context.clear_cookies(name="sessionid")
    alice.press("Go on to the review")
    alice.sees("You were signed out meanwhile")
    with alice.context.expect_page() as tab:
        alice.follow("Sign in, in a new tab")
    beside = Visitor(site, alice.context, page=tab.value)
    beside.sign_in(f"alice@{acme}.example")
    beside.sees("Set up Acme")
    beside.page.close()
    alice.page.go_back()
    wait_for_boxes(alice)
    expect(row.get_by_label("The value for every row")).to_have_value("typed before the session ended")
    alice.press("Go on to the review")

    alice.sees("typed before the session ended")
    alice.is_at("Add sync")
