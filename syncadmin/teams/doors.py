"""By which door a session came in, and which teams that door opens: a password, or a team's provider."""

from enum import Enum, auto

from django.http import HttpRequest

from syncadmin.teams import audit
from syncadmin.teams.audit import Action
from syncadmin.teams.models import SingleSignOn, Team, User

SIGNED_IN_BY = "signed_in_by"  # in a session: the issuer that let it in; not there: a password did
_TOLD = "break_glass_told"


class Door(Enum):
    """Whether a session may enter a team, as far as its door is concerned."""

    OPEN = auto()
    ANOTHERS = auto()  # it came in by a provider that is not this team's
    PROVIDER_ALONE = auto()  # the team is entered by its provider alone
    BREAK_GLASS = auto()  # … and this is the owner who may all the same


def issuer_of(request: HttpRequest) -> str:
    """By whom the session was let in; empty: by a password."""
    return str(request.session.get(SIGNED_IN_BY, ""))


def door(issuer: str, kept: SingleSignOn | None, user: User) -> Door:
    """What the team's settings say of a session that `issuer` let in. Pure."""
    theirs = kept.issuer if kept is not None else ""
    if issuer:
        return Door.OPEN if issuer == theirs else Door.ANOTHERS
    if kept is None or not kept.is_enforced:
        return Door.OPEN
    return Door.BREAK_GLASS if kept.break_glass_id == user.pk else Door.PROVIDER_ALONE


def tell_of_break_glass(request: HttpRequest, team: Team) -> None:
    """Write down, once in a session, that somebody came in past the provider."""
    if request.session.get(_TOLD) != team.pk:
        audit.record(request, team, Action.SSO_BREAK_GLASS, team)
        request.session[_TOLD] = team.pk
