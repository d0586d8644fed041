"""`manage.py forget`: a person is removed from everything that we keep, and nobody else is."""

import io
import json
import zlib
from collections.abc import Callable

import pytest
from django.apps import apps

from destinations.models import Exchange
from syncadmin.teams.models import Team
from syncs.configuration import versions
from syncs.engine.forget import look
from syncs.engine.run import start
from syncs.models import Batch, LedgerEntry, PlannedRow, RejectedRow, Run, Sync, SyncVersion
from tests.syncs.commands.conftest import ADA, BOB, CLEO, World

SYNC = "leads-to-qualified"


def kept_texts() -> str:
    """All that our tables hold, compressed things unpacked."""
    texts = []
    for model in apps.get_models():
        for values in model._default_manager.values_list():
            for value in values:
                if isinstance(value, bytes | memoryview):
                    packed = bytes(value)
                    try:
                        texts.append(zlib.decompress(packed).decode(errors="replace"))
                    except zlib.error:
                        texts.append(repr(packed))
                else:
                    texts.append(json.dumps(value, default=str, ensure_ascii=False))
    return "\n".join(texts)


@pytest.fixture
def known(applied: World) -> World:
    """Ada, Bob and Cleo were sent; Ada twice, under two addresses, and once with a number that is none."""
    applied.manage("run", SYNC)
    applied.write(["1", "countess@acme.example", "Augusta", "7", "Software"], BOB, CLEO)
    applied.manage("run", SYNC)
    applied.write(["1", "countess@acme.example", "Augusta", "lovelace", "Software"], BOB, CLEO)
    applied.manage("run", SYNC)
    return applied


@pytest.mark.parametrize("key", ["countess@acme.example", "ada@acme.example", " Countess@ACME.example ", "1"])
def test_a_person_is_removed_from_every_table(known: World, key: str) -> None:
    words = ("ada@acme", "countess", "Augusta", "lovelace")
    assert all(word in kept_texts() for word in words)

    done = known.manage("forget", key, "--yes")

    assert done.code == 0
    assert "removed · sent records: 1" in done.out
    left = kept_texts()
    assert [word for word in words if word in left] == []
    assert "bob@globex.example" in left
    assert "cleo@initech.example" in left
    assert known.manage("forget", key, "--yes").out == "Nothing is kept of them here.\n"


def test_the_runs_keep_their_counts_and_others_their_records(known: World) -> None:
    runs = list(Run.objects.order_by("pk").values())
    others = list(LedgerEntry.objects.exclude(key_text="1").order_by("key").values())
    batches = list(Batch.objects.order_by("pk").values_list("operation_count", "accepted_count"))
    known.manage("forget", "ada@acme.example", "--yes")
    assert list(Run.objects.order_by("pk").values()) == runs
    assert list(LedgerEntry.objects.order_by("key").values()) == others
    assert list(Batch.objects.order_by("pk").values_list("operation_count", "accepted_count")) == batches
    assert PlannedRow.objects.filter(part=0).count() == 2


def test_whoever_the_source_still_holds_is_sent_again_by_the_next_run(known: World) -> None:
    known.write(["1", "countess@acme.example", "Augusta", "7", "Software"], BOB, CLEO)
    known.manage("forget", "countess@acme.example", "--yes")
    found = json.loads(known.manage("run", SYNC, "--json").out)
    assert (found["accepted"], found["unchanged"]) == (1, 2)


def test_a_company_is_forgotten_by_its_domain(known: World) -> None:
    assert LedgerEntry.objects.filter(part=1, match_key="acme.example").exists()
    known.manage("forget", "https://www.acme.example/", "--yes")
    assert not LedgerEntry.objects.filter(match_key="acme.example").exists()
    assert LedgerEntry.objects.filter(match_key="countess@acme.example").exists()


def test_somebody_in_doubt_or_refused_is_forgotten_too(applied: World) -> None:
    applied.sandbox.faults.set(item_fail_rate=1)
    applied.manage("run", SYNC)
    assert RejectedRow.objects.count() >= 3
    applied.manage("forget", "bob@globex.example", "--yes")
    assert "bob@globex" not in kept_texts()
    assert set(RejectedRow.objects.values_list("key_text", flat=True)) == {"1", "3"}


def test_a_twin_is_no_longer_named_in_the_others_reason(applied: World) -> None:
    applied.write(["person-one", *ADA[1:]], ["person-two", ADA[1], "Other", "1", ""], CLEO)
    applied.manage("run", SYNC)
    RejectedRow.objects.filter(key_text="person-two").update(match_key="")
    applied.manage("forget", "person-one", "--yes")
    (left,) = RejectedRow.objects.all()
    assert (left.key_text, "person-one" in left.reason) == ("person-two", False)


def test_recorded_requests_of_others_stay(known: World) -> None:
    theirs = [
        e.pk for e in Exchange.objects.all() if "cleo@" in e.request_text and "ada@" not in e.request_text
    ]
    assert theirs
    known.manage("forget", "ada@acme.example", "--yes")
    assert all("cleo@" in exchange.request_text for exchange in Exchange.objects.filter(pk__in=theirs))


def test_nothing_is_removed_while_a_run_may_hold_the_person(known: World) -> None:
    run = start(Sync.objects.get(), ring=False)
    done = known.manage("forget", "countess@acme.example", "--yes")
    assert (done.code, f"manage.py cancel {run.public_id}" in done.err) == (2, True)
    assert LedgerEntry.objects.filter(key_text="1").exists()


def test_guards_that_name_a_person_stay_and_are_told(applied: World) -> None:
    guards = [{"never_send": {"emails": ["Ada@acme.example"], "keys": ["9"]}}]
    Sync.objects.filter(name=SYNC).update(guards=guards)
    done = applied.manage("forget", "ada@acme.example", "--yes")
    assert f"Guards name them, so that they are not sent, and stay as they are: {SYNC}." in done.out
    assert Sync.objects.get(name=SYNC).guards == guards
    assert "Guards" not in applied.manage("forget", "bob@globex.example", "--yes").out


def test_another_teams_person_stays(known: World, other_team: Team) -> None:
    assert not any(look(other_team, "countess@acme.example").values())
    done = known.manage("forget", "countess@acme.example", "--yes")
    assert (done.code, "--team" in done.err) == (2, True)
    assert known.manage("forget", "countess@acme.example", "--yes", "--team", "globex").code == 0
    assert LedgerEntry.objects.filter(key_text="1").exists()


def test_it_asks_before_it_removes(known: World, types_in: Callable[..., None]) -> None:
    types_in("n")
    done = known.manage("forget", "ada@acme.example")
    assert (done.code, done.err) == (2, "Nothing was removed.")
    assert LedgerEntry.objects.filter(key_text="1").exists()
    types_in("y")
    assert known.manage("forget", "ada@acme.example").code == 0
    assert not LedgerEntry.objects.filter(key_text="1").exists()


def test_without_a_terminal_it_needs_a_yes(known: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    done = known.manage("forget", "ada@acme.example")
    assert (done.code, "--yes" in done.err) == (2, True)
    assert LedgerEntry.objects.filter(key_text="1").exists()


def test_a_person_of_another_alphabet_is_found_in_requests(applied: World) -> None:
    applied.write(["1", "жанна@acme.example", "Жанна", "1", ""])
    applied.manage("run", SYNC)
    assert applied.manage("forget", "жанна@acme.example", "--yes").code == 0
    assert "анна" not in kept_texts()


def test_a_person_whom_a_guard_named_once_is_removed_from_former_versions(known: World) -> None:
    sync = Sync.objects.get(name=SYNC)
    for guards in ([{"never_send": {"emails": ["Countess@acme.example", "bob@globex.example"]}}], []):
        sync.guards = guards
        sync.save(update_fields=["guards"])
        versions.keep(sync, author=None)

    done = known.manage("forget", "countess@acme.example", "--yes")

    assert "removed · former versions of syncs: 1" in done.out
    assert "countess" not in kept_texts().casefold()
    assert "bob@globex.example" in json.dumps(SyncVersion.objects.get(number=2).definition)
