"""Companies by domain: tidied before they leave, bad ones listed, twins told apart."""

import csv
from collections.abc import Callable, Sequence

from tests.chaos.conftest import long_form
from tests.chaos.truth import assert_adds_up, listed_rows
from tests.chaos.world import World

MODEL = """\
  companies: {{source: files, sql: "select * from 'companies.csv'", primary_key: [region, number]}}
"""
SYNC = """\
  companies-to-qualified:
    model: companies
    connection: qualified
    object: companies
    mode: upsert
    mapping: {{domain: website, name: company, industry: branch, Employees__c: size, Tier__c: tier}}
"""
COLUMNS = ("region", "number", "website", "company", "branch", "size", "tier", "extra")
GOOD = {
    "acme.com": ("https://www.Acme.com/about?x=1", "Acme & Söhne"),
    "globex.co.uk": ("GLOBEX.co.uk:8443", "Globex"),
    "shop.initech.de": ("http://shop.initech.de", "Initech's Shop"),
    "obrien.ie": ("  www.obrien.ie  ", "O'Brien"),
    "plain.org": ("plain.org", "Plain"),
}
BAD = (
    "",
    "   ",
    "https://",
    "localhost",
    "not a domain",
    "acme",
    "a..com",
    "-acme.com",
    "ann@acme.com",
    "n/a",
    ".com",
)


def add_companies(world: World, rows: Sequence[Sequence[str]]) -> None:
    """Give the world a sync of companies, and apply it."""
    with (world.folder / "files" / "companies.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    text = (world.folder / "syncs.yaml").read_text()
    text = text.replace("connections:", MODEL.format() + "connections:") + SYNC.format()
    (world.folder / "syncs.yaml").write_text(text)
    world.apply()


@long_form
def test_companies_arrive_under_their_tidied_domain_and_bad_ones_are_listed(
    make_world: Callable[..., World],
) -> None:
    world = make_world(rows=[])
    rows = [
        ("eu", str(n), website, name, "Rail", "12", "gold", "")
        for n, (website, name) in enumerate(GOOD.values(), start=1)
    ]
    rows += [
        ("eu", str(n), website, "Bad", "Rail", "1", "gold", "") for n, website in enumerate(BAD, start=50)
    ]
    rows += [
        ("eu", "80", "tier.com", "Bad", "Rail", "1", "bronze", ""),
        ("eu", "81", "size.com", "Bad", "", "x", "", ""),
    ]
    rows += [
        ("us", "1", "twin.com", "Twin", "Rail", "", "", ""),
        ("us", "2", "www.twin.com", "Twin", "Rail", "", "", ""),
    ]
    rows += [("us", "3", "duel.com", "One", "", "", "", ""), ("us", "4", "duel.com", "Other", "", "", "", "")]
    add_companies(world, rows)
    world.manage("run", "companies-to-qualified", "--json", expect=(1,))

    state, run = world.stand_in.state(), world.runs()[-1]
    assert {domain: record["name"] for domain, record in state["company"].items()} == {
        **{domain: name for domain, (_, name) in GOOD.items()},
        "twin.com": "Twin",
    }
    assert state["company"]["acme.com"]["fields"] == {
        "industry": "Rail",
        "Employees__c": 12,
        "Tier__c": "gold",
    }
    assert state["violations"] == []
    assert_adds_up(run)
    listed = listed_rows(world, run)
    assert len([row for row in listed.values() if row["stage"] == "invalid"]) == len(BAD) + 4
    assert len([row for row in listed.values() if row["stage"] == "held_back"]) == 1
    assert run["normalised_count"] >= 4

    before = world.stand_in.evidence().records_sent
    world.manage("run", "companies-to-qualified", "--json", expect=(1,))
    assert world.stand_in.evidence().records_sent == before
