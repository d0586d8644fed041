"""What needs attention in a sync now: the page, and what is sent again from it."""

import pytest
from django.db import connection
from django.db.models import Count
from django.test import Client
from django.urls import reverse

from syncadmin.teams.models import Team, User
from syncs import tasks
from syncs.engine import attention
from syncs.models import Run, Sync, WaitingRetry
from tests.syncs.admin.history import make_row, make_run, make_sync
from tests.syncs.engine.conftest import folders, impatience, sandbox, scene  # noqa: F401
from tests.syncs.engine.scene import LEADS, Scene, person, set_mapping
from tests.syncs.views.test_runs import make_rows, text


@pytest.fixture
def acme(transactional_db: None, folders: None, team: Team) -> Team:  # noqa: F811
    return team


@pytest.fixture
def as_alice(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def sync(team: Team) -> Sync:
    return make_sync(team=team)


def address(sync: Sync, name: str = "sync_attention", **query: str) -> str:
    return reverse(name, args=["acme", sync.public_id], query=query or None)


def send_again(client: Client, sync: Sync, **data: object) -> str:
    return text(client.post(address(sync, "sync_attention_again"), data, follow=True))


def test_alice_sends_what_is_open_again_and_what_arrives_leaves_the_page(
    as_alice: Client,
    scene: Scene,  # noqa: F811
) -> None:
    scene.change_field("Score__c", "picklist", options=["1"])
    set_mapping(scene.sync, LEADS | {"Score__c": "note"})
    scene.rows = [person(1, email="bad@"), person(2, note="high"), person(3, note="low")]
    first = scene.finish()
    page = text(as_alice.get(address(scene.sync)))
    assert "3 rows of leads need attention now" in page
    assert "1 row: Not an e-mail address in email" in page
    assert "2 rows: Refused: a value that is not accepted" in page
    assert "3 rows need attention now" in text(as_alice.get(address(scene.sync, "sync")))

    scene.change(2, note="1")
    active = scene.start()
    refused = {"stage": "rejected", "problem": "invalid_value", "field": "Score__c"}
    said = send_again(as_alice, scene.sync, what="group", **refused)
    assert f"2 rows are sent again as soon as run #{active.number} of this sync has ended." in said
    waits = text(as_alice.get(address(scene.sync)))
    assert "alice@example.com asked" in waits
    assert "Take it back" in waits
    tasks.work()  # the active run sends row 2; the retry then finds row 3 alone

    assert Run.objects.latest("number").trigger == Run.Trigger.RETRY
    assert not WaitingRetry.objects.exists()
    page = text(as_alice.get(address(scene.sync)))
    assert "2 rows of leads need attention now" in page
    assert "1 row: Refused: a value that is not accepted" in page
    run_page = text(as_alice.get(reverse("run", args=["acme", first.public_id])))
    assert "None of these needs attention any more" in run_page
    listed = text(as_alice.get(reverse("run_rows", args=["acme", first.public_id])))
    assert f"Arrived since in run #{active.number}" in listed


def test_ticked_rows_a_group_or_all_are_sent_again(as_alice: Client, sync: Sync) -> None:
    run = make_run(sync=sync)
    rows = [make_row(run=run, key=key, is_open=True) for key in ("7", "8")]
    make_row(run=run, key="", is_open=True, problem="no_primary_key")
    make_row(run=run, key="9")
    group = {"stage": "invalid", "problem": "not_an_email", "field": "email"}

    listed = as_alice.get(address(sync, **group)).content.decode()
    assert [str(row.public_id) in listed for row in rows] == [True, True]
    assert "Tick the rows" in send_again(as_alice, sync, what="chosen", **group)
    assert "without a primary key" in send_again(
        as_alice, sync, what="group", stage="invalid", problem="no_primary_key", field="email"
    )
    assert not Run.objects.active().exists()
    for data, count, keys, open_rows in (
        ({"what": "chosen", "row": [str(rows[0].public_id)]}, "1 row", ["7"], None),
        ({"what": "group"} | group, "2 rows", None, [group]),
        ({"what": "all"}, "2 rows", None, [{}]),
    ):
        assert f"was started to send {count} again" in send_again(as_alice, sync, **data)
        started = Run.objects.active().get()
        assert (started.keys, started.open_rows) == (keys, open_rows)
        Run.objects.filter(pk=started.pk).update(status="cancelled")


def test_what_waits_is_taken_back(as_alice: Client, sync: Sync) -> None:
    row = make_row(run=make_run(sync=sync), is_open=True)
    make_run(sync=sync, status="queued")
    send_again(as_alice, sync, what="chosen", row=[str(row.public_id)])
    assert WaitingRetry.objects.count() == 1
    take_back = address(sync, "sync_waiting_remove")
    assert "was taken back" in text(as_alice.post(take_back, follow=True))
    assert "Nothing waits any more" in text(as_alice.post(take_back, follow=True))


def test_where_nothing_needs_attention_the_page_says_so(as_alice: Client, sync: Sync) -> None:
    make_row(run=make_run(sync=sync))
    assert "Nothing needs attention in leads now." in text(as_alice.get(address(sync)))
    none = text(as_alice.get(address(sync, stage="invalid", problem="not_an_email", field="email")))
    assert "None of these rows needs attention any more." in none
    assert "None of these rows" in send_again(as_alice, sync, what="all")
    assert "need attention now" not in text(as_alice.get(address(sync, "sync")))


def test_bob_may_look_and_sees_nobody_and_charlie_finds_nothing(
    client: Client, bob: User, charlie: User, sync: Sync
) -> None:
    run = make_run(sync=sync)
    reason = "ann.larsson@acme.com is taken by Larsson."
    row = make_row(
        run=run, key="ANN-7781", match_key="ann.larsson@acme.com", is_open=True, reason=reason,
        stage="rejected", payload={"name": "Larsson"},
    )  # fmt: skip
    pages = [address(sync), address(sync, stage="rejected", problem=row.problem, field=row.field)]
    posts = [address(sync, name) for name in ("sync_attention_again", "sync_waiting_remove")]
    client.force_login(bob)
    for one in pages:
        page = client.get(one).content.decode()
        assert "A•••" in page
        assert "again</button>" not in page
        for told in ("ANN-7781", "ann.larsson", "Larsson"):
            assert told not in page, one
    assert [client.post(one, {"what": "all"}).status_code for one in posts] == [403, 403]
    client.force_login(charlie)
    assert {client.post(one).status_code for one in posts} == {404}
    assert {client.get(one).status_code for one in pages} == {404}


@pytest.mark.parametrize("size", [2, 60])
def test_pages_cost_as_many_queries_however_many_rows(
    as_alice: Client, sync: Sync, size: int, django_assert_max_num_queries
) -> None:
    make_rows(make_run(sync=sync), size, is_open=True)
    make_rows(make_run(sync=sync), size, problem="empty", is_open=True)
    for one in (address(sync), address(sync, stage="invalid", problem="empty", field="email")):
        with django_assert_max_num_queries(10):
            as_alice.get(one)


def test_the_pages_are_counted_by_an_index_that_holds_open_rows_alone(sync: Sync) -> None:
    run = make_run(sync=sync)
    make_rows(run, 300)
    make_rows(run, 3, problem="empty", is_open=True)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE syncs_rejectedrow")
            cursor.execute("SET LOCAL enable_seqscan = off")
    found = attention.open_rows(sync).order_by().values_list("stage", "problem", "field")
    plan = found.annotate(Count("pk")).explain()
    assert "rejected_open" in plan, plan
