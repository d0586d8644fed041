"""`manage.py cancel RUN`: ends a run. What is in flight is still settled."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from syncs.engine import run_audit
from syncs.engine.lease import holder_is_dead
from syncs.engine.run import cancel, finish_here
from syncs.management import report
from syncs.management.base import UserCommand, UserError, find_run
from syncs.models import Run


class Command(UserCommand):
    help = "Cancel a run. Rows that were not sent wait for the next one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", metavar="RUN", help="a run's id, or the first signs of it")

    def handle(self, *args: Any, **options: Any) -> None:
        run = find_run(options["run"])
        with transaction.atomic():
            is_asked = cancel(run)
            if is_asked:
                run_audit.cancelled(None, run)
        if not is_asked:
            run.refresh_from_db()
            raise UserError(
                f"Run {run.number} of {run.sync.name} is over already: {run.get_status_display().lower()}."
            )
        if _is_held(run):
            self.stdout.write(
                f"Run {run.number} of {run.sync.name} is being cancelled by the process that works on it."
            )
            return
        for line in report.lines(finish_here(run)):
            self.stdout.write(line)


def _is_held(run: Run) -> bool:
    """Whether somebody works on the run, or died so lately that we cannot know."""
    run.refresh_from_db()
    return bool(run.lease_holder) and not holder_is_dead(run.lease_holder)
