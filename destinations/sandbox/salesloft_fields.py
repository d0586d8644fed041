"""What a person and an account may hold, and what is wrong with a body that was sent.

The names and types are those of the published description; what it does not name is refused, so that data
never gets lost without a word. Whether the service itself ignores an unknown name is not documented.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from destinations.sandbox.salesloft_state import ACCOUNTS, PEOPLE, CustomField

EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\".]+(\.[^@\s,;<>\".]+)+")
DOMAIN = re.compile(r"[\w]([\w-]*\w)?(\.\w([\w-]*\w)?)+")
CRM_ID_LENGTH = 18
PERSON, COMPANY = "person", "company"
CLOSED = {
    "job_seniority": (
        "director",
        "executive",
        "individual_contributor",
        "manager",
        "vice_president",
        "unknown",
    ),
    "contact_restrictions": ("call", "email", "message"),
    "crm_id_type": ("salesforce",),
}
EMAILS = ("email_address", "secondary_email_address", "personal_email_address")
_PERSON_TEXTS = """
email_address secondary_email_address personal_email_address first_name last_name title phone
phone_extension mobile_phone home_phone linkedin_url twitter_handle personal_website locale city
state country work_city work_state work_country person_company_name person_company_website
person_company_industry job_seniority crm_id crm_id_type
"""
_ACCOUNT_TEXTS = """
name domain conversational_name description phone website linkedin_url twitter_handle street city
state postal_code country locale industry company_type founded revenue_range size crm_id crm_id_type
"""
_UNKNOWN = "is not a field"


@dataclass(frozen=True, slots=True)
class Entity:
    """What a kind of record is called, found by and made of. `links` are fields that name other records."""

    name: str
    table: str
    field_type: str
    key: str
    crm_prefixes: tuple[str, ...]
    crm_scope: str
    texts: frozenset[str]
    links: tuple[str, ...]
    lists: tuple[str, ...]
    booleans: tuple[str, ...] = ("do_not_contact",)

    @property
    def upsert_keys(self) -> tuple[str, str, str]:
        return ("id", "crm_id", self.key)

    @property
    def members(self) -> frozenset[str]:
        """All that may be written."""
        return self.texts | {*self.links, *self.lists, *self.booleans, "custom_fields"}


PEOPLE_ENTITY = Entity(
    name=PERSON,
    table=PEOPLE,
    field_type=PERSON,
    key="email_address",
    crm_prefixes=("00Q", "003"),
    crm_scope="crm_id_person:write",
    texts=frozenset(_PERSON_TEXTS.split()),
    links=("account_id", "owner_id", "person_stage_id", "import_id"),
    lists=("tags", "contact_restrictions"),
)
ACCOUNT_ENTITY = Entity(
    name="account",
    table=ACCOUNTS,
    field_type=COMPANY,
    key="domain",
    crm_prefixes=("001",),
    crm_scope="crm_id_account:write",
    texts=frozenset(_ACCOUNT_TEXTS.split()),
    links=("owner_id", "company_stage_id", "account_tier_id"),
    lists=("tags",),
)


@dataclass(frozen=True, slots=True)
class Known:
    """What a body may refer to, and how strict the team is.

    `links` are the ids that a field may name; a field without an entry takes any, but for `account_id`, which
    `has_account` is asked about. `custom` are the custom fields by type and name.
    """

    links: Mapping[str, frozenset[int]] = field(default_factory=dict)
    custom: Mapping[tuple[str, str], CustomField] = field(default_factory=dict)
    has_account: Callable[[int], bool] = bool
    ignores_unknown_custom_fields: bool = False
    replaces_custom_fields: bool = False
    allows_duplicates: bool = False
    needs_name_and_domain: bool = False
    longest_text: int = 0


def problems(
    entity: Entity, body: Mapping[str, Any], known: Known, *, extra: frozenset[str] = frozenset()
) -> dict[str, list[str]]:
    """All that is wrong with a body, whatever record it is for: field → messages.

    `extra` are members that this call takes beside the fields.
    """
    found: dict[str, list[str]] = {}
    for name, value in body.items():
        if name in extra:
            continue
        if name not in entity.members:
            found[name] = [_UNKNOWN]
        elif name == "custom_fields":
            if faults := list(_custom(entity, value, known)):
                found[name] = faults
        elif fault := _fault(entity, name, value, known):
            found[name] = [fault]
    if body.get("crm_id") and "crm_id" not in found:
        if body.get("crm_id_type") is None:
            found["crm_id_type"] = ["is required"]
        elif len(body["crm_id"]) != CRM_ID_LENGTH or not body["crm_id"].startswith(entity.crm_prefixes):
            found["crm_id"] = ["is invalid"]
    return found


def _fault(entity: Entity, name: str, value: Any, known: Known) -> str:
    """What is wrong with the value of a field, or an empty text. null clears (assumed), but no boolean."""
    if name in entity.booleans or name in ("archived", "autotag_date"):
        return "" if isinstance(value, bool) else "must be true or false"
    if value is None:
        return ""
    if name in entity.links:
        if isinstance(value, bool) or not isinstance(value, int):
            return "must be an integer"
        if name == "account_id":
            return "" if known.has_account(value) else "must exist"
        return "" if value in known.links.get(name, (value,)) else "must exist"
    if name in entity.lists:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            return "must be a list of texts"
        return "" if set(value) <= set(CLOSED.get(name, value)) else "is not included in the list"
    if not isinstance(value, str):
        return "must be a text"
    if known.longest_text and len(value) > known.longest_text:
        return f"is too long (maximum is {known.longest_text} characters)"
    if name in CLOSED and value not in CLOSED[name]:
        return "is not included in the list"
    if value and name in EMAILS and not EMAIL.fullmatch(value.strip()):
        return "is invalid"
    if value and name == "domain" and not DOMAIN.fullmatch(value.strip()):
        return "is invalid"
    return ""


def _custom(entity: Entity, value: Any, known: Known) -> Iterator[str]:
    """What is wrong with custom fields: an object of their names and texts. null clears one (assumed)."""
    if not isinstance(value, dict):
        yield "must be an object"
        return
    for name, each in value.items():
        definition = known.custom.get((entity.field_type, name))
        if definition is None:
            if not known.ignores_unknown_custom_fields:
                yield f"{name} is not a custom field"
        elif each is None:
            continue
        elif not isinstance(each, str):
            yield f"{name} must be a text"
        elif definition.value_type == "date" and each and not _is_date(each):
            yield f"{name} must be a date (YYYY-MM-DD)"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def cleaned(entity: Entity, body: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """The fields of a checked body as they are stored; None for what is cleared."""
    found = {name: value for name, value in body.items() if name in entity.members}
    for name, value in found.items():
        if value == "":
            found[name] = None
        elif name == "domain" and isinstance(value, str):
            found[name] = value.strip().lower()
        elif name in EMAILS and isinstance(value, str):
            found[name] = value.strip()
    if "custom_fields" in found:
        found["custom_fields"] = {
            name: value or None
            for name, value in found["custom_fields"].items()
            if (entity.field_type, name) in known.custom
        }
    return found


def match_key(value: Any) -> str | None:
    """What an e-mail or a domain is found by: without surrounding blanks, in lower case (assumed)."""
    return value.strip().lower() or None if isinstance(value, str) else None


def other_key(entity: Entity, fields: Mapping[str, Any]) -> str | None:
    """What a person without an e-mail is found by: phone and last name."""
    if entity.name != PERSON or fields.get("email_address"):
        return None
    phone, name = fields.get("phone"), fields.get("last_name")
    return (
        f"{phone}\n{name.lower()}"
        if isinstance(phone, str) and isinstance(name, str) and phone and name
        else None
    )
