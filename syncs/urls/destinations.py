"""Destinations, below /t/<team>/destinations/."""

from django.urls import path

from syncs.views import destinations, requests, shares, sign_in

urlpatterns = [
    path("", destinations.destinations, name="destinations"),
    path("add/", destinations.destination_add, name="destination_add"),
    path("add/<slug:key>/", destinations.connection_add, name="connection_add"),
    path("<uuid:connection>/", destinations.connection, name="connection"),
    path("<uuid:connection>/requests/", requests.connection_requests, name="connection_requests"),
    path("<uuid:connection>/edit/", destinations.connection_edit, name="connection_edit"),
    path("<uuid:connection>/test/", destinations.connection_test, name="connection_test"),
    path("<uuid:connection>/sign-in/", sign_in.sign_in, name="sign_in"),
    path("<uuid:connection>/elsewhere/", sign_in.sign_in_elsewhere, name="sign_in_elsewhere"),
    path("<uuid:connection>/fields/", destinations.connection_refresh, name="connection_refresh"),
    path("<uuid:connection>/share/", shares.share_add, name="share_add"),
    path("shares/<uuid:share>/edit/", shares.share_edit, name="share_edit"),
    path("shares/<uuid:share>/remove/", shares.share_remove, name="share_remove"),
    path("<uuid:connection>/remove/", destinations.connection_remove, name="connection_remove"),
]
