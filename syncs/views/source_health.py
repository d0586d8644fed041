"""Testing a source: the answer in plain words, and the health that follows from it."""

from dataclasses import dataclass

from django.utils import timezone

from destinations.contract import JSON
from syncadmin.lib.crypto import UnreadableSecret
from syncs.models import Source
from syncs.sources import registry
from syncs.sources.base import Reader, SourceError, Table
from syncs.sources.duckdb import Upload

QUICK: dict[str, JSON] = {"connect_timeout": 4, "statement_timeout": 20}  # while somebody waits


@dataclass(frozen=True, slots=True)
class Tested:
    """What a test found. `warnings` are what is better changed although it works."""

    is_good: bool
    message: str
    warnings: tuple[str, ...] = ()


class Unreachable(Exception):
    """The source cannot be opened at all; the text is for people."""


def quick_reader(source: Source) -> Reader:
    """Its reader, with the patience of somebody who looks at a page. Unreachable where there is none."""
    known = {setting.key for setting in _kind(source).settings}
    options = dict(source.options) | {key: value for key, value in QUICK.items() if key in known}
    quick = Source(kind=source.kind, options=options, time_zone=source.time_zone)
    quick.sealed_credentials = source.sealed_credentials
    try:
        return quick.reader()
    except UnreadableSecret as error:
        raise Unreachable(str(error)) from None


def test(source: Source) -> Tested:
    """Ask the source. What is on the instance counts, saved or not."""
    try:
        _kind(source)
        reader = source.reader()
        if source.kind == Upload.key:
            return Tested(is_good=True, message=_uploaded(reader))
        found = reader.check()
    except SourceError as error:
        return Tested(is_good=False, message=str(error))
    except (Unreachable, UnreadableSecret) as error:
        return Tested(is_good=False, message=str(error))
    return Tested(is_good=True, message=found.message, warnings=found.warnings)


def note(source: Source, tested: Tested) -> None:
    """Put the answer on the instance; the caller saves `HEALTH`."""
    source.health = Source.Health.GOOD if tested.is_good else Source.Health.ATTENTION
    source.health_reason = "\n".join([tested.message, *tested.warnings])
    source.checked_at = timezone.now()


HEALTH = ("health", "health_reason", "checked_at")


def test_again(source: Source) -> Tested:
    """Test a stored source. `updated_at` stays: whoever edits it meanwhile is not held up by this."""
    tested = test(source)
    note(source, tested)
    Source.objects.filter(pk=source.pk).update(**{name: getattr(source, name) for name in HEALTH})
    return tested


def tables(source: Source) -> tuple[Table, ...]:
    """What can be picked there, asked now. SourceError, or Unreachable."""
    return quick_reader(source).tables()


def kind_label(kind: str) -> str:
    reader = registry.readers().get(kind)
    return reader.label if reader is not None else kind


def _kind(source: Source) -> type[Reader]:
    try:
        return registry.get(source.kind)
    except KeyError as error:
        raise Unreachable(str(error.args[0])) from None


def _uploaded(reader: Reader) -> str:
    """The file read through once: a broken line is found now, not in the first run."""
    (table,) = reader.tables()
    columns = reader.describe(table.sql)
    row_count = 0
    with reader.read(table.sql) as rows:
        for chunk in rows:
            row_count += len(chunk)
    of_rows = "1 row" if row_count == 1 else f"{row_count:,} rows"
    of_columns = "1 column" if len(columns) == 1 else f"{len(columns):,} columns"
    return f"The file holds {of_rows} and {of_columns}."
