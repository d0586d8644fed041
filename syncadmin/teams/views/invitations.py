"""Inviting people, and what somebody sees who follows the link of an invitation."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from syncadmin.lib import bearer
from syncadmin.teams import invitations
from syncadmin.teams.access import Can, TeamRequest, needs
from syncadmin.teams.forms import InviteForm, JoinForm
from syncadmin.teams.membership import Refused
from syncadmin.teams.models import Invitation, User
from syncadmin.teams.views.members import roles_to_give

IN_SESSION = "invitation"  # its digest: the link itself is in no further address
BACKEND = "django.contrib.auth.backends.ModelBackend"


@needs(Can.MEMBERS)
def invite(request: TeamRequest) -> HttpResponse:
    """Ask one person by e-mail; where none are sent, the link is shown this once."""
    form = InviteForm(request.POST or None, roles=roles_to_give(request))
    if request.method == "POST" and form.is_valid():
        try:
            made = invitations.invite(request, form.cleaned_data["email"], form.cleaned_data["role"])
        except Refused as refused:
            form.add_error("email", str(refused))
        else:
            return tell(request, [made])
    return render(
        request,
        "teams/invite.html",
        {"section": "settings", "tab": "members", "form": form, "sends_mail": settings.SENDS_MAIL},
    )


@require_POST
@needs(Can.MEMBERS)
def invitation_renew(request: TeamRequest, invitation: UUID) -> HttpResponse:
    """Another link, for another week."""
    found = _find(request, invitation)
    try:
        secret = invitations.renew(request, found)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("members", request.team.slug)
    return tell(request, [(found, secret)])


@require_POST
@needs(Can.MEMBERS)
def invitation_revoke(request: TeamRequest, invitation: UUID) -> HttpResponse:
    """The link is no longer good."""
    found = _find(request, invitation)
    try:
        invitations.revoke(request, found)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"The invitation of {found.email} is taken back: its link does not work.")
    return redirect("members", request.team.slug)


def tell(request: TeamRequest, made: list[tuple[Invitation, str]]) -> HttpResponse:
    """Send the links, or show those that no e-mail brings."""
    unsent = made
    if settings.SENDS_MAIL and made:
        failed = {invitation.pk for invitation in invitations.send(request, made)}
        unsent = [one for one in made if one[0].pk in failed]
        if len(made) > len(unsent):
            whom = made[0][0].email if len(made) == 1 else f"{len(made) - len(unsent):,} people"
            messages.success(
                request, f"The invitation is sent to {whom}. It is good for {invitations.LIFE.days} days."
            )
    if not unsent:
        return redirect("members", request.team.slug)
    context = {
        "section": "settings",
        "tab": "members",
        "links": [(invitation, invitations.link(request, secret)) for invitation, secret in unsent],
        "has_failed": settings.SENDS_MAIL,
        "days": invitations.LIFE.days,
    }
    response = render(request, "teams/invited.html", context)
    response["Cache-Control"] = "no-store"
    return response


# Who was invited


@require_GET
@login_not_required
@never_cache
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Where the link leads: from here on its digest is in the session, and no address tells it."""
    request.session[IN_SESSION] = bearer.digest(secret)
    return redirect("invitation_accept")


@login_not_required
@never_cache
@sensitive_post_parameters()
def invitation_accept(request: HttpRequest) -> HttpResponse:
    """Join: as who is signed in, after signing in, or with a new account."""
    found = invitations.find(str(request.session.get(IN_SESSION, "")))
    if found is None:
        return render(request, "teams/invitation_gone.html", status=404 if request.method == "GET" else 409)
    if isinstance(request.user, User):
        return _as_somebody(request, found, request.user)
    known = User.objects.filter(email=found.email).first()
    form = JoinForm(User(email=found.email), request.POST or None)
    if request.method == "POST" and known is None and form.is_valid():
        try:
            user = invitations.accept_as_new(
                request,
                found,
                password=form.cleaned_data["new_password1"],
                first_name=form.cleaned_data["first_name"],
                last_name=form.cleaned_data["last_name"],
                time_zone=form.cleaned_data["time_zone"],
            )
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            return _welcome(request, found, user)
    context = {"invitation": found, "form": form, "known": known}
    return render(request, "teams/invitation.html", context)


def _as_somebody(request: HttpRequest, found: Invitation, user: User) -> HttpResponse:
    if request.method == "POST":
        try:
            invitations.accept(request, found, user)
        except Refused as refused:
            messages.error(request, str(refused))
            return redirect("invitation_accept")
        request.session.pop(IN_SESSION, None)
        messages.success(request, f"You are on the team {found.team}.")
        return redirect("overview", found.team.slug)
    is_theirs = user.email == found.email
    return render(request, "teams/invitation.html", {"invitation": found, "is_theirs": is_theirs})


def _welcome(request: HttpRequest, found: Invitation, user: User) -> HttpResponse:
    login(request, user, backend=BACKEND)
    request.session.pop(IN_SESSION, None)
    messages.success(request, f"You are on the team {found.team}.")
    return redirect("overview", found.team.slug)


def _find(request: TeamRequest, public_id: UUID) -> Invitation:
    found = Invitation.objects.filter(team=request.team).open().select_related("team", "invited_by")
    return get_object_or_404(found, public_id=public_id)
