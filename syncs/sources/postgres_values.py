"""PostgreSQL's values → Python's: quick where the driver is, exact everywhere.

Types that Python holds only roughly, or with types of its own, stay the text that PostgreSQL writes: an
interval of a month is no number of days. A value that Python cannot hold (`infinity` as a date, a year BC) is
that text too; it never ends the reading.
"""

from typing import Any

import psycopg
from psycopg import pq
from psycopg.abc import Buffer, Transformer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.pq.abc import PGresult
from psycopg.types import TypeInfo
from psycopg.types.string import TextLoader

from syncs.sources.base import Chunk, Column, Type
from syncs.sources.exact_json import exact_json

_AS_TEXT = (
    *("uuid", "inet", "cidr", "interval", "record"),
    *("int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange"),
    *("int4multirange", "int8multirange", "nummultirange"),
    *("datemultirange", "tsmultirange", "tstzmultirange"),
)
_TYPES = {
    **dict.fromkeys(("int2", "int4", "int8", "float4", "float8", "numeric", "oid"), Type.NUMBER),
    **dict.fromkeys(
        ("text", "varchar", "bpchar", "name", '"char"', "uuid", "inet", "cidr", "xml"), Type.TEXT
    ),
    **dict.fromkeys(("timestamp", "timestamptz"), Type.DATETIME),
    **dict.fromkeys(("time", "timetz"), Type.TIME),
    **dict.fromkeys(("json", "jsonb"), Type.JSON),
    "bool": Type.BOOLEAN,
    "date": Type.DATE,
    "bytea": Type.BYTES,
}


class _JSON(Loader):
    def load(self, data: Buffer) -> Any:
        return exact_json(bytes(data))


def _adapters() -> AdaptersMap:
    found = AdaptersMap(psycopg.adapters)
    for name in _AS_TEXT:
        found.register_loader(name, TextLoader)
    for name in ("json", "jsonb"):
        found.register_loader(name, _JSON)
    return found


ADAPTERS = _adapters()


def columns(connection: psycopg.Connection, result: PGresult) -> tuple[Column, ...]:
    """The result's columns. Types of the database's own are looked up, so that their arrays are read too."""
    oids = [result.ftype(at) for at in range(result.nfields)]
    registry = connection.adapters.types
    unknown = {oid for oid in oids if registry.get(oid) is None}
    categories: dict[int, str] = {}
    if unknown:
        found = connection.execute(
            "select t.oid::int8, t.typcategory::text, e.oid::int8, e.typname::text, e.typdelim::text "
            "from pg_catalog.pg_type t left join pg_catalog.pg_type e on e.oid = t.typelem and e.typarray = "
            "t.oid where t.oid = any(%s)",
            [sorted(unknown)],
        )
        for oid, category, element, name, delimiter in found:
            categories[oid] = category
            if element is not None:
                TypeInfo(name, element, oid, delimiter=delimiter).register(connection)
    names = [(result.fname(at) or b"").decode() for at in range(result.nfields)]
    return tuple(
        Column(name, _type(registry.get(oid), oid, categories.get(oid, "")))
        for name, oid in zip(names, oids, strict=True)
    )


def _type(info: TypeInfo | None, oid: int, category: str) -> Type:
    if category == "A" or (info is not None and info.array_oid == oid):
        return Type.LIST
    if info is not None and info.name in _TYPES:
        return _TYPES[info.name]
    return Type.TEXT if category in ("S", "E") else Type.OTHER


def load(
    transformer: Transformer, connection: psycopg.Connection, result: PGresult, first: int, last: int
) -> Chunk:
    """The rows from `first` to before `last` of a result whose loaders are set."""
    try:
        return transformer.load_rows(first, last, tuple)
    except (psycopg.DataError, ValueError, ArithmeticError, RecursionError):
        return _load_patiently(connection, result, first, last)


def _load_patiently(connection: psycopg.Connection, result: PGresult, first: int, last: int) -> Chunk:
    """The same, cell by cell: what cannot be loaded is the text that the server wrote."""
    loaders = [
        connection.adapters.get_loader(result.ftype(at), pq.Format.TEXT) or TextLoader
        for at in range(result.nfields)
    ]
    instances = [loader(result.ftype(at), connection) for at, loader in enumerate(loaders)]
    rows: Chunk = []
    for at in range(first, last):
        cells = (result.get_value(at, column) for column in range(result.nfields))
        rows.append(
            tuple(
                None if cell is None else _load_one(one, cell)
                for one, cell in zip(instances, cells, strict=True)
            )
        )
    return rows


def _load_one(loader: Any, cell: bytes) -> Any:
    try:
        return loader.load(cell)
    except (psycopg.DataError, ValueError, ArithmeticError, RecursionError):
        return cell.decode()
