"""Calls for Salesloft, and records as it would show them."""

from typing import Any

from destinations.adapters.salesloft import Adapter
from destinations.contract import JSON, Call, Mode, Operation, Target

PEOPLE = Target(Adapter.object("people"), "email_address")
PEOPLE_BY_ID = Target(Adapter.object("people"), "id")
ACCOUNTS = Target(Adapter.object("accounts"), "domain")
ACCOUNTS_BY_ID = Target(Adapter.object("accounts"), "id")
TIMES = {"created_at": "2026-01-05T08:00:00.000000Z", "updated_at": "2026-01-05T08:00:00.000000Z"}


def person(id: int = 1, **more: JSON) -> dict[str, JSON]:
    """A person as Salesloft shows it."""
    return {"id": id, "email_address": "ann@x.test", "custom_fields": {}, **TIMES, **more}


def account(id: int = 9, **more: JSON) -> dict[str, JSON]:
    return {"id": id, "domain": "x.test", "name": "X", "custom_fields": {}, **TIMES, **more}


def upserted(record: dict[str, JSON], kind: str = "update") -> dict[str, JSON]:
    """The answer of an upsert: the record a level deeper."""
    one = "account" if "domain" in record else "person"
    return {"data": {"upsert_type": kind, one: record}}


def listed(*records: dict[str, JSON], next_page: int | None = None) -> dict[str, JSON]:
    paging = {"per_page": 100, "current_page": 1, "next_page": next_page, "prev_page": None}
    return {"metadata": {"paging": paging}, "data": list(records)}


def job(state: str, **more: JSON) -> dict[str, JSON]:
    counts = {"total": 2, "processed": 2 if state == "done" else 0, "errors": 0}
    return {"data": {"id": 7, "type": "person/upsert", "state": state, **counts, **more}}


def call(target: Target, *values: dict[str, JSON], mode: Mode = Mode.UPSERT, **more: Any) -> Call:
    """Operations with the ids 1, 2, …; `more` is what else an operation knows."""
    operations = [
        Operation(str(number), mode, str(one[target.upsert_key]), one, **more)
        for number, one in enumerate(values, start=1)
    ]
    return Call("call-7", tuple(operations))


TWO_PEOPLE = call(
    PEOPLE,
    {"email_address": "ann@x.test", "first_name": "Ann"},
    {"email_address": "ben@x.test", "first_name": "Ben"},
)
