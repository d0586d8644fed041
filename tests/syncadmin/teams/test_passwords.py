"""A forgotten password, a changed one, and what an installation without e-mail says."""

import re
import threading

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.urls import reverse

from syncadmin.teams.forms import MAILER

FORGOTTEN = reverse("password_reset")
NEW = {"new_password1": "a long walk home", "new_password2": "a long walk home"}


def ask(client, email):
    return client.post(FORGOTTEN, {"email": email}, follow=True)


def sent() -> list[EmailMessage]:
    """All e-mails, once nothing is on its way any more: they are sent beside the request."""
    for thread in threading.enumerate():
        if thread.name == MAILER:
            thread.join(timeout=30)
    return list(mail.outbox)


def link() -> str:
    """The path that the last e-mail leads to."""
    return re.search(r"https?://[^/]+(/\S+)", sent()[-1].body)[1]


def test_the_page_to_sign_in_leads_to_help(client, db):
    assert f'href="{FORGOTTEN}"' in client.get(reverse("login")).text
    assert "A link to set a new password is sent there" in client.get(FORGOTTEN).text


def test_alice_sets_a_new_password_by_e_mail_and_the_link_works_once(client, alice):
    page = ask(client, " Alice@Example.com ").text
    assert "<title>Look into your mail · Syncadmin</title>" in page
    assert sent()[0].to == ["alice@example.com"]
    assert sent()[0].subject == "Your new password for Syncadmin"
    first = link()

    form = client.get(first, follow=True)
    assert "Choose a new password" in form.text
    done = client.post(form.request["PATH_INFO"], NEW, follow=True)

    assert "Your password is set" in done.text
    alice.refresh_from_db()
    assert alice.check_password("a long walk home")
    assert "This link does not work any more" in client.get(first, follow=True).text


def test_a_stranger_gets_the_same_answer_and_no_e_mail(client, alice):
    known, unknown = ask(client, "alice@example.com"), ask(client, "zoe@example.com")
    assert known.text == unknown.text
    assert len(sent()) == 1


def test_somebody_switched_off_gets_no_e_mail(client, alice):
    alice.is_active = False
    alice.save(update_fields=["is_active"])
    ask(client, "alice@example.com")
    assert not sent()


def test_a_weak_password_is_refused_at_its_field_and_changes_nothing(client, alice):
    ask(client, "alice@example.com")
    form = client.get(link(), follow=True)
    page = client.post(
        form.request["PATH_INFO"], {"new_password1": "12345678", "new_password2": "12345678"}
    ).text
    assert "This password is too common" in page
    assert 'aria-invalid="true"' in page
    assert "12345678" not in page
    alice.refresh_from_db()
    assert alice.check_password("correct horse")


def test_an_installation_without_e_mail_says_who_can_help(client, alice, settings):
    settings.SENDS_MAIL = False
    for page in (client.get(FORGOTTEN), client.post(FORGOTTEN, {"email": "alice@example.com"})):
        assert "an operator must set a new password for you" in page.text
        assert "<form" not in page.text.split('id="content"')[1]
    assert not sent()


def test_alice_changes_her_password_and_is_signed_out_elsewhere_only(client, alice, django_user_model):
    elsewhere = type(client)()
    for browser in (client, elsewhere):
        browser.force_login(alice)
    page = client.post(reverse("password_change"), {"old_password": "correct horse", **NEW}, follow=True)
    assert "Your password is changed" in page.text
    assert elsewhere.get(reverse("profile")).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password("a long walk home")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"old_password": "wrong", **NEW}, "Your old password was entered incorrectly"),
        ({"old_password": "correct horse", **NEW, "new_password2": "other"}, "didn’t match"),
        ({}, "This field is required"),
    ],
)
def test_a_password_that_cannot_be_changed_says_why(client, alice, typed, said):
    client.force_login(alice)
    assert said in client.post(reverse("password_change"), typed).text
    alice.refresh_from_db()
    assert alice.check_password("correct horse")


def test_a_stranger_changes_no_password(client, db):
    assert client.get(reverse("password_change")).url.startswith(reverse("login"))


def test_who_came_in_by_single_sign_on_gets_a_password_by_e_mail_too(client, alice):
    alice.set_unusable_password()
    alice.save(update_fields=["password"])
    ask(client, "alice@example.com")
    assert [message.to for message in sent()] == [["alice@example.com"]]
