"""What is wrong, each cause once: values in, values out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from syncs.alerting import words
from syncs.alerting.rules import AccountFacts, At, Ended, Facts, Kind, Rule, SourceFacts, SyncFacts, troubles

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TEAM = [
    Rule(1, Kind.CONNECTION),
    Rule(2, Kind.FAILED),
    Rule(3, Kind.ROWS, rows=10, percent=5),
    Rule(4, Kind.STALE, hours=24),
    Rule(5, Kind.MISSED),
    Rule(6, Kind.WAITS),
]
ACCOUNT = AccountFacts(7, "Qualified (“qualified”)", uuid4())
SOURCE = SourceFacts(8, uuid4(), "warehouse")


def ended(**facts: object) -> Ended:
    return replace(Ended(uuid4(), 3, NOW - timedelta(minutes=5), read=100), **facts)


def stopped(at: At = At.SYNC, reason: str = "It is out of order.") -> Ended:
    return ended(is_stopped=True, stopped_at=at, reason=reason)


def sync(id: int = 1, **facts: object) -> SyncFacts:
    known = {"good_at": NOW - timedelta(hours=1), "runs_by_itself": True} | facts
    return replace(SyncFacts(id, uuid4(), f"sync {id}", ACCOUNT.id, SOURCE.id), **known)


def found(*syncs: SyncFacts, rules: list[Rule] = TEAM, account: AccountFacts = ACCOUNT) -> dict[str, Kind]:
    return {one.subject: one.kind for one in all_of(*syncs, rules=rules, account=account)}


def all_of(*syncs: SyncFacts, rules: list[Rule] = TEAM, account: AccountFacts = ACCOUNT) -> list:
    return troubles(Facts(NOW, rules, syncs, {account.id: account}, {SOURCE.id: SOURCE}))


def test_where_all_is_well_nothing_is_told():
    assert found(sync(last=ended(attention=3), last_whole=ended(attention=3))) == {}


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"last": stopped()}, Kind.FAILED),
        ({"last": ended(), "last_whole": stopped()}, Kind.FAILED),  # a few rows arrived since, not all
        ({"waits": uuid4()}, Kind.WAITS),
        ({"last_whole": ended(attention=11, read=10_000)}, Kind.ROWS),
        ({"last_whole": ended(attention=6)}, Kind.ROWS),
        ({"good_at": NOW - timedelta(hours=25)}, Kind.STALE),
        ({"good_at": None, "begun_at": NOW - timedelta(hours=25)}, Kind.STALE),
        ({"missed_at": NOW - timedelta(minutes=11), "missed_run": uuid4()}, Kind.MISSED),
        ({"missed_at": NOW - timedelta(minutes=11)}, Kind.MISSED),
        ({"has_broken_schedule": True}, Kind.MISSED),
    ],
)
def test_each_kind_sees_what_it_watches_and_nobody_is_told_without_its_rule(wrong: dict, kind: Kind):
    assert found(sync(**wrong)) == {f"sync:1:{kind}": kind}
    assert found(sync(**wrong), rules=[rule for rule in TEAM if rule.kind is not kind]) == {}
    (trouble,) = all_of(sync(**wrong))
    told = words.tell(trouble, NOW)
    assert "sync 1" in told.title + told.text
    assert told.todo or told.text
    assert told.page[1] is not None


@pytest.mark.parametrize(
    "fine",
    [
        {"last_whole": ended(attention=5)},
        {"last_whole": ended(read=0)},
        {"good_at": None},  # it never began: that is a matter of setting up
        {"good_at": NOW - timedelta(hours=25), "runs_by_itself": False},
        {"missed_at": NOW + timedelta(minutes=3)},
        {"missed_at": NOW - timedelta(minutes=9), "missed_run": uuid4()},  # the next time may come first
    ],
)
def test_what_is_as_it_should_be_is_not_told(fine: dict):
    assert found(sync(**fine)) == {}


def test_forty_syncs_that_stop_for_one_account_are_one_trouble():
    account = replace(ACCOUNT, down_since=NOW - timedelta(hours=1), down_reason="No answer (503).")
    down = [sync(id, last=stopped(At.DESTINATION), missed_at=NOW, missed_run=uuid4()) for id in range(40)]
    assert found(*down, account=account) == {"account:7": Kind.CONNECTION}
    told = words.tell(all_of(*down, account=account)[0], NOW)
    assert told.title == "Qualified (“qualified”) is not answering"
    assert "since 11:00 UTC" in told.text
    assert "“sync 0”, “sync 1”, “sync 10” and 37 more" in told.text
    assert "No answer (503)." in told.text


@pytest.mark.parametrize("rules", [TEAM, TEAM[1:], [Rule(4, Kind.STALE, hours=1)]])
def test_an_outage_is_one_trouble_whichever_rules_there_are(rules: list[Rule]):
    account = replace(ACCOUNT, down_since=NOW - timedelta(hours=3), down_reason="No answer.")
    old = {"good_at": NOW - timedelta(hours=3), "last": stopped(At.DESTINATION)}
    assert list(found(sync(1, **old), sync(2, **old), rules=rules, account=account)) == ["account:7"]


def test_an_outage_of_syncs_that_are_due_every_few_minutes_is_never_more_than_one_trouble():
    for minutes in range(61):
        account = replace(ACCOUNT, down_since=NOW - timedelta(minutes=minutes), down_reason="No answer.")
        missed = NOW - timedelta(minutes=max(0, minutes - 2))  # their runs began before, and wait
        syncs = [sync(id, missed_at=missed, missed_run=uuid4()) for id in range(40)]
        told = found(*syncs, account=account)
        assert told == ({"account:7": Kind.CONNECTION} if minutes >= 10 else {})


def test_after_an_outage_the_trouble_lasts_until_the_last_sync_went_through():
    one, two = sync(1, last=stopped(At.DESTINATION)), sync(2, last=ended())
    assert found(one, two) == {"account:7": Kind.FAILED}
    assert (
        words.tell(all_of(one, two)[0], NOW).title == "The sync “sync 1” stopped at Qualified (“qualified”)"
    )
    assert found(replace(one, last=ended()), two) == {}


def test_what_was_a_syncs_own_trouble_stays_so_when_its_account_has_one_too():
    bad = replace(ACCOUNT, needs="The key is refused.")
    broken, late = sync(1, last=stopped()), sync(2, good_at=NOW - timedelta(hours=30))
    facts = Facts(NOW, TEAM, [broken, late], {bad.id: bad}, {}, frozenset({"sync:2:stale"}))
    assert {one.subject for one in troubles(facts)} == {"account:7", "sync:1:failed", "sync:2:stale"}


def test_who_had_to_wait_for_an_account_belongs_to_its_alert_until_it_went_through():
    late = [sync(id, good_at=NOW - timedelta(hours=30)) for id in range(5)]
    facts = Facts(NOW, TEAM, late, {ACCOUNT.id: ACCOUNT}, {}, frozenset({"account:7"}))
    (trouble,) = troubles(facts)
    assert trouble.subject == "account:7"
    assert words.tell(trouble, NOW).title == "5 syncs had to wait for Qualified (“qualified”)"


def test_a_short_hiccup_is_not_told():
    assert found(account=replace(ACCOUNT, down_since=NOW - timedelta(minutes=9))) == {}


def test_a_sign_in_that_is_no_longer_good_is_one_trouble_with_the_runs_that_it_stopped():
    account = replace(ACCOUNT, needs="The key is refused. An admin must enter it anew.")
    syncs = [sync(id, last=stopped(At.SIGN_IN)) for id in range(3)]
    assert found(*syncs, account=account) == {"account:7": Kind.CONNECTION}
    told = words.tell(all_of(*syncs, account=account)[0], NOW)
    assert told.title == "Qualified (“qualified”) needs attention"
    assert told.text.startswith("The key is refused.")


def test_syncs_of_a_source_that_cannot_be_read_are_one_trouble():
    syncs = [sync(id, last=stopped(At.SOURCE, "The database does not answer.")) for id in range(3)]
    assert found(*syncs) == {"source:8": Kind.FAILED}
    assert "The database does not answer." in words.tell(all_of(*syncs)[0], NOW).text


def test_syncs_that_fail_each_for_itself_are_told_each():
    assert len(found(sync(1, last=stopped()), sync(2, last=stopped()))) == 2


def test_a_rule_of_a_sync_stands_in_place_of_the_teams():
    own = [*TEAM, Rule(9, Kind.ROWS, sync=1, rows=1_000)]
    many = ended(attention=500, read=1_000)
    assert found(sync(1, last_whole=many), sync(2, last_whole=many), rules=own) == {"sync:2:rows": Kind.ROWS}
    always = [Rule(9, Kind.STALE, sync=1, hours=2)]
    old = sync(1, good_at=NOW - timedelta(hours=3), runs_by_itself=False)
    assert found(old, rules=always) == {"sync:1:stale": Kind.STALE}


def test_who_watches_one_sync_hears_of_the_cause_that_stops_it():
    rules = [*TEAM, Rule(9, Kind.FAILED, sync=1)]
    (trouble,) = all_of(sync(1, last=stopped(At.SOURCE)), sync(2, last=stopped(At.SOURCE)), rules=rules)
    assert trouble.rules == (2, 9) or trouble.rules == (9, 2)
    assert {one.id for one in trouble.syncs} == {1, 2}
