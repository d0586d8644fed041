"""Whether a primary key is one: the whole model is read, row after row, for empty and repeated keys."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import orjson

from syncs.engine import keys
from syncs.engine.values import canonical_column
from syncs.models import Source
from syncs.sources.base import Chunk, SourceError
from syncs.views.source_health import Unreachable, quick_reader

EXAMPLES = 5
MOST_ROWS = 1_000_000  # about 100 MB of digests
SECONDS = 20.0
LONGEST_EXAMPLE = 100


@dataclass(slots=True)
class KeyCheck:
    """What the check found. `is_whole`: every row was looked at. `problem`: why reading ended early."""

    read_count: int = 0
    empty_count: int = 0
    repeated_count: int = 0
    empty_rows: list[int] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    is_whole: bool = False
    problem: str = ""

    @property
    def is_good(self) -> bool:
        return not self.empty_count and not self.repeated_count and not self.problem


def check_key(source: Source, sql: str, primary_key: Sequence[str]) -> KeyCheck:
    """Read the model in bounded time and memory; its SQL and its key's columns are known to be right."""
    check = KeyCheck()
    seen: set[bytes] = set()
    until = time.monotonic() + SECONDS
    try:
        with quick_reader(source).read(sql) as rows:
            places = [[one.name for one in rows.columns].index(name) for name in primary_key]
            for chunk in rows:
                _look(check, seen, list(_texts(chunk, places)))
                if check.read_count >= MOST_ROWS or time.monotonic() > until:
                    return check
    except (SourceError, Unreachable) as error:
        check.problem = str(error)
        return check
    check.is_whole = True
    return check


def mark_of(sql: str, primary_key: Sequence[str]) -> str:
    """What a warning was about, so that saving anyway counts for that alone."""
    return sha256(orjson.dumps([sql, list(primary_key)])).hexdigest()[:32]


def _texts(chunk: Chunk, places: Sequence[int]) -> Iterator[str | None]:
    """The text of each row's key, as runs know it; None where a part is empty."""
    parts = [canonical_column([row[at] for row in chunk]) for at in places]
    if len(parts) == 1:
        return iter(parts[0])
    return (None if None in texts else keys.compound(texts) for texts in zip(*parts, strict=True))


def _look(check: KeyCheck, seen: set[bytes], texts: list[str | None]) -> None:
    """Count the keys of some rows. Quick where all of them are new."""
    first = check.read_count + 1
    check.read_count += len(texts)
    if None not in texts:
        digests = keys.row_keys(text for text in texts if text is not None)
        if len(before := set(digests)) == len(digests) and seen.isdisjoint(before):
            seen |= before
            return
    for at, text in zip(range(first, first + len(texts)), texts, strict=True):
        if text is None:
            check.empty_count += 1
            if len(check.empty_rows) < EXAMPLES:
                check.empty_rows.append(at)
            continue
        digest = keys.row_key(text)
        if digest in seen:
            check.repeated_count += 1
            short = text if len(text) <= LONGEST_EXAMPLE else f"{text[: LONGEST_EXAMPLE - 1]}…"
            if len(check.repeated) < EXAMPLES and short not in check.repeated:
                check.repeated.append(short)
        seen.add(digest)
