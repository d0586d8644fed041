"""`manage.py deleteteam TEAM`: deletes a team and all that is its own, its audit log included."""

import sys
from typing import Any

from django.core.management.base import CommandParser

from destinations.models import Connection
from syncadmin.teams.deleting import StillUsed, delete_team, demand_unused
from syncadmin.teams.models import AuditEntry, Team
from syncs.management.base import UserCommand, UserError, find_team
from syncs.models import Run, Source, Sync
from syncs.sources import uploads
from syncs.sources.duckdb import Upload
from syncs.views.source_uploads import folder_of, remove_folder
from syncs.views.sync_remove import remove


class Command(UserCommand):
    help = (
        "Delete a team: its syncs, models, sources, connections, what was sent, its members' places and its "
        "audit log. Nothing changes at the destinations. It cannot be undone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", metavar="TEAM", help="its short name, as in the address of its pages")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        team = find_team(options["team"])
        try:
            demand_unused(team)
        except StillUsed as used:
            raise UserError(f"{used} Nothing was deleted.") from None
        if not options["yes"]:
            self._ask(team)
        Sync.objects.filter(team=team).update(paused=True)  # nothing new begins meanwhile
        active = Run.objects.active().filter(team=team).select_related("sync").first()
        if active is not None:
            raise UserError(
                f"Run {active.number} of {active.sync.name} is going on. Wait for its end, or end it by "
                f"`manage.py cancel {active.public_id}`. Nothing was deleted; the team's syncs are paused."
            )
        for sync in Sync.objects.filter(team=team):
            if not remove(sync):
                raise UserError(f"A run of {sync.name} began meanwhile. Begin again.")
        uploaded = list(Source.objects.filter(team=team, kind=Upload.key))
        for source in uploaded:
            if (folder := folder_of(source)) is not None:
                uploads.mark(folder)
        try:
            delete_team(team)
        except StillUsed as used:
            raise UserError(str(used)) from None
        for source in uploaded:
            remove_folder(source)
        self.stdout.write(f"The team {team.name} ({team.slug}) is deleted.")

    def _ask(self, team: Team) -> None:
        if not sys.stdin.isatty():
            raise UserError("There is no terminal to ask: use --yes.")
        kinds = (
            ("syncs", Sync),
            ("sources", Source),
            ("connections", Connection),
            ("audit entries", AuditEntry),
        )
        for words, model in kinds:
            self.stdout.write(f"{words}: {model._default_manager.filter(team=team).count():,}")
        if input(f"Delete them and all else of the team? Type {team.slug} to go on: ").strip() != team.slug:
            raise UserError("Nothing was deleted.")
