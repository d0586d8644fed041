"""A history made by hand: as little as the pages need, with values that would do harm if they could."""

from collections.abc import Iterable
from typing import Any

import orjson
from django.utils import timezone

from destinations.contract import Outcome, Verdict
from destinations.models import Connection, Exchange, RemoteAccount
from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import Team
from syncs.engine.batches import Planned, write, write_outcomes
from syncs.engine.keys import row_key
from syncs.engine.mapping import Layout
from syncs.models import Batch, QueryModel, RejectedRow, Run, Source, Sync

API_KEY = "k3y-that-nobody-sees"
PASSWORD = "p4ssw0rd-that-nobody-sees"
HARM = "<script>alert(1)</script>"


def make_sync(*, team: Team, name: str = "leads", primary_key: str = "id") -> Sync:
    connection = Connection(
        team=team,
        account=RemoteAccount.objects.create(team=team, destination="qualified"),
        name=f"{name} connection",
        destination="qualified",
        options={"base_url": "https://api.example.com", "access_token": API_KEY},
    )
    connection.credentials = {"api_key": Secret(API_KEY)}
    connection.save()
    source = Source(team=team, name=f"{name} source", kind="postgres", options={"host": "db.example.com"})
    source.credentials = {"password": Secret(PASSWORD)}
    source.save()
    model = QueryModel.objects.create(
        team=team, source=source, name=f"{name} model", sql=f"select '{HARM}'", primary_key=[primary_key]
    )
    return Sync.objects.create(
        team=team, name=name, model=model, connection=connection, object_key="leads", upsert_key="email"
    )


def make_run(*, sync: Sync, status: str = Run.Status.ATTENTION, **columns: Any) -> Run:
    sync.last_run_number += 1
    sync.save(update_fields=["last_run_number"])
    times = dict.fromkeys(("due_at", "started_at", "planned_at", "finished_at"), timezone.now())
    return Run.objects.create(
        **{
            "team": sync.team,
            "sync": sync,
            "number": sync.last_run_number,
            "generation": 1,
            "status": status,
            "plan_attempt": 1,
            **times,
            **columns,
        }
    )


def make_row(*, run: Run, key: str = "7", **columns: Any) -> RejectedRow:
    return RejectedRow.objects.create(
        **{
            "team": run.team,
            "sync": run.sync,
            "run": run,
            "plan_attempt": run.plan_attempt,
            "key": row_key(key),
            "key_text": key,
            "match_key": f"person{key}@acme.com",
            "stage": RejectedRow.Stage.INVALID,
            "problem": "not_an_email",
            "field": "email",
            "reason": "This is no e-mail address.",
            "who": RejectedRow.Who.DATA,
            "payload": {"email": HARM},
            **columns,
        }
    )


def make_batch(*, run: Run, keys: Iterable[str], outcomes: dict[int, Outcome] | None = None) -> Batch:
    """A batch of leads; settled where outcomes are given."""
    planned = [
        Planned(row_key(key), orjson.dumps([key, f"person{key}@acme.com", f"person{key}@acme.com", HARM]), 1)
        for key in keys
    ]
    settled = outcomes is not None
    return Batch.objects.create(
        team=run.team,
        run=run,
        plan_attempt=run.plan_attempt,
        number=run.batches.count() + 1,
        object_key="leads",
        operation_count=len(planned),
        row_count=len(planned),
        status=Batch.Status.SETTLED if settled else Batch.Status.PLANNED,
        attempt=int(settled),
        due_at=timezone.now(),
        payload=write(planned, Layout(("email", "first_name"), ("leave", "leave"))),
        outcomes=write_outcomes(outcomes, given_up=[], lost=False) if outcomes is not None else b"",
    )


def make_exchange(*, run: Run, batch: Batch | None = None, **columns: Any) -> Exchange:
    return Exchange.objects.create(
        **{
            "team": run.team,
            "connection": run.sync.connection,
            "subject": run.public_id,
            "call": f"{batch.pk}-{batch.attempt}" if batch else "",
            "method": "POST",
            "url": f"https://api.example.com/v2/bulk?{HARM}",
            "status": 202,
            "started_at": timezone.now(),
            "milliseconds": 12,
            **columns,
        }
    )


ACCEPTED = Outcome(Verdict.ACCEPTED, remote_id="lead-1")
REFUSED = Outcome(Verdict.REJECTED, f"Not a title: {HARM}", "title")
UNPROVED = Outcome(Verdict.UNPROVED, "The answer was lost.")
