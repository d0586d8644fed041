"""Members: the list, roles, removing, leaving, handing over, many at once; and the last owner."""

import threading

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from syncadmin.teams.models import AuditEntry, Invitation, Membership, User

ROLES = Membership.Role


def at(name, *args):
    return reverse(name, args=["acme", *args])


def place(user) -> Membership:
    return Membership.objects.get(user=user)


def role(user) -> str:
    return place(user).role


def join(team, name, role) -> User:
    user = User.objects.create_user(f"{name}@example.com", "correct horse")
    Membership.objects.create(team=team, user=user, role=role)
    return user


def as_(user) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def dora(team):
    return join(team, "dora", ROLES.ADMIN)


def test_everybody_sees_who_is_on_the_team_and_only_admins_when_they_signed_in(alice, bob, dora):
    for who in (alice, dora):
        page = as_(who).get(at("members")).text
        assert "bob@example.com" in page
        assert "Last signed in" in page
        assert at("invite") in page
    page = as_(bob).get(at("members")).text
    assert "alice@example.com" in page
    assert "Last signed in" not in page
    assert at("invite") not in page


def test_the_list_of_members_takes_a_constant_number_of_queries(alice, team, django_assert_max_num_queries):
    people = User.objects.bulk_create(User(email=f"p{number}@example.com") for number in range(120))
    Membership.objects.bulk_create(Membership(team=team, user=one) for one in people)
    browser = as_(alice)
    with django_assert_max_num_queries(6):
        page = browser.get(at("members")).text
    assert "p119@example.com" in page
    assert "Older" in page
    assert "p7@example.com" in browser.get(at("members"), {"q": "p7@"}).text


def test_alice_gives_bob_another_role_which_counts_at_once(alice, bob):
    browser = as_(bob)
    assert browser.get(at("sync_add")).status_code == 403
    reply = as_(alice).post(at("member", place(bob).public_id), {"role": "editor"}, follow=True)
    assert "bob@example.com is editor now." in reply.text
    assert browser.get(at("sync_add")).status_code == 200
    entry = AuditEntry.objects.get(action="member.role")
    assert (entry.who, entry.name, entry.before, entry.after) == (
        "alice@example.com",
        "bob@example.com",
        {"role": "viewer"},
        {"role": "editor"},
    )


def test_somebody_who_is_removed_is_out_at_once_and_what_they_made_stays(alice, bob, team):
    browser = as_(bob)
    assert browser.get(at("overview")).status_code == 200
    assert "at once" in as_(alice).get(at("member_remove", place(bob).public_id)).text
    as_(alice).post(at("member_remove", place(bob).public_id))
    assert browser.get(at("overview")).status_code == 404
    assert User.objects.filter(pk=bob.pk).exists()
    assert AuditEntry.objects.get(action="member.removed").before == {"role": "viewer"}


@pytest.mark.parametrize("how", ["removed", "viewer", "left", "lines"])
def test_who_loses_a_role_does_not_get_it_back_by_an_invitation_that_they_sent(alice, dora, team, how):
    as_(dora).post(at("invite"), {"email": "dora@home.example", "role": "admin"})
    as_(alice).post(at("invite"), {"email": "zoe@example.com", "role": "viewer"})
    match how:
        case "removed":
            as_(alice).post(at("member_remove", place(dora).public_id))
        case "viewer":
            as_(alice).post(at("member", place(dora).public_id), {"role": "viewer"})
        case "left":
            as_(dora).post(at("team_leave"))
        case "lines":
            asked = {"lines": "zoe@example.com,viewer", "whole": "1"}
            seen = as_(alice).post(at("members_bulk"), asked).context["plan"].mark
            as_(alice).post(at("members_bulk"), asked | {"action": "apply", "seen": seen})
    assert list(Invitation.objects.open().values_list("email", flat=True)) == ["zoe@example.com"]
    assert AuditEntry.objects.filter(action="invitation.revoked", name="dora@home.example").exists()


@pytest.mark.parametrize("ticked", [True, False])
def test_who_is_removed_leaves_no_token_that_they_have_seen_unless_that_is_wished(alice, dora, ticked):
    made = {"name": "nightly", "scopes": ["read"], "lasts": "7"}
    as_(dora).post(at("api_token_add"), made)
    as_(alice).post(at("api_token_add"), made | {"name": "dbt"})
    page = as_(alice).get(at("member_remove", place(dora).public_id)).text
    assert ("nightly" in page, "dbt" in page) == (True, False)
    as_(alice).post(at("member_remove", place(dora).public_id), {"tokens": "1"} if ticked else {})
    listed = as_(alice).get(at("api_tokens")).text
    assert ("nightly" in listed, "who is no longer an admin" in listed) == (not ticked, not ticked)
    assert AuditEntry.objects.filter(action="api_token.revoked").count() == ticked


@pytest.mark.parametrize("what", ["owner", "remove"])
def test_an_admin_neither_makes_nor_unmakes_owners(alice, bob, dora, team, what):
    join(team, "erin", ROLES.OWNER)
    browser = as_(dora)
    if what == "owner":
        browser.post(at("member", place(bob).public_id), {"role": "owner"})
        page = browser.post(at("member", place(alice).public_id), {"role": "viewer"}, follow=True)
        assert "Your role does not reach owner" in page.text
    else:
        browser.post(at("member_remove", place(alice).public_id))
    assert browser.get(at("member_hand_over", place(bob).public_id)).status_code == 403
    assert (role(alice), role(bob)) == ("owner", "viewer")


def test_an_admin_changes_and_removes_those_who_are_no_owners(bob, dora, team):
    erin = join(team, "erin", ROLES.ADMIN)
    as_(dora).post(at("member", place(bob).public_id), {"role": "admin"})
    assert role(bob) == "admin"
    as_(dora).post(at("member_remove", place(erin).public_id))
    assert not Membership.objects.filter(user=erin).exists()


def test_the_last_owner_stays(alice, bob, team):
    """Also where the other owner is switched off and could not sign in."""
    erin = join(team, "erin", ROLES.OWNER)
    User.objects.filter(pk=erin.pk).update(is_active=False)
    browser = as_(alice)
    for address, typed in (
        (at("team_leave"), {}),
        (at("member", place(alice).public_id), {"role": "viewer"}),
        (at("members_bulk"), {"lines": "bob@example.com,remove\nerin@example.com,remove"}),
    ):
        browser.post(address, typed)
        assert role(alice) == "owner"
    for page in (browser.get(at("team_leave")), browser.post(at("team_leave"))):
        assert "You cannot leave yet. Acme needs an owner who can sign in" in page.text
        assert reverse("members", args=["acme"]) in page.text.partition("<main")[2]


def test_alice_hands_the_team_over_and_leaves(alice, bob):
    browser = as_(alice)
    browser.post(at("member_hand_over", place(bob).public_id))
    assert (role(alice), role(bob)) == ("admin", "owner")
    assert browser.post(at("team_leave")).url == reverse("teams")
    assert browser.get(at("overview")).status_code == 404
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["signin.good", "team.handed_over", "member.left"]


def test_of_two_owners_who_leave_at_once_one_stays(transactional_db, team, alice):
    erin = join(team, "erin", ROLES.OWNER)
    browsers = [as_(alice), as_(erin)]
    both = threading.Barrier(2)

    def leave(browser):
        try:
            both.wait(timeout=60)
            browser.post(at("team_leave"))
        finally:
            connection.close()

    threads = [threading.Thread(target=leave, args=[browser]) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert Membership.objects.filter(team=team, role=ROLES.OWNER).count() == 1
    assert AuditEntry.objects.filter(action="member.left").count() == 1


@pytest.mark.parametrize(
    "name", ["member", "member_remove", "member_hand_over", "invite", "members_bulk", "audit_log"]
)
def test_bob_may_change_nothing_and_charlie_finds_nothing(alice, bob, charlie, name):
    args = [place(alice).public_id] if name.startswith("member_") or name == "member" else []
    for method in ("get", "post"):
        assert getattr(as_(bob), method)(at(name, *args)).status_code in (403, 405)
        assert getattr(as_(charlie), method)(at(name, *args)).status_code in (404, 405)
    theirs = reverse(name, args=["globex", *args])
    if args:
        assert as_(charlie).post(theirs, {"role": "viewer"}).status_code == 404
    assert role(alice) == "owner"


# The team's name, and new teams


def test_an_owner_changes_the_name_and_nobody_else(alice, dora, team):
    assert as_(dora).post(at("team_settings"), {"name": "Mine"}).status_code == 403
    page = as_(alice).post(at("team_settings"), {"name": "<b>Acme</b>"}, follow=True).text
    assert "&lt;b&gt;Acme&lt;/b&gt;" in page
    assert "<b>Acme" not in page
    assert AuditEntry.objects.get(action="team.changed").before == {"name": "Acme"}


def test_teams_are_made_by_superusers_or_by_everybody_as_the_installation_says(alice, staff_client, settings):
    add = reverse("team_add")
    assert as_(alice).get(add).status_code == 403
    assert add not in as_(alice).get(reverse("teams")).text
    assert staff_client.post(add, {"name": "New Sales"}).url == reverse("overview", args=["new-sales"])
    settings.ANYBODY_MAKES_TEAMS = True
    browser = as_(alice)
    page = browser.post(add, {"name": "New Sales"}).text
    assert "has the short name “new-sales”" in page
    browser.post(add, {"name": "New Sales", "slug": "Other"})
    assert Membership.objects.get(team__slug="other", user=alice).role == "owner"


def test_the_menu_of_teams_leads_to_the_others(alice, other_team, django_assert_max_num_queries):
    Membership.objects.create(team=other_team, user=alice)
    browser = as_(alice)
    with django_assert_max_num_queries(3):
        page = browser.get(at("roles")).text
    menu = page.partition('class="menu"')[2].partition("</details>")[0]
    assert f'href="{reverse("overview", args=["globex"])}"' in menu
    assert reverse("overview", args=["acme"]) not in menu
    assert reverse("teams") in menu


# Several at once


def look(browser, lines, **more):
    return browser.post(at("members_bulk"), {"lines": lines, **more})


def plan_of(reply):
    return [(line.number, line.email, line.kind.name, line.words) for line in reply.context["plan"].lines]


LINES = """email;role
bob@example.com;editor
dora@example.com;remove
zoe@example.com;viewer
alice@example.com;owner
"""


def test_alice_sees_what_many_lines_would_change_and_then_does_it(alice, bob, dora, mailoutbox):
    browser = as_(alice)
    reply = look(browser, LINES)
    assert plan_of(reply) == [
        (2, "bob@example.com", "CHANGED", "viewer → editor"),
        (3, "dora@example.com", "REMOVED", "Was admin"),
        (4, "zoe@example.com", "ADDED", "As viewer"),
        (5, "alice@example.com", "UNCHANGED", "owner"),
    ]
    assert (role(bob), role(dora)) == ("viewer", "admin")
    page = look(browser, LINES, action="apply", seen=reply.context["plan"].mark)
    assert page.url == at("members")
    assert role(bob) == "editor"
    assert not Membership.objects.filter(user=dora).exists()
    assert mailoutbox[0].to == ["zoe@example.com"]
    again = look(browser, LINES.replace("dora", "nora"))
    assert {kind for _, _, kind, _ in plan_of(again)} == {"UNCHANGED"}
    assert "there is nothing to change" in again.text


def test_the_whole_list_removes_everybody_else_but_oneself(alice, bob, dora, team):
    Invitation.objects.create(team=team, email="zoe@example.com", digest="x", expires_at=team.created_at)
    reply = look(as_(alice), "bob@example.com,viewer", whole="1")
    assert plan_of(reply) == [
        (1, "bob@example.com", "UNCHANGED", "viewer"),
        (0, "dora@example.com", "REMOVED", "Was admin"),
        (0, "zoe@example.com", "REMOVED", "Was viewer, invited"),
    ]
    look(as_(alice), "bob@example.com,viewer", whole="1", action="apply", seen=reply.context["plan"].mark)
    assert set(team.members.values_list("email", flat=True)) == {"alice@example.com", "bob@example.com"}
    assert not Invitation.objects.open().exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not an address,viewer", "This is no e-mail address."),
        ("zoe@example.com,boss", "There is no role “boss”."),
        ("zoe@example.com", "The role is missing."),
        ("bob@example.com,editor\nBOB@example.com,viewer", "The address stands on line 1 too."),
        ("alice@example.com,viewer", "Your role does not reach owner."),
        ("zoe@example.com,owner", "Your role does not reach owner."),
        ("dora@example.com,viewer", "You cannot change your own role here."),
        ("dora@example.com,remove", "You cannot remove yourself here."),
        (f"{'x' * 60}@{'y' * 60}.{'z' * 60}.{'w' * 60}.{'v' * 60}.com,viewer", "This address is too long."),
    ],
)
def test_a_line_that_is_wrong_is_said_and_nothing_is_changed(alice, bob, dora, line, said):
    browser = as_(dora)
    reply = look(browser, line)
    assert any(said in words for _, _, kind, words in plan_of(reply) if kind == "WRONG")
    look(browser, line, action="apply", seen=reply.context["plan"].mark)
    assert (role(alice), role(bob), role(dora)) == ("owner", "viewer", "admin")
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "There is no line with an e-mail address."),
        ("email,role\n", "There is no line with an e-mail address."),
        ('"open,viewer', "This cannot be read as CSV"),
        ("\n".join(f"p{number}@example.com,viewer" for number in range(501)), "at most 500"),
    ],
)
def test_lines_that_cannot_be_taken_at_all_say_why_and_stay_typed(alice, lines, said):
    reply = look(as_(alice), lines)
    assert said in reply.text
    assert reply.context["asked"].text == lines


def test_a_file_is_read_like_lines(alice):
    def upload(content: bytes):
        given = SimpleUploadedFile("people.csv", content, "text/csv")
        return as_(alice).post(at("members_bulk"), {"lines": "", "file": given})

    reply = upload("\ufeffe-mail\trole\nzoe@example.com\teditor\n".encode())
    assert plan_of(reply) == [(2, "zoe@example.com", "ADDED", "As editor")]
    assert "The file is not UTF-8." in upload("zoë@example.com,editor".encode("latin-1")).text
    assert "The file is too large" in upload(b"x" * 200_001).text


def test_what_changed_since_the_look_is_shown_anew_and_not_done(alice, bob, dora):
    browser = as_(alice)
    seen = look(browser, "bob@example.com,editor").context["plan"].mark
    Membership.objects.filter(user=bob).update(role=ROLES.ADMIN)
    reply = look(browser, "bob@example.com,editor", action="apply", seen=seen)
    assert "Nothing was changed" in reply.text
    assert plan_of(reply) == [(1, "bob@example.com", "CHANGED", "admin → editor")]
    assert role(bob) == "admin"
