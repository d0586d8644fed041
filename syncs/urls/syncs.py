"""Syncs, below /t/<team>/syncs/."""

from django.urls import path

from syncs.views.sync_attention import sync_attention, sync_attention_again, sync_waiting_remove
from syncs.views.sync_edit import sync_mode, sync_model, sync_object, sync_review
from syncs.views.sync_field import sync_field
from syncs.views.sync_mapping import sync_mapping
from syncs.views.sync_meanwhile import sync_meanwhile
from syncs.views.sync_preview import sync_preview, sync_preview_draft
from syncs.views.sync_run import sync_diff, sync_first, sync_full, sync_run, sync_test
from syncs.views.sync_schedule import sync_schedule, sync_token
from syncs.views.sync_sent import sync_send_row, sync_sent_row
from syncs.views.sync_versions import sync_go_back, sync_version, sync_versions
from syncs.views.syncs import sync, sync_pause, sync_remove, sync_resume, syncs

urlpatterns = [
    path("", syncs, name="syncs"),
    path("add/", sync_model, name="sync_add"),
    path("add/destination/", sync_object, name="sync_add_object"),
    path("add/mode/", sync_mode, name="sync_add_mode"),
    path("add/mapping/", sync_mapping, name="sync_add_mapping"),
    path("add/mapping/<int:row>/", sync_field, name="sync_add_field"),
    path("add/review/", sync_review, name="sync_add_review"),
    path("add/row/", sync_preview_draft, name="sync_add_preview"),
    path("<uuid:sync>/", sync, name="sync"),
    path("<uuid:sync>/edit/", sync_review, name="sync_edit"),
    path("<uuid:sync>/edit/model/", sync_model, name="sync_edit_model"),
    path("<uuid:sync>/edit/destination/", sync_object, name="sync_edit_object"),
    path("<uuid:sync>/edit/mode/", sync_mode, name="sync_edit_mode"),
    path("<uuid:sync>/edit/mapping/", sync_mapping, name="sync_edit_mapping"),
    path("<uuid:sync>/edit/meanwhile/", sync_meanwhile, name="sync_edit_meanwhile"),
    path("<uuid:sync>/versions/", sync_versions, name="sync_versions"),
    path("<uuid:sync>/versions/<int:number>/", sync_version, name="sync_version"),
    path("<uuid:sync>/versions/<int:number>/go-back/", sync_go_back, name="sync_go_back"),
    path("<uuid:sync>/edit/mapping/<int:row>/", sync_field, name="sync_edit_field"),
    path("<uuid:sync>/run/", sync_run, name="sync_run"),
    path("<uuid:sync>/edit/row/", sync_preview_draft, name="sync_edit_preview"),
    path("<uuid:sync>/row/", sync_preview, name="sync_preview"),
    path("<uuid:sync>/row/send/", sync_send_row, name="sync_send_row"),
    path("<uuid:sync>/row/sent/<uuid:run>/", sync_sent_row, name="sync_sent_row"),
    path("<uuid:sync>/what-would-change/", sync_diff, name="sync_diff"),
    path("<uuid:sync>/test/", sync_test, name="sync_test"),
    path("<uuid:sync>/first-run/", sync_first, name="sync_first"),
    path("<uuid:sync>/send-all-again/", sync_full, name="sync_full"),
    path("<uuid:sync>/schedule/", sync_schedule, name="sync_schedule"),
    path("<uuid:sync>/schedule/token/", sync_token, name="sync_token"),
    path("<uuid:sync>/attention/", sync_attention, name="sync_attention"),
    path("<uuid:sync>/attention/send-again/", sync_attention_again, name="sync_attention_again"),
    path("<uuid:sync>/attention/take-back/", sync_waiting_remove, name="sync_waiting_remove"),
    path("<uuid:sync>/pause/", sync_pause, name="sync_pause"),
    path("<uuid:sync>/resume/", sync_resume, name="sync_resume"),
    path("<uuid:sync>/remove/", sync_remove, name="sync_remove"),
]
