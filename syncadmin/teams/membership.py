"""Who is on a team: adding, roles, leaving, handing over. A team always keeps an owner who can sign in.

Each act locks the team's row and looks again, so that two owners who leave at once do not both go. Nobody
gives or takes a role above their own.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from syncadmin.teams import audit, tokens
from syncadmin.teams.access import RANKS, Role, TeamRequest
from syncadmin.teams.audit import Action
from syncadmin.teams.models import ApiToken, Invitation, Membership, SingleSignOn, Team, User


class Refused(Exception):
    """It cannot be done; the message says why, and who must do what. Nothing was written."""


class LastOwner(Refused):
    """The team would be without an owner."""

    def __init__(self, team: Team) -> None:
        super().__init__(
            f"{team} needs an owner who can sign in, and this is the last. Make somebody else an owner first."
        )


@contextmanager
def locked(team: Team) -> Iterator[None]:
    """A transaction in which nobody else changes who is on the team."""
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        yield


def reaches(mine: str, other: str) -> bool:
    """Whether somebody of the role `mine` may give and take the role `other`."""
    return RANKS[Role(mine)] >= max(RANKS[Role(other)], RANKS[Role.ADMIN])


def change_role(request: TeamRequest, member: Membership, role: str) -> bool:
    """Give a member another role. False: it is theirs already."""
    with locked(request.team):
        now = _now(member)
        demand_reach(request, now.role, role)
        if now.role == role:
            return False
        set_role(request, now, role)
    return True


def remove(request: TeamRequest, member: Membership, *, with_tokens: bool = False) -> None:
    """Take a member's access away, at once. What they made stays, but for open invitations, and API tokens
    if that is wished.
    """
    with locked(request.team):
        now = _now(member)
        demand_reach(request, now.role)
        take_away(request, now)
        for token in tokens_of(now) if with_tokens else ():
            tokens.revoke(request, token)


def tokens_of(member: Membership) -> QuerySet[ApiToken]:
    """The team's API tokens that the member made, and so has seen, that are still good."""
    made = ApiToken.objects.select_related("team").filter(team=member.team_id, made_by=member.user_id)
    return made.filter(expires_at__gt=timezone.now()).order_by("name")


def leave(request: TeamRequest) -> None:
    """Give one's own place up."""
    with locked(request.team):
        now = _now(request.membership)
        demand_owner(request.team, without=now)
        now.delete()
        audit.record(request, request.team, Action.MEMBER_LEFT, now.user, before={"role": now.role})
        _take_back_invitations(request, now, None)


def hand_over(request: TeamRequest, member: Membership) -> None:
    """Make a member owner in one's place; oneself an admin. Other owners stay."""
    with locked(request.team):
        mine, theirs = _now(request.membership), _now(member)
        if mine.role != Role.OWNER:
            raise Refused("Only an owner can hand the team over.")
        if not theirs.user.is_active:
            raise Refused(f"{theirs.user} cannot sign in: an operator switched the account off.")
        if theirs.pk == mine.pk:
            raise Refused("The team is yours already.")
        Membership.objects.filter(pk=theirs.pk).update(role=Role.OWNER)
        demand_owner(request.team, without=mine)
        Membership.objects.filter(pk=mine.pk).update(role=Role.ADMIN)
        audit.record(
            request, request.team, Action.TEAM_HANDED_OVER, theirs.user, before={"role": theirs.role}
        )
        _take_back_invitations(request, mine, Role.ADMIN)


# Within `locked`


def set_role(by: audit.By, member: Membership, role: str) -> None:
    """Write another role down, if the team keeps an owner."""
    if member.role == Role.OWNER:
        demand_owner(member.team, without=member)
    Membership.objects.filter(pk=member.pk).update(role=role)
    audit.record(
        by,
        member.team,
        Action.MEMBER_ROLE_CHANGED,
        member.user,
        before={"role": member.role},
        after={"role": str(role)},
    )
    _take_back_invitations(by, member, role)


def take_away(by: audit.By, member: Membership) -> None:
    """Delete the place, if the team keeps an owner."""
    demand_owner(member.team, without=member)
    member.delete()
    audit.record(by, member.team, Action.MEMBER_REMOVED, member.user, before={"role": member.role})
    _take_back_invitations(by, member, None)


def add(by: audit.By, team: Team, user: User, role: str) -> Membership:
    """Put somebody on the team. One who is on it already keeps the place, and the role if it is higher."""
    member, is_new = Membership.objects.get_or_create(team=team, user=user, defaults={"role": role})
    if is_new:
        audit.record(by, team, Action.MEMBER_ADDED, user, after={"role": str(role)})
    elif RANKS[Role(member.role)] < RANKS[Role(role)]:
        set_role(by, member, role)
    return member


def demand_owner(team: Team, *, without: Membership) -> None:
    """Raise LastOwner where no owner who can sign in is left without this member.

    Where single sign-on is enforced, the owner who may come in without it stays, too.
    """
    if without.role != Role.OWNER:
        return
    if SingleSignOn.objects.filter(team=team, is_enforced=True, break_glass=without.user_id).exists():
        raise Refused(
            f"{without.user} is the owner who may sign in with a password when single sign-on fails. Name "
            "another one there first."
        )
    others = Membership.objects.filter(team=team, role=Role.OWNER, user__is_active=True)
    if not others.exclude(pk=without.pk).exists():
        raise LastOwner(team)


def demand_reach(request: TeamRequest, *roles: str) -> None:
    """Raise Refused where one of the roles is above what the person's own may give and take, as it is now."""
    mine = (
        Membership.objects.filter(team=request.team, user=request.user).values_list("role", flat=True).first()
    )
    if mine is None or not all(reaches(mine, role) for role in roles):
        highest = max((Role(role) for role in roles), key=lambda role: RANKS[role])
        raise Refused(
            f"Your role does not reach {highest.label.lower()}. An owner of {request.team} can do it."
        )


def _take_back_invitations(by: audit.By, member: Membership, role: str | None) -> None:
    """Those that somebody sent and could not send with this role (None: off the team).

    Else whoever loses a role gets it back by a link that they kept.
    """
    for invitation in Invitation.objects.filter(team=member.team_id, invited_by=member.user_id).open():
        if role is None or not reaches(role, invitation.role):
            Invitation.objects.filter(pk=invitation.pk).update(revoked_at=timezone.now())
            told = audit.Subject("invitation", invitation.email, str(invitation.public_id))
            why = {"because": f"{member.user}, who sent it, may not any more"}
            audit.record(by, member.team, Action.INVITATION_REVOKED, told, after=why)


def _now(member: Membership) -> Membership:
    """The membership as it is now."""
    found = Membership.objects.select_related("user", "team").filter(pk=member.pk).first()
    if found is None:
        raise Refused("This person is not on the team any more.")
    return found
