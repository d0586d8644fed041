"""`manage.py forget KEY`: removes a person from all that is kept here."""

import sys
from typing import Any

from django.core.management.base import CommandParser

from syncadmin.teams import audit
from syncs.configuration.guards import naming
from syncs.engine.forget import StillRunning, forget, look
from syncs.management.base import UserCommand, UserError, find_only_team, find_team


class Command(UserCommand):
    help = (
        "Remove a person from sent records, rows that need attention, batches and recorded requests. KEY "
        "is an e-mail address (or another upsert key), which reaches all syncs, or a row's primary key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY")
        parser.add_argument("--team", help="needed where there are several teams")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        team = find_team(options["team"]) if options["team"] else find_only_team()
        if not options["key"].strip():
            raise UserError("Give an e-mail address, another upsert key, or a primary key.")
        found = {kind: number for kind, number in look(team, options["key"]).items() if number}
        named = ", ".join(sync.name for sync in naming(team, options["key"]))
        stays = (
            f"Guards name them, so that they are not sent, and stay as they are: {named}." if named else ""
        )
        if not found:
            self.stdout.write(stays or "Nothing is kept of them here.")
            return
        if not options["yes"]:
            self._ask(found)
        try:
            removed = forget(team, options["key"])
        except StillRunning as error:
            raise UserError(f"{error} `manage.py cancel {error.run.public_id}` cancels it.") from None
        # The log says that it was done, not about whom: that would keep them.
        audit.record(None, team, audit.Action.PERSON_FORGOTTEN, after=removed)
        for line in _lines(removed):
            self.stdout.write(f"removed · {line}")
        self.stdout.write(
            "If a source still holds them, the next run sends them again. The destination's records stay."
        )
        if stays:
            self.stdout.write(stays)

    def _ask(self, found: dict[str, int]) -> None:
        if not sys.stdin.isatty():
            raise UserError(
                f"Kept of them: {', '.join(_lines(found))}. There is no terminal to ask: use --yes."
            )
        for line in _lines(found):
            self.stdout.write(line)
        if input("Remove all of it? It cannot be undone. [y/N] ").strip().lower() not in {"y", "yes"}:
            raise UserError("Nothing was removed.")


def _lines(counts: dict[str, int]) -> list[str]:
    return [f"{kind}: {number:,}" for kind, number in counts.items() if number]
