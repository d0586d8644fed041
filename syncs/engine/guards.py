"""Guards: which rows are held back, and by which guard. Compiled once, applied to a chunk in columns. Pure.

Any row is held back, or goes on, or has a flaw where a guard cannot tell: never an exception. Of several
guards that would hold a row back, the first in the sync's order is named. Guards look at rows before it is
asked whether their values fit: a row that is held back needs nobody's attention for its data.

Two kinds see more than one row at a time, so they only lay aside here what planning decides by: new domains
(`guard_floods.py`) and the first of several rows (`guard_order.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from destinations.contract import JSON
from syncs.engine import mail_domains
from syncs.engine.guard_columns import COLUMN, FIELD, Chunk, Look
from syncs.engine.guard_conditions import Answer, Test, compile_conditions, look_of
from syncs.engine.guard_keys import digest, tidied
from syncs.engine.guard_kinds import KINDS, Spec, content_of, kind_of, looks, name_of
from syncs.engine.mail_domains import OwnLists
from syncs.engine.mapping import Flaw, Mapped, MappingBroken, Shape
from syncs.engine.plain import jsonable

UNSURE = "guard_unsure"


@dataclass(frozen=True, slots=True)
class Supplies:
    """What guards need beside a row: lists of domains, and the digests of suppressed keys by guard."""

    own: OwnLists = field(default_factory=OwnLists)
    keys: Mapping[int, frozenset[int]] = field(default_factory=dict)


@dataclass(slots=True)
class Judged:
    """Of a chunk: who is held back by which guard (by their places in chunk and guards), and the flaws."""

    held: dict[int, int]
    flaws: dict[int, Flaw]


@dataclass(frozen=True, slots=True)
class Flood:
    """The guard `at` this place holds back domains with more than `most` new records in a run."""

    at: int
    look: Look
    most: int


@dataclass(frozen=True, slots=True)
class First:
    """The guard `at` this place keeps one of several rows for a record: the first by a column."""

    at: int
    look: Look
    descending: bool


class Guards:
    """A sync's guards, compiled for the columns of its model and the fields of its mapping.

    `specs` are without fault. MappingBroken where they look at what is not there.
    """

    def __init__(
        self, specs: Sequence[Spec], columns: Sequence[str], shape: Shape, zone: tzinfo, supplies: Supplies
    ) -> None:
        self.names = [name_of(spec) for spec in specs]
        self.causes = [KINDS[kind_of(spec)].cause(content_of(spec)) for spec in specs]
        self.kinds = [kind_of(spec) for spec in specs]
        self.own = supplies.own
        self._columns = {name: at for at, name in enumerate(columns)}
        self._fields = {name: at + 2 for at, name in enumerate(shape.row_layout.fields)}
        self._seen = {look.name for spec in specs for look in looks(spec) if look.kind == COLUMN}
        self._demand(specs)
        self._emails = [
            Look(FIELD, rule.field.key)
            for rule in shape.rules
            if rule.field.key in self._fields
            and (rule.field.kind.value == "email" or rule.field.key == shape.upsert_key)
        ]
        self._tests: list[tuple[int, Callable[[Chunk, Mapped], Answer]]] = []
        self.flood: Flood | None = None
        self.first: First | None = None
        for at, spec in enumerate(specs):
            self._add(at, kind_of(spec), content_of(spec), zone, supplies)

    def chunk(self, rows: Sequence[tuple[Any, ...]], mapped: Mapped) -> Chunk:
        """The rows as guards look at them."""
        return Chunk(rows, mapped.records, self._columns, self._fields)

    def seen(self, row: tuple[Any, ...]) -> dict[str, JSON]:
        """The row's values in the columns that guards look at, for people to read."""
        return {name: jsonable(row[at]) for name, at in self._columns.items() if name in self._seen}

    def judge(self, chunk: Chunk, mapped: Mapped) -> Judged:
        """Who is held back. Where one guard holds a row back, another's doubt does not count."""
        judged = Judged({}, {})
        for at, test in self._tests:
            answer = test(chunk, mapped)
            for row, is_so in enumerate(answer.yes):
                if is_so:
                    judged.held.setdefault(row, at)
            for row, why in answer.unsure.items():
                judged.flaws.setdefault(row, Flaw(UNSURE, "", self._unsure(at, why)))
        for row in judged.held.keys() & judged.flaws.keys():
            del judged.flaws[row]
        return judged

    def _unsure(self, at: int, why: str) -> str:
        return (
            f"The guard “{self.names[at]}” cannot tell whether to hold this row back: {why}. Whoever owns "
            "the source's data must correct it, or the guard must look at something else."
        )

    def _demand(self, specs: Sequence[Spec]) -> None:
        for spec in specs:
            for look in looks(spec):
                if look.name not in (self._columns if look.kind == COLUMN else self._fields):
                    gone = (
                        f"the column “{look.name}”, which the model no longer returns"
                        if look.kind == COLUMN
                        else f"the field “{look.name}”, which is not mapped"
                    )
                    raise MappingBroken(
                        f"The guard “{name_of(spec)}” looks at {gone}. Nothing was sent. Whoever edits the "
                        "sync must change the guard, or bring that back."
                    )

    def _add(self, at: int, kind: str, spec: Spec, zone: tzinfo, supplies: Supplies) -> None:
        if kind == "new_domains":
            self.flood = Flood(at, look_of(spec), spec["most"])
        elif kind == "keep_first":
            self.first = First(at, look_of(spec), bool(spec.get("descending")))
        elif kind == "never_send":
            # Whatever order people give the guards: this one is asked first.
            self._tests.insert(0, (at, _never(spec, self._emails)))
        elif kind in ("send_only", "hold_back"):
            self._tests.append((at, _conditions(compile_conditions(spec, zone), keeps=kind == "send_only")))
        else:
            self._tests.append((at, _of_one(kind, look_of(spec), supplies.own, supplies.keys.get(at))))


def _conditions(test: Test, *, keeps: bool) -> Callable[[Chunk, Mapped], Answer]:
    def ask(chunk: Chunk, mapped: Mapped) -> Answer:
        answer = test(chunk)
        if not keeps:
            return answer
        held = [not is_so for is_so in answer.yes]
        for row in answer.unsure:
            held[row] = False
        return Answer(held, answer.unsure)

    return ask


def _never(spec: Spec, emails: Sequence[Look]) -> Callable[[Chunk, Mapped], Answer]:
    keys = frozenset(spec.get("keys", ()))
    people = frozenset(map(tidied, spec.get("emails", ())))

    def ask(chunk: Chunk, mapped: Mapped) -> Answer:
        held = [key in keys for key in mapped.key_texts]
        for look in emails if people else ():
            for row, email in enumerate(chunk.emails(look)):
                if email in people:
                    held[row] = True
        return Answer(held)

    return ask


def _of_one(
    kind: str, look: Look, own: OwnLists, keys: frozenset[int] | None
) -> Callable[[Chunk, Mapped], Answer]:
    """A guard that looks at one thing alone."""

    def is_suppressed(chunk: Chunk) -> list[bool]:
        known = keys or frozenset()
        texts = _keys(chunk, look)
        return [bool(text) and digest(text) in known for text in texts]

    def is_wrong(chunk: Chunk) -> list[bool]:
        pairs = zip(chunk.emails(look), chunk.texts(look), strict=True)
        return [email is None and bool(text) for email, text in pairs]

    def by_domain(test: Callable[[str, OwnLists], bool]) -> Callable[[Chunk], list[bool]]:
        def ask(chunk: Chunk) -> list[bool]:
            found = chunk.domains(look)
            held = {domain for domain in set(found) if domain and test(domain, own)}
            return [domain in held for domain in found]

        return ask

    asked: Callable[[Chunk], list[bool]] = {
        "suppressed": is_suppressed,
        "email_syntax": is_wrong,
        "personal_emails": by_domain(mail_domains.is_personal),
        "disposable_emails": by_domain(mail_domains.is_disposable),
        "blocked_domains": by_domain(mail_domains.is_blocked),
    }[kind]
    return lambda chunk, mapped: Answer(asked(chunk))


def _keys(chunk: Chunk, look: Look) -> list[str]:
    """The values as keys of a suppression list: `guard_keys.tidied` of each."""
    pairs = zip(chunk.emails(look), chunk.texts(look), strict=True)
    return [email or text for email, text in pairs]
