"""An adapter on the bench: calls made from its own facts, sent to the sandbox service of its key."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import responses

from destinations.contract import (
    JSON,
    Adapter,
    Call,
    Field,
    Kind,
    Mode,
    ObjectType,
    Operation,
    Outcome,
    Pending,
    Target,
)
from destinations.errors import Temporary
from destinations.http import HttpClient
from destinations.sandbox.running import running_service
from destinations.sandbox.service import Service, services
from syncadmin.lib.outgoing import LOOPBACK
from tests.destinations import openapi

SECRET = "sk-conformance-31415926535"
PATIENCE = 100.0  # seconds for a job of the sandbox
MOST_STEPS = 500

VALUES: dict[Kind, JSON] = {
    Kind.TEXT: "Text",
    Kind.NUMBER: 7,
    Kind.BOOLEAN: True,
    Kind.DATE: "2026-01-31",
    Kind.DATETIME: "2026-01-31T12:00:00Z",
    Kind.EMAIL: "other@x.test",
    Kind.DOMAIN: "other.test",
    Kind.PHONE: "+1 555 0100",
    Kind.TEXT_LIST: ["Text"],
}

Answer = list[Outcome] | Pending
Way = tuple[ObjectType, Mode, str]


@dataclass
class Subject:
    """An adapter's class, and the running service of its key, None where there is none."""

    adapter: type[Adapter]
    service: Service | None = None
    states: list[tuple[Target, Call, Mapping[str, JSON]]] = field(default_factory=list)

    @cached_property
    def facts(self) -> openapi.Facts | None:
        """The vendor's published description."""
        path = Path(openapi.__file__).with_name(f"{self.adapter.key}.json")
        return openapi.load(self.adapter.key) if path.exists() else None

    def opened(self, *, options: Mapping[str, JSON] | None = None) -> Adapter:
        """A new adapter at the sandbox, as after a restart: nothing of an earlier one is left."""
        url = self.service.url if self.service else self.adapter.base_url
        client = HttpClient(
            self.adapter,
            base_url=url,
            headers={"Authorization": f"Bearer {SECRET}"},
            timeout=60,
            secrets=[SECRET],
            networks=LOOPBACK,
        )
        return self.adapter(client, {"base_url": url, **(options or {})})

    # Calls from facts

    def ways(self) -> Iterator[Way]:
        """Every object in every mode by every key."""
        for one in self.adapter.objects:
            for mode in sorted(one.modes):
                for key in one.keys_for(mode):
                    yield one, mode, key

    def fields_of(self, one: ObjectType) -> list[Field]:
        if one.key not in self._fields:
            self._fields[one.key] = self.opened().fields(one)
        return self._fields[one.key]

    @cached_property
    def _fields(self) -> dict[str, list[Field]]:
        return {}

    def value(self, one: ObjectType, key: str, number: int) -> JSON:
        """A value for the field, another one for each number where it is a key."""
        known = next((each for each in self.fields_of(one) if each.key == key), None)
        kind = known.kind if known else Kind.TEXT
        if key in one.upsert_keys:
            if kind is Kind.EMAIL:
                return f"person{number}@x.test"
            return f"company{number}.test" if kind is Kind.DOMAIN else f"key {number}"
        if kind is Kind.PICKLIST:
            return next((o.value for o in known.options if not o.closed), "") if known else ""
        return VALUES[kind]

    def usual_key(self, one: ObjectType) -> str:
        """The first key that is not the service's own id."""
        return next(key for key in one.upsert_keys if key != one.remote_id_key)

    def values(self, one: ObjectType, mode: Mode, key: str, number: int) -> dict[str, JSON]:
        """What must be mapped, and no more: for a record that may have to be created, what that takes."""
        needed = dict.fromkeys(one.required.get((mode, key), (key,)))
        if mode is not Mode.UPDATE and key != one.remote_id_key:
            needed |= dict.fromkeys(one.required.get((Mode.INSERT, key), ()))
        return {name: self.value(one, name, number) for name in needed}

    def call(self, way: Way, *numbers: int, remote: Mapping[int, str] | None = None) -> Call:
        """A call of one operation for each number. `remote` are ids of records that are there."""
        one, mode, key = way
        operations = []
        for number in numbers:
            values, at = self.values(one, mode, key, number), (remote or {}).get(number, "")
            if key == one.remote_id_key:
                values[key] = at
            operations.append(Operation(f"1-{number}", mode, str(values[key]), values, at))
        return Call("1-1", tuple(operations))

    def most(self, way: Way) -> int:
        """How many operations a call of the largest packing takes."""
        one, mode, _ = way
        return self.adapter.packings(one, mode, self.defaults)[0].per_call

    @property
    def defaults(self) -> dict[str, JSON]:
        return {setting.key: setting.default for setting in self.adapter.settings}

    # Sending

    def made(self, one: ObjectType, *numbers: int) -> dict[int, str]:
        """See that these records are there; their ids, as far as they can be known."""
        key = self.usual_key(one)
        mode = Mode.UPSERT if Mode.UPSERT in one.modes else Mode.INSERT
        ids = {}
        for number in numbers:
            (outcome,) = self.done((one, mode, key), self.call((one, mode, key), number))
            ids[number] = outcome.remote_id
        return ids

    def done(self, way: Way, call: Call, *, crash_after: int | None = None) -> list[Outcome]:
        """The call to its end, by a new adapter at each step.

        `crash_after`: the answer to this step (0 is `send`) is lost with the process, so that the same comes
        again.
        """
        target = Target(way[0], way[2])
        state: Mapping[str, JSON] | None = None
        until = time.monotonic() + PATIENCE
        for step in range(MOST_STEPS):
            answer = self._step(target, call, state)
            if step == crash_after:
                answer = self._step(target, call, state)
            if not isinstance(answer, Pending):
                return list(answer)
            state = orjson.loads(orjson.dumps(dict(answer.state)))
            self.states.append((target, call, state))
            if not answer.at_once:
                assert time.monotonic() < until, "the job has no end"
                time.sleep(0.005)
        raise AssertionError("the job has no end")

    def _step(self, target: Target, call: Call, state: Mapping[str, JSON] | None) -> Answer:
        for _ in range(20):
            try:
                adapter = self.opened()
                return adapter.send(target, call) if state is None else adapter.advance(target, call, state)
            except Temporary:  # the engine comes again with the same
                continue
        raise AssertionError("the call fails again and again")

    # What is there

    def stored(self, one: ObjectType, match_key: str) -> int:
        """How many records the service has with this key."""
        assert self.service is not None
        listing = next(each for each in self.service.desk.listings() if each.key == one.key)
        rows = listing.rows(match_key, 100)
        return sum(match_key in map(str, row.values()) for row in rows)

    def bodies(self) -> list[JSON]:
        """What was written so far, as it was sent."""
        assert self.service is not None
        return [seen.json() for seen in self.service.requests if seen.method != "GET" and seen.body]


@contextmanager
def on_the_bench(adapter: type[Adapter]) -> Iterator[Subject]:
    """The adapter with a fresh service of its key."""
    kind = services().get(adapter.key)
    if kind is None:
        yield Subject(adapter)
        return
    with running_service(kind) as service:
        if "job_seconds" in service.faults.switches:
            service.faults.set(job_seconds=0.0)
        service.add_key(SECRET, *service.scopes)
        yield Subject(adapter, service)


@contextmanager
def answering(answer: Callable[[Any], tuple[int, Mapping[str, str], bytes]]) -> Iterator[None]:
    """Every request of whatever kind gets this answer: (status, headers, body)."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            mock.add_callback(method, re.compile(".*"), answer)  # type: ignore[arg-type]
        yield


def members(body: JSON, match_key: str) -> set[str]:
    """Names of all members of the records in a body; of all of it where none shows the key."""
    records = list(_with(body, match_key))
    return set(_names(records or [body]))


def _with(node: JSON, value: str) -> Iterator[Mapping[str, JSON]]:
    if isinstance(node, Mapping):
        if any(str(inner).casefold() == value.casefold() for inner in node.values()):
            yield node
            return
        node = list(node.values())
    if isinstance(node, Sequence) and not isinstance(node, str):
        for inner in node:
            yield from _with(inner, value)


def _names(node: JSON) -> Iterator[str]:
    if isinstance(node, Mapping):
        for name, inner in node.items():
            yield name
            yield from _names(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _names(inner)
