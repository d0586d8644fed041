"""What is staged is compared with the ledger a span at a time, and comes out as if row by row."""

from pathlib import Path
from random import Random

import pytest
from django.utils import timezone

from destinations.contract import JSON
from syncs.engine import keys, ledger, staging
from syncs.engine.comparing import Compared, compare
from syncs.engine.extract import lines_of
from syncs.engine.lease import Lease
from syncs.engine.plan import Circumstances
from syncs.engine.staging import Staging
from syncs.models import LedgerEntry, Run
from tests.syncs.engine.scene import Scene

pytestmark = pytest.mark.django_db(transaction=True)

NOT_YET = 99  # the run in which a refused row is tried again
TITLES: tuple[JSON, ...] = ("VP", "IC", None)


def fingerprint(key_text: str, title: JSON) -> int:
    (line,) = lines_of([(key_text, f"{key_text}@b.com", title)])
    return keys.fingerprints([line], 7)[0]


def stage(staged: Staging, rows: list[tuple[str, JSON]]) -> None:
    texts = [key_text for key_text, _ in rows]
    records = [(key_text, f"{key_text}@b.com", title) for key_text, title in rows]
    lines = lines_of(records)
    prints, matches = keys.fingerprints(lines, 7), keys.match_digests(f"{text}@b.com" for text in texts)
    staged.add(keys.row_keys(texts), prints, matches, range(len(rows)), lines)
    staged.finish()


@pytest.fixture
def run(scene: Scene) -> Run:
    sync, now = scene.sync, timezone.now()
    return Run.objects.create(team=scene.team, sync=sync, number=5, generation=sync.generation, due_at=now)


@pytest.mark.parametrize("way", ["usual", "dry", "full", "only new", "some keys"])
def test_spans_are_compared_as_if_row_by_row(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(staging, "SPAN_ROWS", 25)
    lease = Lease.take(run)
    assert lease is not None
    with lease:
        for seed, lookup in enumerate((1, 1, 1, 400, 400, 400)):
            monkeypatch.setattr(ledger, "LOOKUP", lookup)
            LedgerEntry.objects.all().delete()
            compare_at_random(run, lease, tmp_path, way, Random(f"{seed} {way}"))


def compare_at_random(run: Run, lease: Lease, scratch: Path, way: str, random: Random) -> None:
    """Rows that are new, changed, the same, in doubt, refused, aside or gone."""
    held: dict[str, LedgerEntry] = {}
    for number in range(0, 240, random.choice((1, 3))):
        text, doubted = str(number), random.random() < 0.1
        title = random.choice(TITLES)
        held[text] = LedgerEntry(
            team=run.team,
            sync=run.sync,
            generation=run.generation,
            key=keys.row_key(text),
            key_text=text,
            match_key=f"{text}@b.com",
            fingerprint=None if doubted else fingerprint(text, title),
            refused_fingerprint=fingerprint(text, "IC") if random.random() < 0.1 else None,
            next_try_run=NOT_YET,
            run_number=1,
        )
    LedgerEntry.objects.bulk_create(held.values())
    changing = random.random()
    rows: list[tuple[str, JSON]] = []
    for number in range(60, 300):
        text = str(number)
        same = [
            title for title in TITLES if text in held and fingerprint(text, title) == held[text].fingerprint
        ]
        rows.append((text, same[0] if same and random.random() > changing else random.choice(TITLES)))
    wanted = bytes(random.random() > 0.1 for _ in rows) if random.random() < 0.7 else None
    run.full, run.dry_run = way == "full", way == "dry"
    run.keys = [text for text, _ in rows] if way == "some keys" else None
    run.save(update_fields=["full", "dry_run", "keys"])  # not the lease, which it does not know
    when = Circumstances(
        run.number, timezone.now(), full=run.full, only_new=way == "only new", names_left=way == "dry"
    )

    with Staging(scratch) as staged:
        stage(staged, rows)
        found: list[Compared] = list(compare(run, lease, staged, 0, when, wanted=wanted))

    sent, deferred, unchanged = set(), set(), 0
    for at, (text, title) in enumerate(rows):
        if wanted is not None and not wanted[at]:
            continue
        before, now = held.get(text), fingerprint(text, title)
        was = before.fingerprint if before is not None else None
        if was is not None and (way == "only new" or (was == now and way != "full")):
            unchanged += 1
        elif before is not None and before.refused_fingerprint == now and way != "full":
            deferred.add(at)
        else:
            sent.add(at)
    gone = set(held) - {text for text, _ in rows} if way != "some keys" else set()
    assert {change.entry.position for one in found for change in one.sent} == sent
    assert {entry.position for one in found for entry in one.deferred} == deferred
    assert sum(one.unchanged for one in found) == unchanged
    assert sum(one.left for one in found) == len(gone)
    if way == "dry":
        assert {key for one in found for key in one.left_keys} == set(map(keys.row_key, gone))
    for change in (change for one in found for change in one.sent):
        before = held.get(rows[change.entry.position][0])
        assert (change.known is None) == (before is None)
        if before is not None and change.known is not None:
            assert change.known.fingerprint == before.fingerprint


def test_of_a_range_the_ledger_tells_how_many_and_what_was_accepted(run: Run) -> None:
    for text, title in (("1", "VP"), ("2", "IC"), ("3", None)):
        LedgerEntry.objects.create(
            team=run.team,
            sync=run.sync,
            generation=run.generation,
            key=keys.row_key(text),
            key_text=text,
            match_key=text,
            fingerprint=title and fingerprint(text, title),
            run_number=1,
        )

    assert ledger.accepted(run, 0, b"\x00", None) == (3, {fingerprint("1", "VP"), fingerprint("2", "IC")})
    assert ledger.accepted(run, 1, b"\x00", None) == (0, set())
    low, high = ledger.accepted(run, 0, b"\x00", b"\x80"), ledger.accepted(run, 0, b"\x80", None)
    assert low[0] + high[0] == 3
    assert low[1] | high[1] == {fingerprint("1", "VP"), fingerprint("2", "IC")}
