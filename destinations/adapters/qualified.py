"""Qualified: leads and companies, through the bulk jobs of the Enterprise API 2.0.

Docs:   https://app.qualified.com/docs/api (last updated 9 August 2026, read 26 August 2026)
Limits: the same page, "Rate limits": per team, not per key.

Quirks:
- Requests are in snake_case, answers in camelCase: `request_id` is sent, `requestId` comes back.
- 401 is the answer to a wrong key and to a team without the API, in the same words.
- 429 without Retry-After means too many requests in flight; with it, a window is used up.
- A finished job is kept for a day and then is a 404. A completed job may hold failed items.
- Companies cannot be read back, and the account behind a key is told nowhere.
- One partner's page (composable-docs.zeotap.com/destinations/other/qualified) has `/bulk/leads` and
  `/bulk/companies` where the reference has `/v2/bulk`: that is the bulk style `per_object`. Its job path
  and its shapes are our assumption.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote

from destinations import contract
from destinations.adapters import _qualified_answers as answers
from destinations.adapters._qualified_problems import PROBLEMS, STEPS
from destinations.advanced import usual
from destinations.auth import ApiKey
from destinations.contract import (
    JSON,
    Call,
    Companion,
    Field,
    Identity,
    Kind,
    Limits,
    Mode,
    ObjectType,
    Option,
    Outcome,
    Pending,
    Scope,
    Setting,
    Target,
    Window,
    outcomes,
)
from destinations.errors import Cause, Misconfigured, Temporary

UNIFIED, PER_OBJECT = "unified", "per_object"
ENTITIES = {"leads": "lead", "companies": "company"}
BODY_BYTES = 1_000_000  # unpublished; the usual limit of a web server that nobody changed

# "Fields", Field.type. What is not here is sent as text: string, text, name, company and types to come.
KINDS = {
    "decimal": Kind.NUMBER,
    "boolean": Kind.BOOLEAN,
    "picklist": Kind.PICKLIST,
    "multi_picklist": Kind.TEXT_LIST,
    "text_array": Kind.TEXT_LIST,
    "email": Kind.EMAIL,
    "phone": Kind.PHONE,
}

# The members of an upsert's body that are not in its `fields`; the first is the key.
TOP_LEVEL = {
    "leads": (Field("email", "Email", Kind.EMAIL, required=True),),
    "companies": (Field("domain", "Domain", Kind.DOMAIN, required=True), Field("name", "Name", Kind.TEXT)),
}

# What a partner offers where Qualified does not list its fields (zeotap, as above); all of them text.
STANDARD = {
    "leads": {
        "first_name": "First name",
        "last_name": "Last name",
        "name": "Name",
        "title": "Title",
        "phone": "Phone",
        "company_name": "Company name",
    },
    "companies": {"industry": "Industry", "website": "Website"},
}

NO_OTHER_MODES = {
    Mode.INSERT: "Qualified's API creates or updates in one step; it has no call that only creates.",
    Mode.UPDATE: "Qualified's API creates or updates in one step; it has no call that only updates.",
}


class Adapter(contract.Adapter):
    key = "qualified"
    label = "Qualified"
    base_url = "https://api.qualified.com"
    docs_url = "https://app.qualified.com/docs/api"
    auths = (ApiKey(where="Qualified › Settings › API"),)
    limits = Limits(
        windows=(Window(2_000, answers.METERED_SECONDS), Window(7_000, 3_600), Window(120_000, 86_400)),
        concurrency=10,
        default_concurrency=4,
        operations_per_call=500,
        bytes_per_call=BODY_BYTES,
        timeout_seconds=120,
        settle_seconds=60,
        poll_seconds=(2, 15),
        poll_deadline_seconds=1_800,
    )
    objects = (
        ObjectType(
            key="leads",
            label="Leads",
            upsert_keys=("email",),
            modes=frozenset({Mode.UPSERT}),
            missing_modes=NO_OTHER_MODES,
            companion=Companion("company.", "companies", "domain", "email", "Company"),
            note="Leads appear in Qualified once they have activity.",
        ),
        ObjectType(
            key="companies",
            label="Companies",
            upsert_keys=("domain",),
            modes=frozenset({Mode.UPSERT}),
            missing_modes=NO_OTHER_MODES,
            note="Every lead on a company's domain takes over the company's values, and counts as updated "
            "when one of them changes.",
        ),
    )
    settings = (
        *usual(base_url, limits),
        Setting(
            "bulk_style",
            "Bulk style",
            kind="choice",
            default=UNIFIED,
            help="unified: /v2/bulk, as Qualified's reference has it. per_object: /bulk/leads and "
            "/bulk/companies, if Qualified told you to use them.",
            choices=(UNIFIED, PER_OBJECT),
        ),
        Setting(
            "probe_bulk",
            "Try bulk access in the connection test",
            kind="choice",
            default="always",
            help="Sends an empty batch, which Qualified refuses without writing anything. never: a missing "
            "scope shows in the first run.",
            choices=("always", "never"),
        ),
    )
    scopes = (
        Scope("bulk_job:manage", "to hand over records in jobs and to read what became of them"),
        Scope("lead:manage", "to create and update leads"),
        Scope("company:manage", "to create and update companies, and the company of a lead"),
    )
    setup_steps = (
        "Check that your Qualified plan is Enterprise: the API belongs to it. If Settings has no API page, "
        "ask Qualified's support to enable the API for your team.",
        "Sign in to Qualified as an admin and open Settings › API.",
        "Create an API key and give it a name that you will recognise, such as Syncadmin.",
        f"Tick the scopes {answers.SCOPES}.",
        "Copy the key at once: it may be shown only this one time.",
        "Create the fields that you want to fill in Qualified, if they are not there yet: the API cannot.",
        "Paste the key here and test the connection.",
    )
    remedies = answers.REMEDIES
    problems = PROBLEMS
    steps = STEPS
    refusal = staticmethod(answers.refusal)
    meter = staticmethod(answers.meter)

    def check(self) -> Identity:
        """Read both field lists, which needs a key and no scope, then hand over an empty batch."""
        notes = ["Qualified does not tell which team a key belongs to."]
        missing: list[str] = []
        listed = [self._listed(name) for name in ENTITIES]
        for name, found in zip(ENTITIES, listed, strict=True):
            if found is None:
                notes.append(
                    f"Qualified does not list the fields of {name} at {self._fields_path(name)}. "
                    "A few standard names are offered instead, unchecked."
                )
        if self.options["probe_bulk"] == "never":
            notes.append("Bulk access was not tried, as the advanced settings say.")
            if listed == [None, None]:
                missing.append(
                    "Nothing proved that the key works: Qualified lists no fields, and the test of bulk "
                    "access is switched off. Switch it on in the advanced settings, or check the base URL."
                )
            return Identity(missing=tuple(missing), notes=tuple(notes))
        for path in dict.fromkeys(self._submit_path(name) for name in ENTITIES):
            try:
                reply = self.client.post(path, {"items": []}, read=(400, 422))
            except Misconfigured as error:
                if error.cause is not Cause.PERMISSION:
                    raise
                missing.append(error.message)
                continue
            if reply.status == 400:
                notes.append(
                    f"Whether the key has bulk access is open: {path} could not read an empty batch (400). "
                    "The first run will show it."
                )
        return Identity(missing=tuple(dict.fromkeys(missing)), notes=tuple(notes))

    def fields(self, target: ObjectType) -> list[Field]:
        found = self._fields_of(target.key)
        if target.companion is not None:
            of_company = self._fields_of(target.companion.object)
            found += [_as_companion(field, target.companion) for field in of_company]
        return found

    def send(self, target: Target, call: Call) -> list[Outcome] | Pending:
        """Hand over one job. A job that is already done is read at once."""
        constant = {"entity": ENTITIES[target.object.key]} if self._is_unified else {}
        constant["action"] = "POST"
        items = [{**constant, "data": data, "request_id": name} for name, data in _bodies(target, call)]
        reply = self.client.post(self._submit_path(target.object.key), {"items": items})
        job = answers.job_in(reply.json) or {}
        job_id = answers.job_id(job)
        is_final = answers.status_of(job) in answers.FINAL
        if is_final and (answers.holds_results(job) or not job_id or answers.status_of(job) == "failed"):
            return answers.judged(target, call, job)
        if not job_id:
            raise Temporary(
                "Qualified took the batch, but its answer names no job to ask for. The batch is sent again; "
                "that changes nothing twice.",
                cause=Cause.GARBLED,
            )
        return Pending({"job": job_id})

    def advance(self, target: Target, call: Call, state: Mapping[str, JSON]) -> list[Outcome] | Pending:
        job_id = str(state["job"])
        reply = self.client.get(self._job_path(job_id), read=(400, 404, 422))
        if reply.status >= 400:
            return outcomes(call, accepted={}, rejected={}, unproved=self._forgotten(job_id, reply.status))
        job = answers.job_in(reply.json) or {}
        status = answers.status_of(job)
        if not status:
            raise Temporary(
                "Qualified's answer about a job could not be read: it holds no job with a status. "
                "The job is looked at again by itself.",
                cause=Cause.GARBLED,
            )
        if status not in answers.FINAL:
            return Pending(dict(state))
        return answers.judged(target, call, job)

    @property
    def _is_unified(self) -> bool:
        return bool(self.options["bulk_style"] == UNIFIED)

    def _submit_path(self, object_key: str) -> str:
        return "/v2/bulk" if self._is_unified else f"/bulk/{object_key}"

    def _job_path(self, job_id: str) -> str:
        return f"{'/v2/bulk' if self._is_unified else '/bulk/jobs'}/{quote(job_id, safe='')}"

    def _forgotten(self, job_id: str, status: int) -> str:
        reason = (
            f"Qualified no longer knows the job {job_id} that held this record ({status}): it keeps a "
            "finished job for 24 hours."
        )
        if not self._is_unified:  # its job path is our assumption
            reason += " If this happens to every job, an admin should set the bulk style back to unified."
        return reason

    def _fields_path(self, object_key: str) -> str:
        return f"/v2/{object_key}/fields"

    def _listed(self, object_key: str) -> list[Field] | None:
        """The fields that the service lists; None where it has no list."""
        reply = self.client.get(self._fields_path(object_key), read=(404, 405))
        if reply.status >= 400:
            return None
        listed = reply.json.get("data") if isinstance(reply.json, Mapping) else None
        if not isinstance(listed, list):
            raise Temporary(
                f"Qualified's list of the fields of {object_key} could not be read. Try again later.",
                cause=Cause.GARBLED,
            )
        found = [_field(one, object_key) for one in listed if isinstance(one, Mapping)]
        return [field for field in found if field is not None]

    def _fields_of(self, object_key: str) -> list[Field]:
        """Top-level members first, then what the service lists, each name once."""
        listed = self._listed(object_key)
        if listed is None:
            standard = STANDARD[object_key].items()
            listed = [Field(name, label, Kind.TEXT, verified=False) for name, label in standard]
        top_level = TOP_LEVEL[object_key]
        labels = {field.key: field.label for field in listed}
        found = {field.key: replace(field, label=labels.get(field.key, field.label)) for field in top_level}
        for field in listed:
            found.setdefault(field.key, field)
        return list(found.values())


def _field(listed: Mapping[str, JSON], object_key: str) -> Field | None:
    """One entry of a field list, or None where it has no name to send it by."""
    name, label = listed.get("name"), listed.get("label")
    if not isinstance(name, str) or not name:
        return None
    kind = KINDS.get(str(listed.get("type")), Kind.TEXT)
    options = tuple(_options(listed.get("options"))) if kind is Kind.PICKLIST else ()
    if kind is Kind.PICKLIST and not options:
        kind = Kind.TEXT  # nothing to check the values against
    return Field(
        name,
        label if isinstance(label, str) and label else name,
        kind,
        options,
        custom=name not in STANDARD[object_key],
    )


def _options(listed: JSON) -> Iterator[Option]:
    for one in listed if isinstance(listed, list) else ():
        value = one.get("value") if isinstance(one, Mapping) else None
        if isinstance(value, str):
            label = one.get("label")
            yield Option(value, label if isinstance(label, str) and label else value)


def _as_companion(field: Field, companion: Companion) -> Field:
    key = companion.prefix + field.key
    is_top_level = field in TOP_LEVEL[companion.object]
    label = f"{companion.label} {field.label.lower()}" if is_top_level else field.label
    return replace(field, key=key, label=label, required=False, group=companion.label)


def _bodies(target: Target, call: Call) -> Iterator[tuple[str, dict[str, JSON]]]:
    """Each upsert's id and body: key and company's name at the top, the rest in `fields`. None is null."""
    key = target.upsert_key
    others = [field.key for field in TOP_LEVEL[target.object.key] if field.key != key]
    for name, match_key, fields in call.pieces(key) if not others else ():
        yield name, {key: match_key, "fields": fields} if fields is not None else {key: match_key}
    for operation in call.operations if others else ():
        values = dict(operation.values)
        values.pop(key, None)
        data: dict[str, JSON] = {key: operation.match_key}
        for name in others:
            if name in values:
                data[name] = values.pop(name)
        if values:
            data["fields"] = values
        yield operation.id, data
