"""The fields of a Qualified account, and which values they take.

Types are those of the published reference (apis: `type` of a Field, 9 Aug 2026). How strictly values
are checked is not published; the sandbox is strict, so that a wrong type is found here first.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from destinations.sandbox.clock import iso
from destinations.sandbox.ids import encode
from destinations.sandbox.qualified_state import FieldDefinition

Check: TypeAlias = Callable[[Any], str]  # what is wrong with a value, or an empty text

LEAD = "lead"
COMPANY = "company"
ENTITIES = (LEAD, COMPANY)
TEXT_TYPES = ("string", "text", "email", "phone", "name", "company")
LIST_TYPES = ("multi_picklist", "text_array")
TYPES = (*TEXT_TYPES, "decimal", "boolean", "picklist", *LIST_TYPES)

EMAIL = re.compile(
    r'(?!\.)(?!.*\.\.)[^\s@"(),:;<>\[\]\\]{1,64}(?<!\.)@'
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_](?:[\w-]{0,61}[^\W_])"
)
DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_](?:[\w-]{0,61}[^\W_])")


def _options(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple((value, value) for value in values)


DEFAULT_FIELDS = (
    FieldDefinition(LEAD, "first_name", "First Name", "string"),
    FieldDefinition(LEAD, "last_name", "Last Name", "string"),
    FieldDefinition(LEAD, "name", "Full Name", "name"),
    FieldDefinition(LEAD, "title", "Title", "string"),
    FieldDefinition(LEAD, "phone", "Phone", "phone"),
    FieldDefinition(LEAD, "company", "Company", "company"),
    FieldDefinition(LEAD, "country", "Country", "string"),
    FieldDefinition(LEAD, "Secondary_Email__c", "Secondary Email", "email"),
    FieldDefinition(LEAD, "Lead_Score__c", "Lead Score", "decimal"),
    FieldDefinition(
        LEAD,
        "Lifecycle_Stage__c",
        "Lifecycle Stage",
        "picklist",
        (
            ("subscriber", "Subscriber"),
            ("lead", "Lead"),
            ("mql", "Marketing Qualified Lead"),
            ("sql", "Sales Qualified Lead"),
            ("opportunity", "Opportunity"),
            ("customer", "Customer"),
        ),
    ),
    FieldDefinition(LEAD, "Marketing_Opt_In__c", "Marketing Opt-In", "boolean"),
    FieldDefinition(LEAD, "Notes__c", "Notes", "text"),
    FieldDefinition(LEAD, "Interests__c", "Interests", "text_array"),
    FieldDefinition(LEAD, "Products_Owned__c", "Products Owned", "multi_picklist"),
    FieldDefinition(
        COMPANY,
        "industry",
        "Industry",
        "picklist",
        _options(
            "Software",
            "Finance",
            "Healthcare",
            "Manufacturing",
            "Retail",
            "Education",
            "Energy",
            "Media",
            "Logistics",
            "Other",
        ),
    ),
    FieldDefinition(COMPANY, "employee_count", "Employee Count", "decimal"),
    FieldDefinition(COMPANY, "annual_revenue", "Annual Revenue", "decimal"),
    FieldDefinition(COMPANY, "website", "Website", "string"),
    FieldDefinition(COMPANY, "city", "City", "string"),
    FieldDefinition(COMPANY, "billing_country", "Billing Country", "string"),
    FieldDefinition(COMPANY, "description", "Description", "text"),
    FieldDefinition(COMPANY, "Account_Tier__c", "Account Tier", "picklist", _options("A", "B", "C")),
    FieldDefinition(COMPANY, "Target_Account__c", "Target Account", "boolean"),
)


@dataclass(frozen=True, slots=True)
class Schema:
    """The fields that may be written now, with a check for each."""

    definitions: Mapping[str, tuple[FieldDefinition, ...]]
    checks: Mapping[str, Mapping[str, Check]]

    def listed(self, entity: str) -> list[dict[str, Any]]:
        """The definitions as the field list shows them; options of picklists only."""
        return [_listed(definition) for definition in self.definitions[entity]]


def schema(definitions: list[FieldDefinition], *, multi_select: bool, longest_string: int) -> Schema:
    """Sort out which fields there are. Lists exist only where multi-select is on; 0 is no longest."""
    kept = [each for each in definitions if multi_select or each.type not in LIST_TYPES]
    return Schema(
        {entity: tuple(each for each in kept if each.entity == entity) for entity in ENTITIES},
        {
            entity: {each.name: _check(each, longest_string) for each in kept if each.entity == entity}
            for entity in ENTITIES
        },
    )


def _listed(definition: FieldDefinition) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": encode("field", definition.id),
        "label": definition.label,
        "type": definition.type,
        "name": definition.name,
        "createdAt": iso(definition.created_at),
        "updatedAt": iso(definition.updated_at),
    }
    if definition.type == "picklist":
        shown["options"] = [{"value": value, "label": label} for value, label in definition.options]
    return shown


def _check(definition: FieldDefinition, longest: int) -> Check:
    """What a value of this field must be. `null` clears any field."""
    kind = definition.type
    options = {value for value, _ in definition.options}

    def text(value: Any) -> str:
        if not isinstance(value, str):
            return "must be a string"
        if longest and kind != "text" and len(value) > longest:
            return f"is too long (maximum is {longest} characters)"
        return ""

    def email(value: Any) -> str:
        return text(value) or ("" if EMAIL.fullmatch(value) else "is not a valid email")

    def decimal(value: Any) -> str:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if is_number else "must be a number"

    def boolean(value: Any) -> str:
        return "" if isinstance(value, bool) else "must be true or false"

    def picklist(value: Any) -> str:
        if not isinstance(value, str):
            return "must be a string"
        return "" if value in options else "is not one of the options"

    def texts(value: Any) -> str:
        is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return "" if is_list else "must be an array of strings"

    checks: dict[str, Check] = {
        "email": email,
        "decimal": decimal,
        "boolean": boolean,
        "picklist": picklist,
        **dict.fromkeys(LIST_TYPES, texts),
    }
    return checks.get(kind, text)
