"""Which of several rows for one record is kept: the first by a column. Pure but for the file it keeps.

A row's value is laid aside as text, by the row's position, in scratch files: memory stays flat in the number
of rows, and the order in which rows come does not matter.
"""

import os
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from syncs.engine.guard_columns import Unreadable, moment, number
from syncs.engine.plain import canonical
from syncs.engine.plan import Twin
from syncs.engine.staging import room

_WIDTH = 8  # bytes of an offset


class Aside:
    """Texts by the position of their row. Use as a context manager: the files go with it."""

    def __init__(self, scratch: Path) -> None:
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._texts = TemporaryFile(dir=scratch)  # noqa: SIM115 - closed with the block that this stands in
        self._ends = TemporaryFile(dir=scratch)  # noqa: SIM115
        self._end = 0

    def close(self) -> None:
        self._texts.close()
        self._ends.close()

    def add(self, cells: Sequence[Any]) -> None:
        """Lay the values of the next rows aside. ScratchFull where the disk has no room."""
        ends = array("Q")
        pieces = [aside_text(cell).encode("utf-8", "backslashreplace") for cell in cells]
        for piece in pieces:
            self._end += len(piece)
            ends.append(self._end)
        with room():
            self._texts.write(b"".join(pieces))
            self._texts.flush()  # what reads it goes by the file itself
            self._ends.write(ends.tobytes())
            self._ends.flush()

    def at(self, position: int) -> str:
        """The text of the row at this position; "" where its value is empty."""
        begin = self._end_of(position - 1) if position else 0
        length = self._end_of(position) - begin
        return os.pread(self._texts.fileno(), length, begin).decode()

    def _end_of(self, position: int) -> int:
        return array("Q", os.pread(self._ends.fileno(), _WIDTH, position * _WIDTH))[0]


def in_order(twins: Sequence[Twin], texts: Sequence[str], *, descending: bool) -> list[Twin]:
    """The rows, that which is kept first. Empty values come last, whatever the direction.

    Values are compared as numbers if all are, else as times if all are, else as texts. Of equal ones the
    row with the least key comes first, so that the next run keeps the same.
    """
    read = _reading([text for text in texts if text])
    filled = [(read(text), twin) for text, twin in zip(texts, twins, strict=True) if text]
    empty = [twin for text, twin in zip(texts, twins, strict=True) if not text]
    by_key = sorted(filled, key=lambda pair: pair[1].key)
    ordered = sorted(by_key, key=lambda pair: pair[0], reverse=descending)  # equal ones stay as they were
    return [*(twin for _, twin in ordered), *sorted(empty, key=lambda twin: twin.key)]


def _reading(texts: Sequence[str]) -> Any:
    for read in (_number, _moment):
        try:
            for text in texts:
                read(text)
        except Unreadable:
            continue
        return read
    return str.casefold


def _number(text: str) -> Decimal:
    found = number(text)
    if not isinstance(found, Decimal) or not found.is_finite():
        raise Unreadable("no number")
    return found


def _moment(text: str) -> datetime:
    found = moment(text, UTC)
    if found is None:
        raise Unreadable("no time")
    return found


def aside_text(cell: object) -> str:
    """A value as it is laid aside; "" where it is empty."""
    return (canonical(cell) or "").strip()
