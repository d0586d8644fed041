"""`python -m tests.benchmarks.salesloft` measures what Salesloft is asked, and how fast.

The bulk path goes to the sandbox, single calls to a stub that answers in 50 ms; workers, sandbox and stub are
processes of their own. What is measured of single calls is when they came in at the stub.
"""

import contextlib
import csv
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LATENCY = 0.05
LIMIT, RESERVE, MINUTE = 600, 20, 60  # the published budget, and the share that we leave
PEOPLE = 20_000
CONFIGURATION = """
team: bench
sources:
  files: {{type: duckdb, path: "."}}
models:
  one: {{source: files, sql: "select * from read_csv('one.csv', all_varchar = true)", primary_key: id}}
  two: {{source: files, sql: "select * from read_csv('two.csv', all_varchar = true)", primary_key: id}}
connections:
  salesloft:
    {{destination: salesloft, api_key: sandbox-key, base_url: "{base_url}", poll_seconds: 0.2,
     bulk_from: {bulk_from}, windows: [[{limit}, {seconds}]], reserve_percent: {reserve},
     concurrency: {threads}}}
syncs:
  one:
    {{model: one, connection: salesloft, object: people, upsert_key: email_address, brakes: false,
      mapping: {mapping}}}
  two:
    {{model: two, connection: salesloft, object: people, upsert_key: email_address, brakes: false,
      mapping: {mapping}}}
"""
MAPPING = "{email_address: email, first_name: name, title: title}"
SINGLES = 1_000_000  # more than there are: no bulk jobs


def figures() -> None:
    print("\nSalesloft · SQLite")
    with _folder() as folder:
        _bulk(folder)
    for threads in (1, 2, 4, 8):
        with _folder() as folder:
            _unlimited(folder, threads)
    with _folder() as folder:
        _alone(folder)
    with _folder() as folder:
        _together(folder)


def _bulk(folder: Path) -> None:
    command = [sys.executable, "manage.py", "sandbox", "--port", "0", "--state", ":memory:"]
    with _process(command, folder) as sandbox:
        url = sandbox.readline().partition("Salesloft at ")[2].split()[0].rstrip(".,")
        _apply(folder, url, bulk_from=201, limit=LIMIT, seconds=MINUTE, reserve=RESERVE, threads=4)
        before = len(_asked(f"{url}/__sandbox__/requests.json")["data"])
        run = _run(folder, "one", people=PEOPLE)
        asked = _asked(f"{url}/__sandbox__/requests.json")["data"]
    count = len(asked) - before
    _line(
        f"{PEOPLE:,} people in bulk jobs", requests=count, cost=count, target="< 60", seconds=run["seconds"]
    )
    assert run["accepted"] == PEOPLE, run


def _unlimited(folder: Path, threads: int) -> None:
    rows = 200 * threads
    with _stub(folder, limit=10**9) as url:
        _apply(folder, url, bulk_from=SINGLES, limit=100_000_000, seconds=MINUTE, reserve=0, threads=threads)
        _run(folder, "one", people=rows)
        came = _asked(f"{url}/figures")["came"]
    rate = (len(came) - 1) / (came[-1] - came[0])
    share = rate * LATENCY / threads
    _line(f"single calls, {threads} in flight", rate=rate, share=share, target=">= 0.90")


def _alone(folder: Path) -> None:
    """Four windows' bursts: what was sent from the first to the fourth, of what may be sent."""
    allowed = LIMIT * (100 - RESERVE) // 100
    with _stub(folder, limit=LIMIT) as url:
        _apply(folder, url, bulk_from=SINGLES, limit=LIMIT, seconds=MINUTE, reserve=RESERVE, threads=8)
        _run(folder, "one", people=3 * allowed + 20)
        seen = _asked(f"{url}/figures")
    came = seen["came"]
    share = 3 * allowed / ((came[3 * allowed] - came[0]) / MINUTE) / allowed
    _line("within the budget, alone", share=share, target=">= 0.97", refused=seen["refused"])


def _together(folder: Path) -> None:
    """Two workers, each with a run of its own, in windows of ten seconds."""
    limit, seconds = 100, 10
    with _stub(folder, limit=limit, seconds=seconds) as url:
        _apply(folder, url, bulk_from=SINGLES, limit=limit, seconds=seconds, reserve=RESERVE, threads=8)
        workers = [_begin(folder, name, people=160) for name in ("one", "two")]
        assert [worker.wait() for worker in workers] == [0, 0]
        seen = _asked(f"{url}/figures")
    most = _most_within(seen["came"], seconds)
    allowed = limit * (100 - RESERVE) // 100
    _line("within the budget, two workers", most=most, target=f"<= {allowed}", refused=seen["refused"])


def _most_within(came: Sequence[float], seconds: float) -> int:
    """The most requests in any interval of that length."""
    most = first = 0
    for last, at in enumerate(came):
        while at - came[first] > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def _line(what: str, **found: float | str) -> None:
    said = "  ".join(
        f"{name} {value:,.2f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in found.items()
    )
    print(f"  {what:32} {said}", flush=True)


def _run(folder: Path, sync: str, *, people: int) -> dict[str, Any]:
    worker = _begin(folder, sync, people=people, output=subprocess.PIPE)
    answer, _ = worker.communicate()
    assert worker.returncode == 0, answer
    found: dict[str, Any] = json.loads(answer)
    return found


def _begin(
    folder: Path, sync: str, *, people: int, output: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    with (folder / "files" / f"{sync}.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "email", "name", "title"))
        rows.writerows((n, f"{sync}{n}@x{n % 97}.test", f"Person {n}", "VP") for n in range(people))
    called = [sys.executable, "manage.py", "run", sync, "--json"]
    return subprocess.Popen(called, cwd=ROOT, env=_environment(folder), stdout=output, text=True)


def _apply(folder: Path, base_url: str, **facts: object) -> None:
    (folder / "files").mkdir()
    for name in ("one", "two"):
        (folder / "files" / f"{name}.csv").write_text("id,email,name,title\n0,nobody@x.test,Nobody,VP\n")
    document = folder / "bench.yaml"
    document.write_text(CONFIGURATION.format(base_url=base_url, mapping=MAPPING, **facts))
    for words in (("migrate", "--verbosity", "0"), ("apply", "--no-test", str(document))):
        called = [sys.executable, "manage.py", *words]
        subprocess.run(called, cwd=ROOT, env=_environment(folder), check=True, stdout=subprocess.DEVNULL)


def _environment(folder: Path) -> dict[str, str]:
    own = {"ENV_FILE": "", "DATA_DIR": str(folder / "data"), "FILES_DIR": str(folder / "files")}
    return os.environ | own | {"LOG_LEVEL": "WARNING", "DATABASE_URL": f"sqlite:///{folder}/data/b.sqlite3"}


@contextlib.contextmanager
def _stub(folder: Path, *, limit: int, seconds: float = MINUTE) -> Iterator[str]:
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.salesloft_stub",
        str(LATENCY),
        str(limit),
        str(seconds),
    ]
    with _process(command, folder) as stub:
        yield f"http://127.0.0.1:{stub.readline().strip()}"


@contextlib.contextmanager
def _process(command: list[str], folder: Path) -> Iterator[Any]:
    with subprocess.Popen(
        command, cwd=ROOT, env=_environment(folder), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process.stdout
        finally:
            process.terminate()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="syncadmin-bench-", ignore_cleanup_errors=True) as name:
        (Path(name) / "data").mkdir()
        yield Path(name)


def _asked(url: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as reply:
        return json.loads(reply.read())


if __name__ == "__main__":
    figures()
