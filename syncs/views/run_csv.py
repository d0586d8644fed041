"""Rows that did not arrive, as a file for a spreadsheet: a line each, every value in its column."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from typing import Any

import orjson

from syncadmin.lib.spreadsheet import MARK, Echo, guarded
from syncs.engine.catalogue import title_of
from syncs.models import RejectedRow, Run
from syncs.views.run_groups import Group

A_READ = 2_000
HEAD = ("Primary key", "Record", "What happened", "Problem", "Field", "Reason", "Who must act", "Time")


def lines(run: Run, groups: Sequence[Group], *, zone: tzinfo) -> Iterator[str]:
    """The file's lines: first all columns are found, then the rows follow group after group."""
    columns = _columns(run, groups)
    writer = csv.writer(Echo())
    yield MARK + writer.writerow([guarded(name) for name in (*HEAD, *columns)])
    for row in _rows(run, groups):
        values = row.payload if isinstance(row.payload, dict) else {}
        about = (
            row.key_text,
            row.match_key,
            row.get_stage_display(),
            title_of(row.problem),
            row.field,
            row.reason,
            row.get_who_display(),
            row.created_at.astimezone(zone).isoformat(sep=" ", timespec="seconds"),
        )
        yield writer.writerow([guarded(text) for text in (*about, *(cell(values.get(c)) for c in columns))])


def cell(value: Any) -> str:
    """A value as a cell's text; lists and objects as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _columns(run: Run, groups: Sequence[Group]) -> list[str]:
    found: dict[str, None] = {}
    for group in groups:
        payloads: Iterable[Any] = (
            RejectedRow.objects.filter(group.where, run=run)
            .values_list("payload", flat=True)
            .iterator(chunk_size=A_READ)
        )
        for payload in payloads:
            if isinstance(payload, dict):
                found |= dict.fromkeys(map(str, payload))
    return list(found)


def _rows(run: Run, groups: Sequence[Group]) -> Iterator[RejectedRow]:
    """The rows in reads of their own: no cursor stays open while the reader is slow."""
    for group in groups:
        found = RejectedRow.objects.filter(group.where, run=run).order_by("-pk")
        last: int | None = None
        while some := list((found if last is None else found.filter(pk__lt=last))[:A_READ]):
            yield from some
            last = some[-1].pk
