"""Many members at once: lines typed or uploaded, what they would change, and then the change."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render

from syncadmin.teams import bulk_members, invitations, membership
from syncadmin.teams.access import Can, Role, TeamRequest, needs
from syncadmin.teams.bulk_members import Kind, Plan, Unreadable
from syncadmin.teams.membership import Refused
from syncadmin.teams.models import Invitation, Membership
from syncadmin.teams.views.invitations import tell

LARGEST = 200_000  # bytes of a file
CHOICES = ", ".join([*Role.values, bulk_members.REMOVE])


@dataclass(slots=True)
class Asked:
    """What the form holds."""

    text: str = ""
    is_whole: bool = False
    wrong: str = ""


@needs(Can.MEMBERS)
def members_bulk(request: TeamRequest) -> HttpResponse:
    """The lines; then what they would change; then it is done, if it still is what was looked at."""
    asked, plan, is_behind = Asked(), None, False
    if request.method == "POST":
        asked = _asked(request)
        if not asked.wrong:
            try:
                wishes = bulk_members.read(asked.text)
            except Unreadable as error:
                asked.wrong = str(error)
            else:
                if not wishes:
                    asked.wrong = "There is no line with an e-mail address."
                elif request.POST.get("action") == "apply":
                    try:
                        plan, made = _apply(request, wishes, asked)
                    except Refused as refused:
                        asked.wrong = f"Nothing was changed. {refused}"
                        plan, made = _plan(request, wishes, asked), None
                    if made is not None:
                        return _done(request, plan, made)
                    is_behind = not asked.wrong
                else:
                    plan = _plan(request, wishes, asked)
    return render(
        request,
        "teams/bulk.html",
        {
            "section": "settings",
            "tab": "members",
            "asked": asked,
            "plan": plan,
            "counts": [(kind.planned, len(plan.of(kind))) for kind in Kind] if plan else [],
            "is_behind": is_behind,
            "choices": CHOICES,
            "most": bulk_members.MOST_LINES,
            "sends_mail": settings.SENDS_MAIL,
        },
    )


def _asked(request: TeamRequest) -> Asked:
    asked = Asked(request.POST.get("lines", "")[:LARGEST], "whole" in request.POST)
    given = request.FILES.get("file")
    if given is None:
        return asked
    if (given.size or 0) > LARGEST:
        asked.wrong = f"The file is too large: at most {LARGEST // 1_000} kB."
        return asked
    try:
        asked.text = given.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        asked.wrong = "The file is not UTF-8. Save it as “CSV UTF-8”, or paste its lines below."
    return asked


def _plan(request: TeamRequest, wishes: list[bulk_members.Wish], asked: Asked) -> Plan:
    found = Membership.objects.filter(team=request.team).order_by("user__email")
    members = list(found.values_list("user__email", "role", "user__is_active"))
    if all(email != request.user.email for email, _, _ in members):
        raise Http404  # removed since the request began
    invited = (
        Invitation.objects.filter(team=request.team).open().order_by("email").values_list("email", "role")
    )
    return bulk_members.compare(
        wishes,
        members={email: role for email, role, _ in members},
        invited=dict(invited),
        owners=frozenset(email for email, role, is_active in members if role == Role.OWNER and is_active),
        me=request.user.email,
        is_whole=asked.is_whole,
    )


def _apply(
    request: TeamRequest, wishes: list[bulk_members.Wish], asked: Asked
) -> tuple[Plan, list[tuple[Invitation, str]] | None]:
    """Do all of it in one transaction. None where it is not what was looked at, or cannot be done."""
    with membership.locked(request.team):
        plan = _plan(request, wishes, asked)
        if plan.mark != request.POST.get("seen") or not plan.can_be_applied:
            return plan, None
        return plan, _write(request, plan)


def _write(request: TeamRequest, plan: Plan) -> list[tuple[Invitation, str]]:
    team = request.team
    found = Membership.objects.filter(team=team).select_related("user", "team")
    members = {one.user.email: one for one in found}
    opened = {one.email: one for one in Invitation.objects.filter(team=team).open()}
    made = []
    # Who becomes an owner comes before who stops being one; who goes takes their open invitations along.
    for line in sorted(plan.lines, key=lambda line: (line.role != Role.OWNER, not line.is_invited)):
        if line.kind is Kind.ADDED:
            made.append(invitations.make(request, line.email, line.role))
        elif line.kind is Kind.CHANGED and line.is_invited:
            invitations.change_role(request, opened[line.email], line.role)
        elif line.kind is Kind.CHANGED:
            membership.set_role(request, members[line.email], line.role)
        elif line.kind is Kind.REMOVED and line.is_invited:
            invitations.take_back(request, opened[line.email])
        elif line.kind is Kind.REMOVED:
            membership.take_away(request, members[line.email])
    return made


def _done(request: TeamRequest, plan: Plan, made: list[tuple[Invitation, str]]) -> HttpResponse:
    told = [
        f"{len(plan.of(kind)):,} {kind.value.lower()}"
        for kind in (Kind.ADDED, Kind.CHANGED, Kind.REMOVED)
        if plan.of(kind)
    ]
    messages.success(request, f"Done: {', '.join(told)}.")
    return tell(request, made)
