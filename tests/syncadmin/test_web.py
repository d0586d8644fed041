"""What protects people in their browsers. Alice owns a team."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as project
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from syncadmin.teams.models import User
from syncs.engine.pruning import prune
from syncs.models import Source
from tests.syncadmin.test_settings import PRODUCTION, load

LOGIN = reverse("login")
ROOT = Path(project.BASE_DIR)


def sign_in(client: Client, **more: str):  # type: ignore[no-untyped-def]
    return client.post(LOGIN, {"username": "alice@example.com", "password": "correct horse", **more})


def test_production_keeps_cookies_to_https_and_pages_to_itself(tmp_path: Path) -> None:
    found = load(tmp_path, **PRODUCTION)
    for name in ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT"):
        assert found[name] is True, name
    assert found["SECURE_HSTS_SECONDS"] >= 31_536_000
    assert found["SECURE_HSTS_INCLUDE_SUBDOMAINS"] is True
    assert found["X_FRAME_OPTIONS"] == "DENY"
    assert (found["SESSION_COOKIE_NAME"], found.get("SESSION_COOKIE_PATH", "/")) == ("__Host-sessionid", "/")
    assert found["DEBUG"] is False


def test_a_stolen_script_could_not_read_the_cookie_and_no_other_site_sends_it(
    client: Client, alice: User, settings: Settings
) -> None:
    settings.SESSION_COOKIE_SECURE = True
    cookie = sign_in(client).cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["secure"]
    assert cookie["samesite"] == "Lax"


def test_every_page_has_its_headers(client: Client, alice: User) -> None:
    client.force_login(alice)
    for address in (LOGIN, "/nowhere/", reverse("overview", args=["acme"]), reverse("profile")):
        headers = client.get(address).headers
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "private" in headers["Cache-Control"]
        assert "camera=()" in headers["Permissions-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "default-src 'self'" in headers["Content-Security-Policy"]


def test_over_https_browsers_are_told_to_stay_there(client: Client, db: None, settings: Settings) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(LOGIN).status_code == 301
    assert "max-age=31536000" in client.get(LOGIN, secure=True).headers["Strict-Transport-Security"]


def test_signing_in_begins_a_new_session_and_signing_out_ends_it(client: Client, alice: User) -> None:
    client.get(LOGIN)
    planted = client.session
    planted["from"] = "before"
    planted.save()
    client.cookies["sessionid"] = planted.session_key
    sign_in(client)
    assert client.session.session_key != planted.session_key
    used = client.session.session_key
    client.post(reverse("logout"))
    assert not Session.objects.filter(session_key__in=[used, planted.session_key]).exists()


def test_a_session_ends_so_long_after_signing_in_whatever_happens_in_it(
    client: Client, alice: User, settings: Settings
) -> None:
    settings.SESSION_COOKIE_AGE = 3_600
    sign_in(client)
    ends = Session.objects.get().expire_date
    assert timezone.now() < ends <= timezone.now() + timedelta(hours=1)
    changed = client.session
    changed["typed"] = "something"
    changed.save()
    assert Session.objects.get().expire_date == ends
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert client.get("/").url.startswith(LOGIN)
    assert prune()["sessions"] == 1
    assert not Session.objects.exists()


def test_a_new_password_signs_out_everywhere_else(client: Client, alice: User) -> None:
    elsewhere = Client()
    sign_in(elsewhere)
    sign_in(client)
    new = {"new_password1": "a long walk home", "new_password2": "a long walk home"}
    client.post(reverse("password_change"), {"old_password": "correct horse", **new})
    assert client.get(reverse("profile")).status_code == 200
    assert elsewhere.get(reverse("profile")).status_code == 302


def test_whoever_was_switched_off_is_out_at_once(client: Client, alice: User) -> None:
    sign_in(client)
    User.objects.update(is_active=False)
    assert client.get(reverse("profile")).status_code == 302
    assert sign_in(Client()).status_code == 200


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:///evil.example",
    ],
)
def test_no_page_sends_people_to_another_site(client: Client, alice: User, place: str) -> None:
    assert sign_in(client, next=place).url == "/"
    add = reverse("source_add_kind", args=["acme", "upload"])
    file = SimpleUploadedFile("people.csv", b"id,email\n1,a@acme.com\n")
    answer = client.post(add, {"time_zone": "UTC", "file": file, "next": place})
    assert answer.status_code == 302
    assert answer.url.startswith("/t/acme/")


def test_a_host_that_is_not_ours_gets_no_link_in_an_e_mail(client: Client, alice: User) -> None:
    answer = client.post(reverse("password_reset"), {"email": alice.email}, HTTP_HOST="evil.example")
    assert answer.status_code == 400
    other = {"HTTP_X_FORWARDED_HOST": "evil.example"}
    assert "evil.example" not in client.get(LOGIN, **other).text


def test_what_is_too_large_is_refused_before_it_is_read(client: Client, db: None, settings: Settings) -> None:
    settings.MOST_REQUEST_BYTES = 3_000_000
    file = SimpleUploadedFile("people.csv", b"x" * 3_000_001)
    answer = client.post(LOGIN, {"username": "x", "file": file})
    assert answer.status_code == 413
    assert "more than 3 MB" in answer.text
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_a_form_of_very_many_fields_is_refused(client: Client, db: None, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 100
    assert client.post(LOGIN, {f"f{number}": "x" for number in range(101)}).status_code == 400


# What people enter to be connected to


def test_a_source_at_the_metadata_of_a_cloud_is_refused_at_the_form(client: Client, alice: User) -> None:
    client.force_login(alice)
    typed = {"name": "clever", "time_zone": "UTC", "setting-host": "169.254.169.254", "setting-port": "5432"}
    typed |= {
        "setting-database": "x",
        "setting-user": "x",
        "setting-password": "x",
        "setting-sslmode": "prefer",
    }
    page = client.post(reverse("source_add_kind", args=["acme", "postgres"]), typed)
    assert "it is never connected to" in page.text
    assert not Source.objects.exists()


def test_a_destination_in_a_private_network_is_refused_with_the_setting_that_would_allow_it(
    client: Client, alice: User, settings: Settings
) -> None:
    settings.ALLOWED_NETWORKS = ()
    client.force_login(alice)
    typed = {"name": "clever", "reserve_percent": "20", "connection-api_key": "x"}
    typed |= {"connection-base_url": "http://127.0.0.1:9", "connection-bulk_style": "unified"}
    page = client.post(
        reverse("connection_add", args=["acme", "qualified"]),
        typed | {"connection-probe_bulk": "always"},
        follow=True,
    )
    assert "No request was sent to Qualified" in page.text
    assert "ALLOWED_NETWORKS" in page.text


# What templates may not hold


def templates() -> list[Path]:
    return sorted((ROOT / "templates").rglob("*.html"))


def test_no_template_takes_a_value_for_markup() -> None:
    for path in templates():
        text = path.read_text()
        assert not re.search(r"\|\s*safe(seq)?\b|autoescape\s+off", text), path


def test_no_template_has_script_or_style_inline() -> None:
    """The policy forbids them: they would do nothing."""
    for path in templates():
        text = re.sub(r"\{[%#].*?[%#]\}", "", path.read_text(), flags=re.DOTALL)
        assert not re.search(r"<style\b|\sstyle=|\son[a-z]+=|javascript:", text), path
        for script in re.findall(r"<script\b([^>]*)>", text):
            assert "src=" in script or "application/json" in script, path


def test_every_link_that_opens_a_tab_is_to_a_page_that_may_not_reach_back() -> None:
    for path in templates():
        for link in re.findall(r"<a\b[^>]*target=\"_blank\"[^>]*>", path.read_text()):
            assert "noopener" in link or "{% url" in link, (path, link)


def test_every_form_that_sends_has_its_token() -> None:
    for path in templates():
        for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", path.read_text(), re.DOTALL):
            assert "csrf_token" in form, path
