"""`manage.py export --team acme`: a team's configuration as a document, without secrets."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from syncadmin.lib.crypto import UnreadableSecret
from syncs.configuration.export import export
from syncs.management.base import UserCommand, UserError, find_team


class Command(UserCommand):
    help = "Write a team's configuration as YAML. Secrets stand as ${NAME}."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--team", required=True)
        parser.add_argument("-o", "--output", metavar="FILE", help="write to a file instead of printing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            text = export(find_team(options["team"]))
        except UnreadableSecret as error:
            raise UserError(str(error)) from None
        if not options["output"]:
            self.stdout.write(text, ending="")
            return
        try:
            Path(options["output"]).write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"{options['output']} cannot be written: {error.strerror}.") from None
