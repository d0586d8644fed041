"""`manage.py demo`: shows the product at work on this machine, until Ctrl-C."""

import logging
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.db import connections

from syncadmin.supervisor import services
from syncadmin.supervisor.decisions import PoolWatch
from syncadmin.supervisor.doorbells import Watcher
from syncadmin.supervisor.supervise import CannotStart, Supervisor, take_over
from syncs.demo import warehouse
from syncs.demo.places import Places
from syncs.demo.screen import Screen
from syncs.demo.story import Story
from syncs.management.base import UserCommand, UserError

END_SECONDS = 10.0


class Command(UserCommand):
    help = (
        "Show the product at work: a team, a sample warehouse, two syncs into the sandbox, and the pages "
        "until Ctrl-C. Started again, it goes on with what is there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=settings.PORT, help="Where to serve the pages.")
        parser.add_argument(
            "--once", action="store_true", help="End after the summary; exit code 2 if a run did not finish."
        )
        parser.add_argument(
            "--sql", metavar="STATEMENT", help="Only run this in the sample warehouse: change a row, say."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise UserError(
                "The demo adds a login and a sandbox, so it is for development mode alone, and this is "
                "production (DEBUG=0). Start it from a checkout where DEBUG is not 0."
            )
        port = options["port"]
        if not 1 <= port <= 65535:
            raise UserError(f"--port must be from 1 to 65535, not {port}.")
        screen, places = Screen(self.stdout), Places.here(services.web(settings.ADDRESS, port))
        try:
            if options["sql"]:
                screen.say(*warehouse.run_sql(places.warehouse, options["sql"]))
            else:
                self._show(screen, places, port, once=options["once"])
        except (CannotStart, warehouse.WarehouseError) as error:
            raise UserError(str(error)) from None
        except KeyboardInterrupt:  # before there was anything to stop
            screen.say("", "  Stopped.")

    def _show(self, screen: Screen, places: Places, port: int, *, once: bool) -> None:
        address = settings.ADDRESS
        wanted = [services.sandbox(), services.web(address, port), services.worker()]
        ports = [
            (address, port, f"`make demo PORT={port + 1}`"),
            ("127.0.0.1", settings.SANDBOX_PORT, f"`make demo SANDBOX_PORT={settings.SANDBOX_PORT + 1}`"),
        ]
        with take_over(wanted, ports, data_dir=settings.DATA_DIR), _logged_to(places.log) as log:
            screen.say("Syncadmin demo", "")
            screen.show("  Database   being prepared …")
            call_command("migrate", verbosity=0, interactive=False)
            connections.close_all()
            supervisor = Supervisor(
                wanted,
                data_dir=settings.DATA_DIR,
                folder=settings.BASE_DIR,
                watcher=Watcher(),
                pool_watch=PoolWatch(patience=settings.STUCK_SECONDS),
                output=log,
            )
            story = Story(supervisor, places, screen, once=once)
            story.start()
            supervisor.run()
            story.join(END_SECONDS)
        if story.failure:
            raise UserError(story.failure)
        if once and not story.is_complete:
            raise UserError("Not all runs came to their end. The next demo goes on with them.")
        screen.say("  Stopped.")


@contextmanager
def _logged_to(path: Path) -> Iterator[IO[str]]:
    """A new log file, into which our own log goes too: the screen is for the summary."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    handlers = [one for one in logging.getLogger().handlers if isinstance(one, logging.StreamHandler)]
    with path.open("w", encoding="utf-8") as log:
        before = [handler.setStream(log) for handler in handlers]
        try:
            yield log
        finally:
            for handler, stream in zip(handlers, before, strict=True):
                handler.setStream(stream)
