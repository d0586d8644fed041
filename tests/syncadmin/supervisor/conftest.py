"""Installations to run and to break: each on a copy of one migrated database."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import environ
import psycopg
import pytest
from django.conf import settings
from django.db import connections
from pytest_django import DjangoDbBlocker

from tests.syncadmin.supervisor.instance import ALIAS, Instance

IS_POSTGRES = os.environ.get("TEST_DATABASE") == "postgres"


def _new_database(folder: Path, template: str = "template0") -> str:
    """The address of an empty database, of the kind that this run of the suite is about."""
    if not IS_POSTGRES:
        return f"sqlite:///{folder / 'data' / 'syncadmin.sqlite3'}"
    server, name = os.environ["DATABASE_URL"], f"instance_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name} template {template}".encode())
    return server.replace("/postgres?", f"/{name}?")


def _name_of(address: str) -> str:
    return address.split("?")[0].rsplit("/", 1)[1]


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """Migrated once; copied for every test."""
    folder = tmp_path_factory.mktemp("template")
    (folder / "data").mkdir()
    instance = Instance(folder, _new_database(folder))
    done = instance.manage("migrate", "--verbosity", "0")
    assert done.returncode == 0, done.stderr
    if not IS_POSTGRES:
        with closing(sqlite3.connect(folder / "data" / "syncadmin.sqlite3")) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
    return instance


@pytest.fixture
def instance(migrated: Instance, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Instance]:
    shutil.copytree(migrated.data_dir, tmp_path / "data")
    template = _name_of(migrated.database_url) if IS_POSTGRES else ""
    instance = Instance(tmp_path, _new_database(tmp_path, template))
    config = environ.Env.db_url_config(instance.database_url)
    connections.databases[ALIAS] = {**settings.DATABASES["default"], **config}
    connections.databases[ALIAS]["OPTIONS"] = {
        **settings.DATABASES["default"].get("OPTIONS", {}),
        **config.get("OPTIONS", {}),
    }
    with django_db_blocker.unblock():
        yield instance
        instance.close()
        connections[ALIAS].close()
    del connections[ALIAS]
    del connections.databases[ALIAS]
