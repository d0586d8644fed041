"""`manage.py apply FILE.yaml`: makes a team what a document says."""

import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from syncs.configuration.apply import apply, try_connections
from syncs.configuration.problems import ConfigurationError
from syncs.management.base import UserCommand, UserError


class Command(UserCommand):
    help = (
        "Create or update what a YAML document describes, and print each change. Nothing is removed that it "
        "does not name. ${NAME} comes from the environment. Connections that are new or get in otherwise are "
        "tested. Exit code 0: applied, or nothing to change; 1: applied, but a connection needs attention; "
        "2: errors, and nothing was written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the document; - reads standard input")
        parser.add_argument("--check", action="store_true", help="only print what would change")
        parser.add_argument("--no-test", action="store_true", help="do not test connections")

    def handle(self, *args: Any, **options: Any) -> None:
        file, check = options["file"], options["check"]
        text, name = _read(file), "standard input" if file == "-" else file
        try:
            applied = apply(text, os.environ, check=check)
        except ConfigurationError as error:
            told = error.told(name)
            raise UserError(
                "\n".join([*told, f"Nothing was written: {_counted(len(told))} to mend."])
            ) from None
        for line in applied.lines:
            self.stdout.write(line)
        if not applied.lines:
            self.stdout.write("nothing to change")
        elif check:
            self.stdout.write("nothing was written: this was a check")
        faults = [] if options["no_test"] else list(try_connections(applied))
        for line in faults:
            self.stderr.write(line)
        if faults:
            raise SystemExit(1)


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{file} is not UTF-8 text.") from None
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from None


def _counted(number: int) -> str:
    return "one thing" if number == 1 else f"{number} things"
