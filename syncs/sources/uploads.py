"""Folders of uploaded files, and which of them nobody will ever read: those that a crash left behind.

A folder bears a mark while database and disk may disagree on it: from before its source is saved, replaced
or removed until after. A crash in between leaves the mark, and the database then tells which side was right.
A folder without a mark is never touched, so that another database over the same disk loses nothing.
"""

import contextlib
import shutil
import time
from collections.abc import Container
from pathlib import Path

MARK = ".unsettled"
YOUNG_SECONDS = 24 * 3600


def mark(folder: Path) -> None:
    """From now on the folder goes if no source names it."""
    with contextlib.suppress(FileNotFoundError):
        (folder / MARK).touch()


def unmark(folder: Path) -> None:
    """The folder stays, or is not there any more."""
    (folder / MARK).unlink(missing_ok=True)


def sweep(uploads: Path, named: Container[str]) -> int:
    """Remove marked folders that no source names, a day after their mark. Returns how many went."""
    gone = 0
    for found in sorted(uploads.glob(f"*/{MARK}")):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - found.stat().st_mtime < YOUNG_SECONDS:
                continue
        if found.parent.name in named:
            unmark(found.parent)
        else:
            shutil.rmtree(found.parent, ignore_errors=True)
            gone += 1
    return gone
