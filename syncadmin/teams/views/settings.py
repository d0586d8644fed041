"""A team's own settings: what its roles may do, and its name."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from syncadmin.teams.access import Can, Role, TeamRequest, needs


@require_GET
@needs(Can.LOOK)
def first(request: TeamRequest) -> HttpResponse:
    """The settings that one comes to first."""
    return redirect("roles", request.team.slug)


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
