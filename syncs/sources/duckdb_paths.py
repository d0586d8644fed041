"""File names in a query's SQL → the same SQL with whole paths. Pure.

DuckDB counts a relative path from the process's working folder, which is not the source's and cannot be
changed for one thread. So the file names are found in DuckDB's own parse of the query, and made whole where
they stand: a path in a value (`where file = 'leads.csv'`) stays as it is, and no line moves.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from destinations.contract import JSON

_READ_FIRST_ARGUMENT = re.compile(
    r"read_\w+|parquet_scan|parquet_metadata|parquet_file_metadata|parquet_kv_metadata|parquet_schema|"
    r"parquet_bloom_probe|sniff_csv|glob"
)
_LITERAL = re.compile(rb"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")


def with_whole_paths(sql: str, tree: JSON, folder: Path) -> bytes:
    """The SQL with each relative file name joined to `folder`. `tree` is what json_serialize_sql made of "
    "it."""
    text = sql.encode()
    own_names = {entry["key"].lower() for entry in _entries(tree, "cte_map")}
    places = sorted(set(_file_names(tree, own_names)), reverse=True)
    for at, name in places:
        found = _LITERAL.match(text, at)
        if found is None or _unquoted(found[0]) != name.encode():
            continue  # a table's name without quotes
        if Path(name).is_absolute() or "://" in name:
            continue  # DuckDB's to allow or refuse
        whole = str(folder / name).replace("'", "''")
        text = text[:at] + f"'{whole}'".encode() + text[found.end() :]
    return text


def _file_names(tree: JSON, own_names: set[str]) -> Iterator[tuple[int, str]]:
    """(byte, name) of each text that stands where a table or a file does."""
    for node in nodes(tree):
        at = node.get("query_location")
        if node.get("type") == "BASE_TABLE" and not node.get("schema_name") and isinstance(at, int):
            if node["table_name"].lower() not in own_names:
                yield at, node["table_name"]
        elif node.get("type") == "TABLE_FUNCTION":
            call = node["function"]
            if _READ_FIRST_ARGUMENT.fullmatch(call["function_name"].lower()) and call["children"]:
                yield from _constants(call["children"][0])


def _constants(argument: JSON) -> Iterator[tuple[int, str]]:
    """The texts of an argument: one, or a list of them."""
    if argument.get("type") == "VALUE_CONSTANT":
        value, at = argument["value"].get("value"), argument.get("query_location")
        if isinstance(value, str) and isinstance(at, int):
            yield at, value
    elif argument.get("function_name") == "list_value":
        for item in argument["children"]:
            yield from _constants(item)


def _unquoted(literal: bytes) -> bytes:
    quote = literal[:1]
    return literal[1:-1].replace(quote + quote, quote)


def nodes(tree: JSON) -> Iterator[dict[str, JSON]]:
    """Every object of the tree."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _entries(tree: JSON, name: str) -> Iterator[dict[str, JSON]]:
    for node in nodes(tree):
        if isinstance(found := node.get(name), dict):
            yield from found.get("map", ())
