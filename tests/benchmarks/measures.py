"""What one process measures, on request: each prints one JSON object, so that memory is that process's own.

`python -m tests.benchmarks.measures NAME SYNC_ID` with DATABASE_URL, DATA_DIR and SOURCE_URL set.
"""

import json
import os
import resource
import statistics
import sys
import time
from typing import Any

import django
import psycopg

SQL = "select * from people"
CHUNK = 5_000
ANY = 10**12  # rows: no brake holds a first run, whatever is measured


def bare_reading() -> float:
    """Seconds for a bare server-side cursor over the model's rows."""
    began = time.perf_counter()
    with psycopg.connect(os.environ["SOURCE_URL"]) as source, source.cursor(name="bare") as cursor:
        cursor.execute(SQL)
        while cursor.fetchmany(CHUNK):
            pass
    return time.perf_counter() - began


def plan(sync_id: int) -> dict[str, Any]:
    """A run over a model in which nothing changed, beside bare reading: three pairs in turn."""
    bare, planned, run = [], [], None
    for _ in range(3):
        bare.append(bare_reading())
        began = time.perf_counter()
        run = _run(sync_id)
        planned.append(time.perf_counter() - began)
    assert run is not None
    return {
        "rows": run.read_count,
        "unchanged": run.unchanged_count,
        "bare_seconds": statistics.median(bare),
        "plan_seconds": statistics.median(planned),
        "ratio": statistics.median(b / p for b, p in zip(bare, planned, strict=True)),
    }


def memory(sync_id: int) -> dict[str, Any]:
    """The most memory that a process holds that does nothing but one run."""
    began = time.perf_counter()
    run = _run(sync_id)
    return {
        "rows": run.read_count,
        "planned": run.planned_count,
        "seconds": time.perf_counter() - began,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def first_request(sync_id: int) -> dict[str, Any]:
    """A first run: how long planning takes, and when the first request leaves."""
    from destinations.models import Exchange

    run = _run(sync_id)
    first = (
        Exchange.objects.filter(subject=run.public_id).order_by("started_at").values_list("started_at")[0][0]
    )
    assert run.started_at is not None and run.planned_at is not None and run.finished_at is not None
    return {
        "rows": run.read_count,
        "accepted": run.accepted_count,
        "plan_seconds": (run.planned_at - run.started_at).total_seconds(),
        "first_request_seconds": (first - run.created_at).total_seconds(),
        "all_seconds": (run.finished_at - run.created_at).total_seconds(),
    }


def deliver(sync_id: int) -> dict[str, Any]:
    """Delivery and settling of what is planned, beside a bare loop that sends the same bodies; folding."""
    from destinations.contract import Mode
    from syncs.engine.batches import Payload
    from syncs.engine.deliver import Delivery
    from syncs.engine.ground import way_of
    from syncs.engine.lease import Lease
    from syncs.engine.run import _plan, finish_here, start
    from syncs.engine.steady import steady
    from syncs.models import Batch, Run, Sync

    sync = Sync.objects.get(pk=sync_id)
    run = start(sync, full=True, confirmed=ANY, ring=False)
    lease = Lease.take(run)
    assert lease is not None
    with lease:
        run = Run.objects.select_related("sync__connection__account", "sync__model__source").get(pk=run.pk)
        _plan(run, lease, lambda: None)
        batches = list(Batch.objects.filter(run=run).order_by("number"))
        bodies = []
        for batch in batches:
            operations = Payload(bytes(batch.payload)).operations(
                batch.pk, Mode.UPSERT, range(batch.operation_count)
            )
            items = [
                {
                    "entity": "lead",
                    "action": "POST",
                    "request_id": one.id,
                    "data": {
                        "email": one.match_key,
                        "fields": {k: v for k, v in one.values.items() if k != "email"},
                    },
                }
                for one in operations
            ]
            bodies.append({"items": items})
        halves = len(bodies) // 2
        with steady():  # as around all that a worker does
            bare = _bare_sending(sync.connection, bodies[:halves])
            began = time.perf_counter()
            way = way_of(run.sync)
            with Delivery(run, lease, way, others_wait=lambda: False, look=lambda: None) as delivery:
                delivery.work(float("inf"))
            ours = time.perf_counter() - began
            bare += _bare_sending(sync.connection, bodies[halves:])
    began = time.perf_counter()
    run = finish_here(run)
    folding = time.perf_counter() - began
    rows = sum(batch.operation_count for batch in batches)
    return {
        "rows": rows,
        "accepted": run.accepted_count,
        "jobs": len(batches),
        "bare_seconds": bare,
        "deliver_seconds": ours,
        "fold_seconds": folding,
        "ratio": bare / ours,
    }


def _bare_sending(connection: Any, bodies: list[Any]) -> float:
    """Seconds to send the bodies one after the other and to fetch their results, with the same client."""
    from destinations import connect

    began = time.perf_counter()
    with connect.session(threads=1) as wire:
        for body in bodies:
            client = connect.open_adapter(connection, session=wire).client
            job = client.post("/v2/bulk", body).json["job"]["id"]
            client.get(f"/v2/bulk/{job}")
    return time.perf_counter() - began


def _run(sync_id: int) -> Any:
    from syncs.engine.run import finish_here, start
    from syncs.models import Sync

    return finish_here(start(Sync.objects.get(pk=sync_id), confirmed=ANY, ring=False))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncadmin.settings")
    django.setup()
    measure = {f.__name__: f for f in (plan, memory, first_request, deliver)}[sys.argv[1]]
    print(json.dumps(measure(int(sys.argv[2]))))
