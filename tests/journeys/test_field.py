"""Deciding in the browser what fills a field, with real rows beside it; what arrives and is exported then."""

import json

import pytest
import yaml
from playwright.sync_api import expect

from tests.journeys.conftest import ONE_PASS
from tests.journeys.installation import Installation
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), ONE_PASS]

PEOPLE = """id,email,given_name,title,phone
1,ada@fields.example,ada,vp sales, 0151 12345678
2,ben@fields.example,ben,CEO,
3,cem@fields.example,cem,CEO,call me
"""
DOCUMENT = """
team: {{slug: "{team}", name: Acme}}
sources:
  files: {{type: duckdb, path: .}}
models:
  people: {{source: files, sql: "select * from '{team}.csv'", primary_key: id}}
connections:
  qualified: {{destination: qualified, api_key: "${{SANDBOX_API_KEY}}", base_url: "${{SANDBOX_URL}}"}}
syncs:
  people-to-leads:
    model: people
    connection: qualified
    object: leads
    mapping: {{email: email, phone: phone, title: title, first_name: given_name}}
"""


def prepare(site: Installation, team: str) -> None:
    """The sync as somebody's document has it: each field from a column, without a step."""
    files = site.data_dir / "files"
    files.mkdir(exist_ok=True)
    (files / f"{team}.csv").write_text(PEOPLE)
    document = site.folder / f"{team}.yaml"
    document.write_text(DOCUMENT.format(team=team))
    done = site.manage("apply", str(document))
    assert done.returncode == 0, done.stdout + done.stderr


def add_step(visitor: Visitor, verb: str, *, number: int) -> None:
    visitor.page.get_by_label("Add a step").select_option(verb)
    visitor.press("Add")
    expect(visitor.page.locator(".chain > li")).to_have_count(number)


def test_alice_decides_what_fills_three_fields_and_sees_it_on_real_rows(
    alice: Visitor, site: Installation, acme: str
):
    prepare(site, acme)
    page = alice.page
    live = page.locator("#live")
    alice.follow("Syncs", within="Acme")
    alice.follow("people-to-leads")
    alice.is_at("people-to-leads")
    alice.open(f"{alice.path}edit/")

    alice.follow("Change what fills phone")
    expect(live).to_contain_text("Tried with 3 rows: 2 have a value to send, 1 is empty, 0 need attention.")
    add_step(alice, "trim", number=1)
    add_step(alice, "phone", number=2)
    page.get_by_label("Numbers without + are of").select_option("DE")
    expect(live).to_contain_text('"+4915112345678"')
    expect(live).to_contain_text("1 needs attention")
    expect(live).to_contain_text('"call me" is not a phone number, read in DE.')
    page.get_by_label("Use a default").check()
    page.get_by_label("The default", exact=True).fill("+442079460018")
    expect(live).to_contain_text("The default.")
    page.get_by_label("Leave the field as it is there").check()
    alice.press("Done")

    alice.press("Go on to the review")
    alice.sees("Trim blanks; Phone number to E.164, read as in DE")
    alice.follow("Change what fills title")
    add_step(alice, "map", number=1)
    alice.press("List the values of the rows")
    becomes = page.get_by_label("What value 1 of step 1 becomes")
    expect(becomes).to_have_value("CEO")
    becomes.fill("Chief Executive")
    expect(live).to_contain_text('"Chief Executive"')
    alice.press("Done")

    alice.press("Go on to the review")
    alice.follow("Change what fills first_name")
    page.get_by_label("A template").check()
    page.get_by_label("Template", exact=True).fill("{{ given_name | capitalize }}\n{{ title | upcas }}")
    error = page.locator("#template-errors")
    expect(error).to_contain_text(
        'Line 2 of the template: there is no filter "upcas". Did you mean "upcase"?'
    )
    alice.press("Done")
    expect(error).to_contain_text("That line is: {{ title | upcas }}")
    expect(page.get_by_label("Template", exact=True)).to_have_value(
        "{{ given_name | capitalize }}\n{{ title | upcas }}"
    )
    page.get_by_label("Template", exact=True).fill("{{ given_name | capitalize }} ({{ id }})")
    expect(live).to_contain_text('"Ada (1)"')
    alice.press("Done")

    alice.press("Go on to the review")
    alice.press("Save changes")
    alice.sees("people-to-leads is saved.")
    done = site.manage("run", "people-to-leads", "--team", acme, "--json")
    assert json.loads(done.stdout)["accepted"] == 2, done.stdout
    assert {email: lead["fields"] for email, lead in site.leads().items() if "@fields." in email} == {
        "ada@fields.example": {"first_name": "Ada (1)", "phone": "+4915112345678", "title": "vp sales"},
        "ben@fields.example": {"first_name": "Ben (2)", "title": "Chief Executive"},
    }
    exported = yaml.safe_load(site.manage("export", "--team", acme).stdout)
    assert exported["syncs"]["people-to-leads"]["mapping"] == {
        "email": "email",
        "phone": {"column": "phone", "steps": ["trim", {"phone": "DE"}]},
        "title": {"column": "title", "steps": [{"map": {"CEO": "Chief Executive", "vp sales": "vp sales"}}]},
        "first_name": {"template": "{{ given_name | capitalize }} ({{ id }})"},
    }
