"""A source that is at its query and gives no row yet: the run is looked after all the same."""

import threading
import time

import pytest
from django.db import connection
from django.utils import timezone

from syncs.engine import pulse
from syncs.engine.lease import Lease, LostLease
from syncs.engine.pulse import Pulse
from syncs.engine.run import cancel, finish_here
from syncs.models import Run
from tests.syncs.engine.scene import Scene, person

pytestmark = pytest.mark.django_db(transaction=True)

HOURS = (
    "select count(*) as id, 'ann@acme.com' as email, 'Ann' as first_name, 'VP' as title "
    "from range(100000000) a, range(100000000) b"
)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "SILENCE", 0.1)


def test_a_run_is_cancelled_while_its_query_is_at_work(scene: Scene) -> None:
    scene.sync.model.sql = HOURS
    scene.sync.model.save()
    scene.rows = [person(1)]
    run = scene.start()
    told = []

    def cancel_once_it_waits() -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            run = Run.objects.get()
            if run.waits_for.startswith("Waiting for the source: no row for "):
                told.append(run.waits_for)
                break
            time.sleep(0.05)
        cancel(run)
        connection.close()  # this thread's

    beside = threading.Thread(target=cancel_once_it_waits)
    beside.start()
    run = finish_here(run)
    beside.join()

    assert (run.status, run.stop_reason) == (Run.Status.CANCELLED, "")
    assert told


def test_a_query_is_ended_where_another_worker_has_the_run(scene: Scene) -> None:
    scene.rows = [person(1)]
    run = scene.start()
    lease = Lease.take(run)
    assert lease is not None
    with (
        pytest.raises(LostLease),
        scene.sync.model.source.reader().read(HOURS) as rows,
        Pulse(run, lease, lambda: None).watching(rows),
    ):
        Run.objects.filter(pk=run.pk).update(lease_token=None, lease_expires_at=timezone.now())
        lease._good_until = 0
        list(rows)
