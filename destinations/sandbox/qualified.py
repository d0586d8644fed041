"""A look-alike of the Qualified Enterprise API 2.0: leads, companies, fields and bulk jobs.

Behaves as https://app.qualified.com/docs/api (read as of 9 Aug 2026) says. Where the reference is silent
the sandbox is strict. Beside `/v2/bulk` it serves `/bulk/leads`, `/bulk/companies` and
`/bulk/jobs/{id}`, as one partner's page names them. The API key `sandbox-key` may do everything.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from destinations.sandbox import limits as account_limits
from destinations.sandbox.answers import Refused, json_answer, parsed
from destinations.sandbox.faults import WIRE, Switch
from destinations.sandbox.ids import decode, encode
from destinations.sandbox.limits import Limits
from destinations.sandbox.qualified_answers import invalid_items, server_error, too_many, unprocessable
from destinations.sandbox.qualified_desk import QualifiedDesk
from destinations.sandbox.qualified_fields import COMPANY, DEFAULT_FIELDS, ENTITIES, LEAD, Schema, schema
from destinations.sandbox.qualified_jobs import SWITCHES as JOB_SWITCHES
from destinations.sandbox.qualified_jobs import Jobs
from destinations.sandbox.qualified_records import (
    CREATE,
    Writes,
    company_json,
    domain_key,
    email_key,
    lead_json,
)
from destinations.sandbox.qualified_state import Company, Lead, QualifiedState, Span
from destinations.sandbox.server import Answer, Request
from destinations.sandbox.service import API_KEY, Seen, Service
from destinations.sandbox.state import MEMORY

SCOPES = ("lead:view", "lead:manage", "company:manage", "bulk_job:view", "bulk_job:manage")
KEYS = {API_KEY: SCOPES, "no-bulk-key": ("lead:manage", "company:manage")}
MOST_ITEMS = 500
GROUP = "The account"

SWITCHES: tuple[Switch, ...] = (
    Switch("api_enabled", "The API is enabled for the team", "flag", True, GROUP, "Off: 401 for every key."),
    Switch("bulk_scope", "Keys may use bulk jobs", "flag", True, GROUP, "Off: 403 there, whatever the key."),
    Switch("field_lists", "Fields can be listed", "flag", True, GROUP, "Off: 404 from both lists."),
    Switch("multi_select", "Multi-select fields are enabled", "flag", False, GROUP),
    Switch("longest_string", "Longest value of a string field (0: no limit)", "count", 0, GROUP),
    Switch("list_delay", "Seconds until a new lead is listed", "seconds", 1800.0, GROUP),
    Switch("page_size", "Leads on a page", "count", 1000, GROUP),
    *account_limits.switches(concurrency=10, windows=((2000, 900), (7000, 3600), (120_000, 86400))),
    *JOB_SWITCHES,
    *WIRE,
)


class Qualified(Service):
    """The service: see `Service` for how it is run."""

    key = "qualified"
    label = "Qualified"
    switches = SWITCHES
    scopes = SCOPES
    keys = KEYS
    remembers = QualifiedState

    state: QualifiedState
    limits: Limits

    def __init__(self, *, state: str = MEMORY, record: bool = False) -> None:
        super().__init__(state=state, record=record)
        self.limits = Limits(self.faults, self.clock)
        self._schema = self._read_schema()
        self.jobs = Jobs(self.state, self.faults, self.clock, self.schema)
        self.desk = QualifiedDesk(self)

    def start(self) -> None:
        self.jobs.start()

    def stop(self) -> None:
        """Finish what is in hand and close the state. The server has stopped before."""
        self.wake()
        self.jobs.stop()
        self.state.close()

    def forget_records(self) -> None:
        super().forget_records()
        self.jobs.forget_all()

    def schema(self) -> Schema:
        """The fields that can be written now."""
        return self._schema

    def fields_changed(self) -> None:
        """Called after a field was added, changed or removed."""
        self._schema = self._read_schema()

    def set_up(self) -> None:
        for definition in DEFAULT_FIELDS:
            self.state.save_field(definition, now=self.clock.now())

    def _read_schema(self) -> Schema:
        return schema(
            self.state.fields(),
            multi_select=self.faults.flag("multi_select"),
            longest_string=int(self.faults.number("longest_string")),
        )

    def switches_changed(self) -> None:
        super().switches_changed()
        self.fields_changed()

    # What tests ask

    def leads(self) -> dict[str, Lead]:
        """The stored leads by e-mail in lower case."""
        return {lead.match_key: lead for lead in self.state.leads(Span(), limit=-1, oldest_first=True)}

    def companies(self) -> dict[str, Company]:
        """The stored companies by domain."""
        return {company.domain: company for company in self.state.companies(limit=-1)}

    # One request

    def admitted(self, request: Request, seen: Seen) -> Answer:
        if self.faults.flag("down"):
            seen.fault = "down"
            return self.dressed(self.server_error(503))
        scopes = self._scopes(request)
        refusal = self.limits.enter()
        if refusal is not None:
            raise too_many(refusal.retry_after, self.limits.headers())
        try:
            seen.fault = self.faults.strike(f"{request.method} {request.path}")
            answer = self.struck(seen.fault, partial(self._routed, request, scopes))
        finally:
            # Before the answer is on its way: a client that has it may use the place again at once.
            self.limits.leave()
        return replace(answer, headers={**self.limits.headers(), **answer.headers})

    def too_many(self, retry_after: int | None) -> Answer:
        return too_many(retry_after).answer

    def server_error(self, status: int) -> Answer:
        return server_error(status)

    def _scopes(self, request: Request) -> frozenset[str]:
        """What the key of this request may do. 401 where there is no such key."""
        scopes = self._keys.get(self.bearer(request))
        if scopes is None or not self.faults.flag("api_enabled"):
            raise Refused(401, {"code": "invalid_token"})
        implied = {scope.replace(":manage", ":view") for scope in scopes}
        return scopes | implied

    def _routed(self, request: Request, scopes: frozenset[str]) -> Answer:
        """Find the endpoint, look at the key's scopes and the request's body, and act."""
        needed, act = self._route(request)
        if needed and needed not in scopes:
            raise Refused(403, {"code": "insufficient_scope"})
        if needed.startswith("bulk_job:") and not self.faults.flag("bulk_scope"):
            raise Refused(403, {"code": "insufficient_scope"})
        return act()

    def _route(self, request: Request) -> tuple[str, Callable[[], Answer]]:
        """The scope that an endpoint needs (empty: a valid key) and what it does."""
        parent, _, last = request.path.rpartition("/")
        match request.method, request.path:
            case "GET", "/v2/leads/fields":
                return "", partial(self._fields, LEAD)
            case "GET", "/v2/companies/fields":
                return "", partial(self._fields, COMPANY)
            case "GET", "/v2/leads":
                return "lead:view", partial(self._list_leads, request)
            case "POST", "/v2/leads":
                return "lead:manage", partial(self._upsert, LEAD, request)
            case "POST", "/v2/companies":
                return "company:manage", partial(self._upsert, COMPANY, request)
            case "POST", "/v2/bulk":
                return "bulk_job:manage", partial(self._submit, request, "")
            case "POST", "/bulk/leads":
                return "bulk_job:manage", partial(self._submit, request, LEAD)
            case "POST", "/bulk/companies":
                return "bulk_job:manage", partial(self._submit, request, COMPANY)
        if request.method == "GET" and parent == "/v2/leads":
            return "lead:view", partial(self._lead, last)
        if request.method == "GET" and parent in ("/v2/bulk", "/bulk/jobs"):
            return "bulk_job:view", partial(self._job, last)
        raise Refused(404, {"error": "Not found"})

    # The endpoints

    def _fields(self, entity: str) -> Answer:
        if not self.faults.flag("field_lists"):
            raise Refused(404, {"error": "Not found"})
        return json_answer(200, {"data": self.schema().listed(entity)})

    def _list_leads(self, request: Request) -> Answer:
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}
        after = {name: _moment(query, f"{name}_after", float("-inf")) for name in ("created", "updated")}
        before = {name: _moment(query, f"{name}_before", float("inf")) for name in ("created", "updated")}
        newest_listed = self.clock.now() - self.faults.number("list_delay")
        span = Span(
            created_after=after["created"],
            created_before=min(before["created"], newest_listed),
            updated_after=after["updated"],
            updated_before=before["updated"],
        )
        if "email" in query:
            found = self.state.leads_by_key([email_key(query["email"])]).values()
            return self._page([lead for lead in found if span.holds(lead)], earlier=False, later=False)
        size = max(1, int(self.faults.number("page_size")))
        if "before" in query and "after" not in query:
            at = _cursor(query["before"])
            leads = self.state.leads(replace(span, above=at), limit=size + 1, oldest_first=True)
            rest = self.state.leads(replace(span, below=at + 1), limit=1)
            return self._page(leads[:size][::-1], earlier=len(leads) > size, later=bool(rest))
        below = _cursor(query["after"]) if "after" in query else span.below
        leads = self.state.leads(replace(span, below=below), limit=size + 1)
        newer = self.state.leads(replace(span, above=below - 1), limit=1) if "after" in query else []
        return self._page(leads[:size], earlier=bool(newer), later=len(leads) > size)

    def _page(self, leads: list[Lead], *, earlier: bool, later: bool) -> Answer:
        info = {
            "hasNextPage": later,
            "hasPreviousPage": earlier,
            "startCursor": encode("cursor", leads[0].id or 0) if leads else None,
            "endCursor": encode("cursor", leads[-1].id or 0) if leads else None,
        }
        return json_answer(200, {"data": self._shown(leads), "pageInfo": info})

    def _shown(self, leads: Iterable[Lead]) -> list[dict[str, Any]]:
        leads = list(leads)
        companies = self.state.companies_by_domain({lead.domain for lead in leads})
        known = self.schema()
        return [
            lead_json(lead, known, companies[lead.domain].fields if lead.domain in companies else {})
            for lead in leads
        ]

    def _lead(self, encoded: str) -> Answer:
        id = decode(LEAD, encoded)
        lead = self.state.lead(id) if id is not None else None
        if lead is None:
            raise Refused(404, {"error": "Lead not found"})
        return json_answer(200, {"data": self._shown([lead])[0]})

    def _upsert(self, entity: str, request: Request) -> Answer:
        data = parsed(request.body)
        if not isinstance(data, dict):
            raise Refused(400, {"error": "The body must be a JSON object"})
        with self.state.transaction():
            writes = Writes(self.state, self.schema(), [(entity, data)], self.clock.now())
            done = writes.apply(entity, data)
            if not isinstance(done, str):
                raise unprocessable(done[0])
            writes.save()
            status = 201 if done == CREATE else 200
            if entity == LEAD:
                stored = self.state.leads_by_key([email_key(data["email"])])
                return json_answer(status, self._shown(stored.values())[0])
            [company] = self.state.companies_by_domain([domain_key(data["domain"])]).values()
            return json_answer(status, company_json(company, self.schema()))

    def _submit(self, request: Request, entity: str) -> Answer:
        """Accept a bulk job. `entity` is that of every item where the path says it."""
        body = parsed(request.body)
        if not isinstance(body, dict):
            raise Refused(400, {"code": "bad_request", "message": "Invalid request"})
        items = body.get("items")
        if not isinstance(items, list) or not 1 <= len(items) <= MOST_ITEMS:
            raise invalid_items(f"items must be an array with size 1..{MOST_ITEMS}")
        for number, item in enumerate(items):
            if not isinstance(item, dict):
                raise invalid_items(f"items[{number}] must be an object")
            if entity:
                item["entity"] = entity
            if item.get("entity") not in ENTITIES:
                raise invalid_items(f"items[{number}].entity must be lead or company")
            if item.get("action") != "POST":
                raise invalid_items(f"items[{number}].action must be POST")
            if not isinstance(item.get("data"), dict):
                raise invalid_items(f"items[{number}].data must be an object")
            if not isinstance(item.get("request_id"), str) or not item["request_id"]:
                raise invalid_items(f"items[{number}].request_id must be a string")
        return json_answer(202, self.jobs.submit(items))

    def _job(self, encoded: str) -> Answer:
        job = self.jobs.look(encoded)
        if job is None:
            raise Refused(404, {"code": "not_found", "message": "Bulk job not found"})
        return json_answer(200, job)


def _moment(query: Mapping[str, str], name: str, otherwise: float) -> float:
    """Seconds since 1970 of an ISO-8601 time or bare date, UTC unless it has an offset."""
    if name not in query:
        return otherwise
    try:
        moment = datetime.fromisoformat(query[name])
    except ValueError:
        raise Refused(400, {"error": f"Invalid {name}"}) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _cursor(text: str) -> int:
    id = decode("cursor", text)
    if id is None:
        raise Refused(400, {"error": "Invalid cursor"})
    return id


SERVICE = Qualified
