"""The promises of a run under faults alone, without kills: doubt, limits, bad rows, O'Brien."""

from collections.abc import Callable

import pytest

from tests.chaos import people
from tests.chaos.truth import assert_quiet, assert_truth, listed_rows
from tests.chaos.world import SYNC, World, wait_until


def test_o_brien_arrives_as_o_brien(make_world: Callable[..., World]) -> None:
    world = make_world(rows=people.people(len(people.NAMES), 0))
    world.run()
    arrived = world.stand_in.state()["lead"]["miles.o'brien@example.com"]["fields"]
    assert (arrived["first_name"], arrived["last_name"]) == ("Miles", "O'Brien")
    assert_truth(world)
    kinds = [
        one.key[0] for one in sorted(world.stand_in.evidence().sent_since(0), key=lambda one: one.number)
    ]
    assert kinds == sorted(kinds), "companies go first, once per domain"
    assert_quiet(world)


def test_two_hundred_bad_rows_are_listed_and_none_of_them_leaves(make_world: Callable[..., World]) -> None:
    world = make_world(rows=people.people(30, 1) + people.bad_rows(10_000, 200))
    assert world.run()["exit"] == 1
    assert_truth(world)
    reasons = listed_rows(world, world.runs()[-1])
    one = next(row for row in world.rows if row.columns["score"] == "twelve")
    assert reasons[one.id]["field"] == "Lead_Score__c"
    twins = [row for row in world.rows if row.columns["email"].lower().startswith("twice.")][:2]
    for row, other in (twins, twins[::-1]):
        assert other.id in reasons[row.id]["reason"], "contradicting rows name each other"


@pytest.mark.parametrize("overtaken", [False, True])
def test_a_to_b_with_its_answer_lost_and_back_to_a_ends_as_a(
    make_world: Callable[..., World], overtaken: bool
) -> None:
    """B's answer is lost and its run cancelled. `overtaken`: B's job is slow and takes effect later."""
    world = make_world(rows=people.people(20, 2))
    world.run()
    row = world.good_rows[3]
    lost = ["dropped_after"] * 50
    world.stand_in.faults(next=lost, latency=[4, 4] if overtaken else [0, 0])
    world.change(row.id, given_name="B")
    began = world.stand_in.evidence().records_sent
    process = world.start("run", SYNC, "--json", log="b")
    wait_until(lambda: world.stand_in.evidence().records_sent > began, 30, "B on the wire")
    world.noted("cancel")
    world.manage("cancel", str(world.runs()[-1]["public_id"]))
    assert process.wait(60) == 2, world.tail()
    assert world.runs()[-1]["status"] == "cancelled"

    world.stand_in.faults(next=[], latency=[0, 0.1])
    world.change(row.id, given_name=row.columns["given_name"])
    world.run(seconds=200)
    wait_until(lambda: world.stand_in.state()["unfinished_jobs"] == 0, 30, "the slow job")
    assert_truth(world)


def test_windows_of_seconds_are_never_crossed(make_world: Callable[..., World]) -> None:
    windows = "[[6, 2], [40, 20]]"
    world = make_world(
        rows=people.people(160, 3),
        batch_size=10,
        extra=f"windows: {windows}",
        arguments=("--windows", windows),
        faults={"latency": [0, 0.5]},
    )
    world.run()
    assert_truth(world)


def test_a_limit_plans_so_many_rows_and_the_next_run_sends_the_rest(make_world: Callable[..., World]) -> None:
    world = make_world(rows=people.people(30, 4))
    assert world.run("--limit", "7")["accepted"] == 7
    sent = world.stand_in.evidence().sent_since(0)
    assert len([one for one in sent if one.key[0] == "lead"]) == 7
    world.run()
    assert_truth(world)


def test_a_dry_run_sends_nothing_and_a_full_one_sends_all(make_world: Callable[..., World]) -> None:
    world = make_world(rows=people.people(20, 5))
    planned = world.run("--dry-run")["planned"]
    assert planned > 20
    assert world.stand_in.evidence().records_sent == 0
    world.run()
    world.noted("full")
    assert world.run("--full")["accepted"] == planned
    assert_truth(world)
