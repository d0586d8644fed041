"""Rows that did not arrive: from the number to the reason, to the row, to the mended row that arrives."""

import csv
from pathlib import Path

import pytest

from destinations.sandbox.running import API_KEY
from tests.journeys.conftest import ONE_PASS
from tests.journeys.installation import Installation
from tests.journeys.setting_up import (
    FLAWED,
    LONGEST_TEXT,
    MENDED,
    add_source,
    add_sync,
    connect_sandbox,
    run_all,
    write_csv,
)
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), ONE_PASS]


@pytest.fixture
def strict_sandbox(site: Installation):
    site.tell_sandbox("switches", longest_string=LONGEST_TEXT)
    yield
    site.tell_sandbox("switches", longest_string=0)


def reasons(visitor: Visitor) -> dict[str, str]:
    """On a run's page: who must act, by the line of each group."""
    groups = visitor.page.locator("ul.groups > li").all()
    return {
        group.get_by_role("heading").inner_text(): group.locator("p.help").first.inner_text()
        for group in groups
    }


def test_every_kind_of_row_that_needs_attention_is_told_mended_and_sent_again(
    alice: Visitor, site: Installation, strict_sandbox: None, tmp_path: Path
):
    file = write_csv(tmp_path / "people.csv", FLAWED)
    add_source(alice, file)

    # The model says what is wrong with its key, and can be saved all the same.
    alice.follow("Make a model of data.csv")
    alice.page.get_by_role("checkbox", name="id", exact=True).check()
    alice.fill("Name", "people")
    alice.press("Save")
    alice.sees("Nothing is saved yet")
    alice.sees("In 1 of 11 rows the primary key is empty, for example in row 9.")
    alice.sees("1 of 11 rows has a primary key that another row has too.")
    alice.press("Save anyway")
    alice.sees("people is saved.")
    connect_sandbox(alice)
    add_sync(alice)
    run_all(alice, rows="3 rows")

    # The numbers, and the reasons behind them.
    run = alice.page.url
    assert [alice.total(name) for name in ("Arrived", "No change", "Needs attention", "Held back")] == [
        2,
        0,
        8,
        1,
    ]
    alice.sees("What needs attention")
    alice.sees("7 stopped for their data")
    alice.sees("1 refused there")
    data = "Who must act: Whoever owns the source's data"
    editor = "Who must act: Whoever edits the sync"
    assert reasons(alice) == {
        "2 rows: Several rows for one record": data,
        "2 rows: A primary key that several rows share": editor,
        "1 row: No primary key in id": data,
        "1 row: Nothing to find the record by in email": data,
        "1 row: Not an e-mail address in email": data,
        "1 row: Refused: a value that is not accepted in first_name": data,
        "1 row: The same record twice": "Who must act: Nobody",
    }
    assert set(site.leads()) & {str(email) for _, email, *_ in FLAWED} == {
        "good@flaws.example",
        "same@flaws.example",
    }

    # A number leads to its rows, a row to what was sent and answered.
    alice.follow("2 rows: Several rows for one record")
    alice.sees("All reasons")
    assert alice.page.locator("tbody th").all_inner_texts() == ["5", "4"]
    alice.follow("All reasons")
    with alice.page.expect_download() as download:
        alice.follow("Download 8 lines as CSV")
    with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as lines:
        assert len(list(csv.DictReader(lines))) == 8
    alice.follow("8")
    alice.is_at("Row 8")
    row = alice.page.url
    alice.sees("is too long (maximum is 255 characters)")
    alice.sees("Request and answer")
    assert "sandbox-key" not in alice.page.content(), "the key is in no page"

    # Mended at the source: one row is sent again, then all of them.
    alice.follow("Sources", within="Acme")
    alice.follow("people")
    alice.press("Upload a newer file")
    alice.upload("CSV file", write_csv(file, MENDED))
    alice.press("Save")
    alice.sees("people is saved.")
    alice.open(row)
    alice.go("Send again")
    alice.wait_until_over()
    assert (alice.total("Arrived"), alice.total("Needs attention")) == (1, 0)
    assert site.leads()["long@flaws.example"]["fields"]["first_name"] == "Gus"

    alice.open(run)
    alice.go("Send all again")
    alice.wait_until_over()
    assert alice.total("Needs attention") == 0
    assert {str(email) for _, email, *_ in MENDED} <= set(site.leads())


def test_a_bad_key_is_told_with_what_to_do_and_never_comes_back(alice: Visitor, site: Installation):
    alice.follow("Destinations", within="Acme")
    alice.press("Add destination")
    alice.press("Connect Qualified")
    alice.sees("How to get the key")
    alice.fill("API key", "not-the-key-4711")
    alice.page.get_by_text("Advanced settings").click()
    alice.page.get_by_label("Base URL").fill(f"http://127.0.0.1:{site.sandbox_port}")
    alice.press("Save and test")
    alice.sees("The test failed.")
    alice.sees("Qualified does not accept the API key")
    alice.sees("An admin of Qualified must create a new key in Settings › API")

    alice.press("Reconnect")
    alice.sees("Leave it empty to keep the one that is stored.")
    assert "not-the-key" not in alice.page.content(), "what was typed comes back to no browser"
    alice.fill("API key", API_KEY)
    alice.press("Save and test")
    alice.page.get_by_role("radio", name="the same account").check()
    alice.fill("API key", API_KEY)
    alice.press("Save and test")
    alice.sees("The connection works")
    assert API_KEY not in alice.page.content()
