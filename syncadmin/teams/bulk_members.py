"""Many members at once, from lines of e-mail address and role: read, and compared with who is there. Pure.

A role may be "remove". With `is_whole` the lines are everybody: who is not on them loses access.
"""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from syncadmin.teams.access import Role
from syncadmin.teams.membership import reaches

MOST_LINES = 500
LONGEST_EMAIL = 254
REMOVE = "remove"
HEADS = ("email", "e-mail", "e-mail address", "mail", "address")


class Kind(Enum):
    """What becomes of somebody: how it is said once it is done, and (`planned`) before."""

    ADDED = "Invited"
    CHANGED = "Changed"
    REMOVED = "Removed"
    UNCHANGED = "Unchanged"
    WRONG = "Wrong"

    @property
    def planned(self) -> str:
        return _PLANNED[self.name]


_PLANNED = {
    "ADDED": "Invite",
    "CHANGED": "Change role",
    "REMOVED": "Remove",
    "UNCHANGED": "No change",
    "WRONG": "Cannot be done",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """A line as it was typed: its number, and what it says."""

    number: int
    email: str
    role: str


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of somebody. `number` is 0 for who stands on no line. `is_invited`: not a member yet."""

    number: int
    email: str
    kind: Kind
    words: str
    role: str = ""
    is_invited: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change, in the order of the lines."""

    lines: tuple[Line, ...]

    def of(self, kind: Kind) -> list[Line]:
        return [line for line in self.lines if line.kind is kind]

    @property
    def can_be_applied(self) -> bool:
        return not self.of(Kind.WRONG) and len(self.of(Kind.UNCHANGED)) < len(self.lines)

    @property
    def mark(self) -> str:
        """Stands for all of it: what is applied is what was looked at."""
        told = "\n".join(f"{line.email} {line.kind.name} {line.words}" for line in self.lines)
        return hashlib.sha256(told.encode()).hexdigest()[:32]


class Unreadable(Exception):
    """The text as a whole cannot be taken; the message says why."""


def read(text: str) -> list[Wish]:
    """The lines of a CSV text, with commas, semicolons or tabs; a line of heads is left out. May be empty."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",;\t", key=first.count)
    found: list[Wish] = []
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text), delimiter=separator, strict=True), 1):
            values = [cell.strip() for cell in cells]
            if not any(values) or (not found and values[0].lower() in HEADS):
                continue
            found.append(Wish(number, values[0].lower(), values[1].lower() if len(values) > 1 else ""))
    except csv.Error as error:
        raise Unreadable(f"This cannot be read as CSV: {error}.") from None
    if len(found) > MOST_LINES:
        raise Unreadable(f"These are {len(found):,} lines; at most {MOST_LINES} can be taken at once.")
    return found


def compare(
    wishes: list[Wish],
    *,
    members: Mapping[str, str],
    invited: Mapping[str, str],
    owners: frozenset[str],
    me: str,
    is_whole: bool,
) -> Plan:
    """What the lines would change. `members` and `invited` give roles by address.

    `owners` are the addresses of owners who can sign in, `me` is whose lines these are.
    """
    mine = members[me]
    lines = list(_lines(wishes, members, invited, me, mine))
    if is_whole:
        named = {wish.email for wish in wishes}
        lines += [
            _gone(0, email, role, mine, is_invited=email in invited)
            for email, role in [*members.items(), *invited.items()]
            if email not in named and email != me
        ]
    left = owners - {line.email for line in lines if line.kind in (Kind.CHANGED, Kind.REMOVED)}
    made = any(line.kind is Kind.CHANGED and line.role == Role.OWNER for line in lines)
    if not left and not made:
        lines = [
            _wrong(line, "The team would be without an owner.") if line.email in owners else line
            for line in lines
        ]
    return Plan(tuple(lines))


def _lines(
    wishes: list[Wish], members: Mapping[str, str], invited: Mapping[str, str], me: str, mine: str
) -> Iterator[Line]:
    first: dict[str, int] = {}
    for wish in wishes:
        now = members.get(wish.email) or invited.get(wish.email)
        is_invited = wish.email not in members
        line = Line(wish.number, wish.email, Kind.UNCHANGED, "", wish.role, is_invited)
        if fault := _fault(wish, first, mine, now):
            yield _wrong(line, fault)
        elif wish.role == REMOVE and wish.email == me:
            yield _wrong(line, "You cannot remove yourself here. Leave the team from its settings.")
        elif wish.role == REMOVE and now is None:
            yield Line(wish.number, wish.email, Kind.UNCHANGED, "Not on the team")
        elif wish.role == REMOVE:
            yield _gone(wish.number, wish.email, str(now), mine, is_invited=is_invited)
        elif now == wish.role:
            words = f"{_label(wish.role)}{', invited already' if is_invited else ''}"
            yield Line(wish.number, wish.email, Kind.UNCHANGED, words, wish.role, is_invited)
        elif wish.email == me:
            yield _wrong(line, "You cannot change your own role here.")
        elif now is None:
            yield Line(wish.number, wish.email, Kind.ADDED, f"As {_label(wish.role)}", wish.role)
        else:
            words = f"{_label(now)} → {_label(wish.role)}{', invited' if is_invited else ''}"
            yield Line(wish.number, wish.email, Kind.CHANGED, words, wish.role, is_invited)
        first.setdefault(wish.email, wish.number)


def _fault(wish: Wish, first: Mapping[str, int], mine: str, now: str | None) -> str:
    """What is wrong with a line by itself; empty where nothing is."""
    try:
        validate_email(wish.email)
    except ValidationError:
        return "This is no e-mail address."
    if len(wish.email) > LONGEST_EMAIL:
        return "This address is too long."
    if wish.email in first:
        return f"The address stands on line {first[wish.email]} too."
    if wish.role != REMOVE and wish.role not in Role.values:
        choices = ", ".join([*Role.values, REMOVE])
        return (
            f"There is no role “{wish.role}”. Write one of {choices}."
            if wish.role
            else (f"The role is missing. Write one of {choices}.")
        )
    touched = [] if wish.role == now else [role for role in (wish.role, now) if role and role != REMOVE]
    beyond = next((role for role in touched if not reaches(mine, role)), None)
    return f"Your role does not reach {_label(beyond)}." if beyond else ""


def _gone(number: int, email: str, role: str, mine: str, *, is_invited: bool) -> Line:
    words = f"Was {_label(role)}{', invited' if is_invited else ''}"
    line = Line(number, email, Kind.REMOVED, words, REMOVE, is_invited)
    return line if reaches(mine, role) else _wrong(line, f"Your role does not reach {_label(role)}.")


def _wrong(line: Line, words: str) -> Line:
    return Line(line.number, line.email, Kind.WRONG, words, line.role, line.is_invited)


def _label(role: str) -> str:
    return Role(role).label.lower()
