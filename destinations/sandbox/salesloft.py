"""A look-alike of the Salesloft API v2: people, accounts, what they refer to, bulk jobs and OAuth.

Behaves as developers.salesloft.com says, and where that is silent, strictly: what the published description
does not name is refused. The API key `sandbox-key` may do everything; the OAuth application
`sandbox-client` with the secret `sandbox-secret` takes any way back. The vendor's `/v2/…` and `/oauth/…` are
below `/salesloft`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from destinations.sandbox.answers import parsed
from destinations.sandbox.faults import WIRE, Switch
from destinations.sandbox.salesloft_answers import (
    data,
    forbidden,
    missing_scope,
    not_found,
    paging,
    server_error,
    too_many,
    unauthorized,
    unprocessable,
)
from destinations.sandbox.salesloft_budget import SWITCHES as BUDGET_SWITCHES
from destinations.sandbox.salesloft_budget import Budget
from destinations.sandbox.salesloft_desk import SalesloftDesk
from destinations.sandbox.salesloft_fields import ACCOUNT_ENTITY, PEOPLE_ENTITY, Entity, Known
from destinations.sandbox.salesloft_jobs import SWITCHES as JOB_SWITCHES
from destinations.sandbox.salesloft_jobs import Jobs
from destinations.sandbox.salesloft_lists import Asked, after_of, asked, page_of, per_page_of, search_of
from destinations.sandbox.salesloft_lookups import CLIENT_ID, CLIENT_SECRET, Lookups, set_up
from destinations.sandbox.salesloft_records import Writes
from destinations.sandbox.salesloft_shown import job_json, job_row_json, record_json
from destinations.sandbox.salesloft_signin import SWITCHES as SIGN_IN_SWITCHES
from destinations.sandbox.salesloft_signin import SignIn
from destinations.sandbox.salesloft_state import ACCOUNTS, PEOPLE, Record, SalesloftState
from destinations.sandbox.server import Answer, Request
from destinations.sandbox.service import API_KEY, Seen, Service

SCOPES = (
    *("people:read", "people:write", "people:delete"),
    *("accounts:read", "accounts:write", "accounts:delete"),
    *("cadences:read", "cadences:write", "team:read", "crm_id_person:write", "crm_id_account:write"),
)
WITHOUT_TEAM = tuple(scope for scope in SCOPES if scope.split(":")[0] in ("people", "accounts", "cadences"))
KEYS = {API_KEY: SCOPES, "no-team-key": WITHOUT_TEAM, "read-only-key": ("people:read", "accounts:read")}
GROUP = "The team"

SWITCHES: tuple[Switch, ...] = (
    Switch("duplicates", "The team allows duplicate e-mails", "flag", False, GROUP),
    Switch("custom_fields_listed", "Custom fields can be listed", "flag", True, GROUP, "Off: 403."),
    Switch(
        "unknown_custom_fields", "Unknown custom fields are ignored", "flag", False, GROUP, "Off: refused."
    ),
    Switch("custom_fields_replace", "An update replaces all custom fields", "flag", False, GROUP),
    Switch("account_needs_both", "An update of an account needs name and domain", "flag", False, GROUP),
    Switch("longest_text", "Longest value of a text field (0: no limit)", "count", 0, GROUP),
    *BUDGET_SWITCHES,
    *SIGN_IN_SWITCHES,
    *JOB_SWITCHES,
    *WIRE,
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a token acts for, and what it may do."""

    scopes: frozenset[str]
    user_id: int


class Salesloft(Service):
    """The service: see `Service` for how it is run."""

    key = "salesloft"
    label = "Salesloft"
    prefix = "/salesloft"
    switches = SWITCHES
    scopes = SCOPES
    keys = KEYS
    app = (CLIENT_ID, CLIENT_SECRET)
    remembers = SalesloftState

    state: SalesloftState
    limits: Budget

    def __init__(self, *, state: str = ":memory:", record: bool = False) -> None:
        super().__init__(state=state, record=record)
        self.limits = Budget(self.faults, self.clock)
        self.sign_in = SignIn(self.state, self.faults, self.clock)
        self.lookups = Lookups(self.state, self.faults)
        self.jobs = Jobs(self.state, self.faults, self.clock, self.known_people)
        self.desk = SalesloftDesk(self)

    def set_up(self) -> None:
        set_up(self.state, SCOPES, self.clock.now())

    def start(self) -> None:
        self.jobs.start()

    def stop(self) -> None:
        self.wake()
        self.jobs.stop()
        self.state.close()

    # What tests ask

    def people(self) -> list[Record]:
        """The stored people, the oldest first."""
        return self.state.found(PEOPLE, "1", (), order="id", limit=-1, offset=0)

    def accounts(self) -> list[Record]:
        """The stored accounts, the oldest first."""
        return self.state.found(ACCOUNTS, "1", (), order="id", limit=-1, offset=0)

    def wait_for_jobs(self, seconds: float = 30) -> bool:
        """Wait until every job that can finish has finished. False: it took longer."""
        return self.jobs.wait_until_done(seconds)

    # One request

    def admitted(self, request: Request, seen: Seen) -> Answer:
        if self.faults.flag("down"):
            seen.fault = "down"
            return self.dressed(self.server_error(503))
        line = f"{request.method} {request.path}"
        if request.path.startswith("/oauth/"):
            # A lost answer here costs the sign-in, so it happens only to those who ask for it by name.
            is_meant = self.faults.text("only").startswith("POST /oauth")
            seen.fault = self.faults.strike(line) if is_meant else ""
            return self.struck(seen.fault, partial(self.sign_in.answer, request))
        caller = self._caller(request)
        query = asked(request.query)
        cost = self.limits.cost_of(page_of(query).number)
        refusal = self.limits.enter(cost)
        if refusal is not None:
            seconds = refusal.seconds if self.faults.flag("retry_after_sent") else None
            raise too_many(seconds, self.limits.headers(cost))
        try:
            seen.fault = self.faults.strike(line)
            answer = self.struck(seen.fault, partial(self._routed, request, query, caller))
        finally:
            # Before the answer is on its way: a client that has it may use the place again at once.
            self.limits.leave()
        return replace(answer, headers={**self.limits.headers(cost), **answer.headers})

    def too_many(self, retry_after: int | None) -> Answer:
        return too_many(retry_after).answer

    def server_error(self, status: int) -> Answer:
        return server_error(status)

    def _caller(self, request: Request) -> Caller:
        """Who calls. 401, whatever the path, where the token is missing, unknown, expired or revoked."""
        bearer = self.bearer(request)
        if bearer in self._keys:
            return Caller(self._keys[bearer], self.lookups.first_user)
        token = self.sign_in.token(bearer) if bearer else None
        if token is None:
            raise unauthorized(bearer)
        return Caller(frozenset(token.scopes), token.user_id)

    def _routed(self, request: Request, query: Asked, caller: Caller) -> Answer:
        needed, act = self._route(request, query, caller)
        if needed and needed not in caller.scopes:
            raise missing_scope(needed)
        return act()

    def _route(self, request: Request, query: Asked, caller: Caller) -> tuple[str, Callable[[], Answer]]:
        """The scope that an endpoint needs (empty: any token will do) and what it does."""
        if not request.path.startswith("/v2/"):
            raise not_found()
        path = request.path.removeprefix("/v2/")
        if not path.startswith("bulk_jobs"):
            path = path.removesuffix(".json")  # as the older description has it
        head, *rest = path.split("/")
        if head in ("people", "person_upserts"):
            return self._records_route(PEOPLE_ENTITY, head, rest, request, query, caller)
        if head in ("accounts", "account_upserts"):
            return self._records_route(ACCOUNT_ENTITY, head, rest, request, query, caller)
        if head == "bulk_jobs":
            return self._jobs_route(rest, request, query, caller)
        if request.method != "GET" or rest:
            raise not_found()
        match head:
            case "me":
                return "", partial(self.lookups.me, caller.user_id)
            case "team":
                return "team:read", partial(self.lookups.team, caller.user_id)
            case "users":
                return "team:read", partial(self.lookups.users, query, caller.user_id)
            case "custom_fields":
                return "", partial(self.lookups.custom_fields, query)
            case "person_stages":
                return "people:read", partial(self.lookups.choices, "person_stage", query)
            case "account_stages" | "account_tiers":
                return "accounts:read", partial(self.lookups.choices, head.removesuffix("s"), query)
        raise not_found()

    # People and accounts

    def _records_route(
        self, entity: Entity, head: str, rest: list[str], request: Request, query: Asked, caller: Caller
    ) -> tuple[str, Callable[[], Answer]]:
        table = entity.table
        if head != table:
            if (request.method, rest) == ("POST", []):
                return f"{table}:write", partial(self._upsert, entity, request, caller)
            raise not_found()
        match request.method, rest:
            case "GET", []:
                return f"{table}:read", partial(self._list, entity, query)
            case "POST", []:
                return f"{table}:write", partial(self._create, entity, request, caller)
            case "GET", [id]:
                return f"{table}:read", partial(self._show, entity, _id(id))
            case "PUT", [id]:
                return f"{table}:write", partial(self._update, entity, _id(id), request, caller)
            case "DELETE", [id]:
                return f"{table}:delete", partial(self._delete, entity, _id(id))
        raise not_found()

    def known_people(self) -> Known:
        """What a row of a bulk job may refer to."""
        return self.lookups.known(PEOPLE_ENTITY)

    def _body(self, entity: Entity, request: Request, caller: Caller) -> dict[str, Any]:
        body = _object(request)
        if body.get("crm_id") and entity.crm_scope not in caller.scopes:
            raise missing_scope(entity.crm_scope)
        return body

    def _writes(self, entity: Entity, body: dict[str, Any], *ids: int) -> Writes:
        return Writes(self.state, entity, [body], self.lookups.known(entity), self.clock.now(), ids=ids)

    def _create(self, entity: Entity, request: Request, caller: Caller) -> Answer:
        body = self._body(entity, request, caller)
        with self.state.transaction():
            writes = self._writes(entity, body)
            record = writes.create(body)
            writes.save()
        return data(record_json(entity, record))

    def _update(self, entity: Entity, id: int, request: Request, caller: Caller) -> Answer:
        body = self._body(entity, request, caller)
        with self.state.transaction():
            writes = self._writes(entity, body, id)
            record = writes.update(id, body)
            writes.save()
        return data(record_json(entity, record))

    def _upsert(self, entity: Entity, request: Request, caller: Caller) -> Answer:
        body = self._body(entity, request, caller)
        with self.state.transaction():
            writes = self._writes(entity, body)
            kind, record = writes.upsert(body)
            writes.save()
        return data({"upsert_type": kind, entity.name: record_json(entity, record)})

    def _show(self, entity: Entity, id: int) -> Answer:
        found = self.state.records(entity.table, "id", [id])
        if not found:
            raise not_found()
        return data(record_json(entity, found[0]))

    def _delete(self, entity: Entity, id: int) -> Answer:
        if not self.state.remove_record(entity.table, id):
            raise not_found()
        return Answer(204)

    def _list(self, entity: Entity, query: Asked) -> Answer:
        search, page = search_of(entity, query), page_of(query)
        found = self.state.found(
            entity.table,
            search.where,
            search.parameters,
            order=search.order,
            limit=page.size + 1,
            offset=page.offset,
        )
        total = None
        if query.flag("include_paging_counts"):
            total = self.state.count(entity.table, search.where, search.parameters)
        shown = [record_json(entity, each) for each in found[: page.size]]
        return data(shown, paging(page.number, page.size, more=len(found) > page.size, total=total))

    # Bulk jobs

    def _jobs_route(
        self, rest: list[str], request: Request, query: Asked, caller: Caller
    ) -> tuple[str, Callable[[], Answer]]:
        if not self.faults.flag("bulk_jobs"):
            if self.faults.number("bulk_refusal") == 404:
                raise not_found()
            raise forbidden("Bulk jobs are not enabled for this team")
        read, write = "people:read", "people:write"
        match request.method, rest:
            case "POST", []:
                return write, lambda: data(job_json(self.jobs.create(_object(request), caller.scopes)))
            case "GET", []:
                return read, partial(self._list_jobs, query)
            case "GET", [id]:
                return read, lambda: data(job_json(self.jobs.look(_id(id))))
            case "PUT", [id]:
                return write, lambda: data(job_json(self.jobs.change(_id(id), _object(request))))
            case "DELETE", [id]:
                return write, partial(self._delete_job, _id(id))
            case "POST", [id, "job_data"]:
                return write, lambda: data({"records": self.jobs.upload(_id(id), _object(request))})
            case "GET", [id, ("job_data" | "results") as kind]:
                return read, partial(self._rows, _id(id), query, results=kind == "results")
        raise not_found()

    def _list_jobs(self, query: Asked) -> Answer:
        states = query.values("state") or ["open", "executing", "done"]
        found = self.state.jobs_after(after_of(query), states, limit=per_page_of(query))
        return data([job_json(each) for each in found], {})

    def _delete_job(self, id: int) -> Answer:
        self.jobs.remove(id)
        return Answer(204)

    def _rows(self, id: int, query: Asked, *, results: bool) -> Answer:
        limit = per_page_of(query)
        rows = self.jobs.rows(id, after_of(query), query.values("status"), limit=limit, results=results)
        ids = [row.resource_id for row in rows if row.resource_id is not None]
        people = {each.id: each for each in self.state.records(PEOPLE, "id", ids)} if ids else {}
        return data([job_row_json(row, people) for row in rows], {})


def _id(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise not_found()
    return int(text)


def _object(request: Request) -> dict[str, Any]:
    """The body, which must be a JSON object without a wrapper."""
    body = parsed(request.body)
    if not isinstance(body, dict):
        raise unprocessable({"body": ["must be a JSON object"]})
    return body


SERVICE = Salesloft
