"""A worker's scratch files: records wait here, spread by key, until they are compared with the ledger.

Memory stays flat in the number of rows. A record's canonical JSON goes to one long file; a header of 48
bytes (key, fingerprint, digest of the upsert key, position, where the JSON is) goes to one of 256
buckets by the first byte of its key. A bucket, or a span of small ones, is then small enough to hold,
and its share of the ledger is one range of the ledger's own index. Buckets share one file, each in
pieces: to open a file takes longer than to write a piece.
"""

import errno
import fcntl
import os
import shutil
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from io import BufferedWriter, FileIO
from itertools import accumulate, chain, compress
from pathlib import Path
from struct import Struct
from typing import NamedTuple, Self
from uuid import uuid4

BUCKETS = 256
SPILL_AT = 16_384  # headers held in memory before they go to their files: so few stay in the cache
SPAN_ROWS = 7_000  # about what one comparison holds: in the processor's cache, a third faster than 20,000
YOUNG_SECONDS = 5.0  # a folder may be this old before its lock is there

_HEADER = Struct("<16sq8sIQI")
_FINGERPRINT = Struct("<16sq24x")  # of a header: key and fingerprint
_MATCH = Struct("8s")
_POSITION = Struct("<32xI12x")


class ScratchFull(Exception):
    """There is no room for the plan; the message says who must do what."""


class Entry(NamedTuple):
    """A staged record: its header."""

    key: bytes
    fingerprint: int
    match: bytes
    position: int
    offset: int
    length: int


class Span(NamedTuple):
    """Buckets first to last, both included."""

    first: int
    last: int

    @property
    def start(self) -> bytes:
        """The least key in the span."""
        return bytes([self.first])

    @property
    def end(self) -> bytes | None:
        """The key before which the span ends; None at the end of all keys."""
        return bytes([self.last + 1]) if self.last + 1 < BUCKETS else None


class _Buckets:
    """A file in which each of 256 buckets grows by pieces."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pieces = [array("Q") for _ in range(BUCKETS)]  # of each piece offset and length
        self._end = 0

    def append(self, pieces: Iterable[bytes]) -> None:
        """A piece for each bucket, in their order; empty ones cost nothing."""
        with self._path.open("ab") as file:
            for known, piece in zip(self._pieces, pieces, strict=True):
                if piece:
                    file.write(piece)
                    known.extend((self._end, len(piece)))
                    self._end += len(piece)

    def read(self, first: int, last: int) -> Iterator[bytes]:
        """What the buckets from first to last hold, both included."""
        if not self._end:
            yield from (b"" for _ in range(first, last + 1))
            return
        with self._path.open("rb", buffering=0) as file:
            for known in self._pieces[first : last + 1]:
                places = zip(known[::2], known[1::2], strict=True)
                yield b"".join(os.pread(file.fileno(), length, offset) for offset, length in places)


class Staging:
    """Records of one kind (rows, or companions). Use as a context manager: the files go with it."""

    def __init__(self, scratch: Path) -> None:
        self._folder = scratch / f"plan-{os.getpid()}-{uuid4().hex}"
        self._lines_path = self._folder / "lines"
        self._spilled_heads = _Buckets(self._folder / "heads")
        self._spilled_matches = _Buckets(self._folder / "matches")
        self._heads: list[list[bytes]] = [[] for _ in range(BUCKETS)]
        self._matches: list[list[bytes]] = [[] for _ in range(BUCKETS)]
        self._to_head = [held.append for held in self._heads]
        self._to_match = [held.append for held in self._matches]
        self._sizes = [0] * BUCKETS
        self._pending = 0
        self._end = 0
        self._reading = -1

    def __enter__(self) -> Self:
        with room():
            self._folder.mkdir(mode=0o700, parents=True)
            self._lines = BufferedWriter(FileIO(self._lines_path, "w"), 1 << 16)
        with suppress(OSError):  # a file system without locks: then nothing is swept either
            fcntl.flock(self._lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self

    def __exit__(self, *_: object) -> None:
        if self._reading >= 0:
            os.close(self._reading)
        try:
            self._lines.close()
        except OSError:
            self._lines.raw.close()  # a full disk: what was buffered is not wanted any more
        shutil.rmtree(self._folder, ignore_errors=True)

    def __len__(self) -> int:
        return sum(self._sizes)

    def add(
        self,
        keys: Sequence[bytes],
        fingerprints: Sequence[int],
        matches: Sequence[bytes],
        positions: Sequence[int],
        lines: Sequence[bytes],
    ) -> None:
        """Stage records, their lines as of `extract.lines_of`. ScratchFull where the disk has no room."""
        lengths = list(map(len, lines))
        offsets = list(accumulate(lengths, initial=self._end))
        self._end = offsets.pop()
        with room():
            self._lines.write(b"".join(lines))
            to_head, to_match = self._to_head, self._to_match
            heads = map(_HEADER.pack, keys, fingerprints, matches, positions, offsets, lengths)
            for head, match in zip(heads, matches, strict=True):
                to_head[head[0]](head)  # the key comes first
                to_match[match[0]](match)
            self._pending += len(keys)
            if self._pending >= SPILL_AT:
                self._spill()

    def add_present(self, keys: Sequence[bytes], positions: Sequence[int]) -> None:
        """Note rows that are in the model but cannot be sent: they have no record, yet they did not leave."""
        for key, position in zip(keys, positions, strict=True):
            self._heads[key[0]].append(_HEADER.pack(key, 0, b"", position, 0, 0))
        self._pending += len(keys)

    def finish(self) -> None:
        """Everything is staged: make it readable."""
        self._count_held()
        with room():
            self._lines.flush()
        self._reading = os.open(self._lines_path, os.O_RDONLY)

    def spans(self, known: int) -> list[Span]:
        """Neighbouring buckets put together so that neither records nor ledger are too many at once.

        `known` is how many entries the ledger holds; keys are digests, so they are spread evenly.
        """
        spans: list[Span] = []
        first, rows = 0, 0.0
        for at, size in enumerate(self._sizes):
            rows += max(size, known / BUCKETS)
            if rows >= SPAN_ROWS or at == BUCKETS - 1:
                spans.append(Span(first, at))
                first, rows = at + 1, 0.0
        return spans

    def headers(self, span: Span) -> Iterator[tuple[bytes, int, bytes, int, int, int]]:
        """The headers in a span, as plain tuples in Entry's order; those of one key in the order staged."""
        return _HEADER.iter_unpack(self._packed(span))

    def fingerprints(self, span: Span, wanted: bytes | None = None) -> dict[bytes, int]:
        """The fingerprints in a span by key, of several with one key the last.

        `wanted` has a byte for each position, 0 where a record is left out.
        """
        packed = self._packed(span)
        pairs = _FINGERPRINT.iter_unpack(packed)
        if wanted is None:
            return dict(pairs)
        positions = chain.from_iterable(_POSITION.iter_unpack(packed))
        return dict(compress(pairs, map(wanted.__getitem__, positions)))

    def count(self, span: Span, wanted: bytes | None = None) -> int:
        """How many records a span holds, of those `wanted`."""
        if wanted is None:
            return sum(self._sizes[span.first : span.last + 1])
        positions = chain.from_iterable(_POSITION.iter_unpack(self._packed(span)))
        return sum(map(wanted.__getitem__, positions))

    def _packed(self, span: Span) -> bytes:
        held = self._heads[span.first : span.last + 1]
        spilled = self._spilled_heads.read(span.first, span.last)
        return b"".join(
            chain.from_iterable((piece, *heads) for piece, heads in zip(spilled, held, strict=True))
        )

    def line(self, entry: Entry) -> bytes:
        """A staged record's JSON, without its frame; none of a row that is present and no more."""
        return os.pread(self._reading, max(0, entry.length - 3), entry.offset + 1)

    def repeated_matches(self) -> set[bytes]:
        """Digests of upsert keys that more than one record has."""
        repeated: set[bytes] = set()
        for spilled, held in zip(self._spilled_matches.read(0, BUCKETS - 1), self._matches, strict=True):
            found = array("q", b"".join((spilled, *held)))  # numbers are compared faster than bytes
            if len(set(found)) < len(found):
                seen: set[bytes] = set()
                for (match,) in _MATCH.iter_unpack(found.tobytes()):
                    (repeated if match in seen else seen).add(match)
        return repeated

    def _spill(self) -> None:
        self._count_held()
        self._spilled_heads.append(map(b"".join, self._heads))
        self._spilled_matches.append(map(b"".join, self._matches))
        for held in (*self._heads, *self._matches):
            held.clear()
        self._pending = 0

    def _count_held(self) -> None:
        """Add what is held in memory to the sizes of the buckets."""
        self._sizes = [size + len(heads) for size, heads in zip(self._sizes, self._heads, strict=True)]


class room:
    """Tells a full disk in the user's words."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise ScratchFull(
                "There is no room left on the disk where runs are planned (SCRATCH_DIR). Nothing was sent. "
                "Whoever hosts Syncadmin must free space there, then the run can be started again."
            ) from error


def sweep(scratch: Path) -> int:
    """Remove what killed workers left behind. Returns how many folders went.

    A worker's lock goes with its process. Its id would not tell: another container may share the disk.
    """
    gone = 0
    for folder in scratch.glob("plan-*-*"):
        if _is_left_behind(folder):
            shutil.rmtree(folder, ignore_errors=True)
            gone += 1
    return gone


def _is_left_behind(folder: Path) -> bool:
    try:
        if time.time() - folder.stat().st_mtime < YOUNG_SECONDS:
            return False
        with (folder / "lines").open("rb") as lines:
            fcntl.flock(lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
