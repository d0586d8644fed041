"""What stops a run tells what happened and who must do what; a later run works."""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos import people
from tests.chaos.conftest import long_form
from tests.chaos.disk import filled, tiny_disk
from tests.chaos.truth import assert_quiet, assert_told, assert_truth
from tests.chaos.world import CONFIGURATION, SYNC, World, wait_until
from tests.postgres import Database


def stopped(world: World) -> str:
    """Run, demand that it stops with nothing left open, and return the reason."""
    world.run(expect=(2,))
    last = world.runs()[-1]
    assert last["status"] == "stopped"
    assert last["finished_at"] is not None
    reason: str = last["stop_reason"]
    return reason


@long_form
def test_a_wrong_key_stops_the_run_and_says_what_to_do(make_world: Callable[..., World]) -> None:
    world = make_world(rows=people.people(20, 0))
    world.stand_in.account(key="another-key")
    assert_told(stopped(world), "key", "API")
    assert world.stand_in.state()["lead"] == {}
    world.stand_in.account(key="right-key")
    world.run()
    assert_truth(world)


@long_form
def test_a_missing_scope_is_named(make_world: Callable[..., World]) -> None:
    world = make_world(rows=people.people(20, 0))
    world.stand_in.account(scopes=["lead:manage"])
    assert_told(stopped(world), "bulk_job:manage")
    world.stand_in.account(scopes=["bulk_job:manage", "lead:manage", "company:manage"])
    world.run()
    assert_truth(world)


@long_form
def test_wrong_sql_stops_the_run_before_anything_is_sent(make_world: Callable[..., World]) -> None:
    world = make_world(rows=people.people(20, 0))
    path = world.folder / "files" / "leads.csv"
    path.rename(path.with_suffix(".moved"))
    assert_told(stopped(world), "leads.csv")
    assert world.stand_in.evidence().records_sent == 0
    world.write_configuration(CONFIGURATION.replace("select * from", "selct * form"))
    done = world.manage("apply", str(world.folder / "syncs.yaml"), expect=())
    if done.returncode == 0:
        assert_told(stopped(world), "selct|syntax")
    else:
        assert_told(done.stderr + done.stdout, "selct|syntax")
    path.with_suffix(".moved").rename(path)
    world.write_configuration()
    world.apply()
    world.run()
    assert_truth(world)


@long_form
def test_a_column_that_went_away_is_named(make_world: Callable[..., World]) -> None:
    world = make_world(rows=people.people(20, 0))
    path = world.folder / "files" / "leads.csv"
    path.write_text(path.read_text().replace("given_name", "first", 1))
    assert_told(stopped(world), "given_name")
    world.write_rows()
    world.run()
    assert_truth(world)


@long_form
def test_a_source_that_dies_half_way_stops_the_run(
    make_world: Callable[..., World], postgres_source: Database
) -> None:
    rows = people.people(250, 0)
    postgres_source.execute(f"create table leads ({', '.join(f'{name} text' for name in people.COLUMNS)})")
    postgres_source.load("leads", [tuple(row.columns[c] or None for c in people.COLUMNS) for row in rows])
    world = make_world(rows=rows)
    world.environment["WAREHOUSE_URL"] = postgres_source.url
    slow = "select l.* from leads l, lateral (select pg_sleep(0.01), l.id) as s"
    world.write_configuration(
        CONFIGURATION.replace('type: duckdb, path: "."', 'type: postgres, url: "${{WAREHOUSE_URL}}"').replace(
            "select * from 'leads.csv'", slow
        )
    )
    world.apply()
    process = world.start("run", SYNC, "--json", log="dying")
    assert end_backend(postgres_source), "the source's reader was not seen"
    assert process.wait(60) == 2, world.tail()
    reason = world.runs()[-1]["stop_reason"]
    assert_told(reason, "warehouse|files|source|database")
    assert world.stand_in.evidence().records_sent == 0
    world.run()
    assert_truth(world)


def end_backend(database: Database) -> bool:
    """Terminate whoever reads the slow query, half a second after it began."""
    for _ in range(200):
        if database.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
            " and datname = current_database() and state <> 'idle'"
            " and clock_timestamp() - xact_start > interval '0.5 s'"
        ):
            return True
        time.sleep(0.05)
    return False


@contextlib.contextmanager
def small_disk(folder: Path, size: str = "64k") -> Iterator[None]:
    """A disk of that size at the folder. Skips where we may not mount."""
    with tiny_disk(folder, size) as is_there:
        if not is_there:
            pytest.skip("needs the right to mount a small disk")
        yield


@long_form
def test_a_full_disk_for_the_plan_stops_the_run(make_world: Callable[..., World], tmp_path: Path) -> None:
    world = make_world(rows=people.people(400, 0))
    with small_disk(tmp_path / "scratch"):
        world.environment["SCRATCH_DIR"] = str(tmp_path / "scratch")
        assert_told(stopped(world), "disk|space|full", "scratch|SCRATCH_DIR|plan")
        assert world.stand_in.evidence().records_sent == 0
        wait_until(lambda: not list((tmp_path / "scratch").iterdir()), 5, "an empty scratch folder")
    world.environment.pop("SCRATCH_DIR")
    world.run()
    assert_truth(world)


@long_form
def test_a_full_disk_for_the_database_stops_the_run_too(make_world: Callable[..., World]) -> None:
    """SQLite and the scratch files on one disk, which is full before the plan is written."""
    world = make_world(rows=people.people(400, 0))
    data = world.folder / "data"
    with small_disk(data, "8m"):
        scratch = world.folder / "scratch"
        world.environment["SCRATCH_DIR"] = str(scratch)
        free = shutil.disk_usage(data).free
        ballast = data / "ballast"
        ballast.write_bytes(b"x" * (free - 200_000))
        reason = stopped(world)
        assert_told(reason, "disk|space|full", "database")
        assert world.stand_in.evidence().records_sent == 0
        ballast.unlink()
        world.run()
        assert_truth(world)


@long_form
def test_a_disk_that_fills_up_while_rows_are_sent_loses_nothing(make_world: Callable[..., World]) -> None:
    world = make_world(rows=people.people(400, 0), batch_size=10)
    with small_disk(world.folder / "data", "24m"):
        world.environment["SCRATCH_DIR"] = str(world.folder / "scratch")
        world.stand_in.faults(latency=[0.2, 0.6])
        process = world.start("run", SYNC, "--json", log="full")
        world.stand_in.wait_for(60, jobs=3)
        with filled(world.folder / "data"):
            world.noted("kill")
            time.sleep(3)
        world.noted("kill")
        told = "" if process.wait(120) in {0, 1} else (world.folder / "full.err").read_text()
        assert "Traceback" not in told, told
        if told:
            assert_told(told, "disk|space|full", "database")
        world.run()
        assert_truth(world)
        assert_quiet(world)
