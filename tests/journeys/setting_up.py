"""The steps from an empty team to a sync, each from the Overview, as its checklist leads through them."""

from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import expect

from tests.journeys.visitor import Visitor

HEADER = ("id", "email", "given_name", "company")
Row = tuple[object, ...]

LONGEST_TEXT = 255  # signs that the sandbox takes where a row is to be too long for it

# One row of each kind that needs attention or is held back, and what their owner makes of them.
FLAWED: list[Row] = [
    (1, "good@flaws.example", "Ada", "Flaws"),
    (2, "not an address", "Ben", "Flaws"),
    (3, "", "Cem", "Flaws"),
    (4, "twin@flaws.example", "Dora", "Flaws"),
    (5, "twin@flaws.example", "Ed", "Flaws"),
    (6, "same@flaws.example", "Fay", "Flaws"),
    (7, "same@flaws.example", "Fay", "Flaws"),
    (8, "long@flaws.example", "G" * 300, "Flaws"),
    ("", "nokey@flaws.example", "Hal", "Flaws"),
    (10, "ten@flaws.example", "Ida", "Flaws"),
    (10, "eleven@flaws.example", "Jo", "Flaws"),
]
MENDED: list[Row] = [
    (1, "good@flaws.example", "Ada", "Flaws"),
    (2, "ben@flaws.example", "Ben", "Flaws"),
    (3, "cem@flaws.example", "Cem", "Flaws"),
    (4, "twin@flaws.example", "Dora", "Flaws"),
    (6, "same@flaws.example", "Fay", "Flaws"),
    (8, "long@flaws.example", "Gus", "Flaws"),
    (10, "ten@flaws.example", "Ida", "Flaws"),
]


def people(count: int, *, host: str = "analytical.example", first: int = 1) -> list[Row]:
    """So many rows without a flaw, of one company."""
    return [(n, f"ada{n}@{host}", f"Ada {n}", "Analytical Engines") for n in range(first, first + count)]


def write_csv(path: Path, rows: Iterable[Row]) -> Path:
    lines = [",".join(HEADER), *(",".join(str(value) for value in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def add_source(visitor: Visitor, file: Path) -> None:
    visitor.follow("Overview", within="Acme")
    visitor.press("Add source")
    visitor.press("Uploaded CSV file")
    visitor.upload("CSV file", file)
    visitor.press("Upload")
    visitor.sees(f"{file.stem} is saved.")


def add_model(visitor: Visitor, name: str = "people") -> None:
    """Of the one source that there is; its key is the one that is proposed."""
    visitor.follow("Overview", within="Acme")
    visitor.press("Add model")
    visitor.follow("data.csv")
    expect(visitor.page.get_by_role("checkbox", name="id", exact=True)).to_be_checked()
    visitor.fill("Name", name)
    visitor.press("Save")
    visitor.sees(f"{name} is saved.")


def connect_sandbox(visitor: Visitor) -> None:
    visitor.follow("Overview", within="Acme")
    visitor.press("Add destination")
    visitor.press("Try with the sandbox of Qualified")
    visitor.press("Save and test")
    visitor.sees("The connection works.")


def add_sync(visitor: Visitor, name: str = "People to leads") -> None:
    """From the one model to leads, with the fields that are proposed."""
    visitor.follow("Overview", within="Acme")
    visitor.press("Add sync")
    visitor.page.get_by_role("radio", name="people").check()
    visitor.press("Go on")
    visitor.page.get_by_role("radio", name="Leads").check()
    visitor.press("Go on")
    visitor.press("Go on")
    visitor.press("Go on to the review")
    visitor.fill("Name of the sync", name)
    visitor.press("Save the sync")
    visitor.sees(f"{name} is saved.")


def wait_for_boxes(visitor: Visitor) -> None:
    """Wait on the mapping's page for its script: until then the selects of those without script are there."""
    expect(visitor.page.locator("#mapping-form.has-boxes")).to_be_visible()


def set_up(visitor: Visitor, file: Path, sync: str = "People to leads") -> None:
    add_source(visitor, file)
    add_model(visitor)
    connect_sandbox(visitor)
    add_sync(visitor, sync)


def run_all(visitor: Visitor, *, rows: str) -> None:
    """On the page of a sync that has not run yet: count, look at the numbers, send `rows`, see the end."""
    visitor.press("Run now")
    visitor.go(f"Send {rows} to", exact=False)
    visitor.wait_until_over()
