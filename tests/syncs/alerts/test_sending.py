"""Messages on the wire: to a program that listens, to one that hangs, and by e-mail."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import Membership, Team, User
from syncs.alerting.rules import Kind
from syncs.alerts import sending
from syncs.alerts.look import look
from syncs.models import Alert, AlertMessage, AlertTarget, Run
from tests.syncs.alerts.conftest import Place, connection_of, ended, rule_of, syncs_of, target_at

pytestmark = pytest.mark.django_db

SECRET = "sesame-7Kq"


@pytest.fixture
def failed(team: Team) -> list[Any]:
    """A sync whose run stopped, and a rule that tells all targets; nobody has looked yet."""
    rule_of(team, Kind.FAILED)
    syncs = syncs_of(connection_of(team), 1)
    ended(syncs, Run.Status.STOPPED, stop_reason="It is out of order.")
    return syncs


def log() -> list[tuple[str, str, str]]:
    kept = AlertMessage.objects.order_by("pk")
    return [(one.target_name, one.status, one.result) for one in kept]


def test_an_alert_and_its_end_arrive_at_a_webhook(team: Team, failed: list[Any], place: Place) -> None:
    target_at(team, f"{place.url}?+Authorization=Bearer%20{SECRET}")
    look()
    assert sending.send_due() == 1
    assert sending.send_due() == 0
    ended(failed)
    look(timezone.now() + timedelta(seconds=1))
    assert sending.send_due() == 1
    first, over = place.received
    run = Run.objects.get(number=1)
    assert first["title"] == "[Acme] The sync “sync 0 of qualified” stopped"
    assert f"http://localhost:8000/t/acme/runs/{run.public_id}/" in first["message"]
    assert (first["type"], over["type"]) == ("failure", "success")
    assert (first["state"], over["state"]) == ("open", "over")
    assert first["alert"] == over["alert"] == str(Alert.objects.get().public_id)
    assert over["title"] == "[Acme] Over: The sync “sync 0 of qualified” stopped"
    assert place.authorization == [f"Bearer {SECRET}"] * 2
    assert {(status, result) for _, status, result in log()} == {("sent", "The webhook took it (200).")}


def test_a_target_that_hangs_holds_up_no_other_and_is_tried_again_later_and_later(
    team: Team, alice: User, failed: list[Any], place: Place, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SECONDS", 1.5)
    hanging = target_at(team, silent, "hangs")
    AlertTarget.objects.create(team=team, name="listens", kind="email", people=[alice.pk])
    look()
    now = timezone.now()
    assert sending.send_due(now) == 1
    assert len(mail.outbox) == 1
    hung = "No answer from 127.0.0.1 within 1.5 seconds. It is tried again."
    assert log() == [
        ("hangs", "waiting", hung),
        ("listens", "sent", "The mail server took it, to 1 person."),
    ]
    hanging.refresh_from_db()
    assert (hanging.problem, hanging.failure_count) == (hung, 1)
    assert not sending.due(now + timedelta(seconds=59)).exists()
    monkeypatch.undo()
    hanging.address = Secret(place.url.replace("http", "json"))  # somebody corrects it
    hanging.save()
    assert sending.send_due(now + timedelta(seconds=61)) == 1
    hanging.refresh_from_db()
    assert (hanging.problem, hanging.failure_count, hanging.paused_until) == ("", 0, None)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, b'{"error": "invalid_token"}', "127.0.0.1 refused the credentials (403: invalid_token)."),
        (302, b"", "127.0.0.1 sends us on (302), which is not followed."),
        (503, b"sesame-7Kq is wrong", "127.0.0.1 has a fault (503: [removed] is wrong)."),
    ],
)
def test_a_test_tells_what_really_came_of_it_and_no_secret(
    team: Team, place: Place, status: int, body: bytes, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place.status, place.body, place.headers = status, body, {"Location": "http://127.0.0.1:1/elsewhere"}
    target = target_at(team, f"{place.url}/{SECRET}")
    result = sending.send_test(target, "alice@example.com")
    assert not result.sent
    assert result.told.startswith(words)
    assert len(place.received) == 1
    assert log()[0][1:] == ("given_up", result.told)
    assert SECRET not in caplog.text + result.told + str(vars(AlertMessage.objects.get()))


def test_a_target_on_this_machine_is_refused_where_the_operator_does_not_list_it(
    team: Team, place: Place, settings: Any
) -> None:
    settings.ALLOWED_NETWORKS = ()
    result = sending.send_test(target_at(team, place.url), "alice@example.com")
    assert "127.0.0.1 is this machine itself: nothing was sent there." in result.told
    assert place.received == []


def test_a_service_that_is_not_asked_by_http_reaches_this_machine_no_more(
    team: Team, silent: str, settings: Any
) -> None:
    settings.ALLOWED_NETWORKS = ()
    here = silent.removeprefix("json://").partition("/")[0]
    result = sending.send_test(target_at(team, f"nostr://{'1' * 64}?relay=ws://{here}"), "alice@example.com")
    assert result.told == "Nostr could not be asked. An admin must look at the address."


def test_the_address_of_a_target_is_encrypted_and_does_not_show_itself(team: Team) -> None:
    target = target_at(team, f"json://127.0.0.1/{SECRET}")
    assert SECRET not in str(vars(target)) + repr(target.address)
    assert target.address.reveal().endswith(SECRET)


def test_many_messages_for_one_target_go_as_one_and_none_twice(team: Team, place: Place) -> None:
    rule_of(team, Kind.FAILED)
    target_at(team, place.url)
    ended(syncs_of(connection_of(team), 20), Run.Status.STOPPED)
    look()
    assert sending.send_due() == 20
    (received,) = place.received
    assert received["title"] == "[Acme] 20 messages about your syncs"
    assert "• and 5 more" in received["message"]
    assert sending.send_due() == 0


def test_what_another_worker_is_sending_is_left_to_it_until_it_dies(
    team: Team, failed: list[Any], place: Place
) -> None:
    target = target_at(team, place.url)
    look()
    now = timezone.now()
    (errand,) = sending._errands(now)  # the other worker, which dies here
    assert sending.send_due(now) == 0
    later = timezone.now() + sending.LEASE + timedelta(seconds=1)
    assert sending.send_due(later) == 1
    assert sending._settle(errand, [sending.Result(sent=False, told="late")], later) == 0
    assert log()[0][1] == "sent"
    target.refresh_from_db()
    assert (target.failure_count, target.lease_token) == (0, None)


def test_a_message_that_waited_for_a_day_is_given_up_and_not_forgotten(
    team: Team, failed: list[Any], silent: str
) -> None:
    target_at(team, silent)
    look()
    AlertMessage.objects.update(attempts=1)
    sending.send_due(timezone.now() + timedelta(days=1, minutes=1))
    assert [status for _, status, _ in log()] == ["given_up"]


def test_an_e_mail_goes_to_those_chosen_who_are_still_of_the_team(
    team: Team, alice: User, bob: User, charlie: User, failed: list[Any]
) -> None:
    people = [alice.pk, bob.pk, charlie.pk]
    AlertTarget.objects.create(team=team, name="people", kind="email", people=people)
    look()
    Membership.objects.filter(user=bob).delete()
    assert sending.send_due() == 1
    (letter,) = mail.outbox
    assert letter.to == ["alice@example.com"]
    assert letter.subject == "[Acme] The sync “sync 0 of qualified” stopped"
    assert "It is out of order." in letter.body
    assert log() == [("people", "sent", "The mail server took it, to 1 person.")]


def test_where_no_e_mail_can_go_the_log_says_who_must_act(
    team: Team, alice: User, failed: list[Any], settings: Any
) -> None:
    AlertTarget.objects.create(team=team, name="people", kind="email", people=[alice.pk])
    settings.SENDS_MAIL = False
    look()
    assert sending.send_due() == 0
    assert "must set EMAIL_URL" in log()[0][2]
    assert mail.outbox == []
