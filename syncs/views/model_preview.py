"""A look at what a query returns: its first rows, how full its columns are, and what could be the key."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from syncs.engine.plain import is_empty
from syncs.engine.values import canonical
from syncs.models import Source
from syncs.sources.base import Chunk, Column, Problem, SourceError
from syncs.views.source_health import Unreachable, quick_reader

MOST_ROWS = 1_000
SHOWN_ROWS = 50
CHUNK_ROWS = 200
SECONDS = 10.0  # after this, what is there by then must do
LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class Sampled:
    """A column, and how many of the rows that were read have nothing in it."""

    name: str
    type: str
    empty_count: int
    empty_percent: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a query returns.

    `note` says why its rows are missing although it runs; `problem` why it does not, `position` in which
    line of the SQL.
    """

    columns: tuple[Sampled, ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    read_count: int = 0
    is_all: bool = False
    proposed: tuple[str, ...] = ()
    note: str = ""
    problem: str = ""
    position: int | None = None
    line: str = field(default="", repr=False)

    @property
    def told(self) -> str:
        """The problem, with the line of the SQL that it is about."""
        return f"{self.problem} Line {self.position} is: {self.line}" if self.line else self.problem

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


def preview(source: Source, sql: str) -> Preview:
    """Read up to MOST_ROWS rows."""
    rows: Chunk = []
    is_all = True
    try:
        with quick_reader(source).read(sql, chunk_rows=CHUNK_ROWS) as found:
            until = time.monotonic() + SECONDS
            for chunk in found:
                rows += chunk
                if len(rows) >= MOST_ROWS or time.monotonic() > until:
                    is_all = False
                    break
    except SourceError as error:
        return _without_rows(source, sql, error) if error.problem is Problem.TIMEOUT else failed(error, sql)
    except Unreachable as error:
        return failed(error, sql)
    rows = rows[:MOST_ROWS]
    return Preview(
        tuple(_sampled(column, [row[at] for row in rows]) for at, column in enumerate(found.columns)),
        tuple(tuple(_shown(value) for value in row) for row in rows[:SHOWN_ROWS]),
        len(rows),
        is_all,
        propose_key(found.columns, rows),
    )


def _without_rows(source: Source, sql: str, slow: SourceError) -> Preview:
    """The columns alone, of a query that takes longer than a page may."""
    try:
        columns = quick_reader(source).describe(sql)
    except (SourceError, Unreachable):
        return failed(slow, sql)
    return Preview(
        tuple(_sampled(column, ()) for column in columns),
        proposed=propose_key(columns, ()),
        note="The query takes too long for a look at its rows. A run waits longer. Its columns are known:",
    )


def failed(error: SourceError | Unreachable, sql: str) -> Preview:
    """The preview of a query that cannot be read."""
    position = error.position if isinstance(error, SourceError) else None
    lines = sql.split("\n")
    line = lines[position - 1].strip() if position and position <= len(lines) else ""
    return Preview(problem=str(error), position=position, line=line[:LONGEST_VALUE])


def propose_key(columns: Sequence[Column], rows: Sequence[tuple[object, ...]]) -> tuple[str, ...]:
    """The column that most likely identifies a row: by its name first, and never against the sample."""
    fit = [column.name for at, column in enumerate(columns) if _tells_apart([row[at] for row in rows])]
    ranked = sorted(
        (rank, at, name) for at, name in enumerate(fit) if (rank := _rank(name, certain=bool(rows))) < 9
    )
    return (ranked[0][2],) if ranked else ()


def _rank(name: str, *, certain: bool) -> int:
    """How much a name looks like a key's: the smaller the more. 9: not at all."""
    low = name.lower()
    if low == "id":
        return 0
    if low in ("uuid", "guid", "key"):
        return 1
    if low.endswith(("_id", "_uuid")) or name.endswith("Id"):
        return 2
    if low in ("email", "e-mail", "email_address"):
        return 3
    if low.endswith("email"):
        return 4
    return 5 if certain else 9


def _tells_apart(values: Sequence[object]) -> bool:
    texts = [canonical(value) for value in values]
    return None not in texts and len(set(texts)) == len(texts)


def _sampled(column: Column, values: Sequence[object]) -> Sampled:
    empty = sum(map(is_empty, values))
    percent = round(100 * empty / len(values)) if values else 0
    if empty:  # a few of many are not none, and all but a few are not all
        percent = min(max(percent, 1), 100 if empty == len(values) else 99)
    return Sampled(column.name, column.type.value, empty, percent)


def _shown(value: object) -> str | None:
    """The cell's text; None where it is empty."""
    if is_empty(value):
        return None
    text = canonical(value) or ""
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
