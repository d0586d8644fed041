"""The page on which the first owner is made, for whoever has the link that `manage.py up` printed."""

from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from syncadmin.lib import bearer
from syncadmin.teams import setting_up
from syncadmin.teams.forms import SetUpForm
from syncadmin.teams.views.invitations import BACKEND

IN_SESSION = "setup"


@login_not_required
@never_cache
@sensitive_post_parameters()
def set_up(request: HttpRequest, secret: str) -> HttpResponse:
    """A wrong link, a used one, or somebody is there already: 404, and how to begin anyhow."""
    digest = bearer.digest(secret)
    if not setting_up.is_good(digest):
        return _gone(request)
    form = SetUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            user = setting_up.set_up(
                request,
                digest,
                email=asked["email"],
                password=asked["password1"],
                time_zone=asked["time_zone"],
                team=asked["name"],
                slug=asked["slug"],
            )
        except IntegrityError:
            form.add_error("slug", form.taken(asked["slug"]))
        else:
            if user is None:
                return _gone(request)
            login(request, user, backend=BACKEND)
            return redirect("overview", asked["slug"])
    return render(request, "teams/setup.html", {"form": form})


def _gone(request: HttpRequest) -> HttpResponse:
    return render(request, "teams/setup_gone.html", status=404)
