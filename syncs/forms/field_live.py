"""The table of a field's page: what becomes of real rows, step by step, and of their empty values. Pure.

Values come from `engine/trace.py`, which is to say from what a run does.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from itertools import pairwise
from typing import Any

from syncs.configuration.checks import DEFAULT
from syncs.engine.mapping import MappingBroken, Rule
from syncs.engine.plain import canonical, is_empty
from syncs.engine.trace import Traced, trace
from syncs.forms.field_cells import Cell, cell_of, sent_text
from syncs.forms.sync_words import EMPTY

SHOWN_ROWS = 10
EMPTY_ROWS = 3  # of them at the top
SHOWN_EMPTIES = 4
SHOWN_MISFITS = 8
CHUNK_ROWS = 25
SECONDS = 0.6  # of the processor, after which the rows tried by then must do
POLICIES = tuple(policy.value for policy in EMPTY)


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes out. `text` is the value as JSON; `words` say what happens where there is none."""

    text: str = ""
    note: str = ""
    words: str = ""
    flaws: tuple[str, ...] = ()


NO_DEFAULT = Sent(words="No default is typed yet.")


@dataclass(frozen=True, slots=True)
class Line:
    """A row: its primary key, what fills the field, the value after each step, what is sent."""

    key: str
    source: Cell
    after: tuple[Cell, ...]
    sent: Sent | None


@dataclass(frozen=True, slots=True)
class Empty:
    """A row whose value is empty, and what each choice does to it."""

    key: str
    source: Cell
    outcomes: tuple[Sent, ...]

    @property
    def told(self) -> list[tuple[str, str, Sent]]:
        """Each choice, its words, and what it does."""
        words = EMPTY.items()
        return [(one.value, label, sent) for (one, label), sent in zip(words, self.outcomes, strict=True)]


@dataclass(frozen=True, slots=True)
class Live:
    """All that is told of the samples. `problem` says why there is nothing to tell.

    `sent_count`, `empty_count` and `flawed_count` are of the `tried_count` rows that were looked at;
    `misfits` are the reasons why values do not fit, each with its number of rows.
    """

    lines: tuple[Line, ...] = ()
    empties: tuple[Empty, ...] = ()
    misfits: tuple[tuple[str, int], ...] = ()
    more_misfits: int = 0
    tried_count: int = 0
    sent_count: int = 0
    empty_count: int = 0
    flawed_count: int = 0
    problem: str = ""
    is_whole: bool = True


@dataclass(slots=True)
class Samples:
    """Rows of a model, and what a run knows of it. `is_key`: the records are known by the field."""

    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]] = field(repr=False)
    primary_key: Sequence[str]
    zone: tzinfo
    is_key: bool = False

    def trace(self, rule: Rule, rows: Sequence[tuple[Any, ...]]) -> list[Traced]:
        return trace(
            rule, self.columns, rows, primary_key=self.primary_key, zone=self.zone, is_key=self.is_key
        )


def live(rule: Rule, samples: Samples, *, is_whole: bool = True) -> Live:
    """Try the rule on the samples. `is_whole` is false where steps that are wrong are left out of it."""
    try:
        samples.trace(rule, [])
        chosen = telling_rows(rule, samples)
        traced, tried = _tried(rule, samples, chosen)
        empties = _empties(rule, samples, _different([pair for pair in tried if _is_empty(pair[1])]))
    except MappingBroken as broken:
        return Live(problem=str(broken))
    reasons = Counter(flaw.message for _, one in tried for flaw in one.flaws)
    flawed = sum(bool(one.flaws) for _, one in tried)
    sent = sum(one.sent is not None and not one.flaws for _, one in tried)
    common = reasons.most_common(SHOWN_MISFITS)
    return Live(
        tuple(_line(row, one, samples, is_whole=is_whole) for row, one in traced),
        empties if is_whole else (),
        tuple(common) if is_whole and not rule.is_fixed else (),
        len(reasons) - len(common),
        len(tried),
        sent,
        len(tried) - sent - flawed,
        flawed,
        is_whole=is_whole,
    )


def telling_rows(rule: Rule, samples: Samples) -> list[int]:
    """Which rows to show: first some of those that show how empty values behave, then different values."""
    if rule.is_fixed:
        return [0] if samples.rows else []
    places = [samples.columns.index(name) for name in rule.columns if name in samples.columns]
    seen: dict[tuple[str | None, ...], int] = {}
    gaps: dict[tuple[str | None, ...], int] = {}
    for at, row in enumerate(samples.rows):
        cells = [row[place] for place in places]
        seen.setdefault(tuple(canonical(cell) for cell in cells), at)
        if any(map(is_empty, cells)):
            gaps.setdefault(tuple(repr(cell)[:20] if is_empty(cell) else "" for cell in cells), at)
    first = list(gaps.values())[:EMPTY_ROWS]
    different = [at for at in seen.values() if at not in first]
    others = [at for at in range(len(samples.rows)) if at not in {*first, *different}]
    return [*first, *different, *others][:SHOWN_ROWS]


def values_before(rule: Rule, samples: Samples, step: int) -> list[str]:
    """The different texts that reach a step, the most frequent first: a value map looks those up."""
    found: Counter[str] = Counter()
    upto = replace(rule, steps=rule.steps[:step])
    for _, one in _chunks(upto, samples, range(len(samples.rows))):
        if not is_empty(one.last) and (text := canonical(one.last)) is not None:
            found[text] += 1
    return [text for text, _ in found.most_common()]


Tried = list[tuple[int, Traced]]


def _tried(rule: Rule, samples: Samples, chosen: Sequence[int]) -> tuple[Tried, Tried]:
    """The chosen rows, and with them all others that there is time for."""
    if rule.is_fixed:
        found = _chunks(rule, samples, chosen)
        return found, found
    first = set(chosen)
    found = _chunks(rule, samples, [*chosen, *(at for at in range(len(samples.rows)) if at not in first)])
    return found[: min(len(chosen), len(found))], found


def _chunks(rule: Rule, samples: Samples, places: Sequence[int]) -> Tried:
    """The rows of these places, as many as there is time for; at least a few."""
    found: Tried = []
    until = time.thread_time() + SECONDS
    size = 2 if rule.template is not None else SHOWN_ROWS
    while len(found) < len(places) and (not found or time.thread_time() < until):
        part = places[len(found) : len(found) + size]
        found += zip(part, samples.trace(rule, [samples.rows[at] for at in part]), strict=True)
        size = min(2 * size, CHUNK_ROWS) if rule.template is None else size
    return found


def _line(at: int, one: Traced, samples: Samples, *, is_whole: bool) -> Line:
    stages = [one.source, *one.after]
    after = tuple(cell_of(value, previous, has_previous=True) for previous, value in pairwise(stages))
    return Line(_key(at, samples), cell_of(one.source), after, _sent(one) if is_whole else None)


def _key(at: int, samples: Samples) -> str:
    names = [name for name in samples.primary_key if name in samples.columns]
    cells = [cell_of(samples.rows[at][samples.columns.index(name)]) for name in names]
    return ", ".join(cell.text or cell.note for cell in cells)


def _sent(one: Traced) -> Sent:
    if one.flaws:
        return Sent(words="The row needs attention.", flaws=tuple(flaw.message for flaw in one.flaws))
    if one.is_cleared:
        return Sent(words="Sent as empty: cleared there.")
    if one.sent is None:
        return Sent(words="Not sent: stays as it is there.")
    text, note = sent_text(one.sent)
    return Sent(text, note, words="The default." if one.policy == DEFAULT and is_empty(one.last) else "")


def _is_empty(one: Traced) -> bool:
    """Whether the choice for empty values decides about it."""
    return is_empty(one.last) or (one.sent is None and not one.flaws)


def _different(empty: Tried) -> list[int]:
    """Some rows of these, of each source value one."""
    found: dict[str, int] = {}
    for at, one in empty:
        found.setdefault(repr(cell_of(one.source)), at)
    return list(found.values())[:SHOWN_EMPTIES]


def _empties(rule: Rule, samples: Samples, places: Sequence[int]) -> tuple[Empty, ...]:
    if not places or rule.is_fixed:
        return ()
    rows = [samples.rows[at] for at in places]
    traced = [samples.trace(replace(rule, empty=policy), rows) for policy in POLICIES]
    has_default = not is_empty(rule.default)
    return tuple(
        Empty(
            _key(at, samples),
            cell_of(traced[0][number].source),
            tuple(
                _sent(of_policy[number]) if has_default or policy != DEFAULT else NO_DEFAULT
                for policy, of_policy in zip(POLICIES, traced, strict=True)
            ),
        )
        for number, at in enumerate(places)
    )
