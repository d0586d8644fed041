"""A model that teams share: who uses it, for the owner; the model as it is, for the others."""

from functools import partial
from uuid import UUID

from django.contrib import messages
from django.db import IntegrityError
from django.db.models import Count, F, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.configuration import sharing
from syncs.forms.shares import TeamForm
from syncs.models import ModelShare, QueryModel
from syncs.views.shares import taken_away


def uses_of(model: QueryModel) -> list[ModelShare]:
    """The teams that it is shared with, each with `sync_count`: how many syncs of theirs send its rows."""
    theirs = Count("model__syncs", filter=Q(model__syncs__team=F("with_team")))
    return list(
        ModelShare.objects.filter(model=model)
        .select_related("with_team")
        .annotate(sync_count=theirs)
        .order_by("with_team__name", "pk")
    )


@require_http_methods(["GET", "POST"])
@needs(Can.BUILD)
def model_share(request: TeamRequest, model: UUID) -> HttpResponse:
    """Let another team use it."""
    found = get_object_or_404(QueryModel.objects.select_related("team"), team=request.team, public_id=model)
    data = request.POST if request.method == "POST" else None
    used_by = frozenset(ModelShare.objects.filter(model=found).values_list("with_team", flat=True))
    form = TeamForm(data, owner=request.team, used_by=used_by)
    if form.is_valid() and form.with_team is not None:
        try:
            sharing.share_model(request, found, form.with_team, made_by=request.user)
        except IntegrityError:
            form.add_error("slug", f"{form.with_team} uses it already: somebody shared it just now.")
        else:
            messages.success(request, f"{form.with_team} can use it now, and finds it when it adds a sync.")
            return redirect("model", request.team.slug, found.public_id)
    context = {"section": "models", "model": found, "form": form}
    return render(request, "syncs/models/share.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@needs(Can.BUILD)
def model_share_remove(request: TeamRequest, share: UUID) -> HttpResponse:
    """Take it away, after saying what stands on it."""
    shares = ModelShare.objects.select_related("model", "team", "with_team")
    given = get_object_or_404(shares, team=request.team, public_id=share)
    back = reverse("model", args=[request.team.slug, given.model.public_id])
    take = partial(sharing.take_model_away, request, given)
    return taken_away(request, given, given.model.name, take, section="models", back=back)
