"""What other programs may ask for, below /api/."""

from django.urls import path

from syncs.api import programs

urlpatterns = [
    path("syncs/", programs.syncs, name="api_syncs"),
    path("syncs/<uuid:sync>/", programs.sync, name="api_sync"),
    path("syncs/<uuid:sync>/runs/", programs.runs, name="api_runs"),
    path("syncs/<uuid:sync>/runs/<uuid:run>/", programs.run, name="api_run"),
    path("syncs/<uuid:sync>/runs/<uuid:run>/cancel/", programs.run_cancel, name="api_run_cancel"),
    path("syncs/<uuid:sync>/runs/<uuid:run>/rows/", programs.run_rows, name="api_run_rows"),
]
