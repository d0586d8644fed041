"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

from syncs.api.health import healthz, metrics
from syncs.views.sign_in import sign_in_return

urlpatterns = [
    path("", include("syncadmin.teams.urls")),
    path("t/<slug:team>/settings/", include("syncadmin.teams.team_urls")),
    path("t/<slug:team>/", include("syncs.urls")),
    path("api/", include("syncs.urls.api")),
    path("oauth/<slug:key>/", sign_in_return, name="sign_in_return"),
    path("healthz", healthz, name="healthz"),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
]
