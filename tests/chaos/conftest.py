"""Worlds for the chaos tests: built on a migrated template, ended without a trace."""

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from destinations.sandbox.running import running_service
from destinations.sandbox.salesloft import Salesloft
from tests import databases
from tests.chaos import people
from tests.chaos.log import seeds
from tests.chaos.salesloft_world import Beside, SalesloftWorld
from tests.chaos.world import StandIn, World
from tests.postgres import SUPERUSER, postgres, postgres_server, postgres_source

__all__ = ["postgres_server", "postgres_source"]

pytest.register_assert_rewrite("tests.chaos.truth")

SEEDS = seeds(os.environ.get("CHAOS_SEEDS", ""))  # none is the short form, in the ordinary suite
long_form = pytest.mark.skipif(not SEEDS, reason="the long form: make chaos")
DATABASES = ("sqlite", "postgres")
# The suite's own, for worlds of which a test says nothing.
DATABASE = DATABASES[os.environ.get("TEST_DATABASE") == "postgres"]
needs_no_database = pytest.mark.skipif(
    DATABASE == "postgres", reason="It has no database: one pass is enough."
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The whole folder starts real processes: on a busy machine these take their time."""
    for item in items:
        if "tests/chaos" in str(item.path):
            item.add_marker(pytest.mark.slow)
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(900))


def new_database(*, template: str = "template0") -> str:
    """The address of an empty database on the tests' server, or of a copy of another."""
    name = f"w{uuid4().hex[:12]}"
    with postgres().connect() as connection:
        connection.execute(f"create database {name} template {template}".encode())
    return postgres().url(user=SUPERUSER, database=name)


def drop_database(world: World) -> None:
    """Gigabytes would come together in a long run."""
    if world.is_postgres and world.database_url:
        name = world.database_url.rsplit("/", 1)[1]
        with postgres().connect() as connection:
            connection.execute(f"drop database {name} with (force)".encode())


@functools.cache
def migrated_here() -> str:
    """The name of a migrated database on this process's server, to copy. Only the first process migrates."""

    def make(path: Path) -> None:
        address = new_database()
        databases.migrate(address)
        postgres().program("pg_dump", f"--file={path}", address)

    address = new_database()
    made = databases.once("migrated.sql", make)
    postgres().program("psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={made}", address)
    return address.rsplit("/", 1)[1]


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Build worlds: make_world(database=DATABASE, seed=0, rows=…, faults=…, extra=…, arguments=…)."""
    with ExitStack() as closing:

        def build(
            *,
            database: str = DATABASE,
            seed: int = 0,
            rows: list[people.Row] | None = None,
            faults: dict[str, Any] | None = None,
            arguments: tuple[str, ...] = (),
            **more: Any,
        ) -> World:
            folder = new_folder(tmp_path)
            stand_in = StandIn(folder, seed=seed, faults=faults or {}, arguments=arguments)
            rows = people.people(120, seed) if rows is None else rows
            world = World(folder, address_in(folder, database), stand_in, rows, **more)
            begin(world, database, closing)
            return world

        yield build


@pytest.fixture
def make_salesloft(tmp_path: Path) -> Iterator[Callable[..., SalesloftWorld]]:
    """Build worlds: make_salesloft(database="sqlite", keys=…, switches=…, …)."""
    with ExitStack() as closing:

        def build(
            *, database: str = "sqlite", switches: dict[str, Any] | None = None, **more: Any
        ) -> SalesloftWorld:
            usual = {"job_seconds": 0.2, "window_cost": 1_000_000}
            service = closing.enter_context(running_service(Salesloft, switches=usual | (switches or {})))
            folder = new_folder(tmp_path)
            stand_in: Any = Beside(service)
            world = SalesloftWorld(folder, address_in(folder, database), stand_in, [], **more)
            begin(world, database, closing)
            return world

        yield build


def new_folder(parent: Path) -> Path:
    folder = parent / uuid4().hex[:6]
    folder.mkdir()
    return folder


def address_in(folder: Path, database: str) -> str:
    """Where the world's database is; PostgreSQL's is known once it is made."""
    return f"sqlite:///{folder / 'data' / 'syncadmin.sqlite3'}" if database == "sqlite" else ""


def begin(world: World, database: str, closing: ExitStack) -> None:
    """Migrated, with its syncs, and ended without a trace."""
    closing.callback(drop_database, world)
    closing.callback(world.close)
    migrate(world, database)
    world.apply()


def migrate(world: World, database: str) -> None:
    """Give a world a migrated database of its own."""
    if database == "postgres":
        world.database_url = new_database(template=migrated_here())
    else:
        databases.copy_file(world.folder / "data" / "syncadmin.sqlite3")
