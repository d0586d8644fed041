"""What other programs may ask for, below /api/."""

from django.urls import path

from syncs.api.starts import run_by_token, start_by_token

urlpatterns = [
    path("syncs/<uuid:sync>/runs/", start_by_token, name="start_by_token"),
    path("syncs/<uuid:sync>/runs/<uuid:run>/", run_by_token, name="run_by_token"),
]
