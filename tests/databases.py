"""Databases for the tests: migrated once a run of the suite, copied for whoever wants one, soon emptied."""

import fcntl
import functools
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from syncadmin.teams import append_only
from syncadmin.teams.models import AuditEntry

IS_POSTGRES = os.environ.get("TEST_DATABASE") == "postgres"
# What migrating writes about the models themselves is the same before every test.
KEPT = {"django_content_type", "auth_permission"}


def once(name: str, make: Callable[[Path], None]) -> Path:
    """The file or folder that `make` makes, for the first process of the run that asks; the others wait.

    It lies in the folder of the run and goes with it, so it is never older than the code.
    """
    run = Path(os.environ["SYNCADMIN_TEST_DIR"])
    made, draft = run / name, run / f"{name}.draft"
    with (run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            make(draft)
            draft.rename(made)
    return made


def migrate(address: str) -> None:
    """Migrate an empty database, as its operator does it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--verbosity", "0"],
            env={
                **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
                "ENV_FILE": "",
                "DATA_DIR": folder,
                "DATABASE_URL": address,
            },
            stdin=subprocess.DEVNULL,
            check=True,
            timeout=300,
        )


def prepare() -> None:
    """Make the migrated database of this run's kind, before anybody waits for it."""
    if IS_POSTGRES:
        once("migrated", _make_database)
    else:
        once("migrated.sqlite3", _make_file)


def copy_file(to: Path) -> str:
    """A migrated SQLite database at this path: its address."""
    shutil.copyfile(once("migrated.sqlite3", _make_file), to)
    return f"sqlite:///{to}"


def copy_database(name: str) -> str:
    """A migrated database of this name on the suite's PostgreSQL: its address."""
    once("migrated", _make_database)
    _on_server(f"create database {name} template migrated")
    return _address(name)


def empty(connection: BaseDatabaseWrapper) -> None:
    """Delete all rows that a test can have written."""
    if connection.vendor == "postgresql":
        # Without triggers: neither those that keep references nor those that keep the audit log.
        deletes = "; ".join(f'delete from "{table}"' for table in _tables())
        with transaction.atomic(connection.alias), connection.cursor() as cursor:
            cursor.execute(f"set local session_replication_role = replica; {deletes}")
        return
    if AuditEntry.objects.using(connection.alias).exists():
        with connection.schema_editor() as editor:
            append_only.remove(None, editor)
            editor.execute(f"delete from {AuditEntry._meta.db_table}", None)
            append_only.install(None, editor)
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        for table in _tables():
            cursor.execute(f'delete from "{table}"')


@functools.cache
def _tables() -> tuple[str, ...]:
    models = apps.get_models(include_auto_created=True)
    tables = {model._meta.db_table for model in models if model._meta.managed and not model._meta.proxy}
    return tuple(sorted(tables - KEPT))


def _make_file(path: Path) -> None:
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")


def _make_database(sign: Path) -> None:
    _on_server("drop database if exists migrated with (force)")  # of a process that was ended in here
    _on_server("create database migrated template template0")
    migrate(_address("migrated"))
    sign.touch()


def _address(name: str) -> str:
    return os.environ["DATABASE_URL"].replace("/postgres?", f"/{name}?")


def _on_server(statement: str) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(statement.encode())
