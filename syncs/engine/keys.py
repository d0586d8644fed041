"""Digests and fingerprints: how a row is known, and how a change of it is seen. Pure.

Both are XXH3, which is stable over versions and platforms. They guard against accident, not malice: a
key is only ever compared within one sync, a fingerprint only with the same key's last one.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from xxhash import xxh3_64_digest, xxh3_64_intdigest, xxh3_128_digest

ENCODING_VERSION = 1
COMPANION_MARK = "\x1fcompanion\x1f"
_SIGN = 1 << 63  # taken from 64 bits, so that databases can store them as signed


def compound(texts: Sequence[str | None]) -> str:
    """The canonical text of a primary key of several columns."""
    return orjson.dumps(texts).decode()


def typed_key(line: str, columns: Sequence[str]) -> str | None:
    """The key as rows are known by it. Several columns: values with commas between, or a JSON list."""
    if len(columns) == 1:
        return line
    values: Any = [value.strip() for value in line.split(",")]
    if line.startswith("["):
        try:
            values = [value if value is None else str(value) for value in orjson.loads(line)]
        except (orjson.JSONDecodeError, TypeError):
            return None
    return compound(values) if len(values) == len(columns) else None


def row_key(key_text: str) -> bytes:
    """The 16-byte ledger key of a row, from the canonical text of its primary key."""
    return xxh3_128_digest(key_text.encode())


def row_keys(key_texts: Iterable[str]) -> list[bytes]:
    """`row_key` of a column."""
    return list(map(xxh3_128_digest, map(str.encode, key_texts)))


def companion_key(match_key: str) -> bytes:
    """The 16-byte ledger key of a companion, in a space of its own."""
    return row_key(COMPANION_MARK + match_key)


def ledger_key(key_text: str, part: int) -> bytes:
    """The ledger key of a row (part 0) or a companion (part 1)."""
    return companion_key(key_text) if part else row_key(key_text)


def ledger_keys(key_texts: Iterable[str], part: int) -> list[bytes]:
    """`ledger_key` of a column."""
    return list(map(companion_key, key_texts)) if part else row_keys(key_texts)


def layout_seed(layout: Sequence[tuple[str, str]]) -> int:
    """The seed of a record's fingerprints: its fields with their empty-value policies, in order."""
    return xxh3_64_intdigest(orjson.dumps([ENCODING_VERSION, layout]))


def fingerprints(lines: Iterable[bytes], seed: int) -> list[int]:
    """A signed 64-bit fingerprint for each record's canonical JSON."""
    return [xxh3_64_intdigest(line, seed) - _SIGN for line in lines]


def match_digests(match_keys: Iterable[str]) -> list[bytes]:
    """8 bytes for each upsert key, to find duplicates within a run."""
    return list(map(xxh3_64_digest, map(str.encode, match_keys)))
