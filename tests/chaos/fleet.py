"""A world of many small syncs: some teams, each with an account of its own at a sandbox of its own.

The sandboxes run in threads of this process; the product in processes of its own, as ever.
"""

import csv
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import orjson
import psycopg

from destinations.sandbox.running import API_KEY, Sandbox
from tests.chaos.world import World

CONFIGURATION = """\
team: {team}
sources:
  files: {{type: duckdb, path: "."}}
connections:
  qualified:
    destination: qualified
    api_key: "${{SANDBOX_KEY}}"
    base_url: "{base_url}"
    poll_seconds: 0.2
    settle_seconds: 1
    timeout_seconds: 10
models:
{models}
syncs:
{syncs}
"""
MODEL = """\
  rows-{n}: {{source: files, sql: "select * from '{team}.csv' where part = {n}", primary_key: id}}
"""
SYNC = """\
  sync-{n}:
    model: rows-{n}
    connection: qualified
    object: leads
    schedule: {{every: 1 hour}}
    mapping: {{email: email, first_name: name, title: title}}
"""
APPLY = """
from django.core.management import call_command
for file in {files}:
    call_command("apply", file, no_test=True)
"""
# Each sync had a good run long ago, so that its schedule may start it; then all of them are due at once.
COME_DUE = """
import json, time
from datetime import timedelta
from django.db.models import F
from django.utils import timezone
from syncs.engine import scheduling
from syncs.models import Run, Sync, SyncSchedule
now = timezone.now()
before = now - timedelta(days=1)
for sync in Sync.objects.filter(last_run_number=0):
    Run.objects.create(
        team_id=sync.team_id, sync=sync, number=1, generation=sync.generation, status="succeeded",
        due_at=before, finished_at=before,
    )
Sync.objects.filter(last_run_number=0).update(last_run_number=1)
SyncSchedule.objects.update(next_at=now)
began = time.monotonic()
started = scheduling.start_due(now)
print(json.dumps([started, time.monotonic() - began]))
"""


@dataclass
class Sandboxes:
    """What a world ends with: the sandboxes have an owner of their own."""

    url: str = ""

    def stop(self) -> None:
        """Their owner does that."""


@dataclass
class Fleet(World):
    """`sandboxes` are those of team-0, team-1, …, each of which has `each` syncs of `size` rows."""

    sandboxes: Sequence[Sandbox] = ()
    each: int = 5
    size: int = 10
    environment: dict[str, str] = field(default_factory=lambda: {"SANDBOX_KEY": API_KEY})

    @property
    def teams(self) -> list[str]:
        return [f"team-{number}" for number in range(len(self.sandboxes))]

    def write_rows(self) -> None:
        for team in self.teams:
            with Path(self.folder / "files" / f"{team}.csv").open("w", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(("id", "part", "email", "name", "title"))
                rows.writerows(
                    (f"{n}-{row}", n, email, "Ann", "VP")
                    for n in range(self.each)
                    for row, email in enumerate(self.emails(n))
                )

    def emails(self, sync: int) -> list[str]:
        return [f"p{row}.{sync}@example.com" for row in range(self.size)]

    def write_configuration(self, text: str = CONFIGURATION) -> None:
        for team, sandbox in zip(self.teams, self.sandboxes, strict=True):
            filled = text.format(
                team=team,
                base_url=sandbox.url,
                models="".join(MODEL.format(n=n, team=team) for n in range(self.each)),
                syncs="".join(SYNC.format(n=n) for n in range(self.each)),
            )
            (self.folder / f"{team}.yaml").write_text(filled)

    def apply(self) -> None:
        """In one process for all teams: its start takes longer than its work."""
        files = [str(self.folder / f"{team}.yaml") for team in self.teams]
        self.manage("shell", "-v", "0", "-c", APPLY.format(files=files))

    def come_due(self) -> tuple[int, float]:
        """All schedules are due now: how many runs that started, and the seconds that it took."""
        done = self.manage("shell", "-v", "0", "-c", COME_DUE)
        started, seconds = orjson.loads(done.stdout.splitlines()[-1])
        return started, seconds

    def scheduled(self) -> list[dict[str, Any]]:
        """The runs that schedules started, in the order in which they began."""
        return self.query(
            "select r.id, r.status, r.created_at, r.started_at, r.finished_at, r.accepted_count, r.team_id,"
            " r.sync_id, t.slug as team, r.stop_reason, r.number"
            " from syncs_run r join teams_team t on t.id = r.team_id where r.trigger = 'schedule'"
            " order by coalesce(r.started_at, '9999-01-01'), r.id"
        )

    def are_over(self) -> bool:
        return not self.query("select id from syncs_run where finished_at is null limit 1")


class Watch(Thread):
    """Notes, several times a second, how many workers each team has while others of its kind wait."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(daemon=True)
        self._fleet = fleet
        self._over = Event()
        self.held: list[Counter[str]] = []  # by team, at each look at which every team had a run that waits

    def run(self) -> None:
        while not self._over.wait(0.2):
            try:
                rows = self._fleet.query(
                    "select t.slug as team, r.lease_token is not null as held, r.status"
                    " from syncs_run r join teams_team t on t.id = r.team_id where r.finished_at is null"
                )
            except (psycopg.Error, sqlite3.Error):  # busy: the next look comes soon
                continue
            waiting = {row["team"] for row in rows if not row["held"]}
            if waiting == set(self._fleet.teams):
                self.held.append(Counter(row["team"] for row in rows if row["held"]))

    def __enter__(self) -> "Watch":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def share(self, team: str) -> float:
        """The workers that the team had, as a mean, while all of them wanted one."""
        return sum(one[team] for one in self.held) / max(1, len(self.held))


def farthest_apart(begun: Sequence[str], each: int) -> int:
    """In which measure teams were not in turn: the most runs that one had begun beyond another that waited.

    `begun` are the teams of the runs in their order; each team has `each` of them.
    """
    counts = Counter(dict.fromkeys(begun, 0))
    worst = 0
    for team in begun:
        waiting = [count for count in counts.values() if count < each]
        counts[team] += 1
        worst = max(worst, counts[team] - min(waiting))
    return worst


def seconds_between(one: str | datetime, other: str | datetime) -> float:
    """Of two times as a database tells them."""
    first, then = (at if isinstance(at, datetime) else datetime.fromisoformat(at) for at in (one, other))
    return (then - first).total_seconds()
