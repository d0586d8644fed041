"""How writes change people and accounts: create, update by id, upsert by a key.

Only the fields that are sent are written. A write that is refused changes nothing. Sources: Salesloft's
pages on people, accounts and their upserts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from destinations.sandbox.answers import Refused
from destinations.sandbox.clock import iso
from destinations.sandbox.salesloft_answers import not_found, unprocessable
from destinations.sandbox.salesloft_fields import (
    PERSON,
    Entity,
    Known,
    cleaned,
    match_key,
    other_key,
    problems,
)
from destinations.sandbox.salesloft_state import Record, SalesloftState

CREATE, UPDATE = "create", "update"
_UPSERT = frozenset({"upsert_key", "id"})
_TAKEN = "is already taken"


class Writes:
    """The writes of one request, or of some rows of a job, applied in order; `save` stores what came of them.

    Made and saved in one transaction of the state.
    """

    def __init__(
        self,
        state: SalesloftState,
        entity: Entity,
        bodies: Sequence[Mapping[str, Any]],
        known: Known,
        now: float,
        *,
        ids: Sequence[int] = (),
    ) -> None:
        """`bodies` will be applied, `ids` are the records to be updated; all are fetched at once."""
        self._state = state
        self._entity = entity
        self._known = known
        self._now = round(now, 6)  # as it is shown, so that what was shown finds it
        self._next_id = 0
        self._records: dict[int, Record] = {}
        self._indexes: dict[str, dict[str, dict[int, None]]] = {
            "match_key": {},
            "other_key": {},
            "crm_id": {},
        }
        self._fetched: dict[str, set[Any]] = {column: set() for column in self._indexes}
        self._written: dict[int, Record] = {}
        wanted: dict[str, set[Any]] = {
            "match_key": {key for body in bodies if (key := match_key(body.get(entity.key)))},
            "other_key": {key for body in bodies if (key := other_key(entity, body))},
            "crm_id": {key for body in bodies if isinstance(key := body.get("crm_id"), str)},
            "id": {*ids, *(id for body in bodies if isinstance(id := body.get("id"), int))},
        }
        for column, values in wanted.items():
            self._fetch(column, values)

    def _fetch(self, column: str, values: set[Any]) -> None:
        if column in self._fetched:
            self._fetched[column] |= values
        for record in self._state.records(self._entity.table, column, values) if values else ():
            if record.id not in self._records:
                self._index(record)

    def create(self, body: Mapping[str, Any]) -> Record:
        """A new record. Refused says what is wrong."""
        extra = {"autotag_date"} if self._entity.name == PERSON else set()
        self._refuse(self._check(body, frozenset(extra)))
        return self._create(body)

    def update(self, id: int, body: Mapping[str, Any]) -> Record:
        """The record with this id, changed. Refused: 404 where there is none."""
        extra = {"archived"} if self._entity.name != PERSON else set()
        faults = self._check(body, frozenset(extra))
        record = self._records.get(id)
        if record is None:
            raise not_found()
        self._refuse(faults)
        return self._update(record, body)

    def upsert(self, body: Mapping[str, Any]) -> tuple[str, Record]:
        """Create or update, and which of them. Without an `upsert_key` it can only create."""
        entity = self._entity
        faults = self._check(body, _UPSERT)
        id = body.get("id")
        if "id" in body and (isinstance(id, bool) or not isinstance(id, int)):
            faults["id"] = ["must be an integer"]
        key = body.get("upsert_key")
        if "upsert_key" in body and key not in entity.upsert_keys:
            faults["upsert_key"] = ["is not included in the list"]
        elif key is not None and body.get(key) in (None, ""):
            faults[key] = ["is required"]
        self._refuse(faults)
        record = self._matched(key, body)
        if record is None and key == "id":
            raise not_found()
        if id is not None and (record is None or record.id != id):
            raise unprocessable({"id": ["is not the id of the record that was matched"]})
        if record is not None:
            return UPDATE, self._update(record, body)
        return CREATE, self._create(body)

    def save(self) -> None:
        self._state.save_records(self._entity.table, self._written.values())

    def _check(self, body: Mapping[str, Any], extra: frozenset[str]) -> dict[str, list[str]]:
        found = problems(self._entity, body, self._known, extra=extra)
        for name in ("archived", "autotag_date"):
            if name in extra and not isinstance(body.get(name, True), bool):
                found[name] = ["must be true or false"]
        return found

    def _matched(self, key: str | None, body: Mapping[str, Any]) -> Record | None:
        """The record that an upsert means. Several: refused."""
        if key is None:
            return None
        if key == "id":
            return self._records.get(body["id"])
        if key == "crm_id":
            found = self._indexes["crm_id"].get(body["crm_id"], {})
        else:
            found = self._indexes["match_key"].get(match_key(body[key]) or "", {})
        if len(found) > 1:
            raise unprocessable({key: ["matches more than one record"]})
        return self._records[next(iter(found))] if found else None

    def _create(self, body: Mapping[str, Any]) -> Record:
        fields = {name: value for name, value in self._cleaned(body).items() if value is not None}
        if body.get("autotag_date"):
            fields["tags"] = [*fields.get("tags", ()), iso(self._now)[:10]]
        self._compose(fields, {}, id=None)
        if not self._next_id:
            self._next_id = self._state.next_id(self._entity.table)
        record = Record(self._next_id, None, None, None, fields, self._now, self._now)
        self._next_id += 1
        return self._store(record)

    def _update(self, record: Record, body: Mapping[str, Any]) -> Record:
        entity, known = self._entity, self._known
        faults: dict[str, list[str]] = {}
        if known.needs_name_and_domain and entity.name != PERSON:
            for name in ("name", "domain"):
                if not body.get(name):
                    faults.setdefault(name, []).append("is required")
        changes = self._cleaned(body)
        if "custom_fields" in changes and not known.replaces_custom_fields:
            changes["custom_fields"] = record.fields.get("custom_fields", {}) | changes["custom_fields"]
        fields = {name: value for name, value in (record.fields | changes).items() if value is not None}
        if "archived" in body:
            fields.pop("archived_at", None)
            if body["archived"]:
                fields["archived_at"] = self._now
        self._compose(fields, faults, id=record.id)
        self._forget(record)
        record.fields, record.updated_at = fields, self._now
        return self._store(record)

    def _cleaned(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return cleaned(self._entity, body, self._known)

    def _compose(self, fields: dict[str, Any], faults: dict[str, list[str]], *, id: int | None) -> None:
        """Complete the fields of a record, and refuse it where it lacks something or its key is taken."""
        if "custom_fields" in fields:
            fields["custom_fields"] = {k: v for k, v in fields["custom_fields"].items() if v is not None}
        if self._entity.name == PERSON:
            if not fields.get("email_address") and not (fields.get("phone") and fields.get("last_name")):
                faults.setdefault("email_address", []).append("or phone and last_name are required")
        else:
            for name in ("name", "domain"):
                if not fields.get(name) and "is required" not in faults.get(name, ()):
                    faults.setdefault(name, []).append("is required")
        if not (self._known.allows_duplicates and self._entity.name == PERSON):
            self._refuse_taken(
                "match_key", match_key(fields.get(self._entity.key)), self._entity.key, faults, id
            )
            self._refuse_taken("other_key", other_key(self._entity, fields), "phone", faults, id)
        self._refuse_taken("crm_id", fields.get("crm_id"), "crm_id", faults, id)
        self._refuse(faults)

    def _refuse(self, faults: Mapping[str, list[str]]) -> None:
        if faults:
            raise unprocessable(faults)

    def _refuse_taken(
        self, column: str, key: str | None, name: str, faults: dict[str, list[str]], id: int | None
    ) -> None:
        if key is None or name in faults:
            return
        if key not in self._fetched[column]:
            self._fetch(column, {key})
        if self._indexes[column].get(key, {}).keys() - {id}:
            faults[name] = [_TAKEN]

    def _keys(self, record: Record) -> dict[str, str | None]:
        return {"match_key": record.match_key, "other_key": record.other_key, "crm_id": record.crm_id}

    def _index(self, record: Record) -> None:
        self._records[record.id] = record
        for column, key in self._keys(record).items():
            if key is not None:
                self._indexes[column].setdefault(key, {})[record.id] = None

    def _forget(self, record: Record) -> None:
        for column, key in self._keys(record).items():
            if key is not None:
                self._indexes[column][key].pop(record.id, None)

    def _store(self, record: Record) -> Record:
        record.match_key = match_key(record.fields.get(self._entity.key))
        record.other_key = other_key(self._entity, record.fields)
        record.crm_id = record.fields.get("crm_id")
        record.write_count += 1
        self._index(record)
        self._written[record.id] = record
        return record


def in_words(refused: Refused) -> str:
    """The error of a row in a job: field and message, as text."""
    body = orjson.loads(refused.answer.body)
    if "errors" in body:
        return "; ".join(f"{name} {message}" for name, said in body["errors"].items() for message in said)
    return str(body["error"])
