"""The kinds of source that there are."""

from collections.abc import Mapping
from types import MappingProxyType

from syncs.sources.base import Reader
from syncs.sources.duckdb import DuckDB, Upload
from syncs.sources.postgres import Postgres

_READERS: Mapping[str, type[Reader]] = MappingProxyType(
    {reader.key: reader for reader in (Postgres, DuckDB, Upload)}
)


def readers() -> Mapping[str, type[Reader]]:
    """Every kind of reader by its key."""
    return _READERS


def get(kind: str) -> type[Reader]:
    """The reader of this kind. KeyError, with the kinds that there are, where there is none."""
    try:
        return _READERS[kind]
    except KeyError:
        raise KeyError(f"There is no kind of source {kind!r}. There are {', '.join(_READERS)}.") from None
