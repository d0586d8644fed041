from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.models import Connection, Exchange, RemoteAccount
from syncs import tasks
from syncs.models import Batch, LedgerEntry, PlannedRow, QueryModel, Run, Source, Sync

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


def _run(sync, *, days_ago, number, status=Run.Status.SUCCEEDED):
    at = timezone.now() - timedelta(days=days_ago)
    run = Run.objects.create(
        team=sync.team, sync=sync, number=number, generation=1, status=status, due_at=at, finished_at=at
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
        payload=b"old",
    )
    PlannedRow.objects.create(team=sync.team, sync=sync, key=bytes(16), run=run, batch_number=1, position=0)
    Exchange.objects.create(
        team=sync.team,
        connection=sync.connection,
        subject=run.public_id,
        method="POST",
        url="https://api.example/",
        status=202,
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
