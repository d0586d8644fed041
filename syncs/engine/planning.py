"""Makes a run's plan: rows are extracted and staged, compared with the ledger, and packed into batches.

A crash here discards the attempt: what it wrote carries the attempt's number, and only the last one's
counts. Nothing is sent from here.
"""

from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
from django.utils import timezone

from destinations.contract import JSON, Mode
from syncs.engine import duplicates, leftovers, reasons
from syncs.engine.batches import Planned, pack
from syncs.engine.calls import Way
from syncs.engine.comparing import Change, compare
from syncs.engine.extract import DEFERRED, OUTSIDE, SENT, STOPPED, Extracted, Unfit, extract
from syncs.engine.guard_supplies import Guarded
from syncs.engine.guard_watch import Watch
from syncs.engine.lease import Lease
from syncs.engine.mapping import Mapper, Shape
from syncs.engine.plan import Circumstances, Fate, Known, clash
from syncs.engine.plan_writer import PlanWriter, discard
from syncs.engine.pulse import Pulse
from syncs.engine.staging import Span, Staging
from syncs.models import Batch, Run
from syncs.sources.base import Reader

CHUNK_ROWS = 5_000

# By a row's marks, whether its record is compared with the ledger (bytes.translate).
_ROWS = bytes(not marks & (STOPPED | OUTSIDE) for marks in range(256))
_COMPANIONS = bytes(not marks & STOPPED for marks in range(256))
_COMPANIONS_OF_SENT = bytes(bool(marks & SENT) for marks in range(256))  # of a run with a limit


@dataclass(slots=True)
class Totals:
    """The counts of a plan, of rows, and what people should know of it.

    Of the planned rows, `fresh` were never tried, `changed` were sent before; the others were refused.
    """

    read: int = 0
    unchanged: int = 0
    deferred: int = 0
    held_back: int = 0
    invalid: int = 0
    planned: int = 0
    left: int = 0
    rekeyed: int = 0
    normalised: int = 0
    fresh: int = 0
    changed: int = 0
    notes: tuple[str, ...] = ()
    held_by: tuple[list[JSON], ...] = ()  # guards, each with its rows


class Planner:
    """One attempt at a run's plan."""

    def __init__(
        self,
        run: Run,
        lease: Lease,
        *,
        shape: Shape,
        way: Way,
        attempt: int,
        pulse: Pulse,
        guarded: Guarded | None = None,
        names_left: bool = False,
    ) -> None:
        self.run = run
        self.shape = shape
        self._way = way
        self._records_move = bool(way.target(run.sync.object_key).object.remote_id_key)
        self.totals = Totals()
        self._unsettled = leftovers.Unsettled()
        self._lease = lease
        self._attempt = attempt
        self._pulse = pulse
        self._writer = PlanWriter(run, lease, attempt, run.sync.object_key)
        self._label = next(r.field.label for r in shape.rules if r.field.key == shape.upsert_key)
        self._guarded = guarded
        self._when = Circumstances(
            run.number,
            timezone.now(),
            full=run.full,
            retry=run.trigger == Run.Trigger.RETRY,
            only_new=way.mode is Mode.INSERT,
            names_left=names_left,
        )

    def make(self, reader: Reader, sql: str, zone: ZoneInfo, scratch: Path) -> Totals:
        """Read, compare, write the batches. Raises what source, mapping, disk or lease have to say."""
        discard(self.run, self._lease)
        self._unsettled = leftovers.unsettled(self.run, self._way.limits.settle_seconds)
        watch = self._watch(scratch)
        with (
            Staging(scratch) as rows,
            Staging(scratch) as companions,
            closing(watch) if watch is not None else nullcontext(),
        ):
            with reader.read(sql, chunk_rows=CHUNK_ROWS) as found, self._pulse.watching(found):
                columns = [column.name for column in found.columns]
                mapper = Mapper(self.shape, columns, zone)
                extracted = extract(
                    found,
                    mapper,
                    rows,
                    companions if self.shape.companion_layout else None,
                    only=frozenset(self.run.keys) if self.run.keys is not None else None,
                    unfit=self._tell_unfit,
                    pulse=self._pulse,
                    guard=watch.judging(mapper, columns, zone) if watch is not None else None,
                )
            self.totals.read = extracted.read_count
            self.totals.invalid = extracted.invalid_count
            self.totals.held_back = extracted.held_back_count
            self.totals.normalised = extracted.normalised_count
            self._part_duplicates(rows, extracted.marks, watch)
            if watch is not None:
                self.totals.held_back += watch.hold_floods(self._lease, rows, extracted.marks)
                self.totals.held_by = watch.told
            self._write_rows(rows, extracted.marks)
            if self.shape.companion_layout is not None:
                self._write_companions(companions, extracted.marks)
            self._note(extracted)
        return self.totals

    def _tell_unfit(self, unfit: list[Unfit]) -> None:
        self._writer.rejected([reasons.of_unfit(self.run, self._attempt, row) for row in unfit])

    def _watch(self, scratch: Path) -> Watch | None:
        if self._guarded is None:
            return None
        return Watch(self.run, self._attempt, self._guarded, scratch=scratch, tell=self._writer.rejected)

    def _part_duplicates(self, rows: Staging, marks: bytearray, watch: Watch | None) -> None:
        """Rows that cannot be told apart, there or here, are stopped; equal ones are sent once."""
        fields = self.shape.row_layout.fields
        for twins in duplicates.of_upsert_key(rows):
            if watch is not None and watch.keeps_first:
                self.totals.held_back += watch.hold_others(twins, marks)
                continue
            found = clash(twins)
            told = reasons.of_clash(self.run, self._attempt, found, fields, self._label)
            stopped = (*found.same, *found.different)
            inside = [at for at, twin in enumerate(stopped) if not marks[twin.position] & OUTSIDE]
            for twin in stopped:
                marks[twin.position] |= STOPPED
            self.totals.held_back += sum(1 for at in inside if at < len(found.same))
            self.totals.invalid += sum(1 for at in inside if at >= len(found.same))
            self._writer.rejected([told[at] for at in inside])

    def _stop_repeated(self, rows: Staging, span: Span, marks: bytearray) -> None:
        """Rows of one primary key cannot be told apart by the ledger: all are stopped."""
        fields, columns = self.shape.row_layout.fields, ", ".join(self.shape.primary_key)
        for twins in duplicates.of_primary_key(rows, span, marks):
            for twin in twins:
                marks[twin.position] |= STOPPED
            self.totals.invalid += len(twins)
            self._writer.rejected(reasons.of_repeated(self.run, self._attempt, twins, fields, columns))

    # Writing

    def _write_rows(self, rows: Staging, marks: bytearray) -> None:
        late: list[Planned] = []
        layout = self.shape.row_layout
        packings, size = self._way.packings(self.run.sync.object_key), self._way.limits.bytes_per_call
        each = layout.constant_bytes
        packed = pack(self._row_operations(rows, marks, late), packings, size, each=each)
        self._writer.batches(packed, layout, stage=Batch.Stage.ROWS)
        self._writer.batches(pack(late, packings, size, each=each), layout, stage=Batch.Stage.LATE_ROWS)

    def _row_operations(self, rows: Staging, marks: bytearray, late: list[Planned]) -> Iterator[Planned]:
        """The operations of rows in the order in which they are sent, those aside that must be `late`."""
        limit = self.run.limit
        kept: list[Change] = []
        wanted = marks.translate(_ROWS) if marks.count(0) < len(marks) else None

        def repeated(span: Span) -> bytes:
            self._stop_repeated(rows, span, marks)
            return marks.translate(_ROWS)

        for compared in compare(self.run, self._lease, rows, 0, self._when, wanted=wanted, repeated=repeated):
            self.totals.left += compared.left
            if compared.left_keys:
                self._writer.left(compared.left_keys)
            self.totals.unchanged += compared.unchanged
            self.totals.deferred += len(compared.deferred)
            for entry in compared.deferred:
                marks[entry.position] |= DEFERRED
            if limit is None:
                yield from self._planned(rows, compared.sent, marks, late)
            else:
                both = [*kept, *compared.sent]
                kept = nsmallest(limit, both, key=lambda change: change.entry.position)
                self.totals.read -= len(both) - len(kept)
        yield from self._planned(rows, kept, marks, late)

    def _planned(
        self, rows: Staging, sent: list[Change], marks: bytearray, late: list[Planned]
    ) -> Iterator[Planned]:
        for change in sent:
            entry, known = change.entry, change.known
            marks[entry.position] |= SENT
            self.totals.planned += 1
            self.totals.fresh += known is None
            self.totals.changed += known is not None and known.was_sent
            line = rows.line(entry)
            former = ""
            if known is not None and known.was_sent and self._is_rekeyed(line, known):
                former = known.match_key
            planned = Planned(
                key=entry.key,
                line=line,
                fingerprint=entry.fingerprint,
                remote_id=known.trusted_id if known is not None else "",
                former_match=former,
                in_doubt=known is not None and known.is_in_doubt,
                not_before=self._not_before(change),
            )
            if planned.not_before is None:
                yield planned
            else:
                late.append(planned)

    def _not_before(self, change: Change) -> datetime | None:
        """Until when an unanswered request may take effect, of this row or of another with its upsert key."""
        waits = []
        if change.known is not None and change.fate is Fate.SEND_LATER:
            waits.append(change.known.settles_at)
        if change.entry.match in self._unsettled.matches:
            waits.append(self._unsettled.until)
        return max(filter(None, waits), default=None)

    def _is_rekeyed(self, line: bytes, known: Known) -> bool:
        """Whether the row has another upsert key now; the record that it may leave behind is told."""
        key_text, match_key, *_ = orjson.loads(line)
        if match_key == known.match_key:
            return False
        if self._records_move and known.trusted_id:
            return True
        self.totals.rekeyed += 1
        row = reasons.of_rekey(self.run, self._attempt, key_text, known.match_key, match_key, self._label)
        self._writer.rejected([row])
        return True

    def _write_companions(self, companions: Staging, marks: bytearray) -> None:
        companion, layout = self.shape.companion, self.shape.companion_layout
        if companion is None or layout is None:
            return
        packings = self._way.packings(companion.object)
        self._writer.batches(
            pack(
                self._companion_operations(companions, marks),
                packings,
                self._way.limits.bytes_per_call,
                each=layout.constant_bytes,
            ),
            layout,
            stage=Batch.Stage.COMPANIONS,
            object_key=companion.object,
        )

    def _companion_operations(self, companions: Staging, marks: bytearray) -> Iterator[Planned]:
        """One operation for each companion that changed, owned by the last row that has it.

        It counts for its row only where the row has no operation of its own.
        """
        wanted = marks.translate(_COMPANIONS if self.run.limit is None else _COMPANIONS_OF_SENT)
        for compared in compare(self.run, self._lease, companions, 1, self._when, wanted=wanted):
            for entry in compared.deferred:
                if not marks[entry.position]:
                    self.totals.unchanged -= 1
                    self.totals.deferred += 1
            for change in compared.sent:
                entry = change.entry
                mark = marks[entry.position]
                if not mark & SENT:
                    self.totals.planned += 1
                    self.totals.changed += 1
                    if mark & DEFERRED:
                        self.totals.deferred -= 1
                    else:
                        self.totals.unchanged -= 1
                line, _, owner = companions.line(entry).partition(b"\n")
                yield Planned(
                    key=entry.key,
                    line=line,
                    fingerprint=entry.fingerprint,
                    counts=not mark & SENT,
                    remote_id=change.known.remote_id if change.known is not None else "",
                    owner=owner.decode(),
                    not_before=change.known.settles_at
                    if change.known is not None and change.fate is Fate.SEND_LATER
                    else None,
                )

    def _note(self, extracted: Extracted) -> None:
        notes = []
        if self.totals.normalised:
            notes.append(f"{_rows(self.totals.normalised)} had the {self._label} tidied before matching.")
        if self.totals.rekeyed:
            notes.append(
                f"{_rows(self.totals.rekeyed)} came with another {self._label} than before; the records with "
                "the old one stay at the destination."
            )
        if self.totals.left:
            notes.append(f"{_rows(self.totals.left)} left the model; what was sent stays at the destination.")
        if extracted.keyless_count and self.shape.companion is not None:
            notes.append(
                f"{_rows(extracted.keyless_count)} came with {self.shape.companion.label} values but no "
                f"{self.shape.companion.key_field} of a company to write them to; those values were left out."
            )
        self.totals.notes = tuple(notes)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
