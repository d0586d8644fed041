"""`manage.py where KEY`: where a person is in the syncs of a team, and why."""

from typing import Any

from django.core.management.base import CommandParser

from syncadmin.lib import personal
from syncadmin.teams.models import Team
from syncs.engine.spellings import LONGEST
from syncs.engine.whereabouts import candidates, find
from syncs.management.base import UserCommand, UserError, find_only_team, find_team
from syncs.views import people_words


class Command(UserCommand):
    help = (
        "Tell where a person is in all syncs of a team: arrived, held back, refused and why, on the way or "
        "never seen, who must act, and what comes next. Sources are not read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY", help="an e-mail address, a domain or a primary key")
        parser.add_argument("--team", help="needed where there are several teams")
        parser.add_argument(
            "--closely",
            action="store_true",
            help="also look for ids of destinations, and for values of rows that were stopped",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        key: str = options["key"]
        if not key.strip() or len(key) > LONGEST:
            raise UserError(f"Give an e-mail address, a domain or a primary key of at most {LONGEST} signs.")
        team = find_team(options["team"]) if options["team"] else find_only_team()
        with personal.shown():  # whoever is at the machine reads the database, too
            self._tell(team, key, closely=options["closely"])

    def _tell(self, team: Team, key: str, *, closely: bool) -> None:
        found = find(team, key, closely=closely)
        told = [people_words.tell(standing) for standing in found.standings]
        self.stdout.write(people_words.headline(found, told))
        for one in told:
            self.stdout.write("")
            for line in _lines(one):
                self.stdout.write(line)
        if found.gave_up:
            self.stdout.write("There are too many rows for a closer look.")
        if not told and (others := candidates(team, key)):
            self.stdout.write(f"Known keys that begin like this: {', '.join(others)}")


def _lines(one: people_words.Told) -> list[str]:
    standing = one.standing
    known = standing.match_key or f"row {standing.key_text}"
    lines = [
        f"{standing.sync.name} → {one.place.destination} {one.place.object.lower()}: {known}",
        f"  {one.sentence}",
        f"  {one.reason}" if one.reason else "",
        *(f"  {note}" for note in one.notes),
        f"  Who must act: {one.who}",
        f"  What to do: {one.to_do}" if one.to_do else "",
        f"  What comes next: {one.next}" if one.next else "",
    ]
    return [line for line in lines if line]
