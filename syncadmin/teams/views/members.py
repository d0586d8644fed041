"""The members of a team: the list, one member's role, removing, leaving, handing over."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from syncadmin.lib.paging import newest_first
from syncadmin.teams import invitations, membership
from syncadmin.teams.access import RANKS, Can, Role, TeamRequest, may, needs
from syncadmin.teams.membership import Refused
from syncadmin.teams.models import Invitation, Membership

MOST_INVITATIONS = 200  # on the page, the newest


def roles_to_give(request: TeamRequest) -> list[Membership.Role]:
    """Those that the person may give, the lowest first: nobody gets more than they mean by haste."""
    found = [role for role in Role if membership.reaches(request.role, role)]
    return sorted(found, key=lambda role: RANKS[role])


@require_GET
@needs(Can.LOOK)
def members(request: TeamRequest) -> HttpResponse:
    """Everybody on the team, the newest first; for those who may invite, who is invited."""
    query = request.GET.get("q", "").strip()[:100]
    found = Membership.objects.filter(team=request.team).select_related("user")
    if query:
        found = found.filter(
            Q(user__email__icontains=query)
            | Q(user__first_name__icontains=query)
            | Q(user__last_name__icontains=query)
        )
    page = newest_first(found, request.GET)
    invited = Invitation.objects.filter(team=request.team).open().select_related("invited_by")
    return render(
        request,
        "teams/members.html",
        {
            "section": "settings",
            "tab": "members",
            "page": page,
            "query": query,
            "may_manage": may(request, Can.MEMBERS),
            "why_none": invitations.why_none(request.team),
            "invitations": invited.order_by("-pk")[:MOST_INVITATIONS] if may(request, Can.MEMBERS) else [],
        },
    )


@needs(Can.MEMBERS)
def member(request: TeamRequest, member: UUID) -> HttpResponse:
    """One member: who they are, and their role."""
    found = find(request, member)
    may_touch = membership.reaches(request.role, found.role)
    if request.method == "POST":
        role = request.POST.get("role", "")
        try:
            if role not in Role.values:
                raise Refused("Choose one of the roles.")
            if membership.change_role(request, found, role):
                messages.success(request, f"{found.user} is {Role(role).label.lower()} now.")
        except Refused as refused:
            messages.error(request, str(refused))
            return redirect("member", request.team.slug, found.public_id)
        return redirect("members", request.team.slug)
    return render(
        request,
        "teams/member.html",
        {
            "section": "settings",
            "tab": "members",
            "member": found,
            "is_me": found.user_id == request.user.pk,
            "may_touch": may_touch,
            "roles": [(role, _new_words(role)) for role in roles_to_give(request)],
        },
    )


@needs(Can.MEMBERS)
def member_remove(request: TeamRequest, member: UUID) -> HttpResponse:
    """Take somebody's access away, after asking."""
    found = find(request, member)
    if found.user_id == request.user.pk:
        return redirect("team_leave", request.team.slug)
    if request.method == "POST":
        try:
            membership.remove(request, found, with_tokens="tokens" in request.POST)
        except Refused as refused:
            messages.error(request, str(refused))
            return redirect("member", request.team.slug, found.public_id)
        messages.success(request, f"{found.user} is off the team. What they made stays.")
        return redirect("members", request.team.slug)
    context = {
        "section": "settings",
        "tab": "members",
        "member": found,
        "tokens": membership.tokens_of(found),
        "invitations": Invitation.objects.filter(team=request.team, invited_by=found.user).open().count(),
    }
    return render(request, "teams/member_remove.html", context)


@needs(Can.OWN)
def member_hand_over(request: TeamRequest, member: UUID) -> HttpResponse:
    """Make somebody owner in one's place, after asking."""
    found = find(request, member)
    if request.method == "POST":
        try:
            membership.hand_over(request, found)
        except Refused as refused:
            messages.error(request, str(refused))
            return redirect("member", request.team.slug, found.public_id)
        messages.success(request, f"{found.user} owns {request.team} now; you are an admin of it.")
        return redirect("members", request.team.slug)
    context = {"section": "settings", "tab": "members", "member": found}
    return render(request, "teams/hand_over.html", context)


@needs(Can.LOOK)
def team_leave(request: TeamRequest) -> HttpResponse:
    """Give one's own place up, after asking; who cannot is told so before."""
    try:
        if request.method == "POST":
            membership.leave(request)
            messages.success(request, f"You left {request.team}.")
            return redirect("teams")
        membership.demand_owner(request.team, without=request.membership)
        refusal = ""
    except Refused as refused:
        refusal = str(refused)
    return render(
        request,
        "teams/leave.html",
        {"section": "settings", "tab": "team", "refusal": refusal},
        status=409 if request.method == "POST" else 200,
    )


def find(request: TeamRequest, public_id: UUID) -> Membership:
    found = Membership.objects.select_related("user", "team")
    return get_object_or_404(found, team=request.team, public_id=public_id)


def _new_words(role: Membership.Role) -> list[str]:
    """What the role may do beyond those below it."""
    return [can.words for can in Can if can.role == role]
