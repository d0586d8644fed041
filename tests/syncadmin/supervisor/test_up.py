"""`manage.py up` with real processes: started, stopped, killed, wedged."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable

import psutil
import pytest

from syncadmin.supervisor.processes import MARK, mark_of
from syncs.models import WorkerBeat
from syncs.models.worker_beat import Kind
from tests.ports import free_port
from tests.syncadmin.supervisor.instance import ALIAS, Instance, press_ctrl_c

pytestmark = pytest.mark.slow


def is_answering(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/login/", timeout=20) as reply:
            return reply.status == 200
    except OSError:
        return False


def is_alive(process: psutil.Process) -> bool:
    """Also false for the dead that nobody has buried yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(processes: Iterable[psutil.Process]) -> None:
    """All of them. Some end by themselves as soon as the first is dead."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def test_everything_comes_up_and_sigterm_ends_it_without_a_trace(instance: Instance):
    port = free_port()
    process = instance.start("--port", str(port))
    instance.wait(lambda: is_answering(port), "the sign-in page")
    instance.wait_for_pool()
    beat = instance.heartbeat()
    assert beat["pid"] == process.pid
    assert psutil.pid_exists(beat["services"]["web"]["pid"])
    assert psutil.pid_exists(beat["services"]["worker"]["pid"])

    process.terminate()

    assert process.wait(60) == 0
    assert instance.children() == []
    assert instance.heartbeat() == {}


def test_ctrl_c_lets_the_workers_end_the_share_of_work_in_hand(instance: Instance):
    process = instance.start_pool()
    instance.queue("tests.syncadmin.supervisor.tasks.until_asked_to_stop")
    instance.wait(instance.is_working, "the task to be taken")

    press_ctrl_c(process)

    assert process.wait(60) == 0
    assert instance.children() == []
    assert not instance.is_working(), "the task came to its end and was acknowledged"
    assert "killed" not in instance.log()


def test_a_second_ctrl_c_ends_everything_at_once(instance: Instance):
    process = instance.start_pool()
    instance.queue("time.sleep", 60)
    instance.wait(instance.is_working, "the task to be taken")
    time.sleep(0.5)
    press_ctrl_c(process)
    time.sleep(1)
    assert process.poll() is None, "it waits for the task"

    press_ctrl_c(process)

    assert process.wait(60) == 0
    assert instance.children() == []
    assert "did not end" not in instance.log(), "it waited for nothing more"


def test_a_second_supervisor_is_told_about_the_first(instance: Instance):
    process = instance.start_pool()

    second = instance.manage("up", "--no-web")

    assert second.returncode == 1
    assert f"already running on {instance.data_dir} (process {process.pid})" in second.stderr
    assert "Stop that one first" in second.stderr
    assert len(instance.pool()) == 6, "the first one is unharmed"


def test_a_port_in_use_is_named_with_the_way_out(instance: Instance):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = instance.manage("up", "--port", str(port))
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 cannot be used" in done.stderr
    assert "--port 8001" in done.stderr


def test_a_database_without_tables_is_told_before_anything_starts(instance: Instance):
    instance.environment["DATABASE_URL"] = f"sqlite:///{instance.folder / 'empty.sqlite3'}"
    done = instance.manage("up", "--no-web")
    assert done.returncode == 1
    assert "Run `manage.py migrate` first" in done.stderr


@pytest.mark.parametrize("member", [0, 1], ids=["main process", "sentinel"])
def test_a_pool_that_lost_its_head_is_replaced_as_a_whole(instance: Instance, member: int):
    instance.start_pool()
    old = instance.pool()

    old[member].kill()

    instance.wait_for_pool(without=old)
    assert not [process for process in old if is_alive(process)]
    assert "The worker ended by itself" in instance.log()


def test_the_database_knows_within_seconds_whether_a_worker_is_there(instance: Instance):
    """The pages may be on another machine, with a DATA_DIR of their own."""
    beats = WorkerBeat.objects.using(ALIAS)
    process = instance.start_pool()
    instance.wait(beats.are_alive, "the first beat")
    instance.wait(lambda: beats.are_alive(Kind.SUPERVISOR), "the supervisor's first beat")

    process.terminate()
    assert process.wait(60) == 0
    assert not beats.are_alive(), "who ends takes the word back"
    instance.wait(lambda: not beats.are_alive(Kind.SUPERVISOR), "the supervisor's word to be taken back")

    process = instance.start_pool()
    instance.wait(beats.are_alive, "a beat of the next")
    found = instance.children()
    process.kill()
    kill(found)
    process.wait()
    instance.wait(lambda: not beats.are_alive(), "a beat of the dead to count no more")


def test_a_pool_that_is_stuck_is_replaced_and_the_work_is_done(instance: Instance):
    instance.start_pool()
    old = instance.pool()
    kill(instance.idle_workers())
    time.sleep(1)

    run = instance.make_due_run()

    instance.wait(lambda: instance.was_served(run), "the run to be served")
    if instance.heartbeat()["healed_count"]:  # the dead worker held the queue's lock, as it mostly does
        assert not set(old) & set(instance.pool())
        assert "it is replaced" in instance.log()


def test_due_work_gets_a_doorbell_when_all_of_them_were_lost(instance: Instance):
    instance.environment["STUCK_SECONDS"] = "600"  # however slow the pool is, it is not stuck
    instance.start_pool()
    run = instance.make_due_run()
    instance.wait(lambda: instance.was_served(run), "the run to be served")
    assert instance.heartbeat()["healed_count"] == 0


def test_a_killed_supervisor_leaves_no_orphans(instance: Instance):
    process = instance.start_pool()

    process.kill()
    process.wait()

    instance.wait(lambda: not instance.children(), "the children to end by themselves")


def test_left_overs_that_do_not_end_are_cleared_by_the_next_start(instance: Instance):
    deaf = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.fork(); time.sleep(300)"
    )
    mark = {MARK: mark_of("worker", instance.data_dir)}
    left_over = subprocess.Popen([sys.executable, "-c", deaf], env=instance.env | mark, process_group=0)
    instance.wait(lambda: len(instance.children()) == 2, "the left-overs")
    left_overs = instance.children()

    instance.start_pool()

    assert left_over.wait(60) == -signal.SIGKILL
    assert not [process for process in left_overs if is_alive(process)]


def test_the_whole_tree_killed_at_once_starts_anew(instance: Instance):
    process = instance.start_pool()
    old = instance.pool()
    process.kill()
    kill(old)
    process.wait()

    instance.start_pool()

    assert not set(old) & set(instance.pool())
