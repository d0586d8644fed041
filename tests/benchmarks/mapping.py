"""`python -m tests.benchmarks.mapping [--rows N]`: how many rows a second become records, on one core.

Ten fields, two transformations each, in chunks as a run reads them. The baseline, in the same process and in
turn, copies the same rows into dictionaries: the least that anything written in Python would do for each
row. Three pairs; the median. Phone numbers, dates, regular expressions and Liquid are measured apart, one
field each beside the key.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from destinations.contract import Field, Kind
from syncs.engine.mapping import Mapper, Rule, Shape

CHUNK = 5_000
COLUMNS = (
    "id",
    "email",
    "first",
    "last",
    "title",
    "company",
    "city",
    "country",
    "site",
    "plan",
    "phone",
    "day",
)
EMAIL = Rule(Field("email", "Email", Kind.EMAIL), "email", steps=("trim", "lower"))


def text(key: str, *steps: Any) -> Rule:
    return Rule(Field(key, key, Kind.TEXT), key, steps=steps)


TEN = (
    EMAIL,
    text("first", "trim", {"replace": ["_", " "]}),
    text("last", "trim", "lower"),
    text("title", "lower", {"map": {"vp": "Vice President", "ic": "Individual"}}),
    text("company", "trim", {"replace": [" Inc", ""]}),
    text("city", "trim", "lower"),
    text("country", "trim", {"map": {"DE": "Germany", "US": "United States"}, "else": "Elsewhere"}),
    text("site", "lower", {"replace": ["http:", "https:"]}),
    text("plan", "lower", {"map": {"f": "free", "p": "paid"}}),
    text("phone", "trim", {"replace": [" ", ""]}),
)
APART = {
    "phone to E.164": text("phone", {"phone": "US"}),
    "date by format": Rule(Field("d", "d", Kind.DATE), "day", steps=({"parse_date": "%d.%m.%Y"},)),
    "regular expression": text("phone", {"replace_pattern": ["[^0-9]+", ""]}),
    "first of three": Rule(Field("f", "f", Kind.TEXT), first_of=("plan", "title", "city")),
    "Liquid": Rule(Field("l", "l", Kind.TEXT), template="{{ first | strip }} {{ last | upcase }}"),
}


def rows_of(count: int) -> list[tuple[Any, ...]]:
    titles, countries, plans = ("VP", "IC", "Director"), ("DE", "US", "FR"), ("F", "P", None)
    return [
        (
            at,
            f" User{at}@Example{at % 5_000}.com",
            f"First_{at % 977} ",
            f" Last{at % 3_571}",
            titles[at % 3],
            f"Company {at % 5_000} Inc",
            f"City {at % 300} ",
            countries[at % 3],
            f"HTTP://www.example{at % 5_000}.com",
            plans[at % 3],
            f"+1 415 555 {1_000 + at % 9_000}",
            f"{at % 28 + 1:02}.{at % 12 + 1:02}.{1990 + at % 30}",
        )
        for at in range(count)
    ]


def mapped_seconds(rules: Sequence[Rule], rows: list[tuple[Any, ...]]) -> float:
    mapper = Mapper(Shape(tuple(rules), ("id",), "email"), COLUMNS, UTC)
    began, flaws = time.process_time(), 0
    for at in range(0, len(rows), CHUNK):
        flaws += len(mapper.map(rows[at : at + CHUNK]).flaws)
    assert flaws == 0, "the rows of the benchmark must all fit"
    return time.process_time() - began


def copied_seconds(rows: list[tuple[Any, ...]]) -> float:
    began = time.process_time()
    for at in range(0, len(rows), CHUNK):
        records = [dict(zip(COLUMNS, row, strict=True)) for row in rows[at : at + CHUNK]]
    assert records
    return time.process_time() - began


def measure(name: str, rules: Sequence[Rule], rows: list[tuple[Any, ...]]) -> None:
    trials = [(mapped_seconds(rules, rows), copied_seconds(rows)) for _ in range(3)]
    seconds, ratio = statistics.median(t[0] for t in trials), statistics.median(t[0] / t[1] for t in trials)
    print(f"{name:32} {len(rows) / seconds:>10,.0f} rows/s   {ratio:6.1f} × copying a row", flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(description="Rows per second of the mapping, on one core.")
    asked.add_argument("--rows", type=int, default=100_000)
    count = asked.parse_args().rows
    rows = rows_of(count)
    measure("ten fields, two steps each", TEN, rows)
    measure("the e-mail alone", (EMAIL,), rows)
    for name, rule in APART.items():
        measure(f"the e-mail and: {name}", (EMAIL, rule), rows[: max(1, count // 5)])


if __name__ == "__main__":
    main()
