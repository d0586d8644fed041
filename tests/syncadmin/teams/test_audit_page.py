"""The audit log as its readers see it, and what signing in and the staff leave in it."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.test import Client
from django.urls import reverse

from syncadmin.teams import audit, sign_in_log
from syncadmin.teams.access import Can
from syncadmin.teams.audit import Action, Subject
from syncadmin.teams.models import AuditEntry, Membership, User

LOG = reverse("audit_log", args=["acme"])
FILE = reverse("audit_csv", args=["acme"])
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def note(by, team, action=Action.TEAM_CHANGED, subject=None, *, at=NOON, **more):
    entry = audit.entry_of(by, team, action, subject, **more)
    entry.at = at
    entry.save()
    return entry


@pytest.fixture
def reader(client, alice):
    client.force_login(alice)
    return client


def test_alice_reads_who_did_what(reader, alice, bob, team):
    note(
        bob, team, Action.SOURCE_CHANGED, Subject("source", "Crm"), before={"host": "a"}, after={"host": "b"}
    )
    page = reader.get(LOG).text
    assert "bob@example.com" in page
    assert "Changed a source" in page
    assert "<del>a</del> → <ins>b</ins>" in page
    assert "Nov" in page


def test_what_was_and_stays_empty_is_left_out(reader, alice, team):
    note(alice, team, after={"name": "Ops", "people": []})
    page = reader.get(LOG).text
    assert ("<dt>name</dt>" in page, "<dt>people</dt>" in page) == (True, False)


def test_markup_in_an_entry_stays_text(reader, alice, team):
    note(alice, team, subject=Subject("<i>", "<b>x</b>"), after={"<u>": "<script>"})
    page = reader.get(LOG).text
    for markup in ("<i>", "<b>x", "<u>", "<script>"):
        assert markup not in page.split('id="content"')[1]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"who": " Bob@Example.com "}, {"by bob"}),
        ({"who": "Bob"}, {"by bob"}),
        ({"action": "source.changed"}, {"by bob"}),
        ({"who": "alice@example.com", "action": "source.changed"}, set()),
        ({"since": "2026-11-21"}, {"tomorrow"}),
        ({"until": "2026-11-20"}, {"by bob", "by alice"}),
        ({"since": "2026-11-20", "until": "2026-11-20"}, {"by bob", "by alice"}),
        ({"since": "0001-01-01", "until": "9999-12-31"}, {"by bob", "by alice", "tomorrow"}),
        ({"who": "nobody@example.com"}, set()),
    ],
)
def test_the_log_is_searched_by_who_what_and_when(reader, alice, bob, team, asked, found):
    note(bob, team, Action.SOURCE_CHANGED, Subject("source", "by bob"))
    note(alice, team, subject=Subject("team", "by alice"))
    note(alice, team, subject=Subject("team", "tomorrow"), at=NOON + timedelta(days=1))
    reply = reader.get(LOG, asked)
    names = {line["entry"].name for line in reply.context["lines"]} - {""}
    assert names == found
    if not reply.context["lines"]:
        assert "Nothing in the log fits this filter." in reply.text


def test_times_numbers_and_pairs_are_told_as_people_read_them(reader, alice, team):
    alice.time_zone = "Europe/Berlin"
    alice.save(update_fields=["time_zone"])
    after = {"expires_at": "2027-02-19T21:34:04.884368+00:00", "rows": 4770, "rules": [["ops", "admin"]]}
    note(alice, team, after=after)
    told = {change.name: change.after for change in reader.get(LOG).context["lines"][-1]["changes"]}
    assert told == {"expires at": "19 Feb 2027, 22:34 CET", "rows": "4,770", "rules": "ops = admin"}


def test_a_date_that_is_none_is_said_at_its_field(reader, team):
    page = reader.get(LOG, {"since": "yesterday"}).text
    assert 'id="id_since_error"' in page


def test_the_log_is_read_page_by_page_in_both_directions(reader, alice, team, monkeypatch):
    monkeypatch.setattr("syncadmin.teams.views.audit.A_PAGE", 2)
    for number in range(5):
        note(alice, team, subject=Subject("team", f"n{number}"), at=NOON + timedelta(minutes=number // 2))
    where, seen = {"who": alice.email, "action": "team.changed"}, []
    while True:
        reply = reader.get(LOG, where)
        seen.append([line["entry"].name for line in reply.context["lines"]])
        if not reply.context["older"]:
            break
        where |= {"older": str(reply.context["older"])}
    assert seen == [["n4", "n3"], ["n2", "n1"], ["n0"]]
    back = reader.get(LOG, {**where, "older": "", "newer": str(reply.context["newer"])})
    assert [line["entry"].name for line in back.context["lines"]] == ["n2", "n1"]


def test_the_page_takes_a_constant_number_of_queries(reader, alice, team, django_assert_max_num_queries):
    AuditEntry.objects.bulk_create(
        audit.entry_of(alice, team, Action.RUN_STARTED, Subject("run", str(number)), after={"rows": number})
        for number in range(250)
    )
    with django_assert_max_num_queries(5):
        assert len(reader.get(LOG).context["lines"]) == 100


def test_the_file_holds_every_entry_that_is_asked_for_and_no_formula(reader, alice, team, other_team):
    note(alice, team, subject=Subject("team", '=HYPERLINK("http://evil")'), after={"+x": "1"})
    note(alice, other_team, subject=Subject("team", "theirs"))
    reply = reader.get(FILE, {"action": "team.changed"})
    rows = list(csv.DictReader(io.StringIO(reply.getvalue().decode("utf-8-sig"))))
    assert [row["Name"] for row in rows] == ['\'=HYPERLINK("http://evil")']
    assert rows[0]["Changes"] == "'+x: – → 1"
    assert rows[0]["Time"].startswith("2026-11-20 12:00:00")
    written = AuditEntry.objects.get(action=Action.AUDIT_DOWNLOADED)
    assert written.after == {"action": "team.changed"}


def test_a_long_log_is_written_whole(reader, alice, team, monkeypatch):
    monkeypatch.setattr("syncadmin.teams.views.audit.A_READ", 3)
    for number in range(8):
        note(alice, team, subject=Subject("team", f"n{number}"))
    text = reader.get(FILE, {"action": "team.changed"}).getvalue().decode()
    assert [name for name in (f"n{number}" for number in range(8)) if name in text] == [
        f"n{number}" for number in range(8)
    ]
    assert text.count("team.changed") == 8


@pytest.mark.parametrize("page", [LOG, FILE])
@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("editor", 403), ("admin", 200)])
def test_only_owners_and_admins_read_the_log(client, bob, team, page, role, status):
    Membership.objects.filter(user=bob).update(role=role)
    client.force_login(bob)
    assert client.get(page).status_code == status
    assert ("Audit log" in client.get(reverse("roles", args=["acme"])).text) == (status == 200)


@pytest.mark.parametrize("page", [LOG, FILE, reverse("roles", args=["acme"])])
def test_charlie_finds_no_log(client, alice, charlie, page):
    client.force_login(charlie)
    assert client.get(page).status_code == 404


def test_every_sign_in_is_written_down_for_each_team_of_the_person(client, alice, other_team):
    Membership.objects.create(team=other_team, user=alice)
    typed = {"username": "alice@example.com", "password": "wrong horse"}
    client.post(reverse("login"), typed, REMOTE_ADDR="192.0.2.5")
    client.post(reverse("login"), typed | {"password": "correct horse"}, REMOTE_ADDR="192.0.2.5")
    client.post(reverse("logout"), REMOTE_ADDR="192.0.2.6")
    for team in alice.teams.all():
        told = AuditEntry.objects.filter(team=team).order_by("pk").values_list("action", "who", "address")
        assert list(told) == [
            ("signin.failed", "alice@example.com", "192.0.2.5"),
            ("signin.good", "alice@example.com", "192.0.2.5"),
            ("signin.out", "alice@example.com", "192.0.2.6"),
        ]
    assert "wrong horse" not in str(list(AuditEntry.objects.values()))


def test_what_a_stranger_types_is_kept_only_where_it_is_an_address(client, db):
    for typed in ("zoe@example.com", "my secret password"):
        client.post(reverse("login"), {"username": typed, "password": "x"})
    told = AuditEntry.objects.order_by("pk").values_list("team", "actor", "who")
    assert list(told) == [(None, None, "zoe@example.com"), (None, None, "somebody unknown")]


def test_guessing_does_not_fill_the_log(client, alice, team, monkeypatch):
    monkeypatch.setattr(sign_in_log, "MOST_FAILURES", 2)
    for _ in range(4):
        for email in ("alice@example.com", "zoe@example.com"):
            client.post(reverse("login"), {"username": email, "password": "guess"})
    assert AuditEntry.objects.filter(team=team).count() == 2
    assert AuditEntry.objects.filter(team=None).count() == 2


def test_what_the_staff_do_with_a_team_is_in_its_log(staff_client, staff, alice, team, other_team):
    page = reverse("admin:teams_membership_change", args=[team.memberships.get().pk])
    typed = {"team": team.pk, "user": alice.pk, "role": "admin"}
    assert staff_client.post(page, typed, REMOTE_ADDR="192.0.2.8").status_code == 302
    entry = AuditEntry.objects.get(team=team)
    assert (entry.actor, entry.action, entry.address) == (staff, "team.staff", "192.0.2.8")
    assert "Changed Role" in entry.after["what"]
    assert not AuditEntry.objects.filter(team=other_team).exists()


def test_a_look_at_personal_data_of_several_teams_is_told_to_each(staff, team, other_team):
    """As the lists of the admin pages write it down: `HistoryAdmin`."""
    entry = LogEntry(
        user=staff,
        object_repr="2 rows in a list",
        action_flag=CHANGE,
        change_message="Personal data shown in the list ?run=1. Of these: a, b.",
    )
    entry.about = [team, other_team]
    entry.save()
    for one in (team, other_team):
        told = AuditEntry.objects.get(team=one)
        assert told.action == "personal_data.shown"
        assert told.after == {"what": "Personal data shown in a list."}


def test_the_page_of_roles_says_what_the_pages_ask(client, bob, team):
    client.force_login(bob)
    page = client.get(reverse("roles", args=["acme"])).text
    assert "You are viewer of Acme" in page
    assert "Read and download the audit log" in page
    assert page.count("✓") == sum(len(can.roles()) for can in Can)


def test_a_person_whose_acts_are_known_is_not_deleted_by_the_staff(staff_client, alice):
    Client().force_login(alice)
    page = reverse("admin:teams_user_delete", args=[alice.pk])
    assert staff_client.post(page, {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=alice.pk).exists()


def test_the_staff_see_what_is_of_no_team(staff_client, alice, team):
    note(
        alice,
        team,
        Action.SOURCE_CHANGED,
        Subject("source", "<b>"),
        before={"host": "a"},
        after={"host": "b"},
    )
    Client().post(reverse("login"), {"username": "eve@example.com", "password": "x"})
    listed = reverse("admin:teams_auditentry_changelist")
    page = staff_client.get(listed).text
    assert "eve@example.com" in page
    assert "Failed to sign in" in page
    assert "<b>" not in page.split('id="content"')[1]
    assert "alice@example.com" not in staff_client.get(listed, {"q": "eve@example.com"}).text
    entry = AuditEntry.objects.get(team=team)
    one = reverse("admin:teams_auditentry_change", args=[entry.public_id])
    assert "host: a → b" in staff_client.get(one).text
    assert staff_client.post(one, {"who": "nobody"}).status_code == 403
    assert (
        staff_client.post(reverse("admin:teams_auditentry_delete", args=[entry.public_id])).status_code == 403
    )
