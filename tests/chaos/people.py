"""The people and companies that the chaos worlds sync, and what must become of each row.

What is expected is said here, row by row, and not computed by anything of the product.
"""

import csv
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

COLUMNS = (
    "id", "email", "given_name", "family_name", "score",
    "phone", "stage", "opted_in", "notes", "industry", "internal_remark",
)  # fmt: skip
NAMES = (
    ("Miles", "O'Brien"),
    ("Zoë", "Łukasiewicz-Šćepanović"),
    ("Renée", "d'Arc"),
    ("李", "小龍"),
    ("Ayşe", "Gül"),
    ("Smiley 🎉", "👩‍🚀 Ochoa"),
    ('The "Rock"', "Johnson, Dwayne"),
    ("Robert'); DROP TABLE leads;--", "Tables"),
    ("=1+1", "@SUM(A1)"),
    ("null", "None"),
    ("Søren", "Ångström\u00a0Æ"),
    ("<b>Bold</b>", "& Sons"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the source. `fate` is "sent", "held back" (an equal row goes in its place) or "bad".

    `email` and `fields` are what the destination must have when it is sent; `problem` says what is bad.
    """

    columns: Mapping[str, str]
    fate: str
    email: str = ""
    fields: Mapping[str, Any] | None = None
    problem: str = ""

    @property
    def id(self) -> str:
        return self.columns["id"]

    @property
    def company(self) -> tuple[str, Mapping[str, Any]]:
        """The domain and fields of the company that a valid row writes too."""
        return _domain(self.columns["email"]), {"industry": self.columns["industry"]}


def _domain(email: str) -> str:
    return email.strip().lower().rpartition("@")[2]


def good(number: int, dice: random.Random, *, email: str = "", **changed: str) -> Row:
    """A row that must arrive. `changed` overrides columns; an empty one is left out of what is sent."""
    first, last = NAMES[(number - 1) % len(NAMES)]
    email = email or f"person.{number}@example-{number % 7}.com"
    columns = {
        "id": str(number),
        "email": email,
        "given_name": first,
        "family_name": last,
        "score": dice.choice(["0", "7", "-3", "12.5", "100000000", ""]),
        "phone": dice.choice(["+44 20 7946 0958", "(0)30 123-456", ""]),
        "stage": dice.choice(["new", "working", "won", ""]),
        "opted_in": dice.choice(["true", "false", ""]),
        "notes": dice.choice(
            ["", "two\nlines", "tab\there", "x" * 5000, 'quotes " and \\ slashes', "née\u2028x"]
        ),
        "industry": ("Rail", "Food & Drink", "Énergie")[len(_domain(email)) % 3],
        "internal_remark": f"remark {number}",
        **changed,
    }
    return of_columns(columns)


def of_columns(columns: Mapping[str, str]) -> Row:
    """The row with what the destination must have of it."""
    typed = {
        "first_name": columns["given_name"],
        "last_name": columns["family_name"],
        "Lead_Score__c": float(columns["score"]) if columns["score"] else None,
        "phone": columns["phone"],
        "Stage__c": columns["stage"],
        "Opted_In__c": {"true": True, "false": False, "": None}[columns["opted_in"]],
        "Notes__c": columns["notes"],
        "title": "VP",
    }
    fields = {name: value for name, value in typed.items() if value not in (None, "")}
    return Row(columns, "sent", columns["email"].strip().lower(), fields)


def changed(row: Row, **columns: str) -> Row:
    """A good row after a change at the source."""
    return of_columns({**row.columns, **columns})


def people(count: int, seed: int) -> list[Row]:
    """Mostly good people, with a few of everything that a real table holds."""
    dice = random.Random(f"people {seed}")
    rows = [good(number, dice) for number in range(1, count + 1)]
    rows[0] = good(1, dice, email="miles.o'brien@example.com")
    rows[1] = good(2, dice, email="  Loud.Person@EXAMPLE.com ")
    rows[2] = good(3, dice, email="plus+tag@sub.example.co.uk")
    start = 10 * count
    return rows + equal_pairs(start, dice, pairs=2) + bad_rows(start + 100, 12)


def equal_pairs(start: int, dice: random.Random, *, pairs: int) -> list[Row]:
    """Two rows that say the same of one person: one is sent, the other is held back."""
    found = []
    for pair in range(pairs):
        one = good(start + 2 * pair, dice, email=f"equal.{start + pair}@example.com")
        twin = replace(
            one,
            columns={
                **one.columns,
                "id": str(start + 2 * pair + 1),
                "email": f"EQUAL.{start + pair}@example.com",
            },
            fate="held back",
        )
        found += [one, twin]
    return found


def bad_rows(start: int, count: int) -> list[Row]:
    """`count` bad rows (or one more), each kind in turn; pairs contradict each other and are both bad."""
    dice = random.Random(f"bad {start}")
    emails = (
        "", "   ", "alice.example.com", "alice@@example.com", "alice smith@example.com", "@example.com",
        "alice@", "alice@example", "alice@example..com", "alice@exam ple.com", "a@example.com, b@example.com",
        "mailto:alice@example.com", "alice@example.com;", "Alice <alice@example.com>",
        f"{'a' * 300}@example.com",
        "n/a", "NULL", "alice@-example.com", "al\nice@example.com", "@",
    )  # fmt: skip
    values = (
        ("score", "twelve"), ("score", "NaN"), ("score", "inf"), ("score", "12 points"), ("score", "0x1F"),
        ("opted_in", "perhaps"), ("opted_in", "2"), ("stage", "lost"), ("stage", "NEW!"),
    )  # fmt: skip
    found: list[Row] = []
    kind = 0
    while len(found) < count:
        number = start + len(found)
        which = kind % (len(emails) + len(values) + 2)
        kind += 1
        if which < len(emails):
            row = good(number, dice)
            columns = {**row.columns, "email": emails[which]}
            found.append(Row(columns, "bad", problem=f"e-mail {emails[which][:40]!r}"))
        elif which < len(emails) + len(values):
            column, value = values[which - len(emails)]
            columns = {**good(number, dice).columns, column: value}
            found.append(Row(columns, "bad", problem=f"{column} {value!r}"))
        elif which == len(emails) + len(values):
            found += _contradiction(number, dice, same_key=False)
        else:
            found += _contradiction(number, dice, same_key=True)
    return found


def _contradiction(number: int, dice: random.Random, *, same_key: bool) -> list[Row]:
    """Two rows that disagree about one person, or two people under one primary key."""
    one = good(number, dice, email=f"twice.{number}@example.com").columns
    if same_key:
        other = {**one, "email": f"thrice.{number}@example.com"}
        return [Row(row, "bad", problem="primary key twice") for row in (one, other)]
    other = {
        **one,
        "id": str(number + 1),
        "email": f"TWICE.{number}@example.com",
        "given_name": "Somebody else",
    }
    return [Row(row, "bad", problem="e-mail twice, unlike values") for row in (one, other)]


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write the rows as a CSV, all at once: no reader sees half of it."""
    draft = path.with_suffix(".draft")
    with draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(row.columns for row in rows)
    draft.replace(path)
