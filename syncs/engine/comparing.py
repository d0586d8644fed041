"""Compares what is staged with the ledger: whole spans of keys at once, one by one only what differs."""

from collections.abc import Iterator
from dataclasses import dataclass

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
    """What one span of keys came to. `left`: keys that the ledger has and no row has any more."""

    sent: list[Change]
    deferred: list[Entry]
    unchanged: int
    left: int


def compare(
    run: Run, lease: Lease, staged: Staging, part: int, when: Circumstances, *, wanted: bytes | None
) -> Iterator[Compared]:
    """Compare staged records with the ledger, span by span; what is to be sent is in the order of rows.

    `wanted` has a byte for each position, 0 where a record is left aside; None: all are wanted. Of several
    wanted records with one key the last stands for all.
    """
    known_count = ledger.size(run.sync_id, run.generation) if run.keys is None else 0
    for span in staged.spans(known_count):
        lease.demand()
        yield _compare(run, staged, part, span, when, wanted)


def _compare(
    run: Run, staged: Staging, part: int, span: Span, when: Circumstances, wanted: bytes | None
) -> Compared:
    fresh = staged.fingerprints(span, wanted)
    left = 0
    accepted: dict[bytes, int | None]
    if run.keys is None:
        accepted = ledger.fingerprints(run, part, span.start, span.end)
        present = fresh if wanted is None else staged.fingerprints(span)
        left = len(accepted.keys() - present.keys())
    else:
        accepted = {key: known.fingerprint for key, known in ledger.known(run, list(fresh)).items()}
    if when.only_new:
        different = {key for key in fresh if accepted.get(key) is None}
    elif run.full:
        different = set(fresh)
    else:
        different = {key for key, _ in fresh.items() - accepted.items()}
    known = ledger.known(run, [key for key in different if key in accepted])
    sent, deferred = [], []
    for entry in _entries(staged, span, wanted, different):
        before = known.get(entry.key)
        what = fate(entry.fingerprint, before, when)
        if what is Fate.DEFER:
            deferred.append(entry)
        else:
            sent.append(Change(entry, before, what))
    return Compared(sent, deferred, len(fresh) - len(different), left)


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
