"""What `/healthz` says while the world breaks: the pages on one machine, the workers on another."""

import urllib.error
import urllib.request
from collections.abc import Callable
from threading import Thread
from typing import Any

import orjson

from tests.chaos import people
from tests.chaos.conftest import long_form
from tests.chaos.strikes import Supervised
from tests.chaos.world import World, wait_until
from tests.ports import free_port
from tests.postgres import postgres

WELL = dict.fromkeys(("web", "database", "worker", "supervisor", "clock", "queue"), "ok")


@long_form
def test_health_names_what_is_broken_and_is_well_again_by_itself(make_world: Callable[..., World]) -> None:
    world = make_world(database="postgres", rows=people.people(20, 0))
    port = free_port()
    world.environment["DATA_DIR"] = str(world.folder / "web")
    (world.folder / "web").mkdir()
    world.start("up", "--no-worker", "--port", str(port), log="web")
    del world.environment["DATA_DIR"]

    def health() -> dict[str, Any]:
        """What is told, and the status as `status`; 0 where nobody answers."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{port}/healthz", timeout=20) as reply:
                return {"status": reply.status, **orjson.loads(reply.read())}
        except urllib.error.HTTPError as error:
            return {"status": error.code, **orjson.loads(error.read())}
        except OSError:
            return {"status": 0}

    def is_well() -> bool:
        told = health()
        return told["status"] == 200 and told["ok"] and WELL.items() <= told.items()

    def tells(part: str, words: str) -> bool:
        told = health()
        return told["status"] == 503 and not told["ok"] and words in told[part]

    wait_until(lambda: tells("worker", "none has shown itself"), 60, "pages without a worker")
    pages = world.processes()
    with Supervised(world):
        wait_until(is_well, 60, f"all to be well\n{world.tail()}")
        pids = {process.pid for process in pages}
        world.kill([process for process in world.processes() if process.pid not in pids])
        wait_until(
            lambda: tells("worker", "none has shown itself"), 20, "the death of the workers to be told"
        )
        wait_until(
            lambda: tells("supervisor", "none has shown itself"), 45, "the supervisor's death to be told"
        )
    with Supervised(world):
        wait_until(is_well, 60, f"the workers to be back\n{world.tail()}")
        restart = Thread(target=postgres().restart, kwargs={"away": 8})
        restart.start()
        wait_until(lambda: tells("database", "does not answer"), 15, "the database's absence to be told")
        restart.join()
        wait_until(is_well, 60, f"the database to be back\n{world.tail()}")
        world.query("update django_q_schedule set next_run = now() + interval '3 hours' returning id")
        wait_until(
            lambda: tells("clock", "schedules stand still"), 10, "a clock that was put back to be told"
        )
        wait_until(is_well, 60, f"the clock to be mended\n{world.tail()}")
