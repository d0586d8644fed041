"""A connection of Alice's team acme that Charlie's team globex may use; Bob may only look at acme."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from destinations.models import Connection, ConnectionShare, Exchange
from destinations.sandbox.running import API_KEY, Sandbox, running_sandbox
from destinations.shares import usable_by
from syncadmin.teams.models import AuditEntry, Membership, Team, User
from syncs.configuration.apply import apply
from syncs.configuration.export import export
from syncs.engine.ground import way_of
from syncs.engine.lease import Lease
from syncs.engine.run import NotShared, finish_here, serve, start
from syncs.models import ModelShare, QueryModel, Run, Sync
from syncs.views.people import reference
from tests.syncs.engine.scene import make_connection, make_sync, person, write_csv

SHARE = {"slug": "globex", "objects": ["leads"], "percent": "25"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(switches={"job_seconds": 0.01}) as running:
        yield running


@pytest.fixture
def connection(team: Team, sandbox: Sandbox, tmp_path: Path, settings: Any) -> Connection:
    settings.FILES_DIR = tmp_path / "files"
    settings.SCRATCH_DIR = tmp_path / "scratch"
    write_csv("people.csv", [person(1), person(2)])
    return make_connection(team=team, url=sandbox.url)


@pytest.fixture
def share(connection: Connection, other_team: Team) -> ConnectionShare:
    return ConnectionShare.objects.create(
        team=connection.team,
        connection=connection,
        with_team=other_team,
        objects_allowed=["leads"],
        budget_percent=25,
    )


@pytest.fixture
def theirs(share: ConnectionShare) -> Sync:
    """A sync of globex on acme's connection."""
    return make_sync(team=share.with_team, connection=share.connection, name="globex leads")


def page(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(client: Client, name: str, *args: object) -> str:
    answer = client.get(reverse(name, args=args))
    assert answer.status_code == 200, answer
    return " ".join(answer.content.decode().split())


def test_alice_shares_a_connection_and_charlie_runs_a_sync_on_it(
    connection: Connection, alice: User, charlie: User, other_team: Team
) -> None:
    acme, globex = page(alice), page(charlie)
    address = reverse("share_add", args=["acme", connection.public_id])
    assert acme.post(address, SHARE).url == reverse("connection", args=["acme", connection.public_id])
    share = ConnectionShare.objects.get()
    assert (share.with_team, share.objects_allowed, share.budget_percent) == (other_team, ["leads"], 25)

    assert "shared by <bdi>Acme</bdi>" in text(globex, "destinations", "globex")
    shown = text(globex, "connection", "globex", connection.public_id)
    assert "Runs wait once 25 %" in shown
    assert (API_KEY in shown, "base_url" in shown, str(connection.options["base_url"]) in shown) == (
        False,
    ) * 3

    sync = make_sync(team=other_team, connection=connection, name="globex leads")
    run = finish_here(start(sync, ring=False))
    assert (run.status, run.accepted_count) == ("succeeded", 2)
    assert set(Exchange.objects.filter(subject=run.public_id).values_list("team", flat=True)) == {
        other_team.pk
    }

    listed = text(acme, "connection", "acme", connection.public_id)
    assert "<bdi>Globex</bdi>" in listed
    assert ("globex leads" in listed, 'class="number">2</td>' in listed) == (False, True)
    logged = AuditEntry.objects.filter(action="connection.shared")
    assert {entry.team for entry in logged} == {connection.team, other_team}


def test_the_other_team_makes_a_sync_of_the_shared_objects_alone(
    share: ConnectionShare, charlie: User
) -> None:
    globex = page(charlie)
    model = make_sync(team=share.with_team, connection=share.connection, name="first").model
    globex.get(reverse("sync_add", args=["globex"]))
    chosen = globex.post(reverse("sync_add", args=["globex"]), {"model": str(model.public_id)})
    offered = globex.get(chosen.url).content.decode()
    public_id = share.connection.public_id
    assert f'value="{public_id}:leads"' in offered
    assert f'value="{public_id}:companies"' not in offered
    assert globex.post(chosen.url, {"target": f"{public_id}:companies"}).status_code == 200
    assert globex.post(chosen.url, {"target": f"{public_id}:leads"}).status_code == 302


def test_the_other_team_asks_for_fields_of_what_it_may_write_alone(
    share: ConnectionShare, charlie: User
) -> None:
    asked = reverse("connection_refresh", args=["globex", share.connection.public_id])
    told = page(charlie).post(asked, follow=True).content.decode()
    assert ("of leads" in told, "of companies" in told) == (True, False)


def test_a_share_that_is_taken_away_in_mid_run_ends_it_and_tells_both(
    share: ConnectionShare, theirs: Sync, alice: User, charlie: User
) -> None:
    run = start(theirs, ring=False)
    lease = Lease.take(run)
    assert lease is not None
    with lease:
        serve(run, lease, until=0.0, others_wait=lambda: True)  # it is planned, and not sent yet
    run.refresh_from_db()
    assert run.status == "delivering"

    acme, globex = page(alice), page(charlie)
    address = reverse("share_remove", args=["acme", share.public_id])
    assert "1 sync of Globex stands on it" in " ".join(acme.get(address).content.decode().split())
    told = acme.post(address, follow=True).content.decode()
    assert "1 sync of Globex is paused, and 1 run under way will end" in told

    run = finish_here(run)
    assert (run.status, run.accepted_count) == ("stopped", 0)
    assert "no longer shares the connection" in run.stop_reason
    gone = reverse("connection", args=["globex", share.connection.public_id])
    shown = text(globex, "sync", "globex", theirs.public_id)
    assert ("Acme took away the connection" in shown, gone in shown) == (True, False)
    assert "has not run yet" not in shown
    front = text(globex, "overview", "globex")
    assert "Acme took away the connection" in front
    assert "Everything works" not in front
    assert globex.get(reverse("connection", args=["globex", share.connection.public_id])).status_code == 404
    assert AuditEntry.objects.filter(action="connection.share_removed").count() == 2

    globex.post(reverse("sync_resume", args=["globex", theirs.public_id]))
    assert "no longer shares the connection" in text(globex, "sync", "globex", theirs.public_id)
    refused = globex.post(reverse("sync_run", args=["globex", theirs.public_id]), follow=True)
    assert "no longer shares the connection" in refused.content.decode()
    theirs.refresh_from_db()
    with pytest.raises(NotShared):
        start(theirs, ring=False)
    assert Run.objects.count() == 1


def test_without_a_share_a_run_that_was_queued_sends_nothing(share: ConnectionShare, theirs: Sync) -> None:
    run = start(theirs, ring=False)
    ConnectionShare.objects.all().delete()
    run = finish_here(run)
    assert (run.status, run.planned_count) == ("stopped", 0)
    assert "An admin of Acme can share it again" in run.stop_reason


def test_an_object_that_is_no_longer_shared_pauses_its_syncs(
    share: ConnectionShare, theirs: Sync, alice: User
) -> None:
    address = reverse("share_edit", args=["acme", share.public_id])
    answer = page(alice).post(address, {"objects": ["companies"], "percent": "50"}, follow=True)
    assert "1 sync of Globex is paused" in answer.content.decode()
    theirs.refresh_from_db()
    share.refresh_from_db()
    assert (theirs.paused, share.objects_allowed, share.budget_percent) == (True, ["companies"], 50)


def test_the_other_teams_part_of_the_limits_is_its_own(share: ConnectionShare, theirs: Sync) -> None:
    ours = make_sync(team=share.team, connection=share.connection, name="ours")
    assert (way_of(theirs).part_percent, way_of(ours).part_percent) == (25, 100)


def test_bob_may_not_share_and_charlie_may_not_change_what_is_alices(
    connection: Connection, share: ConnectionShare, bob: User, charlie: User, theirs: Sync
) -> None:
    public_id = connection.public_id
    own = [("share_add", public_id), ("share_edit", share.public_id), ("share_remove", share.public_id)]
    for name, one in own:
        assert page(bob).post(reverse(name, args=["acme", one]), SHARE).status_code == 403
        for slug in ("acme", "globex"):
            assert page(charlie).post(reverse(name, args=[slug, one]), SHARE).status_code == 404
    for name in ("connection_edit", "connection_test", "connection_remove", "sign_in"):
        answer = page(charlie).get(reverse(name, args=["globex", public_id]))
        assert answer.status_code in (404, 405), name
    assert page(charlie).post(reverse("connection_test", args=["globex", public_id])).status_code == 404
    assert page(charlie).post(reverse("connection_refresh", args=["globex", public_id])).status_code == 302
    assert ConnectionShare.objects.get().objects_allowed == ["leads"]


def test_a_team_that_left_out_sees_nothing_of_it(connection: Connection, charlie: User) -> None:
    assert page(charlie).get(reverse("connection", args=["globex", connection.public_id])).status_code == 404
    assert not usable_by(Team.objects.get(slug="globex")).exists()


def test_alice_cannot_remove_what_another_team_stands_on(
    connection: Connection, theirs: Sync, alice: User
) -> None:
    acme = page(alice)
    address = reverse("connection_remove", args=["acme", connection.public_id])
    shown = " ".join(acme.post(address).content.decode().split())
    assert "while 1 sync of other teams stands on it" in shown
    assert "globex leads" not in shown
    assert Connection.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"slug": "nowhere"}, "There is no team “nowhere”"),
        ({"slug": "acme"}, "It is this team&#x27;s own."),
        ({"objects": []}, "Choose what its syncs may write"),
        ({"objects": ["users"]}, "is not one of the available choices"),
    ],
)
def test_what_is_wrong_with_a_share_is_told_at_its_field(
    connection: Connection, alice: User, other_team: Team, data: dict[str, Any], words: str
) -> None:
    answer = page(alice).post(reverse("share_add", args=["acme", connection.public_id]), SHARE | data)
    assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert not ConnectionShare.objects.exists()


def test_a_field_that_two_syncs_write_is_told_over_teams_to_those_who_manage_the_connection(
    connection: Connection, theirs: Sync, alice: User, bob: User, charlie: User
) -> None:
    ours = make_sync(team=connection.team, connection=connection, name="ours")
    shown = text(page(alice), "connection", "acme", connection.public_id)
    assert "<strong>title</strong> of leads</span>" in shown
    assert "a sync of <bdi>Globex</bdi>" in shown
    assert "globex leads" not in shown
    assert "a sync of <bdi>Globex</bdi>" not in text(page(bob), "connection", "acme", connection.public_id)
    assert "also written by another sync" not in text(page(alice), "sync", "acme", ours.public_id)
    assert "ours" not in text(page(charlie), "connection", "globex", connection.public_id)
    make_sync(team=connection.team, connection=connection, name="second")
    assert "2 fields of this sync are also written" in text(page(alice), "sync", "acme", ours.public_id)


def test_a_document_names_a_shared_connection_with_its_team(theirs: Sync, other_team: Team) -> None:
    Membership.objects.filter(team=other_team).delete()
    text = export(other_team)
    assert "connection: acme/qualified" in text
    assert apply(text, {}, check=True).lines == []
    theirs.delete()
    applied = apply(text, {}, check=False)
    assert any("globex leads" in line for line in applied.lines)
    assert Sync.objects.get(name="globex leads").connection.team.slug == "acme"


# Models


@pytest.fixture
def people(connection: Connection) -> QueryModel:
    """A model of acme."""
    return make_sync(team=connection.team, connection=connection, name="people").model


def test_alice_shares_a_model_and_charlie_sends_its_rows_and_changes_nothing(
    people: QueryModel, alice: User, charlie: User, other_team: Team, sandbox: Sandbox
) -> None:
    acme, globex = page(alice), page(charlie)
    assert globex.get(reverse("model", args=["globex", people.public_id])).status_code == 404
    acme.post(reverse("model_share", args=["acme", people.public_id]), {"slug": "globex"})
    assert ModelShare.objects.get().with_team == other_team

    shown = text(globex, "model", "globex", people.public_id)
    assert "Shared by <bdi>Acme</bdi>" in shown
    assert "read_csv" in shown
    assert "person1@acme.com" in text(globex, "model_preview", "globex", people.public_id)
    assert "shared by <bdi>Acme</bdi>" in text(globex, "models", "globex")
    for name in ("model_edit", "model_remove", "model_share"):
        assert globex.get(reverse(name, args=["globex", people.public_id])).status_code == 404
    assert globex.get(reverse("source", args=["globex", people.source.public_id])).status_code == 404

    theirs = make_connection(team=other_team, url=sandbox.url)
    sync = make_sync(team=other_team, connection=theirs, name="from acme")
    Sync.objects.filter(pk=sync.pk).update(model=people)
    sync.refresh_from_db()
    assert finish_here(start(sync, ring=False)).accepted_count == 2
    assert "1 sync" in text(acme, "model", "acme", people.public_id)
    assert "from acme" not in text(acme, "model", "acme", people.public_id)

    share = ModelShare.objects.get()
    answer = acme.post(reverse("model_share_remove", args=["acme", share.public_id]), follow=True)
    assert "1 sync of Globex is paused" in answer.content.decode()
    assert "Acme took away the model “people”" in text(globex, "sync", "globex", sync.public_id)
    globex.post(reverse("sync_resume", args=["globex", sync.public_id]))
    sync.refresh_from_db()
    with pytest.raises(NotShared, match="no longer shares the model"):
        start(sync, ring=False)
    for asked in (
        f"{reverse('sync_preview', args=['globex', sync.public_id])}?key=1",
        f"{reverse('sync_guards', args=['globex', sync.public_id])}?try=1",
        reverse("guard_add", args=["globex", sync.public_id, "hold_back"]),
    ):
        shown = globex.get(asked).content.decode()
        assert ("no longer shares the model" in shown, "person1" in shown, "given_name" in shown) == (
            True,
            False,
            False,
        ), asked


def test_who_looks_for_a_person_in_a_shared_model_sees_the_syncs_of_the_own_team(
    people: QueryModel, alice: User, charlie: User, other_team: Team, connection: Connection
) -> None:
    ModelShare.objects.create(team=people.team, model=people, with_team=other_team)
    ConnectionShare.objects.create(
        team=people.team, connection=connection, with_team=other_team, objects_allowed=["leads"]
    )
    sync = make_sync(team=other_team, connection=connection, name="globex secret")
    Sync.objects.filter(pk=sync.pk).update(model=people)
    for user, team, own in ((alice, people.team, "people"), (charlie, other_team, "globex secret")):
        ref = reference(team, "person1@acme.com")
        shown = text(page(user), "person_in_source", team.slug, ref, people.public_id)
        assert "It is in the source now." in shown
        assert (f"<p><bdi>{own}</bdi>" in shown, "globex secret" in shown) == (True, own == "globex secret")


def test_a_document_names_a_shared_model_with_its_team(
    people: QueryModel, other_team: Team, sandbox: Sandbox
) -> None:
    ModelShare.objects.create(team=people.team, model=people, with_team=other_team)
    sync = make_sync(
        team=other_team, connection=make_connection(team=other_team, url=sandbox.url), name="own"
    )
    Sync.objects.filter(pk=sync.pk).update(model=people)
    exported = export(other_team)
    assert "model: acme/people" in exported
    environment = {"QUALIFIED_API_KEY": API_KEY}
    assert apply(exported, environment, check=True).lines == []


def test_alice_cannot_remove_a_model_that_another_team_sends(
    people: QueryModel, other_team: Team, alice: User, connection: Connection
) -> None:
    Sync.objects.filter(model=people).delete()
    sync = make_sync(team=other_team, connection=connection, name="globex secret")
    Sync.objects.filter(pk=sync.pk).update(model=people)
    shown = page(alice).post(reverse("model_remove", args=["acme", people.public_id])).content.decode()
    assert "while 1 sync of other teams sends its rows" in " ".join(shown.split())
    assert "globex secret" not in shown
    assert QueryModel.objects.filter(pk=people.pk).exists()
