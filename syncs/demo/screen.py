"""Lines for a terminal of 80 columns, and one that moves."""

import contextlib
import unicodedata
from collections.abc import Iterator

from django.core.management.base import OutputWrapper

WIDTH = 79


class Screen:
    """Writes lines, whatever the terminal can show; one that is gone stops nobody."""

    def __init__(self, out: OutputWrapper) -> None:
        self._out = out
        self._is_watched = out.isatty()
        self._shown = ""

    def say(self, *lines: str) -> None:
        """Write lines; none is an empty one."""
        self.show("")
        for line in lines or ("",):
            self._write(f"{line}\n")

    def show(self, progress: str) -> None:
        """Write over what was shown last. Only where somebody watches: a file gets no moving line."""
        if self._is_watched and progress != self._shown:
            self._write(f"\r\x1b[K{cut(progress, WIDTH)}")
            self._shown = progress

    def _write(self, text: str) -> None:
        encoding = getattr(self._out, "encoding", None) or "utf-8"
        with contextlib.suppress(OSError):
            self._out.write(text.encode(encoding, "replace").decode(encoding), ending="")
            self._out.flush()


def cells(text: str) -> int:
    """How many columns a text takes."""
    return sum(_cells_of(sign) for sign in text)


def cut(text: str, width: int) -> str:
    """The text, or as much of its beginning as fits, with an ellipsis."""
    if cells(text) <= width:
        return text
    kept, room = [], width - 1
    for sign in text:
        room -= _cells_of(sign)
        if room < 0:
            break
        kept.append(sign)
    return f"{''.join(kept)}…"


def wrapped(text: str, *, indent: int, most: int | None = None) -> Iterator[str]:
    """The text in lines of WIDTH, each after `indent` blanks; at most `most` of them, the last one cut."""
    room = WIDTH - indent
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".lstrip()
        if cells(joined) <= room:
            lines[-1] = joined
        elif len(lines) == most:
            lines[-1] = cut(f"{joined} …", room)
            break
        else:
            lines.append(word)
    for line in lines:
        yield " " * indent + cut(line, room)


def _cells_of(sign: str) -> int:
    if unicodedata.combining(sign) or unicodedata.category(sign) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1
