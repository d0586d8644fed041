"""One row of a model as a run takes it: mapped, guarded, compared with what was sent, and as requests.

What is shown is made by the mapping, the guards, the batches and the adapter themselves; nothing is sent.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from destinations.contract import JSON, Call, Field, Kind, Mode, Operation
from destinations.http import Sent
from destinations.rehearsal import rehearse
from syncs.engine import keys
from syncs.engine.batches import Payload, Planned, write
from syncs.engine.calls import Way
from syncs.engine.diff import Told
from syncs.engine.extract import bare, lines_of
from syncs.engine.guards import Guards
from syncs.engine.mapping import CLEAR, Layout, Mapped, Mapper, Rule
from syncs.models import LedgerEntry

FOUND_ID = "ID-THAT-IS-FOUND"  # stands for an id that a look-up tells

SENT, LEFT, CLEARED, WRONG, BY_RUN = "sent", "left", "cleared", "wrong", "by_run"


@dataclass(frozen=True, slots=True)
class OfField:
    """One field: what fills it, what becomes of it, what is wrong. `rule` is None where the run fills it."""

    field: Field
    rule: Rule | None
    value: JSON
    fate: str
    flaws: tuple[str, ...] = ()
    is_companions: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A request that would be sent, and why. `needs`: it goes only once the one before was answered."""

    why: str
    sent: Sent
    needs: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """A row, looked at. `flaws` are those of no field, `held_by` the guard that would hold it back.

    `told` compares it with what was last sent; None where it was never sent. `is_same`: it is exactly that.
    """

    key_text: str
    match_key: str
    source: dict[str, JSON]
    fields: list[OfField]
    flaws: tuple[str, ...] = ()
    held_by: str = ""
    told: Told | None = None
    is_same: bool = False
    former_match: str = ""
    requests: list[Request] = field(default_factory=list)

    @property
    def is_wrong(self) -> bool:
        return bool(self.flaws) or any(one.flaws for one in self.fields)


def preview(
    mapper: Mapper,
    way: Way,
    object_key: str,
    row: tuple[Any, ...],
    *,
    guards: Guards | None,
    entries: Mapping[bytes, LedgerEntry],
    listed: Mapping[str, Field],
) -> Preview:
    """Look at one row. `entries` is what the ledger has of it and its companion, by key, `listed` are the
    object's fields as the service listed them.
    """
    mapped = mapper.map([row])
    key_text, match_key = mapped.key_texts[0] or "", mapped.match_keys[0] or ""
    flaws = list(mapped.flaws.get(0, ()))
    held_by = ""
    if guards is not None:
        judged = guards.judge(guards.chunk([row], mapped), mapped)
        held_by = guards.names[judged.held[0]] if 0 in judged.held else ""
        flaws += [judged.flaws[0]] if 0 in judged.flaws else []
    at_field: dict[str, list[str]] = {}
    for flaw in flaws:
        at_field.setdefault(flaw.field, []).append(flaw.message)
    fields = _fields(mapper, mapped, at_field, listed)
    known = {one.field.key for one in fields}
    rest = tuple(text for name, texts in at_field.items() if name not in known for text in texts)
    entry = entries.get(keys.row_key(key_text))
    layout = mapper.shape.row_layout
    line, fingerprint = _line(mapped.records[0], layout)
    was_sent = entry is not None and (entry.fingerprint is not None or entry.settles_at is not None)
    former = entry.match_key if entry is not None and was_sent and entry.match_key != match_key else ""
    can_be_sent = not flaws and bool(key_text)
    return Preview(
        key_text,
        match_key,
        mapper.source_values(row),
        fields,
        rest,
        held_by,
        _told(entry, line, layout) if was_sent and can_be_sent else None,
        is_same=entry is not None and entry.fingerprint == fingerprint,
        former_match=former,
        requests=_requests(mapper, mapped, way, object_key, entries, former) if can_be_sent else [],
    )


def ledger_keys_of(mapped: Mapped) -> list[bytes]:
    """The ledger's keys of a row and its companion."""
    found = [keys.row_key(mapped.key_texts[0] or "")]
    companion = mapped.companion_keys[0]
    return found if companion is None else [*found, keys.companion_key(companion)]


def _fields(
    mapper: Mapper, mapped: Mapped, flaws: Mapping[str, Sequence[str]], listed: Mapping[str, Field]
) -> list[OfField]:
    """Every mapped field in the mapping's order, then what the run itself fills."""
    shape = mapper.shape
    values = dict(zip(shape.row_layout.fields, mapped.records[0][2:], strict=True))
    if shape.companion_layout is not None and mapped.companions:
        values |= dict(zip(shape.companion_layout.fields, mapped.companions[0][2:], strict=True))
    found = []
    for rule in shape.rules:
        value, said = values.get(rule.field.key), tuple(flaws.get(rule.field.key, ()))
        fate = WRONG if said else SENT
        if value is None and not said:
            fate = CLEARED if rule.empty == CLEAR else LEFT
        found.append(OfField(rule.field, rule, value, fate, said, shape.of_companion(rule)))
    for key, value in shape.constants.items():
        known = listed.get(key, Field(key, key, Kind.TEXT))
        found.append(OfField(known, None, value, BY_RUN))
    return found


def _line(record: tuple[JSON, ...], layout: Layout) -> tuple[bytes, int]:
    """A record as it is planned, and its fingerprint."""
    (line,) = lines_of([record])
    seed = keys.layout_seed(list(zip(layout.fields, layout.policies, strict=True)))
    return bare(line), keys.fingerprints([line], seed)[0]


def _told(entry: LedgerEntry | None, line: bytes, layout: Layout) -> Told:
    """What sending the record changes of what was last sent."""
    before = None
    if entry is not None and entry.record is not None:
        before = orjson.loads(zlib.decompress(bytes(entry.record)))
    (after,) = _payload(Planned(b"", line, 0), layout).records([0])
    return Told.of("", before, after)


def _payload(planned: Planned, layout: Layout) -> Payload:
    """As the plan's batch holds it."""
    return Payload(write([planned], layout))


# As requests


def _requests(
    mapper: Mapper,
    mapped: Mapped,
    way: Way,
    object_key: str,
    entries: Mapping[bytes, LedgerEntry],
    former: str,
) -> list[Request]:
    """The companion's first, as a run sends it, then the row's own."""
    shape, found = mapper.shape, []
    companion, layout = mapped.companion_keys[0], shape.companion_layout
    if companion is not None and layout is not None and shape.companion is not None:
        operation = _operation(mapped.companions[0], layout, way.mode, entries, keys.companion_key(companion))
        label = shape.companion.label
        found += _of_operation(way, shape.companion.object, operation, f"{label} {companion}")
    key = keys.row_key(mapped.key_texts[0] or "")
    operation = _operation(mapped.records[0], shape.row_layout, way.mode, entries, key, former)
    return found + _of_operation(way, object_key, operation, "The record")


def _operation(
    record: tuple[JSON, ...],
    layout: Layout,
    mode: Mode,
    entries: Mapping[bytes, LedgerEntry],
    key: bytes,
    former: str = "",
) -> Operation:
    """The operation as a run's batch would tell it, under a name of its own."""
    line, fingerprint = _line(record, layout)
    entry = entries.get(key)
    remote_id = entry.remote_id if entry is not None and entry.refused_fingerprint is None else ""
    planned = Planned(key, line, fingerprint, remote_id=remote_id, former_match=former)
    (operation,) = _payload(planned, layout).operations(0, mode, [0])
    return operation._replace(id="preview")


def _of_operation(way: Way, object_key: str, operation: Operation, what: str) -> list[Request]:
    target = way.target(object_key)
    found = []
    is_by_key = way.mode is Mode.UPDATE and target.upsert_key != target.object.remote_id_key
    if is_by_key and not operation.remote_id:
        call = Call("preview", (operation,))
        asked = rehearse(way.connection, lambda adapter: adapter.find(target, call))
        found += [Request(f"{what} is looked up first", sent) for sent in asked]
        operation = operation._replace(remote_id=FOUND_ID)
    call = Call("preview", (operation,))
    written = rehearse(way.connection, lambda adapter: adapter.send(target, call))
    return found + [Request(f"{what} is written", sent, needs=bool(found)) for sent in written]
