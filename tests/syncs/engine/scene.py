"""A team with a file of people, a sandbox of Qualified and a sync between them, for tests of the engine."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.utils import timezone

from destinations import connect
from destinations.models import Connection, Exchange, RemoteAccount
from destinations.sandbox.running import API_KEY, Sandbox
from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import Team
from syncs.engine import ledger
from syncs.engine.lease import Lease
from syncs.engine.run import FOREVER, finish_here, serve, start
from syncs.models import Batch, FieldMapping, LedgerEntry, QueryModel, RejectedRow, Run, Source, Sync

QUICK = {"poll_seconds": 0.05, "settle_seconds": 0.3}
LEADS = {"email": "email", "first_name": "first_name", "title": "title"}

Row = dict[str, Any]
Mapped = str | Mapping[str, Any]


def person(id: int, **columns: Any) -> Row:
    """A row of the file: one of the people of acme.com, unless said otherwise."""
    row = {"id": id, "email": f"person{id}@acme.com", "first_name": f"Person {id}", "title": "VP", "note": ""}
    return row | columns


def write_csv(name: str, rows: Sequence[Row]) -> None:
    path = settings.FILES_DIR / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), quoting=csv.QUOTE_MINIMAL)
        writer.writeheader()
        writer.writerows(rows)


def make_connection(*, team: Team, url: str, name: str = "qualified", **options: Any) -> Connection:
    """A connection to the sandbox at this address, with an account of its own and its fields fetched."""
    connection = Connection(
        team=team,
        account=RemoteAccount.objects.create(team=team, destination="qualified"),
        name=name,
        destination="qualified",
        options={"base_url": url} | QUICK | options,
    )
    connection.credentials = {"api_key": Secret(API_KEY)}
    connection.save()
    for object_key in ("leads", "companies"):
        connect.refresh_fields(connection, object_key)
    Exchange.objects.all().delete()
    return connection


def make_sync(
    *,
    team: Team,
    connection: Connection,
    mapping: Mapping[str, Mapped] = LEADS,
    name: str = "leads",
    object_key: str = "leads",
    file: str = "people.csv",
    primary_key: Sequence[str] = ("id",),
    columns: str = "*",
) -> Sync:
    """A sync from a CSV file. A field is mapped to a column, or to an object of `FieldMapping`'s columns."""
    source, _ = Source.objects.get_or_create(team=team, name="files", kind="duckdb")
    sql = f"select {columns} from read_csv('{file}', header = true, all_varchar = true)"
    model = QueryModel.objects.create(
        team=team, source=source, name=name, sql=sql, primary_key=list(primary_key)
    )
    sync = Sync.objects.create(
        team=team,
        name=name,
        model=model,
        connection=connection,
        object_key=object_key,
        upsert_key={"leads": "email", "companies": "domain"}[object_key],
    )
    set_mapping(sync, mapping)
    return sync


def set_mapping(sync: Sync, mapping: Mapping[str, Mapped]) -> None:
    """Replace the sync's mapping, as saving it does: refused rows wait no longer."""
    FieldMapping.objects.filter(sync=sync).delete()
    for position, (key, filled) in enumerate(mapping.items()):
        columns = {"column": filled} if isinstance(filled, str) else dict(filled)
        FieldMapping.objects.create(team=sync.team, sync=sync, position=position, field=key, **columns)
    ledger.release_refused(sync)


@dataclass(slots=True)
class Scene:
    """What a journey needs. `rows` are what the source holds; change them, then `finish()` another run."""

    team: Team
    sandbox: Sandbox
    connection: Connection
    sync: Sync
    rows: list[Row] = field(default_factory=list)
    _seen: int = 0

    def write(self) -> None:
        """Let the source hold the rows as they are now."""
        write_csv("people.csv", self.rows)

    def start(self, **options: Any) -> Run:
        """Queue a run over the rows as they are now."""
        self.write()
        self.sync.refresh_from_db()
        self._seen = len(self.sandbox.requests)
        return start(self.sync, ring=False, **options)

    def finish(self, **options: Any) -> Run:
        """A run from its start to its end."""
        return finish_here(self.start(**options))

    def requests(self) -> list[str]:
        """The requests since the last run began."""
        return [f"{seen.method} {seen.path}" for seen in self.sandbox.requests[self._seen :]]

    def items(self) -> list[dict[str, Any]]:
        """The items of the jobs since the last run began, as they were sent, in that order."""
        return [
            item
            for seen in self.sandbox.requests[self._seen :]
            if seen.method == "POST"
            for item in seen.json()["items"]
        ]

    def emails(self) -> list[str]:
        """Whom the last run sent, sorted."""
        return sorted(item["data"]["email"] for item in self.items() if item["entity"] == "lead")

    def lead(self, id: int) -> dict[str, Any]:
        """The fields of the lead of `person(id)`, at the destination."""
        return self.sandbox.leads()[f"person{id}@acme.com"].fields

    def entry(self, id: int) -> LedgerEntry:
        return LedgerEntry.objects.get(
            sync=self.sync, generation=self.sync.generation, key_text=str(id), part=0
        )

    def change(self, id: int, **columns: Any) -> None:
        next(row for row in self.rows if row["id"] == id).update(columns)

    def change_field(self, name: str, type: str, *, options: Sequence[str] = ()) -> None:
        """A field of leads that was a text when we listed it is of this type there now."""
        self.sandbox.add_field("lead", name, "string")
        connect.refresh_fields(self.connection, "leads")
        Exchange.objects.filter(subject=None).delete()
        self.sandbox.add_field("lead", name, type, options=list(options))

    def options(self, **changed: Any) -> None:
        """Set advanced settings of the connection."""
        self.connection.options |= changed
        self.connection.save(update_fields=["options"])


def plan_only(run: Run) -> Run:
    """Plan the run, send nothing."""
    lease = Lease.take(run)
    assert lease is not None
    with lease:
        serve(run, lease, until=0.0, others_wait=lambda: False)
    run.refresh_from_db()
    assert run.status == Run.Status.DELIVERING
    return run


def serve_until_it_waits(run: Run) -> Run:
    """A worker that others wait for: it does what can be done now. `waits_for` says why it stopped."""
    lease = Lease.take(run)
    assert lease is not None
    with lease:
        serve(run, lease, until=FOREVER, others_wait=lambda: True)
    run.refresh_from_db()
    return run


def steal(run: Run, *, seconds: float = 0.5) -> None:
    """Another worker, elsewhere, takes the run; and dies after this time."""
    expires_at = timezone.now() + timedelta(seconds=seconds)
    Run.objects.filter(pk=run.pk).update(
        lease_token=uuid4(), lease_expires_at=expires_at, lease_holder="elsewhere 1 0.00"
    )


def told(run: Run) -> list[tuple[str, str, str]]:
    """(stage, problem, key) of the rows that did not arrive, sorted."""
    found = RejectedRow.objects.filter(run=run).values_list("stage", "problem", "key_text")
    return sorted(found)


def reason(run: Run, key: int | str) -> str:
    """Why the row did not arrive."""
    return RejectedRow.objects.get(run=run, key_text=str(key)).reason


def counts(run: Run) -> dict[str, int]:
    """The run's counts that are not zero. They add up, or the database would have refused them."""
    names = [f.name for f in Run._meta.get_fields() if f.name.endswith("_count")]
    found = {name.removesuffix("_count"): getattr(run, name) for name in names}
    return {name: count for name, count in found.items() if count}


def check_history(run: Run) -> None:
    """What a finished run's batches, reasons and counts say must agree."""
    batches = Batch.objects.filter(run=run, plan_attempt=run.plan_attempt)
    assert batches.count() == Batch.objects.filter(run=run).count()
    if not run.dry_run:
        assert sum(batch.row_count for batch in batches) == run.planned_count
        for verdict in ("accepted", "rejected", "in_doubt"):
            name = f"{verdict}_count"
            assert sum(getattr(batch, name) for batch in batches) == getattr(run, name), name
        settled = batches.filter(status=Batch.Status.SETTLED)
        assert not settled.filter(folded_at__isnull=True).exists()
        assert not batches.filter(attempt__gt=0).exclude(status=Batch.Status.SETTLED).exists()
    assert not RejectedRow.objects.filter(run=run).exclude(plan_attempt=run.plan_attempt).exists()
    stages = Counter(RejectedRow.objects.filter(run=run).values_list("stage", flat=True))
    assert stages["invalid"] == run.invalid_count
    assert stages["held_back"] == run.held_back_count
    assert not list(Path(settings.SCRATCH_DIR).glob("plan-*"))
