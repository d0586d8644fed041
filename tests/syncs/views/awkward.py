"""A team whose names and values are as awkward as they may be, and every page that it has."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from django.urls.converters import IntConverter

from destinations import connect, registry
from destinations.models import Connection, ConnectionShare, Exchange
from destinations.sandbox.running import Sandbox
from syncadmin.teams.models import Team, User
from syncs.configuration import versions
from syncs.configuration.guard_save import mark_of
from syncs.engine.run import finish_here, start
from syncs.models import (
    AlertMessage,
    AlertRule,
    AlertTarget,
    Batch,
    FieldMapping,
    MailDomain,
    QueryModel,
    RejectedRow,
    Run,
    Source,
    Sync,
    SyncDraft,
)
from syncs.urls import urlpatterns
from syncs.views.people import reference
from tests.syncs.engine.scene import make_connection, write_csv

TAG = "<b id=x>"  # that must never be one
RIGHT_TO_LEFT = "שלום"
TURNED = "\u202e"  # turns round what follows, to the end of its paragraph
HARM = f"{TAG}\"'&amp;</script></textarea>{{{{ 7|add:7 }}}}{TURNED}{RIGHT_TO_LEFT} עולם "


def awkward(size: int, mark: str = "") -> str:
    """A text of this size: markup, right-to-left, and no place to break a line."""
    return (mark + HARM + "W" * size)[:size]


COLUMN = awkward(300, "column ").replace('"', "")  # a quotation mark would end its name in the CSV file
FIELD = f"Field_{'w' * 290}__c"
VALUE = awkward(5_000, "value ")


def fill(team: Team, sandbox: Sandbox, owner: User) -> dict[str, Any]:
    """Fill the team. Returns what the addresses of its pages may name."""
    Team.objects.filter(pk=team.pk).update(name=awkward(100, "team "))
    sandbox.add_field("lead", FIELD, "string")
    sandbox.add_field("lead", "Choice__c", "picklist", options=[awkward(300, "option "), "two"])
    connection = make_connection(team=team, url=sandbox.url, name=awkward(100, "connection "))
    connect.check(connection)
    row = {"id": VALUE[:300], "email": "a@acme.com", COLUMN: VALUE, "choice": "two", "title": VALUE}
    write_csv(
        f"{awkward(30)}.csv".replace("/", ""),
        [
            row,
            row | {"id": "2", "email": awkward(300)},
            row | {"id": "3", "email": "b@acme.com", "choice": VALUE},
            row | {"id": "4"},
            row | {"id": "5", "email": "c@acme.com"},
            row | {"id": "6", "email": "c@acme.com"},
        ],
    )
    source = Source.objects.create(
        team=team, name=awkward(100, "source "), kind="duckdb", health="good", health_reason=VALUE
    )
    sql = (
        f"select * from read_csv('*.csv', header = true, all_varchar = true) -- {VALUE.replace(chr(10), '')}"
    )
    model = QueryModel.objects.create(
        team=team, source=source, name=awkward(100, "model "), sql=sql, primary_key=["id"]
    )
    sync = Sync.objects.create(
        team=team,
        name=awkward(100, "sync "),
        model=model,
        connection=connection,
        object_key="leads",
        upsert_key="email",
    )
    mapping = {"email": "email", FIELD: COLUMN, "Choice__c": "choice", "title": "title"}
    for position, (field, column) in enumerate(mapping.items()):
        FieldMapping.objects.create(team=team, sync=sync, position=position, field=field, column=column)
    versions.keep(sync, author=owner)
    FieldMapping.objects.create(team=team, sync=sync, position=9, field="first_name", value=VALUE)
    versions.keep(sync, author=owner)
    run = finish_here(start(sync, started_by=owner, ring=False))
    Run.objects.filter(pk=run.pk).update(stop_reason=VALUE, notes=[VALUE], waits_for=VALUE)
    stopped = Run.objects.create(
        team=team, sync=sync, number=7, generation=1, due_at=run.due_at, status="stopped", stop_reason=VALUE
    )
    Sync.objects.filter(pk=sync.pk).update(last_run_number=7)
    trouble = make_connection(team=team, url=sandbox.url, name=awkward(100, "trouble "))
    Connection.objects.filter(pk=trouble.pk).update(health="attention", health_reason=VALUE)
    rows = [{"source": f"column:{COLUMN}", "field": f"field:{FIELD}"}, {"source": "value", "value": VALUE}]
    for of_sync in (sync, None):
        SyncDraft.objects.create(
            team=team,
            user=owner,
            sync=of_sync,
            content={
                "model": str(model.public_id),
                "connection": str(connection.public_id),
                "object": "leads",
                "mode": "upsert",
                "upsert_key": "email",
                "rows": rows,
                "name": awkward(100, "draft "),
            },
            based_on=sync.updated_at if of_sync else None,
        )
    guards = [
        {"name": awkward(100, "guard "), "hold_back": {"all": [{"column": COLUMN, "is": VALUE[:500]}]}},
        {"send_only": {"any": [{"field": FIELD, "in": [awkward(300), "x"]}]}},
        {"never_send": {"keys": [VALUE[:500]], "by_list_alone": [VALUE[:500]]}},
    ]
    Sync.objects.filter(pk=sync.pk).update(guards=guards)
    MailDomain.objects.create(team=team, domain=f"{'w' * 240}.example", verdict="blocked")
    batch = Batch.objects.filter(run=run).first()
    return {
        "source": [source.public_id],
        "model": [model.public_id],
        "connection": [connection.public_id, trouble.public_id],
        "sync": [sync.public_id],
        "run": [run.public_id, stopped.public_id],
        "row": list(RejectedRow.objects.filter(run=run).values_list("public_id", flat=True)),
        "guard": [mark_of([guard]) for guard in guards],
        "guard_kind": ["hold_back", "suppressed", "keep_first"],
        "key": list(registry.adapters()),
        "kind": ["postgres", "duckdb", "upload"],
        "batch": [batch.number if batch else 0],
        "position": [0],
        "number": [1, 2],
        "exchange": list(Exchange.objects.filter(subject=run.public_id).values_list("public_id", flat=True)),
        "share": list(ConnectionShare.objects.filter(team=team).values_list("public_id", flat=True)),
        "rule": list(AlertRule.objects.filter(team=team).values_list("public_id", flat=True)),
        "target": list(AlertTarget.objects.filter(team=team).values_list("public_id", flat=True)),
        "message": list(AlertMessage.objects.filter(team=team).values_list("public_id", flat=True)),
        "ref": [reference(team, key) for key in (VALUE[:60], *_keys(run))],
    }


def _keys(run: Run) -> list[str]:
    """Rows of the run that are known in other ways."""
    every = RejectedRow.objects.filter(run=run).exclude(key_text="").order_by("pk")
    return [*every.values_list("key_text", flat=True)[:2]]


QUERIES = {
    "person": ["?closely=1"],
    "sync_guards": ["?try=1"],
    "run_rows": [f"?show={show}" for show in ("arrived", "unchanged", "attention", "held_back", "waiting")]
    + ["?show=attention&stage=invalid"],
    "runs": ["?status=stopped", "?rows=arrived&period=24h", "?since=x"],
    "syncs": [f"?q={TAG}"],
    "models": [f"?q={TAG}"],
    "sources": [f"?q={TAG}"],
}


def addresses(team: str, names: dict[str, list[Any]]) -> Iterator[str]:
    """Every page of the team: each address with each thing that it may name, and each of its lists."""
    for pattern in _patterns(urlpatterns):
        chosen: list[dict[str, Any]] = [{}]
        for part, kind in pattern.pattern.converters.items():
            is_place = part == "row" and isinstance(kind, IntConverter)  # in a mapping, else a refused row
            chosen = [one | {part: name} for one in chosen for name in ([0, 1] if is_place else names[part])]
        for one in chosen:
            address = reverse(pattern.name, kwargs={"team": team, **one})
            yield from chain([address], (address + query for query in QUERIES.get(str(pattern.name), ())))


def _patterns(found: list[Any]) -> Iterator[URLPattern]:
    for one in found:
        if isinstance(one, URLResolver):
            yield from _patterns(one.url_patterns)
        else:
            yield one


def pages(client: Client, team: str, names: dict[str, list[Any]]) -> dict[str, str]:
    """What each page shows that is one: those that only act, lead elsewhere or are files are left out."""
    found = {}
    for address in addresses(team, names):
        answer = client.get(address)
        assert answer.status_code in {200, 302, 404, 405}, address
        if answer.status_code == 200 and not answer.streaming:
            found[address] = answer.content.decode()
        if answer.status_code == 404:  # of another run, or of none; a way to sign in that the service has not
            elsewhere = ("/runs/", "/row/sent/", "/destinations/", "/alerts/targets/add/")
            assert any(part in address for part in elsewhere), address
    return found
