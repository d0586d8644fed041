"""Finds rows of a run that share an upsert key, or a primary key, in what was staged."""

from collections.abc import Iterator

import orjson

from syncs.engine.plan import Twin
from syncs.engine.staging import Entry, Span, Staging

AT_ONCE = 50_000  # upsert keys looked at in one pass: memory stays flat however many rows are doubled


def read_twin(rows: Staging, entry: Entry) -> Twin:
    """A staged row with its record."""
    key_text, match_key, *values = orjson.loads(rows.line(entry))
    return Twin(entry.position, entry.key, key_text, match_key, tuple(values))


def of_upsert_key(rows: Staging) -> Iterator[list[Twin]]:
    """Groups of rows with one upsert key."""
    repeated = rows.repeated_matches()
    while repeated:
        some = {repeated.pop() for _ in range(min(len(repeated), AT_ONCE))}
        groups: dict[str, list[Twin]] = {}
        for span in rows.spans(0):
            for header in rows.headers(span):
                if header[2] in some and header[5]:
                    twin = read_twin(rows, Entry(*header))
                    groups.setdefault(twin.match_key, []).append(twin)
        yield from (twins for twins in groups.values() if len(twins) > 1)


def of_primary_key(rows: Staging, span: Span, stopped: bytearray) -> Iterator[list[Twin]]:
    """Groups of rows in a span with one primary key, those aside that are `stopped` (by position) already."""
    groups: dict[bytes, list[Entry]] = {}
    for header in rows.headers(span):
        if not stopped[header[3]]:
            groups.setdefault(header[0], []).append(Entry(*header))
    yield from ([read_twin(rows, e) for e in entries] for entries in groups.values() if len(entries) > 1)
