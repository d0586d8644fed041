"""Where a person is, below /t/<team>/people/. A reference holds what was typed, encrypted."""

from django.urls import path

from syncs.views.people import people, person, person_in_source, person_send

urlpatterns = [
    path("", people, name="people"),
    path("<str:ref>/", person, name="person"),
    path("<str:ref>/send/", person_send, name="person_send"),
    path("<str:ref>/source/<uuid:model>/", person_in_source, name="person_in_source"),
]
