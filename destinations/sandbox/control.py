"""The control page of a sandbox under `/__sandbox__/`, for people and, as JSON, for programs.

`GET /__sandbox__/` is the page, `GET /__sandbox__/state.json` its twin; `leads.json`, `companies.json`,
`jobs.json` and `requests.json` tell what there is. Each action is a POST to the path named in `ACTIONS`,
with a form (answered by the page) or a JSON object (answered by the state, or 400 with `error`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import orjson

from destinations.sandbox.clock import iso
from destinations.sandbox.ids import encode
from destinations.sandbox.page import page
from destinations.sandbox.qualified import SCOPES, Qualified
from destinations.sandbox.qualified_fields import ENTITIES, TYPES
from destinations.sandbox.qualified_records import domain_key, email_key
from destinations.sandbox.server import Answer, Request, Server
from destinations.sandbox.state import Company, FieldDefinition, Lead, Span

PREFIX = "/__sandbox__/"
SHOWN_ROWS = 25
LISTED_ROWS = 1_000_000
CLOCK_LIMIT = 400 * 86400

Form: TypeAlias = Mapping[str, Any]


class Control:
    """Answers what begins with `/__sandbox__/` itself and hands everything else to the service."""

    def __init__(self, service: Qualified) -> None:
        self.service = service
        self.server: Server | None = None
        self._actions: dict[str, Callable[[Form], None]] = {
            "switches": self._set_switches,
            "reset": self._reset,
            "keys": self._save_key,
            "keys/remove": self._remove_key,
            "fields": self._save_field,
            "fields/remove": self._remove_field,
            "clear": self._clear,
            "clock": self._advance_clock,
            "refuse": self._refuse,
        }

    def answer(self, request: Request) -> Answer:
        if request.path != PREFIX.rstrip("/") and not request.path.startswith(PREFIX):
            return self.service.answer(request)
        name = request.path.removeprefix(PREFIX)
        if request.method == "POST" and name in self._actions:
            return self._act(name, request)
        if request.method != "GET":
            return Answer(404, b'{"error":"There is no such action."}')
        search = {key: values[-1].strip() for key, values in parse_qs(request.query).items()}
        match name:
            case "":
                return self._page(search)
            case "state.json":
                return _json(200, self.state())
            case "leads.json":
                return _json(200, {"data": [lead_row(each) for each in self._leads(search, LISTED_ROWS)]})
            case "companies.json":
                rows = [company_row(each) for each in self._companies(search, LISTED_ROWS)]
                return _json(200, {"data": rows})
            case "jobs.json":
                return _json(200, {"data": self._jobs(LISTED_ROWS)})
            case "requests.json":
                return _json(200, {"data": self._requests(LISTED_ROWS)})
        return Answer(303, headers={"Location": PREFIX})

    def state(self) -> dict[str, Any]:
        """All that the page shows, but the records."""
        service = self.service
        return {
            "service": "qualified",
            "url": self.server.url if self.server else "",
            "clock": iso(service.clock.now()),
            "counts": service.state.counts(),
            "in_flight": service.limits.in_flight,
            "peak_in_flight": service.limits.peak,
            "switches": service.faults.values(),
            "keys": [{"key": key, "scopes": sorted(scopes)} for key, scopes in service.state.keys().items()],
            "fields": [
                {
                    "entity": each.entity,
                    "name": each.name,
                    "label": each.label,
                    "type": each.type,
                    "options": [{"value": value, "label": label} for value, label in each.options],
                }
                for each in service.state.fields()
            ],
        }

    def do(self, action: str, form: Form) -> None:
        """Do one of the actions. ValueError says what is wrong with the form."""
        if action not in self._actions:
            raise ValueError(f"There is no action named {action}.")
        self._actions[action](form)

    def _page(self, search: Mapping[str, str], problem: str = "") -> Answer:
        html = page(
            state=self.state(),
            switches=self.service.faults.switches.values(),
            scopes=SCOPES,
            types=TYPES,
            leads=[lead_row(each) for each in self._leads(search, SHOWN_ROWS)],
            companies=[company_row(each) for each in self._companies(search, SHOWN_ROWS)],
            jobs=self._jobs(SHOWN_ROWS),
            requests=self._requests(SHOWN_ROWS),
            search=search,
            problem=problem,
        )
        headers = {
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'",
            "Cache-Control": "no-store",
        }
        return Answer(400 if problem else 200, html.encode(), "text/html; charset=utf-8", headers)

    # What there is

    def _leads(self, search: Mapping[str, str], limit: int) -> list[Lead]:
        if search.get("email"):
            return list(self.service.state.leads_by_key([email_key(search["email"])]).values())
        return self.service.state.leads(Span(), limit=limit)

    def _companies(self, search: Mapping[str, str], limit: int) -> list[Company]:
        if search.get("domain"):
            return list(self.service.state.companies_by_domain([domain_key(search["domain"])]).values())
        return self.service.state.companies(limit=limit)

    def _jobs(self, limit: int) -> list[dict[str, Any]]:
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

    def _requests(self, limit: int) -> list[dict[str, Any]]:
        """The latest requests, newest first, without their bodies."""
        return [
            {
                "at": iso(each.at),
                "method": each.method,
                "path": each.path,
                "status": each.status,
                "fault": each.fault,
            }
            for each in self.service.requests.copy()
        ][: -limit - 1 : -1]

    # What can be done

    def _act(self, name: str, request: Request) -> Answer:
        is_json = request.headers.get("content-type", "").startswith("application/json")
        origin = request.headers.get("origin")
        try:
            if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
                raise ValueError("This came from a page of another site.")
            form = orjson.loads(request.body or b"{}") if is_json else _form(request.body)
            if not isinstance(form, dict):
                raise ValueError("The body must be an object.")
            self.do(name, form)
        except ValueError as error:
            return _json(400, {"error": str(error)}) if is_json else self._page({}, str(error))
        return _json(200, self.state()) if is_json else Answer(303, headers={"Location": PREFIX})

    def _set_switches(self, form: Form) -> None:
        """Set switches by name. `shown` names the flags of the form: those without a value are off."""
        changes = {key: value for key, value in form.items() if key != "shown"}
        unticked = dict.fromkeys(str(form.get("shown", "")).split(), False)
        self.service.faults.set(**(unticked | changes))

    def _reset(self, form: Form) -> None:
        self.service.faults.reset()
        self.service.limits.forget()

    def _save_key(self, form: Form) -> None:
        key, scopes = _text(form, "key"), form.get("scopes", [])
        scopes = scopes.split() if isinstance(scopes, str) else scopes
        if any(c.isspace() for c in key):
            raise ValueError("A key has no blanks.")
        if not isinstance(scopes, list) or not set(scopes) <= set(SCOPES):
            raise ValueError(f"scopes must be some of {', '.join(SCOPES)}.")
        self.service.state.save_key(key, scopes)
        self.service.keys_changed()

    def _remove_key(self, form: Form) -> None:
        self.service.state.remove_key(_text(form, "key"))
        self.service.keys_changed()

    def _save_field(self, form: Form) -> None:
        entity, name, kind = _text(form, "entity"), _text(form, "name"), _text(form, "type")
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
        self.service.state.remove_field(_text(form, "entity"), _text(form, "name"))
        self.service.fields_changed()

    def _clear(self, form: Form) -> None:
        """Forget leads, companies, jobs and requests."""
        self.service.state.clear_records()
        self.service.jobs.forget_all()
        self.service.requests.clear()

    def _advance_clock(self, form: Form) -> None:
        self.service.clock.advance(_seconds(form, most=CLOCK_LIMIT))

    def _refuse(self, form: Form) -> None:
        """Refuse all connections for some seconds, the control page's too."""
        seconds = _seconds(form, most=3600)
        if self.server is not None:
            self.server.refuse(seconds)


def lead_row(lead: Lead) -> dict[str, Any]:
    """A lead as it is stored: set person fields only."""
    return asdict(lead) | {"created_at": iso(lead.created_at), "updated_at": iso(lead.updated_at)}


def company_row(company: Company) -> dict[str, Any]:
    """A company as it is stored."""
    return asdict(company) | {"created_at": iso(company.created_at), "updated_at": iso(company.updated_at)}


def _json(status: int, body: Any) -> Answer:
    return Answer(status, orjson.dumps(body), headers={"Cache-Control": "no-store"})


def _form(body: bytes) -> dict[str, Any]:
    """The fields of a posted form; `scopes` may come several times."""
    values = parse_qs(body.decode(), keep_blank_values=True)
    return {name: found if name == "scopes" else found[-1] for name, found in values.items()}


def _text(form: Form, name: str) -> str:
    value = form.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is missing.")
    return value.strip()


def _seconds(form: Form, *, most: float) -> float:
    try:
        seconds = float(form.get("seconds", ""))
    except (TypeError, ValueError):
        raise ValueError("seconds must be a number.") from None
    if not 0 < seconds <= most:
        raise ValueError(f"seconds must be more than 0 and at most {most}.")
    return seconds


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
