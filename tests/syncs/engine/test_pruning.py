from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from destinations.models import AccountHour, Connection, Exchange, RemoteAccount
from syncs import tasks
from syncs.engine import scheduling
from syncs.models import (
    Batch,
    Kept,
    LedgerEntry,
    PlannedRow,
    QueryModel,
    RejectedRow,
    Run,
    Source,
    Sync,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def sync(team):
    account = RemoteAccount.objects.create(team=team, destination="qualified")
    connection = Connection.objects.create(team=team, account=account, name="q", destination="qualified")
    source = Source.objects.create(team=team, name="files", kind="duckdb")
    model = QueryModel.objects.create(team=team, source=source, name="m", sql="select 1", primary_key=["id"])
    return Sync.objects.create(
        team=team, name="s", model=model, connection=connection, object_key="leads", upsert_key="email"
    )


def _run(sync, *, days_ago, number, status=Run.Status.SUCCEEDED, payload=b"old", **columns):
    at = timezone.now() - timedelta(days=days_ago)
    run = Run.objects.create(
        team=sync.team,
        sync=sync,
        number=number,
        generation=1,
        status=status,
        due_at=at,
        finished_at=at,
        **columns,
    )
    Batch.objects.create(
        team=sync.team,
        run=run,
        plan_attempt=1,
        number=1,
        object_key="leads",
        operation_count=1,
        row_count=1,
        status=Batch.Status.SETTLED,
        folded_at=at,
        due_at=at,
        payload=payload,
    )
    PlannedRow.objects.create(team=sync.team, sync=sync, key=bytes(16), run=run, batch_number=1, position=0)
    Exchange.objects.create(
        team=sync.team,
        connection=sync.connection,
        subject=run.public_id,
        method="POST",
        url="https://api.example/",
        status=202,
        reply_body=payload,
        started_at=at,
        milliseconds=1,
    )
    return run


def test_what_is_older_than_the_kept_days_goes_and_the_run_stays(sync, settings):
    settings.KEEP_DAYS = 14
    old, young = _run(sync, days_ago=15, number=1), _run(sync, days_ago=13, number=2)

    tasks.prune()

    assert bytes(old.batches.get().payload) == b""
    assert bytes(young.batches.get().payload) == b"old"
    assert list(Exchange.objects.values_list("subject", flat=True)) == [young.public_id]
    assert list(PlannedRow.objects.values_list("run", flat=True)) == [young.pk]
    assert Run.objects.count() == 2


def test_a_batch_that_is_not_folded_keeps_its_payload(sync, settings):
    run = _run(sync, days_ago=99, number=1)
    run.batches.update(folded_at=None)

    tasks.prune()

    assert bytes(run.batches.get().payload) == b"old"


def test_the_ledger_of_a_former_generation_goes_and_the_present_one_stays(sync):
    for generation in (1, 2):
        LedgerEntry.objects.create(
            team=sync.team,
            sync=sync,
            generation=generation,
            key=bytes(16),
            key_text="1",
            match_key="a@example.com",
            run_number=1,
        )
    Sync.objects.filter(pk=sync.pk).update(generation=2)

    tasks.prune()

    assert list(LedgerEntry.objects.values_list("generation", flat=True)) == [2]


# Runs and their records


def _record(run, key, *, is_open=False, days_ago=0):
    at = timezone.now() - timedelta(days=days_ago)
    row = RejectedRow.objects.create(
        team=run.team,
        sync=run.sync,
        run=run,
        key=key.encode().ljust(16),
        key_text=key,
        stage=RejectedRow.Stage.REJECTED,
        problem="refused",
        reason="Refused.",
        who=RejectedRow.Who.DATA,
        is_open=is_open,
    )
    RejectedRow.objects.filter(pk=row.pk).update(created_at=at)
    return row


def _numbers():
    return sorted(Run.objects.values_list("number", flat=True))


def test_old_runs_go_but_for_those_that_pages_and_schedules_stand_on(sync, settings):
    settings.HISTORY_KEEP_DAYS = 400
    for number, status in enumerate(["succeeded", "attention", "succeeded", "stopped", "cancelled"], 1):
        _run(sync, days_ago=500 - number, number=number, status=status)
    _run(sync, days_ago=490, number=6, status="succeeded", dry_run=True)

    tasks.prune()

    assert _numbers() == [3, 5, 6]  # the last good, the last over all rows, the last of all
    assert not scheduling.is_first(sync)
    assert scheduling._newest_good(sync).number == 3
    assert PlannedRow.objects.count() == Exchange.objects.count() == 0


def test_records_that_need_attention_now_stay_with_their_run_however_old(sync, settings):
    settings.HISTORY_KEEP_DAYS = 400
    for number in (1, 2):
        run = _run(sync, days_ago=500, number=number, status="attention")
        _record(run, "over", days_ago=500)
        _record(run, "now", days_ago=500, is_open=number == 1)
    _run(sync, days_ago=1, number=3)

    tasks.prune()

    assert list(RejectedRow.objects.values_list("run__number", "key_text")) == [(1, "now")]
    assert _numbers() == [1, 3]
    until = Kept.objects.get(kind="runs").removed_until
    assert abs(timezone.now() - timedelta(days=400) - until) < timedelta(hours=1)


def test_a_run_that_is_going_on_keeps_everything(sync, settings):
    settings.HISTORY_KEEP_DAYS = settings.KEEP_DAYS = 1
    settings.KEEP_PAYLOADS_MB = settings.KEEP_RECORDS_MB = 0
    run = _run(sync, days_ago=99, number=1, status="delivering")
    _record(run, "1", days_ago=99)

    tasks.prune()

    assert bytes(run.batches.get().payload) == b"old"
    assert RejectedRow.objects.count() == PlannedRow.objects.count() == 1


# Sizes


def test_the_oldest_requests_go_until_the_rest_is_small_enough(sync, settings):
    settings.KEEP_EXCHANGES_MB = 2
    for number in range(1, 6):
        _run(sync, days_ago=10 - number, number=number, payload=bytes(700_000))

    tasks.prune()

    left = Exchange.objects.order_by("pk").values_list("subject", flat=True)
    assert list(left) == list(
        Run.objects.filter(number__gt=3).order_by("number").values_list("public_id", flat=True)
    )
    kept = Kept.objects.get(kind="requests")
    assert (kept.is_by_size, kept.row_count, kept.byte_count // 100_000) == (True, 2, 14)
    newest_gone = Run.objects.get(number=3).finished_at
    assert timedelta(0) < kept.removed_until - newest_gone < timedelta(seconds=1)
    tasks.prune()
    assert Exchange.objects.count() == 2


def test_what_the_oldest_runs_sent_goes_for_its_size_unless_it_is_not_folded(sync, settings):
    settings.KEEP_PAYLOADS_MB = 1
    for number in range(1, 5):
        _run(sync, days_ago=10 - number, number=number, payload=bytes(400_000))
    Batch.objects.filter(run__number=1).update(folded_at=None)

    tasks.prune()

    kept = Batch.objects.exclude(payload=b"").values_list("run__number", flat=True)
    assert sorted(kept) == [1, 4]
    assert sorted(PlannedRow.objects.values_list("run__number", flat=True)) == [1, 4]
    assert Kept.objects.get(kind="payloads").is_by_size


def test_records_go_for_their_size_but_for_those_that_need_attention(sync, settings):
    settings.KEEP_RECORDS_MB = 0
    run = _run(sync, days_ago=3, number=1, status="attention")
    _record(run, "over", days_ago=3)
    _record(run, "now", days_ago=3, is_open=True)

    tasks.prune()

    assert list(RejectedRow.objects.values_list("key_text", flat=True)) == ["now"]


# Safety


def _fill(sync):
    for number in range(1, 4):
        run = _run(sync, days_ago=500 - number, number=number, status="attention")
        _record(run, "over", days_ago=500)
        _record(run, "now", days_ago=500, is_open=number == 2)
    _run(sync, days_ago=1, number=4)
    AccountHour.objects.create(
        team=sync.team, account=sync.connection.account, hour=timezone.now() - timedelta(days=900)
    )


def _state():
    return (
        _numbers(),
        list(RejectedRow.objects.order_by("pk").values_list("run__number", "key_text")),
        Exchange.objects.count(),
        list(Batch.objects.exclude(payload=b"").values_list("run__number", flat=True)),
        list(PlannedRow.objects.values_list("run__number", flat=True)),
        AccountHour.objects.count(),
    )


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.django_db(transaction=True)
def test_killed_before_any_write_it_goes_on_the_next_time(sync):
    class KillsAtWrite:
        def __init__(self, number):
            self.left = number

        def __call__(self, execute, sql, params, many, context):
            if sql.startswith(("DELETE", "UPDATE", "INSERT")):
                self.left -= 1
                if self.left < 0:
                    raise Killed
            return execute(sql, params, many, context)

    _fill(sync)
    for kills in range(100):
        try:
            with connection.execute_wrapper(KillsAtWrite(kills)):
                tasks.prune()
            break
        except Killed:
            continue
    assert 5 < kills < 99
    assert _state() == ([2, 4], [(2, "now")], 1, [4], [4], 0)


def test_a_dry_run_shows_what_would_go_and_removes_nothing(sync, settings):
    _fill(sync)
    before, said = _state(), StringIO()

    call_command("prune", dry_run=True, stdout=said)

    lines = [line.split("  ") for line in said.getvalue().splitlines()]
    told = {line[0]: [cell.strip() for cell in line[1:] if cell.strip()] for line in lines}
    assert told["requests and answers"][:3] == ["4", "0.0", "3"]
    assert told["records that did not arrive"][2] == "5"
    assert told["what was sent"][2] == "3"
    assert told["runs"][2] == "2"  # once the records have gone
    assert _state() == before
    assert not Kept.objects.exists()
