"""What is written down of an act, and that it stays."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import RequestFactory

from syncadmin.lib.crypto import Secret
from syncadmin.teams import audit
from syncadmin.teams.audit import Action, Actor, Subject
from syncadmin.teams.models import AuditEntry, Membership, TeamDeletion


def request_of(user, **headers):
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", headers=headers)
    request.user = user
    return request


def test_an_entry_tells_who_did_what_to_what_from_where_and_how_it_was(alice, team):
    audit.record(
        request_of(alice),
        team,
        Action.TEAM_CHANGED,
        team,
        before={"name": "Acme"},
        after={"name": "Acme Ltd"},
    )
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.who, entry.team, entry.action) == (
        alice,
        "alice@example.com",
        team,
        "team.changed",
    )
    assert (entry.kind, entry.name, entry.subject_id) == ("team", "Acme", str(team.public_id))
    assert (entry.before, entry.after) == ({"name": "Acme"}, {"name": "Acme Ltd"})
    assert entry.address == "192.0.2.1"


def test_without_a_request_the_actor_says_who_it_is(alice, team):
    audit.record(alice, team, Action.RUN_STARTED)
    audit.record(audit.COMMAND_LINE, team, Action.RUN_STARTED)
    audit.record(Actor(None, "a token", "192.0.2.9"), team, Action.RUN_STARTED)
    told = AuditEntry.objects.order_by("pk").values_list("actor", "who", "address")
    assert list(told) == [
        (alice.pk, "alice@example.com", None),
        (None, "the command line", None),
        (None, "a token", "192.0.2.9"),
    ]


@pytest.mark.parametrize(
    ("forwarded", "trusted", "told"),
    [
        ("198.51.100.7", False, "192.0.2.1"),
        ("198.51.100.7", True, "198.51.100.7"),
        ("10.0.0.1, 198.51.100.7", True, "198.51.100.7"),
        ("198.51.100.7:4711", True, "198.51.100.7"),
        ("[2001:db8::1]:4711", True, "2001:db8::1"),
        ("<script>", True, None),
    ],
)
def test_only_a_trusted_proxy_tells_the_address(alice, team, settings, forwarded, trusted, told):
    settings.TRUST_PROXY = trusted
    request = request_of(alice, **{"X-Forwarded-For": forwarded})
    assert audit.record(request, team, Action.TEAM_CHANGED).address == told


def test_secrets_do_not_come_in_and_nothing_is_endless(alice, team):
    deep: dict = {}
    for _ in range(50):
        deep = {"in": deep}
    kept = audit.record(
        alice,
        team,
        Action.CONNECTION_CHANGED,
        Subject("connection", "x" * 999),
        after={
            "password": "hunter2",
            "settings": {"api_key": "hunter2", "has_token": True, "region": "eu"},
            "key": Secret("hunter2"),
            "query": "x" * 9_999,
            "many": list(range(9_999)),
            "deep": deep,
        },
    )
    kept.refresh_from_db()
    assert "hunter2" not in str(kept.after)
    assert kept.after["settings"] == {"api_key": "[removed]", "has_token": True, "region": "eu"}
    assert len(str(kept.after)) < 5_000
    assert len(kept.name) == 300


def test_only_what_concerns_the_installation_is_of_no_team(db):
    audit.record(audit.COMMAND_LINE, None, Action.SIGN_IN_FAILED)
    with pytest.raises(IntegrityError), transaction.atomic():
        audit.record(audit.COMMAND_LINE, None, Action.MEMBER_ADDED)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE teams_auditentry SET who = 'nobody'",
        "UPDATE teams_auditentry SET team_id = NULL",
        "DELETE FROM teams_auditentry",
        "DELETE FROM teams_auditentry WHERE team_id IS NULL",
    ],
)
def test_the_database_refuses_to_change_or_remove_an_entry(alice, team, other_team, statement):
    """Not even while another team's entries may go."""
    audit.record(alice, team, Action.TEAM_CHANGED)
    audit.record(alice, None, Action.SIGNED_IN)
    TeamDeletion.objects.create(team_number=other_team.pk)
    before = list(AuditEntry.objects.values())
    with pytest.raises(DatabaseError, match="entries are only added"), transaction.atomic():
        connection.cursor().execute(statement)
    assert list(AuditEntry.objects.values()) == before


@pytest.mark.parametrize("number", ["id", "id + 1000"])
def test_an_entry_cannot_be_replaced_either(alice, team, number):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL knows no REPLACE")
    audit.record(alice, team, Action.TEAM_CHANGED)
    before = list(AuditEntry.objects.values())
    columns = "public_id, action, kind, name, subject_id, at, team_id"
    statement = (
        f"REPLACE INTO teams_auditentry (id, who, {columns}) "
        f"SELECT {number}, 'nobody', {columns} FROM teams_auditentry"
    )
    with pytest.raises(DatabaseError, match="entries are only added"), transaction.atomic():
        connection.cursor().execute(statement)
    assert list(AuditEntry.objects.values()) == before


def test_a_table_of_entries_cannot_be_emptied_at_once(alice, team):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite knows no TRUNCATE")
    audit.record(alice, team, Action.TEAM_CHANGED)
    connection.check_constraints()
    with pytest.raises(DatabaseError, match="entries are only added"), transaction.atomic():
        connection.cursor().execute("TRUNCATE teams_auditentry")


def test_who_has_done_something_cannot_be_deleted(alice, team):
    audit.record(alice, team, Action.TEAM_CHANGED)
    Membership.objects.filter(user=alice).delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        alice.delete()


def test_what_differs_is_told_and_nothing_else():
    before, after = {"name": "a", "role": "viewer", "old": 1}, {"name": "a", "role": "admin", "new": 2}
    assert audit.changed(before, after) == (
        {"role": "viewer", "old": 1},
        {"role": "admin", "new": 2},
    )
