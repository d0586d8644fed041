"""Sources, below /t/<team>/sources/."""

from django.urls import path

from syncs.views.sources import (
    source,
    source_add,
    source_add_kind,
    source_edit,
    source_remove,
    source_test,
    sources,
)

urlpatterns = [
    path("", sources, name="sources"),
    path("add/", source_add, name="source_add"),
    path("add/<slug:kind>/", source_add_kind, name="source_add_kind"),
    path("<uuid:source>/", source, name="source"),
    path("<uuid:source>/edit/", source_edit, name="source_edit"),
    path("<uuid:source>/test/", source_test, name="source_test"),
    path("<uuid:source>/remove/", source_remove, name="source_remove"),
]
