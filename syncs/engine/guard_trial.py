"""Guards tried on rows without a run: how many each would hold back, and who would be sent all the same.

Reads the source; writes nothing and sends nothing. Both end after a while, with what they have seen by then:
the first rows at the least, however long a source thinks before it gives them.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo

from syncs.engine.guard_keys import tidied
from syncs.engine.guard_kinds import Spec, content_of, kind_of, name_of
from syncs.engine.guard_order import aside_text, in_order
from syncs.engine.guard_supplies import Guarded
from syncs.engine.guards import Guards, Supplies
from syncs.engine.keys import row_key
from syncs.engine.mapping import Mapped, Mapper, Rule, Shape
from syncs.engine.plan import Twin
from syncs.sources.base import Reader

EXAMPLES = 3
CHUNK_ROWS = 5_000
TRIED_CHUNK = 250


@dataclass(slots=True)
class Tried:
    """What a guard would hold back of the rows that were tried: how many, and some of them by their key."""

    name: str
    kind: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, key: str) -> None:
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(key)


@dataclass(slots=True)
class Trial:
    """`read` rows came to this: held back by `guards`, `unfit` for their data or a doubt, the rest sent."""

    guards: list[Tried]
    read: int = 0
    unfit: int = 0
    doubts: list[str] = field(default_factory=list)
    is_all: bool = True

    @property
    def passed(self) -> int:
        return self.read - self.unfit - sum(guard.count for guard in self.guards)


def try_rows(
    reader: Reader, sql: str, shape: Shape, guarded: Guarded, zone: tzinfo, *, most: int, seconds: float
) -> Trial:
    """Judge a model's first rows; new domains are not, as that takes a run. SourceError, MappingBroken."""
    trial = Trial([Tried(name_of(spec), kind_of(spec)) for spec in guarded.specs])
    until = time.monotonic() + seconds
    twins: dict[str, list[tuple[Twin, str]]] = {}
    with reader.read(sql, chunk_rows=TRIED_CHUNK) as rows:
        columns = [column.name for column in rows.columns]
        mapper = Mapper(shape, columns, zone)
        guards = Guards(guarded.specs, columns, shape, zone, guarded.supplies)
        for chunk in rows:
            if trial.read >= most or (trial.read and time.monotonic() > until):
                trial.is_all = False
                break
            taken = chunk[: most - trial.read]
            if len(taken) < len(chunk):
                trial.is_all = False
            mapped = mapper.map(taken)
            looked = guards.chunk(taken, mapped)
            judged = guards.judge(looked, mapped)
            for row, at in sorted(judged.held.items()):
                trial.guards[at].add(mapped.key_texts[row] or "")
            bad = (mapped.flaws.keys() | judged.flaws.keys()) - judged.held.keys()
            trial.unfit += len(bad)
            for row in sorted(judged.flaws):
                if len(trial.doubts) < EXAMPLES:
                    trial.doubts.append(judged.flaws[row].message)
            if guards.first is not None:
                texts = [aside_text(cell) for cell in looked.cells(guards.first.look)]
                for row in range(len(taken)):
                    if row not in judged.held and row not in bad:
                        twin = _twin(mapped, row, trial.read + row)
                        twins.setdefault(twin.match_key, []).append((twin, texts[row]))
            trial.read += len(taken)
        if guards.first is not None:
            for pairs in twins.values():
                found, texts = [twin for twin, _ in pairs], [text for _, text in pairs]
                for other in in_order(found, texts, descending=guards.first.descending)[1:]:
                    trial.guards[guards.first.at].add(other.key_text)
    return trial


def _twin(mapped: Mapped, row: int, position: int) -> Twin:
    key = mapped.key_texts[row] or ""
    return Twin(position, row_key(key), key, mapped.match_keys[row] or "", ())


@dataclass(frozen=True, slots=True)
class Denied:
    """Of people who must never be sent: whom no other guard holds back; and whether all rows were seen."""

    uncovered: tuple[str, ...] = ()
    read: int = 0
    is_all: bool = True


def check_never(
    reader: Reader, sql: str, shape: Shape, guarded: Guarded, zone: tzinfo, *, seconds: float
) -> Denied:
    """Look for these people among all rows, and ask the other guards about each. SourceError, MappingBroken.

    A person who is not in the model, or whose row cannot be sent for its data, would not be sent. Nor is
    asked of those of whom somebody said that the list alone is enough.
    """
    never = next((content_of(spec) for spec in guarded.specs if kind_of(spec) == "never_send"), None)
    if never is None:
        return Denied()
    excused = {tidied(one) for one in never.get("by_list_alone", ())}
    keys = {key for key in never.get("keys", ()) if tidied(key) not in excused}
    emails = {tidied(one): one for one in never.get("emails", ()) if tidied(one) not in excused}
    if not keys and not emails:
        return Denied()
    spec: list[Spec] = [{"never_send": {"keys": sorted(keys), "emails": sorted(emails)}}]
    others, supplies = _without_never(guarded)
    found: dict[str, None] = {}
    read, until = 0, time.monotonic() + seconds
    with reader.read(sql, chunk_rows=CHUNK_ROWS) as rows:
        columns = [column.name for column in rows.columns]
        quick = _only_addresses(shape)
        finder = Guards(spec, columns, quick, zone, Supplies())
        finding, mapper = Mapper(quick, columns, zone), Mapper(shape, columns, zone)
        guards = Guards(others, columns, shape, zone, supplies)
        for chunk in rows:
            if read and time.monotonic() > until:
                return Denied(tuple(found), read, is_all=False)
            read += len(chunk)
            mapped = finding.map(chunk)
            held = finder.judge(finder.chunk(chunk, mapped), mapped).held
            if not held:
                continue
            some = [chunk[at] for at in sorted(held)]
            whole = mapper.map(some)
            judged = guards.judge(guards.chunk(some, whole), whole)
            for at in range(len(some)):
                if at not in judged.held and at not in judged.flaws and at not in whole.flaws:
                    found |= dict.fromkeys(_names(whole, at, keys, emails))
    return Denied(tuple(found), read)


def _without_never(guarded: Guarded) -> tuple[list[Spec], Supplies]:
    """The other guards; those that only a run can ask are left out."""
    kept = [
        at
        for at, spec in enumerate(guarded.specs)
        if kind_of(spec) not in ("never_send", "new_domains", "keep_first")
    ]
    keys = {new: guarded.supplies.keys[old] for new, old in enumerate(kept) if old in guarded.supplies.keys}
    return [guarded.specs[at] for at in kept], replace(guarded.supplies, keys=keys)


def _only_addresses(shape: Shape) -> Shape:
    """The mapping without what takes time and says nothing of who a row is."""
    wanted: tuple[Rule, ...] = tuple(
        rule
        for rule in shape.rules
        if rule.field.key == shape.upsert_key
        or (rule.field.kind.value == "email" and not shape.of_companion(rule))
    )
    return Shape(wanted, shape.primary_key, shape.upsert_key)


def _names(mapped: Mapped, at: int, keys: set[str], emails: dict[str, str]) -> Sequence[str]:
    """What people called the row on the list."""
    key = mapped.key_texts[at]
    if key in keys and key is not None:
        return [key]
    values = {tidied(value) for value in mapped.records[at][1:] if isinstance(value, str)}
    return [called for email, called in emails.items() if email in values]
