"""Runs: their list, a run, its rows."""

from django.urls import path

from syncs.views import (
    reasons,
    run_approval,
    run_diff,
    run_diff_there,
    run_find,
    run_requests,
    run_rows,
    runs,
)

urlpatterns = [
    path("", runs.runs, name="runs"),
    path("reasons/", reasons.reasons, name="reasons"),
    path("<uuid:run>/", runs.run, name="run"),
    path("<uuid:run>/decide/", run_approval.decide, name="run_decide"),
    path("<uuid:run>/cancel/", runs.cancel, name="run_cancel"),
    path("<uuid:run>/send-again/", runs.send_again, name="run_retry"),
    path("<uuid:run>/changes/", run_diff.run_diff, name="run_diff"),
    path("<uuid:run>/changes.csv", run_diff.run_diff_csv, name="run_diff_csv"),
    path("<uuid:run>/changes/there/", run_diff_there.run_diff_there, name="run_diff_there"),
    path("<uuid:run>/find/", run_find.run_find, name="run_find"),
    path("<uuid:run>/requests/", run_requests.run_requests, name="run_requests"),
    path("<uuid:run>/requests/<uuid:exchange>/", run_requests.run_request, name="run_request"),
    path("<uuid:run>/requests/<uuid:exchange>.json", run_requests.run_request_json, name="run_request_json"),
    path("<uuid:run>/rows/", run_rows.rows, name="run_rows"),
    path("<uuid:run>/rows.csv", run_rows.as_csv, name="run_rows_csv"),
    path("<uuid:run>/rows/<uuid:row>/", run_rows.row, name="run_row"),
    path("<uuid:run>/rows/<int:batch>/<int:position>/", run_rows.planned_row, name="run_planned_row"),
]
