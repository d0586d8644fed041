"""Where one goes after signing in, one's profile and password, and what is said when a form is refused."""

from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import (
    LoginView,
    PasswordChangeView,
    PasswordResetConfirmView,
    PasswordResetView,
)
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from syncadmin.lib.client import address_of
from syncadmin.teams import password_news, throttle
from syncadmin.teams.audit import Action, Actor
from syncadmin.teams.forms import (
    ForgottenPasswordForm,
    NewPasswordForm,
    OwnPasswordForm,
    ProfileForm,
    SignInForm,
    TeamForm,
)
from syncadmin.teams.models import Membership, User
from syncadmin.teams.setting_up import make_team
from syncadmin.teams.sign_in_log import record_for_person
from syncadmin.teams.throttle import Kind

MOST_LISTED = 200  # teams on a page; a search finds the others


class SignedInRequest(HttpRequest):
    """What a view gets: LoginRequiredMiddleware lets nobody else through."""

    user: User


def home(request: SignedInRequest) -> HttpResponse:
    """To the overview of the only team; else the teams to choose from. Staff without one go to the admin."""
    memberships = list(_memberships(request)[: MOST_LISTED + 1])
    if len(memberships) == 1:
        return redirect("overview", memberships[0].team.slug)
    if not memberships and request.user.is_staff:
        return redirect("admin:index")
    return _page_of_teams(request, memberships)


def teams(request: SignedInRequest) -> HttpResponse:
    """All teams of whoever is signed in; `q` looks for names."""
    query = request.GET.get("q", "").strip()[:100]
    found = _memberships(request)
    if query:
        found = found.filter(team__name__icontains=query)
    return _page_of_teams(request, list(found[: MOST_LISTED + 1]), query)


@require_http_methods(["GET", "POST"])
def team_add(request: SignedInRequest) -> HttpResponse:
    """A new team, of whoever makes it: the staff, or everybody where the installation says so."""
    if not may_make_teams(request.user):
        raise PermissionDenied(
            "Only superusers of this installation make teams. Ask an operator for one, or to be invited."
        )
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            team = make_team(request, request.user, name=asked["name"], slug=asked["slug"])
        except IntegrityError:
            form.add_error("slug", form.taken(asked["slug"]))
        else:
            messages.success(request, f"The team {team} is made, and it is yours.")
            return redirect("overview", team.slug)
    return render(request, "teams/add.html", {"form": form})


def may_make_teams(user: User) -> bool:
    return user.is_superuser or bool(settings.ANYBODY_MAKES_TEAMS)


def _memberships(request: SignedInRequest) -> QuerySet[Membership]:
    return Membership.objects.filter(user=request.user).select_related("team").order_by("team__name", "pk")


def _page_of_teams(request: SignedInRequest, memberships: list[Membership], query: str = "") -> HttpResponse:
    return render(
        request,
        "teams/home.html",
        {
            "memberships": memberships[:MOST_LISTED],
            "is_more": len(memberships) > MOST_LISTED,
            "query": query,
            "may_make_teams": may_make_teams(request.user),
        },
    )


@require_http_methods(["GET", "POST"])
def profile(request: SignedInRequest) -> HttpResponse:
    """Name and time zone of whoever is signed in."""
    # A copy of its own: the page's header must not show what was typed and refused.
    person = User.objects.get(pk=request.user.pk)
    form = ProfileForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Your profile is saved.")
        return redirect("profile")
    return render(request, "teams/profile.html", {"form": form})


class SignIn(LoginView):
    """E-mail address and password. Whoever tries many names from one place is kept out for a while."""

    authentication_form = SignInForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(nobody_yet=not User.objects.exists(), **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        place = throttle.public_place(request)
        time = throttle.until(Kind.SIGN_IN, place) if place else None
        return _kept_out(request, time, from_here=True) if time else super().post(request, *args, **kwargs)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        place = throttle.public_place(self.request)
        if place and form.cleaned_data.get("password"):
            throttle.take(Kind.SIGN_IN, place)
        return super().form_invalid(form)


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: Any = None) -> HttpResponse:
    """Too many wrong passwords for one e-mail address from one place, whether somebody has it or not."""
    typed = (credentials or {}).get("username") or request.POST.get("username", "")
    return _kept_out(request, throttle.locked_until(request, str(typed)))


def _kept_out(request: HttpRequest, time: datetime | None, *, from_here: bool = False) -> HttpResponse:
    now = timezone.now()
    time = time or now + settings.AXES_COOLOFF_TIME
    context = {
        "time": time,
        "minutes": throttle.minutes_until(time, now=now),
        "from_here": from_here,
        "sends_mail": settings.SENDS_MAIL,
    }
    response = render(request, "registration/locked_out.html", context, status=429)
    response["Retry-After"] = str(max(1, int((time - now).total_seconds())))
    return response


class ChangePassword(PasswordChangeView):
    """A new password for somebody who knows the old one. Signs out everywhere else."""

    form_class = OwnPasswordForm
    template_name = "registration/password_change.html"
    success_url = reverse_lazy("profile")

    def form_valid(self, form: BaseForm) -> HttpResponse:
        messages.success(self.request, "Your password is changed. Everywhere else you are signed out.")
        with transaction.atomic():
            record_for_person(self.request, cast(User, self.request.user), Action.PASSWORD_CHANGED)
            response = super().form_valid(form)
        password_news.tell(self.request, cast(User, self.request.user))
        return response


class ForgotPassword(PasswordResetView):
    """Asks where to send a link; where the installation sends no e-mail, says who can help."""

    form_class = ForgottenPasswordForm
    template_name = "registration/password_reset.html"
    email_template_name = "registration/password_reset_email.txt"
    subject_template_name = "registration/password_reset_subject.txt"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(sends_mail=settings.SENDS_MAIL, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.SENDS_MAIL:
            return self.get(request, *args, **kwargs)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: ForgottenPasswordForm) -> HttpResponse:
        place = throttle.public_place(self.request)
        time = throttle.take(Kind.RESET_FROM, place) if place else None
        if time:
            form.add_error(
                None,
                "Too many links were asked for from where you are. Nothing was sent. Try again in "
                f"{throttle.minutes_until(time)}, or ask whoever runs this installation.",
            )
            return self.form_invalid(form)
        if throttle.take(Kind.RESET, form.cleaned_data["email"]):
            return HttpResponseRedirect(str(self.get_success_url()))  # the mailbox has enough of them
        return super().form_valid(form)


class SetPassword(PasswordResetConfirmView):
    """Where the link in the e-mail leads."""

    form_class = NewPasswordForm
    template_name = "registration/password_reset_confirm.html"

    def form_valid(self, form: BaseForm) -> HttpResponse:
        person = self.user
        who = Actor(person, person.email, address_of(self.request))
        throttle.unlock(person.email)
        with transaction.atomic():
            record_for_person(who, person, Action.PASSWORD_CHANGED, after={"by": "a link sent by e-mail"})
            response = super().form_valid(form)
        password_news.tell(self.request, person)
        return response


class SignInFirst(LoginRequiredMiddleware):
    """Sends strangers to sign in. One whose session ended in mid-form is told how to keep what was typed."""

    def handle_no_permission(  # type: ignore[override]  # Django takes any response
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        if request.method == "POST":
            return render(request, "registration/signed_out.html", status=403)
        return super().handle_no_permission(request, view_func)


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form came without its token, or from another site. Django's word for it is a CSRF failure."""
    context = {
        "lacks_cookie": reason == REASON_NO_CSRF_COOKIE,
        "is_from_elsewhere": reason.startswith(("Origin checking failed", "Referer checking failed")),
    }
    return render(request, "403_csrf.html", context, status=403)
