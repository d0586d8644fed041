"""The pages of a team, below /t/<team>/."""

from django.urls import include, path

from syncs.views.overview import overview

urlpatterns = [
    path("", overview, name="overview"),
    path("sources/", include("syncs.urls.sources")),
    path("models/", include("syncs.urls.models")),
    path("destinations/", include("syncs.urls.destinations")),
    path("syncs/", include("syncs.urls.syncs")),
    path("syncs/", include("syncs.urls.guards")),
    path("runs/", include("syncs.urls.runs")),
    path("alerts/", include("syncs.urls.alerts")),
    path("people/", include("syncs.urls.people")),
]
