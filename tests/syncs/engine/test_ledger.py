"""Settled batches are folded into the ledger exactly once, whatever happens between."""

import zlib
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.db import connection, transaction
from django.utils import timezone

from destinations.contract import Outcome, Verdict
from syncs.engine import bulk, ledger
from syncs.engine.batches import Planned, write, write_outcomes
from syncs.engine.keys import ledger_key
from syncs.engine.lease import Lease, LostLease
from syncs.engine.mapping import Layout
from syncs.models import Batch, LedgerEntry, Run
from tests.syncs.engine.scene import Scene, steal

ACCEPTED, REJECTED, UNPROVED = Verdict
LAYOUT = Layout(("email", "title"), ("leave", "leave"))
SETTLE = 60.0

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fold(scene: Scene) -> Any:
    """Settle rows in a new run and fold them: fold({"1": (ACCEPTED, "VP")}, lost=True) gives the run.

    A row is (verdict, title), and then its e-mail address and its remote id, if they matter.
    """
    scene.rows = []

    def settle(rows: dict[str, tuple[Any, ...]], *, lost: bool = False, given_up: bool = False) -> Run:
        Run.objects.exclude(status=Run.Status.SUCCEEDED).update(status=Run.Status.SUCCEEDED)
        number = Run.objects.count() + 1
        sync = scene.sync
        run = Run.objects.create(
            team=scene.team, sync=sync, number=number, generation=sync.generation, due_at=timezone.now()
        )
        batch, outcomes = [], {}
        for at, (key, (verdict, title, *rest)) in enumerate(rows.items()):
            email, remote_id = [*rest, "", ""][:2]
            email = email or f"{key}@b.com"
            line = orjson.dumps([key, email, email, title])
            batch.append(Planned(ledger_key(key, 0), line, hash(title) >> 1))
            outcomes[at] = Outcome(verdict, "Because.", "", remote_id)
        packed = write_outcomes(outcomes, given_up=list(outcomes) if given_up else [], lost=lost)
        now = timezone.now()
        Batch.objects.create(
            team=scene.team,
            run=run,
            plan_attempt=0,
            number=1,
            object_key="leads",
            operation_count=len(batch),
            row_count=len(batch),
            status=Batch.Status.SETTLED,
            due_at=now,
            last_sent_at=now - timedelta(hours=1),
            settled_at=now,
            payload=write(batch, LAYOUT),
            outcomes=packed,
        )
        lease = Lease.take(run)
        assert lease is not None
        ledger.fold(run, lease, settle_seconds=SETTLE)
        return run

    return settle


def entry(key: str = "1") -> LedgerEntry:
    return LedgerEntry.objects.get(key_text=key)


def fingerprint(title: str) -> int:
    return hash(title) >> 1


def test_what_was_accepted_is_held_with_its_record(fold: Any, scene: Scene) -> None:
    run = fold({"1": (ACCEPTED, "VP", "a@b.com", "r7")})

    found = entry()
    assert found.fingerprint == fingerprint("VP")
    assert (found.match_key, found.remote_id, found.run_number) == ("a@b.com", "r7", run.number)
    assert orjson.loads(zlib.decompress(found.record)) == {"email": "a@b.com", "title": "VP"}
    assert found.accepted_at == run.batches.get().settled_at
    assert found.settles_at is None
    assert ledger.size(scene.sync, 1) == 1


def test_records_are_not_kept_where_the_sync_says_so(fold: Any, scene: Scene) -> None:
    scene.sync.keep_records = False
    scene.sync.save()
    fold({"1": (ACCEPTED, "VP")})

    assert entry().record is None


def test_a_batch_is_folded_once_however_often_it_is_tried(fold: Any) -> None:
    run = fold({"1": (REJECTED, "VP")})
    lease = Lease(run.pk, Run.objects.get(pk=run.pk).lease_token)  # type: ignore[arg-type]
    ledger.fold(run, lease, settle_seconds=SETTLE)
    assert entry().refused_count == 1

    batch = Batch.objects.get()
    with pytest.raises(LostLease):  # as a worker that read it before another one folded it
        ledger._fold_batch(run, batch, lease, SETTLE)
    assert entry().refused_count == 1


def test_a_crash_while_folding_folds_nothing_of_the_batch(fold: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(self: bulk.Upsert, rows: Any) -> None:
        if self is ledger.DOUBT:
            raise RuntimeError
        real(self, rows)

    real = bulk.Upsert.run
    monkeypatch.setattr(bulk.Upsert, "run", crash)
    with pytest.raises(RuntimeError):
        fold({"1": (ACCEPTED, "VP"), "2": (UNPROVED, "VP")})
    assert not LedgerEntry.objects.exists()
    assert Batch.objects.get().folded_at is None

    monkeypatch.undo()
    run = Run.objects.get()
    ledger.fold(run, Lease(run.pk, run.lease_token), settle_seconds=SETTLE)  # type: ignore[arg-type]
    assert LedgerEntry.objects.count() == 2


def test_a_stale_worker_folds_nothing(fold: Any) -> None:
    run = fold({"1": (ACCEPTED, "VP")})
    token = Run.objects.get(pk=run.pk).lease_token
    LedgerEntry.objects.all().delete()
    Batch.objects.update(folded_at=None)
    steal(run)

    with pytest.raises(LostLease):
        ledger.fold(run, Lease(run.pk, token), settle_seconds=SETTLE)  # type: ignore[arg-type]
    assert not LedgerEntry.objects.exists()


def test_doubt_clears_the_fingerprint_and_names_when_it_settles(fold: Any) -> None:
    fold({"1": (ACCEPTED, "VP", "a@b.com", "r7")})
    run = fold({"1": (UNPROVED, "CEO", "new@b.com")})

    found = entry()
    assert found.fingerprint is None
    assert (found.match_key, found.remote_id) == ("a@b.com", "r7")
    assert found.settles_at == run.batches.get().settled_at + timedelta(seconds=SETTLE)
    assert found.accepted_at is not None


def test_doubt_about_a_new_row_is_noted_too(fold: Any) -> None:
    fold({"1": (UNPROVED, "CEO")})

    assert entry().fingerprint is None
    assert entry().settles_at is not None


def test_an_acceptance_after_a_lost_answer_settles_later(fold: Any) -> None:
    run = fold({"1": (ACCEPTED, "VP")}, lost=True)

    assert entry().fingerprint == fingerprint("VP")
    assert entry().settles_at == run.batches.get().settled_at + timedelta(seconds=SETTLE)


def test_a_refusal_keeps_what_was_accepted_and_counts(fold: Any) -> None:
    fold({"1": (ACCEPTED, "VP", "a@b.com", "r7")})
    run = fold({"1": (REJECTED, "bad", "new@b.com")})

    found = entry()
    assert (found.fingerprint, found.match_key, found.remote_id) == (fingerprint("VP"), "a@b.com", "r7")
    assert (found.refused_fingerprint, found.refused_count) == (fingerprint("bad"), 1)
    assert (found.next_try_run, found.next_try_at) == (run.number + 2, None)

    fold({"1": (REJECTED, "bad")})
    found = entry()
    assert found.refused_count == 2
    assert found.next_try_run is None
    assert timedelta(hours=23) < found.next_try_at - timezone.now() <= timedelta(days=1)

    fold({"1": (REJECTED, "worse")})
    assert entry().refused_count == 1


def test_a_refusal_after_a_lost_answer_is_doubt_as_well(fold: Any) -> None:
    fold({"1": (ACCEPTED, "VP")})
    fold({"1": (REJECTED, "bad")}, lost=True)

    found = entry()
    assert found.fingerprint is None
    assert found.settles_at is not None
    assert found.refused_fingerprint == fingerprint("bad")


@pytest.mark.parametrize("verdict", [ACCEPTED, UNPROVED])
def test_acceptance_and_doubt_forget_a_refusal(fold: Any, verdict: Verdict) -> None:
    fold({"1": (REJECTED, "bad")})
    fold({"1": (verdict, "VP")})

    found = entry()
    assert (found.refused_fingerprint, found.refused_count) == (None, 0)
    assert (found.next_try_run, found.next_try_at) == (None, None)


def test_what_was_given_up_is_no_refusal(fold: Any) -> None:
    fold({"1": (REJECTED, "VP")}, given_up=True)

    assert not LedgerEntry.objects.exists()


def test_a_remote_id_is_kept_until_another_is_told(fold: Any) -> None:
    fold({"1": (ACCEPTED, "VP", "a@b.com", "r7")})
    fold({"1": (ACCEPTED, "CEO", "a@b.com")})
    assert entry().remote_id == "r7"
    fold({"1": (ACCEPTED, "CFO", "a@b.com", "r8")})
    assert entry().remote_id == "r8"


def test_a_released_row_is_due_and_still_counted(fold: Any, scene: Scene) -> None:
    fold({"1": (REJECTED, "bad"), "2": (ACCEPTED, "VP")})

    assert ledger.release_refused(scene.sync) == 1
    found = entry()
    assert (found.next_try_run, found.next_try_at, found.refused_count) == (None, None, 1)


def test_what_is_held_is_found_by_key_and_by_range(fold: Any) -> None:
    rows = {str(number): (ACCEPTED, "VP") for number in range(50)}
    run = fold(rows)
    keys = [ledger_key(key, 0) for key in rows]

    known = ledger.known(run, [*keys, b"\0" * 16])
    assert sorted(known) == sorted(keys)
    assert {one.fingerprint for one in known.values()} == {fingerprint("VP")}

    low = ledger.fingerprints(run, 0, b"\x00", b"\x80")
    high = ledger.fingerprints(run, 0, b"\x80", None)
    assert all(key < b"\x80" for key in low) and all(key >= b"\x80" for key in high)
    assert low | high == {key: fingerprint("VP") for key in keys}
    assert ledger.fingerprints(run, 1, b"\x00", None) == {}


def test_what_is_in_doubt_has_no_fingerprint(fold: Any) -> None:
    run = fold({"1": (ACCEPTED, "VP"), "2": (UNPROVED, "VP")})

    found = ledger.fingerprints(run, 0, b"\x00", None)
    assert found == {ledger_key("1", 0): fingerprint("VP"), ledger_key("2", 0): None}


def test_a_plan_compares_by_what_stands_in_one_index_of_the_ledger(fold: Any) -> None:
    run = fold({"1": (ACCEPTED, "VP")})
    of_run = LedgerEntry.objects.filter(sync=run.sync_id, generation=run.generation, part=0)

    with connection.cursor() as cursor, transaction.atomic():
        is_postgres = connection.vendor == "postgresql"
        if is_postgres:  # so few rows would be read through
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        plan = of_run.filter(key__gte=b"\x00", key__lt=b"\x80").values_list("key", "fingerprint").explain()
    wanted = ("Index Only Scan", "syncs_ledgerentry_pkey") if is_postgres else ("COVERING", "ledger_compared")
    assert all(word in plan for word in wanted), plan


def test_very_many_sent_rows_are_not_counted_one_by_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            team=scene.team,
            sync=scene.sync,
            generation=scene.sync.generation,
            key=ledger_key(str(at), part),
            key_text=str(at),
            part=part,
            match_key=str(at),
            fingerprint=at if at % 2 else None,
            run_number=1,
        )
        for part, rows in ((0, 4_000), (1, 3))
        for at in range(rows)
    )

    assert ledger.sent(scene.sync) == (4_000, False)
    assert ledger.sent(scene.sync, accepted=True) == (2_000, False)
    monkeypatch.setattr(ledger, "MANY", 1_000)
    count, is_about = ledger.sent(scene.sync)
    assert is_about and 3_600 < count < 4_400
    assert count % 100 == 0
    assert ledger.sent(scene.sync, part=1) == (3, False)
