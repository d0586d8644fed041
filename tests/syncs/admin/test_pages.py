"""What the pages show and where they lead."""

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from destinations.models import Connection, Exchange
from syncadmin.lib.history import list_of, page_of
from syncs.engine.batches import without
from syncs.engine.journal import Journal, Out
from syncs.models import Batch, FieldMapping, RejectedRow, Run, Source, Sync
from tests.syncs.admin.history import (
    ACCEPTED,
    API_KEY,
    HARM,
    PASSWORD,
    REFUSED,
    UNPROVED,
    make_batch,
    make_exchange,
    make_row,
    make_run,
    make_sync,
)
from tests.syncs.engine.scene import Scene

OURS = ("/admin/syncs/", "/admin/destinations/")


def text_of(page: str) -> str:
    """What a person reads: without tags, blanks as one."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def asked(client: Client, address: str) -> str:
    """A page after its button "Show personal data"."""
    answer = client.post(address, {"_personal": "1"})
    assert answer.status_code == 200, address
    return answer.text


def walk(client: Client, *starts: str) -> dict[str, str]:
    """Every page of the history that links lead to, by address; lists with one filter at a time."""
    pages: dict[str, str] = {}
    open_ = list(starts)
    while open_:
        address = open_.pop()
        if address in pages:
            continue
        answer = client.get(address)
        assert answer.status_code == 200, address
        pages[address] = answer.text
        for link in re.findall(r'href="([^"#]+)', answer.text):
            link = unescape(link)
            if link.startswith("?") and "?" not in address:
                open_.append(address + link)
            elif link.startswith(OURS):
                open_.append(link.partition("?")[0] if "/change/" in link else link)
    return pages


def listed(page: str) -> int:
    """How many rows a list shows."""
    return (
        page.partition('id="result_list"')[2].partition("<tbody>")[2].partition("</tbody>")[0].count("<tr>")
    )


def test_every_page_of_a_real_history_is_reached_by_links(scene: Scene, staff_client: Client):
    run = scene.finish()
    starts = [list_of(model) for model in (Run, Batch, RejectedRow, Exchange, Sync)]

    pages = walk(staff_client, *starts)

    things = [
        run,
        scene.sync,
        scene.sync.model,
        scene.sync.model.source,
        scene.connection,
        scene.connection.account,
        *Batch.objects.all(),
        *RejectedRow.objects.all(),
        *Exchange.objects.all(),
    ]
    assert {page_of(thing) for thing in things} <= set(pages)
    for address, page in pages.items():
        assert HARM not in page, address


def test_a_runs_counts_lead_to_exactly_the_rows_they_count(scene: Scene, staff_client: Client):
    run = scene.finish()
    assert (run.accepted_count, run.rejected_count, run.invalid_count) == (1, 1, 3)

    page = staff_client.get(page_of(run)).text

    linked = re.findall(r'<td><a href="([^"]+)">(\d+)</a></td>', page)
    assert sorted(int(count) for _, count in linked) == [1, 3]
    for address, count in linked:
        assert listed(staff_client.get(unescape(address)).text) == int(count)
    attention = list_of(RejectedRow, run=run.public_id, stage="attention")
    assert attention.replace("&", "&amp;") in staff_client.get(list_of(Run)).text
    assert listed(staff_client.get(attention).text) == 4


def test_a_run_tells_its_problems_with_an_example_each(sync: Sync, staff_client: Client):
    run = make_run(sync=sync, notes=["Read 3 rows."], read_count=3, invalid_count=3)
    for key in "123":
        make_row(run=run, key=key)
    make_row(run=run, key="9", stage="held_back", problem="same_as", who="nobody", reason="Equal to row 1.")

    page = asked(staff_client, page_of(run))

    told = text_of(page)
    assert "3 Stopped for its data: Not an e-mail address in email Whoever owns the source's data 3 :" in told
    assert "1 Held back: The same record twice" in told
    assert "Read 3 rows." in told
    problem = list_of(RejectedRow, run=run.public_id, stage="invalid", problem="not_an_email")
    assert listed(staff_client.get(problem).text) == 3
    assert problem.replace("&", "&amp;") in page


@pytest.mark.parametrize(
    ("status", "told"),
    [("stopped", "Stopped"), ("attention", "Needs attention"), ("delivering", "Delivering")],
)
def test_a_run_says_where_it_is_and_why(sync: Sync, staff_client: Client, status: str, told: str):
    run = make_run(
        sync=sync,
        status=status,
        stop_reason=f"The key is wrong {HARM}.",
        waits_for="Waiting for the limit.",
        keys=["A1", "B2"],
        lease_holder="host:12",
        lease_expires_at=timezone.now(),
    )
    page = asked(staff_client, page_of(run))
    assert told in text_of(page)
    assert f"The key is wrong {HARM}." in unescape(page)
    assert HARM not in page
    assert "What changed is sent; only 2 rows: A1, B2" in text_of(page)
    assert ("host:12" in page) is (status == "delivering")


def test_times_name_their_zone(sync: Sync, staff_client: Client):
    run = make_run(sync=sync)
    assert f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC" in text_of(staff_client.get(page_of(run)).text)


def test_a_settled_batch_tells_what_became_of_each_operation(sync: Sync, staff_client: Client):
    run = make_run(sync=sync)
    batch = make_batch(run=run, keys="1234", outcomes={0: ACCEPTED, 1: REFUSED, 2: UNPROVED})
    row = make_row(run=run, key="2", stage="rejected", problem="refused", batch_number=batch.number)
    exchange = make_exchange(run=run, batch=batch)

    page = asked(staff_client, page_of(batch))

    told = text_of(page)
    assert "1 person1@acme.com Arrived as lead-1" in told
    assert f"2 person2@acme.com Refused title: Not a title: {HARM}" in told
    assert "3 person3@acme.com In doubt" in told
    assert "4 person4@acme.com Not sent" in told
    assert HARM not in page
    for thing in (row, exchange, run):
        assert page_of(thing) in page
    assert page_of(batch) in staff_client.get(page_of(row)).text
    assert page_of(exchange) in staff_client.get(page_of(row)).text
    for link in (page_of(run), reverse("admin:syncs_batch_change", args=[exchange.call])):
        assert link in staff_client.get(page_of(exchange)).text
    assert staff_client.get(reverse("admin:syncs_batch_change", args=[exchange.call])).status_code == 200


def test_an_open_batch_tells_which_calls_are_still_to_be_made(sync: Sync, staff_client: Client):
    batch = make_batch(run=make_run(sync=sync, status="delivering"), keys="1234")
    journal = Journal(
        4, [Out(at=[2], state={"job": "j-77"}, since=timezone.now().isoformat(), looks=3), Out(at=[3])]
    )
    journal.proved = {0: ACCEPTED, 1: REFUSED}
    journal.splits = 2
    Batch.objects.filter(pk=batch.pk).update(status="sending", journal=journal.write())

    told = text_of(asked(staff_client, page_of(batch)))

    assert "j-77" in told
    assert "looked at 3 times" in told
    assert "2 times, as the destination refused a call whole" in told
    assert "3 person3@acme.com Under way" in told
    assert "4 person4@acme.com Not sent" in told


def test_a_large_batch_is_shown_in_parts(sync: Sync, staff_client: Client):
    batch = make_batch(run=make_run(sync=sync), keys=[str(key) for key in range(120)], outcomes={})
    first = text_of(asked(staff_client, page_of(batch)))
    last = text_of(asked(staff_client, page_of(batch) + "?at=100"))
    assert "1 to 50 of 120." in first
    assert "101 to 120 of 120." in last
    assert "person119@acme.com" in last
    assert "person119@acme.com" not in first


@pytest.mark.parametrize("start", ["9999", "-1", "x"])
def test_a_part_that_is_not_there_is_the_first(sync: Sync, staff_client: Client, start: str):
    batch = make_batch(run=make_run(sync=sync), keys="12", outcomes={})
    assert "1 to 2 of 2." in text_of(staff_client.get(page_of(batch) + f"?at={start}").text)


def test_a_batch_whose_payload_was_pruned_still_has_its_page(sync: Sync, staff_client: Client):
    batch = make_batch(run=make_run(sync=sync), keys="12", outcomes={})
    Batch.objects.filter(pk=batch.pk).update(payload=b"", outcomes=b"", journal=b"")
    assert "What was sent is not kept any more." in staff_client.get(page_of(batch)).text


@pytest.mark.parametrize(
    "broken", [{"payload": b"no"}, {"outcomes": b"no"}, {"journal": b"no", "status": "sending"}]
)
def test_a_batch_that_cannot_be_read_says_so(sync: Sync, staff_client: Client, broken: dict):
    batch = make_batch(run=make_run(sync=sync), keys="12")
    Batch.objects.filter(pk=batch.pk).update(**broken)
    assert "cannot be read by this version" in staff_client.get(page_of(batch)).text


def test_a_forgotten_person_leaves_an_empty_operation(sync: Sync, staff_client: Client):
    batch = make_batch(run=make_run(sync=sync), keys="12", outcomes={0: ACCEPTED})
    Batch.objects.filter(pk=batch.pk).update(payload=without(bytes(batch.payload), [1]))
    told = text_of(asked(staff_client, page_of(batch)))
    assert "(removed on request)" in told
    assert "person2@acme.com" not in told


def test_a_rejected_row_shows_what_would_have_been_sent(sync: Sync, staff_client: Client):
    row = make_row(run=make_run(sync=sync), payload={"first_name": "O'Brien", "note": HARM}, field="email")
    page = asked(staff_client, page_of(row))
    assert '"first_name": "O\'Brien"' in unescape(page)
    assert HARM not in page
    assert "It was never in one" in page


def test_a_sync_shows_its_mapping_in_words(sync: Sync, staff_client: Client):
    columns = [
        {"field": "email", "column": "e_mail", "steps": ["trim", {"map": {"a": "b"}}]},
        {"field": "title", "value": "VP", "empty": "default", "default": "CEO"},
    ]
    for position, one in enumerate(columns):
        FieldMapping.objects.create(team=sync.team, sync=sync, position=position, **one)
    make_run(sync=sync)

    told = text_of(staff_client.get(page_of(sync)).text)

    assert 'email column e_mail trim, {"map": {"a": "b"}} Leave as is' in told
    assert 'title always "VP" – Use a default: "CEO"' in told
    assert "Run 1 Needs attention" in told


def test_secrets_appear_on_no_page(sync: Sync, staff_client: Client):
    run = make_run(sync=sync)
    make_exchange(run=run, batch=make_batch(run=run, keys="1"))
    sealed = [
        Connection.objects.get().sealed_credentials,
        Source.objects.get().sealed_credentials,
    ]
    pages = walk(staff_client, reverse("admin:index"), list_of(Connection), list_of(Source), list_of(Sync))
    assert page_of(sync.connection) in pages
    assert page_of(sync.model.source) in pages
    for address, page in pages.items():
        for secret in (API_KEY, PASSWORD, *sealed):
            assert secret not in page, address


def test_searches_find_whole_keys_people_and_runs(sync: Sync, team, staff_client: Client):
    run, other = make_run(sync=sync), make_run(sync=make_sync(team=team, name="companies"))
    make_row(run=run, key="7")
    make_row(run=run, key="77")
    make_row(run=other, key="7", match_key="acme.com")
    for term, count in [
        ("7", 2),
        ("Person77@Acme.com", 1),
        ("person", 0),
        (str(run.public_id), 2),
        (str(sync.public_id), 0),
    ]:
        assert listed(staff_client.get(list_of(RejectedRow, q=term)).text) == count, term
    for term, count in [("lea", 1), ("leads #1", 1), ("leads #2", 0), (str(other.public_id), 1), ("#1", 2)]:
        assert listed(staff_client.get(list_of(Run, q=term)).text) == count, term
    make_batch(run=run, keys="1")
    assert listed(staff_client.get(list_of(Batch, q=run.public_id)).text) == 1
    assert listed(staff_client.get(list_of(Batch, q="leads")).text) == 0


def test_lists_are_narrowed_by_team_sync_run_and_what_happened(
    sync: Sync, team, other_team, staff_client: Client
):
    theirs = make_sync(team=other_team, name="theirs")
    mine, other = make_run(sync=sync), make_run(sync=theirs, status="succeeded", trigger="retry")
    make_row(run=mine, key="1")
    make_row(run=mine, key="2", stage="held_back", problem="same_as", who="nobody")
    make_row(run=other, key="3", stage="rejected", problem="refused", who="editor")

    def count(model, **narrowed) -> int:
        return listed(staff_client.get(list_of(model, **narrowed)).text)

    assert count(Run, team=team.public_id) == 1
    assert count(Run, sync=theirs.public_id) == 1
    assert count(Run, status__exact="succeeded") == 1
    assert count(Run, trigger__exact="retry", team=team.public_id) == 0
    assert count(RejectedRow, team=team.public_id) == 2
    assert count(RejectedRow, sync=theirs.public_id, stage="attention") == 1
    assert count(RejectedRow, run=mine.public_id, stage="held_back") == 1
    assert count(RejectedRow, problem="refused") == 1
    assert count(RejectedRow, who__exact="nobody") == 1
    assert count(RejectedRow, team=other_team.public_id, sync=sync.public_id) == 0
    assert count(RejectedRow, run="00000000-0000-0000-0000-000000000000") == 0


@pytest.mark.parametrize("narrowed", [{"team": "x"}, {"run": "7"}, {"nonsense": "1"}])
def test_an_address_that_makes_no_sense_leads_to_the_whole_list(
    sync: Sync, staff_client: Client, narrowed: dict
):
    answer = staff_client.get(list_of(RejectedRow, **narrowed))
    assert answer.status_code in {302, 400}
