"""PostgreSQL: one index of the ledger does for two.

A plan compares rows in the order of `ledger_compared`, by what stands in the index alone. PostgreSQL can let
the primary key carry the same, so that each row that is folded is written into one index less. SQLite has no
such keys, and keeps both. For Django nothing changes.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TABLE, KEY = "syncs_ledgerentry", "syncs_ledgerentry_pkey"


def merge(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        _make_key(editor, "INCLUDE (part, fingerprint)")
        editor.execute("DROP INDEX IF EXISTS ledger_compared")


def part(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        _make_key(editor, "")
        editor.execute(f"CREATE INDEX ledger_compared ON {TABLE} (sync_id, generation, part, key, fingerprint)")


def _make_key(editor: BaseDatabaseSchemaEditor, more: str) -> None:
    editor.execute(f"CREATE UNIQUE INDEX ledger_key ON {TABLE} (sync_id, generation, key) {more}")
    editor.execute(
        f"ALTER TABLE {TABLE} DROP CONSTRAINT {KEY}, ADD CONSTRAINT {KEY} PRIMARY KEY USING INDEX ledger_key"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("syncs", "0024_supervisor_beats"),
    ]

    operations = [
        migrations.RunPython(merge, part),
    ]
