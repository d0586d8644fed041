"""Who guesses passwords is kept out; whoever is only near, is not. Alice owns a team, Zoe does not exist."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.core import mail
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection as database
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from syncadmin.teams import throttle
from syncadmin.teams.models import Invitation, Team, Throttle, User
from syncadmin.teams.throttle import LIMITS, Kind
from syncs.engine import start_tokens
from syncs.engine.pruning import prune
from syncs.models import Sync
from tests.syncadmin.teams.test_passwords import NEW, ask, link, sent
from tests.syncs.admin.history import make_sync

LOGIN = reverse("login")
HERE, ELSEWHERE = "203.0.114.7", "198.52.100.9"
ALICE = "alice@example.com"


def attempt(client: Client, email: str = ALICE, password: str = "guess", place: str = HERE, **more: str):  # type: ignore[no-untyped-def]
    return client.post(LOGIN, {"username": email, "password": password}, REMOTE_ADDR=place, **more)


@pytest.fixture
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits themselves, reached sooner."""
    for kind in (Kind.SIGN_IN, Kind.RESET_FROM, Kind.TOKEN):
        monkeypatch.setitem(LIMITS, kind, replace(LIMITS[kind], most=11))


@pytest.fixture
def locked(client: Client, alice: User, settings: Settings) -> Client:
    """Somebody guessed Alice's password, each time written in another way and with another browser."""
    for number in range(settings.AXES_FAILURE_LIMIT):
        email = (ALICE, " Alice@EXAMPLE.com", "ａlice@example.com")[number % 3]
        page = attempt(client, email, HTTP_USER_AGENT=f"browser {number}")
    assert page.status_code == 429
    return client


def test_after_ten_wrong_passwords_the_right_one_is_refused_too_and_the_page_says_until_when(
    locked: Client,
) -> None:
    page = attempt(locked, password="correct horse")
    assert page.status_code == 429
    assert "Too many wrong passwords" in page.text
    assert "which is in 15 minutes" in page.text
    assert int(page["Retry-After"]) <= 15 * 60
    assert locked.get("/", REMOTE_ADDR=HERE).status_code == 302


def test_alice_signs_in_from_elsewhere_all_the_same(locked: Client, client: Client) -> None:
    assert attempt(Client(), password="correct horse", place=ELSEWHERE).status_code == 302


def test_others_sign_in_from_there_all_the_same(locked: Client, bob: User) -> None:
    assert attempt(Client(), bob.email, "correct horse").status_code == 302


def test_after_a_quarter_of_an_hour_the_right_password_is_taken(locked: Client) -> None:
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=14))
    assert attempt(locked, password="correct horse").status_code == 429  # and takes no longer for that
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=1))
    assert attempt(locked, password="correct horse").status_code == 302


def test_nobody_learns_whether_an_address_is_known(client: Client, alice: User, settings: Settings) -> None:
    answers = []
    for email in (ALICE, "zoe@example.com"):
        pages = [attempt(client, email) for _ in range(settings.AXES_FAILURE_LIMIT + 1)]
        answers.append([(page.status_code, page.text.replace(email, "…")) for page in pages])
    statuses = [[status for status, _ in pages] for pages in answers]
    assert statuses[0] == statuses[1] == [200] * 9 + [429] * 2
    for known, unknown in zip(*answers, strict=True):
        assert len(known[1]) == len(unknown[1])


def test_nine_wrong_passwords_and_the_right_one_begin_anew(client: Client, alice: User) -> None:
    for _ in range(2):
        for _ in range(9):
            assert attempt(client).status_code == 200
        assert attempt(client, password="correct horse").status_code == 302
        client.post(reverse("logout"))


def test_a_new_password_by_e_mail_lets_alice_in_at_once(locked: Client) -> None:
    ask(locked, ALICE)
    sent()
    form = locked.get(link(), follow=True)
    locked.post(form.request["PATH_INFO"], NEW)
    assert attempt(locked, password=NEW["new_password1"]).status_code == 302


def test_an_operator_lets_alice_in(locked: Client) -> None:
    out = io.StringIO()
    call_command("unlock", " Alice@example.com", stdout=out)
    call_command("unlock", ALICE, stdout=out)
    assert out.getvalue() == (
        "alice@example.com may sign in again from everywhere.\n"
        "alice@example.com was not locked out anywhere.\n"
    )
    assert attempt(locked, password="correct horse").status_code == 302
    with pytest.raises(CommandError, match="Nobody here"):
        call_command("unlock", "zoe@example.com")


def test_the_page_of_the_admin_is_throttled_too(client: Client, staff: User, settings: Settings) -> None:
    page = client.get(reverse("admin:index"), follow=True)
    assert page.request["PATH_INFO"] == reverse("admin:login")
    for _ in range(settings.AXES_FAILURE_LIMIT):
        reply = client.post(page.request["PATH_INFO"], {"username": staff.email, "password": "guess"})
    assert reply.status_code == 429
    client.post(page.request["PATH_INFO"], {"username": staff.email, "password": "correct horse"})
    assert client.get(reverse("admin:index")).status_code == 302


def test_one_password_for_many_names_is_guessing_too(client: Client, alice: User, few_tries: None) -> None:
    most = LIMITS[Kind.SIGN_IN].most
    for number in range(most):
        assert attempt(client, f"person{number}@example.com").status_code == 200
    page = attempt(client, password="correct horse")
    assert page.status_code == 429
    assert "Nobody can sign in from where you are" in page.text
    assert attempt(Client(), password="correct horse", place=ELSEWHERE).status_code == 302


def test_a_proxy_that_does_not_tell_locks_out_nobody_but_the_guessed(
    client: Client, alice: User, few_tries: None
) -> None:
    """All come from one private address then."""
    for number in range(LIMITS[Kind.SIGN_IN].most + 1):
        attempt(client, f"person{number}@example.com", place="10.0.0.2")
    assert attempt(client, password="correct horse", place="10.0.0.2").status_code == 302


def test_behind_a_trusted_proxy_the_address_before_it_counts(
    client: Client, alice: User, settings: Settings
) -> None:
    settings.TRUST_PROXY = True
    for _ in range(settings.AXES_FAILURE_LIMIT):
        attempt(client, place="10.0.0.2", HTTP_X_FORWARDED_FOR=f"6.6.6.6, {HERE}")
    other = {"HTTP_X_FORWARDED_FOR": f"{HERE}, {ELSEWHERE}"}  # the first was written by whoever asks
    assert attempt(Client(), password="correct horse", place="10.0.0.2", **other).status_code == 302
    same = {"HTTP_X_FORWARDED_FOR": f"{ELSEWHERE}, {HERE}"}
    assert attempt(Client(), password="correct horse", place="10.0.0.2", **same).status_code == 429


def test_whoever_has_a_network_of_version_6_is_one(client: Client, alice: User, settings: Settings) -> None:
    for number in range(settings.AXES_FAILURE_LIMIT):
        attempt(client, place=f"2600:1:2:3::{number + 1}")
    assert attempt(client, password="correct horse", place="2600:1:2:3:ffff::1").status_code == 429
    assert attempt(client, password="correct horse", place="2600:1:2:4::1").status_code == 302


def test_what_is_kept_of_it_names_nobody_and_goes_after_a_day(locked: Client) -> None:
    attempt(locked, "my secret password, by mistake")
    ask(locked, ALICE)
    with database.cursor() as cursor:
        cursor.execute("select * from axes_accessattempt")
        kept = str(cursor.fetchall())
        cursor.execute("select * from teams_throttle")
        kept += str(cursor.fetchall())
    assert "alice" not in kept.lower()
    assert "my secret" not in kept
    assert "guess" not in kept
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(days=2))
    Throttle.objects.update(started_at=timezone.now() - timedelta(days=2))
    assert prune()["tries"] > 1
    assert not AccessAttempt.objects.exists()
    assert not Throttle.objects.exists()


def test_a_mailbox_gets_five_links_an_hour_and_nobody_learns_of_it(client: Client, alice: User) -> None:
    pages = [ask(client, ALICE).text for _ in range(7)]
    assert len(set(pages)) == 1
    assert len(sent()) == 5
    Throttle.objects.update(started_at=F("started_at") - timedelta(hours=1))
    ask(client, ALICE)
    assert len(sent()) == 6


def test_links_for_many_mailboxes_are_too_many(client: Client, alice: User, few_tries: None) -> None:
    address = reverse("password_reset")
    for number in range(LIMITS[Kind.RESET_FROM].most):
        page = client.post(address, {"email": f"person{number}@example.com"}, REMOTE_ADDR=HERE)
        assert page.status_code == 302
    page = client.post(address, {"email": ALICE}, REMOTE_ADDR=HERE)
    assert "Nothing was sent. Try again in 60 minutes" in page.text
    assert not sent()


def test_wrong_tokens_are_told_to_stop_and_a_good_one_is_never_refused(
    client: Client, team: Team, alice: User, few_tries: None
) -> None:
    address = reverse("api_syncs")
    for _ in range(LIMITS[Kind.TOKEN].most):
        assert client.get(address, HTTP_AUTHORIZATION="Bearer guess").status_code == 401
    told = client.get(address, HTTP_AUTHORIZATION="Bearer guess")
    assert told.status_code == 429
    assert "Too many wrong tokens" in told.json()["error"]
    assert 0 < int(told["Retry-After"]) <= 15 * 60
    secret = start_tokens.make(make_sync(team=team), made_by=alice)
    runs = reverse("api_runs", args=[Sync.objects.get().public_id])
    assert client.post(runs, HTTP_AUTHORIZATION=f"Bearer {secret}").status_code == 409  # not run before


def test_a_mailbox_gets_five_invitations_a_day_from_all_teams_together(client: Client, alice: User) -> None:
    client.force_login(alice)
    page = client.post(reverse("invite", args=["acme"]), {"email": "zoe@example.com", "role": "viewer"})
    assert page.status_code == 302
    again = reverse("invitation_renew", args=["acme", Invitation.objects.get().public_id])
    for _ in range(6):
        page = client.post(again, follow=True)
    assert "was sent many invitations lately" in page.text
    assert len(mail.outbox) == 5


def test_the_window_moves_on(db: None) -> None:
    now = timezone.now()
    limit = LIMITS[Kind.TOKEN]
    assert [throttle.take(Kind.TOKEN, "x", now=now) for _ in range(limit.most)] == [None] * limit.most
    assert throttle.take(Kind.TOKEN, "x", now=now) == now + limit.within
    assert throttle.until(Kind.TOKEN, "x", now=now) == now + limit.within
    assert throttle.take(Kind.TOKEN, "y", now=now) is None
    later = now + limit.within
    assert throttle.until(Kind.TOKEN, "x", now=later) is None
    assert throttle.take(Kind.TOKEN, "x", now=later) is None
    assert throttle.minutes_until(later, now=now) == "15 minutes"
    assert throttle.minutes_until(now + timedelta(seconds=20), now=now) == "a minute"
