"""What Salesloft's refusals ask for, and what its headers tell. Pure.

Facts: developers.salesloft.com/docs/platform/api-basics (read 26 August 2026). The texts of errors are not
published, and may change: what happens is decided by the status, the path and the names of fields.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from destinations.adapters._salesloft_fields import CUSTOM, label_of
from destinations.adapters._salesloft_records import WORDS
from destinations.contract import JSON, Meter, Remedy, Who
from destinations.errors import (
    AuthExpired,
    DestinationError,
    Misconfigured,
    RateLimited,
    Rejected,
)

WINDOW_SECONDS = 60.0
DEPTH = 6  # how deep words are looked for
QUOTED = 500  # characters of one message
MOST_FAULTS = 20
IS_THERE = re.compile(r"taken|exist|already|duplicate|unique", re.IGNORECASE)
KEYS = ("email_address", "domain")

# The scope that a path needs to be written; lists, and only they, are asked for with a query.
WRITES = {
    "people": "people:write",
    "person_upserts": "people:write",
    "bulk_jobs": "people:write",
    "accounts": "accounts:write",
    "account_upserts": "accounts:write",
}
READS = {**WRITES, "people": "people:read", "accounts": "accounts:read", "users": "team:read"}
CRM_SCOPES = {"people:write": "crm_id_person:write", "accounts:write": "crm_id_account:write"}
OBJECTS = {words.path.strip("/"): words for words in WORDS.values()} | {
    words.upserts.strip("/"): words for words in WORDS.values()
}

_IN_422 = r".*\(422\)"
REMEDIES = (
    Remedy(
        "exists",
        r"already in Salesloft, and insert only creates",
        Who.EDITOR,
        "Whoever edits the sync must choose the mode upsert to change records that are there, or leave them "
        "out of the model.",
    ),
    Remedy(
        "ambiguous",
        r"\d+ (people|accounts) in Salesloft have this",
        Who.ADMIN,
        "An admin of Salesloft must merge the duplicates, or whoever edits the sync must choose the "
        "Salesloft ID as the key.",
    ),
    Remedy(
        "missing",
        r"Salesloft has no (person|account) with this",
        Who.DATA,
        "Whoever owns the source's data must correct the key or leave the row out; an admin of Salesloft can "
        "tell whether the connection's user may see the record.",
    ),
    Remedy(
        "owner",
        rf"(^|; )Owner( id)?: {_IN_422}",
        Who.DATA,
        "Whoever owns the source's data must name an active user of the Salesloft team.",
    ),
    Remedy(
        "crm_id",
        rf"(^|; )CRM( ID| id type|): {_IN_422}",
        Who.DATA,
        "Whoever owns the source's data must give the 18 characters of a Salesforce record of the right "
        "kind.",
    ),
    Remedy(
        "needs_name",
        rf"(^|; )Name: {_IN_422}",
        Who.EDITOR,
        "Whoever edits the sync must map the name: Salesloft creates no account without name and domain.",
    ),
    Remedy(
        "invalid_key",
        rf"(^|; )(Email address|Domain): {_IN_422}",
        Who.DATA,
        "Whoever owns the source's data must correct the address, or tell which record may keep it.",
    ),
    Remedy(
        "invalid_value",
        r"\(422\)|\(400\)|bulk job refused this record",
        Who.DATA,
        "Whoever owns the source's data must correct the value, or an admin of Salesloft must allow it "
        "there.",
    ),
    Remedy(
        "not_found",
        r"\(404\)",
        Who.DATA,
        "Whoever owns the source's data must check the numbers in the row; an admin of Salesloft can tell "
        "whether the connection's user may see what they stand for.",
    ),
)


def refusal(status: int, body: JSON, headers: Mapping[str, str], path: str) -> DestinationError | None:
    """The error that a status of 400 and above asks for. None: the client's own table says the same."""
    parts = path.partition("?")[0].strip("/").split("/")
    parts = parts[1:] if parts[0] == "v2" else parts
    match status:
        case 401:
            return AuthExpired(
                "Salesloft does not accept the sign-in (401): the key was deleted or copied wrong, or the "
                "access was withdrawn. An admin must reconnect: connect with OAuth again, or paste a new API "
                f"key.{_said(body)}"
            )
        case 403:
            return _forbidden(body, path, parts)
        case 404:
            return _not_found(body, parts)
        case 400 | 409 | 422:
            return _refused(
                status, body, is_insert=len(parts) == 1 and f"/{parts[0]}" in _INSERTS, parts=parts
            )
        case 429 if not _is_a_time(headers.get("Retry-After", "")):
            at = _date(headers.get("Date", ""))
            return RateLimited.till_window_ends(
                "The budget that all tools of the Salesloft team share is used up for this minute (429). The "
                "call is made again by itself.",
                WINDOW_SECONDS,  # calendar minutes, as far as is known
                None if at is None else at.timestamp(),
            )
    return None


def meter(headers: Mapping[str, str], now: float) -> Meter | None:
    """What the headers tell of the team's minute. When it ends is not among it."""
    remaining = _count(headers.get("x-ratelimit-remaining-minute"))
    if remaining is None:
        return None
    cost = _count(headers.get("x-ratelimit-endpoint-cost"))
    limit = _count(headers.get("x-ratelimit-limit-minute"))
    return Meter(WINDOW_SECONDS, remaining, limit=limit or None, cost=1 if cost is None else cost)


def faults_in(body: JSON) -> list[tuple[str, str]]:
    """What an error's body says, each as (field or "", message). Any shape is read, none is counted on."""
    if isinstance(body, Mapping):
        found = [fault for name in ("errors", "error") for fault in _faults(body.get(name), "", DEPTH)]
        found = found or [fault for name in ("message", "detail") for fault in _faults(body.get(name), "", 1)]
    else:
        found = list(_faults(body, "", DEPTH))
    return list(dict.fromkeys(found))[:MOST_FAULTS]


def worded(faults: list[tuple[str, str]]) -> str:
    """The faults as one line: "Email address: is already taken; First name: is required"."""
    return "; ".join(f"{label_of(field)}: {message}" if field else message for field, message in faults)


_INSERTS = tuple(words.path for words in WORDS.values())


def _refused(status: int, body: JSON, *, is_insert: bool, parts: list[str]) -> Rejected:
    faults = faults_in(body)
    words = OBJECTS.get(parts[0])
    one = words.one if words else "record"
    if not faults:
        return Rejected(f"Salesloft refused this {one} ({status}) and did not say why.")
    said = f"{worded(faults)} ({status})."
    at = next((field for field, _ in faults if field), "")
    taken = next((f for f, message in faults if f in KEYS and IS_THERE.search(message)), "")
    if is_insert and (taken or status == 409):
        return Rejected(f"This {one} is already in Salesloft, and insert only creates. {said}", field=taken)
    return Rejected(said if at else f"Salesloft refused this {one}: {said}", field=at)


def _not_found(body: JSON, parts: list[str]) -> Rejected | None:
    """A record that is not there is its row's trouble; a path that is not there is the connection's."""
    words = OBJECTS.get(parts[0])
    if words is None:
        return None
    if len(parts) == 2 and f"/{parts[0]}" == words.path:
        return Rejected(
            f"Salesloft has no {words.one} with this ID, or the connection's user may not see it (404).",
            field="id",
        )
    if len(parts) == 1 and isinstance(body, Mapping) and ("error" in body or "errors" in body):
        faults = faults_in(body)
        at = next((field for field, _ in faults if field), "")
        said = worded(faults) or "something that the record names is not there"
        return Rejected(f"Salesloft did not find what this {words.one} names (404): {said}.", field=at)
    return None


def _forbidden(body: JSON, path: str, parts: list[str]) -> Misconfigured:
    scope = (READS if "?" in path else WRITES).get(parts[0], "")
    where = path.partition("?")[0]
    if not scope:
        return Misconfigured(
            f"Salesloft does not permit {where} (403). An admin must check the scopes of the API key or of "
            f"the OAuth app, and what the connection's user may do in Salesloft.{_said(body)}"
        )
    crm = ""
    if scope in CRM_SCOPES:
        crm = f" Where the sync fills the CRM ID, Salesloft wants {CRM_SCOPES[scope]} as well."
    return Misconfigured(
        f"Salesloft does not permit {where} (403): the sign-in lacks the scope {scope}, or its user may not "
        f"do this. An admin must tick {scope} for the API key, or for the OAuth app and connect again.{crm}"
        f"{_said(body)}"
    )


def _said(body: JSON) -> str:
    said = worded(faults_in(body))
    return f" Salesloft says: {said.rstrip('.')}." if said else ""


def _faults(value: JSON, at: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth < 0 or value is None or isinstance(value, bool):
        return
    if isinstance(value, Mapping):
        named = next((value[n] for n in ("attribute", "field") if isinstance(value.get(n), str)), "")
        message = next(
            (value[n] for n in ("message", "detail", "error") if isinstance(value.get(n), str)), ""
        )
        if message:
            yield from _faults(message, named or at, depth - 1)
            return
        for name, inner in value.items():
            yield from _faults(inner, _below(at, name), depth - 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _faults(inner, at, depth - 1)
    else:
        text = " ".join(str(value).split())
        if text and not text.startswith("<"):  # a page is no answer
            yield at, text[:QUOTED].rstrip(".")


def _below(at: str, name: str) -> str:
    if name in ("base", "errors", "error"):
        return at
    return f"{CUSTOM}{name}" if at == CUSTOM.rstrip(".") else name


def _is_a_time(told: str) -> bool:
    is_number = told.isascii() and told.strip().replace(".", "", 1).isdigit()
    return is_number or _date(told) is not None


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None


def _count(header: str | None) -> int | None:
    text = (header or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None
