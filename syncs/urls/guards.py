"""Guards and brakes of syncs, and the team's own domains, below /t/<team>/syncs/."""

from django.urls import path

from syncs.views.mail_domains import mail_domains
from syncs.views.sync_brakes import sync_brakes
from syncs.views.sync_guards import guard_add, guard_edit, guard_remove, sync_guards

urlpatterns = [
    path("domains/", mail_domains, name="mail_domains"),
    path("<uuid:sync>/brakes/", sync_brakes, name="sync_brakes"),
    path("<uuid:sync>/guards/", sync_guards, name="sync_guards"),
    path("<uuid:sync>/guards/add/<slug:guard_kind>/", guard_add, name="guard_add"),
    path("<uuid:sync>/guards/<slug:guard>/", guard_edit, name="guard_edit"),
    path("<uuid:sync>/guards/<slug:guard>/remove/", guard_remove, name="guard_remove"),
]
