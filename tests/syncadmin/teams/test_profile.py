"""One's name and time zone, and the header that leads there."""

from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from syncadmin.teams.forms import time_zones
from syncadmin.teams.models import User

PROFILE = reverse("profile")
TYPED = {"first_name": "Alice", "last_name": "Lidell", "time_zone": "Asia/Kolkata"}


def test_alice_says_who_she_is_and_in_which_zone(client, alice):
    client.force_login(alice)
    page = client.get(PROFILE).text
    assert "alice@example.com" in page
    assert '<option value="UTC" selected>' in page

    page = client.post(PROFILE, TYPED, follow=True).text

    assert "Your profile is saved." in page
    alice.refresh_from_db()
    assert (alice.first_name, alice.last_name, alice.time_zone) == tuple(TYPED.values())
    assert '<option value="Asia/Kolkata" selected>' in page


def test_the_address_and_the_rights_cannot_be_changed_here(client, alice):
    client.force_login(alice)
    client.post(PROFILE, TYPED | {"email": "root@example.com", "is_staff": "on", "is_superuser": "on"})
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"
    assert not (alice.is_staff or alice.is_superuser)


@pytest.mark.parametrize(
    ("name", "value"), [("time_zone", "Mars/Olympus"), ("time_zone", ""), ("first_name", "x" * 300)]
)
def test_what_cannot_be_kept_is_told_at_its_field_and_stays_typed(client, alice, name, value):
    client.force_login(alice)
    page = client.post(PROFILE, TYPED | {name: value}).text
    assert f'id="id_{name}_error"' in page
    assert 'value="Lidell"' in page
    alice.refresh_from_db()
    assert (alice.last_name, alice.time_zone) == ("", "UTC")


def test_markup_in_a_name_stays_text(client, alice):
    client.force_login(alice)
    page = client.post(PROFILE, TYPED | {"first_name": "<b>Al</b>"}, follow=True).text
    assert "&lt;b&gt;Al&lt;/b&gt;" in page
    assert "<b>Al" not in page


def test_every_zone_that_is_offered_exists_and_a_rare_one_of_a_person_is_kept():
    offered = time_zones("Etc/GMT+5")
    assert offered[:2] == [("UTC", "UTC"), ("Etc/GMT+5", "Etc/GMT+5")]
    named = [name for _, zones in offered[2:] for name, _ in zones]
    assert len(named) > 300
    assert {"Europe/Berlin", "America/Argentina/Buenos_Aires"} <= set(named)
    for name in named[::25]:
        assert ZoneInfo(name)


def test_the_header_leads_to_the_profile_and_staff_to_the_admin(client, alice, staff):
    client.force_login(alice)
    page = client.get(PROFILE).text
    assert f'href="{PROFILE}"' in page
    assert reverse("admin:index") not in page
    client.force_login(staff)
    assert f'href="{reverse("admin:index")}"' in client.get(PROFILE).text


def test_the_profile_takes_a_constant_number_of_queries(client, alice, django_assert_max_num_queries):
    client.force_login(alice)
    with django_assert_max_num_queries(3):
        client.get(PROFILE)


def test_a_stranger_has_no_profile(client, db):
    assert client.get(PROFILE).url == f"{reverse('login')}?next={PROFILE}"
    assert not User.objects.exists()
