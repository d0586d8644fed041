"""Signing in and out, and the first page."""

import pytest
from django.urls import reverse

from syncadmin.teams.models import Membership, Team, User

LOGIN = reverse("login")


def sign_in(client, email, password="correct horse", **more):
    return client.post(LOGIN, {"username": email, "password": password, **more})


def test_a_stranger_is_sent_to_sign_in(client, db):
    reply = client.get("/")
    assert reply.url == f"{LOGIN}?next=/"
    page = client.get(reply.url).text
    assert "<title>Sign in · Syncadmin</title>" in page
    assert '<label for="id_username">E-mail address</label>' in page
    assert '<label for="id_password">Password</label>' in page


def test_alice_signs_in_however_she_writes_her_address_and_comes_to_her_team(client, alice):
    reply = sign_in(client, " Alice@Example.COM ", next="/")
    assert reply.url == "/"
    assert client.get("/").url == reverse("overview", args=["acme"])


def test_a_member_of_several_teams_chooses_one(client, alice, other_team):
    Membership.objects.create(team=other_team, user=alice, role=Membership.Role.VIEWER)
    Team.objects.create(slug="initech", name="Initech")
    client.force_login(alice)
    page = client.get("/").text
    for slug, name in (("acme", "Acme"), ("globex", "Globex")):
        assert f'<a href="{reverse("overview", args=[slug])}"><strong>{name}</strong></a>' in page
    assert "Owner" in page
    assert "Initech" not in page


def test_the_list_of_teams_takes_a_constant_number_of_queries(client, alice, django_assert_max_num_queries):
    for number in range(50):
        team = Team.objects.create(slug=f"team-{number}", name=f"<b>{'x' * 90}{number}")
        Membership.objects.create(team=team, user=alice)
    client.force_login(alice)
    with django_assert_max_num_queries(3):
        page = client.get("/").text
    assert "&lt;b&gt;xxx" in page
    assert "<b>xxx" not in page


def test_somebody_without_a_team_is_told_who_can_help(client, db):
    client.force_login(User.objects.create_user("dora@example.com", "correct horse"))
    assert "You are on no team yet" in client.get("/").text


@pytest.mark.parametrize(
    ("email", "password"), [("alice@example.com", "wrong"), ("zoe@example.com", "correct horse")]
)
def test_a_wrong_name_and_a_wrong_password_are_not_told_apart(client, alice, email, password):
    page = sign_in(client, email, password).text
    assert "<title>Not signed in · Syncadmin</title>" in page
    assert "do not belong together" in page
    assert 'role="alert"' in page
    assert client.get("/").status_code == 302


def test_an_empty_form_says_so_at_each_field(client, db):
    page = sign_in(client, "", "").text
    for field in ("username", "password"):
        assert f'<p class="error" id="id_{field}_error">' in page
        assert f'aria-describedby="id_{field}_error"' in page


def test_signing_in_leads_to_no_other_site(client, alice):
    assert sign_in(client, "alice@example.com", next="https://elsewhere.example.com/").url == "/"


def test_signing_out_takes_a_form_and_ends_the_session(client, alice):
    client.force_login(alice)
    assert client.get(reverse("logout")).status_code == 405
    assert client.post(reverse("logout")).url == LOGIN
    assert client.get("/").status_code == 302
    assert client.post(reverse("logout")).url == LOGIN


def test_staff_without_a_team_go_to_the_admin_pages_and_others_to_their_team(staff_client, staff, team):
    assert staff_client.get("/").url == reverse("admin:index")
    Membership.objects.create(team=team, user=staff)
    assert staff_client.get("/").url == reverse("overview", args=["acme"])
    assert staff_client.get(reverse("admin:index")).status_code == 200


def test_alice_may_not_enter_the_admin_pages_and_is_told_so(client, alice):
    client.force_login(alice)
    reply = client.get(reverse("admin:index"), follow=True)
    assert "You are signed in as alice@example.com, who may not" in reply.text


def test_pages_may_load_nothing_from_elsewhere_and_be_framed_by_nobody(staff_client):
    for address in (LOGIN, reverse("admin:index"), "/nowhere/"):
        policy = staff_client.get(address).headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def test_an_address_exists_once_whatever_its_letters(db):
    made = User.objects.create_user(" Zoe@Example.COM ")
    assert made.email == "zoe@example.com"
    assert User.objects.get_by_natural_key("ZOE@example.com") == made


def test_staff_add_a_person_to_a_team(staff_client, team):
    person = {"email": "Zoe@Example.com", "usable_password": "true"}
    person |= {"password1": "a long walk home", "password2": "a long walk home"}
    inline = {"memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "0"}
    inline |= {"memberships-0-team": team.pk, "memberships-0-role": "editor"}

    staff_client.post(reverse("admin:teams_user_add"), person | inline)

    zoe = User.objects.get(email="zoe@example.com")
    assert zoe.check_password("a long walk home")
    assert zoe.memberships.get().role == Membership.Role.EDITOR


@pytest.mark.parametrize("page", ["user", "team", "membership"])
def test_the_admin_lists_shows_and_searches(staff_client, alice, page):
    listed = staff_client.get(reverse(f"admin:teams_{page}_changelist"), {"q": "a"})
    assert listed.status_code == 200
    found = {"user": alice, "team": alice.teams.get(), "membership": alice.memberships.get()}[page]
    assert str(found.pk) in listed.text
    assert staff_client.get(reverse(f"admin:teams_{page}_change", args=[found.pk])).status_code == 200
