"""Who may enter a team's pages, and do what there. What belongs to another team does not exist: 404.

`Can` is the one table of what each role may do. Views ask for a line of it, the pages show it whole.
"""

from collections.abc import Callable
from contextlib import nullcontext
from enum import Enum
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeAlias
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.db.models import Case, Value, When
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from syncadmin.lib import personal
from syncadmin.lib.client import asking
from syncadmin.teams.doors import Door, door, issuer_of, tell_of_break_glass
from syncadmin.teams.models import Membership, Team, User

Role = Membership.Role
P = ParamSpec("P")

RANKS = {Role.VIEWER: 0, Role.EDITOR: 1, Role.ADMIN: 2, Role.OWNER: 3}
MOST_IN_THE_MENU = 50  # teams to switch to; "your teams" has all


class Can(Enum):
    """What can be done in a team, in the words of the pages, and the lowest role that may.

    Each role may do all that the roles below it may.
    """

    LOOK = "Look at syncs, models, sources, destinations and runs, with personal data masked", Role.VIEWER
    SEE_PEOPLE = "See the personal data in runs' rows and requests, and download them", Role.EDITOR
    BUILD = (
        "Make, change, pause and remove models and syncs, with their schedules, guards and brakes",
        Role.EDITOR,
    )
    RUN = "Start and cancel runs, and send rows again", Role.EDITOR
    TEST = "Test a connection, and ask a destination for its fields or rows", Role.EDITOR
    SOURCES = "Add, change and remove sources, with their credentials", Role.ADMIN
    CONNECT = "Add, change and remove connections, with their credentials", Role.ADMIN
    APPROVE = "Approve runs that a brake holds, or end them without sending", Role.ADMIN
    ALERTS = "Make, change and remove rules of alerts, and send tests", Role.EDITOR
    TARGETS = "Add, change and remove targets of alerts, with their addresses", Role.ADMIN
    MEMBERS = "Invite people, change their roles and remove them, up to the role admin", Role.ADMIN
    TOKENS = "Make API tokens, and take them back", Role.ADMIN
    AUDIT = "Read and download the audit log", Role.ADMIN
    SSO = "Set up single sign-on", Role.OWNER
    OWN = "Make and unmake owners, rename the team, hand it over", Role.OWNER

    def __init__(self, words: str, role: Membership.Role) -> None:
        self.words = words
        self.role = role

    def roles(self) -> tuple[Membership.Role, ...]:
        """Those who may, the highest first."""
        return tuple(role for role in Role if RANKS[role] >= RANKS[self.role])


class TeamRequest(HttpRequest):
    """A request to a team's page, by a member of it."""

    user: User
    team: Team
    role: Membership.Role
    membership: Membership
    other_teams: list[Team]  # to switch to: at most MOST_IN_THE_MENU
    has_more_teams: bool

    @property
    def may_edit(self) -> bool:
        return may(self, Role.EDITOR)

    @property
    def may_administer(self) -> bool:
        return may(self, Role.ADMIN)

    @property
    def may_own(self) -> bool:
        return may(self, Role.OWNER)


View: TypeAlias = Callable[Concatenate[TeamRequest, P], HttpResponseBase]


def may(request: HttpRequest, what: Membership.Role | Can) -> bool:
    """Whether the member's role reaches this one, or may do this."""
    held = getattr(request, "role", None)
    return held is not None and RANKS[held] >= RANKS[_role(what)]


def needs(can: Can) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """The view gets a TeamRequest of a member who may do this.

    Its address begins with the team's slug. Strangers get a 404, members of a lower role a 403 that says
    who may.
    """

    def decorate(view: View[P]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def within_team(request: Any, team: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            _enter(request, team)
            if _must_ask_the_provider(request):
                return redirect(reverse("sso_start", args=[team], query={"next": request.get_full_path()}))
            if not may(request, can):
                raise PermissionDenied(_refusal(request, can))
            seen = personal.shown() if may(request, Can.SEE_PEOPLE) else nullcontext()
            with seen, asking(request), timezone.override(ZoneInfo(request.user.time_zone)):
                response = view(request, *args, **kwargs)
                if hasattr(response, "render") and not getattr(response, "is_rendered", True):
                    response.render()
            return response

        within_team.needs = can  # type: ignore[attr-defined]  # tests go through all addresses
        return within_team

    return decorate


def _enter(request: Any, slug: str) -> None:
    """Set what a TeamRequest has. One query: the membership here, and those to switch to."""
    here = Case(When(team__slug=slug, then=Value(0)), default=Value(1))
    found = list(
        Membership.objects.filter(user=request.user)
        .select_related("team__single_sign_on")
        .order_by(here, "team__name", "pk")[: MOST_IN_THE_MENU + 2]
    )
    if not found or found[0].team.slug != slug:
        raise Http404
    membership = found[0]
    request.membership, request.team, request.role = membership, membership.team, Role(membership.role)
    request.other_teams = [other.team for other in found[1 : MOST_IN_THE_MENU + 1]]
    request.has_more_teams = len(found) > MOST_IN_THE_MENU + 1
    for name, role in (("may_edit", Role.EDITOR), ("may_administer", Role.ADMIN), ("may_own", Role.OWNER)):
        setattr(request, name, may(request, role))


def _must_ask_the_provider(request: TeamRequest) -> bool:
    """Whether the team's provider is to let them in first. PermissionDenied where theirs cannot."""
    team = request.team
    match door(issuer_of(request), getattr(team, "single_sign_on", None), request.user):
        case Door.OPEN:
            return False
        case Door.BREAK_GLASS:
            tell_of_break_glass(request, team)
            return False
        case Door.PROVIDER_ALONE if request.method in ("GET", "HEAD"):
            return True
        case Door.PROVIDER_ALONE:
            raise PermissionDenied(
                f"{team} is entered by single sign-on alone. Open one of its pages in another tab to sign "
                "in, then send this again."
            )
    raise PermissionDenied(
        f"You came in by single sign-on at {issuer_of(request)}, which does not open {team}. Sign out, and "
        "sign in as its members do."
    )


def _refusal(request: TeamRequest, can: Can) -> str:
    so_far = "look" if request.role == Role.VIEWER else "do much, but not this"
    return (
        f"As {request.role.label.lower()} of {request.team} you may {so_far}. This needs the role "
        f"{can.role.label.lower()}; an owner of the team can give it to you."
    )


def _role(what: Membership.Role | Can) -> Membership.Role:
    return what.role if isinstance(what, Can) else what
