"""What the commands for people share: errors in plain words and exit code 2, and how things are named."""

import os
import sys
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, InterfaceError, OperationalError, ProgrammingError

from syncadmin.teams.models import Team
from syncs.configuration.problems import did_you_mean
from syncs.models import Run, Sync

SHORTEST_ID = 6


class UserError(CommandError):
    """Something that the user must change. Printed without a traceback; exit code 2."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=2)


class UserCommand(BaseCommand):
    """A command whose failures are told in words."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            try:
                return super().execute(*args, **options)
            except (InterfaceError, OperationalError, ProgrammingError) as error:
                hint = "Start it, check DATABASE_URL, or run `manage.py migrate` if tables are missing."
                raise UserError(f"The database cannot be used: {_first_line(error)}. {hint}") from None
        except UserError as error:
            if not getattr(self, "_called_from_command_line", False):
                raise
            self.stderr.write(str(error))  # without the name of a class before it, as Django has it
            raise SystemExit(error.returncode) from None
        except BrokenPipeError:  # `| head`: nobody reads on, and Python would complain once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(2) from None


def find_team(slug: str) -> Team:
    team = Team.objects.filter(slug=slug).first()
    if team is None:
        slugs = Team.objects.order_by("slug").values_list("slug", flat=True)[:1_000]
        raise UserError(f"There is no team `{slug}`{did_you_mean(slug, slugs) or '.'}")
    return team


def find_only_team() -> Team:
    """The team of an installation that has one."""
    teams = list(Team.objects.order_by("slug")[:2])
    if len(teams) == 1:
        return teams[0]
    raise UserError("There are several teams: say which one with --team." if teams else "There is no team.")


def find_sync(name: str, team: str | None) -> Sync:
    """The sync with this name; the team is needed only where several teams have one."""
    syncs = Sync.objects.select_related("team")
    if team is not None:
        syncs = syncs.filter(team=find_team(team))
    found = list(syncs.filter(name=name).order_by("team__slug"))
    if not found:
        hint = did_you_mean(name, syncs.values_list("name", flat=True)[:1_000])
        raise UserError(f"There is no sync `{name}`{f' in the team {team}' if team else ''}{hint or '.'}")
    if len(found) > 1:
        slugs = ", ".join(sync.team.slug for sync in found)
        raise UserError(f"Several teams have a sync `{name}` ({slugs}). Say which one with --team.")
    return found[0]


def find_run(named: str) -> Run:
    """The run with this id; its first signs will do where no other run begins with them."""
    wanted = named.strip().lower()
    runs = Run.objects.select_related("sync", "team")
    try:
        found = list(runs.filter(public_id=UUID(wanted)))
    except ValueError:
        if len(wanted.replace("-", "")) < SHORTEST_ID or not _is_hex(wanted):
            raise UserError(
                f"`{named}` is no run's id, nor its first {SHORTEST_ID} signs. `manage.py runs` lists them."
            ) from None
        found = list(runs.filter(public_id__startswith=wanted)[:2])
    if len(found) > 1:
        raise UserError(f"Several runs begin with {named}. Give more of the id.")
    if not found:
        raise UserError(f"There is no run {named}. `manage.py runs` lists them.")
    return found[0]


def _is_hex(text: str) -> bool:
    return all(sign in "0123456789abcdef-" for sign in text)


def _first_line(error: Error) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")
