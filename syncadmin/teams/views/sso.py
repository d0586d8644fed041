"""Single sign-on: to a team's provider and back, and linking an account that was there before."""

import hmac
import time
from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from syncadmin.teams import openid
from syncadmin.teams import single_sign_on as sso
from syncadmin.teams.doors import issuer_of
from syncadmin.teams.models import SingleSignOn
from syncadmin.teams.openid import Attempt, Person, SignInFailed
from syncadmin.teams.views.account import SignedInRequest

ON_THE_WAY = "single_sign_on"  # in the session: what the next return belongs to
TO_LINK = "single_sign_on_to_link"  # … and whom a provider vouched for, before they showed that it is them
LASTS = 600  # seconds, for each


class AddressForm(forms.Form):
    """Whose provider is to be asked."""

    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )


@login_not_required
@require_http_methods(["GET", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """By the e-mail address: which team's provider lets this domain in?"""
    form = AddressForm(request.POST if request.method == "POST" else None)
    found: list[SingleSignOn] = []
    if form.is_valid():
        domain = form.cleaned_data["email"].rpartition("@")[2].lower()
        kept = SingleSignOn.objects.select_related("team").order_by("team__name")
        found = [one for one in kept if domain in one.domains]
        if len(found) == 1:
            return redirect("sso_start", found[0].team.slug)
        if not found:
            form.add_error(
                "email", f"No team here has single sign-on for {domain}. Sign in with your password."
            )
    status = 422 if form.errors else 200
    return render(request, "registration/sso.html", {"form": form, "found": found}, status=status)


@never_cache
@login_not_required
@require_GET
def start(request: HttpRequest, team: str) -> HttpResponse:
    """A link to the provider, and where it leads: forms of ours may lead nowhere else."""
    kept = get_object_or_404(SingleSignOn.objects.select_related("team"), team__slug=team)
    context = {"kept": kept, "next": request.GET.get("next", "")}
    return render(request, "registration/sso_start.html", context)


@never_cache
@login_not_required
@require_GET
def go(request: HttpRequest, team: str) -> HttpResponse:
    """Off to the provider."""
    kept = get_object_or_404(SingleSignOn.objects.select_related("team"), team__slug=team)
    return leave(request, kept, next_page=request.GET.get("next", ""))


@never_cache
@login_not_required
@require_GET
def come_back(request: HttpRequest) -> HttpResponse:
    """Where the provider sends people back to, with a code. Each way there and back is good once."""
    way = request.session.pop(ON_THE_WAY, None)
    state = request.GET.get("state", "")
    if (
        not isinstance(way, dict)
        or time.time() - way["at"] > LASTS
        or not hmac.compare_digest(way["attempt"]["state"].encode(), state.encode())
    ):
        return _failed(
            request, "This sign-in took too long, or was begun in another window. Begin it again.", status=400
        )
    kept = get_object_or_404(SingleSignOn.objects.select_related("team"), pk=way["provider"])
    is_test = way["is_test"]
    try:
        person = _person(request, kept, Attempt(**way["attempt"]))
        if is_test:
            return _tested(request, kept, person, way["version"])
        sso.come_in(request, kept, person)
    except sso.LinkFirst:
        request.session[TO_LINK] = {
            "issuer": person.issuer,
            "subject": person.subject,
            "email": person.email,
            "team": kept.team.slug,
            "at": time.time(),
        }
        return redirect("sso_link")
    except SignInFailed as error:
        return _failed(request, str(error), kept, is_test=is_test)
    wanted = way["next"] or reverse("overview", args=[kept.team.slug])
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return redirect(wanted if is_ours else reverse("home"))


@never_cache
@require_http_methods(["GET", "POST"])
def link(request: SignedInRequest) -> HttpResponse:
    """Somebody whom a provider vouched for is signed in to the account of that address: link them?"""
    told: dict[str, Any] | None = request.session.get(TO_LINK)
    if told is None or time.time() - told["at"] > LASTS:
        return _failed(request, "This took too long. Begin the sign-in again.", status=400)
    if request.user.email != told["email"] or issuer_of(request):
        words = (
            f"You are signed in as {request.user.email}. Sign out, and sign in as {told['email']} to link it."
        )
        return _failed(request, words, status=403)
    if request.method != "POST":
        return render(request, "registration/sso_link.html", {"told": told})
    del request.session[TO_LINK]
    parts = {name: told[name] for name in ("issuer", "subject", "email")}
    if not sso.link(request, request.user, **parts):
        return _failed(request, "The provider's account is linked with somebody else here.", status=409)
    messages.success(request, f"Linked: from now on {told['issuer']} opens this account, for its teams.")
    return redirect("sso_start", told["team"])


def leave(
    request: HttpRequest, kept: SingleSignOn, *, next_page: str = "", is_test: bool = False
) -> HttpResponse:
    """Send the person to the provider, and remember what for."""
    attempt = Attempt()
    try:
        provider = sso.provider_of(kept)
        addresses = openid.discover(provider.issuer)
    except SignInFailed as error:
        return _failed(request, str(error), kept, is_test=is_test)
    request.session[ON_THE_WAY] = {
        "provider": kept.pk,
        "version": kept.updated_at.isoformat(),
        "attempt": asdict(attempt),
        "next": next_page,
        "is_test": is_test,
        "at": time.time(),
    }
    address = openid.sign_in_address(provider, addresses, attempt, redirect=redirect_address(request))
    return redirect(address)


def redirect_address(request: HttpRequest) -> str:
    """Where people come back to, as it must be registered at the provider."""
    return request.build_absolute_uri(reverse("sso_return"))


def _person(request: HttpRequest, kept: SingleSignOn, attempt: Attempt) -> Person:
    if request.GET.get("error"):
        said = request.GET.get("error_description") or request.GET["error"]
        raise SignInFailed(f"The provider did not sign you in. It says: {said[:300]}")
    provider = sso.provider_of(kept)
    addresses = openid.discover(provider.issuer)
    code = request.GET.get("code", "")
    return openid.person(provider, addresses, attempt, redirect=redirect_address(request), code=code)


def _tested(request: HttpRequest, kept: SingleSignOn, person: Person, version: str) -> HttpResponse:
    """What the provider tells of the owner who tests it. Nobody is signed in or out."""
    reason = sso.why_not(kept, person)
    role = sso.role_for(kept.rules, kept.default_role, person.groups)
    if reason is None and kept.updated_at.isoformat() == version:
        SingleSignOn.objects.filter(pk=kept.pk, updated_at=kept.updated_at).update(tested_at=timezone.now())
    context = {"kept": kept, "person": person, "reason": reason, "role": role}
    return render(request, "registration/sso_tested.html", context)


def _failed(
    request: HttpRequest,
    reason: str,
    kept: SingleSignOn | None = None,
    *,
    is_test: bool = False,
    status: int = 403,
) -> HttpResponse:
    context = {"reason": reason, "kept": kept, "is_test": is_test}
    return render(request, "registration/sso_failed.html", context, status=status)
