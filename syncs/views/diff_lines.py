"""The rows of a dry run, each with what would change in it: in pages, or one after the other."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from zlib import error as zlib_error

from django.db.models import QuerySet

from syncadmin.lib.paging import A_PAGE
from syncs.engine.batches import Payload
from syncs.engine.diff import ALONG, KINDS, NEW, Change, Counts, Place, Summary, Told, count
from syncs.engine.diff_writer import read_told
from syncs.models import Batch, BatchDiff, Run
from syncs.views.diff_words import Shown, shown

OPERATIONS_AT_ONCE = 5_000
LISTED = 500

_BROKEN = (zlib_error, ValueError, KeyError, TypeError, IndexError)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows: of a group, with a change of a field, of a kind; empty words narrow nothing."""

    group: str = ""
    name: str = ""
    kind: str = ""

    def count(self, counts: Counts) -> int:
        return count(counts, self.group, self.name, self.kind)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.group or self.name or self.kind)


@dataclass(frozen=True, slots=True)
class Line:
    """An operation of a dry run. `told` are its changes; of a companion its row's key is `key_text`."""

    place: Place
    key_text: str
    match_key: str
    former_match: str
    is_companion: bool
    told: Told

    @property
    def is_new(self) -> bool:
        return self.told.group == NEW

    @property
    def goes_along(self) -> bool:
        return self.told.group == ALONG

    @property
    def is_unknown(self) -> bool:
        return self.told.changes is None

    def changes(self, first: str = "") -> list[tuple[str, Change]]:
        """By field, what hurts most first, the field named `first` before all."""
        found = (self.told.changes or {}).items()
        return sorted(found, key=lambda pair: (pair[0] != first, KINDS.index(pair[1].kind), pair[0]))


@dataclass(frozen=True, slots=True)
class LinePage:
    """Some rows; `newer` and `older` are the places to go on from."""

    lines: list[Line]
    newer: Place | None = None
    older: Place | None = None


def page(
    run: Run, asked: Asked, *, prefix: str, start: Place | None, back: bool = False, size: int = A_PAGE
) -> LinePage:
    """A page of the rows that are asked for, in the order of sending: three queries, however many."""
    found = list(islice(_from(run, asked, prefix, start, back=back, size=size), size + 1))
    is_more = len(found) > size
    lines = found[:size]
    if back:
        lines.reverse()
        if not is_more and len(lines) < size and start is not None:
            return page(run, asked, prefix=prefix, start=None, size=size)
    if not lines:
        return LinePage([])
    has_newer = is_more if back else start is not None
    older = lines[-1].place if back or is_more else None
    return LinePage(lines, lines[0].place if has_newer else None, older)


def every(run: Run, asked: Asked, *, prefix: str) -> Iterator[Line]:
    """All rows that are asked for, in reads of their own: no cursor stays open while the reader is slow."""
    last = 0
    while True:
        after = _diffs(run).filter(number__gt=last).order_by("number")
        listed = list(after.values_list("number", "counts")[:LISTED])
        if not listed:
            return
        wanted, held = [], 0
        for number, counts in listed:
            size = count(counts, "", "", "")
            if held and held + size > OPERATIONS_AT_ONCE:
                break
            last, held = number, held + size
            if asked.count(counts):
                wanted.append(number)
        for batch, diff in _both(run, wanted):
            yield from _lines(batch, diff, asked, prefix)


def one(batch: Batch, position: int, *, prefix: str) -> Line | None:
    """The row at this position of a batch; None where nothing is kept of what would change."""
    place = {"run": batch.run_id, "plan_attempt": batch.plan_attempt, "number": batch.number}
    diff = BatchDiff.objects.filter(**place).first()
    if diff is None or not batch.payload:
        return None
    return next((line for line in _lines(batch, diff, Asked(), prefix) if line.place[1] == position), None)


def examples(run: Run, summary: Summary, *, prefix: str) -> dict[str, list[tuple[Line, Shown]]]:
    """A few changes of each field, in words. Two queries."""
    places = {name: summary.examples_of(name) for name in summary.fields}
    lines: dict[Place, Line] = {}
    wanted = {place for found in places.values() for place in found}
    for batch, diff in _both(run, {number for number, _ in wanted}):
        found_there = _lines(batch, diff, Asked(), prefix)
        lines |= {line.place: line for line in found_there if line.place in wanted}
    found: dict[str, list[tuple[Line, Shown]]] = {}
    for name, at in places.items():
        for line in (lines[place] for place in at if place in lines):
            change = (line.told.changes or {}).get(name)
            if change is not None:
                found.setdefault(name, []).append((line, shown(name, change)))
    return found


def _from(
    run: Run, asked: Asked, prefix: str, start: Place | None, *, back: bool, size: int
) -> Iterator[Line]:
    """The rows from `start` on. Reads on only where some that were counted are there no more."""
    order = "-" if back else ""
    here = start[0] if start is not None else None
    diffs = _diffs(run)
    if here is not None:
        diffs = diffs.filter(**{"number__lte" if back else "number__gte": here})
    while True:
        wanted, held = [], 0
        listed = diffs.order_by(f"{order}number").values_list("number", "counts")
        for number, counts in listed.iterator(chunk_size=100):
            if fit := asked.count(counts):
                wanted.append(number)
                held += fit if number != here else 0
            if held > size:
                break
        for batch, diff in _both(run, wanted, back=back):
            lines = list(_lines(batch, diff, asked, prefix))
            for line in reversed(lines) if back else lines:
                if start is None or (line.place < start if back else line.place > start):
                    yield line
        if held <= size:
            return
        diffs = diffs.filter(**{"number__lt" if back else "number__gt": wanted[-1]})


def _diffs(run: Run) -> QuerySet[BatchDiff]:
    return BatchDiff.objects.filter(run=run, plan_attempt=run.plan_attempt)


def _both(run: Run, numbers: Iterable[int], *, back: bool = False) -> Iterator[tuple[Batch, BatchDiff]]:
    """The batches of these numbers in their order, each with what it would change. Two queries."""
    wanted = list(numbers)
    if not wanted:
        return
    diffs = {diff.number: diff for diff in _diffs(run).filter(number__in=wanted)}
    batches = run.batches.filter(plan_attempt=run.plan_attempt, number__in=wanted).exclude(payload=b"")
    for batch in batches.order_by("-number" if back else "number"):
        if batch.number in diffs:
            yield batch, diffs[batch.number]


def _lines(batch: Batch, diff: BatchDiff, asked: Asked, prefix: str) -> Iterator[Line]:
    is_companion = batch.stage == Batch.Stage.COMPANIONS
    try:
        payload = Payload(bytes(batch.payload))
        found = read_told(diff, payload, prefix=prefix if is_companion else "")
        for at in _fitting(found, asked):
            row = payload.row(at)
            yield Line(
                (batch.number, at),
                row.owner if is_companion else row.key_text,
                row.match_key,
                row.former_match,
                is_companion,
                found[at],
            )
    except _BROKEN:  # written by another version: the rest can be read all the same
        return


def _fitting(found: Sequence[Told], asked: Asked) -> list[int]:
    if not asked.is_narrowed:
        return list(range(len(found)))
    return [
        at for at, told in enumerate(found) if told.fits(group=asked.group, name=asked.name, kind=asked.kind)
    ]
