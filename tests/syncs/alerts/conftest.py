"""What tests of alerts stand on: a team with syncs that need no files, and places on loopback that listen."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from destinations.models import Connection, RemoteAccount
from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import Team
from syncs.alerting.rules import Kind
from syncs.models import AlertRule, AlertTarget, QueryModel, Run, Source, Sync

STOPPED_AT = timedelta(minutes=1)


@dataclass
class Place:
    """A program that takes webhooks. `status` is what it answers, `received` what it was sent."""

    url: str
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    received: list[dict[str, Any]] = field(default_factory=list)
    authorization: list[str] = field(default_factory=list)


@pytest.fixture
def place() -> Iterator[Place]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            made.received.append(json.loads(raw) | {"_path": self.path})
            made.authorization.append(self.headers.get("Authorization", ""))
            self.send_response(made.status)
            for name, value in made.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(made.body)))
            self.end_headers()
            self.wfile.write(made.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Place(f"http://127.0.0.1:{server.server_port}/hook")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of somebody who takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        yield f"json://127.0.0.1:{listening.getsockname()[1]}/sesame-7Kq"


def target_at(team: Team, url: str, name: str = "hook", **facts: Any) -> AlertTarget:
    """A webhook, its address as apprise has it."""
    target = AlertTarget(team=team, name=name, kind="webhook", shown="Webhook", **facts)
    target.address = Secret(url.replace("http://", "json://"))
    target.save()
    return target


def rule_of(team: Team, kind: Kind, **facts: Any) -> AlertRule:
    return AlertRule.objects.create(team=team, kind=kind, **facts)


def connection_of(team: Team, name: str = "qualified") -> Connection:
    account = RemoteAccount.objects.create(team=team, destination="qualified")
    return Connection.objects.create(
        team=team, account=account, name=name, destination="qualified", checked_at=timezone.now()
    )


def syncs_of(connection: Connection, count: int) -> list[Sync]:
    team = connection.team
    source = Source.objects.create(team=team, name=f"files {connection.name}", kind="duckdb")
    model = QueryModel.objects.create(
        team=team, source=source, name=f"model {connection.name}", sql="select 1", primary_key=["id"]
    )
    return Sync.objects.bulk_create(
        Sync(
            team=team,
            name=f"sync {number} of {connection.name}",
            model=model,
            connection=connection,
            object_key="leads",
            upsert_key="email",
            last_run_number=0,
        )
        for number in range(count)
    )


def ended(syncs: list[Sync], status: Run.Status = Run.Status.SUCCEEDED, **facts: Any) -> list[Run]:
    """A run of each, over by now."""
    at = timezone.now() - STOPPED_AT
    for sync in syncs:
        sync.last_run_number += 1
    Sync.objects.filter(pk__in=[sync.pk for sync in syncs]).update(last_run_number=F("last_run_number") + 1)
    return Run.objects.bulk_create(
        Run(
            team_id=sync.team_id,
            sync=sync,
            number=sync.last_run_number,
            generation=1,
            status=status,
            due_at=at,
            finished_at=at,
            **facts,
        )
        for sync in syncs
    )
