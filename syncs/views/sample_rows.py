"""Some rows of a model, for the pages on which people try what a sync does with them.

They are kept in the memory of this process for a few minutes, so that a page that tries again with each
letter does not ask the source each time. They are people's data: they go into no cache elsewhere and no log.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from syncs.engine.plain import is_empty
from syncs.engine.values import canonical
from syncs.models import QueryModel
from syncs.sources.base import Chunk, Problem, SourceError
from syncs.views.source_health import Unreachable, quick_reader

MOST_ROWS = 500
CHUNK_ROWS = 20
MOST_BYTES = 8_000_000  # of a model's rows, about
SECONDS = 5.0  # after this, what is there by then must do
KEPT_SECONDS = 300.0
KEPT_FAILED_SECONDS = 30.0
MOST_MODELS = 8
LONGEST_SAMPLE = 40


@dataclass(frozen=True, slots=True)
class SampleColumn:
    """A column. `empty_percent` is of the rows that were read; None where none were."""

    name: str
    type: str
    sample: str = field(default="", repr=False)
    empty_percent: int | None = None


@dataclass(frozen=True, slots=True)
class SampleRows:
    """The first rows as the source gave them. `problem` says why there are none, or no columns either.

    `is_all`: the model has no more.
    """

    columns: tuple[SampleColumn, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = field(default=(), repr=False)
    problem: str = ""
    position: int | None = None
    is_all: bool = False

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


_kept: OrderedDict[Hashable, tuple[float, SampleRows]] = OrderedDict()
_lock = threading.Lock()


def sample_rows(model: QueryModel, *, again: bool = False) -> SampleRows:
    """Up to MOST_ROWS rows, from memory where they were read a moment ago. `again` reads them anew."""
    key = (model.pk, model.public_id, model.updated_at, model.source_id, model.source.updated_at)
    now = time.monotonic()
    with _lock:
        until, found = _kept.get(key, (0.0, SampleRows()))
        if now < until and not again:
            _kept.move_to_end(key)
            return found
    found = _read(model)
    with _lock:
        keeps = KEPT_FAILED_SECONDS if found.problem else KEPT_SECONDS
        _kept[key] = (time.monotonic() + keeps, found)
        _kept.move_to_end(key)
        while len(_kept) > MOST_MODELS:
            _kept.popitem(last=False)
    return found


def _read(model: QueryModel) -> SampleRows:
    rows: Chunk = []
    size = 0
    is_all = True
    try:
        with quick_reader(model.source).read(model.sql, chunk_rows=CHUNK_ROWS) as found:
            until = time.monotonic() + SECONDS
            for chunk in found:
                for row in chunk:
                    size += sum(len(cell) for cell in row if isinstance(cell, str | bytes)) + 50 * len(row)
                    if size > MOST_BYTES and rows:
                        break
                    rows.append(row)
                if size > MOST_BYTES or len(rows) >= MOST_ROWS or time.monotonic() > until:
                    is_all = False
                    break
    except SourceError as error:
        return _without_rows(model, error) if error.problem is Problem.TIMEOUT else _failed(error)
    except Unreachable as error:
        return _failed(error)
    columns = tuple(
        _described(column.name, column.type.value, [row[at] for row in rows])
        for at, column in enumerate(found.columns)
    )
    return SampleRows(columns, tuple(rows), is_all=is_all)


def _without_rows(model: QueryModel, slow: SourceError) -> SampleRows:
    """The columns alone, of a query that takes longer than a page may."""
    try:
        columns = quick_reader(model.source).describe(model.sql)
    except (SourceError, Unreachable):
        return _failed(slow)
    return SampleRows(
        tuple(SampleColumn(column.name, column.type.value) for column in columns),
        problem="The model’s query takes too long for a look at its rows. A run waits longer.",
    )


def _failed(error: SourceError | Unreachable) -> SampleRows:
    position = error.position if isinstance(error, SourceError) else None
    return SampleRows(problem=str(error), position=position)


def _described(name: str, type: str, cells: list[Any]) -> SampleColumn:
    empty = sum(map(is_empty, cells))
    percent = round(100 * empty / len(cells)) if cells else None
    if percent is not None and empty:  # a few of many are not none, and all but a few are not all
        percent = min(max(percent, 1), 100 if empty == len(cells) else 99)
    return SampleColumn(name, type, sample=_sample(cells), empty_percent=percent)


def _sample(cells: list[Any]) -> str:
    """The first value that is not empty, cut to what a line can hold."""
    text = next((canonical(cell) or "" for cell in cells if not is_empty(cell)), "")
    text = " ".join(text[: 4 * LONGEST_SAMPLE].split())
    return text if len(text) <= LONGEST_SAMPLE else f"{text[: LONGEST_SAMPLE - 1]}…"
