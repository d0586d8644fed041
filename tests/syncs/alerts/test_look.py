"""What is told, and how often: once when it begins, once when it is over."""

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from destinations.models import Connection, RemoteAccount
from syncadmin.teams.models import Team
from syncs.alerting.rules import Kind
from syncs.alerts.look import look, prune
from syncs.models import Alert, AlertMessage, AlertRoute, AlertTarget, MissedTime, Run, Sync, SyncSchedule
from tests.syncs.alerts.conftest import connection_of, ended, rule_of, syncs_of, target_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def target(team: Team) -> AlertTarget:
    return target_at(team, "json://127.0.0.1:9/")


@pytest.fixture
def connection(team: Team, target: AlertTarget) -> Connection:
    """With rules for runs that stop and for connections."""
    for kind in (Kind.FAILED, Kind.CONNECTION, Kind.MISSED):
        rule_of(team, kind)
    rule_of(team, Kind.STALE, hours=1)
    return connection_of(team)


def soon(**more: float) -> datetime:
    return timezone.now() + timedelta(**more)


def sent() -> list[tuple[str, str]]:
    return [(one.sort, one.title) for one in AlertMessage.objects.order_by("pk")]


def test_an_hour_without_the_destination_is_one_alert_and_one_recovery_for_forty_syncs(
    connection: Connection,
) -> None:
    """The story: it goes away, runs wait, after an hour they stop, it is back, and they go through again."""
    syncs = syncs_of(connection, 40)
    ended(syncs)
    account = RemoteAccount.objects.filter(pk=connection.account_id)
    began = timezone.now()
    account.update(down_since=began, down_until=soon(minutes=1), down_reason="No answer (503).")
    for minute in range(0, 60, 5):
        look(began + timedelta(minutes=minute))
    assert sent() == [("opened", "[Acme] Qualified (“qualified”) is not answering")]
    reason = "Qualified has not been answering for an hour."
    ended(syncs, Run.Status.STOPPED, stopped_by=Run.StoppedBy.DESTINATION, stop_reason=reason)
    for minute in range(60, 120, 20):
        look(began + timedelta(minutes=minute))
    assert len(sent()) == 1
    assert "and 37 more" in Alert.objects.get().text
    account.update(down_since=None, down_until=None, down_reason="")
    look(began + timedelta(minutes=121))
    ended(syncs[:39])
    look(began + timedelta(minutes=122))
    assert len(sent()) == 1  # one sync has not gone through yet
    ended(syncs[39:])
    look(began + timedelta(minutes=125))
    look(began + timedelta(minutes=126))
    assert sent()[1:] == [("over", "[Acme] Over: Qualified (“qualified”) is not answering")]
    over = AlertMessage.objects.get(sort="over").body
    assert "It lasted 1 h 55 min" in over
    assert f"/t/acme/destinations/{connection.public_id}/" in over
    assert Alert.objects.get().recovered_at is not None


def test_who_looks_second_changes_nothing(connection: Connection) -> None:
    syncs = syncs_of(connection, 2)
    ended(syncs, Run.Status.STOPPED, stop_reason="It is out of order.")
    assert look(soon()) == 2
    assert look(soon()) == 0
    ended(syncs)
    assert look(soon(seconds=2)) == 2
    assert look(soon(seconds=2)) == 0
    assert Alert.objects.filter(recovered_at__isnull=False).count() == 2


def test_what_was_seen_before_somebody_else_saw_the_end_opens_nothing_again(connection: Connection) -> None:
    syncs = syncs_of(connection, 1)
    ended(syncs, Run.Status.STOPPED)
    at = soon()
    look(at)
    Alert.objects.update(
        recovered_at=at + timedelta(seconds=5)
    )  # by a worker that began later and was quicker
    assert look(at + timedelta(seconds=1)) == 0
    assert look(at + timedelta(seconds=6)) == 1


def test_the_database_knows_one_open_alert_of_a_subject_and_one_message_of_a_sort(
    connection: Connection, target: AlertTarget
) -> None:
    ended(syncs_of(connection, 1), Run.Status.STOPPED)
    look(soon())
    alert, message = Alert.objects.get(), AlertMessage.objects.get()
    for again in (alert, message):
        again.pk, again.public_id = None, "00000000-0000-4000-8000-000000000000"
        with pytest.raises(IntegrityError), transaction.atomic():
            again.save(force_insert=True)


def test_a_connection_that_needs_somebody_is_told_and_recovers_with_the_next_good_test(
    connection: Connection,
) -> None:
    Connection.objects.update(
        health="attention", health_reason="The key of bob@acme.com is refused. An admin must enter it anew."
    )
    look(soon())
    message = AlertMessage.objects.get()
    assert message.title == "[Acme] Qualified (“qualified”) needs attention"
    assert "is refused. An admin must enter it anew." in message.body
    assert "bob@" not in message.body + message.short
    Connection.objects.update(health="good", health_reason="")
    look(soon(seconds=2))
    assert [sort for sort, _ in sent()] == ["opened", "over"]


def test_a_message_quotes_no_value_of_a_row(connection: Connection) -> None:
    reason = 'The template of title failed: "Jane Doe" of jane@acme.com is no number.'
    ended(syncs_of(connection, 1), Run.Status.STOPPED, stop_reason=reason)
    look(soon())
    kept = AlertMessage.objects.get()
    assert "The template of title failed" in kept.body
    assert "Jane" not in kept.body + kept.short + kept.title
    assert "jane@" not in kept.body


def test_rows_that_were_refused_before_and_wait_still_need_attention(connection: Connection) -> None:
    syncs = syncs_of(connection, 1)
    rule_of(connection.team, Kind.ROWS, rows=5)
    ended(syncs, Run.Status.ATTENTION, read_count=20, invalid_count=6, planned_count=14, accepted_count=14)
    look(soon())
    ended(syncs, read_count=20, deferred_count=6, unchanged_count=14)
    assert look(soon(seconds=2)) == 0
    assert Alert.objects.get().title.startswith("6 rows of “sync 0 of qualified” need attention")
    ended(syncs, read_count=20, unchanged_count=20)
    assert look(soon(seconds=3)) == 1


def test_tries_and_cancelled_runs_neither_open_nor_end_an_alert(connection: Connection) -> None:
    syncs = syncs_of(connection, 1)
    ended(syncs)
    ended(syncs, Run.Status.STOPPED, dry_run=True)
    ended(syncs, Run.Status.CANCELLED)
    assert look(soon()) == 0


def test_a_run_that_waits_for_approval_is_told_until_somebody_decided(connection: Connection) -> None:
    rule_of(connection.team, Kind.WAITS)
    syncs = syncs_of(connection, 1)
    (run,) = ended(syncs, Run.Status.APPROVAL, brakes={"found": []}, approval_ends_at=timezone.now())
    MissedTime.objects.create(team=connection.team, sync=syncs[0], at=timezone.now(), run=run)
    assert look(soon()) == 1
    assert sent() == [("opened", "[Acme] A run of “sync 0 of qualified” waits for approval")]
    assert "An admin of the team must look at what it would change" in AlertMessage.objects.get().body
    Run.objects.update(status=Run.Status.DELIVERING)
    look(soon(seconds=1))
    assert ("over", "[Acme] Over: A run of “sync 0 of qualified” waits for approval") in sent()


def test_a_paused_sync_is_left_in_peace(connection: Connection) -> None:
    syncs = syncs_of(connection, 1)
    ended(syncs, Run.Status.STOPPED)
    Sync.objects.update(paused=True)
    assert look(soon()) == 0


def test_a_time_that_was_left_out_is_told_until_the_next_run_begins(connection: Connection) -> None:
    syncs = syncs_of(connection, 1)
    (run,) = ended(syncs)
    for minutes in (12, 2):  # it is the first that counts, however often it is due
        at = timezone.now() - timedelta(minutes=minutes)
        MissedTime.objects.create(team=connection.team, sync=syncs[0], at=at, run=run)
    assert look(soon()) == 1
    assert "missed its schedule" in sent()[0][1]
    ended(syncs)
    assert look(soon(seconds=2)) == 1


def test_a_schedule_that_nobody_takes_and_one_that_cannot_be_read_are_told(connection: Connection) -> None:
    syncs = syncs_of(connection, 2)
    at = timezone.now() - timedelta(minutes=11)
    rule = {"every": "1 hours", "zone": "UTC"}
    SyncSchedule.objects.create(team=connection.team, sync=syncs[0], rule=rule, next_at=at)
    SyncSchedule.objects.create(team=connection.team, sync=syncs[1], rule=rule)
    look(soon())
    assert {title for _, title in sent()} == {
        "[Acme] “sync 0 of qualified” missed its schedule",
        "[Acme] The schedule of “sync 1 of qualified” can no longer be read",
    }


def test_a_rule_tells_its_own_targets_and_one_for_all_tells_later_ones_too(
    team: Team, connection: Connection, target: AlertTarget
) -> None:
    pager = target_at(team, "json://127.0.0.1:9/", "pager")
    team.alert_rules.filter(kind=Kind.FAILED).update(to_all=False)
    rule = team.alert_rules.get(kind=Kind.FAILED)
    AlertRoute.objects.create(team=team, rule=rule, target=pager)
    ended(syncs_of(connection, 1), Run.Status.STOPPED)
    look(soon())
    assert [one.target_name for one in AlertMessage.objects.all()] == ["pager"]
    Connection.objects.update(health="attention", health_reason="The key is refused.")
    look(soon())
    assert sorted(one.target_name for one in AlertMessage.objects.all()) == ["hook", "pager", "pager"]


def test_a_team_that_uses_anothers_connection_hears_once_that_the_other_must_act(
    connection: Connection, other_team: Team
) -> None:
    target_at(other_team, "json://127.0.0.1:9/", "theirs")
    rule_of(other_team, Kind.CONNECTION)
    syncs = syncs_of(connection, 3)
    Sync.objects.update(team=other_team)
    Connection.objects.update(health="attention", health_reason="The key is refused.")
    reason = "The key is refused."
    ended([*Sync.objects.all()], Run.Status.STOPPED, stopped_by=Run.StoppedBy.SIGN_IN, stop_reason=reason)
    assert len(syncs) == 3
    look(soon())
    assert [one.target_name for one in AlertMessage.objects.order_by("target_name")] == ["hook", "theirs"]
    theirs = AlertMessage.objects.get(target_name="theirs")
    assert "The team Acme shares this connection, and must act: The key is refused." in theirs.body
    assert "/t/globex/alerts/" in theirs.body


def test_teams_hear_of_their_own(connection: Connection, other_team: Team) -> None:
    target_at(other_team, "json://127.0.0.1:9/", "theirs")
    rule_of(other_team, Kind.FAILED)
    ended(syncs_of(connection, 1), Run.Status.STOPPED)
    look(soon())
    assert [one.team for one in AlertMessage.objects.all()] == [connection.team]


def test_a_look_at_a_thousand_syncs_takes_a_handful_of_queries(
    connection: Connection, django_assert_max_num_queries
) -> None:
    ended(syncs_of(connection, 1_000))
    with django_assert_max_num_queries(16):
        look(soon())


def test_what_is_over_is_pruned_and_what_waits_is_kept(connection: Connection) -> None:
    syncs = syncs_of(connection, 1)
    ended(syncs, Run.Status.STOPPED)
    look(soon())
    assert prune(soon(days=1)) == 0
    ended(syncs)
    look(soon(seconds=2))
    AlertMessage.objects.update(status="sent")
    assert prune(soon(days=1)) == 3
