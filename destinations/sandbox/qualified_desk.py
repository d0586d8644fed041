"""The desk of the look-alike of Qualified: leads, companies and jobs to look at, fields to change."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from destinations.sandbox import page
from destinations.sandbox.clock import iso
from destinations.sandbox.desk import Desk, Form, Listing, Rows, text
from destinations.sandbox.ids import encode
from destinations.sandbox.qualified_fields import ENTITIES, TYPES
from destinations.sandbox.qualified_records import domain_key, email_key
from destinations.sandbox.qualified_state import Company, FieldDefinition, Lead, Span

if TYPE_CHECKING:
    from destinations.sandbox.qualified import Qualified


class QualifiedDesk(Desk):
    clear_label = "Forget leads, companies and jobs"
    service: "Qualified"

    def __init__(self, service: "Qualified") -> None:
        super().__init__(service)
        self.actions |= {"fields": self._save_field, "fields/remove": self._remove_field}

    def more(self) -> dict[str, Any]:
        return {
            "fields": [
                {
                    "entity": each.entity,
                    "name": each.name,
                    "label": each.label,
                    "type": each.type,
                    "options": [{"value": value, "label": label} for value, label in each.options],
                }
                for each in self.service.state.fields()
            ]
        }

    def parts(self) -> Iterable[tuple[str, str, str]]:
        rows = [
            (
                each.entity,
                page.code(each.name),
                page.shown(each.label),
                each.type,
                page.shown(", ".join(value for value, _ in each.options)),
                page.remove("fields/remove", each.name, entity=each.entity, name=each.name),
            )
            for each in self.service.state.fields()
        ]
        add = page.form(
            "fields",
            page.choice("Of", "entity", ENTITIES)
            + page.line("API name", "name", required=True)
            + page.line("Label", "label")
            + page.choice("Type", "type", TYPES)
            + "<label>Options, one a line, as “value = label”<br>"
            '<textarea name="options" rows="3"></textarea></label>'
            "<button>Add or change field</button>",
        )
        heads = ("Of", "API name", "Label", "Type", "Options", "Remove")
        fields = page.table("The fields of the account. Names are case-sensitive.", heads, rows)
        yield "fields", "Fields", f"{fields}<p></p>{add}"

    def listings(self) -> tuple[Listing, ...]:
        lead_columns = ("email", "fields", "updated_at", "write_count")
        company_columns = ("domain", "name", "fields", "updated_at", "write_count")
        job_columns = ("id", "status", "fate", "total", "failed", "created_at", "finished_at")
        return (
            Listing("leads", "Leads", lead_columns, self._leads, "email", "E-mail"),
            Listing("companies", "Companies", company_columns, self._companies, "domain", "Domain"),
            Listing("jobs", "Jobs", job_columns, self._jobs),
        )

    def _leads(self, searched: str, limit: int) -> Rows:
        state = self.service.state
        if searched:
            return [_row(each) for each in state.leads_by_key([email_key(searched)]).values()]
        return [_row(each) for each in state.leads(Span(), limit=limit)]

    def _companies(self, searched: str, limit: int) -> Rows:
        state = self.service.state
        if searched:
            return [_row(each) for each in state.companies_by_domain([domain_key(searched)]).values()]
        return [_row(each) for each in state.companies(limit=limit)]

    def _jobs(self, searched: str, limit: int) -> Rows:
        """The latest jobs, newest first."""
        return [
            {
                "id": encode("job", job.id),
                "status": job.status,
                "fate": job.fate,
                "total": job.total,
                "failed": job.failed,
                "created_at": iso(job.created_at),
                "finished_at": None if job.finished_at is None else iso(job.finished_at),
            }
            for job in self.service.state.jobs(limit=limit)
        ]

    def _save_field(self, form: Form) -> None:
        entity, name, kind = text(form, "entity"), text(form, "name"), text(form, "type")
        if entity not in ENTITIES:
            raise ValueError(f"entity must be one of {', '.join(ENTITIES)}.")
        if kind not in TYPES:
            raise ValueError(f"type must be one of {', '.join(TYPES)}.")
        options = _options(form.get("options", ""))
        if kind == "picklist" and not options:
            raise ValueError("A picklist needs options.")
        label = str(form.get("label") or name)
        definition = FieldDefinition(entity, name, label, kind, options)
        self.service.state.save_field(definition, now=self.service.clock.now())
        self.service.fields_changed()

    def _remove_field(self, form: Form) -> None:
        self.service.state.remove_field(text(form, "entity"), text(form, "name"))
        self.service.fields_changed()


def _row(record: Lead | Company) -> dict[str, Any]:
    """A record as it is stored: set fields only."""
    return asdict(record) | {"created_at": iso(record.created_at), "updated_at": iso(record.updated_at)}


def _options(given: str | Iterable[Any]) -> tuple[tuple[str, str], ...]:
    """Options from lines of `value` or `value = label`, or from a list of texts or {value, label}."""
    found: list[tuple[str, str]] = []
    for each in given.splitlines() if isinstance(given, str) else given:
        if isinstance(each, dict):
            value, label = str(each.get("value", "")), str(each.get("label", ""))
        else:
            value, _, label = str(each).partition("=")
        if value.strip():
            found.append((value.strip(), label.strip() or value.strip()))
    return tuple(found)
