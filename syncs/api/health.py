"""Whether the installation works, for load balancers and monitors: /healthz, and its figures: /metrics.

`/healthz` tells no names and no rows, so anybody may ask. 200: all of it works; 503: a part does not.

```
{"ok": false, "web": "ok", "database": "ok", "worker": "none has shown itself for 10 seconds",
 "supervisor": "ok", "clock": "ok", "queue": "ok", "queue_seconds": 3}
```

The supervisor is that of the workers, on whatever machine: it starts again what dies and replaces what hangs.
"""

import hmac
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.models import Count, Max, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_q.models import Schedule
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from destinations.models import Connection
from syncs.models import Run, WorkerBeat
from syncs.models.worker_beat import Kind

OK = "ok"
NO_SUPERVISOR = "none has shown itself for 30 seconds: nothing that dies is started again"
TICK = "tick"  # see supervisor/doorbells.py
LATE = timedelta(minutes=5)  # for what happens each minute, and for a run that is due

RESULTS = ("accepted", "rejected", "in_doubt", "invalid", "held_back", "unchanged")


@never_cache
@login_not_required
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Web, database, worker, supervisor, the clock that starts what is due, and how long runs have waited."""
    parts, queue_seconds = _parts()
    ok = all(told == OK for told in parts.values())
    return JsonResponse({"ok": ok, **parts, "queue_seconds": queue_seconds}, status=200 if ok else 503)


@never_cache
@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for Prometheus. 404 unless METRICS_TOKEN is set; it is sent as a bearer token."""
    given = request.headers.get("Authorization", "").partition(" ")[2].strip()
    if not settings.METRICS_TOKEN:
        return HttpResponse("METRICS_TOKEN is not set.\n", status=404, content_type="text/plain")
    if not hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
        told = {"WWW-Authenticate": "Bearer"}
        return HttpResponse("Send METRICS_TOKEN.\n", status=401, content_type="text/plain", headers=told)
    registry = CollectorRegistry()
    registry.register(_Figures())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _parts() -> tuple[dict[str, str], int]:
    """What each part says of itself, and the seconds that the run which is due longest has waited."""
    parts = {"web": OK, "database": OK}
    try:
        connection.ensure_connection()
        worker = OK if WorkerBeat.objects.are_alive() else "none has shown itself for 10 seconds"
        supervisor = OK if WorkerBeat.objects.are_alive(Kind.SUPERVISOR) else NO_SUPERVISOR
        clock = OK if _is_clock_going() else "it has not ticked for 5 minutes: schedules stand still"
        waited = _queue_age()
    except DatabaseError:
        return parts | {"database": "it does not answer"}, 0
    queue = OK if waited < LATE else "a run has waited for 5 minutes: workers are busy or stuck"
    told = {"worker": worker, "supervisor": supervisor, "clock": clock, "queue": queue}
    return parts | told, int(waited.total_seconds())


def _is_clock_going() -> bool:
    """Whether the queue's own schedule is moved on each minute; before the first start there is none.

    Its next time is too far ahead where the machine's clock was put back.
    """
    next_run = Schedule.objects.filter(name=TICK).values_list("next_run", flat=True).first()
    return next_run is None or abs(timezone.now() - next_run) < LATE


def _queue_age() -> timedelta:
    """How long the run that has been due longest, and that no worker holds, has waited."""
    now = timezone.now()
    oldest = Run.objects.due(now).order_by("due_at").values_list("due_at", flat=True).first()
    return max(timedelta(), now - oldest) if oldest is not None else timedelta()


class _Figures:
    """What is collected when somebody asks. All of it is in the database, so any process can tell it."""

    def collect(self) -> Iterator[Metric]:
        parts, waited = _parts()
        yield self._up(parts)
        if parts["database"] == OK:  # all else is in there
            yield from self._queue(waited)
            yield from self._runs()
            yield from self._connections()

    def _up(self, parts: dict[str, str]) -> Metric:
        up = GaugeMetricFamily("syncadmin_up", "Whether a part works", labels=["part"])
        for part, told in parts.items():
            up.add_metric([part], float(told == OK))
        return up

    def _queue(self, waited: int) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "syncadmin_queue_oldest_seconds", "How long the run that is due longest has waited", value=waited
        )
        active = GaugeMetricFamily("syncadmin_active_runs", "Runs that are not over", labels=["status"])
        counted = dict(Run.objects.active().values_list("status").annotate(count=Count("pk")))
        for status in Run.ACTIVE:
            active.add_metric([status], counted.get(status, 0))
        yield active

    def _runs(self) -> Iterator[Metric]:
        """By sync. Totals fall only when runs are removed."""
        labels = ["team", "sync"]
        rows = GaugeMetricFamily(
            "syncadmin_sync_rows", "Rows of all runs by outcome", labels=[*labels, "outcome"]
        )
        ended = GaugeMetricFamily("syncadmin_sync_runs", "Runs by how they ended", labels=[*labels, "status"])
        good = GaugeMetricFamily(
            "syncadmin_sync_last_good_run_timestamp_seconds",
            "When a run last went over all rows",
            labels=labels,
        )
        over = Run.objects.exclude(status__in=Run.ACTIVE).filter(dry_run=False).order_by()
        names = ("sync__team__slug", "sync__name")
        by_sync = over.values(*names)
        for one in by_sync.annotate(**{name: Sum(f"{name}_count") for name in RESULTS}):
            for name in RESULTS:
                rows.add_metric([one["sync__team__slug"], one["sync__name"], name], one[name])
        for one in over.values(*names, "status").annotate(count=Count("pk")):
            ended.add_metric([one["sync__team__slug"], one["sync__name"], one["status"]], one["count"])
        whole = Run.objects.over_all_rows().ended_well().order_by()
        for one in whole.values(*names).annotate(last=Max("finished_at")):
            good.add_metric([one["sync__team__slug"], one["sync__name"]], one["last"].timestamp())
        yield from (rows, ended, good)

    def _connections(self) -> Iterator[Metric]:
        healthy = GaugeMetricFamily(
            "syncadmin_connection_healthy", "Whether its last test got in", labels=["team", "connection"]
        )
        for team, name, health in Connection.objects.values_list("team__slug", "name", "health"):
            if health != Connection.Health.UNTESTED:
                healthy.add_metric([team, name], float(health == Connection.Health.GOOD))
        yield healthy
