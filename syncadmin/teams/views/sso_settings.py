"""The settings of a team's single sign-on: for owners."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from syncadmin.teams import audit
from syncadmin.teams.access import Can, TeamRequest, needs
from syncadmin.teams.audit import Action
from syncadmin.teams.models import SingleSignOn
from syncadmin.teams.sso_form import SingleSignOnForm, told
from syncadmin.teams.views.sso import leave, redirect_address


@never_cache
@require_http_methods(["GET", "POST"])
@needs(Can.SSO)
def settings(request: TeamRequest) -> HttpResponse:
    """The form; what is stored of it is kept in one piece or not at all."""
    kept = SingleSignOn.objects.select_related("team", "break_glass").filter(team=request.team).first()
    form = SingleSignOnForm(request.POST if request.method == "POST" else None, team=request.team, kept=kept)
    if not form.is_valid():
        context = {
            "section": "settings",
            "tab": "sso",
            "form": form,
            "kept": kept,
            "redirect_address": redirect_address(request),
        }
        return render(request, "teams/sso.html", context, status=422 if form.is_bound else 200)
    before = told(kept)
    with transaction.atomic():
        saved = form.save(request.team)
        was, now = audit.changed(before, told(saved))
        if form.cleaned_data["client_secret"]:
            now["client secret"] = "replaced"
        audit.record(request, request.team, Action.SSO_CHANGED, request.team, before=was, after=now)
    words = "Single sign-on is saved." if saved.tested_at else "Single sign-on is saved. Test it now."
    messages.success(request, words)
    return redirect("sso_settings", request.team.slug)


@never_cache
@require_GET
@needs(Can.SSO)
def test(request: TeamRequest) -> HttpResponse:
    """To the provider and back, without anybody signed in or out."""
    kept = get_object_or_404(SingleSignOn.objects.select_related("team"), team=request.team)
    return leave(request, kept, is_test=True)


@require_http_methods(["POST"])
@needs(Can.SSO)
def remove(request: TeamRequest) -> HttpResponse:
    """Members keep their places; those without a password choose one by “Forgot your password?”."""
    with transaction.atomic():
        kept = SingleSignOn.objects.filter(team=request.team).first()
        if kept is not None:
            audit.record(request, request.team, Action.SSO_REMOVED, request.team, before=told(kept))
            kept.delete()
    messages.success(request, "Single sign-on is removed. Members come in by password.")
    return redirect("sso_settings", request.team.slug)
