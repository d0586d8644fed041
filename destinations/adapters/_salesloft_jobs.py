"""Bulk jobs: thousands of people in a handful of requests, that draw nothing more on the budget.

```
create ─▶ upload ─▶ start ─▶ poll ─▶ results ─▶ outcomes
   ▲         │                          │          ▲
   └ discard ┘                          └─ moved ──┘
   an upload whose answer was lost         people whose key changed, refused: one at a time
```

A job executes only once it was started, and is started only when its upload is proved whole. So until
then nothing has happened to any record, and a job about which anything is unclear is deleted. Each step is
a state that is kept between two calls; after an error, or where the process died, the same one comes again.

**IDs.** Only the results of rows that succeeded tell the records' IDs, a hundred a request: 20,000 people
would take 229 requests in place of 29. So they are read where the connection's settings ask for it; else
nobody knows them, and a person whose e-mail address changes is created anew beside the former record.

**Moved.** A person who is known by an ID, and had another e-mail address before, goes into the job by that
ID. Where the record is gone the job refuses the row, in words that are not published. So such a row goes once
more in a single call, which creates it where there is nothing to move.

Facts: developers.salesloft.com/docs/platform/bulk-jobs (read 26 August 2026). What `DELETE` does is not in
the reference: where it is refused, the job stays open and never executes.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from destinations.adapters._salesloft_answers import faults_in, worded
from destinations.adapters._salesloft_api import PER_PAGE, Api, id_of, record_in, records_in, unreadable
from destinations.adapters._salesloft_records import folded, moves_along, upsert_of
from destinations.adapters._salesloft_writes import write
from destinations.contract import (
    ACCEPTED,
    JSON,
    Call,
    Operation,
    Outcome,
    Pending,
    Reply,
    Target,
    Verdict,
)
from destinations.errors import Cause, RateLimited, Rejected, Temporary, TooMany

TYPE = "person/upsert"
MOST_UPLOADS = 3  # of the same records, each into a job of its own
MOST_STARTS = 3
MOST_MOVED = 100  # rows of a job that go once more in single calls
PAGES_AT_ONCE = 10  # of results, where all are read
GONE = (403, 404, 405, 409, 422)
UNFIT = (400, 403, 404, 405, 409, 413, 415, 422)

State = dict[str, Any]


def create(api: Api, call: Call, *, tries: int = 0) -> Pending:
    """A new job, named by the call. TooMany where the account has no bulk jobs."""
    try:
        reply = api.post("/bulk_jobs", {"type": TYPE, "name": call.id}, read=UNFIT)
    except RateLimited:
        raise
    except Temporary as error:
        error.may_be_applied = False  # an empty job that nobody starts
        raise
    if reply.status >= 400:
        raise TooMany(
            f"Salesloft does not take bulk jobs from this account ({reply.status}). The records are sent one "
            f"at a time.{_quoted(reply)}"
        )
    job = _job(reply)
    if not job:
        unreadable("/bulk_jobs")
    return Pending({"step": "upload", "job": id_of(job), "tries": tries}, at_once=True)


def advance(
    api: Api, target: Target, call: Call, state: Mapping[str, JSON], *, keeps_ids: bool
) -> list[Outcome] | Pending:
    """The job's next step."""
    now: State = dict(state)
    match now["step"]:
        case "create":
            return create(api, call, tries=now["tries"])
        case "upload":
            return _upload(api, target, call, now)
        case "discard":
            _delete(api, now["job"])
            if now["tries"] >= MOST_UPLOADS:
                raise TooMany(
                    f"Salesloft answered none of {MOST_UPLOADS} uploads of these records to a bulk job. They "
                    "are sent one at a time."
                )
            return Pending({"step": "create", "tries": now["tries"]}, at_once=True)
        case "start":
            return _start(api, now)
        case "results":
            return _results(api, target, call, now)
        case "moved":
            return _moved(api, target, call, now)
    return _poll(api, call, now, keeps_ids=keeps_ids)


def leave(api: Api, call: Call, state: Mapping[str, JSON]) -> list[Outcome] | Pending:
    """The run is over: a job that does not execute yet is deleted, another one waited for."""
    job = state.get("job")
    done = [Outcome(Verdict.UNPROVED, "The run ended before Salesloft was done with the bulk job.")]
    if job is None:
        return done * len(call.operations)
    found = _look(api, job)
    if found is None or _state(found) == "done":
        return done * len(call.operations)
    if _state(found) == "open":
        _delete(api, job)
        return done * len(call.operations)
    return Pending({"step": "poll", "job": job})


def _upload(api: Api, target: Target, call: Call, now: State) -> Pending:
    """Hand the records over. A job that is not as new was already tried, with an answer that nobody has."""
    discard = Pending({"step": "discard", "job": now["job"], "tries": now["tries"] + 1}, at_once=True)
    found = _look(api, now["job"])
    if found is None or _state(found) != "open" or found.get("total") not in (0, None):
        return discard
    data = [upsert_of(operation, target.upsert_key) for operation in call.operations]
    try:
        reply = api.post(f"{_path(now['job'])}/job_data", {"data": data}, read=UNFIT)
    except RateLimited:
        raise
    except Temporary as error:
        if not error.may_be_applied:
            raise
        return discard
    if reply.status >= 400:
        _delete(api, now["job"])
        raise TooMany(
            f"Salesloft does not take these records in a bulk job ({reply.status}). They are sent one at a "
            f"time.{_quoted(reply)}"
        )
    taken = record_in(reply.json)
    if taken is None or taken.get("records") != len(data):
        return discard
    return Pending({"step": "start", "job": now["job"], "tries": now["tries"]}, at_once=True)


def _start(api: Api, now: State) -> Pending:
    """Let the job execute. A refusal may mean that it was started before: the next look tells."""
    api.put(_path(now["job"]), {"ready_to_execute": True}, read=UNFIT)
    return Pending({**now, "step": "poll"})


def _poll(api: Api, call: Call, now: State, *, keeps_ids: bool) -> list[Outcome] | Pending:
    found = _look(api, now["job"])
    if found is None:
        return _unproved(call, f"Salesloft no longer knows the bulk job {now['job']} that held this record.")
    match _state(found):
        case "executing":
            return Pending({**now, "step": "poll"})
        case "done":
            size = len(call.operations)
            is_whole = found.get("total") == size and found.get("processed") == size
            errors = found.get("errors")
            counted = errors if isinstance(errors, int) and not isinstance(errors, bool) else None
            after = {"step": "results", "job": now["job"], "whole": is_whole, "errors": counted}
            ids: State = {"ids": {}} if keeps_ids else {}
            return Pending({**after, "after": 0, "read": 0, "refused": [], **ids}, at_once=True)
        case "open":  # it was not started, though we asked for it
            starts = now.get("starts", 0) + 1
            if starts < MOST_STARTS:
                return Pending({**now, "step": "start", "starts": starts})
            _delete(api, now["job"])
            raise TooMany("Salesloft does not start the bulk job. Its records are sent one at a time.")
        case odd:
            raise Temporary(
                f"Salesloft says that its bulk job is “{odd}”, which means nothing to us. It is looked at "
                "again by itself.",
                cause=Cause.GARBLED,
            )


def _results(api: Api, target: Target, call: Call, now: State) -> list[Outcome] | Pending:
    """Read the next refused records, and the IDs of the others where they are kept.

    When all are read, the rest of a job that is whole is accepted.
    """
    path, ids = f"{_path(now['job'])}/results", dict(now.get("ids", ()))
    wanted = () if "ids" in now else (("status", "error"),)
    places = {folded(operation.match_key): at for at, operation in enumerate(call.operations)}
    refused = {(reason, field): list(at) for reason, field, at in now["refused"]}
    after, read, unknown, counted = now["after"], now["read"], now.get("unknown", 0), now["errors"]
    is_last = False
    for _ in range(PAGES_AT_ONCE if "ids" in now else 1):
        since, params = after, (*wanted, ("id[gt]", str(after)), ("per_page", str(PER_PAGE)))
        page = records_in(api.get(path, params).json, path)
        for row in page:
            at_id = row.get("id")
            if not isinstance(at_id, int) or isinstance(at_id, bool) or at_id <= since:
                unreadable(path)  # without a cursor nobody gets further
            after = max(after, at_id)
            at = places.get(_key_in(row.get("record"), target.upsert_key))
            if row.get("status") == "success":
                if "ids" in now and at is not None and (found := _id_in(row.get("resource"))):
                    ids[str(at)] = found
                continue
            read += 1
            if row.get("status") not in ("error", None) or at is None:
                unknown += 1
            else:
                refused.setdefault(_why(row.get("error"), call.operations[at]), []).append(at)
        is_last = not page or (read == counted and len(ids) + read >= len(call.operations) * ("ids" in now))
        if is_last:
            break
    told = [[reason, field, at] for (reason, field), at in refused.items()]
    kept = {**now, "after": after, "read": read, "unknown": unknown, "refused": told}
    kept |= {"ids": ids} if "ids" in now else {}
    if not is_last:
        return Pending(kept, at_once=True)
    kept["whole"] = now["whole"] and not unknown and (counted is None or read == counted)
    moved = [
        at for _, _, places in told for at in places if moves_along(call.operations[at], target.upsert_key)
    ]
    if moved:
        return Pending({**kept, "step": "moved", "moved": sorted(moved)[:MOST_MOVED]}, at_once=True)
    return _judged(call, kept)


def _moved(api: Api, target: Target, call: Call, now: State) -> list[Outcome] | Pending:
    """One row more, by itself, that the job refused under the ID that it had."""
    at, *rest = now["moved"]
    refused = [
        [reason, field, [one for one in places if one != at]] for reason, field, places in now["refused"]
    ]
    ids, unproved = dict(now.get("ids", ())), dict(now.get("unproved", ()))
    try:
        outcome = write(api, target, call.operations[at])
    except Rejected as error:
        refused.append([error.message, error.field, [at]])
    else:
        if outcome.verdict is Verdict.ACCEPTED:
            ids[str(at)] = outcome.remote_id
        else:
            unproved[str(at)] = outcome.reason
    left = [one for one in refused if one[2]]
    kept = {**now, "refused": left, "ids": ids, "unproved": unproved, "moved": rest}
    return Pending(kept, at_once=True) if rest else _judged(call, kept)


def _judged(call: Call, now: State) -> list[Outcome]:
    """The outcomes: `whole` is whether all but the refused rows are proved, `ids` are by position."""
    rest = (
        ACCEPTED
        if now["whole"]
        else Outcome(
            Verdict.UNPROVED,
            "Salesloft finished the bulk job, but its counts do not show what became of this record.",
        )
    )
    outcomes = [rest] * len(call.operations)
    for at, remote_id in now.get("ids", {}).items():
        outcomes[int(at)] = Outcome(Verdict.ACCEPTED, remote_id=remote_id)
    for at, reason in now.get("unproved", {}).items():
        outcomes[int(at)] = Outcome(Verdict.UNPROVED, reason)
    for reason, field, places in now["refused"]:
        for place in places:
            outcomes[place] = Outcome(Verdict.REJECTED, reason, field)
    return outcomes


def _id_in(resource: JSON) -> str:
    """The ID of the record that came of a row, or ""."""
    person = resource.get("person") if isinstance(resource, Mapping) else None
    return id_of(person) if isinstance(person, Mapping) else ""


def _why(error: JSON, operation: Operation) -> tuple[str, str]:
    """Why a record was refused, and the sent field that the words name, if any."""
    faults = faults_in({"error": error})
    said = worded(faults)
    if not said:
        return "Salesloft's bulk job refused this record and did not say why.", ""
    words = said.casefold()
    named = [name for name in operation.values if name in words or name.replace("_", " ") in words]
    field = next((field for field, _ in faults if field), "") or max(named, key=len, default="")
    return f"Salesloft's bulk job refused this record: {said}.", field


def _key_in(record: JSON, upsert_key: str) -> str:
    """The upsert key that a result echoes, as it is compared. The record may come as JSON in a text."""
    if isinstance(record, str):
        try:
            record = json.loads(record)
        except (ValueError, RecursionError):
            return ""
    return folded(record.get(upsert_key)) if isinstance(record, Mapping) else ""


def _look(api: Api, job: str) -> Mapping[str, JSON] | None:
    """The job as it stands; None where Salesloft does not know it."""
    reply = api.get(_path(job), read=(404,))
    if reply.status >= 400:
        return None
    found = _job(reply)
    if not found or not _state(found):
        unreadable("/bulk_jobs")
    return found


def _delete(api: Api, job: str) -> None:
    """Delete a job, so that it can never execute. One that cannot be deleted was never started."""
    api.delete(_path(job), read=GONE)


def _job(reply: Reply) -> Mapping[str, JSON]:
    found = record_in(reply.json)
    return found if found is not None and id_of(found) else {}


def _state(job: Mapping[str, JSON]) -> str:
    state = job.get("state")
    return state.strip().lower() if isinstance(state, str) else ""


def _path(job: str) -> str:
    return f"/bulk_jobs/{quote(str(job), safe='')}"


def _unproved(call: Call, reason: str) -> list[Outcome]:
    return [Outcome(Verdict.UNPROVED, reason)] * len(call.operations)


def _quoted(reply: Reply) -> str:
    said = worded(faults_in(reply.json))
    return f" Salesloft says: {said}." if said else ""
