"""Requests of a run: the list, one whole, and on the way of one row; and who may see whose data."""

import json
import re
import shlex
import zlib
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from destinations.models import Exchange
from destinations.sandbox.running import API_KEY
from syncadmin.teams.models import AuditEntry, Team, User
from syncs.engine import pruning
from syncs.models import RejectedRow, Run, Sync
from syncs.views.run_wire import carried
from tests.syncs.admin.history import make_batch, make_exchange, make_run, make_sync
from tests.syncs.admin.test_hidden import ANN, ann  # noqa: F401
from tests.syncs.engine.conftest import folders, impatience, sandbox, scene  # noqa: F401
from tests.syncs.engine.scene import LEADS, Scene, person, plan_only, set_mapping
from tests.syncs.views.test_runs import text


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


def address(name: str, run: Run, *args: object, **query: str) -> str:
    return reverse(name, args=["acme", run.public_id, *args], query=query or None)


def links(page: str, within: str) -> list[str]:
    return [unescape(found) for found in re.findall(r'href="([^"#]+)', page) if within in found]


def test_from_a_run_one_comes_to_the_exact_request_of_a_row_and_takes_it_along(
    as_alice: Client,
    scene: Scene,  # noqa: F811
) -> None:
    scene.change_field("Score__c", "picklist", options=["1"])
    set_mapping(scene.sync, LEADS | {"Score__c": "note"})
    scene.rows = [person(1, note="1"), person(2, note="high"), person(3, note="1")]
    run = scene.finish()

    listed = as_alice.get(address("run_requests", run)).content.decode()
    for told in ("Hand the rows over", "Ask what became of the rows", "Answered well"):
        assert told in listed
    assert address("run_requests", run) in as_alice.get(address("run", run)).content.decode()

    # A row that arrived and one that was refused: the steps of their job in order, with their own part.
    refused = RejectedRow.objects.get(run=run)
    for where, mine, others in (
        (address("run_planned_row", run, 1, 2), "person3@acme.com", ("person1@", "person2@")),
        (address("run_row", run, refused.public_id), "person2@acme.com", ("person1@", "person3@")),
    ):
        page = as_alice.get(where).content.decode()
        steps = re.findall(r"Hand the rows over|Ask what became of the rows", page)
        assert (steps[0], steps[-1]) == ("Hand the rows over", "Ask what became of the rows")
        assert mine in page
        assert "2 others left out" in page
        assert not any(other in page for other in others)

    # Any record is found by its key or its address, in a run that goes on too, and where it was left alone.
    def find(run: Run, what: str) -> list[str]:
        return links(as_alice.post(address("run_find", run), {"what": what}).text, "/rows/")[-1:]

    assert find(run, "PERSON3@acme.com") == find(run, "3") == [address("run_planned_row", run, 1, 2)]
    assert find(run, "person2@acme.com") == find(run, "2") == [address("run_row", run, refused.public_id)]
    assert "has no row with this" in as_alice.post(address("run_find", run), {"what": "9"}).text
    assert "Type an e-mail address" in as_alice.post(address("run_find", run), {"what": " "}).text
    scene.change(1, first_name="Ann")
    scene.rows.append(person(4, note="1"))
    active = plan_only(scene.start())
    assert find(active, "person4@acme.com") == find(active, "4")
    assert "Still to be sent" in as_alice.post(address("run_find", active), {"what": "4"}).text
    waits = as_alice.get(find(active, "4")[0])
    assert 'hx-trigger="every 2s"' in waits.text
    part = as_alice.get(find(active, "4")[0], headers={"HX-Request": "true"}).text
    assert "No request has gone out yet." in part
    assert "<main" not in part
    left_alone = as_alice.post(address("run_find", active), {"what": "3"}).text
    assert "Nothing of it was sent in this run; it was last sent in run #1" in left_alone
    assert find(active, "3") == [address("run_planned_row", run, 1, 2)]

    # The whole request: every row, its headers without the key, as a command and as a file.
    whole = links(page, "/requests/")[0]
    page = as_alice.get(whole).content.decode()
    for told in ("person1@acme.com", "person2@acme.com", "person3@acme.com", "Authorization", "202"):
        assert told in page
    assert API_KEY not in page
    assert "It writes to the destination when you run it." in page
    asks = next(one for one in Exchange.objects.filter(method="GET", subject=run.public_id))
    assert "It writes" not in as_alice.get(address("run_request", run, asks.public_id)).text
    assert links(page, address("run_planned_row", run, 1, 2))
    exchange = Exchange.objects.get(public_id=whole.rstrip("/").rpartition("/")[2])
    (command,) = re.findall(r'<pre tabindex="0" id="curl"[^>]*>(.*?)</pre>', page, re.DOTALL)
    words = shlex.split(unescape(command))
    assert words[:4] == ["curl", "--request", "POST", exchange.url]
    assert json.loads(words[words.index("--data-raw") + 1])["items"][1]["data"]["email"] == "person2@acme.com"
    file = as_alice.get(links(page, ".json")[0])
    assert "attachment" in file["Content-Disposition"]
    taken = json.loads(file.content)
    assert taken["answer"]["status"] == exchange.status
    assert len(taken["request"]["body"]["items"]) == 3
    assert API_KEY not in file.content.decode()
    assert AuditEntry.objects.latest("pk").after == {"rows": "a request and its answer"}


def test_the_list_is_narrowed_by_answer_by_what_for_and_by_time(as_alice: Client, team: Team) -> None:
    run = make_run(sync=make_sync(team=team), status="delivering")
    batch = make_batch(run=run, keys=["7"])
    bulk = "https://api.example.com/v2/bulk"
    made = {
        "sent": make_exchange(run=run, batch=batch, url=bulk),
        "slow": make_exchange(run=run, batch=batch, url=bulk, status=422, milliseconds=4_000),
        "look": make_exchange(run=run, batch=batch, url=f"{bulk}/j-1", method="GET", status=200),
        "lost": make_exchange(run=run, batch=batch, url=bulk, status=None, error="It did not answer."),
        "down": make_exchange(run=run, batch=batch, url=bulk, status=503),
    }
    make_exchange(run=make_run(sync=make_sync(team=team, name="other")), url=bulk)

    def found(**query: str) -> set[str]:
        page = as_alice.get(address("run_requests", run, **query)).content.decode()
        return {name for name, one in made.items() if str(one.public_id) in page}

    assert found() == set(made)
    assert found(status="good") == {"sent", "look"}
    assert found(status="refused") == {"slow"}
    assert found(status="failed") == {"down"}
    assert found(status="none") == {"lost"}
    assert found(time="slow") == {"slow"}
    assert found(kind="reads") == {"look"}
    assert found(kind="Ask what became of the rows") == {"look"}
    assert found(kind="Hand the rows over", status="good") == {"sent"}
    assert found(status="no such") == set(made)
    page = as_alice.get(address("run_requests", run)).content.decode()
    assert 'hx-trigger="every 2s"' in page, "it is looked at again while the run goes on"
    part = as_alice.get(address("run_requests", run), headers={"HX-Request": "true"}).content.decode()
    assert "<main" not in part
    assert str(made["lost"].public_id) in part


@pytest.mark.parametrize("size", [3, 60])
def test_pages_cost_as_many_queries_however_many_requests(
    as_alice: Client, team: Team, size: int, django_assert_max_num_queries
) -> None:
    run = make_run(sync=make_sync(team=team))
    batch = make_batch(run=run, keys=[str(at) for at in range(size)], outcomes={})
    made = [
        make_exchange(run=run, batch=batch, method="GET", url="https://api.example.com/v2/bulk/j")
        for _ in range(size)
    ]
    for one in (
        address("run_requests", run),
        address("run_request", run, made[0].public_id),
        address("run_planned_row", run, 1, 0),
    ):
        with django_assert_max_num_queries(14):
            assert as_alice.get(one).status_code == 200
    page = text(as_alice.get(address("run_planned_row", run, 1, 0)))
    assert f"and {size - 1} more such request" in page


def test_what_was_removed_is_told_with_its_day(as_alice: Client, team: Team, settings) -> None:
    run = make_run(sync=make_sync(team=team))
    batch = make_batch(run=run, keys=["7"], outcomes={})
    make_exchange(run=run, batch=batch)
    settings.KEEP_DAYS, settings.EXCHANGES_KEEP_DAYS = 14, 3
    Run.objects.update(created_at="2026-01-02T03:04:05Z", finished_at="2026-01-02T03:04:05Z")
    Exchange.objects.update(started_at="2026-01-02T03:04:05Z")

    pruning.prune()

    for one in (address("run_requests", run),):
        page = text(as_alice.get(one))
        assert "Nothing is kept of the requests any more: what was older than" in page
        assert "They are kept for 3 days" in page


def test_bob_finds_a_person_on_no_page_of_a_run(client: Client, alice: User, bob: User, ann: Run) -> None:  # noqa: F811
    """He walks along every link below the run; each of ANN stands for her."""
    client.force_login(bob)
    start = [address("run", ann), address("run_requests", ann)]
    start += [
        address("run_rows", ann, show=show) for show in ("attention", "arrived", "waiting", "left_behind")
    ]
    start.append(reverse("sync_attention", args=["acme", ann.sync.public_id]))
    counts = {"planned_count": 2, "read_count": 6, "accepted_count": 1, "waiting_count": 1}
    Run.objects.filter(pk=ann.pk).update(status="stopped", **counts)
    RejectedRow.objects.update(is_open=True)
    pages, seen = list(start), dict[str, str]()
    while pages:
        one = pages.pop()
        if one in seen:
            continue
        answer = client.get(one)
        assert answer.status_code == 200, one
        seen[one] = answer.content.decode()
        below = reverse("runs", args=["acme"]) + str(ann.public_id)
        pages += [link for link in links(seen[one], below) if link not in seen]
    assert sum("/requests/" in one for one in seen) >= 3
    assert sum("/rows/" in one for one in seen) >= 8
    for one, page in seen.items():
        told = unescape(page)
        assert not [value for value in (*ANN, *(value.lower() for value in ANN)) if value in told], one
        assert "curl" not in told, one
    exchange = Exchange.objects.first()
    for one in (address("run_request_json", ann, exchange.public_id), address("run_rows_csv", ann)):
        refused = client.get(one)
        assert refused.status_code == 403
        assert "editor" in refused.content.decode()

    found = client.post(address("run_find", ann), {"what": "ANN-7781"}).text
    assert links(found, "/rows/")
    assert "larsson" not in found.lower()
    client.force_login(alice)
    row = next(one for one in seen if re.search(r"/rows/[\w-]{36}/", one))
    assert "ANN-7781" in client.get(row).text, "who may edit sees her"


def test_charlie_finds_nothing_and_a_request_of_another_run_is_not_of_this_one(
    client: Client, alice: User, charlie: User, team: Team
) -> None:
    run = make_run(sync=make_sync(team=team))
    other = make_run(sync=make_sync(team=team, name="other"))
    exchange = make_exchange(run=run)
    names = ("run_request", "run_request_json")
    client.force_login(charlie)
    assert client.get(address("run_requests", run)).status_code == 404
    assert client.post(address("run_find", run), {"what": "7"}).status_code == 404
    assert {client.get(address(name, run, exchange.public_id)).status_code for name in names} == {404}
    client.force_login(alice)
    assert {client.get(address(name, other, exchange.public_id)).status_code for name in names} == {404}


def test_a_row_is_found_in_an_answer_that_spells_its_key_in_its_own_way(sync: Sync) -> None:
    run = make_run(sync=sync)
    batch = make_batch(run=run, keys=["1"], outcomes={})
    body = json.dumps({"errors": [{"email": "andré@acme.com"}, {"email": "ada@acme.com"}]})
    assert "andré" not in body
    make_exchange(run=run, batch=batch, reply_body=zlib.compress(body.encode()))
    (one,) = carried(batch, run, position=None, match_key="andré@acme.com", adapter=None)
    assert one.answer is not None
    assert one.answer.others == 1
