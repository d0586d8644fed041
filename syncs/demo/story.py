"""What happens in the demo, beside the supervisor that runs its services: prepare, run, tell."""

import logging
import threading
import time

from django.db import DatabaseError, connections

from syncadmin.supervisor.supervise import Supervisor
from syncs.configuration.problems import ConfigurationError
from syncs.demo import login, runs, summary, warehouse
from syncs.demo.places import Places, shown
from syncs.demo.screen import Screen
from syncs.management import report
from syncs.models import Run

START_SECONDS = 180.0  # a small machine that does much else is slow
LOOK_SECONDS = 0.1

log = logging.getLogger(__name__)


class CannotGoOn(Exception):
    """The demo ends here; the message says why and who must do what."""


class Stopped(Exception):
    """Somebody pressed Ctrl-C."""


class Story(threading.Thread):
    """Start it before the supervisor's loop. It ends that loop where it cannot go on, or is told only `once`.

    Afterwards `failure` says why it could not go on, and `is_complete` whether all runs came to their end.
    """

    def __init__(self, supervisor: Supervisor, places: Places, screen: Screen, *, once: bool) -> None:
        super().__init__(name="demo", daemon=True)
        self.failure = ""
        self.is_complete = False
        self._supervisor = supervisor
        self._places = places
        self._screen = screen
        self._once = once

    def run(self) -> None:
        try:
            self._tell()
            while not (self._once or self._supervisor.is_stopping):
                time.sleep(LOOK_SECONDS)
        except Stopped:
            pass
        except Exception as error:
            self.failure = self._told(error)
        finally:
            self._supervisor.is_stopping = True
            self._screen.say("", "  Stopping …")
            connections.close_all()

    def _tell(self) -> None:
        is_new = warehouse.make(self._places.warehouse)
        sizes = warehouse.sizes(self._places.warehouse)
        somebody = login.ensure(self._places.password)
        rows = ", ".join(f"{number:,} {table}" for table, number in sizes.items())
        self._step("Warehouse", rows if is_new else f"{rows} (kept)", shown(self._places.warehouse))

        self._wait_for("sandbox")
        runs.prepare_sandbox(self._places.sandbox)
        changes = len(runs.configure(self._places.sandbox))
        told = "1 change" if changes == 1 else f"{changes} changes" if changes else "nothing to change"
        self._step("Set up", told, shown(runs.DOCUMENT))

        started = runs.begin(somebody.user)
        are_over = runs.follow(started, self._look)
        self._wait_for("web")
        self._step("Services", "web, worker, sandbox", shown(self._places.log))
        times = (f"{run.sync.name} {report.seconds(run):.1f} s" for run in started)
        self._step("Runs", ", ".join(times), "")
        self._screen.say("", *summary.lines(started))
        if not are_over:
            self._screen.say("", "  Nothing moves any more. The worker goes on with what is not over.")
        self.is_complete = are_over and all(report.exit_code(run) < 2 for run in started)
        if not self._once:
            self._screen.say("", *self._invitation(somebody))

    def _step(self, name: str, what: str, where: str) -> None:
        self._screen.say(f"  {name:10} {what:38} {where}".rstrip())

    def _look(self, followed: list[Run]) -> None:
        self._demand_running()
        now = ", ".join(f"{run.sync.name} {_progress(run)}" for run in followed)
        self._screen.show(f"  {'Runs':10} {now}")

    def _wait_for(self, name: str) -> None:
        """Wait until the service answers."""
        child = next(child for child in self._supervisor.children if child.service.name == name)
        deadline = time.monotonic() + START_SECONDS
        while not child.is_ready:
            self._demand_running()
            if time.monotonic() > deadline:
                raise CannotGoOn(f"The {name} does not come up. {shown(self._places.log)} may say why.")
            self._screen.show(f"  {'Services':10} waiting for the {name} …")
            time.sleep(LOOK_SECONDS)

    def _demand_running(self) -> None:
        if self._supervisor.is_stopping:
            raise Stopped

    def _invitation(self, somebody: login.Login) -> list[str]:
        """Where to look, how to sign in, and what to try."""
        places = self._places
        return [
            f"  Address    {places.pages}/",
            f"  Login      {login.EMAIL}",
            f"  Password   {somebody.password or 'the one that you set (manage.py changepassword)'}",
            "",
            "  Try next, in another terminal:",
            "    Change a row and run again; that row alone arrives:",
            f"      {places.manage} demo --sql \\",
            "        \"update people set title = 'CEO' where id = 7\"",
            f"      {places.manage} run leads --team {login.TEAM}",
            f"    What arrived, and faults to switch on: {places.sandbox}/__sandbox__/",
            f"    Rows that did not arrive: {places.failed_rows}",
            "",
            "  Ctrl-C stops everything.",
        ]

    def _told(self, error: Exception) -> str:
        """Why the story ended, for people."""
        match error:
            case CannotGoOn():
                return str(error)
            case ConfigurationError():
                mend = f"If {shown(self._places.warehouse)} was changed, remove it, and it is made anew."
                return "\n".join([*error.told(shown(runs.DOCUMENT)), mend])
            case warehouse.WarehouseError():
                return f"{shown(self._places.warehouse)}: {error} Remove it, and it is made anew."
            case DatabaseError() | OSError():  # the errors of `requests` are OSErrors
                return f"The demo cannot go on: {error}"
        log.error("The demo failed.", exc_info=error)
        return f"A fault in the demo ({type(error).__name__}); {shown(self._places.log)} has the place."


def _progress(run: Run) -> str:
    """Where a run is, in a word or two."""
    if run.status == Run.Status.DELIVERING:
        return f"{run.planned_count - run.waiting_count:,} of {run.planned_count:,} sent"
    return run.get_status_display().lower() if not run.is_over else "over"
