"""Who may enter a team's pages, and with what role. What belongs to another team does not exist: 404."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeAlias
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from syncadmin.teams.models import Membership, Team, User

Role = Membership.Role
P = ParamSpec("P")

RANKS = {Role.VIEWER: 0, Role.EDITOR: 1, Role.ADMIN: 2, Role.OWNER: 3}
# What each role may do beyond the one before it, as the pages say it.
MAY = {
    Role.VIEWER: "look at everything",
    Role.EDITOR: "make models and syncs, run them, send rows again",
    Role.ADMIN: "add and change sources and destinations with their credentials",
    Role.OWNER: "manage the team",
}


class TeamRequest(HttpRequest):
    """A request to a team's page, by a member of it."""

    user: User
    team: Team
    role: Membership.Role

    @property
    def may_edit(self) -> bool:
        return may(self, Role.EDITOR)

    @property
    def may_administer(self) -> bool:
        return may(self, Role.ADMIN)


View: TypeAlias = Callable[Concatenate[TeamRequest, P], HttpResponseBase]


def may(request: HttpRequest, role: Membership.Role) -> bool:
    """Whether the member's role reaches `role`."""
    held = getattr(request, "role", None)
    return held is not None and RANKS[held] >= RANKS[role]


def needs(role: Membership.Role) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """The view gets a TeamRequest of a member with at least this role.

    Its address begins with the team's slug. Strangers get a 404, members of a lower role a 403 that says
    who may.
    """

    def decorate(view: View[P]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def within_team(request: Any, team: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            membership = (
                Membership.objects.select_related("team").filter(user=request.user, team__slug=team).first()
            )
            if membership is None:
                raise Http404
            request.team, request.role = membership.team, Role(membership.role)
            request.may_edit = may(request, Role.EDITOR)
            request.may_administer = may(request, Role.ADMIN)
            if not may(request, role):
                raise PermissionDenied(
                    f"As {request.role.label.lower()} of {membership.team} you may {MAY[request.role]}. This "
                    f"needs the role {role.label.lower()}; an owner of the team can give it to you."
                )
            with timezone.override(ZoneInfo(request.user.time_zone)):
                response = view(request, *args, **kwargs)
                if hasattr(response, "render") and not getattr(response, "is_rendered", True):
                    response.render()
            return response

        return within_team

    return decorate
