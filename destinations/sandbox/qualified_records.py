"""How a write changes leads and companies: create or update by key, field by field.

Only the fields that are sent are written; `null` clears one (not published, assumed). A company's values
are inherited by every lead on its domain, and changing one advances those leads' `updatedAt`. What the
reference does not name in a payload is refused, so that data never gets lost without a word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from destinations.sandbox.clock import iso
from destinations.sandbox.ids import encode
from destinations.sandbox.qualified_fields import COMPANY, DOMAIN, EMAIL, LEAD, Check, Schema
from destinations.sandbox.qualified_state import Company, Lead, QualifiedState

CREATE = "create"
UPDATE = "update"

_UNSET_LINKS: dict[str, Any] = {
    "visitorIds": [],
    "salesforceLeadId": None,
    "salesforceContactId": None,
    "pardotProspectId": None,
    "marketoLeadId": None,
    "hubspotContactId": None,
    "eloquaContactId": None,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a write is refused, and at which member or field."""

    field: str
    message: str


def email_key(email: str) -> str:
    """What leads are matched by: without surrounding blanks, in lower case."""
    return email.strip().lower()


def domain_key(domain: str) -> str:
    """What companies are matched by. Scheme, path and port are not removed: such a domain is invalid."""
    return domain.strip().lower().removesuffix(".").removeprefix("www.")


class Writes:
    """The writes of one request or job, applied in order; `save` stores what came of them."""

    def __init__(
        self,
        state: QualifiedState,
        schema: Schema,
        items: Sequence[tuple[str, Mapping[str, Any]]],
        now: float,
    ) -> None:
        """`items` are the (entity, payload) that will be applied; their records are fetched at once."""
        self._state = state
        self._schema = schema
        self._now = now
        emails = {email_key(d["email"]) for e, d in items if e == LEAD and isinstance(d.get("email"), str)}
        domains = {
            domain_key(d["domain"]) for e, d in items if e == COMPANY and isinstance(d.get("domain"), str)
        }
        self._leads = state.leads_by_key(emails) if emails else {}
        self._companies = state.companies_by_domain(domains) if domains else {}
        self._written_leads: dict[str, Lead] = {}
        self._written_companies: dict[str, Company] = {}
        self._changed_domains: set[str] = set()

    def apply(self, entity: str, data: Mapping[str, Any]) -> str | list[Problem]:
        """Apply one write: what it did (create or update), or all that is wrong with it."""
        return self._lead(data) if entity == LEAD else self._company(data)

    def _lead(self, data: Mapping[str, Any]) -> str | list[Problem]:
        fields, problems = self._fields(LEAD, data, members={"email", "fields"})
        email = data.get("email")
        if email is None or email == "":
            problems.insert(0, Problem("email", "email is required"))
        elif not isinstance(email, str) or not EMAIL.fullmatch(email.strip()) or len(email) > 254:
            problems.insert(0, Problem("email", "email is invalid"))
        if problems or not isinstance(email, str):
            return problems
        key = email_key(email)
        lead = self._leads.get(key)
        operation = UPDATE if lead else CREATE
        if lead is None:
            lead = Lead(None, email.strip(), key, key.rpartition("@")[2], {}, self._now, self._now)
            self._leads[key] = lead
        if _merge(lead.fields, fields) or lead.email != email.strip():
            lead.email = email.strip()
            lead.updated_at = self._now
        lead.write_count += 1
        self._written_leads[key] = lead
        return operation

    def _company(self, data: Mapping[str, Any]) -> str | list[Problem]:
        fields, problems = self._fields(COMPANY, data, members={"domain", "name", "fields"})
        domain, name = data.get("domain"), data.get("name")
        if not isinstance(name, str | None):
            problems.insert(0, Problem("name", "name must be a string"))
        if domain is None or domain == "":
            problems.insert(0, Problem("domain", "domain is required"))
        elif not isinstance(domain, str) or not DOMAIN.fullmatch(domain_key(domain)) or len(domain) > 253:
            problems.insert(0, Problem("domain", "domain is invalid"))
        if problems or not isinstance(domain, str):
            return problems
        key = domain_key(domain)
        company = self._companies.get(key)
        operation = UPDATE if company else CREATE
        if company is None:
            company = Company(None, key, None, {}, self._now, self._now)
            self._companies[key] = company
        if _merge(company.fields, fields):
            company.updated_at = self._now
            self._changed_domains.add(key)
        if "name" in data and company.name != name:
            company.name = name
            company.updated_at = self._now
        company.write_count += 1
        self._written_companies[key] = company
        return operation

    def _fields(
        self, entity: str, data: Mapping[str, Any], *, members: set[str]
    ) -> tuple[dict[str, Any], list[Problem]]:
        """The field values of a payload, and what is wrong with them."""
        problems = [Problem(name, f"Unknown attribute: {name}") for name in data if name not in members]
        fields = data.get("fields")
        if fields is None:
            return {}, problems
        if not isinstance(fields, dict):
            return {}, [*problems, Problem("fields", "fields must be an object")]
        checks = self._schema.checks[entity]
        for name, value in fields.items():
            problem = _problem(checks, name, value)
            if problem:
                problems.append(Problem(name, problem))
        return fields, problems

    def save(self) -> None:
        """Store all that was written, in one transaction."""
        with self._state.transaction():
            if self._written_companies:
                self._state.save_companies(self._written_companies.values())
            if self._written_leads:
                self._state.save_leads(self._written_leads.values())
            if self._changed_domains:
                self._state.touch_leads(self._changed_domains, now=self._now)


def _problem(checks: Mapping[str, Check], name: str, value: Any) -> str:
    check = checks.get(name)
    if check is None:
        return f"Unknown field: {name}"
    problem = "" if value is None else check(value)
    return f"Invalid value for {name}: {problem}" if problem else ""


def _merge(stored: dict[str, Any], sent: Mapping[str, Any]) -> bool:
    """Write the sent values over the stored ones. True where one of them changed."""
    changed = False
    for name, value in sent.items():
        if stored.get(name) != value or type(stored.get(name)) is not type(value):
            changed = True
            if value is None:
                stored.pop(name, None)
            else:
                stored[name] = value
    return changed


def lead_json(lead: Lead, schema: Schema, inherited: Mapping[str, Any]) -> dict[str, Any]:
    """A lead as it is read: its own fields and its company's, `null` where unset."""
    fields = {each.name: inherited.get(each.name) for each in schema.definitions[COMPANY]}
    fields |= {each.name: lead.fields.get(each.name) for each in schema.definitions[LEAD]}
    return {
        "id": encode(LEAD, lead.id or 0),
        "email": lead.email,
        "fields": fields,
        "createdAt": iso(lead.created_at),
        "updatedAt": iso(lead.updated_at),
        **_UNSET_LINKS,
    }


def company_json(company: Company, schema: Schema) -> dict[str, Any]:
    """A company as the answer to a write shows it."""
    return {
        "id": encode(COMPANY, company.id or 0),
        "domain": company.domain,
        "name": company.name,
        "fields": {each.name: company.fields.get(each.name) for each in schema.definitions[COMPANY]},
        "createdAt": iso(company.created_at),
        "updatedAt": iso(company.updated_at),
    }
