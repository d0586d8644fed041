"""What another mapping would mean for rows that were sent: do all count as changed, or which ones?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from syncs.engine.extract import lines_of
from syncs.engine.mapping import Layout, Mapped, Mapper, Shape


@dataclass(frozen=True, slots=True)
class Reshaped:
    """Fields (by key) because of which every record counts as another one, whatever its values."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    other_empty: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.other_empty)


@dataclass(slots=True)
class Compared:
    """Rows mapped in both ways.

    Of `rows`, `same` come out alike; `other` would be sent with other values; `worse` can be sent as it was
    and no more as it shall be, `better` the other way round; the rest cannot be sent in either way.
    """

    rows: int = 0
    same: int = 0
    other: int = 0
    worse: int = 0
    better: int = 0


def reshaped_rows(before: Shape, after: Shape) -> Reshaped:
    """Why all rows count as changed: a fingerprint is of all fields and of what empty values mean in them."""
    return _reshaped(before.row_layout, after.row_layout)


def reshaped_companions(before: Shape, after: Shape) -> Reshaped:
    """The same of what rows write beside their own record; nothing where they shall write none."""
    now, then = before.companion_layout, after.companion_layout
    if then is None:
        return Reshaped()
    return _reshaped(now or Layout((), ()), then)


def compare(before: Mapper, after: Mapper, rows: Sequence[tuple[Any, ...]], into: Compared) -> None:
    """Map the rows in both ways, and add what comes of it."""
    if not rows:
        return
    was, shall = before.map(rows), after.map(rows)
    into.rows += len(rows)
    for at, (old, new) in enumerate(zip(_written(was), _written(shall), strict=True)):
        fits, will_fit = at not in was.flaws, at not in shall.flaws
        into.worse += fits and not will_fit
        into.better += will_fit and not fits
        if fits and will_fit:
            into.same += old == new
            into.other += old != new


def _written(mapped: Mapped) -> list[tuple[bytes, bytes]]:
    """Each row's record and companion as JSON: equal where nothing would be sent."""
    rows = lines_of(mapped.records)
    if not mapped.companions:
        return [(row, b"") for row in rows]
    others = lines_of(mapped.companions)
    keyed = zip(rows, others, mapped.companion_keys, strict=True)
    return [(row, other if key is not None else b"") for row, other, key in keyed]


def _reshaped(before: Layout, after: Layout) -> Reshaped:
    old = dict(zip(before.fields, before.policies, strict=True))
    new = dict(zip(after.fields, after.policies, strict=True))
    return Reshaped(
        tuple(key for key in new if key not in old),
        tuple(key for key in old if key not in new),
        tuple(key for key in new if key in old and old[key] != new[key]),
    )
