"""`manage.py up`: everything that an installation needs, in one foreground command."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, Error, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.urls import reverse

from syncadmin.checks import is_loopback
from syncadmin.supervisor import services
from syncadmin.supervisor.decisions import PoolWatch
from syncadmin.supervisor.doorbells import Watcher
from syncadmin.supervisor.supervise import CannotStart, Supervisor, take_over
from syncadmin.teams.setting_up import make_token


class Command(BaseCommand):
    help = "Runs the web server, the workers and (SANDBOX=1) the sandbox until Ctrl-C or SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--address", default=settings.ADDRESS, help="Where to serve the pages.")
        parser.add_argument("--port", type=int, default=settings.PORT)
        parser.add_argument("--no-web", action="store_true", help="Run no web server.")
        parser.add_argument("--no-worker", action="store_true", help="Run no workers.")
        parser.add_argument(
            "--sandbox", action="store_true", default=settings.SANDBOX, help="Run the sandbox too."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        address, port = options["address"], options["port"]
        if not 1 <= port <= 65535:
            raise CommandError(f"--port must be from 1 to 65535, not {port}.")
        _must_be_prepared(web=not options["no_web"])
        wanted, places = [], []
        if options["sandbox"]:
            wanted.append(services.sandbox())
            places.append(("127.0.0.1", settings.SANDBOX_PORT, "SANDBOX_PORT in the environment"))
        if not options["no_web"]:
            wanted.append(services.web(address, port))
            places.append((address, port, "`--port 8001`, or PORT in the environment"))
        if not options["no_worker"]:
            wanted.append(services.worker())
        supervisor = Supervisor(
            wanted,
            data_dir=settings.DATA_DIR,
            folder=settings.BASE_DIR,
            watcher=None if options["no_worker"] else Watcher(),
            pool_watch=PoolWatch(patience=settings.STUCK_SECONDS),
        )
        first = None if options["no_web"] else make_token()
        connections.close_all()
        try:
            with take_over(wanted, places, data_dir=settings.DATA_DIR):
                if not options["no_web"]:
                    self._greet(address, port, first)
                supervisor.run()
        except CannotStart as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:  # before there was anything to stop
            self.stdout.write("Stopped.")

    def _greet(self, address: str, port: int, first: str | None) -> None:
        """Where the pages are; and, where there is nobody yet, the link that makes the first owner."""
        if settings.DEBUG and not is_loopback(address):
            self.stderr.write(
                f"Development mode (DEBUG=1) is served on {address}, where others can reach it."
            )
        host = f"[{address}]" if ":" in address else address
        here = f"http://{host}:{port}/"
        self.stdout.write(f"Syncadmin serves {here} (Ctrl-C stops it).")
        if first is not None:
            public = f"https://{settings.ALLOWED_HOSTS[0]}/" if settings.BEHIND_TLS else here
            self.stdout.write(
                "Nobody has an account yet. Make the first owner here; the link works once: "
                f"{public}{reverse('set_up', args=[first]).lstrip('/')}"
            )
        self.stdout.flush()  # a pipe would keep it until the end


def _must_be_prepared(*, web: bool) -> None:
    """Raise CommandError where the database or the static files are not as the services need them."""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        raise CommandError(
            f"The database {DEFAULT_DB_ALIAS!r} cannot be used: {error}. Check DATABASE_URL."
        ) from None
    if missing:
        raise CommandError(
            f"The database lacks {len(missing)} migrations. Run `manage.py migrate` first, then `up` again."
        )
    if web and not settings.DEBUG and not (settings.STATIC_ROOT / "staticfiles.json").exists():
        raise CommandError("The static files are not collected. Run `manage.py collectstatic` first.")
