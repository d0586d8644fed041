"""`manage.py unlock EMAIL`: lets somebody sign in again at once who mistyped their password too often."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from syncadmin.teams import throttle
from syncadmin.teams.models import User


class Command(BaseCommand):
    help = "Let somebody sign in again at once, after too many wrong passwords. (axes_reset: everybody.)"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL")

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        if not User.objects.filter(email=email).exists():
            raise CommandError(f"Nobody here has the e-mail address {email}.")
        places = throttle.unlock(email)
        self.stdout.write(
            f"{email} may sign in again from everywhere."
            if places
            else f"{email} was not locked out anywhere."
        )
