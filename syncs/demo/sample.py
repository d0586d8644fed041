"""The rows of the sample warehouse: companies and people as a CRM's export has them, flaws included. Pure.

The same seed makes the same rows. A small share is flawed on purpose, each kind a fixed number of times
(`PEOPLE_FLAWS`, `COMPANY_FLAWS`), so that most rows arrive and every kind of reason is there to see.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from syncs.demo import words

SEED = 20_260
COMPANY_COUNT = 1_200
COMPANY_TWINS = (20, 10)  # rows that come again: equal, and with other values
PEOPLE_COUNT = 5_000
PEOPLE_TWINS = (40, 20)

Row = dict[str, Any]

_FIRST_DAY = datetime(2026, 1, 5, 8)  # noqa: DTZ001  the warehouse's times have no zone
_STAGES = ("subscriber", "lead", "MQL", "Marketing qualified lead", "SQL", "Opportunity", "customer ")
_LONG_NOTE = "He talked, and talked. I wrote it all down, as I was asked to. " * 300


@dataclass(frozen=True, slots=True)
class Sample:
    companies: list[Row]
    people: list[Row]


def make(seed: int = SEED) -> Sample:
    """The warehouse's two tables. Ids are unique and count from 1."""
    rng = random.Random(seed)  # noqa: S311  no secrets are made here
    domains: dict[int, str] = {}
    companies = list(_companies(rng, domains))
    people = list(_people(rng, domains))
    sound = _spoiled(rng, companies, COMPANY_FLAWS)
    companies += _again(rng, sound, COMPANY_TWINS, len(companies), _same_company, _other_company)
    sound = _spoiled(rng, people, PEOPLE_FLAWS)
    people += _again(rng, sound, PEOPLE_TWINS, len(people), _same_person, _other_person)
    return Sample(companies, people)


# Rows without a flaw, written as carelessly as people write


def _companies(rng: random.Random, domains: dict[int, str]) -> Iterator[Row]:
    names = rng.sample([*product(words.BRANDS, words.TRADES)], COMPANY_COUNT - sum(COMPANY_TWINS))
    for number, ((brand, host), (trade, word, industry)) in enumerate(names, 1):
        city, country = rng.choice(words.CITIES)
        domains[number] = f"{host}-{word}.example"
        employees = int(10 ** rng.uniform(0.7, 4.5))
        yield {
            "id": number,
            "name": f"{brand} {trade}",
            "website": _website(rng, domains[number]),
            "industry": industry,
            "employees": str(employees) if rng.random() < 0.9 else f" {employees} ",
            "revenue": round(employees * rng.uniform(40_000, 250_000), 2) if rng.random() < 0.8 else None,
            "city": city,
            "country": country,
            "tier": rng.choice(("A", "B", "C", "b", None)),
            "is_target": rng.random() < 0.2,
            "description": rng.choice((None, "", f"{trade} since {rng.randint(1850, 2024)} · {city}")),
            "updated_at": _moment(rng),
        }


def _website(rng: random.Random, domain: str) -> str:
    careless = (
        f"https://www.{domain}/",
        f"https://www.{domain}/en/about?utm_source=crm",
        f"http://{domain}:8080/contact",
        f"WWW.{domain.upper()}",
        f"  {domain} ",
        f"https://shop.{domain}/cart#top",  # a subdomain stays
    )
    return rng.choice(careless) if rng.random() < 0.4 else domain


def _people(rng: random.Random, domains: Mapping[int, str]) -> Iterator[Row]:
    taken: set[str] = set()
    for number in range(1, PEOPLE_COUNT - sum(PEOPLE_TWINS) + 1):
        company = rng.choice(list(domains))
        first, last = rng.choice(words.FIRST_NAMES), rng.choice(words.LAST_NAMES)
        is_private = rng.random() < 0.08
        # A sample's free-mail addresses say so: somebody may have those without.
        name, host = f"{first[1]}.{last[1]}", domains[company]
        if is_private:
            name, host = f"{name}.syncadmin-sample", rng.choice(words.FREE_MAIL)
        email, tail = f"{name}@{host}", 1
        while email in taken:
            tail += 1
            email = f"{name}.{tail}@{host}"
        taken.add(email)
        yield {
            "id": number,
            "company_id": None if is_private and rng.random() < 0.5 else company,
            "email": _carelessly(rng, email),
            "first_name": first[0] if rng.random() < 0.97 else f" {first[0]}  ",
            "last_name": last[0] if rng.random() < 0.98 else None,
            "title": rng.choice(words.TITLES) if rng.random() < 0.9 else "",
            "phone": f"+44 20 7946 0{rng.randint(100, 999)}" if rng.random() < 0.6 else None,  # nobody's
            "stage": rng.choice(_STAGES),
            "score": rng.choice((str(rng.randint(0, 100)), f"{rng.uniform(0, 100):.1f}", " 42 ", None)),
            "opted_in": rng.choice(("yes", "no", "Y", "true", "0", None)),
            "notes": rng.choice(words.NOTES) if rng.random() < 0.2 else None,
            "seen_at": _moment(rng),
        }


def _carelessly(rng: random.Random, email: str) -> str:
    chance = rng.random()
    if chance < 0.04:
        return email.upper()
    return f"  {email} " if chance < 0.07 else email


def _moment(rng: random.Random) -> str:
    return (_FIRST_DAY + timedelta(minutes=rng.randrange(300_000))).isoformat()


# Flaws: (field, how often, what it becomes)

_Flaw = tuple[str, int, Callable[[random.Random, str], str | None]]


def _one_of(*values: str | None) -> Callable[[random.Random, str], str | None]:
    return lambda rng, text: rng.choice(values)


def _bad_email(rng: random.Random, email: str) -> str:
    name, _, host = email.strip().partition("@")
    forms = (
        f"{name}(at){host}",
        f"{name}@",
        f"@{host}",
        f"{name}@@{host}",
        f"{name}..x@{host}",
        f"{name} {host}",
        f"{name}@{host.replace('.', ',')}",
        "n/a",
        f"mailto:{name}@{host}",
    )
    return rng.choice(forms)


def _bad_website(rng: random.Random, website: str) -> str:
    return rng.choice(("n/a", "http://", "localhost", "192.0.2.7", "info@mail.example", "under construction"))


PEOPLE_FLAWS: tuple[_Flaw, ...] = (
    ("email", 45, _bad_email),
    ("email", 35, _one_of(None, "", "   ")),
    ("email", 2, lambda rng, email: "x" * 300 + email.strip()),
    ("stage", 40, _one_of("prospect", "churned", "hot lead 🔥", "custmer")),
    ("score", 20, _one_of("n/a", "1,200", "high", "12%")),
    ("opted_in", 8, _one_of("unknown", "only by phone")),
    ("title", 6, lambda rng, title: "Senior Vice President for Very Long Titles, " * 8),
    ("notes", 5, lambda rng, notes: _LONG_NOTE),  # long, but no flaw: it arrives
)

COMPANY_FLAWS: tuple[_Flaw, ...] = (
    ("website", 12, _bad_website),
    ("website", 8, _one_of(None, "")),
    ("industry", 12, _one_of("SaaS", "Fin. services", "Health care", "???")),
    ("employees", 9, _one_of("10k", "1.000-5.000", "many")),
    ("tier", 5, _one_of("D", "A+")),
)


def _spoiled(rng: random.Random, rows: list[Row], flaws: tuple[_Flaw, ...]) -> list[Row]:
    """Give each flaw to rows of its own; return the rows that stayed as they were."""
    chosen = rng.sample(rows, len(rows))
    for field, number, spoil in flaws:
        for _ in range(number):
            row = chosen.pop()
            row[field] = spoil(rng, row[field] or "")
    return chosen


def _again(
    rng: random.Random,
    sound: list[Row],
    twins: tuple[int, int],
    last_id: int,
    same: Callable[[Row], Row],
    other: Callable[[Row], Row],
) -> Iterator[Row]:
    """Rows that came twice: so many equal to a sound one, and so many that are not."""
    changes = [same] * twins[0] + [other] * twins[1]
    rng.shuffle(changes)
    for number, (change, row) in enumerate(zip(changes, sound, strict=False), last_id + 1):
        yield change(row) | {"id": number}


def _same_person(row: Row) -> Row:
    return row | {"email": row["email"].strip().upper(), "seen_at": _FIRST_DAY.isoformat()}


def _other_person(row: Row) -> Row:
    return row | {"title": "Consultant", "phone": None}


def _same_company(row: Row) -> Row:
    """The same by another spelling of its domain."""
    website = row["website"]
    return row | {"website": f"{website}/" if "//" in website else website.upper()}


def _other_company(row: Row) -> Row:
    return row | {"employees": "7", "city": "Elsewhere"}
