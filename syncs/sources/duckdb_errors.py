"""What DuckDB says → a SourceError that tells who must do what.

DuckDB gives its errors as JSON (`errors_as_json`): type, message, and the byte where the SQL is wrong. Errors
in the data quote rows; those quotes never get into our message.
"""

import re
from pathlib import Path

import orjson

from syncs.sources.base import Problem, SourceError

_NO_QUERY = (
    "The SQL must be one query that only reads: SELECT, or WITH, FROM or VALUES. Files and tables are only "
    "read. Whoever edits the model must rewrite it."
)
_CSV_LINE = re.compile(r"CSV Error on Line: (\d+)")
_CSV_FILE = re.compile(r"^\s*file = (.+)$", re.MULTILINE)
_CSV_COLUMN = re.compile(r'converting column "([^"]*)"')
_TO_TYPE = re.compile(r"\bto '?([A-Z][A-Z0-9_]*(?:\([\d, ]+\))?)")
_FROM_COLUMN = re.compile(r"from source column (\S+)")
_OWN_TABLES = re.compile(r'\n?Did you mean "(?:pg_|duckdb_|sqlite_|pragma_)[^"]*"\?')
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NO_FILES = re.compile(r'No files found that match the pattern "(.*)"')


def not_a_query() -> SourceError:
    return SourceError(Problem.SQL, _NO_QUERY)


def never(name: str) -> SourceError:
    """A function is called that no query may call."""
    return SourceError(
        Problem.SQL,
        f"The SQL calls {name}, which is not allowed here. Whoever edits the model must name the files and "
        "tables themselves.",
    )


def opening(error: Exception, path: str) -> SourceError:
    """Why a database file cannot be opened."""
    words = _message(error)
    if "not a valid DuckDB database file" in words:
        return SourceError(
            Problem.NAME,
            f"“{path}” is no DuckDB database. To read CSV or Parquet files, make their folder the path, "
            "and let the model's SQL name the file: from 'leads.csv'.",
        )
    if "Could not set lock" in words or "Conflicting lock" in words:
        return SourceError(
            Problem.OTHER,
            f"Another process has “{path}” open for writing, and DuckDB then lets nobody read it. Whoever "
            "runs that process must close the file first, or write to a copy and rename it when it is done.",
        )
    if "Permission denied" in words:
        return SourceError(
            Problem.PERMISSION,
            f"“{path}” may not be read by this process. An operator must give it the right to read the file.",
        )
    if "newer" in words or "version" in words:
        return SourceError(
            Problem.OTHER,
            f"“{path}” was written by another version of DuckDB than can be read here (1.5). Whoever writes "
            "the file must use that version, or export it to Parquet.",
        )
    return SourceError(Problem.OTHER, f"“{path}” cannot be opened: {_first_line(words)}")


def running(
    error: Exception,
    text: bytes,
    folder: Path,
    *,
    before: int,
    seconds: int,
    megabytes: int,
    is_stopped: bool,
    is_late: bool,
) -> SourceError:
    """Why a query ended. `text` is the query that was run, after `before` bytes of ours."""
    if is_stopped:
        return SourceError(Problem.OTHER, "The query was stopped here.")
    if is_late:
        return SourceError(
            Problem.TIMEOUT,
            f"The query ran longer than {seconds} seconds and was stopped. Whoever edits the model must make "
            "it faster, or the source's statement_timeout longer.",
        )
    kind, inside = type(error).__name__, f"{folder}/"
    words = _message(error).replace(inside, "")
    at = _position(error, text, before)
    if before and kind == "ParserException":
        return not_a_query()  # a right statement by itself, but none that gives the rows of a query
    where = f" in line {at}" if at else ""
    if _CSV_LINE.search(words):
        return _csv(words)
    if found := _NO_FILES.search(words):
        return SourceError(
            Problem.NAME,
            f"There is no file “{found[1]}” in the source's folder. Whoever edits the model must name one "
            "that is there, or an operator must put it there.",
            position=at,
        )
    if kind == "PermissionException":
        return SourceError(
            Problem.FOLDER,
            f"The SQL reads something outside the source's folder{where}, and only files in it may be read. "
            "Whoever edits the model must name a file by its path in the folder, in one plain text: "
            "'leads.csv'.",
            position=at,
        )
    if kind == "OutOfMemoryException":
        return SourceError(
            Problem.OTHER,
            f"The query needs more than {megabytes} MB of memory. Whoever edits the model must make it "
            "smaller, or whoever edits the source must raise memory_limit.",
        )
    if kind == "IOException":
        return SourceError(
            Problem.OTHER, f"A file cannot be read: {_first_line(words)}. An operator must look."
        )
    if kind in ("ConversionException", "OutOfRangeException"):
        return _unfit(kind, words, at)
    if kind in ("ParserException", "BinderException", "CatalogException", "NotImplementedException"):
        said = _OWN_TABLES.sub("", words).strip().rstrip(".!?").replace("\n", " ")
        hint = (
            " A file is named in quotes, with its ending: 'leads.csv'." if "Table with name" in said else ""
        )
        return SourceError(
            Problem.SQL,
            f"The SQL is wrong{where}: {said}.{hint} Whoever edits the model must correct it.",
            position=at,
        )
    told = _first_line(words)
    if not at:  # an error in the data, which quotes it; names of our files may stay
        quotes = _QUOTED.sub(lambda q: q[0] if inside in q[0] else "“…”", _first_line(_message(error)))
        told = quotes.replace(inside, "")
    return SourceError(
        Problem.SQL,
        f"DuckDB could not run the query: {told}. Whoever edits the model must look.",
        position=at,
    )


def _csv(words: str) -> SourceError:
    """A line of a CSV file that does not fit. Its text is not repeated."""
    line, file, column = _CSV_LINE.search(words), _CSV_FILE.search(words), _CSV_COLUMN.search(words)
    assert line is not None  # noqa: S101 - the caller looked
    where = f"line {line[1]}" + (f" of “{file[1].strip()}”" if file else "")
    if column is not None:
        to = _TO_TYPE.search(words)
        what = f"the value of column “{column[1]}” does not fit {to[1] if to else 'its type'}"
        remedy = "or the model must read the column as text: read_csv('…', types = {'…': 'VARCHAR'})"
    elif "unicode" in words.lower():
        what = "it is not UTF-8"
        remedy = "or the model must say how it is encoded: read_csv('…', encoding = 'latin-1')"
    elif "Number of Columns" in words:
        what = "it has more or fewer columns than the lines before"
        remedy = "or the model must say how to read it: read_csv('…', null_padding = true)"
    else:
        what = "it cannot be read as CSV"
        remedy = "or the model must say how to read it, with the options of read_csv"
    return SourceError(
        Problem.OTHER, f"{where[0].upper()}{where[1:]}: {what}. Whoever owns the file must mend it, {remedy}."
    )


def _unfit(kind: str, words: str, at: int | None) -> SourceError:
    """A value that does not fit. It is not repeated."""
    to, column = _TO_TYPE.search(words), _FROM_COLUMN.search(words)
    where = f" in line {at}" if at else ""
    if kind == "ConversionException":
        what = (
            f"A value{f' of column {column[1]}' if column else ''} does not fit {to[1] if to else 'its type'}"
        )
        return SourceError(
            Problem.SQL,
            f"{what}{where}. Whoever edits the model must use TRY_CAST, which gives NULL "
            "there, or whoever owns the data must mend it.",
            position=at,
        )
    return SourceError(
        Problem.SQL,
        f"A number grew out of its type{where}. Whoever edits the model must cast it to a larger one.",
        position=at,
    )


def _fields(error: Exception) -> dict[str, str]:
    """DuckDB's own account of the error; empty where it gave none."""
    _, brace, rest = str(error).partition("{")
    try:
        found = orjson.loads(brace + rest)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _message(error: Exception) -> str:
    return _fields(error).get("exception_message") or str(error).partition(": ")[2] or str(error)


def _first_line(words: str) -> str:
    return words.strip().split("\n")[0].rstrip(".")


def _position(error: Exception, text: bytes, before: int) -> int | None:
    given = _fields(error).get("position", "")
    return text.count(b"\n", 0, max(0, int(given) - before)) + 1 if given.isdecimal() else None
