"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("syncadmin.teams.urls")),
    path("t/<slug:team>/", include("syncs.urls")),
    path("admin/", admin.site.urls),
]
