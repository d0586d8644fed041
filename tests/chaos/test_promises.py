"""The promises of a run under faults alone, without kills: doubt, limits, bad rows, O'Brien."""

from collections.abc import Callable

from tests.chaos import people
from tests.chaos.conftest import long_form
from tests.chaos.truth import assert_quiet, assert_truth, listed_rows
from tests.chaos.world import World


def test_o_brien_arrives_as_o_brien_and_two_hundred_bad_rows_stay_and_are_listed(
    make_world: Callable[..., World],
) -> None:
    world = make_world(rows=people.people(len(people.NAMES), 1) + people.bad_rows(10_000, 200))
    assert world.run()["exit"] == 1
    arrived = world.stand_in.state()["lead"]["miles.o'brien@example.com"]["fields"]
    assert (arrived["first_name"], arrived["last_name"]) == ("Miles", "O'Brien")
    assert_truth(world)
    sent = sorted(world.stand_in.evidence().sent_since(0), key=lambda one: one.number)
    kinds = [one.key[0] for one in sent]
    assert kinds == sorted(kinds), "companies go first, once per domain"
    reasons = listed_rows(world, world.runs()[-1])
    one = next(row for row in world.rows if row.columns["score"] == "twelve")
    assert reasons[one.id]["field"] == "Lead_Score__c"
    twins = [row for row in world.rows if row.columns["email"].lower().startswith("twice.")][:2]
    for row, other in (twins, twins[::-1]):
        assert other.id in reasons[row.id]["reason"], "contradicting rows name each other"
    assert_quiet(world)


@long_form
def test_a_limit_plans_so_many_rows_and_the_next_run_sends_the_rest(make_world: Callable[..., World]) -> None:
    world = make_world(rows=people.people(30, 4))
    assert world.run("--limit", "7")["accepted"] == 7
    sent = world.stand_in.evidence().sent_since(0)
    assert len([one for one in sent if one.key[0] == "lead"]) == 7
    world.run()
    assert_truth(world)


@long_form
def test_a_dry_run_sends_nothing_and_a_full_one_sends_all(make_world: Callable[..., World]) -> None:
    world = make_world(rows=people.people(20, 5))
    planned = world.run("--dry-run")["planned"]
    assert planned > 20
    assert world.stand_in.evidence().records_sent == 0
    world.run()
    world.noted("full")
    assert world.run("--full")["accepted"] == planned
    assert_truth(world)
