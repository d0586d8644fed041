"""Installations to run and to break: each on a copy of one migrated database."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.syncadmin.supervisor.instance import IS_POSTGRES, Instance, database_at_hand, new_database


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """Migrated once; copied for every test."""
    folder = tmp_path_factory.mktemp("template")
    (folder / "data").mkdir()
    instance = Instance(folder, new_database(folder))
    done = instance.manage("migrate", "--verbosity", "0")
    assert done.returncode == 0, done.stderr
    if not IS_POSTGRES:
        with closing(sqlite3.connect(folder / "data" / "syncadmin.sqlite3")) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
    return instance


@pytest.fixture
def instance(migrated: Instance, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Instance]:
    shutil.copytree(migrated.data_dir, tmp_path / "data")
    template = migrated.database_name if IS_POSTGRES else ""
    instance = Instance(tmp_path, new_database(tmp_path, template))
    with django_db_blocker.unblock(), database_at_hand(instance):
        yield instance
        instance.close()
