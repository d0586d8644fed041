"""What Qualified's answers prove and ask for: items of a finished job, refusals, limits. Pure.

The reference (see `qualified.py`) publishes the shapes, but neither the texts of item errors nor what a
failed job says, so that everything here looks for words in any place and takes nothing for granted.
"""

import math
import re
from collections.abc import Iterator, Mapping

from destinations.contract import JSON, Call, Meter, Outcome, Remedy, Target, Verdict, Who
from destinations.errors import AuthExpired, Cause, DestinationError, Misconfigured, Rejected

SCOPES = "bulk_job:manage, lead:manage and company:manage"
FINAL = ("completed", "failed")
METERED_SECONDS = 900.0  # the one window that the RateLimit-* headers describe
DEPTH = 8  # how deep words are looked for
QUOTED_CHARACTERS = 1_000  # of a refusal of the whole request; item errors are kept in full

REMEDIES = (
    Remedy(
        "unknown_field",
        r"(unknown|unrecogni[sz]ed|undefined|no such|not a|not a valid) (custom )?(field|attribute)"
        r"|(field|attribute)\b.{0,80} (not found|not exist|unknown|not recogni[sz]ed)",
        Who.EDITOR,
        "Whoever edits the sync must refresh the fields and map one that Qualified lists (names are "
        "case-sensitive), or have the field created in Qualified first.",
    ),
    Remedy(
        "missing_scope",
        r"insufficient.scope|(lacks|missing|requires?) .{0,80}scope|not authori[sz]ed|unauthori[sz]ed"
        r"|forbidden|permission denied",
        Who.ADMIN,
        f"An admin of Qualified must give the API key the scopes {SCOPES}.",
    ),
    Remedy(
        "invalid_key",
        r"(e-?mail|domain)( address)? (is |was )?(invalid|not valid|malformed|missing|required|blank)"
        r"|(e-?mail|domain)( address)? (can.?t|cannot|must not) be (blank|empty)"
        r"|(invalid|malformed|missing|blank) (e-?mail|domain)",
        Who.DATA,
        "Whoever owns the source's data must correct the address in this row.",
    ),
    Remedy(
        "invalid_value",
        r"invalid|not valid|not (included )?in the list|not an? .{0,80}option|too (long|short|large|small)"
        r"|must be|expected|wrong type",
        Who.DATA,
        "Whoever owns the source's data must correct the value, or an admin of Qualified must allow it "
        "there (a new picklist option, say).",
    ),
)

ACCEPTED = Outcome(Verdict.ACCEPTED)

_WORDS_ABOUT_IT = ("error", "errors", "message", "detail", "details", "reason")


def job_in(body: JSON) -> Mapping[str, JSON] | None:
    """The job in an answer, with or without its envelope; None where there is none."""
    job = body.get("job", body) if isinstance(body, Mapping) else None
    return job if isinstance(job, Mapping) else None


def job_id(job: Mapping[str, JSON]) -> str:
    """The id to ask for, or ""."""
    found = job.get("id") or job.get("job_id")
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def status_of(thing: Mapping[str, JSON]) -> str:
    """The status of a job or an item in lower case, or ""."""
    status = thing.get("status")
    return status.strip().lower() if isinstance(status, str) else ""


def judged(target: Target, call: Call, job: Mapping[str, JSON]) -> list[Outcome]:
    """What a finished job proves about each operation, in the call's order.

    Nothing is accepted but by an item's own result without errors; where two results contradict each
    other, the refusal counts. Items that we never sent are ignored.
    """
    if _is_all_completed(call, job):
        return [ACCEPTED] * len(call.operations)
    values = {operation.id: operation.values for operation in call.operations}
    found: dict[str, Outcome] = {}
    for item, is_error in _results(job):
        name = item.get("requestId", item.get("request_id"))
        if not isinstance(name, str) or name not in values:
            continue
        outcome = _judged_item(item, target.upsert_key, values[name], is_error=is_error)
        known = found.get(name)
        if known is None or known.verdict is Verdict.UNPROVED or outcome.verdict is Verdict.REJECTED:
            found[name] = outcome
    rest = Outcome(Verdict.UNPROVED, _why_without_result(job))
    return [found.get(name, rest) for name in call.ids]


def holds_results(job: Mapping[str, JSON]) -> bool:
    """Whether the job tells of any item at all."""
    return next(_results(job), None) is not None


def refusal(status: int, body: JSON, headers: Mapping[str, str], path: str) -> DestinationError | None:
    """The error that a status of 400 and above asks for.

    None where the client's own table says the same: 429 (without Retry-After it is the concurrency
    limit, as at Qualified) and everything from 500.
    """
    code = _code(body)
    said = _said(body)
    match status:
        case 400:
            return Rejected(f"Qualified could not read the request (400).{said}")
        case 401:
            return AuthExpired(
                f"Qualified does not accept the API key (401{code and ' ' + code}). Either the key is wrong, "
                "cut short or revoked, or the API is not enabled for your Qualified team: Qualified gives "
                "both the same answer. An admin of Qualified must create a new key in Settings › API and "
                "paste it into the connection; if Settings has no API page, ask Qualified's support to "
                "enable the API, which belongs to the Enterprise plan."
            )
        case 403 if "scope" in f"{code}{said}".lower():
            return Misconfigured(
                f"The API key lacks a scope: Qualified refuses {path} (403 insufficient_scope). An admin of "
                f"Qualified must tick {SCOPES} for the key in Settings › API, or create a new key with them "
                "and paste it into the connection."
            )
        case 403:
            return Misconfigured(
                f"{path} is forbidden (403), and no missing scope is named.{said} An admin must check that "
                f"the API key has the scopes {SCOPES}, and that no firewall or proxy refuses us on the way."
            )
        case 404 | 405:
            return Misconfigured(
                f"There is no {path} at this address ({status}). Whoever set up the connection must check "
                "the base URL and the bulk style in its advanced settings.",
                cause=Cause.NOT_FOUND,
            )
        case 422:
            return Rejected(f"Qualified refused the data (422).{said}", field=_failed_field(body))
    return None


def meter(headers: Mapping[str, str], now: float) -> Meter | None:
    """What the RateLimit-* headers tell of the 15-minute window."""
    remaining, resets_at = (
        _number(headers.get("RateLimit-Remaining")),
        _number(headers.get("RateLimit-Reset")),
    )
    if remaining is None:
        return None
    resets_in = None if resets_at is None else max(resets_at - now, 0.0)
    return Meter(METERED_SECONDS, max(int(remaining), 0), resets_in)


def _results(job: Mapping[str, JSON]) -> Iterator[tuple[Mapping[str, JSON], bool]]:
    """Every item's result, and whether it stood in the job's list of errors."""
    for member in ("result", "results", "errors"):
        listed = job.get(member)
        for item in listed if isinstance(listed, list) else ():
            if isinstance(item, Mapping):
                yield item, member == "errors"


def _is_all_completed(call: Call, job: Mapping[str, JSON]) -> bool:
    """Whether the job says of each operation, once and of nothing else, that it is completed."""
    listed = job.get("result") or job.get("results") or ()
    if job.get("errors") or (job.get("result") and job.get("results")):
        return False
    try:
        names = {
            item["requestId"]
            for item in listed
            if item["status"] == "completed" and not item.get("errors") and not item.get("error")
        }
    except (AttributeError, KeyError, TypeError):  # a result that takes a closer look
        return False
    return len(names) == len(listed) and names == set(call.ids)


def _judged_item(
    item: Mapping[str, JSON], upsert_key: str, values: Mapping[str, JSON], *, is_error: bool
) -> Outcome:
    is_faulty = bool(item.get("errors") or item.get("error"))
    if item.get("status") == "completed" and not is_faulty and not is_error:
        return ACCEPTED  # what most are
    status = status_of(item)
    if status == "failed" or is_error or (status == "completed" and is_faulty):
        said = "; ".join(_texts([item.get(member) for member in _WORDS_ABOUT_IT]))
        if not said:
            return Outcome(Verdict.REJECTED, "Qualified refused this record and did not say why.")
        return Outcome(Verdict.REJECTED, _sentence(said), _named_field(said, upsert_key, values))
    if status == "completed":
        return ACCEPTED
    told = f"“{status}”" if status else "nothing"
    return Outcome(
        Verdict.UNPROVED, f"Qualified's result for this record says {told} where completed or failed belongs."
    )


def _why_without_result(job: Mapping[str, JSON]) -> str:
    if status_of(job) != "failed":
        return "Qualified finished the job, but its answer holds no result for this record."
    listed = job.get("errors")
    about_all = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else listed
    why = "; ".join(_texts([job.get("error"), about_all, job.get("message"), job.get("reason")]))
    reason = f"Qualified gave up on the job {job_id(job)}, which held this record"
    return f"{reason}: {_sentence(why)}" if why else f"{reason}, and did not say why."


def _sentence(said: str) -> str:
    """The service's words in full, ended so that ours can follow them."""
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _named_field(said: str, upsert_key: str, values: Mapping[str, JSON]) -> str:
    """The sent field that the words name: by its exact name, or the key in any case."""
    words = {word.strip("-.") for word in re.findall(r"[\w.-]+", said)}
    named = [name for name in values if name in words]
    if named:
        return max(named, key=len)
    return upsert_key if upsert_key in {word.lower() for word in words} else ""


def _code(body: JSON) -> str:
    """The machine-readable word of a refusal, or ""."""
    inner = body.get("error") if isinstance(body, Mapping) else None
    for place in (body, inner):
        code = place.get("code") if isinstance(place, Mapping) else None
        if isinstance(code, str):
            return code
    return ""


def _said(body: JSON) -> str:
    """ " Qualified says: …", or "" where there are no words for people (an HTML page is none)."""
    if isinstance(body, str):
        text = "" if "<" in body else body.strip()
    else:
        words = dict.fromkeys(text for text in _texts(body) if text != f"code: {_code(body)}")
        text = "; ".join(words) or _code(body)
    return f" Qualified says: {_sentence(text[:QUOTED_CHARACTERS])}" if text else ""


def _failed_field(body: JSON) -> str:
    details = body.get("details") if isinstance(body, Mapping) else None
    field = details.get("failed_field") if isinstance(details, Mapping) else None
    return field if isinstance(field, str) else ""


def _texts(value: JSON, depth: int = DEPTH) -> Iterator[str]:
    """Every word of a value of any shape, with the name of its member where that tells something."""
    if depth == 0:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            for text in _texts(inner, depth - 1):
                yield text if name in _WORDS_ABOUT_IT else f"{name}: {text}"
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, depth - 1)
    elif value is not None and not isinstance(value, bool) and (text := str(value).strip()):
        yield text


def _number(header: str | None) -> float | None:
    try:
        number = float(header or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
