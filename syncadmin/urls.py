"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

from syncadmin.teams.urls import sign_in_as_somebody_else

admin.site.site_title = admin.site.site_header = "Syncadmin"
admin.site.index_title = "Administration"
admin.site.login = sign_in_as_somebody_else  # type: ignore[method-assign, assignment]

urlpatterns = [
    path("", include("syncadmin.teams.urls")),
    path("t/<slug:team>/", include("syncs.urls")),
    path("admin/", admin.site.urls),
]
