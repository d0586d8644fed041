"""`manage.py run SYNC`: runs a sync to its end in the foreground, or hands it to the worker."""

import json
import os
import shlex
import signal
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from syncs.engine import approval, doorbell, run_audit, run_log
from syncs.engine.lease import holder_is_dead
from syncs.engine.run import AlreadyRunning, Paused, finish_here, start
from syncs.management import report
from syncs.management.base import UserCommand, UserError, find_sync
from syncs.models import Run, Sync


@contextmanager
def _unlogged() -> Iterator[None]:
    """Without the log's lines about runs."""
    before = run_log.log.disabled
    run_log.log.disabled = True
    try:
        yield
    finally:
        run_log.log.disabled = before


class Command(UserCommand):
    help = (
        "Run a sync to its end. Exit code 0: nothing needs attention; 1: some rows do; "
        "2: it did not finish (stopped, cancelled, interrupted, waiting for approval, or an error). Where a "
        "brake holds the run, you are asked at a terminal; otherwise it waits, unless --approve is given."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("sync", metavar="SYNC", help="the sync's name")
        parser.add_argument("--team", help="needed where several teams have a sync of this name")
        parser.add_argument("--full", action="store_true", help="send every row, changed or not")
        parser.add_argument("--limit", type=_positive, metavar="N", help="send at most N rows")
        parser.add_argument("--dry-run", action="store_true", help="plan only: send nothing")
        parser.add_argument("--approve", action="store_true", help="send what a brake holds, without asking")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        parser.add_argument("--queue", action="store_true", help="leave it to the worker; print the run's id")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["approve"] and options["queue"]:
            raise UserError(
                "--approve is for runs in the foreground: leave out --queue, or approve it on its page."
            )
        sync = find_sync(options["sync"], options["team"])
        with _unlogged() if self.stderr.isatty() else nullcontext():  # who watches needs no log of it
            self._do(sync, options)

    def _do(self, sync: Sync, options: dict[str, Any]) -> None:
        run = self._begin(sync, options)
        if options["queue"]:
            self.stdout.write(json.dumps(report.counts(run)) if options["json"] else str(run.public_id))
            return
        run = self._conduct(run, sync)
        while run.waits_for_approval and self._is_approved(run, options):
            run = self._conduct(run, sync)
        if options["json"]:
            self.stdout.write(json.dumps(report.counts(run)))
            if run.stop_reason:
                self._say(run.stop_reason)
        else:
            for line in report.lines(run):
                self.stdout.write(line)
        if code := report.exit_code(run):
            raise SystemExit(code)

    def _begin(self, sync: Sync, options: dict[str, Any]) -> Run:
        """A new run, or the active one where it does what is asked."""
        wanted = {key: options[key] for key in ("full", "limit", "dry_run")}
        try:
            return start(sync, **wanted, ring=options["queue"])
        except Paused as error:
            raise UserError(
                f"{error} That is done on its page, or by applying a document with `paused: false`."
            ) from None
        except AlreadyRunning as error:
            run = error.run
        if run.is_over_named_rows or (wanted["limit"], wanted["dry_run"]) != (run.limit, run.dry_run):
            raise UserError(self._other_kind(run, sync))
        if wanted["full"] and not run.full:
            raise UserError(self._other_kind(run, sync))
        if options["queue"]:
            doorbell.ring()
            self._say(f"Run {run.number} of {sync.name} is active already; this is its id.")
        elif run.status == Run.Status.QUEUED and not run.lease_holder:
            self._say(f"Run {run.number} of {sync.name} is queued already: it is run here now.")
        elif not run.lease_holder or holder_is_dead(run.lease_holder):
            self._say(f"Run {run.number} of {sync.name} was left unfinished: going on with it.")
        else:
            self._say(f"Run {run.number} of {sync.name} is under way in another process: following it.")
        return run

    def _other_kind(self, run: Run, sync: Sync) -> str:
        """Why the active run cannot stand for the one that is asked for."""
        kind, how = "was started with other options", f"finish it with `{_command(run)}`"
        if run.is_over_named_rows:
            kind, how = "sends some rows again", "wait for its end"
        return (
            f"Run {run.number} of {sync.name} is active, and it {kind}. "
            f"Either {how}, or cancel it with `manage.py cancel {run.public_id}`."
        )

    def _conduct(self, run: Run, sync: Sync) -> Run:
        """Take the run to its end here. It stays resumable where somebody interrupts us."""
        shown = ""

        def show(changed: Run) -> None:
            nonlocal shown
            line = report.progress(changed)
            if line != shown:
                self.stderr.write(f"\r\x1b[K{line}", str, ending="")
                shown = line

        is_watched = self.stderr.isatty()
        try:
            with _stopped_by_signals() as heed:

                def changed(now: Run) -> None:
                    if is_watched:
                        show(now)
                    if not now.is_over:
                        heed()

                return finish_here(run, on_change=changed)
        except KeyboardInterrupt:
            raise UserError(
                f"Interrupted. Run {run.number} of {sync.name} is kept as it is: `{_command(run)}` goes on "
                f"with it, and so does a worker where one is up; `manage.py cancel {run.public_id}` ends it."
            ) from None
        finally:
            if is_watched:
                self.stderr.write("\r\x1b[K", str, ending="")

    def _is_approved(self, run: Run, options: dict[str, Any]) -> bool:
        """Tell what holds the run. Whether whoever is here lets it go on."""
        can_ask = not options["json"] and sys.stdin.isatty() and self.stderr.isatty()
        if can_ask or options["json"] or options["approve"]:  # else the report says so
            for line in report.held(run):
                self._say(line)
        if not options["approve"]:
            if not can_ask:
                self._say(f"`{_command(run)} --approve` sends it; so does an admin of the team, on its page.")
                return False
            self.stderr.write("Send it? [y/N] ", str, ending="")
            if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
                return False
        with transaction.atomic():
            answer = approval.approve(run, attempt=run.plan_attempt, by=None)
            if answer.done:
                run_audit.decided(None, run, approved=True)
        if not answer.done:
            self._say(answer.text)
        run.refresh_from_db()
        return not run.waits_for_approval

    def _say(self, line: str) -> None:
        """A remark that is no error."""
        self.stderr.write(line, str)


def _command(run: Run) -> str:
    """What goes on with the run in the foreground."""
    words = ["manage.py", "run", run.sync.name, "--team", run.sync.team.slug]
    words += ["--full"] if run.full else []
    words += ["--limit", str(run.limit)] if run.limit is not None else []
    words += ["--dry-run"] if run.dry_run else []
    return shlex.join(words)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("must be a whole number from 1")
    return int(text)


@contextmanager
def _stopped_by_signals() -> Iterator[Callable[[], None]]:
    """SIGTERM ends us as Ctrl-C does: what is in flight is settled, a second signal does not wait for it.

    Gives what is to be called between two steps: there the first signal takes effect, never in the middle
    of a transaction.
    """
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        os.write(2, b"\nStopping: waiting for requests in flight. Once more, and they are left unanswered.\n")

    def heed() -> None:
        if asked:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
