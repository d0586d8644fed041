"""What must be true when the dust has settled, however often anything was killed.

Every row of the model is at the destination with its last values, or needs attention, is held back or in
doubt, with a reason. Nothing is sent twice but what was in flight, and no insert is there twice. The ledger
is what was last accepted. Counters add up. Meanwhile no run that is due lies without a live worker for two
minutes, and the queue heals within thirty seconds.

A destination's word counts: one that says "accepted" of what it did not take is believed; answers that name
strangers, leave rows out or tell of one twice prove nothing. Where the machine's clock is put forward or back
this holds as well, but for times: what rests goes on by the clock as it is, and a job that took too long by
it is in doubt, and so goes again with the next run. Where two machines differ by more than a lease (45
seconds), calls in flight may count as lost and be sent again, inserts only after looking.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tests.chaos.evidence import Key
from tests.chaos.log import SLOWER
from tests.chaos.published import KEY_NAMES
from tests.chaos.salesloft_world import IN_HAND, SalesloftWorld
from tests.chaos.vigil import Vigil
from tests.chaos.world import World

ALONE_SECONDS, HEALS_SECONDS = 120.0, 30.0


def assert_truth(world: World) -> None:
    """The destination, the ledger, the lists and the counters all say what the rows of the source say."""
    found, state, runs = world.stand_in.evidence(), world.stand_in.state(), world.runs()
    last = runs[-1]
    assert last["status"] in {"succeeded", "attention"}, (last["status"], last["stop_reason"], world.tail())

    wanted = {row.email: row.fields for row in world.rows if row.fate == "sent"}
    there = {email: record["fields"] for email, record in state["lead"].items()}
    assert differences(there, wanted) == [], "every valid row arrived, with its last values; nothing else did"
    companies = dict(row.company for row in world.rows if row.fate != "bad")
    there = {domain: record["fields"] for domain, record in state["company"].items()}
    assert differences(there, companies) == [], "and so did its company"

    listed = listed_rows(world, last)
    bad = {row.id for row in world.rows if row.fate == "bad"}
    assert {key for key, row in listed.items() if row["stage"] == "invalid"} == bad, "every bad row is listed"
    held = {world.email_of(key) for key, row in listed.items() if row["stage"] == "held_back"}
    assert held == {world.email_of(row.id) for row in world.rows if row.fate == "held back"}
    assert all(len(row["reason"]) > 15 and row["who"] for row in listed.values()), (
        "with a reason, and who acts"
    )

    stops = [f"{stop.what} at {stop.at:.2f}" for stop in world.interruptions]
    assert found.unexplained(world.interruptions) == [], (
        f"nothing was sent twice, but calls that were in flight: {stops}\n{world.tail()}"
    )
    assert state["violations"] == [], "no limit of the account was crossed, no rule of the API broken"

    for run in runs:
        assert_adds_up(run)
    assert last["read_count"] == len(world.rows)
    assert last["invalid_count"] == len([row for row in world.rows if row.fate == "bad"])
    assert (last["rejected_count"], last["in_doubt_count"], last["waiting_count"]) == (0, 0, 0)

    keys = [("lead", email) for email in wanted] + [("company", domain) for domain in companies]
    accepted = {key: found.last_accepted(key) for key in keys}
    expected = {key: one and one.values["fields"] for key, one in accepted.items()}
    assert differences(ledger(world), expected) == [], "the ledger equals what was last accepted"


def assert_served(vigil: Vigil) -> None:
    """No run lay about, and the queue healed by itself, whatever was killed."""
    assert vigil.alone < ALONE_SECONDS * SLOWER, "a run that was due had no live worker for too long"
    assert vigil.stood_still < HEALS_SECONDS * SLOWER, "work was due, and for too long nothing moved"


def assert_records(
    world: SalesloftWorld, *, there: Sequence[str] = (), workers: int = 1, in_bulk: bool = False
) -> None:
    """The same of records that are written one by one, and inserted ones.

    `there` are those that only updates write. Nothing is written twice but calls that were in flight, or had
    an answer that nobody got; `in_bulk` also jobs that an ended run left, or that took too long by a clock.
    """
    last, stored, told = world.runs()[-1], world.stored(), world.told()
    assert last["status"] in {"succeeded", "attention"}, (last["status"], last["stop_reason"], world.tail())
    assert max(stored.values()) == 1, "nobody is there twice"
    wanted = set(there or world.keys)
    assert stored.keys() <= wanted, "nobody is there but whom the source has"
    assert wanted - stored.keys() <= (told if world.mode == "insert" else set()), "who is not there is told"
    assert set(world.keys) - wanted <= world.told(ever=True), "who cannot be updated is told"
    name = "title" if world.object_key == "people" else "name"
    values = {one.fields[name] for one in world.records()}
    assert values == {world.value}, "with its last value"

    strikes = len({round(stop.at) for stop in world.interruptions})
    lost = sum(
        1 for one in world.service.requests if one.method != "GET" and (one.fault or one.status is None)
    )
    rewritten = world.rewritten() - len(there)
    left = sum(1 for stop in world.interruptions if in_bulk and stop.what in {"cancel", "clock"})
    most = lost + strikes * workers * IN_HAND + left * len(world.keys)
    assert rewritten <= most, (rewritten, lost, strikes, left)

    for run in world.runs():
        assert_adds_up(run)
    entries = world.query(
        "select match_key, record from syncs_ledgerentry"
        " where accepted_at is not null and fingerprint is not null"
    )
    accepted = {one["match_key"]: orjson.loads(zlib.decompress(bytes(one["record"]))) for one in entries}
    assert {key: record.get(name) for key, record in accepted.items()} == dict.fromkeys(
        stored.keys() - told, world.value
    ), "the ledger equals what was last accepted"


def assert_nothing_lost(world: World) -> None:
    """After a run in bad weather: what is not proved to have arrived is listed, by this run or one before."""
    found = world.stand_in.evidence()
    listed = {
        row["key_text"]
        for row in world.query("select key_text from syncs_rejectedrow where stage <> 'invalid'")
    }
    silent = []
    for row in world.rows:
        last = found.last_accepted(("lead", row.email))
        arrived = last is not None and last.values["fields"] == row.fields
        if row.fate == "sent" and not arrived and row.id not in listed:
            silent.append(row.email)
    assert silent == [], "every row arrived, or is listed with a reason"


def assert_quiet(world: World) -> None:
    """The next run sends the one row that changed: no other, and none of which an unmapped column changed."""
    world.change(world.good_rows[0].id, internal_remark="changed, and nobody cares")
    changed = world.good_rows[1]
    world.change(changed.id, given_name="Brand-new O'Name")
    assert records_sent_by(world) == [changed.email]
    assert_truth(world)


def differences(found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> list[str]:
    """What sets two mappings apart, shortly."""
    return [
        f"{key}: found {found.get(key, 'nothing')!s:.300}, expected {expected.get(key, 'nothing')!s:.300}"
        for key in sorted(found.keys() | expected.keys())
        if (key in found) != (key in expected) or found.get(key) != expected.get(key)
    ]


def assert_adds_up(run: dict[str, Any]) -> None:
    """`run` is a row of the runs' table."""
    counts = {name.removesuffix("_count"): value for name, value in run.items() if name.endswith("_count")}
    read = ("unchanged", "deferred", "held_back", "invalid", "planned")
    assert counts["read"] == sum(counts[part] for part in read), run
    planned = ("accepted", "rejected", "in_doubt", "waiting")
    assert counts["planned"] == sum(counts[part] for part in planned), run
    if run["status"] in {"succeeded", "attention"} and not run["dry_run"]:
        assert counts["waiting"] == 0, run
        needs_attention = counts["invalid"] + counts["rejected"] + counts["in_doubt"]
        assert (run["status"] == "attention") == bool(needs_attention), run


def records_sent_by(world: World) -> list[str]:
    """Run the sync; the keys of the records that reached the wire meanwhile."""
    before = world.stand_in.evidence().records_sent
    world.run()
    found = world.stand_in.evidence()
    sent = sorted((one for s in found.submissions.values() for one in s), key=lambda one: one.number)
    return [one.key[1] for one in sent[before:]]


def listed_rows(world: World, run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The rows of a run that need attention or were held back, by primary key."""
    rows = world.query(
        f"select * from syncs_rejectedrow where run_id = {run['id']} and plan_attempt = {run['plan_attempt']}"
    )
    return {row["key_text"]: row for row in rows}


def ledger(world: World) -> dict[Key, dict[str, Any] | None]:
    """The accepted fields by entity and key; None where the ledger knows only doubt."""
    found: dict[Key, dict[str, Any] | None] = {}
    for entry in world.query("select * from syncs_ledgerentry where accepted_at is not null"):
        entity = ("lead", "company")[entry["part"]]
        record = orjson.loads(zlib.decompress(bytes(entry["record"])))
        record.pop(KEY_NAMES[entity], None)
        found[entity, entry["match_key"]] = None if entry["fingerprint"] is None else record
    return found


def assert_told(text: str, *words: str) -> None:
    """The message names each of the words (patterns) and says who must do what."""
    for word in words:
        assert re.search(word, text, re.IGNORECASE), f"{word!r} is not in: {text}"
    assert re.search(r"\bmust\b|\bcan\b|please|check|try|tick|allow|free|fix", text, re.IGNORECASE), text
    assert "right-key" not in text and "wrong-key" not in text
