"""Operations → what Salesloft is sent, and what it shows → whether that is as it was sent. Pure."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from destinations.adapters._salesloft_api import id_of, record_in
from destinations.adapters._salesloft_fields import CUSTOM, STANDARD
from destinations.contract import JSON, Kind, Mode, Operation

ID = "id"


class Words(NamedTuple):
    """How an object is called: in paths, in the envelope of an upsert's answer, in sentences."""

    path: str
    upserts: str
    one: str
    many: str


WORDS = {
    "people": Words("/people", "/person_upserts", "person", "people"),
    "accounts": Words("/accounts", "/account_upserts", "account", "accounts"),
}

# Fields that only one mode's call takes.
ONLY_IN = {"autotag_date": Mode.INSERT, "archived": Mode.UPDATE}

# Numbers on the wire, whatever they are picked from.
WHOLE = frozenset(
    ("account_id", "owner_id", "person_stage_id", "company_stage_id", "account_tier_id", "import_id")
)

# Written as a number, shown as `{"id": …}` under this name.
LINKS = {
    "account_id": "account",
    "owner_id": "owner",
    "person_stage_id": "person_stage",
    "company_stage_id": "company_stage",
    "account_tier_id": "account_tier",
    "import_id": "import",
}
_PHONES = {field.key for fields in STANDARD.values() for field in fields if field.kind is Kind.PHONE}
_FOLDED = {
    field.key for fields in STANDARD.values() for field in fields if field.kind in (Kind.EMAIL, Kind.DOMAIN)
}
_WHOLE_TEXT = re.compile(r"[0-9]{1,18}")


def body_of(operation: Operation) -> dict[str, JSON]:
    """The record as a create or an update takes it. Without `id`, which is no field there.

    `do_not_contact` is never cleared: nothing said is not "may be contacted".
    """
    body: dict[str, JSON] = {}
    custom: dict[str, JSON] = {}
    for key, value in operation.values.items():
        if key == ID or (key == "do_not_contact" and value is None):
            continue
        if ONLY_IN.get(key, operation.mode) is not operation.mode:
            continue
        if key.startswith(CUSTOM):
            custom[key.removeprefix(CUSTOM)] = value
        else:
            body[key] = whole(value) if key in WHOLE else value
    if custom:
        body["custom_fields"] = custom
    if body.get("crm_id") and not body.get("crm_id_type"):
        body["crm_id_type"] = "salesforce"
    return body


def upsert_of(operation: Operation, upsert_key: str) -> dict[str, JSON]:
    """The record as an upsert takes it, by the operation's key.

    Where the record is known there by an id and had another key before, it goes by its id, so that it
    moves along instead of being written a second time.
    """
    body = body_of(operation)
    if moves_along(operation, upsert_key):
        return {"upsert_key": ID, ID: whole(operation.remote_id), **body, upsert_key: operation.match_key}
    key = whole(operation.match_key) if upsert_key == ID else operation.match_key
    return {"upsert_key": upsert_key, **body, upsert_key: key}


def moves_along(operation: Operation, upsert_key: str) -> bool:
    """Whether a record is there already that must take the operation's new key."""
    return bool(operation.former_match and operation.remote_id) and upsert_key != ID


def whole(value: JSON) -> JSON:
    """A whole number written as text as a number; anything else as it is."""
    return int(value) if isinstance(value, str) and _WHOLE_TEXT.fullmatch(value.strip()) else value


def written_id(body: JSON, one: str) -> str:
    """The id of the record that an answer says was written, or "".

    An upsert's answer holds it under the object's name (`data.person.id`), the others do not (`data.id`).
    """
    found = record_in(body)
    if found is None:
        return ""
    inner = found.get(one)
    return id_of(inner if isinstance(inner, Mapping) else found)


def folded(key: JSON) -> str:
    """A key as it is compared: trimmed, in any case; "" where it is none."""
    is_key = isinstance(key, str | int) and not isinstance(key, bool)
    return str(key).strip().casefold() if is_key else ""


def carries(record: Mapping[str, JSON], upsert_key: str) -> str:
    """The record's value of the key, as it is compared."""
    return folded(record.get(upsert_key))


def differences(operation: Operation, record: Mapping[str, JSON]) -> dict[str, JSON]:
    """What the record holds otherwise than the operation. What Salesloft does not show counts as equal."""
    body = body_of(operation)
    custom = body.pop("custom_fields", {})
    shown = record.get("custom_fields")
    if isinstance(shown, Mapping):  # in it are only fields that have a value
        body |= {CUSTOM + name: value for name, value in custom.items()}
        record = {**record, **{CUSTOM + name: shown.get(name) for name in custom}}
    others: dict[str, JSON] = {}
    for key, value in body.items():
        name = LINKS.get(key, key)
        if name not in record:
            continue
        found = record[name]
        if key in LINKS and isinstance(found, Mapping):
            found = found.get(ID)
        if not _equal(key, value, found):
            others[key] = found
    return others


def _equal(key: str, sent: JSON, shown: JSON) -> bool:
    if isinstance(sent, list) or isinstance(shown, list):
        texts, found = _texts(sent), _texts(shown)
        return texts <= found if key == "tags" else texts == found  # Salesloft adds tags of its own
    ours, theirs = _text(sent), _text(shown)
    if key in _PHONES:
        return re.sub(r"\D", "", ours) == re.sub(r"\D", "", theirs)
    if key in _FOLDED:
        return ours.casefold() == theirs.casefold()
    return ours == theirs


def _texts(value: JSON) -> set[str]:
    return {_text(one) for one in value} if isinstance(value, list) else {_text(value)} - {""}


def _text(value: JSON) -> str:
    """A value as text; nothing, and blank text, are the same."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()
