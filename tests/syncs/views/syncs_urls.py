"""The pages about syncs, and places for the pages that they link to."""

from importlib.util import module_from_spec, spec_from_file_location

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

spec = spec_from_file_location("syncs_alone", settings.BASE_DIR / "syncs/urls/syncs.py")
syncs = module_from_spec(spec)
spec.loader.exec_module(syncs)


def elsewhere(request: HttpRequest, **where: object) -> HttpResponse:
    return HttpResponse("Another page.")


def _place(address: str, name: str) -> object:
    return path(address, elsewhere, name=name)


urlpatterns = [
    path(
        "t/<slug:team>/",
        include(
            [
                path("syncs/", include(syncs)),
                _place("", "overview"),
                _place("runs/", "runs"),
                _place("runs/<uuid:run>/", "run"),
                _place("runs/<uuid:run>/rows/", "run_rows"),
                _place("models/", "models"),
                _place("models/add/", "model_add"),
                _place("models/<uuid:model>/", "model"),
                _place("sources/", "sources"),
                _place("destinations/", "destinations"),
                _place("destinations/add/", "destination_add"),
                _place("destinations/<uuid:connection>/", "connection"),
            ]
        ),
    ),
    path("", include("syncadmin.teams.urls")),
]
