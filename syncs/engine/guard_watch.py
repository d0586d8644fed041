"""A run's guards at work: rows are judged as they are read, and what guards hold back is told and counted.

Of each guard's rows a run keeps the first thousand with their reasons, and the count of all: a guard may
well stop millions of rows in every run.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any

import orjson

from destinations.contract import JSON
from syncs.engine import guard_keys, ledger, mail_domains
from syncs.engine.catalogue import GUARD
from syncs.engine.extract import OUTSIDE, STOPPED
from syncs.engine.guard_kinds import KINDS
from syncs.engine.guard_order import Aside, in_order
from syncs.engine.guard_supplies import Guarded
from syncs.engine.guards import Guards
from syncs.engine.keys import row_key
from syncs.engine.lease import Lease
from syncs.engine.mapping import Mapped, Mapper
from syncs.engine.plan import Twin
from syncs.engine.staging import Entry, Staging
from syncs.models import RejectedRow, Run

MOST_LISTED = 1_000  # rows of a guard that one run keeps
PROBLEM = GUARD  # of rejected rows; their `field` is the guard's name


Values = Callable[[], dict[str, JSON]]  # of a row, for people to read
Judge = Callable[[Sequence[tuple[Any, ...]], Mapped], dict[int, int]]


class Watch:
    """One attempt's guards. Close it: what it lays aside goes with it."""

    def __init__(
        self,
        run: Run,
        attempt: int,
        guarded: Guarded,
        *,
        scratch: Path,
        tell: Callable[[list[RejectedRow]], None],
    ) -> None:
        self._run = run
        self._attempt = attempt
        self._guarded = guarded
        self._tell = tell
        self._scratch = scratch
        self._only = frozenset(run.keys) if run.keys is not None else None
        self.counts = Counter[int]()
        self._aside: Aside | None = None
        self._domains = array("Q")  # of each row, by its position; 0 where there is none, or it is allowed

    def close(self) -> None:
        if self._aside is not None:
            self._aside.close()

    def judging(self, mapper: Mapper, columns: Sequence[str], zone: tzinfo) -> Judge:
        """Get ready for rows with these columns; returns what `extract` asks about each chunk.

        MappingBroken where the guards do not fit them.
        """
        self._mapper = mapper
        self._guards = Guards(self._guarded.specs, columns, mapper.shape, zone, self._guarded.supplies)
        self._fields = mapper.shape.row_layout.fields
        if self._guards.first is not None:
            self._aside = Aside(self._scratch)
        return self._judge

    @property
    def told(self) -> tuple[list[JSON], ...]:
        """The guards that held rows back, in the sync's order: name and rows; alike ones of one name."""
        rows: dict[str, int] = {}
        for at, count in sorted(self.counts.items()):
            name = self._guards.names[at]
            rows[name] = rows.get(name, 0) + count
        return tuple([name, count] for name, count in rows.items())

    @property
    def keeps_first(self) -> bool:
        return self._aside is not None

    # While rows are read

    def _judge(self, rows: Sequence[tuple[Any, ...]], mapped: Mapped) -> dict[int, int]:
        """Judge a chunk: which row is held back by which guard. Their flaws no longer count."""
        chunk = self._guards.chunk(rows, mapped)
        judged = self._guards.judge(chunk, mapped)
        for row in judged.held.keys() & mapped.flaws.keys():
            del mapped.flaws[row]
        for row, flaw in judged.flaws.items():
            mapped.flaws.setdefault(row, []).append(flaw)
        if self._aside is not None and self._guards.first is not None:
            self._aside.add(chunk.cells(self._guards.first.look))
        if self._guards.flood is not None:
            self._domains.extend(self._digests(chunk.domains(self._guards.flood.look)))
        self._list(
            (at, mapped.key_texts[row] or "", mapped.match_keys[row] or "", self._source(rows[row]))
            for row, at in sorted(judged.held.items())
            if self._only is None or mapped.key_texts[row] in self._only
        )
        return judged.held

    def _digests(self, domains: Sequence[str]) -> list[int]:
        own = self._guarded.supplies.own
        known = {
            domain: 0 if mail_domains.is_among(domain, own.allowed) else guard_keys.digest(domain)
            for domain in set(domains)
            if domain
        }
        return [known.get(domain, 0) for domain in domains]

    # Once they are staged

    def hold_others(self, twins: Sequence[Twin], marks: bytearray) -> int:
        """Of rows with one upsert key hold all but the first back; returns how many of the run's rows."""
        first = self._guards.first
        if first is None or self._aside is None:
            raise ValueError("No guard keeps one of several rows.")
        texts = [self._aside.at(twin.position) for twin in twins]
        kept, *others = in_order(twins, texts, descending=first.descending)
        held = [twin for twin in others if not marks[twin.position] & OUTSIDE]
        for twin in others:
            marks[twin.position] |= STOPPED
        told = ((first.at, twin.key_text, twin.match_key, self._values(twin.record)) for twin in held)
        self._list(told, f" That is row {kept.key_text}.")
        return len(held)

    def hold_floods(self, lease: Lease, rows: Staging, marks: bytearray) -> int:
        """Hold back the new rows of domains never sent before that have too many; returns how many.

        Seen is a domain of a row that was sent before and is still in the model. Nothing is held back
        where nothing was sent yet: then every domain is new.
        """
        flood = self._guards.flood
        if flood is None or not ledger.has_any(self._run):
            return 0
        counts, known_count = Counter[int](), ledger.size_about(self._run, 0)
        seen: set[int] = set()
        for span in rows.spans(known_count):
            lease.demand()
            known = ledger.fingerprints(self._run, 0, span.start, span.end)
            for header in rows.headers(span):
                domain = self._domains[header[3]]
                if not domain:
                    continue
                if header[0] in known:
                    seen.add(domain)
                elif not marks[header[3]] & STOPPED:
                    counts[domain] += 1
        too_many = {domain for domain, count in counts.items() if count > flood.most} - seen
        held_count = 0
        if not too_many:
            return held_count
        for span in rows.spans(0):
            lease.demand()
            found = [
                Entry(*header)
                for header in rows.headers(span)
                if self._domains[header[3]] in too_many and not marks[header[3]] & STOPPED
            ]
            inside = [entry for entry in found if not marks[entry.position] & OUTSIDE]
            self._list((flood.at, *self._read(rows, entry)) for entry in inside)
            for entry in found:
                marks[entry.position] |= STOPPED
            held_count += len(inside)
        return held_count

    def _read(self, rows: Staging, entry: Entry) -> tuple[str, str, Values]:
        key_text, match_key, *values = orjson.loads(rows.line(entry))
        return key_text, match_key, self._values(values)

    def _values(self, values: Sequence[JSON]) -> Values:
        """A record's values by field, for people to read; made only where they are kept."""
        return lambda: {f: v for f, v in zip(self._fields, values, strict=True) if v is not None}

    def _source(self, row: tuple[Any, ...]) -> Values:
        return lambda: self._mapper.source_values(row) | self._guards.seen(row)

    # Telling

    def _list(self, held: Iterable[tuple[int, str, str, Values]], more: str = "") -> None:
        """Count rows, and keep the first of each guard."""
        listed = []
        for at, key_text, match_key, values in held:
            self.counts[at] += 1
            if self.counts[at] <= MOST_LISTED:
                listed.append(self._row(at, key_text, match_key, values(), more))
        if listed:
            self._tell(listed)

    def _row(self, at: int, key_text: str, match_key: str, values: JSON, more: str) -> RejectedRow:
        name, kind = self._guards.names[at], KINDS[self._guards.kinds[at]]
        return RejectedRow(
            team_id=self._run.team_id,
            sync_id=self._run.sync_id,
            run=self._run,
            plan_attempt=self._attempt,
            key=row_key(key_text),
            key_text=key_text,
            match_key=match_key,
            payload=values,
            stage=RejectedRow.Stage.HELD_BACK,
            problem=PROBLEM,
            field=name,
            reason=f"Held back by the guard “{name}”: {self._guards.causes[at]}.{more} {kind.remedy}",
            who=RejectedRow.Who(kind.who),
        )
