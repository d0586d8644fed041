"""Invitations: sent, shown, expired, taken back, accepted by the right person; and the first owner."""

import io
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from syncadmin.management.commands import up
from syncadmin.teams import setting_up
from syncadmin.teams.models import (
    AuditEntry,
    Invitation,
    Membership,
    SetupToken,
    SingleSignOn,
    Team,
    User,
)

INVITE = reverse("invite", args=["acme"])
MEMBERS = reverse("members", args=["acme"])
ACCEPT = reverse("invitation_accept")
NEW = {"first_name": "Zoe", "new_password1": "a long walk home", "new_password2": "a long walk home"}


@pytest.fixture
def browser(client, alice):
    client.force_login(alice)
    return client


def invite(browser, email="zoe@example.com", role="editor"):
    return browser.post(INVITE, {"email": email, "role": role}, follow=True)


def link() -> str:
    return re.search(r"https?://[^/]+(/invitation/\S+)", mail.outbox[-1].body)[1]


def known(email="zoe@example.com") -> Client:
    browser = Client()
    browser.force_login(User.objects.create_user(email, "correct horse"))
    return browser


def test_zoe_is_invited_by_e_mail_chooses_a_password_and_is_on_the_team(browser, alice, team):
    page = invite(browser, " Zoe@Example.com ")
    assert "The invitation is sent to zoe@example.com." in page.text
    assert mail.outbox[0].subject == "Join Acme on Syncadmin"
    assert "alice@example.com invites you to the team Acme on Syncadmin, as editor." in mail.outbox[0].body
    zoe = Client()
    form = zoe.get(link(), follow=True)
    assert form.request["PATH_INFO"] == ACCEPT
    assert "zoe@example.com" in form.text
    joined = zoe.post(ACCEPT, NEW | {"time_zone": "Mars/Olympus"})
    assert joined.url == reverse("overview", args=["acme"])
    assert zoe.get(reverse("overview", args=["acme"])).status_code == 200
    member = Membership.objects.get(user__email="zoe@example.com")
    assert (member.role, member.user.first_name, member.user.time_zone) == ("editor", "Zoe", "UTC")
    assert member.user.check_password("a long walk home")
    told = AuditEntry.objects.filter(team=team).exclude(action="signin.good").order_by("pk")
    assert list(told.values_list("action", "who")) == [
        ("invitation.made", "alice@example.com"),
        ("invitation.accepted", "zoe@example.com"),
        ("member.added", "zoe@example.com"),
    ]


def test_a_link_works_once_and_only_its_digest_is_kept(browser):
    invite(browser)
    where = link()
    assert where.split("/")[2] not in str(
        list(Invitation.objects.values()) + list(AuditEntry.objects.values())
    )
    Client().get(where)
    first, second = Client(), Client()
    for one in (first, second):
        one.get(where)
    first.post(ACCEPT, NEW)
    for reply in (second.get(ACCEPT), second.post(ACCEPT, NEW), Client().get(where, follow=True)):
        assert "This invitation does not work any more" in reply.text
    assert User.objects.filter(email="zoe@example.com").count() == 1


def test_somebody_with_an_account_signs_in_and_joins(browser, team):
    User.objects.create_user("zoe@example.com", "correct horse")
    invite(browser)
    zoe = Client()
    page = zoe.get(link(), follow=True).text
    assert "There is an account for this address." in page
    assert "new_password1" not in page
    sign_in = re.search(r'href="(/login/[^"]+)"', page)[1]
    page = zoe.post(
        sign_in, {"username": "zoe@example.com", "password": "correct horse", "next": ACCEPT}, follow=True
    )
    assert page.request["PATH_INFO"] == ACCEPT
    zoe.post(ACCEPT)
    assert Membership.objects.get(user__email="zoe@example.com").role == "editor"


def test_nobody_takes_over_an_account_by_an_invitation(browser):
    zoe = User.objects.create_user("zoe@example.com", "correct horse")
    invite(browser)
    stranger = Client()
    stranger.get(link())
    stranger.post(ACCEPT, NEW)
    zoe.refresh_from_db()
    assert zoe.check_password("correct horse")
    assert not Membership.objects.filter(user=zoe).exists()


def test_somebody_else_does_not_join_with_the_link_of_zoe(browser, bob):
    invite(browser)
    other = known("dora@example.com")
    assert "You are signed in as dora@example.com" in other.get(link(), follow=True).text
    assert "This invitation is for zoe@example.com" in other.post(ACCEPT, follow=True).text
    assert not Membership.objects.filter(user__email="dora@example.com").exists()


@pytest.mark.parametrize("how", ["expired", "taken back", "sent again"])
def test_a_link_that_is_no_longer_good_says_so(browser, how):
    invite(browser)
    where, made = link(), Invitation.objects.get()
    if how == "expired":
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert "Expired" in browser.get(MEMBERS).text
    else:
        name = "invitation_revoke" if how == "taken back" else "invitation_renew"
        browser.post(reverse(name, args=["acme", made.public_id]))
    reply = Client().get(where, follow=True)
    assert reply.status_code == 404
    assert "This invitation does not work any more" in reply.text
    if how == "sent again":
        assert Client().get(link(), follow=True).status_code == 200
        assert len(mail.outbox) == 2
    if how == "taken back":
        assert "zoe@example.com" not in browser.get(MEMBERS).text.partition('id="invited"')[2]


def test_without_e_mail_the_link_is_shown_once(browser, settings):
    settings.SENDS_MAIL = False
    reply = invite(browser)
    where = re.search(r'value="http://testserver(/invitation/[^"]+)"', reply.text)[1]
    assert reply["Cache-Control"] == "no-store"
    assert not mail.outbox
    assert where not in browser.get(MEMBERS).text
    assert "zoe@example.com" in Client().get(where, follow=True).text


def test_an_e_mail_that_cannot_be_sent_gives_the_link_instead(browser, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    page = invite(browser).text
    assert "The e-mail could not be sent." in page
    assert "/invitation/" in page
    assert Invitation.objects.get().sent_at is None


@pytest.mark.parametrize(
    ("email", "said"),
    [
        ("bob@example.com", "bob@example.com is on the team already."),
        ("invited@example.com", "invited@example.com is invited already."),
        ("nonsense", "Enter a valid email address."),
        ("", "This field is required."),
    ],
)
def test_who_cannot_be_invited_is_told_at_the_field(browser, bob, email, said):
    invite(browser, "invited@example.com")
    page = invite(browser, email).text
    assert said in page
    assert 'id="id_email_error"' in page
    assert Invitation.objects.count() == 1


def test_an_admin_invites_no_owner(client, team, bob):
    Membership.objects.filter(user=bob).update(role="admin")
    client.force_login(bob)
    assert "Select a valid choice" in invite(client, role="owner").text
    assert not Invitation.objects.exists()


def test_an_address_is_invited_once_at_a_time(browser, team):
    invite(browser)
    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.create(team=team, email="zoe@example.com", digest="x", expires_at=timezone.now())


@pytest.mark.parametrize("name", ["invitation_renew", "invitation_revoke"])
def test_bob_and_charlie_do_nothing_with_an_invitation(browser, bob, charlie, name):
    invite(browser)
    made = Invitation.objects.get()
    for who, slug, status in ((bob, "acme", 403), (charlie, "acme", 404), (charlie, "globex", 404)):
        browser.force_login(who)
        assert browser.post(reverse(name, args=[slug, made.public_id])).status_code == status
    assert Invitation.objects.good().get().digest == made.digest


def test_somebody_who_is_on_the_team_meanwhile_keeps_the_higher_role(browser, team):
    zoe = known()
    invite(browser)
    user = User.objects.get(email="zoe@example.com")
    Membership.objects.create(team=team, user=user, role="admin")
    zoe.get(link())
    zoe.post(ACCEPT)
    assert Membership.objects.get(user=user).role == "admin"
    assert not Invitation.objects.open().exists()


@pytest.fixture
def enforced(alice, team):
    return SingleSignOn.objects.create(
        team=team,
        issuer="https://id.example.com",
        client_id="x",
        domains=["example.com"],
        is_enforced=True,
        break_glass=alice,
        tested_at=timezone.now(),
    )


def test_where_single_sign_on_is_enforced_nobody_is_invited(browser, team, enforced):
    SingleSignOn.objects.update(is_enforced=False)
    invite(browser)
    where = link()
    SingleSignOn.objects.update(is_enforced=True)
    zoe = Client()
    zoe.get(where)
    assert "Acme is entered through id.example.com alone" in zoe.post(ACCEPT, NEW).text
    assert "Acme is entered through id.example.com alone" in invite(browser, "new@example.com").text
    page = browser.get(MEMBERS).text
    assert "Acme is entered through id.example.com alone" in page
    assert INVITE not in page
    assert not User.objects.filter(email="zoe@example.com").exists()
    assert Invitation.objects.count() == 1


@pytest.mark.parametrize("what", ["leave", "role", "hand over"])
def test_the_owner_who_comes_in_without_the_provider_stays_owner(browser, alice, bob, enforced, what):
    Membership.objects.filter(user=bob).update(role="owner")
    mine, theirs = (Membership.objects.get(user=user).public_id for user in (alice, bob))
    name, args, typed = {
        "leave": ("team_leave", [], {}),
        "role": ("member", [mine], {"role": "viewer"}),
        "hand over": ("member_hand_over", [theirs], {}),
    }[what]
    page = browser.post(reverse(name, args=["acme", *args]), typed, follow=True).text
    assert "when single sign-on fails" in page
    assert Membership.objects.get(user=alice).role == "owner"


# The first owner

FIRST = {
    "email": " Zoe@Example.com",
    "password1": "a long walk home",
    "password2": "a long walk home",
    "name": "Sales & Co",
}


def set_up_page() -> str:
    return reverse("set_up", args=[setting_up.make_token()])


def test_the_first_owner_is_made_in_the_browser_once(client, db):
    page = set_up_page()
    assert "Nobody has an account yet." in client.get(page).text
    reply = client.post(page, FIRST | {"time_zone": "Europe/Berlin"})
    assert reply.url == reverse("overview", args=["sales-co"])
    assert client.get(reply.url).status_code == 200
    zoe = User.objects.get()
    assert (zoe.email, zoe.is_superuser, zoe.time_zone) == ("zoe@example.com", True, "Europe/Berlin")
    assert Membership.objects.get(user=zoe).role == "owner"
    assert not SetupToken.objects.exists()
    for again in (Client().get(page), Client().post(page, FIRST | {"email": "eve@example.com"})):
        assert again.status_code == 404
        assert "This link does not work any more" in again.text
    assert User.objects.count() == Team.objects.count() == 1


def test_where_there_is_nobody_the_page_to_sign_in_says_how_to_begin(client, db):
    words = "Nobody has an account yet."
    assert words in client.get(reverse("login")).text
    User.objects.create_user("alice@example.com", "correct horse")
    assert words not in client.get(reverse("login")).text


@pytest.mark.parametrize(
    ("behind_tls", "begins"),
    [(False, "http://127.0.0.1:8000/setup/"), (True, "https://sync.example.com/setup/")],
)
def test_what_starts_the_program_prints_the_link_while_there_is_nobody(
    client, db, settings, behind_tls, begins
):
    settings.BEHIND_TLS, settings.ALLOWED_HOSTS = behind_tls, ["sync.example.com"]
    said = io.StringIO()
    up.Command(stdout=said, stderr=said)._greet("127.0.0.1", 8000, setting_up.make_token())
    where = said.getvalue().split()[-1]
    assert where.startswith(begins)
    assert client.get(urlsplit(where).path, headers={"Host": "sync.example.com"}).status_code == 200
    User.objects.create_user("alice@example.com", "correct horse")
    quiet = io.StringIO()
    up.Command(stdout=quiet)._greet("127.0.0.1", 8000, setting_up.make_token())
    assert "setup" not in quiet.getvalue()


def test_of_two_who_set_up_with_links_of_two_machines_the_first_wins(client, db):
    pages = [set_up_page(), set_up_page()]
    client.post(pages[1], FIRST)
    assert Client().post(pages[0], FIRST | {"email": "eve@example.com"}).status_code == 404
    assert User.objects.count() == 1


def test_a_guessed_link_and_one_where_somebody_is_are_not_there(client, db):
    good = set_up_page()
    assert client.get(reverse("set_up", args=["guess"])).status_code == 404
    User.objects.create_user("alice@example.com", "correct horse")
    assert client.get(good).status_code == 404
    assert setting_up.make_token() is None
    assert not SetupToken.objects.exists()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("password1", "12345678", "too common"),
        ("password2", "other", "The two passwords differ."),
        ("email", "nonsense", "Enter a valid email address."),
        ("name", "", "This field is required."),
        ("slug", "a b", "valid “slug”"),
    ],
)
def test_what_is_wrong_in_the_set_up_is_said_at_its_field_and_nothing_is_made(client, db, name, value, said):
    page = client.post(set_up_page(), FIRST | {name: value}).text
    assert said in page
    assert f'id="id_{name}_error"' in page
    assert "a long walk home" not in page
    assert not User.objects.exists()
