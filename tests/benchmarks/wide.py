"""A sync of 200 columns into an object of 200 fields, whose source is a table of the database at hand."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

COLUMNS = 200
ROWS = 1_000


def fill_wide(team: Any, address: str, folder: Path) -> Any:
    """The sync. `address` is the PostgreSQL server's, "" for a CSV file in the `folder`."""
    from django.conf import settings
    from django.utils import timezone

    from destinations import registry
    from destinations.contract import Field, Kind
    from destinations.models import Connection, RemoteAccount
    from syncs.models import FieldMapping, QueryModel, Source, Sync

    names = ["email", *(f"attribute_{number}" for number in range(1, COLUMNS))]
    if address:
        source = Source(team=team, name="warehouse", kind="postgres", options=_options(address))
        sql = "select * from wide"
        _fill_table(names)
    else:
        settings.FILES_DIR = folder
        row = ",".join(["person@acme.com", *(f"value {n}" for n in range(1, COLUMNS))])
        (folder / "wide.csv").write_text("\n".join([",".join(names), *([row] * ROWS)]))
        source = Source(team=team, name="wide files", kind="duckdb")
        sql = "select * from read_csv('wide.csv', header = true, all_varchar = true)"
    source.save()
    model = QueryModel.objects.create(team=team, source=source, name="wide", sql=sql, primary_key=["email"])
    fields = [
        Field("email", "Email", Kind.EMAIL),
        *(Field(f"Attribute_{n}__c", f"Attribute {n}", Kind.TEXT, custom=True) for n in range(1, COLUMNS)),
    ]
    account = RemoteAccount.objects.create(team=team, destination="qualified")
    connection = Connection.objects.create(
        team=team,
        account=account,
        name="wide",
        destination="qualified",
        fields=registry.remember_fields({}, "leads", fields, fetched_at=timezone.now()),
    )
    sync = Sync.objects.create(
        team=team, name="wide", model=model, connection=connection, object_key="leads", upsert_key="email"
    )
    FieldMapping.objects.bulk_create(
        FieldMapping(team=team, sync=sync, position=at, field=field.key, column=column)
        for at, (field, column) in enumerate(zip(fields, names, strict=True))
    )
    return sync


def _options(address: str) -> dict[str, Any]:
    parts = urlsplit(address)
    host = parse_qs(parts.query).get("host", [parts.hostname])[0]
    return {"host": host, "database": parts.path.lstrip("/"), "user": parts.username or "postgres"}


def _fill_table(names: list[str]) -> None:
    from django.db import connection

    columns = ", ".join(f"'value {n}'::text as {name}" for n, name in enumerate(names[1:]))
    with connection.cursor() as cursor:
        cursor.execute(
            f"create table wide as select 'person' || g || '@acme.com' as {names[0]}, {columns} "
            f"from generate_series(1, {ROWS}) g"
        )
