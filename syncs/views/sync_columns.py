"""What a model returns, for the mapping form: its columns, and samples of each where that is cheap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from syncs.configuration.goals import stored
from syncs.engine.plain import is_empty
from syncs.engine.values import canonical
from syncs.forms.sync_suggestions import Candidate
from syncs.models import QueryModel, Source
from syncs.sources.base import Column, Reader, SourceError

SAMPLE_SECONDS = 3  # a query that gives no row by then has no sample
SAMPLE_ROWS = 100
MOST_SAMPLES = 5  # of a column, each another one
MOST_LOOKED_AT = 25  # for them: what is the same in so many rows is the same in most
LONGEST_SAMPLE = 100
LONGEST_SHOWN = 40
MOST_SHOWN = 2


@dataclass(frozen=True, slots=True)
class Offered(Candidate):
    """A column as the form shows it. `empty_percent` of the rows looked at; None where there were none."""

    empty_percent: int | None = None

    @property
    def shown(self) -> list[str]:
        """A few values, each cut to what a line can hold."""
        return [shortened(one) for one in self.samples[:MOST_SHOWN]]

    @property
    def sample(self) -> str:
        """The first value that is not empty, cut to what a line can hold."""
        return shortened(self.samples[0]) if self.samples else ""


@dataclass(frozen=True, slots=True)
class Columns:
    """A model's columns. `problem` says why there are none; `position` is the line of the SQL to mend.

    `rows_seen` is how many rows were looked at for the samples.
    """

    offered: tuple[Offered, ...] = ()
    problem: str = ""
    position: int | None = None
    rows_seen: int = 0

    @property
    def names(self) -> list[str] | None:
        """The names; None where they could not be read."""
        return None if self.problem else [one.name for one in self.offered]


def describe(model: QueryModel) -> Columns:
    """The columns, without reading rows."""
    try:
        return Columns(tuple(Offered(one.name, one.type) for one in _reader(model).describe(model.sql)))
    except SourceError as error:
        return Columns(problem=str(error), position=error.position)
    except LookupError as error:  # a kind of source that this installation does not have
        return Columns(problem=str(error.args[0]))


def describe_with_samples(model: QueryModel) -> Columns:
    """The columns with samples and how often they are empty, if the query is quick. One connection then."""
    try:
        reader = _reader(model, statement_timeout=SAMPLE_SECONDS)
        with reader.read(model.sql, chunk_rows=SAMPLE_ROWS) as rows:
            chunk = next(iter(rows), [])[:SAMPLE_ROWS]
            offered = tuple(_profile(one, at, chunk) for at, one in enumerate(rows.columns))
    except (SourceError, LookupError):
        return describe(model)
    return Columns(offered, rows_seen=len(chunk))


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def _reader(model: QueryModel, **options: Any) -> Reader:
    source = model.source
    asked = Source(kind=source.kind, options={**source.options, **options}, time_zone=source.time_zone)
    asked.credentials = stored(source)
    return asked.reader()


def _profile(column: Column, at: int, rows: Sequence[tuple[Any, ...]]) -> Offered:
    """The column with its first values that differ, and the share of those that are empty."""
    filled = [row[at] for row in rows if not is_empty(row[at])]
    samples: dict[str, None] = {}
    for value in filled[:MOST_LOOKED_AT]:
        if text := " ".join((canonical(value) or "").split()):
            samples.setdefault(text if len(text) <= LONGEST_SAMPLE else f"{text[: LONGEST_SAMPLE - 1]}…")
        if len(samples) == MOST_SAMPLES:
            break
    empty = len(rows) - len(filled)
    percent = (
        None if not rows else min(99, max(1, round(100 * empty / len(rows)))) if filled and empty else 100
    )
    return Offered(column.name, column.type, tuple(samples), 0 if rows and not empty else percent)
