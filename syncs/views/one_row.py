"""One row of a model: found by its primary key, or the next of the first ones."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from syncs.engine.keys import compound
from syncs.engine.values import canonical
from syncs.models import QueryModel
from syncs.sources.base import Problem, SourceError, Type
from syncs.views.sample_rows import sample_rows
from syncs.views.source_health import Unreachable, quick_reader

SECONDS = 10.0  # of reading through the model
CHUNK_ROWS = 2_000

NO_ROW = "The model has no row with this primary key."


@dataclass(frozen=True, slots=True)
class Found:
    """A row with the names of its columns. `problem` says why there is none.

    `at` is its place among the first rows, of which there are `count`; None where it was found elsewhere.
    """

    columns: Sequence[str] = ()
    row: tuple[Any, ...] | None = field(default=None, repr=False)
    at: int | None = None
    count: int = 0
    problem: str = ""


def at_place(model: QueryModel, at: int, *, again: bool = False) -> Found:
    """The row at a place among the first ones, counted from 0; the last of them where it is beyond.

    They may have been read some minutes ago; `again` reads them now.
    """
    sample = sample_rows(model, again=again)
    if not sample.rows:
        return Found(sample.names, problem=sample.problem or "The model returns no rows now.")
    at = max(0, min(at, len(sample.rows) - 1))
    return Found(sample.names, sample.rows[at], at, len(sample.rows))


def by_key(model: QueryModel, key_text: str) -> Found:
    """The row with this primary key as it is now: asked of the source, else read through for it."""
    try:
        found = _asked(model, key_text) if len(model.primary_key) == 1 else None
        found = found or _first(model, model.sql, key_text) or Found(problem=NO_ROW)
    except (SourceError, Unreachable) as error:
        return Found(problem=str(error))
    return _placed(model, key_text, found) if found.row is not None else found


def _placed(model: QueryModel, key_text: str, found: Found) -> Found:
    """With its place among the first rows, where it has one, so that people can step on from it."""
    sample = sample_rows(model)
    places = _places(sample.names, model.primary_key)
    for at, row in enumerate(sample.rows if places is not None else ()):
        if _key_of(row, places or ()) == key_text:
            return Found(found.columns, found.row, at, len(sample.rows))
    return found


def _asked(model: QueryModel, key_text: str) -> Found | None:
    """By a condition around the model's query; None where the source takes none, or spells keys otherwise."""
    (name,) = model.primary_key
    quoted = name.replace('"', '""')
    literal = key_text.replace("'", "''")
    if "\\" in literal or "\0" in literal:
        return None  # whether that is taken for an escape depends on the server
    query = re.sub(r"[;\s]+\Z", "", model.sql)
    sql = f"select * from (\n{query}\n) as rows_of_model where cast(\"{quoted}\" as text) = '{literal}'"  # noqa: S608
    try:
        return _first(model, sql, key_text, is_asked=True)
    except SourceError as error:
        if error.problem is Problem.SQL:
            return None
        raise


def _first(model: QueryModel, sql: str, key_text: str, *, is_asked: bool = False) -> Found | None:
    """The first row with this key; None where there is none, or (of keys that are no text) nobody is sure."""
    until, read = time.monotonic() + SECONDS, 0
    with quick_reader(model.source).read(sql, chunk_rows=CHUNK_ROWS) as rows:
        names = [column.name for column in rows.columns]
        places = _places(names, model.primary_key)
        if places is None:
            return Found(names, problem="The model no longer returns all columns of its primary key.")
        for chunk in rows:
            for row in chunk:
                if _key_of(row, places) == key_text:
                    return Found(names, row)
            read += len(chunk)
            if time.monotonic() > until:
                return Found(
                    names,
                    problem=f"No row with this primary key is among the first {read:,}; reading on takes too "
                    "long here. A run with this row finds it.",
                )
        is_text = all(rows.columns[at].type is Type.TEXT for at in places)
    return Found(names, problem=NO_ROW) if is_asked and is_text else None


def _places(names: Sequence[str], primary_key: Sequence[str]) -> list[int] | None:
    try:
        return [list(names).index(name) for name in primary_key]
    except ValueError:
        return None


def _key_of(row: tuple[Any, ...], places: Sequence[int]) -> str | None:
    """The key as the mapping spells it."""
    texts = [canonical(row[at]) for at in places]
    if None in texts:
        return None
    return texts[0] if len(texts) == 1 else compound(texts)
