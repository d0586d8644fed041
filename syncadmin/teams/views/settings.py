"""A team's own settings: what its roles may do, and its name."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from syncadmin.teams import audit
from syncadmin.teams.access import Can, Role, TeamRequest, may, needs
from syncadmin.teams.forms import TeamNameForm
from syncadmin.teams.models import Team


@require_GET
@needs(Can.LOOK)
def first(request: TeamRequest) -> HttpResponse:
    """The settings that one comes to first."""
    return redirect("members", request.team.slug)


@needs(Can.LOOK)
def team_settings(request: TeamRequest) -> HttpResponse:
    """The team's name, which owners change; and leaving it."""
    form = TeamNameForm(request.POST or None, initial={"name": request.team.name})
    if request.method == "POST":
        if not may(request, Can.OWN):
            raise PermissionDenied("Only an owner of the team can change its name.")
        if form.is_valid():
            with transaction.atomic():
                before, name = request.team.name, form.cleaned_data["name"]
                if Team.objects.filter(pk=request.team.pk).exclude(name=name).update(name=name):
                    request.team.name = name
                    audit.record(
                        request,
                        request.team,
                        audit.Action.TEAM_CHANGED,
                        request.team,
                        before={"name": before},
                        after={"name": name},
                    )
            messages.success(request, "The name is saved.")
            return redirect("team_settings", request.team.slug)
    return render(request, "teams/team.html", {"section": "settings", "tab": "team", "form": form})


@require_GET
@needs(Can.LOOK)
def roles(request: TeamRequest) -> HttpResponse:
    """What each role may do, from the table that the pages ask."""
    return render(
        request,
        "teams/roles.html",
        {
            "section": "settings",
            "tab": "roles",
            "roles": list(Role),
            "lines": [
                {"words": can.words, "cells": [(role, role in can.roles()) for role in Role]} for can in Can
            ],
        },
    )
