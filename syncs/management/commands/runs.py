"""`manage.py runs [RUN]`: the newest runs, or one with its reasons."""

import json
from typing import Any

from django.core.management.base import CommandParser

from syncs.management import report
from syncs.management.base import UserCommand, find_run, find_sync, find_team
from syncs.models import Run

SHOWN = 20


class Command(UserCommand):
    help = "List the newest runs, or show one with what needs attention."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", nargs="?", metavar="RUN", help="a run's id, or the first signs of it")
        parser.add_argument("--team", help="only this team's runs")
        parser.add_argument("--sync", help="only this sync's runs")
        parser.add_argument("--json", action="store_true", help="print JSON and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["run"]:
            self._show(find_run(options["run"]), as_json=options["json"])
            return
        runs = Run.objects.select_related("team", "sync").order_by("-pk")
        if options["sync"]:
            runs = runs.filter(sync=find_sync(options["sync"], options["team"]))
        elif options["team"]:
            runs = runs.filter(team=find_team(options["team"]))
        self._list(list(runs[:SHOWN]), as_json=options["json"])

    def _show(self, run: Run, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(report.details(run) | {"reasons": report.reasons(run)}))
            return
        for line in report.lines(run):
            self.stdout.write(line)

    def _list(self, runs: list[Run], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps([report.details(run) for run in runs]))
            return
        if not runs:
            self.stdout.write("There are no runs yet. `manage.py run SYNC` starts one.")
        for run in runs:
            bad = run.invalid_count + run.rejected_count + run.in_doubt_count
            numbers = "dry run, " if run.dry_run else ""
            numbers += f"{run.read_count:,} read, {run.accepted_count:,} arrived"
            if bad:
                numbers += f", {bad:,} need attention"
            if run.waiting_count:
                numbers += f", {run.waiting_count:,} waiting"
            self.stdout.write(
                f"{str(run.public_id)[:8]}  {run.created_at:%Y-%m-%d %H:%M:%S} UTC  {run.team.slug}  "
                f"{run.sync.name} #{run.number}  {run.get_status_display().lower()}: {numbers}"
            )
