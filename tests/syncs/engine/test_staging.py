"""Records wait in scratch files, spread by key; the files go with whoever made them."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncs.engine import duplicates, staging
from syncs.engine.keys import match_digests, row_keys
from syncs.engine.staging import BUCKETS, Entry, Span, Staging, sweep


def stage(staged: Staging, first: int, count: int) -> None:
    """Add rows with keys and positions from `first` on; every tenth shares its upsert key with the next."""
    numbers = range(first, first + count)
    texts = [str(number) for number in numbers]
    matches = [str(number - 1) if number % 10 == 1 else str(number) for number in numbers]
    lines = [f',["{text}","{match}"],\n'.encode() for text, match in zip(texts, matches, strict=True)]
    staged.add(row_keys(texts), list(numbers), match_digests(matches), numbers, lines)


def everything(staged: Staging, known: int = 0) -> list[Entry]:
    return [Entry(*header) for span in staged.spans(known) for header in staged.headers(span)]


@pytest.mark.parametrize("spill_at", [1, 7, 10_000])
def test_what_was_staged_is_found_whether_spilled_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spill_at: int
) -> None:
    monkeypatch.setattr(staging, "SPILL_AT", spill_at)
    with Staging(tmp_path) as staged:
        for first in range(0, 200, 20):
            stage(staged, first, 20)
            staged.add_present(row_keys([f"present {first}"]), [1_000 + first])
        staged.finish()

        found = {entry.position: entry for entry in everything(staged)}
        assert len(staged) == len(found) == 210
        for position in range(200):
            entry = found[position]
            assert entry.key == row_keys([str(position)])[0]
            assert entry.fingerprint == position
            assert staged.line(entry).startswith(f'["{position}",'.encode())
        assert (found[1_000].length, staged.line(found[1_000])) == (0, b"")

        digests = {match_digests([str(number)])[0] for number in range(0, 200, 10)}
        assert staged.repeated_matches() == digests
        groups = [{twin.key_text for twin in twins} for twins in duplicates.of_upsert_key(staged)]
        assert sorted(map(sorted, groups)) == sorted(
            sorted([str(number), str(number + 1)]) for number in range(0, 200, 10)
        )
    assert list(tmp_path.iterdir()) == []


def test_rows_with_one_primary_key_are_found_but_for_those_that_are_stopped(tmp_path: Path) -> None:
    with Staging(tmp_path) as staged:
        stage(staged, 0, 5)
        lines = [b',["3","x"],\n', b',["4","y"],\n']
        staged.add(row_keys(["3", "4"]), [8, 9], match_digests(["x", "y"]), [5, 6], lines)
        staged.finish()

        stopped = bytearray([0, 0, 0, 0, 1, 0, 0])
        (span,) = staged.spans(0)
        groups = list(duplicates.of_primary_key(staged, span, stopped))
        wanted = bytes(not mark for mark in stopped)

        assert (staged.count(span), len(staged.fingerprints(span))) == (7, 5)
        assert (staged.count(span, wanted), len(staged.fingerprints(span, wanted))) == (6, 5)
        three = row_keys(["3"])[0]
        assert staged.fingerprints(span)[three] == 8  # the last
        assert staged.fingerprints(span, bytes([1, 1, 1, 1, 1, 0, 1]))[three] == 3

    assert [[twin.position for twin in twins] for twins in groups] == [[3, 5]]


def test_many_doubled_keys_are_looked_at_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "AT_ONCE", 3)
    with Staging(tmp_path) as staged:
        stage(staged, 0, 100)
        staged.finish()

        assert len(list(duplicates.of_upsert_key(staged))) == 10


@given(st.integers(0, 20_000_000), st.lists(st.integers(0, 90_000), min_size=BUCKETS, max_size=BUCKETS))
def test_spans_cover_all_keys_once_and_hold_little(known: int, sizes: list[int]) -> None:
    staged = Staging(Path())
    staged._sizes = sizes

    spans = staged.spans(known)

    assert [at for span in spans for at in range(span.first, span.last + 1)] == list(range(BUCKETS))
    for span in spans:
        rows = [max(sizes[at], known / BUCKETS) for at in range(span.first, span.last + 1)]
        assert sum(rows[:-1]) < staging.SPAN_ROWS


def test_a_span_is_a_range_of_keys() -> None:
    assert (Span(0, 0).start, Span(0, 0).end) == (b"\x00", b"\x01")
    assert (Span(7, 255).start, Span(7, 255).end) == (b"\x07", None)


def test_nothing_staged_is_one_empty_span(tmp_path: Path) -> None:
    with Staging(tmp_path) as staged:
        staged.finish()
        assert everything(staged) == []
        assert staged.spans(0) == [Span(0, 255)]


def test_scratch_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    with Staging(tmp_path):
        (folder,) = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o077 == 0


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from syncs.engine import staging
from tests.syncs.engine.test_staging import stage
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
staging.SPILL_AT = int(sys.argv[3])
try:
    with staging.Staging(Path(sys.argv[1])) as staged:
        for first in range(0, 100_000, 1_000):
            stage(staged, first, 1_000)
        staged.finish()
except staging.ScratchFull as full:
    print(full)
"""


@pytest.mark.parametrize(
    ("limit", "spill_at"),
    [(0, 10**9), (100_000, 10**9), (1_000_000, 10**9), (2_000, 1_000)],
    ids=["at once", "among lines", "at the end", "among headers"],
)
def test_a_full_disk_is_told_in_words_and_leaves_nothing(tmp_path: Path, limit: int, spill_at: int) -> None:
    arguments = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(limit), str(spill_at)]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    found = subprocess.run(arguments, capture_output=True, text=True, env=environment, timeout=250)

    assert found.stderr == ""
    assert found.stdout.startswith("There is no room left on the disk")
    assert list(tmp_path.iterdir()) == []


def test_another_fault_of_the_disk_is_not_called_full(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError) as fault, Staging(tmp_path / "file"):
        pass
    assert fault.value.errno == errno.ENOTDIR


KILLED = """
import os, sys
from pathlib import Path
from syncs.engine.staging import Staging
from tests.syncs.engine.test_staging import stage
staged = Staging(Path(sys.argv[1])).__enter__()
stage(staged, 0, 10)
print("staged", flush=True)
sys.stdin.read()
"""


def age(scratch: Path) -> None:
    before = time.time() - 60
    for folder in scratch.iterdir():
        os.utime(folder, (before, before))


def test_what_a_killed_worker_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    arguments = [sys.executable, "-c", KILLED, str(tmp_path)]
    with (
        subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as worker,
        Staging(tmp_path) as staged,
    ):
        assert worker.stdout is not None
        assert worker.stdout.readline() == "staged\n"
        age(tmp_path)
        assert sweep(tmp_path) == 0  # both live

        worker.kill()
        worker.wait()
        age(tmp_path)
        assert sweep(tmp_path) == 1
        stage(staged, 0, 10)
        staged.finish()
        assert len(everything(staged)) == 10
    assert [folder.name for folder in tmp_path.iterdir()] == ["other"]


def test_a_folder_that_is_just_being_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "plan-1-a").mkdir()
    assert sweep(tmp_path) == 0
    age(tmp_path)
    assert sweep(tmp_path) == 1
    assert sweep(tmp_path / "nowhere") == 0
