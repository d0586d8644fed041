"""One record in one call: created, updated by its id, or upserted.

An update never creates. Without a known id the record is looked up by its key first; a known id that is
gone (deleted, or merged into another) is looked up anew.
"""

from urllib.parse import quote

from destinations.adapters import _salesloft_finds as finds
from destinations.adapters._salesloft_api import Api
from destinations.adapters._salesloft_fields import label_of
from destinations.adapters._salesloft_records import (
    ID,
    WORDS,
    body_of,
    moves_along,
    upsert_of,
    written_id,
)
from destinations.contract import Mode, Operation, Outcome, Reply, Target, Verdict
from destinations.errors import DestinationError, Rejected

NOT_THERE = 404


def write(api: Api, target: Target, operation: Operation) -> Outcome:
    """The outcome of one operation. Raises DestinationError where it was refused or the wire failed."""
    match operation.mode:
        case Mode.INSERT:
            return _outcome(target, api.post(WORDS[target.object.key].path, body_of(operation)))
        case Mode.UPDATE:
            return _update(api, target, operation)
    if moves_along(operation, target.upsert_key):
        reply = _put(api, target, operation, operation.remote_id, or_gone=True)
        if reply.status != NOT_THERE:
            return _outcome(target, reply)
        operation = operation._replace(former_match="")
    try:
        reply = api.post(WORDS[target.object.key].upserts, upsert_of(operation, target.upsert_key))
    except Rejected as error:
        raise _ambiguous(api, target, operation, error) or error from None
    return _outcome(target, reply)


def _update(api: Api, target: Target, operation: Operation) -> Outcome:
    if target.upsert_key == ID:
        return _outcome(target, _put(api, target, operation, operation.match_key))
    if operation.remote_id:
        reply = _put(api, target, operation, operation.remote_id, or_gone=True)
        if reply.status != NOT_THERE:
            return _outcome(target, reply)
    (found,) = finds.find(api, target, [operation])
    if found.records != 1:
        raise _unfound(target, found.records)
    return _outcome(target, _put(api, target, operation, found.remote_id))


def _put(api: Api, target: Target, operation: Operation, at: str, *, or_gone: bool = False) -> Reply:
    path = f"{WORDS[target.object.key].path}/{quote(at.strip(), safe='')}"
    return api.put(path, body_of(operation), read=(NOT_THERE,) if or_gone else ())


def _outcome(target: Target, reply: Reply) -> Outcome:
    """Accepted where the answer holds the record's id."""
    found = written_id(reply.json, WORDS[target.object.key].one)
    if not found:
        return Outcome(
            Verdict.UNPROVED, f"Salesloft answered {reply.status}, but the answer holds no record with an ID."
        )
    return Outcome(Verdict.ACCEPTED, remote_id=found)


def _ambiguous(api: Api, target: Target, operation: Operation, error: Rejected) -> Rejected | None:
    """A better word for a refusal of the e-mail address, where several people have it.

    Salesloft's own words for it are not published; a look tells for sure.
    """
    if target.object.key != "people" or target.upsert_key == ID:
        return None
    if error.field not in ("", target.upsert_key):
        return None
    try:
        (found,) = finds.find(api, target, [operation])
    except DestinationError:
        return None
    return _unfound(target, found.records) if found.records > 1 else None


def _unfound(target: Target, records: int) -> Rejected:
    """Why a key names no one record."""
    words, key = WORDS[target.object.key], target.upsert_key
    label = label_of(key).lower()
    if records:
        said = f"{records} {words.many} in Salesloft have this {label}: it does not tell which one is meant."
    else:
        said = f"Salesloft has no {words.one} with this {label}, or the connection's user may not see it."
    return Rejected(said, field=key)
