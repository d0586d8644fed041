"""What a plan would change, field by field: before is what was last sent, after what would be. Pure.

A field that a record leaves alone is in neither: it stays as it is there. Counts go by group of rows (`NEW`,
`CHANGED`, `ALONG`), by field ("" for rows of any field) and by kind ("" for rows of any kind).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self, TypeAlias

import orjson

from destinations.contract import JSON

# What becomes of a field …
SET, CHANGED, CLEARED, BLANK = "set", "changed", "cleared", "blank"
KINDS = (CLEARED, CHANGED, SET, BLANK)  # what hurts most comes first
# … and of a row of which no field can be told: sent as it was, or nobody knows what was sent.
SAME, UNKNOWN = "same", "unknown"

# Rows that were never sent, rows that were, and companions that go along with a row of their own.
NEW, KNOWN, ALONG = "new", "changed", "along"
GROUPS = (NEW, KNOWN, ALONG)

EXAMPLES = 3  # kept of each field and kind

Record: TypeAlias = Mapping[str, JSON]
Place: TypeAlias = tuple[int, int]  # a batch's number and the position in it
Counts: TypeAlias = dict[str, dict[str, dict[str, int]]]


class Change(NamedTuple):
    """One field's change. `was_sent`: what stood there before is known; else `before` is None."""

    kind: str
    before: JSON
    after: JSON
    was_sent: bool


def changes(before: Record, after: Record) -> dict[str, Change]:
    """What sending `after` changes in a record that holds `before`, by field in the order of `after`."""
    return {
        name: _change(before.get(name), value, was_sent=name in before)
        for name, value in after.items()
        if name not in before or not is_same(before[name], value)
    }


def _change(old: JSON, value: JSON, *, was_sent: bool) -> Change:
    """`blank`: empty is sent over a field of which nothing is known."""
    if value is None:
        kind = CLEARED if old is not None else BLANK
    else:
        kind = SET if old is None else CHANGED
    return Change(kind, old, value, was_sent)


def is_same(one: JSON, other: JSON) -> bool:
    """Whether two values are the same JSON: 1, 1.0 and true are three."""
    if one is other:
        return True
    return one == other and (isinstance(one, str) or orjson.dumps(one) == orjson.dumps(other))


@dataclass(frozen=True, slots=True)
class Told:
    """One operation's changes by field; None where nobody knows what was sent of it before."""

    group: str
    changes: Mapping[str, Change] | None

    @classmethod
    def of(cls, group: str, before: Record | None, after: Record) -> Self:
        return cls(group, None if before is None else changes(before, after))

    @property
    def kinds(self) -> set[str]:
        """The kinds of its changes, or why it has none."""
        if self.changes is None:
            return {UNKNOWN}
        return {change.kind for change in self.changes.values()} or {SAME}

    def fits(self, *, group: str = "", name: str = "", kind: str = "") -> bool:
        """Whether it is counted there."""
        if group and self.group != group:
            return False
        if not name:
            return not kind or kind in self.kinds
        change = (self.changes or {}).get(name)
        return change is not None and kind in ("", change.kind)


@dataclass(slots=True)
class Summary:
    """How often each field is changed in which way, with the places of a few examples."""

    counts: Counts = field(default_factory=dict)
    examples: dict[str, dict[str, list[Place]]] = field(default_factory=dict)
    rekeyed: int = 0

    def add(self, told: Iterable[tuple[Place, Told]]) -> None:
        """Count operations."""
        for place, one in told:
            self._count(one.group, "", "")
            for kind in one.kinds:
                self._count(one.group, "", kind)
            for name, change in (one.changes or {}).items():
                self._count(one.group, name, "")
                self._count(one.group, name, change.kind)
                shown = NEW if one.group == NEW else change.kind
                known = self.examples.setdefault(name, {}).setdefault(shown, [])
                if len(known) < EXAMPLES:
                    known.append(place)

    def _count(self, group: str, name: str, kind: str) -> None:
        of_field = self.counts.setdefault(group, {}).setdefault(name, {})
        of_field[kind] = of_field.get(kind, 0) + 1

    def merge(self, other: Self) -> None:
        """Add what another one counted, which comes after this one."""
        self.rekeyed += other.rekeyed
        for group, fields in other.counts.items():
            for name, kinds in fields.items():
                for kind, count in kinds.items():
                    of_field = self.counts.setdefault(group, {}).setdefault(name, {})
                    of_field[kind] = of_field.get(kind, 0) + count
        for name, by_kind in other.examples.items():
            for kind, places in by_kind.items():
                known = self.examples.setdefault(name, {}).setdefault(kind, [])
                known += places[: EXAMPLES - len(known)]

    @property
    def fields(self) -> list[str]:
        """The fields that are changed, those with most changes of known records first."""
        names = {name for fields in self.counts.values() for name in fields if name}
        return sorted(names, key=lambda name: (-self.count(KNOWN, name), -self.count("", name), name))

    def count(self, group: str = "", name: str = "", kind: str = "") -> int:
        """How many rows; without a group those of all groups."""
        return count(self.counts, group, name, kind)

    def examples_of(self, name: str) -> list[Place]:
        """At most EXAMPLES places, of what hurts first."""
        by_kind = self.examples.get(name, {})
        return [place for kind in (*KINDS, NEW) for place in by_kind.get(kind, ())][:EXAMPLES]

    def write(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "counts": self.counts,
            "examples": {
                name: {kind: [list(place) for place in places] for kind, places in by_kind.items()}
                for name, by_kind in self.examples.items()
            },
            "rekeyed": self.rekeyed,
        }

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Self:
        examples = {
            name: {kind: [(place[0], place[1]) for place in places] for kind, places in by_kind.items()}
            for name, by_kind in written["examples"].items()
        }
        return cls(written["counts"], examples, written["rekeyed"])


def count(counts: Counts, group: str, name: str, kind: str) -> int:
    """How many operations are counted there; without a group those of all groups."""
    groups = (group,) if group else tuple(counts)
    return sum(counts.get(one, {}).get(name, {}).get(kind, 0) for one in groups)


# What is kept of a batch


def write_befores(told: Iterable[Told]) -> list[Any]:
    """What is kept of operations beside their batch: `[group, {field: [before]}]` of the fields that change.

    The list is empty where nothing was sent before; instead of the fields stands null where nobody knows.
    """
    return [
        [
            one.group,
            None
            if one.changes is None
            else {name: [change.before] if change.was_sent else [] for name, change in one.changes.items()},
        ]
        for one in told
    ]


def read_before(written: Sequence[Any], after: Record) -> Told:
    """One operation again, with the record that its batch has of it (without what was forgotten)."""
    group, befores = written
    if befores is None:
        return Told(group, None)
    return Told(
        group,
        {
            name: _change(known[0] if known else None, after[name], was_sent=bool(known))
            for name, known in befores.items()
            if name in after
        },
    )
