"""API tokens of a team: their list, a new one, shown once, and taking one back."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from syncadmin.teams import tokens as api_tokens
from syncadmin.teams.access import Can, TeamRequest, needs
from syncadmin.teams.models import ApiToken, Membership, Team

LASTS = ((7, "A week"), (30, "30 days"), (90, "90 days"), (365, "A year"))


class TokenForm(forms.Form):
    """What a new token is called, may do, and how long it is good."""

    name = forms.CharField(max_length=80, help_text="Which program has it: “dbt”, “nightly report”.")
    scopes = forms.MultipleChoiceField(
        label="What may it do?",
        choices=ApiToken.Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose what it may do."},
    )
    lasts = forms.TypedChoiceField(label="Good for", choices=LASTS, coerce=int, initial=90)

    def __init__(self, data: Any = None, *, team: Team) -> None:
        super().__init__(data, initial={"scopes": [ApiToken.Scope.READ]})
        self._team = team

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if ApiToken.objects.filter(team=self._team, name=name).exists():
            raise forms.ValidationError("The team already has a token with this name.")
        return name


@require_GET
@needs(Can.TOKENS)
def tokens(request: TeamRequest) -> HttpResponse:
    """The team's tokens, those that are still good first."""
    found = ApiToken.objects.filter(team=request.team).select_related("made_by").order_by("-expires_at", "pk")
    makers = Membership.objects.filter(team=request.team, role__in=Can.TOKENS.roles())
    admins = set(makers.values_list("user", flat=True))
    return render(request, "teams/tokens.html", _context(tokens=found, admins=admins))


@never_cache
@require_http_methods(["GET", "POST"])
@needs(Can.TOKENS)
def add(request: TeamRequest) -> HttpResponse:
    """A new token. Its secret is on the page that answers, and never again."""
    form = TokenForm(request.POST if request.method == "POST" else None, team=request.team)
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "teams/token_add.html", _context(form=form), status=status)
    expires_at = timezone.now() + timedelta(days=form.cleaned_data["lasts"])
    name, scopes = form.cleaned_data["name"], form.cleaned_data["scopes"]
    token, secret = api_tokens.make(request, request.team, name=name, scopes=scopes, expires_at=expires_at)
    address = request.build_absolute_uri("/api/syncs/")
    return render(request, "teams/token_made.html", _context(token=token, secret=secret, address=address))


@require_http_methods(["GET", "POST"])
@needs(Can.TOKENS)
def remove(request: TeamRequest, token: UUID) -> HttpResponse:
    """Ask, then take it back: the program that has it gets in no more."""
    found = get_object_or_404(ApiToken, team=request.team, public_id=token)
    if request.method == "POST":
        api_tokens.revoke(request, found)
        messages.success(request, f"The token {found.name} is no longer good.")
        return redirect("api_tokens", request.team.slug)
    return render(request, "teams/token_remove.html", _context(token=found))


def _context(**more: Any) -> dict[str, Any]:
    return {"section": "settings", "tab": "tokens", **more}
