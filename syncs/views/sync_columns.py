"""What a model returns, for the mapping form: its columns, and samples of each where that is cheap."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from syncs.configuration.goals import stored
from syncs.engine.plain import is_empty
from syncs.engine.values import canonical
from syncs.forms.sync_suggestions import Candidate
from syncs.models import QueryModel, Source
from syncs.sources.base import Reader, SourceError
from syncs.views.sample_rows import SampleRows, sample_rows

MOST_SAMPLES = 5  # of a column, each another one
MOST_LOOKED_AT = 25  # rows, for them: what is the same in so many is the same in most
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


def describe_with_samples(model: QueryModel, *, again: bool = False) -> Columns:
    """The columns with samples and how often they are empty, of rows read a few minutes ago at most.

    `again` reads them anew.
    """
    found = sample_rows(model, again=again)
    if not found.columns:
        return Columns(problem=found.problem, position=found.position)
    offered = tuple(_offered(found, at) for at in range(len(found.columns)))
    return Columns(offered, rows_seen=len(found.rows))


def with_samples(columns: Columns, model: QueryModel) -> Columns:
    """Columns that were just described, with what is known of those of the same names."""
    known = {one.name: one for one in describe_with_samples(model).offered}
    offered = tuple(
        replace(known[one.name], type=one.type) if one.name in known else one for one in columns.offered
    )
    return replace(columns, offered=offered, rows_seen=len(sample_rows(model).rows))


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def _reader(model: QueryModel) -> Reader:
    source = model.source
    asked = Source(kind=source.kind, options=source.options, time_zone=source.time_zone)
    asked.credentials = stored(source)
    return asked.reader()


def _offered(found: SampleRows, at: int) -> Offered:
    column = found.columns[at]
    samples = _samples(row[at] for row in found.rows[:MOST_LOOKED_AT])
    return Offered(column.name, column.type, samples, column.empty_percent)


def _samples(cells: Iterable[object]) -> tuple[str, ...]:
    """The first values that differ and are not empty, as text."""
    samples: dict[str, None] = {}
    for value in cells:
        if not is_empty(value) and (text := " ".join((canonical(value) or "").split())):
            samples.setdefault(text if len(text) <= LONGEST_SAMPLE else f"{text[: LONGEST_SAMPLE - 1]}…")
        if len(samples) == MOST_SAMPLES:
            break
    return tuple(samples)
