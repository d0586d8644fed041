"""From an empty team to the first accepted record, as somebody does it who has never seen the product."""

from pathlib import Path

import pytest

from tests.journeys.conftest import Visit
from tests.journeys.installation import Installation
from tests.journeys.setting_up import add_model, add_source, add_sync, connect_sandbox, people, write_csv
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def checklist(visitor: Visitor) -> list[bool]:
    """Which steps are ticked on the Overview."""
    visitor.follow("Overview", within="Acme")
    visitor.sees("of 5 steps are done.")
    steps = visitor.page.locator("ol.steps > li").all()
    return ["(done)" in (step.text_content() or "") for step in steps]


def test_alice_goes_from_nothing_to_the_first_record(alice: Visitor, site: Installation, tmp_path: Path):
    file = write_csv(tmp_path / "people.csv", people(12, host="first.example"))

    add_source(alice, file)
    assert checklist(alice) == [True, False, False, False, False]
    add_model(alice)
    assert checklist(alice) == [True, True, False, False, False]
    connect_sandbox(alice)
    alice.sees("This leads to the look-alike on this server")
    assert checklist(alice) == [True, True, True, False, False]
    add_sync(alice)
    alice.sees("This sync has not run yet.")

    alice.press("Run a test")
    alice.wait_until_over()
    assert alice.total("Arrived") == 10
    alice.sees("→ Qualified leads Sandbox")
    assert len([email for email in site.leads() if email.endswith("@first.example")]) == 10

    alice.follow("the sync’s page")
    alice.press("Run now")
    alice.sees("What would be sent")
    assert (alice.total("Read"), alice.total("New or changed"), alice.total("No change")) == (12, 2, 10)
    alice.go("Send 2 rows to", exact=False)
    alice.wait_until_over()

    assert (alice.total("Arrived"), alice.total("No change")) == (2, 10)
    alice.follow("Overview", within="Acme")
    alice.sees("Everything works")
    found = {email: lead for email, lead in site.leads().items() if email.endswith("@first.example")}
    assert len(found) == 12
    assert found["ada12@first.example"]["fields"]["first_name"] == "Ada 12"


def test_it_also_goes_without_scripts(site: Installation, acme: str, visit: Visit, tmp_path: Path):
    alice = visit(java_script_enabled=False)
    alice.sign_in(site.add_person("alice", acme))
    add_source(alice, write_csv(tmp_path / "people.csv", people(3, host="plain.example")))
    add_model(alice)
    connect_sandbox(alice)
    add_sync(alice)

    alice.press("Run now")
    alice.press_until("Look again", "What would be sent")
    alice.go("Send 3 rows to", exact=False)
    alice.press_until("Refresh", "Everything that was new or changed arrived")

    assert alice.total("Arrived") == 3
    assert len([email for email in site.leads() if email.endswith("@plain.example")]) == 3
