"""The first page after signing in."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from syncadmin.teams.models import Membership, User


class SignedInRequest(HttpRequest):
    """What a view gets: LoginRequiredMiddleware lets nobody else through."""

    user: User


def home(request: SignedInRequest) -> HttpResponse:
    """Staff go to the admin pages; everyone else sees their teams."""
    if request.user.is_staff:
        return redirect("admin:index")
    memberships = Membership.objects.filter(user=request.user).select_related("team")
    return render(request, "teams/home.html", {"memberships": memberships.order_by("team__name")})
