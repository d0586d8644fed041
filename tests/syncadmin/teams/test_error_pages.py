"""The pages that say no, as production shows them: what happened, and what to do."""

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import include, path, reverse


def forbid(request):
    raise PermissionDenied("As viewer of Acme you may look at <everything>.")


def break_down(request):
    raise RuntimeError("hush")


urlpatterns = [path("forbidden/", forbid), path("broken/", break_down), path("", include("syncadmin.urls"))]


@pytest.fixture(autouse=True)
def production(settings):
    settings.DEBUG = False
    settings.ROOT_URLCONF = __name__


def test_a_forbidden_page_says_why(client, alice):
    client.force_login(alice)
    reply = client.get("/forbidden/")
    assert reply.status_code == 403
    assert "As viewer of Acme you may look at &lt;everything&gt;." in reply.text
    assert "alice@example.com" in reply.text


def test_a_page_that_is_not_there_says_what_may_have_happened(client, alice):
    client.force_login(alice)
    reply = client.get("/nowhere/")
    assert reply.status_code == 404
    assert "There is no such page" in reply.text
    assert f'href="{reverse("home")}"' in reply.text


def test_a_stranger_who_is_lost_is_led_to_sign_in(client, db):
    reply = client.get("/nowhere/")
    assert reply.status_code == 404
    assert f'href="{reverse("login")}"' in reply.text


def test_a_fault_of_ours_is_told_without_its_innards_and_needs_no_database(client, settings):
    """Without the `db` fixture a query would fail the test."""
    client.raise_request_exception = False
    settings.MIDDLEWARE = ["syncadmin.lib.content_security.middleware"]
    reply = client.get("/broken/")
    assert reply.status_code == 500
    assert "It is a fault of this installation, not of yours" in reply.text
    assert "hush" not in reply.text
    assert "default-src 'self'" in reply.headers["Content-Security-Policy"]


def test_the_page_of_a_fault_names_a_style_sheet_that_is_served(settings):
    page = (settings.BASE_DIR / "templates" / "500.html").read_text()
    assert f'href="{settings.STATIC_URL}css/app.css"' in page
    assert "{%" not in page


def test_a_form_without_its_token_is_refused_in_words(alice):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    browser.cookies["csrftoken"] = "x" * 32
    reply = browser.post(reverse("profile"), {"first_name": "Zoe"})
    assert reply.status_code == 403
    assert "The form was open too long" in reply.text
    assert "what you typed is still" in reply.text


def test_the_value_of_the_cookie_counts_as_a_token(alice):
    """static/js/forms.js relies on it when a form is older than the last time somebody signed in."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    browser.cookies["csrftoken"] = "x" * 32
    typed = {"time_zone": "UTC", "csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    assert browser.post(reverse("profile"), typed).status_code == 302


def test_a_browser_without_cookies_is_told_so(db):
    reply = Client(enforce_csrf_checks=True).post(reverse("login"), {})
    assert reply.status_code == 403
    assert "Your browser kept no cookie" in reply.text


def test_a_form_from_another_site_is_told_from_a_wrong_setting(alice):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    reply = browser.post(reverse("profile"), {}, headers={"Origin": "https://elsewhere.example.com"})
    assert reply.status_code == 403
    assert "This form came from another address" in reply.text
    assert "CSRF_TRUSTED_ORIGINS" in reply.text


def test_a_session_that_ended_in_mid_form_tells_how_to_keep_what_was_typed(client, db):
    reply = client.post(reverse("profile"), {"first_name": "Zoe"})
    assert reply.status_code == 403
    assert "You were signed out meanwhile" in reply.text
    assert "what you typed is still there" in reply.text
