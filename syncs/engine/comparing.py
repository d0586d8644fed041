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
    """What one span of keys came to. `left`: keys that the ledger has and no row has any more; a dry run is
    told which, as `left_keys`.
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
    accepted: dict[bytes, int | None]
    if run.keys is None:
        accepted = ledger.fingerprints(run, part, span.start, span.end)
    else:
        accepted = {key: known.fingerprint for key, known in ledger.known(run, list(fresh)).items()}
    different = list(fresh)
    if when.only_new:
        different = [key for key in fresh if accepted.get(key) is None]
    elif not run.full:
        different = list(compress(fresh, map(ne, fresh.values(), map(accepted.get, fresh))))
    unchanged = len(fresh) - len(different)
    known = ledger.known(run, [key for key in different if key in accepted])
    left = len(accepted) - unchanged - len(known)
    if left and wanted is not None:
        left -= len((staged.fingerprints(span).keys() - fresh.keys()) & accepted.keys())
    sent, deferred = [], []
    for entry in _entries(staged, span, wanted, set(different)):
        before = known.get(entry.key)
        what = fate(entry.fingerprint, before, when)
        if what is Fate.DEFER:
            deferred.append(entry)
        else:
            sent.append(Change(entry, before, what))
    if not (left and run.dry_run):
        return Compared(sent, deferred, unchanged, left)
    return Compared(sent, deferred, unchanged, left, accepted.keys() - staged.fingerprints(span).keys())


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
