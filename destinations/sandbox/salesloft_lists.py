"""The filters, the order and the pages of Salesloft's lists of people and accounts.

As published: an unknown name is ignored, a wrong value is refused, a page out of range is corrected. A filter
that is published, but that the sandbox cannot apply, is refused: to ignore it would show the wrong records.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson

from destinations.sandbox.salesloft_answers import unprocessable
from destinations.sandbox.salesloft_fields import ACCOUNT_ENTITY, PEOPLE_ENTITY, Entity

MOST_PER_PAGE, USUAL_PER_PAGE = 100, 25
NULL = "_is_null"
_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_PAGING = {"page", "per_page", "include_paging_counts", "limit_paging_counts", "sort_by", "sort_direction"}

_SHARED = {
    "ids": ("id", "integer"),
    "crm_id": ("crm_id", "text"),
    "owner_id": ("owner_id", "integer"),
    "country": ("country", "text"),
    "state": ("state", "text"),
    "city": ("city", "text"),
    "created_at": ("created_at", "moment"),
    "updated_at": ("updated_at", "moment"),
    "custom_fields": ("custom_fields", "custom"),
}
FILTERS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    PEOPLE_ENTITY.name: {
        **_SHARED,
        "email_addresses": ("match_key", "key"),
        "account_id": ("account_id", "integer"),
        "person_stage_id": ("person_stage_id", "integer"),
        "import_id": ("import_id", "integer"),
        "job_seniority": ("job_seniority", "text"),
        "title": ("title", "text"),
        "do_not_contact": ("do_not_contact", "flag"),
    },
    ACCOUNT_ENTITY.name: {
        **_SHARED,
        "domain": ("match_key", "key"),
        "name": ("name", "text"),
        "website": ("website", "text"),
        "industry": ("industry", "text"),
        "account_stage_id": ("company_stage_id", "integer"),
        "account_tier_id": ("account_tier_id", "integer"),
        "archived": ("archived_at", "presence"),
    },
}
UNSUPPORTED: Mapping[str, frozenset[str]] = {
    PEOPLE_ENTITY.name: frozenset(
        {"owned_by_guid", "owner_crm_id", "can_email", "can_call", "can_text", "tag_id", "owner_is_active"}
        | {"cadence_id", "starred_by_guid", "replied", "bounced", "success", "eu_resident", "last_contacted"}
        | {"new", "phone_number", "locales", "_query"}
    ),
    ACCOUNT_ENTITY.name: frozenset(
        {"tag", "tag_id", "owner_is_active", "last_contacted", "owner_crm_id", "locales"}
        | {"user_relationships"}
    ),
}
SORTS: Mapping[str, Mapping[str, str]] = {
    PEOPLE_ENTITY.name: {
        "created_at": "created_at",
        "updated_at": "updated_at",
        "name": "json_extract(fields, '$.first_name') || json_extract(fields, '$.last_name')",
        **dict.fromkeys(("title", "job_seniority", "account", "last_contacted_at"), "id"),
    },
    ACCOUNT_ENTITY.name: {
        "created_at": "created_at",
        "updated_at": "updated_at",
        "name": "json_extract(fields, '$.name')",
    },
}
_COLUMNS = {"id", "crm_id", "match_key", "created_at", "updated_at"}


@dataclass(slots=True)
class Asked:
    """A query: `values` by filter name, `parts` what stood in brackets, in the order they came."""

    parts: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def values(self, name: str) -> list[str]:
        """The values of a list, whether repeated (`a[]=1&a[]=2`) or joined by commas."""
        return [each for _, value in self.parts.get(name, ()) for each in value.split(",") if each]

    def last(self, name: str, otherwise: str = "") -> str:
        found = self.parts.get(name)
        return found[-1][1] if found else otherwise

    def flag(self, name: str) -> bool:
        return self.last(name).lower() == "true"


@dataclass(frozen=True, slots=True)
class Page:
    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


@dataclass(frozen=True, slots=True)
class Search:
    """A condition in SQL with its parameters, and the order."""

    where: str
    parameters: Sequence[Any]
    order: str


def asked(query: str) -> Asked:
    """Read a query; `id[gt]=5` is the name `id` with `gt` in brackets."""
    found = Asked()
    for name, value in parse_qsl(query, keep_blank_values=True):
        base, _, inside = name.partition("[")
        found.parts.setdefault(base, []).append((inside.removesuffix("]"), value))
    return found


def page_of(query: Asked) -> Page:
    """The page asked for, corrected where it is out of range."""
    return Page(max(1, _number(query.last("page"), 1)), per_page_of(query))


def per_page_of(query: Asked) -> int:
    return min(MOST_PER_PAGE, max(1, _number(query.last("per_page"), USUAL_PER_PAGE)))


def after_of(query: Asked) -> int:
    """The cursor `id[gt]`; -1 where there is none."""
    found = [value for inside, value in query.parts.get("id", ()) if inside == "gt"]
    return _number(found[-1], -1) if found else -1


def search_of(entity: Entity, query: Asked) -> Search:
    """What a query looks for. Refused (422) where a value is wrong."""
    clauses: list[str] = []
    parameters: list[Any] = []
    for name in query.parts:
        if name in UNSUPPORTED[entity.name]:
            raise unprocessable({name: ["is a filter that the sandbox does not have"]})
        if name not in FILTERS[entity.name]:
            continue  # as the service does, which makes a misspelt name return everything
        column, kind = FILTERS[entity.name][name]
        clause, values = _KINDS[kind](name, _place(column), query)
        clauses.append(clause)
        parameters += values
    sort, direction = query.last("sort_by", "updated_at"), query.last("sort_direction", "DESC").upper()
    if sort not in SORTS[entity.name]:
        raise unprocessable({"sort_by": ["is not included in the list"]})
    if direction not in ("ASC", "DESC"):
        raise unprocessable({"sort_direction": ["is not included in the list"]})
    order = f"{SORTS[entity.name][sort]} {direction}, id {direction}"
    return Search(" AND ".join(clauses) or "1", parameters, order)


def _place(column: str) -> str:
    return column if column in _COLUMNS else f"json_extract(fields, '$.{column}')"


def _any_of(name: str, place: str, values: list[Any]) -> tuple[str, list[Any]]:
    """One of these values, or none at all where `_is_null` is among them."""
    wanted = [each for each in values if each != NULL]
    if NULL not in values:
        return f"{place} IN (SELECT value FROM json_each(?))", [orjson.dumps(wanted).decode()]  # noqa: S608
    if not wanted:
        return f"{place} IS NULL", []
    both = f"({place} IS NULL OR {place} IN (SELECT value FROM json_each(?)))"  # noqa: S608
    return both, [orjson.dumps(wanted).decode()]


def _texts(name: str, place: str, query: Asked) -> tuple[str, list[Any]]:
    return _any_of(name, place, query.values(name))


def _keys(name: str, place: str, query: Asked) -> tuple[str, list[Any]]:
    return _any_of(name, place, [each.strip().lower() for each in query.values(name)])


def _integers(name: str, place: str, query: Asked) -> tuple[str, list[Any]]:
    found: list[Any] = []
    for each in query.values(name):
        if each != NULL and not (each.isascii() and each.isdecimal()):
            raise unprocessable({name: ["is invalid"]})
        found.append(each if each == NULL else int(each))
    return _any_of(name, place, found)


def _flag(name: str, place: str, query: Asked) -> tuple[str, list[Any]]:
    return f"coalesce({place}, 0) = ?", [_boolean(name, query)]


def _presence(name: str, place: str, query: Asked) -> tuple[str, list[Any]]:
    return f"({place} IS NOT NULL) = ?", [_boolean(name, query)]


def _moments(name: str, place: str, query: Asked) -> tuple[str, list[Any]]:
    clauses, parameters = [], []
    for inside, value in query.parts[name]:
        try:
            at = datetime.fromisoformat(value.replace(" ", "+"))
            clauses.append(f"{place} {_COMPARISONS[inside]} ?")
        except (ValueError, KeyError):
            raise unprocessable({name: ["is invalid"]}) from None
        parameters.append((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    return " AND ".join(clauses), parameters


def _custom(name: str, place: str, query: Asked) -> tuple[str, list[Any]]:
    clause = (
        "EXISTS (SELECT 1 FROM json_each(fields, '$.custom_fields') AS custom "
        "WHERE custom.key = ? AND lower(custom.value) = lower(?))"
    )
    pairs = query.parts[name]
    if not all(inside for inside, _ in pairs):
        raise unprocessable({name: ["is invalid"]})
    return " AND ".join(clause for _ in pairs), [each for pair in pairs for each in pair]


_KINDS: Mapping[str, Callable[[str, str, Asked], tuple[str, list[Any]]]] = {
    "text": _texts,
    "key": _keys,
    "integer": _integers,
    "flag": _flag,
    "presence": _presence,
    "moment": _moments,
    "custom": _custom,
}


def _boolean(name: str, query: Asked) -> bool:
    value = query.last(name).lower()
    if value not in ("true", "false"):
        raise unprocessable({name: ["is invalid"]})
    return value == "true"


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.removeprefix("-").isdecimal() else otherwise
