"""Files: CSV, Parquet and JSON of one folder, or one DuckDB database. Only read, and only from there.

Docs:   https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview (read 2026-11-21)
Safety: DuckDB itself refuses every path outside the folder, symbolic links resolved (tried with 1.5.6): only
        the folder is in `allowed_directories`, external access and extensions are off, the configuration is
        locked before the SQL is seen. The SQL is one SELECT; a database is attached read-only.
Quirk:  the driver needs pytz for times with a zone, and makes an interval of a month 30 days. Such columns
        are cast in the query and finished here.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from uuid import UUID

from destinations.contract import JSON, Setting
from syncs.sources.base import MOST_TABLES, Checked, Column, Problem, Reader, Rows, SourceError, Table
from syncs.sources.duckdb_ceiling import ceiling
from syncs.sources.duckdb_query import Query

_QUICK_SECONDS = 30  # for check and describe
_SHOWN = 20
_MOST_FILES = 10_000
_DATA_FILES = ("csv", "tsv", "parquet", "json", "jsonl", "ndjson")
_DATABASES = ("duckdb", "ddb", "db")


class DuckDB(Reader):
    key = "duckdb"
    label = "Files (CSV, Parquet, DuckDB)"
    settings = (
        Setting(
            "path",
            "Folder or DuckDB file",
            default=".",
            help="Relative to the files folder of this installation; . is that folder itself.",
        ),
        Setting(
            "memory_limit",
            "Memory for a query (MB)",
            kind="integer",
            default=200,
            minimum=50,
            maximum=65_536,
        ),
        Setting(
            "statement_timeout",
            "Wait for the query (seconds)",
            kind="integer",
            default=3_600,
            help="A query that takes longer to give its next rows is ended.",
            minimum=1,
            maximum=86_400,
        ),
    )

    @classmethod
    def _spelled_out(cls, keys: Mapping[str, JSON], faults: dict[str, str]) -> dict[str, JSON]:
        path = PurePosixPath(str(keys.get("path") or "."))
        if path.is_absolute() or ".." in path.parts or "\0" in str(path):
            faults["path"] = "path must lie in the files folder: write it relative to that, without .. in it."
        return dict(keys)

    def check(self) -> Checked:
        place = self._place()
        return self._check_folder(place) if place.is_dir() else self._check_database(place)

    def tables(self) -> tuple[Table, ...]:
        place = self._place()
        if place.is_dir():
            names = [name for name in _files(place) if _is_data(name)][:MOST_TABLES]
            return tuple(Table(name, f"select * from '{_doubled(name)}'") for name in names)  # noqa: S608 - quoted
        with self._query(_QUICK_SECONDS) as query:
            return tuple(Table(name, f"select * from {quoted}") for name, quoted in query.named_tables())  # noqa: S608 - quoted

    def describe(self, sql: str) -> tuple[Column, ...]:
        with self._query(_QUICK_SECONDS) as query:
            return query.describe(sql)

    @contextmanager
    def read(self, sql: str, *, chunk_rows: int = 5_000) -> Iterator[Rows]:
        with self._query(self.options["statement_timeout"]) as query:
            yield Rows(query.describe(sql), query.chunks(chunk_rows), query.stop)

    @contextmanager
    def _query(self, seconds: int) -> Iterator[Query]:
        """An instance of DuckDB of its own, ended with the block."""
        place = self._place()
        with ExitStack() as stack:
            spill = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="syncadmin-")))
            stack.enter_context(ceiling(self.options["memory_limit"]))
            query = Query(
                place,
                called=self.options["path"],
                spill=spill,
                megabytes=self.options["memory_limit"],
                seconds=seconds,
            )
            stack.callback(query.close)
            yield query

    def _place(self) -> Path:
        """The folder or file, which is inside the files folder and can be read."""
        path: str = self.options["path"]
        try:
            return self._found(path)
        except PermissionError:
            raise SourceError(
                Problem.PERMISSION,
                f"“{path}” may not be read by this process. An operator must give it the right to.",
            ) from None

    def _found(self, path: str) -> Path:
        root = self.files_dir.resolve()
        if not root.is_dir():
            raise SourceError(
                Problem.FOLDER,
                "The files folder of this installation does not exist. An operator must create it, or set "
                "FILES_DIR to one that does.",
            )
        place = (root / path).resolve()
        if not place.is_relative_to(root):
            raise SourceError(
                Problem.FOLDER,
                f"“{path}” leads out of the files folder, and nothing outside it may be read. Whoever edits "
                "the source must choose a path inside.",
            )
        if not place.exists():
            raise SourceError(
                Problem.NAME,
                f"There is no “{path}” in the files folder. Check the spelling (capitals count), or have an "
                "operator put it there.",
            )
        if place.is_dir():
            os.scandir(place).close()
        else:
            place.open("rb").close()
        return place

    def _check_folder(self, folder: Path) -> Checked:
        readable: list[str] = []
        databases: list[str] = []
        warnings: list[str] = []
        for name in _files(folder):
            if _suffix(name) in _DATABASES:
                databases.append(name)
            elif _is_data(name):
                file = folder / name
                if not file.resolve().is_relative_to(folder):
                    warnings.append(f"“{name}” is a link out of the folder and is not read.")
                elif not os.access(file, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
                    warnings.append(f"“{name}” may not be read by this process. An operator must allow it.")
                else:
                    readable.append(name)
        if databases:
            warnings.append(
                f"{_listed(databases)}: to read a database's tables, make a source whose path is the file."
            )
        if not readable:
            return Checked(
                "The folder holds no file to read: put CSV, Parquet or JSON there.", tuple(warnings)
            )
        files = "1 file" if len(readable) == 1 else f"{len(readable):,} files"
        return Checked(f"The folder holds {files} to read: {_listed(readable)}.", tuple(warnings))

    def _check_database(self, place: Path) -> Checked:
        with self._query(_QUICK_SECONDS) as query:
            tables = query.tables()
        if not tables:
            return Checked(f"{place.name} is a DuckDB database without a table.")
        count = "1 table" if len(tables) == 1 else f"{len(tables):,} tables"
        return Checked(f"{place.name} is a DuckDB database with {count}: {_listed(tables)}.")


def _files(folder: Path) -> list[str]:
    """The files in the folder and below, by their path in it; links to folders are not followed."""
    found: list[str] = []
    for here, folders, names in os.walk(folder):
        folders.sort()
        found.extend(str(Path(here, name).relative_to(folder)) for name in sorted(names))
        if len(found) > _MOST_FILES:
            break
    return found


def _suffix(name: str) -> str:
    return name.lower().removesuffix(".gz").removesuffix(".zst").rpartition(".")[2]


def _is_data(name: str) -> bool:
    return _suffix(name) in _DATA_FILES


def _doubled(name: str) -> str:
    """The name as it stands between SQL's quotes."""
    return name.replace("'", "''")


class Upload(DuckDB):
    """A CSV file that somebody uploaded, in a folder of its own whose name nobody can guess.

    All teams' uploads lie side by side (`Source.reader`), so no other path is taken, wherever it was written.
    """

    key = "upload"
    label = "Uploaded CSV file"

    @classmethod
    def _spelled_out(cls, keys: Mapping[str, JSON], faults: dict[str, str]) -> dict[str, JSON]:
        if not _is_upload(keys.get("path")):
            faults["path"] = "path must be the folder of an upload: upload the file on the sources' pages."
        return dict(keys)

    def _place(self) -> Path:
        if not _is_upload(self.options["path"]):
            raise SourceError(Problem.FOLDER, "This is not an upload. An admin must upload the file again.")
        return super()._place()


def _is_upload(path: object) -> bool:
    try:
        return isinstance(path, str) and str(UUID(path)) == path
    except ValueError:
        return False


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
