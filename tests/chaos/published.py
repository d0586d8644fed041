"""Qualified's published API as a strict outsider reads it: its fields, and what a batch and an item may hold.

Read from the Enterprise API 2.0 reference of 9 August 2026. Where the reference is silent, the strictest
reading counts: whatever a real service might refuse is refused here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENTITIES = ("lead", "company")
KEY_NAMES = {"lead": "email", "company": "domain"}
MAXIMUM_ITEMS = 500

# One "@", nothing that needs quotes, a dotted host that ends in letters.
_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\\\"]+@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,}")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Definition:
    """A field of the account, as `GET /v2/…/fields` lists it. The name is case-sensitive."""

    name: str
    type: str
    options: tuple[str, ...] = ()

    def as_json(self, number: int) -> dict[str, Any]:
        listed: dict[str, Any] = {
            "id": f"fld_{number}",
            "label": self.name.removesuffix("__c").replace("_", " ").title(),
            "name": self.name,
            "type": self.type,
            "createdAt": "2026-01-05T08:00:00Z",
            "updatedAt": "2026-01-05T08:00:00Z",
            "aNewMember": "to be ignored",
        }
        if self.type == "picklist":
            listed["options"] = [{"value": value, "label": value.title()} for value in self.options]
        return listed

    def takes(self, value: Any) -> bool:
        """Whether the value fits the type on the wire. A null clears the field."""
        if value is None:
            return True
        if self.type == "decimal":
            return isinstance(value, int | float) and not isinstance(value, bool)
        if self.type == "boolean":
            return isinstance(value, bool)
        if self.type in {"multi_picklist", "text_array"}:
            return isinstance(value, list) and all(isinstance(one, str) for one in value)
        if self.type == "picklist":
            return value in self.options
        return isinstance(value, str)


FIELDS: Mapping[str, tuple[Definition, ...]] = {
    "lead": (
        Definition("first_name", "string"),
        Definition("last_name", "name"),
        Definition("title", "string"),
        Definition("phone", "phone"),
        Definition("Lead_Score__c", "decimal"),
        Definition("Opted_In__c", "boolean"),
        Definition("Stage__c", "picklist", ("new", "working", "won")),
        Definition("Notes__c", "text"),
        Definition("Topics__c", "text_array"),
    ),
    "company": (
        Definition("industry", "string"),
        Definition("website", "string"),
        Definition("Employees__c", "decimal"),
        Definition("Tier__c", "picklist", ("gold", "silver")),
    ),
}


def wrong_with_batch(body: Any) -> str:
    """Why the whole batch is refused (422 invalid_items), or ""."""
    if not isinstance(body, dict) or set(body) != {"items"}:
        return "the body must be an object with items, and nothing else"
    items = body["items"]
    if not isinstance(items, list) or not 1 <= len(items) <= MAXIMUM_ITEMS:
        return "items must be an array with size 1..500"
    ids = [item.get("request_id") if isinstance(item, dict) else None for item in items]
    if not all(isinstance(one, str) and one for one in ids):
        return "each item must have a request_id"
    if len(set(ids)) != len(ids):
        return "request_id must be unique in the batch"
    return ""


def wrong_with_item(item: Mapping[str, Any]) -> str:
    """Why one item of a batch fails before its data is looked at, or ""."""
    members = {"entity", "action", "data", "request_id"}
    if unknown := set(item) - members:
        return f"unknown member {sorted(unknown)[0]}"
    if missing := members - set(item):
        return f"{sorted(missing)[0]} is missing"
    if item["entity"] not in ENTITIES:
        return "entity must be lead or company"
    if item["action"] != "POST":
        return "action must be POST"
    return "" if isinstance(item["data"], dict) else "data must be an object"


def wrong_with_data(entity: str, data: Mapping[str, Any]) -> tuple[str, str]:
    """Why an upsert fails and at which field, or ("", "")."""
    key = KEY_NAMES[entity]
    members = {key, "fields"} | ({"name"} if entity == "company" else set())
    if unknown := set(data) - members:
        name = sorted(unknown)[0]
        return f"Unknown member: {name}", name
    if not isinstance(data.get(key), str) or not data[key].strip():
        return f"{key.title()} can't be blank", key
    if not (_EMAIL if entity == "lead" else _DOMAIN).fullmatch(data[key].strip()):
        return f"{key.title()} is invalid", key
    if not isinstance(data.get("name", ""), str | None):
        return "Name is invalid", "name"
    fields = data.get("fields", {})
    if not isinstance(fields, dict):
        return "Fields must be an object", "fields"
    known = {definition.name: definition for definition in FIELDS[entity]}
    for name, value in fields.items():
        if name not in known:
            return f"Unknown field: {name}", name
        if not known[name].takes(value):
            return f"Invalid value for {name}", name
    return "", ""


def key_of(entity: str, data: Any) -> str:
    """What a record is matched by, or "" where there is nothing to match."""
    value = data.get(KEY_NAMES.get(entity, "")) if isinstance(data, dict) else None
    return value.strip().lower() if isinstance(value, str) else ""


def is_tidy(entity: str, data: Any) -> bool:
    """Whether the key arrives as a careful sender would write it: trimmed, in lower case, no `www.`."""
    value = data.get(KEY_NAMES.get(entity, "")) if isinstance(data, dict) else None
    return (
        isinstance(value, str)
        and value == value.strip().lower()
        and not (entity == "company" and value.startswith("www."))
    )


def merged(record: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The record after an upsert: only the values that were sent are written."""
    fields = {**record.get("fields", {}), **data.get("fields", {})}
    return {
        **{name: value for name, value in record.items() if name != "fields"},
        **{name: value for name, value in data.items() if name not in {"fields", "email", "domain"}},
        "fields": fields,
    }
