"""Runs into Salesloft, from the file of rows to what is stored there: jobs, single calls, every mode."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from destinations import connect
from destinations.models import Connection, Exchange, RemoteAccount
from destinations.sandbox.running import API_KEY, running_service
from destinations.sandbox.salesloft import Salesloft
from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import Team
from syncs.engine import deliver
from syncs.engine.batches import Payload
from syncs.engine.keys import ledger_keys
from syncs.engine.run import cancel, finish_here, start
from syncs.models import PlannedRow, QueryModel, RejectedRow, Run, Source, Sync
from tests.syncs.engine.scene import QUICK, set_mapping, write_csv

PEOPLE = {"email_address": "email", "title": "title"}


@pytest.fixture
def salesloft() -> Iterator[Salesloft]:
    with running_service(Salesloft, switches={"job_seconds": 0.0, "window_cost": 100_000}) as running:
        yield running


@pytest.fixture
def connection(acme: Team, salesloft: Salesloft, impatience: None) -> Connection:
    made = Connection(
        team=acme,
        account=RemoteAccount.objects.create(
            team=acme, destination="salesloft", windows=[[100_000, 60]], reserve_percent=0
        ),
        name="salesloft",
        destination="salesloft",
        options={"base_url": salesloft.url} | QUICK,
    )
    made.credentials = {"api_key": Secret(API_KEY)}
    made.save()
    for object_key in ("people", "accounts"):
        connect.refresh_fields(made, object_key)
    Exchange.objects.all().delete()
    salesloft.requests.clear()
    return made


def make_sync(connection: Connection, mapping: dict[str, Any], **facts: Any) -> Sync:
    source = Source.objects.create(team=connection.team, name="files", kind="duckdb")
    model = QueryModel.objects.create(
        team=connection.team,
        source=source,
        name="rows",
        sql="select * from read_csv('rows.csv', header = true, all_varchar = true)",
        primary_key=["id"],
    )
    made = Sync.objects.create(
        team=connection.team,
        name="rows",
        model=model,
        connection=connection,
        **{"object_key": "people", "upsert_key": "email_address", **facts},
    )
    set_mapping(made, mapping)
    return made


def finish(sync: Sync, rows: list[dict[str, Any]]) -> Run:
    write_csv("rows.csv", rows)
    return finish_here(start(sync, confirmed=len(rows), ring=False))


def crowd(count: int, **columns: Any) -> list[dict[str, Any]]:
    return [{"id": at, "email": f"p{at}@x.test", "title": "VP", **columns} for at in range(count)]


def test_many_people_take_a_handful_of_requests(connection: Connection, salesloft: Salesloft) -> None:
    sync = make_sync(connection, PEOPLE)
    run = finish(sync, crowd(6_000))

    assert (run.status, run.accepted_count) == (Run.Status.SUCCEEDED, 6_000)
    assert salesloft.state.count("people", "1", ()) == 6_000
    assert len(salesloft.requests) < 20

    rows = crowd(6_000)
    rows[7]["title"] = "CEO"
    salesloft.requests.clear()
    assert finish(sync, rows).accepted_count == 1
    assert [seen.path for seen in salesloft.requests] == ["/v2/person_upserts"]


def test_where_bulk_jobs_are_refused_the_people_go_one_by_one(
    connection: Connection, salesloft: Salesloft
) -> None:
    salesloft.faults.set(bulk_jobs=False)
    run = finish(make_sync(connection, PEOPLE), crowd(250))

    assert (run.status, run.accepted_count) == (Run.Status.SUCCEEDED, 250)
    assert len(salesloft.people()) == 250
    assert sum(seen.path == "/v2/bulk_jobs" for seen in salesloft.requests) <= 2


def test_a_job_goes_on_where_each_look_at_it_takes_longer_than_a_grant_lasts(
    connection: Connection, salesloft: Salesloft
) -> None:
    """A look and an upload are one step: the upload waits for the budget, the look is not made again."""
    RemoteAccount.objects.update(windows=[[600, 60]], reserve_percent=20)
    connection.refresh_from_db()
    salesloft.faults.set(slow_rate=1.0, slow_seconds=0.6, only="GET /v2/bulk_jobs")
    run = finish(make_sync(connection, PEOPLE), crowd(250))

    assert (run.status, run.accepted_count) == (Run.Status.SUCCEEDED, 250)
    asked = [(seen.method, seen.path) for seen in salesloft.requests]
    until_uploaded = asked[: asked.index(("POST", "/v2/bulk_jobs/1/job_data"))]
    assert until_uploaded.count(("GET", "/v2/bulk_jobs/1")) == 1


def test_what_a_job_left_unproved_goes_one_by_one_once_bulk_jobs_are_refused(
    connection: Connection, salesloft: Salesloft
) -> None:
    """The first job stops half-way, after it refused three people; then the account loses its bulk jobs."""
    salesloft.faults.set(job_fail_next=1, row_fail_next=3)
    look = salesloft.jobs.rows

    def last_look(*args: Any, **more: Any) -> Any:
        found = look(*args, **more)
        salesloft.faults.set(bulk_jobs=False)
        return found

    salesloft.jobs.rows = last_look  # type: ignore[method-assign]  # the service's own, not ours
    run = finish(make_sync(connection, PEOPLE), crowd(250))

    assert (run.accepted_count, run.rejected_count, run.in_doubt_count) == (247, 3, 0), run.stop_reason
    assert len(salesloft.people()) == 247
    assert sum(seen.path == "/v2/bulk_jobs" for seen in salesloft.requests) == 2
    refused = RejectedRow.objects.filter(run=run)
    assert refused.count() == 3
    planned = PlannedRow.objects.filter(run=run)
    batches = {one.number: one for one in run.batches.all()}
    places = {(row.batch_number, row.position) for row in planned}
    assert len(places) == planned.count() == 250, "each row has a place of its own"
    assert all(at < batches[number].operation_count for number, at in places)
    for row in planned:
        batch = batches[row.batch_number]
        text = Payload(bytes(batch.payload)).row(row.position).key_text
        assert bytes(row.key) == ledger_keys([text], 0)[0]
    assert sum(one.row_count for one in batches.values()) == 250
    assert finish(Sync.objects.get(), crowd(250)).planned_count == 0, "refused people wait a run"


def test_a_job_that_a_cancelled_run_left_unstarted_never_begins(
    connection: Connection, salesloft: Salesloft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "CANCEL_WAITS", timedelta(seconds=0.1))
    sync = make_sync(connection, PEOPLE)
    salesloft.faults.set(error_503_rate=1.0, only="PUT /v2/bulk_jobs")
    write_csv("rows.csv", crowd(250, title="Old"))

    def on_change(run: Run) -> None:
        if any(seen.method == "PUT" for seen in salesloft.requests):
            cancel(run)

    run = finish_here(start(sync, ring=False), on_change=on_change)
    assert run.status == Run.Status.CANCELLED
    assert run.in_doubt_count == 250

    salesloft.faults.set(error_503_rate=0.0)
    salesloft.requests.clear()
    run = finish(sync, crowd(250, title="New"))

    assert run.accepted_count == 250
    assert salesloft.wait_for_jobs()
    assert [seen.method for seen in list(salesloft.requests)[:2]] == ["GET", "DELETE"]
    assert {(one.fields["title"], one.write_count) for one in salesloft.people()} == {("New", 1)}


FIRST: dict[str, dict[str, Any]] = {
    "people": {"email_address": "ann@x.test", "title": "Old"},
    "accounts": {"domain": "x.test", "name": "Old"},
}


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("object_key", ["people", "accounts"])
@pytest.mark.parametrize(
    ("mode", "by_id"),
    [("upsert", False), ("upsert", True), ("insert", False), ("update", False), ("update", True)],
)
def test_every_mode_of_every_object_by_every_key(
    connection: Connection, salesloft: Salesloft, mode: str, object_key: str, by_id: bool, is_there: bool
) -> None:
    record = FIRST[object_key]
    key, other = ("email_address", "title") if object_key == "people" else ("domain", "name")
    at = "0"
    if is_there:
        adapter = connect.open_adapter(connection)
        path = f"/v2/{object_key}"
        at = str(adapter.client.post(path, record).json["data"]["id"])
    upsert_key = "id" if by_id else key
    value = at if by_id else record[key].upper()
    facts = {"mode": mode, "object_key": object_key, "upsert_key": upsert_key}
    sync = make_sync(connection, {upsert_key: "key", other: "other"}, **facts)

    run = finish(sync, [{"id": 1, "key": value, "other": "New"}])

    creates = mode != "update" and not by_id
    is_accepted = is_there if not creates else (mode == "upsert" or not is_there)
    assert (run.accepted_count, run.rejected_count) == ((1, 0) if is_accepted else (0, 1))
    stored = salesloft.people() if object_key == "people" else salesloft.accounts()
    assert len(stored) == (is_there or creates)
    if stored:
        assert stored[0].fields[other] == ("New" if is_accepted else "Old")
        assert stored[0].match_key == record[key]
    if not is_accepted:
        (row,) = RejectedRow.objects.all()
        assert row.problem in ("exists", "missing", "not_found")


def test_owners_go_by_address_and_an_inactive_one_needs_attention(
    connection: Connection, salesloft: Salesloft
) -> None:
    sync = make_sync(connection, {**PEOPLE, "owner_id": "owner"})
    owners = ["Olivia@Sandbox.example", "Oliver Owner", "2", "ida@sandbox.example", "nobody@x.test"]
    rows = [{**row, "owner": owner} for row, owner in zip(crowd(5), owners, strict=True)]
    run = finish(sync, rows)

    assert (run.accepted_count, run.invalid_count) == (3, 2)
    assert [one.fields["owner_id"] for one in salesloft.people()] == [2, 3, 2]
    told = " ".join(row.reason for row in RejectedRow.objects.order_by("key_text"))
    assert "Ida Inactive is inactive in Salesloft" in told


def test_a_person_whose_address_changed_moves_along(connection: Connection, salesloft: Salesloft) -> None:
    sync = make_sync(connection, PEOPLE)
    finish(sync, crowd(1))
    run = finish(sync, [{"id": 0, "email": "new@x.test", "title": "VP"}])

    assert run.accepted_count == 1
    (stored,) = salesloft.people()
    assert stored.match_key == "new@x.test"
