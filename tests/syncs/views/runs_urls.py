"""The addresses of runs, with bare pages where theirs lead: for tests of runs alone."""

from importlib.util import module_from_spec, spec_from_file_location

from django.conf import settings
from django.http import HttpResponse
from django.urls import include, path

spec = spec_from_file_location("runs_alone", settings.BASE_DIR / "syncs/urls/runs.py")
runs = module_from_spec(spec)
spec.loader.exec_module(runs)


def bare(request, **named):
    return HttpResponse("")


elsewhere = [
    path("", bare, name="overview"),
    *(path(f"{name}/", bare, name=name) for name in ("syncs", "models", "sources", "destinations")),
    path("syncs/<uuid:sync>/", bare, name="sync"),
    path("destinations/<uuid:connection>/", bare, name="connection"),
    path("runs/", include(runs)),
]

urlpatterns = [
    path("", include("syncadmin.teams.urls")),
    path("t/<slug:team>/", include(elsewhere)),
]
