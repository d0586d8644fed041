"""The overview of a team. Alice owns, Bob may only look, Charlie is a stranger."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from destinations.models import ConnectionShare, RemoteAccount
from syncadmin.teams.models import Team, User
from syncs.models import ModelShare, RejectedRow, Run, WorkerBeat
from syncs.views.sync_health import SHOWN
from tests.syncs.engine.conftest import folders, impatience, sandbox, scene  # noqa: F401
from tests.syncs.engine.scene import Scene, make_sync, person
from tests.syncs.views.test_runs import acme, as_alice, make_run, text, url, world  # noqa: F401

pytestmark = pytest.mark.usefixtures("acme")


def test_it_says_that_no_worker_is_there_and_what_to_do(as_alice: Client, scene: Scene) -> None:  # noqa: F811
    words = text(as_alice.get(url("overview")))
    assert "No worker is running, so nothing is sent." in words
    assert "python manage.py up" in words

    WorkerBeat.objects.beat("machine 1")
    assert "No worker" not in text(as_alice.get(url("overview")))


def test_an_empty_team_is_not_bothered_about_workers(as_alice: Client, alice: User) -> None:  # noqa: F811
    assert "No worker" not in text(as_alice.get(url("overview")))


def totals(page) -> dict[str, str]:
    """The totals of the last day: the number's address by its words."""
    found = re.findall(r'<dt>([^<]+)</dt><dd><a href="([^"]+)">', page.content.decode())
    return {words: unescape(address) for words, address in found}


def test_each_number_of_the_last_day_leads_to_the_runs_whose_rows_it_counts(
    as_alice: Client,  # noqa: F811
    world: Scene,  # noqa: F811
) -> None:
    first = world.finish()  # 2 arrive, 1 is invalid, 1 held back, 1 refused
    world.rows.append(person(6))
    second = world.finish()  # 1 arrives; the invalid one is found again, the refused one waits
    other = make_sync(team=world.team, connection=world.connection, name="other")
    long_ago = make_run(world.team, other, 1, read_count=7, planned_count=7, accepted_count=7)
    Run.objects.filter(pk=long_ago.pk).update(created_at=timezone.now() - timedelta(hours=25))
    make_run(world.team, other, 2, dry_run=True, read_count=9, invalid_count=9)  # a try

    page = as_alice.get(url("overview"))

    assert "Arrived 3 Held back 2 Stopped for their data 2 Refused there 1 In doubt 0" in text(page)
    addresses = totals(page)
    assert list(addresses) == ["Arrived", "Held back", "Stopped for their data", "Refused there"]
    wanted = {"Arrived": (3, [first, second]), "Stopped for their data": (2, [first, second])}
    for words, (count, runs) in (wanted | {"Refused there": (1, [first])}).items():
        listed = as_alice.get(addresses[words])
        assert listed.context["row_count"] == count, words
        assert listed.context["runs"] == runs[::-1], words
        assert f": {count} , in {len(runs)} run" in text(listed)


def test_the_runs_that_a_number_leads_to_lead_on_to_its_rows(
    as_alice: Client,  # noqa: F811
    world: Scene,  # noqa: F811
) -> None:
    run = world.finish()
    for stage, words in (("invalid", "1 of their data"), ("rejected", "1 refused")):
        listed = as_alice.get(url("runs", rows=stage))
        rows = url("run_rows", run.public_id) + f"?show=attention&stage={stage}"
        link = re.search(f'<a href="([^"]+)">{words}</a>', listed.content.decode())
        assert link is not None
        assert unescape(link[1]) == rows
        shown = as_alice.get(rows).context
        assert [row.stage for row in shown["rows"]] == [stage]
        assert (shown["listed"], shown["total"], shown["has_pairs"]) == (1, 1, False)
        assert rows in unescape(as_alice.get(url("run", run.public_id)).content.decode())


def test_rows_of_a_stage_are_sent_again_and_no_others(as_alice: Client, world: Scene) -> None:  # noqa: F811
    run = world.finish()
    page = as_alice.get(url("run_rows", run.public_id, show="attention", stage="rejected"))
    assert "1 row refused by Qualified" in text(page)
    assert b'name="what" value="stage"' in page.content
    as_alice.post(url("run_retry", run.public_id), {"what": "stage", "stage": "rejected"})
    refused = RejectedRow.objects.get(run=run, stage="rejected")
    assert Run.objects.latest("pk").keys == [refused.key_text]


def test_rows_that_wait_have_a_list_for_each_reason(as_alice: Client, scene: Scene) -> None:  # noqa: F811
    run = make_run(
        scene.team,
        scene.sync,
        1,
        status="stopped",
        read_count=5,
        deferred_count=2,
        planned_count=3,
        waiting_count=3,
    )
    rows = url("run_rows", run.public_id)
    for name in ("overview", "runs", "syncs"):
        page = as_alice.get(url(name)).content.decode()
        assert f'href="{rows}?show=waiting">3</a>' in page, name
        assert f'href="{rows}?show=deferred"' in page, name


def test_of_many_syncs_that_stopped_some_are_shown_and_all_a_click_away(
    as_alice: Client,  # noqa: F811
    scene: Scene,  # noqa: F811
) -> None:
    names = [f"sync {n}" for n in range(SHOWN + 1)]
    for name in names:
        sync = make_sync(team=scene.team, connection=scene.sync.connection, name=name, file=f"{name}.csv")
        make_run(scene.team, sync, 1, status=Run.Status.STOPPED)
    page = as_alice.get(url("overview"))
    assert [run.sync.name for run in page.context["stopped"]] == names[:SHOWN]
    assert f"All {SHOWN + 1} syncs that stopped" in page.text
    listed = as_alice.get(url("syncs", health="stopped")).context["lines"]
    assert sorted(line.sync.name for line in listed) == names


def test_what_needs_attention_says_how_many_rows_and_leads_to_them(
    as_alice: Client,  # noqa: F811
    world: Scene,  # noqa: F811
) -> None:
    world.finish()
    page = as_alice.get(url("overview"))
    assert "Rows For whoever owns the data: each says who must do what. 2 rows leads" in text(page)
    assert page.context["open_rows"] == [(world.sync, 2)]


def test_a_destination_that_does_not_answer_is_told_at_once(
    as_alice: Client,  # noqa: F811
    scene: Scene,  # noqa: F811
) -> None:
    scene.rows = [person(1)]
    scene.finish()
    WorkerBeat.objects.beat("machine 1")
    assert "Everything works" in text(as_alice.get(url("overview")))
    RemoteAccount.objects.update(down_since=timezone.now(), down_reason="It has trouble of its own (503).")
    told = text(as_alice.get(url("overview")))
    assert "Destinations that do not answer" in told
    assert "It has trouble of its own (503)." in told
    assert "Everything works" not in told
    assert "Not answering" in text(as_alice.get(url("destinations")))
    assert "Not answering" in text(as_alice.get(url("connection", scene.connection.public_id)))


def test_a_small_run_that_went_well_hides_no_row_that_needs_attention(
    as_alice: Client,  # noqa: F811
    world: Scene,  # noqa: F811
) -> None:
    first = world.finish()
    make_run(world.team, world.sync, first.number + 1, status=Run.Status.SUCCEEDED, keys=[[1]])
    (half,) = as_alice.get(url("overview")).context["healths"]
    assert (half.words, half.count) == ("Rows need attention", 1)
    assert [line.sync for line in as_alice.get(half.url).context["lines"]] == [world.sync]
    RejectedRow.objects.update(is_open=False)
    (good,) = as_alice.get(url("overview")).context["healths"]
    assert (good.words, good.count) == ("Healthy", 1)


@pytest.mark.parametrize(
    ("section", "who"),
    [
        ("overview", "An admin of the team does this. Make a model"),
        ("overview", "An editor of the team does this."),
        ("sources", "An admin of the team adds sources."),
        ("models", "An editor of the team makes models."),
        ("destinations", "An admin of the team adds it."),
        ("syncs", "An editor of the team makes syncs."),
    ],
)
def test_bob_is_told_in_an_empty_team_who_sets_things_up(
    client: Client, bob: User, section: str, who: str
) -> None:
    client.force_login(bob)
    page = client.get(url(section))
    assert who in text(page).replace(" 2 ", " ")
    assert b'class="button"' not in page.content, "nothing that he may not do is offered"
    if section != "overview":
        assert url("overview") in page.content.decode().partition("<main")[2], (
            "where it stands is a link away"
        )


def test_what_another_team_shares_needs_no_setting_up(
    client: Client,
    world: Scene,  # noqa: F811
    charlie: User,
) -> None:
    theirs = Team.objects.get(memberships__user=charlie)
    client.force_login(charlie)
    page = reverse("overview", args=[theirs.slug])
    assert "0 of 5 steps are done" in text(client.get(page))

    ModelShare.objects.create(team=world.team, model=world.sync.model, with_team=theirs)
    ConnectionShare.objects.create(
        team=world.team, connection=world.connection, with_team=theirs, objects_allowed=["leads"]
    )
    assert "3 of 5 steps are done" in text(client.get(page))
