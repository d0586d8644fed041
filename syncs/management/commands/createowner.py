"""`manage.py createowner`: somebody who owns a team, to begin with."""

import os
import sys
from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandParser
from django.core.validators import validate_email, validate_slug
from django.db import transaction

from syncadmin.teams import audit
from syncadmin.teams.models import Membership, Team, User
from syncs.management.base import UserCommand, UserError


class Command(UserCommand):
    help = (
        "Make a person the owner of a team; both are made where they are missing. The installation's first "
        "person also enters the Django admin."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", nargs="?", metavar="EMAIL", help="asked for where it is missing")
        parser.add_argument(
            "--team", metavar="SLUG", help="the team's short name, as in YAML; asked for where missing"
        )
        parser.add_argument("--name", help="the team's name, where it is made or renamed")
        where = parser.add_mutually_exclusive_group()
        where.add_argument(
            "--password-from-env", metavar="NAME", help="the environment variable that holds it"
        )
        where.add_argument("--password-stdin", action="store_true", help="read it from standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        email = _checked(
            "e-mail address", options["email"] or _ask("E-mail address: "), validate_email
        ).lower()
        slug = _checked("team", options["team"] or _ask("Team (a word such as acme): "), validate_slug)
        user = User.objects.filter(email__iexact=email).first()
        password = None if user is not None else self._password(email, options)
        with transaction.atomic():
            is_first = not User.objects.exists()
            if user is None:
                make = User.objects.create_superuser if is_first else User.objects.create_user
                user = make(email, password)
                self.stdout.write(f"{user} can sign in{', to the Django admin too' if is_first else ''}.")
            else:
                self.stdout.write(f"{user} is here already and keeps the password.")
            team, is_new = Team.objects.get_or_create(slug=slug, defaults={"name": options["name"] or slug})
            if options["name"] and team.name != options["name"]:
                team.name = options["name"]
                team.save(update_fields=["name"])
            if is_new:
                audit.record(None, team, audit.Action.TEAM_MADE, team)
            Membership.objects.update_or_create(
                team=team, user=user, defaults={"role": Membership.Role.OWNER}
            )
            audit.record(None, team, audit.Action.MEMBER_ADDED, user, after={"role": Membership.Role.OWNER})
        self.stdout.write(f"{user} owns the {'new ' if is_new else ''}team {team.name} ({team.slug}).")

    def _password(self, email: str, options: dict[str, Any]) -> str:
        if name := options["password_from_env"]:
            if name not in os.environ:
                raise UserError(f"The environment has no variable {name}.")
            password = os.environ[name]
        elif options["password_stdin"]:
            password = sys.stdin.readline().rstrip("\r\n")
        elif sys.stdin.isatty():
            password = getpass()
            if getpass("Once more: ") != password:
                raise UserError("The two passwords differ. Nobody was made.")
        else:
            raise UserError(
                "There is no terminal to ask for a password: use --password-from-env or --password-stdin."
            )
        try:
            validate_password(password, User(email=email))
        except ValidationError as error:
            raise UserError(f"The password will not do: {' '.join(error.messages)}") from None
        return password


def _ask(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise UserError("Give an e-mail address and --team; there is no terminal to ask for them.")
    return input(prompt).strip()


def _checked(what: str, text: str, check: Any) -> str:
    try:
        check(text)
    except ValidationError:
        raise UserError(f"`{text}` will not do as {what}.") from None
    return text
