"""The addresses of runs, with bare pages where theirs lead: for tests of runs alone."""

from django.http import HttpResponse
from django.urls import include, path


def bare(request, **named):
    return HttpResponse("")


elsewhere = [
    path("", bare, name="overview"),
    *(path(f"{name}/", bare, name=name) for name in ("syncs", "models", "sources", "destinations")),
    path("syncs/<uuid:sync>/", bare, name="sync"),
    path("destinations/<uuid:connection>/", bare, name="connection"),
    path("runs/", include("syncs.urls.runs")),
]

urlpatterns = [
    path("", include("syncadmin.teams.urls")),
    path("t/<slug:team>/", include(elsewhere)),
]
