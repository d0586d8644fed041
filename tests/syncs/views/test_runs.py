"""The pages of runs, over real runs. Alice owns, Bob may only look, Charlie is a stranger."""

import csv
import io
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from syncadmin.teams.models import Membership, Team, User
from syncs.engine.keys import row_key
from syncs.engine.run import finish_here
from syncs.models import LedgerEntry, RejectedRow, Run, Sync, WaitingRetry, WorkerBeat
from syncs.tasks import prune
from tests.syncs.engine.conftest import folders, impatience, sandbox, scene  # noqa: F401
from tests.syncs.engine.scene import LEADS, Scene, counts, make_sync, person, set_mapping

EVERY_KIND = ["arrived", "unchanged", "attention", "held_back", "waiting", "deferred", "left_behind"]


@pytest.fixture
def acme(transactional_db: None, folders: None, team: Team) -> Team:  # noqa: F811
    return team


@pytest.fixture
def world(scene: Scene) -> Scene:  # noqa: F811
    """Rows that come to every end: 1 arrives, 2 is invalid, 3 and 4 are equal (4 is kept), 5 is refused."""
    scene.change_field("Score__c", "picklist", options=["1", "2"])
    set_mapping(scene.sync, LEADS | {"Score__c": "note"})
    scene.rows = [
        person(1, note="1"),
        person(2, email="bad@"),
        person(3),
        person(4, email="person3@acme.com", first_name="Person 3"),
        person(5, note="high"),
    ]
    return scene


@pytest.fixture
def run(world: Scene, alice: User) -> Run:
    return world.finish(started_by=alice)


@pytest.fixture
def as_alice(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def url(name: str, *args: object, **query: object) -> str:
    return reverse(name, args=["acme", *args], query=query or None)


def text(response) -> str:
    """What people read on a page, in one line."""
    words: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            words.append(data)

    body = response.content.decode()
    Reader().feed(body[body.index("<main") :] if "<main" in body else body)
    return " ".join(" ".join(words).split())


def listed(client: Client, run: Run, show: str, **query: object) -> list[str]:
    """The keys of a list, over all of its pages."""
    keys, older = [], ""
    while True:
        response = client.get(url("run_rows", run.public_id), {"show": show, "older": older} | query)
        assert response.status_code == 200
        keys += [row.key_text for row in response.context["rows"]]
        older = response.context["older"]
        if not older:
            return keys


def make_run(team: Team, sync, number: int, **values: object) -> Run:
    now = timezone.now()
    return Run.objects.create(
        team=team, sync=sync, number=number, generation=1, due_at=now, **({"status": "succeeded"} | values)
    )


def make_rows(run: Run, size: int, problem: str = "not_an_email", **values: object) -> None:
    RejectedRow.objects.bulk_create(
        RejectedRow(
            **{
                "team": run.team,
                "sync": run.sync,
                "run": run,
                "key": row_key(str(at)),
                "key_text": str(at),
                "match_key": f"p{at}@acme.com",
                "stage": "invalid",
                "problem": problem,
                "field": "email",
                "reason": "Email: it is wrong.",
                "who": "data",
                "payload": {"email": "x"},
            }
            | values
        )
        for at in range(size)
    )


# A run


def test_the_page_says_what_happened_in_numbers_that_link_to_their_rows(as_alice: Client, run: Run) -> None:
    page = as_alice.get(url("run", run.public_id))

    assert page.status_code == 200
    words = text(page)
    assert "Needs attention 2 rows need attention; 2 rows arrived." in words
    assert "Arrived 2 No change 0 Needs attention 2 1 stopped for their data 1 refused there" in words
    assert "Held back 1 Waiting 0" in words
    assert "Leads appear in Qualified once they have activity." in words
    assert "by hand, by alice@example.com" in words
    assert "Cancel" not in words
    assert listed(as_alice, run, "arrived") == ["1", "4"]
    assert sorted(listed(as_alice, run, "attention")) == ["2", "5"]
    assert listed(as_alice, run, "held_back") == ["3"]
    assert listed(as_alice, run, "waiting") == []


def test_rows_that_need_attention_are_grouped_with_who_must_act(as_alice: Client, run: Run) -> None:
    words = text(as_alice.get(url("run", run.public_id)))

    assert "1 row: Not an e-mail address in email" in words
    assert "Who must act: Whoever owns the source's data" in words
    assert "in Score__c" in words
    assert "For your information 1 row: The same record twice" in words


def test_the_second_run_lists_what_did_not_change_and_what_waits(
    as_alice: Client, world: Scene, run: Run
) -> None:
    second = world.finish()
    assert counts(second) == {"read": 5, "unchanged": 2, "deferred": 1, "held_back": 1, "invalid": 1}

    assert sorted(listed(as_alice, second, "unchanged")) == ["1", "4"]
    assert listed(as_alice, second, "deferred") == ["5"]
    assert "1 refused before, tried again later" in text(as_alice.get(url("run", second.public_id)))
    assert "as of now" in text(as_alice.get(url("run_rows", second.public_id, show="unchanged")))


def test_a_try_lists_what_would_be_sent(as_alice: Client, world: Scene) -> None:
    run = world.finish(dry_run=True)

    words = text(as_alice.get(url("run", run.public_id)))

    assert "A try: 3 rows would be sent, and nothing was." in words
    assert "Send all again" not in words
    assert listed(as_alice, run, "waiting") == ["1", "4", "5"]


def test_a_refused_company_takes_its_row_out_of_the_arrived(as_alice: Client, scene: Scene) -> None:  # noqa: F811
    set_mapping(scene.sync, LEADS | {"company.city": "note"})
    scene.sandbox.faults.set(item_fail_next=1)
    scene.rows = [person(1, note="Pune"), person(2, email="a@b.com", note=None)]

    run = scene.finish()

    assert counts(run) == {"read": 2, "planned": 2, "accepted": 1, "rejected": 1}
    assert listed(as_alice, run, "arrived") == ["2"]
    assert listed(as_alice, run, "attention") == ["1"]
    row = RejectedRow.objects.get(run=run)
    words = text(as_alice.get(url("run_row", run.public_id, row.public_id)))
    assert "Company acme.com:" in words
    assert "city Pune" in words
    assert "Answer" in words


def test_a_stopped_run_says_why_and_where_to_go(as_alice: Client, scene: Scene) -> None:  # noqa: F811
    scene.rows = [person(1)]
    scene.sync.model.sql = "select * from 'nowhere.csv'"
    scene.sync.model.save()
    run = scene.finish()

    words = text(as_alice.get(url("run", run.public_id)))

    assert "It could not go on; somebody must act." in words
    assert run.stop_reason in words
    assert "Open the source" in words


def test_names_and_values_with_markup_stay_text(as_alice: Client, run: Run) -> None:
    run.sync.name = "<b>sync</b>" + "x" * 80
    run.sync.save()
    run.waits_for = run.stop_reason = "<i>why</i>"
    run.notes = ["<script>alert(1)</script>"]
    run.save()
    RejectedRow.objects.filter(run=run).update(
        key_text="<img src=x>",
        reason="<u>no</u>" * 60,
        field="<f>&\"'",
        problem="<p>&?",
        match_key="مرحبا",
        payload={"<k>": "<v>"},
    )

    row = RejectedRow.objects.filter(run=run, stage="rejected").get()
    for address in (
        url("runs"),
        url("run", run.public_id),
        url("run_rows", run.public_id, show="attention"),
        url("run_row", run.public_id, row.public_id),
        url("run_rows", run.public_id, show="attention", stage="rejected", problem="<p>&?", field="<f>&\"'"),
    ):
        body = as_alice.get(address).content.decode()
        for markup in ("<b>", "<i>", "<img src=x", "<u>", "<f>", "<v>", "<k>", "<script>alert"):
            assert markup not in body, (address, markup)
    assert as_alice.get(address).context["listed"] == 1


# While it goes on


def test_a_run_that_goes_on_refreshes_itself_without_anything_inline(as_alice: Client, world: Scene) -> None:
    run = world.start()

    page = as_alice.get(url("run", run.public_id))

    body = page.content.decode()
    assert 'hx-trigger="every 2s"' in body
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert " style=" not in body
    assert "onclick" not in body
    assert "Refresh" in text(page)
    part = as_alice.get(url("run", run.public_id), headers={"HX-Request": "true"})
    assert b"<html" not in part.content
    assert "It waits for its turn." in text(part)
    finish_here(run)
    over = as_alice.get(url("run", run.public_id), headers={"HX-Request": "true"})
    assert over.headers["HX-Refresh"] == "true"
    assert b"hx-get" not in as_alice.get(url("run", run.public_id)).content


def test_progress_is_the_share_that_is_settled(as_alice: Client, world: Scene) -> None:
    run = make_run(world.team, world.sync, 1, status="delivering", lease_expires_at=timezone.now())
    Run.objects.filter(pk=run.pk).update(
        read_count=1000, planned_count=1000, accepted_count=250, waiting_count=750, waits_for="For a reason."
    )

    page = as_alice.get(url("run", run.public_id))

    assert b'max="1000" value="250"' in page.content
    assert "250 of 1,000 rows done" in text(page)
    assert "For a reason." in text(page)


def test_rows_of_a_paused_sync_are_not_sent_again(as_alice: Client, run: Run) -> None:
    Sync.objects.filter(pk=run.sync_id).update(paused=True)
    page = as_alice.post(url("run_retry", run.public_id), {"what": "all"}, follow=True)
    assert "leads is paused. Resume it, then run it." in text(page)
    assert Run.objects.count() == 1


def test_without_a_worker_the_page_says_so_and_what_to_do(as_alice: Client, world: Scene, settings) -> None:
    run = world.start()
    Run.objects.filter(pk=run.pk).update(
        created_at=timezone.now() - timedelta(minutes=5), due_at=timezone.now() - timedelta(minutes=5)
    )
    address = url("run", run.public_id)

    assert "No worker is running, so nothing is sent." in text(as_alice.get(address))

    WorkerBeat.objects.beat("machine 1")
    assert "Workers are running, but none has taken this run for 5 minutes." in text(as_alice.get(address))

    other = make_sync(team=world.team, connection=world.connection, name="other")
    soon = timezone.now() + timedelta(seconds=40)
    make_run(world.team, other, 1, status="delivering", lease_expires_at=soon)
    assert "they are busy with other runs" in text(as_alice.get(address))


def test_a_young_run_is_no_trouble_as_long_as_a_worker_is_there(as_alice: Client, world: Scene) -> None:
    address = url("run", world.start().public_id)

    words = text(as_alice.get(address))
    assert "No worker is running, so nothing is sent." in words
    assert "python manage.py up" in words

    WorkerBeat.objects.beat("machine 1")
    assert "worker" not in text(as_alice.get(address))


def test_a_run_whose_worker_died_in_the_middle_says_so_long_before_its_lease_ends(
    as_alice: Client, world: Scene
) -> None:
    run = world.start()
    address = url("run", run.public_id)

    def lease_ends_in(seconds: int) -> None:
        Run.objects.filter(pk=run.pk).update(lease_expires_at=timezone.now() + timedelta(seconds=seconds))

    lease_ends_in(44)  # renewed just now: by a command in a terminal, say
    assert "worker" not in text(as_alice.get(address))
    lease_ends_in(20)
    assert "No worker is running" in text(as_alice.get(address))


def test_cancelling_asks_first(as_alice: Client, world: Scene) -> None:
    run = world.start()
    address = url("run_cancel", run.public_id)

    assert "Cancel this run?" in text(as_alice.get(address))
    run.refresh_from_db()
    assert run.cancel_requested_at is None
    assert "being cancelled" in text(as_alice.post(address, follow=True))
    finish_here(run)
    assert run.status == Run.Status.CANCELLED
    assert "over already" in text(as_alice.post(address, follow=True))


# The list


def test_the_list_is_filtered_by_sync_status_and_day(as_alice: Client, world: Scene) -> None:
    other = make_sync(team=world.team, connection=world.connection, name="other")
    day = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
    for at, (sync, status) in enumerate(
        [(world.sync, "succeeded"), (world.sync, "stopped"), (other, "queued")], start=1
    ):
        made = make_run(world.team, sync, at, status=status)
        Run.objects.filter(pk=made.pk).update(created_at=day + timedelta(days=at))

    def found(**query: object) -> list[str]:
        return [str(run) for run in as_alice.get(url("runs"), query).context["runs"]]

    assert found() == ["other #3", "leads #2", "leads #1"]
    assert found(sync=world.sync.public_id) == ["leads #2", "leads #1"]
    assert found(status="going_on") == ["other #3"]
    assert found(status="stopped", sync=world.sync.public_id) == ["leads #2"]
    assert found(since="2026-03-06", until="2026-03-06") == ["leads #2"]
    assert found(since="yesterday", sync="nonsense") == ["other #3", "leads #2", "leads #1"]
    assert "There is no such sync" in text(as_alice.get(url("runs"), {"sync": str(other.pk)}))
    assert "No run fits this filter." in text(as_alice.get(url("runs"), {"status": "cancelled"}))


def test_days_of_the_filter_are_the_readers_own(as_alice: Client, world: Scene, alice: User) -> None:
    made = make_run(world.team, world.sync, 1)
    Run.objects.filter(pk=made.pk).update(created_at=datetime(2026, 3, 4, 23, 30, tzinfo=UTC))
    User.objects.filter(pk=alice.pk).update(time_zone="Europe/Berlin")

    page = as_alice.get(url("runs"), {"since": "2026-03-05"})

    assert [run.number for run in page.context["runs"]] == [1]
    assert "0:30" in text(page)


def test_pages_of_the_list_are_steady_while_runs_come_in(as_alice: Client, world: Scene) -> None:
    for number in range(1, 121):
        make_run(world.team, world.sync, number)

    first = as_alice.get(url("runs"), {"status": "succeeded"}).context["page"]
    make_run(world.team, world.sync, 121)
    second = as_alice.get(url("runs"), {"older": first.older, "status": "succeeded"})
    third = as_alice.get(url("runs"), {"older": second.context["page"].older}).context["page"]

    assert [run.number for run in first.objects] == list(range(120, 70, -1))
    assert [run.number for run in second.context["runs"]] == list(range(70, 20, -1))
    assert "status=succeeded" in second.content.decode()
    assert [run.number for run in third.objects] == list(range(20, 0, -1))
    assert third.older == ""
    back = as_alice.get(url("runs"), {"newer": third.newer}).context["page"]
    assert [run.number for run in back.objects] == list(range(70, 20, -1))
    top = as_alice.get(url("runs"), {"newer": first.newer or str(back.newer)}).context["page"]
    assert top.objects[-1].number == 71


def test_an_empty_team_is_told_what_runs_are(as_alice: Client, team: Team) -> None:
    words = text(as_alice.get(url("runs")))

    assert "No sync has run yet." in words
    assert "Open syncs" in words


# Rows


def test_rows_are_listed_group_after_group_on_pages_both_ways(as_alice: Client, world: Scene) -> None:
    run = make_run(world.team, world.sync, 1, status="attention", read_count=140, invalid_count=140)
    make_rows(run, 70)
    for at in range(30):
        make_rows(run, 1, f"problem_{at:02}")
    make_rows(run, 40, "refused", stage="rejected")
    make_rows(run, 9, "same_as", stage="held_back")

    pages, older = [], ""
    while True:
        page = as_alice.get(url("run_rows", run.public_id), {"show": "attention", "older": older})
        pages.append([row.pk for row in page.context["rows"]])
        older = page.context["older"]
        if not older:
            break

    assert [len(one) for one in pages] == [50, 50, 40]
    assert len({pk for one in pages for pk in one}) == 140
    back = [pages[-1]]
    newer = page.context["newer"]
    while newer:
        page = as_alice.get(url("run_rows", run.public_id), {"show": "attention", "newer": newer})
        back.insert(0, [row.pk for row in page.context["rows"]])
        newer = page.context["newer"]
    assert back == pages
    narrowed = listed(as_alice, run, "attention", stage="rejected", problem="refused", field="email")
    assert len(narrowed) == 40
    assert len(listed(as_alice, run, "held_back")) == 9


def test_rows_of_an_old_run_are_not_looked_for_among_those_of_other_runs(
    as_alice: Client, world: Scene
) -> None:
    make_rows(make_run(world.team, world.sync, 1), 3)
    run = make_run(world.team, world.sync, 2, status="attention", read_count=120, invalid_count=120)
    make_rows(run, 60)
    make_rows(run, 60, "empty")
    make_rows(make_run(world.team, world.sync, 3), 3)

    for problem in ("not_an_email", "empty"):
        group = {"stage": "invalid", "problem": problem, "field": "email"}
        with CaptureQueriesContext(connection) as asked:
            keys = listed(as_alice, run, "attention", **group)
        assert keys == [str(at) for at in reversed(range(60))]
        pks = RejectedRow.objects.filter(run=run, problem=problem).values_list("pk", flat=True)
        pages = [one["sql"] for one in asked if "LIMIT 51" in one["sql"]]
        assert len(pages) == 2
        assert all(f"BETWEEN {min(pks)} AND {max(pks)}" in one for one in pages), pages


def test_rows_without_a_change_are_not_looked_for_where_there_are_none(
    as_alice: Client, world: Scene
) -> None:
    run = make_run(world.team, world.sync, 1)
    for show in ("unchanged", "deferred"):
        with CaptureQueriesContext(connection) as asked:
            assert as_alice.get(url("run_rows", run.public_id, show=show)).status_code == 200
        assert not any("syncs_ledgerentry" in one["sql"] for one in asked)


def test_arrived_rows_are_listed_over_batches_both_ways(as_alice: Client, scene: Scene) -> None:  # noqa: F811
    scene.options(batch_size=7)
    scene.rows = [person(id) for id in range(1, 121)]
    run = scene.finish()

    assert listed(as_alice, run, "arrived") == [str(id) for id in range(1, 121)]
    last = as_alice.get(url("run_rows", run.public_id), {"show": "arrived", "newer": "99-0"})
    assert [row.key_text for row in last.context["rows"]] == [str(id) for id in range(71, 121)]
    words = text(as_alice.get(url("run_planned_row", run.public_id, *last.context["rows"][0].place)))
    assert "person71@acme.com" in words
    assert "person72@acme.com" not in words
    assert as_alice.get(url("run_planned_row", run.public_id, 999, 0)).status_code == 404


def test_what_was_sent_is_said_to_be_gone_when_it_is(as_alice: Client, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(finished_at=timezone.now() - timedelta(days=400))
    call_command("shell", "-c", "from syncs.tasks import prune; prune()", verbosity=0)

    assert "can no longer be listed" in text(as_alice.get(url("run_rows", run.public_id, show="arrived")))


def test_what_went_for_lack_of_space_is_said_where_it_was(as_alice: Client, run: Run, settings) -> None:
    settings.KEEP_RECORDS_MB = settings.KEEP_PAYLOADS_MB = 0
    RejectedRow.objects.filter(stage="invalid").update(is_open=False)
    prune()

    gone = "Records of this run that did not arrive were removed to keep within 0 MB"
    page = text(as_alice.get(url("run", run.public_id)))
    assert gone in page
    assert "1 row" in page, "one needs attention still"
    kept = text(as_alice.get(url("run_rows", run.public_id, show="attention")))
    assert gone in kept
    assert "in 1 lines" not in kept
    for narrowed in ({"show": "held_back"}, {"show": "attention", "stage": "invalid"}):
        assert gone in text(as_alice.get(url("run_rows", run.public_id, **narrowed)))
    sent = text(as_alice.get(url("run_rows", run.public_id, show="arrived")))
    assert "What was sent in this run was removed to keep within 0 MB" in sent
    assert "is kept for 14 days" not in sent


def test_a_row_shows_its_values_its_part_of_the_wire_and_what_comes_next(as_alice: Client, run: Run) -> None:
    row = RejectedRow.objects.get(run=run, stage="rejected")

    words = text(as_alice.get(url("run_row", run.public_id, row.public_id)))

    assert row.reason in words
    assert "Score__c high" in words
    assert "Run #3 tries it again, unless the row or the mapping changes" in words
    assert "person5@acme.com" in words
    assert "person1@acme.com" not in words
    assert "left out" in words
    assert "sandbox-key" not in words
    invalid = RejectedRow.objects.get(run=run, stage="invalid")
    words = text(as_alice.get(url("run_row", run.public_id, invalid.public_id)))
    assert "What the source has" in words
    assert "email bad@" in words
    assert "it is sent as soon as it is right" in words


def test_a_row_says_where_else_it_failed_and_that_it_arrived_since(
    as_alice: Client, world: Scene, run: Run
) -> None:
    row = RejectedRow.objects.get(run=run, stage="rejected")
    again = world.finish(trigger=Run.Trigger.RETRY, keys=["5"])
    address = url("run_row", run.public_id, row.public_id)
    assert f"Run #{again.number}" in text(as_alice.get(address))

    world.change(5, note="2")
    world.finish()

    assert "It arrived since, in run #3." in text(as_alice.get(address))


def test_the_next_try_is_told_in_the_readers_time(as_alice: Client, alice: User, run: Run) -> None:
    User.objects.filter(pk=alice.pk).update(time_zone="Asia/Kolkata")
    LedgerEntry.objects.filter(refused_fingerprint__isnull=False).update(
        next_try_run=None, next_try_at=datetime(2099, 1, 1, 20, 0, tzinfo=UTC)
    )
    row = RejectedRow.objects.get(run=run, stage="rejected")

    words = text(as_alice.get(url("run_row", run.public_id, row.public_id)))

    assert "The first run after 2 January 2099, 01:30 IST tries it again" in words


# The download


def download(client: Client, run: Run, **query: object) -> list[list[str]]:
    response = client.get(url("run_rows_csv", run.public_id), query)
    assert response.status_code == 200
    assert response.headers["Content-Disposition"].startswith('attachment; filename="leads-run-1.csv"')
    return list(csv.reader(io.StringIO(b"".join(response).decode("utf-8-sig"))))


def test_rows_are_downloaded_all_or_a_group(as_alice: Client, run: Run) -> None:
    head, *rows = download(as_alice, run)

    assert head[:3] == ["Primary key", "Record", "What happened"]
    assert {row[0] for row in rows} == {"2", "5"}
    refused = next(row for row in rows if row[0] == "5")
    assert refused[head.index("Score__c")] == "high"
    _, *some = download(as_alice, run, stage="invalid", problem="not_an_email", field="email")
    assert [row[0] for row in some] == ["2"]


def test_cells_that_a_spreadsheet_would_run_are_made_harmless(as_alice: Client, run: Run) -> None:
    values = {"a": "=HYPERLINK(1)", "b": "+1 555", "c": "-5", "d": "@x", "=e": "\tx", "f": ["=1"], "g": None}
    RejectedRow.objects.filter(run=run, key_text="5").update(payload=values)
    RejectedRow.objects.filter(run=run, key_text="2").delete()

    head, row = download(as_alice, run)

    cells = dict(zip(head, row, strict=True))
    assert [cells[name] for name in "abcd"] == ["'=HYPERLINK(1)", "'+1 555", "-5", "'@x"]
    assert (cells["'=e"], cells["f"], cells["g"]) == ("'\tx", '["=1"]', "")


def test_a_download_of_many_rows_has_each_once(as_alice: Client, world: Scene) -> None:
    run = make_run(world.team, world.sync, 1, status="attention")
    make_rows(run, 4_500)
    make_rows(run, 3, "refused", stage="rejected")

    _, *rows = download(as_alice, run)

    assert len(rows) == 4_503


# Sending again


def send_again(client: Client, run: Run, **data: object):
    return client.post(url("run_retry", run.public_id), data, follow=True)


def test_one_row_is_sent_again(as_alice: Client, world: Scene, run: Run, alice: User) -> None:
    row = RejectedRow.objects.get(run=run, stage="rejected")

    words = text(send_again(as_alice, run, what="chosen", row=[str(row.public_id)]))

    assert "Run #2 was started to send 1 row again." in words
    started = Run.objects.get(number=2)
    assert (started.trigger, started.keys, started.started_by) == ("retry", ["5"], alice)
    finish_here(started)
    assert counts(started) == {"read": 1, "planned": 1, "rejected": 1}


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        ({"what": "all"}, {"2", "5"}),
        ({"what": "group", "stage": "invalid", "problem": "not_an_email", "field": "email"}, {"2"}),
    ],
)
def test_a_group_or_all_rows_are_sent_again(
    as_alice: Client, run: Run, data: dict[str, str], keys: set[str]
) -> None:
    send_again(as_alice, run, **data)

    assert set(Run.objects.get(number=2).keys) == keys


def test_what_cannot_be_sent_again_is_said(as_alice: Client, world: Scene, run: Run) -> None:
    held = RejectedRow.objects.get(run=run, stage="held_back")

    assert "Tick the rows" in text(send_again(as_alice, run, what="chosen"))
    assert "None of these" in text(send_again(as_alice, run, what="chosen", row=[str(held.public_id)]))
    assert "not clear" in text(send_again(as_alice, run, what="everything"))
    RejectedRow.objects.filter(run=run).update(key_text="")
    assert "without a primary key" in text(send_again(as_alice, run, what="all"))
    assert Run.objects.count() == 1


def test_while_the_sync_runs_the_wish_is_kept_and_the_page_says_which_run_it_follows(
    as_alice: Client, world: Scene, run: Run
) -> None:
    going_on = world.start()

    words = text(send_again(as_alice, run, what="all"))

    assert "2 rows are sent again as soon as run #2 of this sync has ended." in words
    assert "still going on" in text(send_again(as_alice, going_on, what="all"))
    assert Run.objects.count() == 2
    assert sorted(WaitingRetry.objects.get().keys) == ["2", "5"]


def test_rows_of_a_sync_that_was_changed_are_not_sent_again(as_alice: Client, world: Scene, run: Run) -> None:
    world.sync.generation += 1
    world.sync.save(update_fields=["generation"])

    assert "The sync was changed since" in text(send_again(as_alice, run, what="all"))
    assert Run.objects.count() == 1


def test_of_too_many_rows_to_name_those_are_sent_again_that_are_still_open(
    as_alice: Client, world: Scene
) -> None:
    run = make_run(world.team, world.sync, 1, status="attention")
    world.sync.last_run_number = 1
    world.sync.save(update_fields=["last_run_number"])
    make_rows(run, Run.MOST_KEYS + 1, is_open=True)
    RejectedRow.objects.filter(key_text="7").update(is_open=False)

    words = text(send_again(as_alice, run, what="all"))

    assert "Run #2 was started to send 5,000 rows again." in words
    started = Run.objects.get(number=2)
    assert (started.keys, started.open_rows) == (None, [{"run": 1}])


# Who may what


def every_address(run: Run, row: RejectedRow) -> list[str]:
    return [
        url("runs"),
        url("run", run.public_id),
        *(url("run_rows", run.public_id, show=show) for show in EVERY_KIND),
        url("run_row", run.public_id, row.public_id),
        url("run_planned_row", run.public_id, 1, 0),
    ]


def test_bob_may_look_and_not_touch(client: Client, bob: User, world: Scene, run: Run) -> None:
    client.force_login(bob)
    row = RejectedRow.objects.get(run=run, stage="rejected")
    for address in every_address(run, row):
        response = client.get(address)
        assert response.status_code == 200, address
        if not response.streaming:
            assert "again</button>" not in response.content.decode().lower()
            assert "Send again" not in text(response)
    for name in ("run_cancel", "run_retry", "run_rows_csv"):
        for method in (client.get, client.post):
            refused = method(url(name, run.public_id), {"what": "all"})
            assert refused.status_code == 403
            assert "editor" in refused.content.decode()
    going_on = world.start()
    assert "Cancel" not in text(client.get(url("run", going_on.public_id)))
    assert Run.objects.count() == 2


def test_an_editor_may_send_again_and_cancel(client: Client, bob: User, world: Scene, run: Run) -> None:
    Membership.objects.filter(user=bob).update(role="editor")
    client.force_login(bob)

    assert "was started" in text(send_again(client, run, what="all"))
    started = Run.objects.get(number=2)
    assert "being cancelled" in text(client.post(url("run_cancel", started.public_id), follow=True))


def test_for_charlie_there_is_nothing(
    client: Client, charlie: User, alice: User, run: Run, other_team: Team
) -> None:
    client.force_login(charlie)
    row = RejectedRow.objects.get(run=run, stage="rejected")
    actions = [url("run_cancel", run.public_id), url("run_retry", run.public_id)]
    for address in [*every_address(run, row), *actions]:
        assert client.get(address).status_code == 404, address
        assert client.post(address, {"what": "all"}).status_code == 404, address
        if address != url("runs"):  # nor through the team that is charlie's own
            own = address.replace("/t/acme/", "/t/globex/")
            assert client.get(own).status_code == 404, own
            assert client.post(own, {"what": "all"}).status_code == 404, own
    assert Run.objects.count() == 1


def test_without_a_session_nothing_starts_and_the_moving_part_leads_to_the_login(
    client: Client, run: Run
) -> None:
    client.post(url("run_retry", run.public_id), {"what": "all"})
    client.post(url("run_cancel", run.public_id))
    assert Run.objects.count() == 1
    part = client.get(url("run", run.public_id), headers={"HX-Request": "true"})
    assert part.status_code == 302
    assert part.url.startswith("/login/?next=")


def test_after_the_login_a_lost_form_leads_to_its_page(as_alice: Client, run: Run) -> None:
    assert as_alice.get(url("run_retry", run.public_id)).url == url("run", run.public_id)


# Queries


@pytest.mark.parametrize("size", [2, 50])
def test_pages_cost_as_many_queries_however_many_objects(
    as_alice: Client, world: Scene, django_assert_max_num_queries, size: int
) -> None:
    for number in range(1, size + 1):
        sync = make_sync(team=world.team, connection=world.connection, name=f"sync {number}")
        make_run(world.team, sync, number)
    run = make_run(world.team, world.sync, 1, status="attention", invalid_count=size, read_count=size)
    for at in range(size):
        make_rows(run, 2, f"problem {at}")
    row = RejectedRow.objects.filter(run=run).latest("pk")

    for address, most in [
        (url("runs"), 6),
        (url("run", run.public_id), 7),
        (url("run_rows", run.public_id, show="attention"), 8),
        (url("run_row", run.public_id, row.public_id), 9),
        *((url("run_rows", run.public_id, show=show), 8) for show in EVERY_KIND),
    ]:
        with django_assert_max_num_queries(most):
            assert as_alice.get(address).status_code == 200
