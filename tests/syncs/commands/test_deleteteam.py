"""Deleting a team: all that is its own goes, the audit log too, and nothing of another team."""

import io

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.models import ForeignKey

from destinations.models import Exchange
from syncadmin.teams import audit, deleting
from syncadmin.teams.models import AuditEntry, Membership, Team, TeamDeletion, User
from syncs.management.base import UserError
from syncs.models import LedgerEntry, Run, Sync
from tests.syncs.admin.history import make_row, make_run, make_sync


def fill(team: Team, by: User) -> Sync:
    sync = make_sync(team=team)
    make_row(run=make_run(sync=sync))
    LedgerEntry.objects.create(
        team=team, sync=sync, generation=1, key=b"1" * 16, key_text="1", match_key="", run_number=1
    )
    audit.record(by, team, audit.Action.SYNC_MADE, sync)
    return sync


def contents() -> dict[str, list]:
    kinds = [*deleting.in_order(), Team, AuditEntry]
    return {
        kind._meta.label: list(kind._base_manager.order_by("pk").values_list("pk", flat=True))
        for kind in kinds
    }


def delete(slug: str) -> str:
    said = io.StringIO()
    call_command("deleteteam", slug, "--yes", stdout=said)
    return said.getvalue()


def test_a_team_goes_with_its_audit_log_and_nothing_of_another_team(alice, charlie, team, other_team):
    fill(other_team, charlie)
    before = contents()
    fill(team, alice)
    Membership.objects.create(team=team, user=charlie)
    assert "The team Acme (acme) is deleted." in delete("acme")
    assert not Team.objects.filter(slug="acme").exists()
    entry = AuditEntry.objects.get(team=None)
    assert (entry.action, entry.name, entry.who) == ("installation.team_deleted", "Acme", "the command line")
    assert not TeamDeletion.objects.exists()
    after = contents()
    after["teams.AuditEntry"].remove(entry.pk)
    before["teams.Membership"] = [Membership.objects.get(user=charlie).pk]
    before["teams.Team"] = [other_team.pk]
    assert after == before
    assert User.objects.filter(pk=alice.pk).exists()


def test_while_a_run_goes_on_nothing_is_deleted(alice, team):
    sync = fill(team, alice)
    run = make_run(sync=sync, status=Run.Status.QUEUED)
    with pytest.raises(UserError, match=str(run.public_id)):
        delete("acme")
    sync.refresh_from_db()
    assert sync.paused
    assert AuditEntry.objects.filter(team=team).exists()


def test_while_another_team_uses_something_of_it_nothing_is_deleted(alice, charlie, team, other_team):
    sync = fill(team, alice)
    theirs = fill(other_team, charlie)
    Sync.objects.filter(pk=theirs.pk).update(connection=sync.connection)
    before = contents()
    with pytest.raises(UserError, match=r"Another team still uses something of Acme.*Nothing was deleted"):
        delete("acme")
    assert contents() == before


def test_without_a_terminal_it_asks_for_a_word(team):
    with pytest.raises(UserError, match="--yes"):
        call_command("deleteteam", "acme")
    assert Team.objects.exists()


def test_whatever_refers_to_something_of_a_team_belongs_to_a_team_itself():
    """Else deleting a team would leave it behind."""
    kinds = {*deleting.in_order(), AuditEntry}
    strays = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        if model not in kinds
        for field in model._meta.get_fields()
        if isinstance(field, ForeignKey) and (field.related_model in kinds or field.related_model is Team)
    ]
    assert strays == []
    assert Exchange in kinds
