"""Compares what is staged with the ledger: whole spans of keys at once, one by one only what differs."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import compress
from operator import ne

from syncs.engine import ledger
from syncs.engine.lease import Lease
from syncs.engine.plan import Circumstances, Fate, Known, fate
from syncs.engine.staging import Entry, Span, Staging
from syncs.models import Run


@dataclass(frozen=True, slots=True)
class Change:
    """A staged record that is to be sent."""

    entry: Entry
    known: Known | None
    fate: Fate


@dataclass(frozen=True, slots=True)
class Compared:
    """What one span of keys came to. `left`: keys that the ledger has and no row has any more; which they
    are stands in `left_keys`, where the run is to know.
    """

    sent: list[Change]
    deferred: list[Entry]
    unchanged: int
    left: int
    left_keys: Collection[bytes] = ()


def compare(
    run: Run,
    lease: Lease,
    staged: Staging,
    part: int,
    when: Circumstances,
    *,
    wanted: bytes | None,
    repeated: Callable[[Span], bytes] | None = None,
) -> Iterator[Compared]:
    """Compare staged records with the ledger, span by span; what is to be sent is in the order of rows.

    `wanted` has a byte for each position, 0 where a record is left aside; None: all are wanted. Where
    several wanted records of a span have one key, `repeated` says what is wanted instead; without it the
    last of them stands for all.
    """
    known_count = ledger.size_about(run, part) if run.keys is None else 0
    for span in staged.spans(known_count):
        lease.demand()
        fresh = staged.fingerprints(span, wanted)
        if repeated is not None and len(fresh) < staged.count(span, wanted):
            wanted = repeated(span)
            fresh = staged.fingerprints(span, wanted)
        yield _compare(run, staged, part, span, when, wanted, fresh)


def _compare(
    run: Run,
    staged: Staging,
    part: int,
    span: Span,
    when: Circumstances,
    wanted: bytes | None,
    fresh: dict[bytes, int],
) -> Compared:
    held = _Held(run, part, span)
    if run.keys is not None:
        held.fill({key: known.fingerprint for key, known in ledger.known(run, list(fresh)).items()})
    if when.only_new:
        different = [key for key in fresh if held.by_key.get(key) is None]
    elif run.full:
        different, _ = list(fresh), held.by_key
    else:
        different = held.different(fresh)
    unchanged = len(fresh) - len(different)
    known = held.known(different) if held.count > unchanged else {}
    left = held.count - unchanged - len(known)
    if left and wanted is not None:
        left -= len(held.known(list(staged.fingerprints(span).keys() - fresh.keys())))
    sent, deferred = [], []
    for entry in _entries(staged, span, wanted, set(different)):
        before = known.get(entry.key)
        what = fate(entry.fingerprint, before, when)
        if what is Fate.DEFER:
            deferred.append(entry)
        else:
            sent.append(Change(entry, before, what))
    if not (left and when.names_left):
        return Compared(sent, deferred, unchanged, left)
    return Compared(sent, deferred, unchanged, left, held.by_key.keys() - staged.fingerprints(span).keys())


class _Held:
    """What the ledger holds in a span of keys; which keys they are is read only where it must be known."""

    def __init__(self, run: Run, part: int, span: Span) -> None:
        self._run = run
        self._part = part
        self._span = span
        self._by_key: dict[bytes, int | None] | None = None
        self.count = 0

    @property
    def by_key(self) -> dict[bytes, int | None]:
        """The fingerprints by key."""
        if self._by_key is None:
            self.fill(ledger.fingerprints(self._run, self._part, self._span.start, self._span.end))
        return self._by_key or {}

    def fill(self, by_key: dict[bytes, int | None]) -> None:
        self._by_key, self.count = by_key, len(by_key)

    def different(self, fresh: dict[bytes, int]) -> list[bytes]:
        """The keys whose records are not the ones last accepted."""
        if self._by_key is not None:
            return list(compress(fresh, map(ne, fresh.values(), map(self._by_key.get, fresh))))
        self.count, accepted = ledger.accepted(self._run, self._part, self._span.start, self._span.end)
        if accepted.issuperset(fresh.values()):
            return []
        return [key for key, fingerprint in fresh.items() if fingerprint not in accepted]

    def known(self, keys: list[bytes]) -> dict[bytes, Known]:
        """What is held of these keys: a few are looked up, of many those that are here."""
        if len(keys) > ledger.LOOKUP:
            keys = [key for key in keys if key in self.by_key]
        return ledger.known(self._run, keys)


def _entries(staged: Staging, span: Span, wanted: bytes | None, keys: set[bytes]) -> list[Entry]:
    """The entries of these keys, the last wanted one of each, in the order of rows."""
    if not keys:
        return []
    found = {
        header[0]: header
        for header in staged.headers(span)
        if header[0] in keys and (wanted is None or wanted[header[3]])
    }
    return sorted((Entry(*header) for header in found.values()), key=lambda entry: entry.position)
