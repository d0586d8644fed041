"""Models, below /t/<team>/models/."""

from django.urls import path

from syncs.views.model_shares import model_share, model_share_remove
from syncs.views.models import model, model_add, model_edit, model_preview, model_remove, models

urlpatterns = [
    path("", models, name="models"),
    path("add/", model_add, name="model_add"),
    path("<uuid:model>/", model, name="model"),
    path("<uuid:model>/edit/", model_edit, name="model_edit"),
    path("<uuid:model>/preview/", model_preview, name="model_preview"),
    path("<uuid:model>/share/", model_share, name="model_share"),
    path("shares/<uuid:share>/remove/", model_share_remove, name="model_share_remove"),
    path("<uuid:model>/remove/", model_remove, name="model_remove"),
]
