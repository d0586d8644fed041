"""`manage.py sandbox`: run the bundled look-alikes of destinations until it is told to stop."""

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from destinations.sandbox.running import Sandbox
from destinations.sandbox.state import MEMORY, StateInUse


class Command(BaseCommand):
    help = "Run the sandbox: look-alikes of destinations, each with a control page at /__sandbox__/."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=settings.SANDBOX_PORT)
        parser.add_argument("--address", default="127.0.0.1")
        parser.add_argument(
            "--state",
            default=str(settings.DATA_DIR / "sandbox.sqlite3"),
            help=f"The file that it remembers in (others beside it), or {MEMORY}. Default: %(default)s.",
        )

    def handle(self, *args: Any, port: int, address: str, state: str, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        if state != MEMORY:
            Path(state).parent.mkdir(parents=True, exist_ok=True)
        try:
            sandbox = Sandbox(address=address, port=port, state=state)
            sandbox.start()
        except StateInUse as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(
                f"The sandbox cannot listen at {address}:{port}: {error.strerror}. Choose another --port."
            ) from None
        services = ", ".join(f"{each.label} at {each.url}" for each in sandbox.services)
        self.stdout.write(f"The sandbox listens: {services}. Switches are at /__sandbox__/ of each.")
        self.stdout.flush()
        stop.wait()
        sandbox.stop()
