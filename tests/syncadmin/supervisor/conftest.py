"""Installations to run and to break: each on a migrated database of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.syncadmin.supervisor.instance import Instance, database_at_hand, new_database


@pytest.fixture
def instance(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Instance]:
    instance = Instance(tmp_path, new_database(tmp_path))
    with django_db_blocker.unblock(), database_at_hand(instance):
        yield instance
        instance.close()
