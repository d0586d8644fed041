"""Triggers that make the audit log append-only, on SQLite and PostgreSQL.

An entry can go only while its team's number stands in `teams_teamdeletion`, which is when the team itself is
deleted. Whoever owns the database can drop the triggers; whoever has but the app's pages and commands cannot.
"""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_SAYS = "The audit log cannot be changed: entries are only added"
_SQLITE_MAKES = (
    f"""CREATE TRIGGER audit_entries_stay_as_they_are BEFORE UPDATE ON teams_auditentry
        BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END""",
    f"""CREATE TRIGGER audit_entries_stay BEFORE DELETE ON teams_auditentry
        WHEN NOT EXISTS (SELECT 1 FROM teams_teamdeletion WHERE team_number = OLD.team_id)
        BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END""",  # noqa: S608
    # INSERT OR REPLACE takes a row away without asking the trigger above.
    f"""CREATE TRIGGER audit_entries_are_not_replaced BEFORE INSERT ON teams_auditentry
        WHEN EXISTS (SELECT 1 FROM teams_auditentry WHERE id = NEW.id OR public_id = NEW.public_id)
        BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END""",  # noqa: S608
)
_SQLITE_DROPS = (
    "DROP TRIGGER IF EXISTS audit_entries_stay_as_they_are",
    "DROP TRIGGER IF EXISTS audit_entries_stay",
    "DROP TRIGGER IF EXISTS audit_entries_are_not_replaced",
)
_POSTGRES_MAKES = (
    f"""CREATE OR REPLACE FUNCTION teams_audit_entries_stay() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                IF EXISTS (SELECT 1 FROM teams_teamdeletion WHERE team_number = OLD.team_id) THEN
                    RETURN OLD;
                END IF;
            END IF;
            RAISE EXCEPTION '{_SAYS}' USING ERRCODE = 'restrict_violation';
        END $$""",  # noqa: S608
    """CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON teams_auditentry
        FOR EACH ROW EXECUTE FUNCTION teams_audit_entries_stay()""",
    """CREATE TRIGGER audit_entries_are_never_emptied BEFORE TRUNCATE ON teams_auditentry
        FOR EACH STATEMENT EXECUTE FUNCTION teams_audit_entries_stay()""",
)
_POSTGRES_DROPS = (
    "DROP TRIGGER IF EXISTS audit_entries_stay ON teams_auditentry",
    "DROP TRIGGER IF EXISTS audit_entries_are_never_emptied ON teams_auditentry",
    "DROP FUNCTION IF EXISTS teams_audit_entries_stay()",
)


def install(_apps: object, editor: BaseDatabaseSchemaEditor) -> None:
    """Make the triggers, in the shape of a migration's step. Those that are there are made anew."""
    remove(_apps, editor)
    _execute(editor, _SQLITE_MAKES if editor.connection.vendor == "sqlite" else _POSTGRES_MAKES)


def remove(_apps: object, editor: BaseDatabaseSchemaEditor) -> None:
    """Drop them: for taking the migration back, and for tests that empty the database."""
    _execute(editor, _SQLITE_DROPS if editor.connection.vendor == "sqlite" else _POSTGRES_DROPS)


def _execute(editor: BaseDatabaseSchemaEditor, statements: tuple[str, ...]) -> None:
    for statement in statements:
        editor.execute(statement, None)
