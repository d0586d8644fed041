"""What a model returns, for the mapping form: its columns, and a sample of each where that is cheap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from syncs.configuration.goals import stored
from syncs.engine.values import canonical
from syncs.models import QueryModel, Source
from syncs.sources.base import Column, Reader, SourceError

SAMPLE_SECONDS = 3  # a query that gives no row by then has no sample
SAMPLE_ROWS = 20
LONGEST_SAMPLE = 40


@dataclass(frozen=True, slots=True)
class Offered:
    """A column as the form shows it."""

    name: str
    type: str
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """A model's columns. `problem` says why there are none; `position` is the line of the SQL to mend."""

    offered: tuple[Offered, ...] = ()
    problem: str = ""
    position: int | None = None

    @property
    def names(self) -> list[str] | None:
        """The names; None where they could not be read."""
        return None if self.problem else [one.name for one in self.offered]


def describe(model: QueryModel) -> Columns:
    """The columns, without reading rows."""
    return _columns(model, with_sample=False)


def describe_with_samples(model: QueryModel) -> Columns:
    """The columns, each with the first value that is not empty, if the query is quick."""
    return _columns(model, with_sample=True)


def _columns(model: QueryModel, *, with_sample: bool) -> Columns:
    try:
        found = _reader(model).describe(model.sql)
        samples = _samples(model, found) if with_sample else {}
    except SourceError as error:
        return Columns(problem=str(error), position=error.position)
    except LookupError as error:  # a kind of source that this installation does not have
        return Columns(problem=str(error.args[0]))
    return Columns(tuple(Offered(one.name, one.type, samples.get(one.name, "")) for one in found))


def _reader(model: QueryModel, **options: Any) -> Reader:
    source = model.source
    asked = Source(kind=source.kind, options={**source.options, **options}, time_zone=source.time_zone)
    asked.credentials = stored(source)
    return asked.reader()


def _samples(model: QueryModel, columns: Sequence[Column]) -> dict[str, str]:
    try:
        reader = _reader(model, statement_timeout=SAMPLE_SECONDS)
        with reader.read(model.sql, chunk_rows=SAMPLE_ROWS) as rows:
            chunk = next(iter(rows), [])
    except SourceError:
        return {}
    found: dict[str, str] = {}
    for row in chunk:
        for column, value in zip(columns, row, strict=False):
            if column.name not in found and (text := _shown(value)):
                found[column.name] = text
    return found


def _shown(value: object) -> str:
    text = " ".join((canonical(value) or "").split())
    return text if len(text) <= LONGEST_SAMPLE else f"{text[: LONGEST_SAMPLE - 1]}…"
