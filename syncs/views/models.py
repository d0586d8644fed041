"""Models: their list, a model's page, a look at its rows; removing one."""

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from syncadmin.lib.paging import newest_first, public_id
from syncadmin.teams import audit
from syncadmin.teams.access import Can, TeamRequest, needs
from syncs.configuration.guards import reading_keys_of
from syncs.engine.permitted import models_for
from syncs.models import QueryModel, Source, Sync
from syncs.sources.base import Column, SourceError
from syncs.views.model_form import add, edit
from syncs.views.model_preview import preview
from syncs.views.model_shares import uses_of
from syncs.views.source_health import Unreachable, kind_label, quick_reader
from syncs.views.way_back import way_back

SHOWN_SYNCS = 50


@needs(Can.LOOK)
def models(request: TeamRequest) -> HttpResponse:
    """The team's models, the newest first."""
    found = models_for(request.team).annotate(sync_count=Count("syncs", filter=Q(syncs__team=request.team)))
    query = request.GET.get("q", "").strip()
    if query:
        found = found.filter(name__icontains=query)
    sources = list(Source.objects.filter(team=request.team).order_by("name"))
    wanted = request.GET.get("source", "")
    chosen = next((one for one in sources if str(one.public_id) == wanted), None)
    if chosen is not None:
        found = found.filter(source=chosen)
    context = {
        "section": "models",
        "page": newest_first(found, request.GET),
        "query": query,
        "sources": sources,
        "chosen": chosen,
        "is_filtered": bool(query or chosen),
    }
    return render(request, "syncs/models/list.html", context)


@needs(Can.LOOK)
def model(request: TeamRequest, model: UUID) -> HttpResponse:
    """A model: its query, its key, its columns, and the team's syncs that send its rows."""
    found = _usable(request, model)
    columns, problem = _columns(found)
    syncs = Sync.objects.filter(model=found, team=request.team).order_by("name")
    context = {
        "section": "models",
        "model": found,
        "lines": found.sql.split("\n"),
        "columns": columns,
        "problem": problem,
        "missing": [name for name in found.primary_key if columns and name not in columns_names(columns)],
        "syncs": syncs[:SHOWN_SYNCS],
        "sync_count": syncs.count(),
        "is_own": found.team == request.team,
        "uses": uses_of(found) if found.team == request.team else [],
    }
    return render(request, "syncs/models/model.html", context)


@needs(Can.LOOK)
def model_preview(request: TeamRequest, model: UUID) -> HttpResponse:
    """The first rows of a model, read now."""
    found = _usable(request, model)
    context = {
        "section": "models",
        "model": found,
        "preview": preview(found.source, found.sql),
        "key": found.primary_key,
    }
    return render(request, "syncs/models/preview.html", context)


@needs(Can.BUILD)
def model_add(request: TeamRequest) -> HttpResponse:
    """First the source, then a table or a query."""
    sources = list(Source.objects.filter(team=request.team).order_by("name"))
    wanted = public_id(request.POST.get("source") or request.GET.get("source") or "")
    chosen = next((one for one in sources if one.public_id == wanted), None)
    if chosen is None and len(sources) == 1 and wanted is None:
        chosen = sources[0]
    if chosen is not None:
        return add(request, chosen, has_choice=len(sources) > 1)
    context = {
        "section": "models",
        "choices": [(one, kind_label(one.kind)) for one in sources],
        "next": way_back(request),
    }
    return render(request, "syncs/models/choose.html", context)


@needs(Can.BUILD)
def model_edit(request: TeamRequest, model: UUID) -> HttpResponse:
    """Change a model."""
    return edit(request, _get(request, model))


@needs(Can.BUILD)
def model_remove(request: TeamRequest, model: UUID) -> HttpResponse:
    """Remove a model that no sync sends, after asking."""
    found = _get(request, model)
    syncs = Sync.objects.filter(model=found, team=request.team).order_by("name")
    if request.method == "POST" and _remove(found):
        messages.success(request, f"{found.name} is removed.")
        return redirect("models", request.team.slug)
    context = {
        "section": "models",
        "model": found,
        "syncs": syncs[:SHOWN_SYNCS],
        "sync_count": syncs.count(),
        "foreign_count": Sync.objects.filter(model=found).exclude(team=request.team).count(),
        "guarded": list(dict.fromkeys(sync for sync, _ in reading_keys_of(found))),
    }
    return render(request, "syncs/models/remove.html", context)


def columns_names(columns: tuple[Column, ...]) -> list[str]:
    return [column.name for column in columns]


def _remove(found: QueryModel) -> bool:
    """Remove the model. False while a sync sends its rows, or has a guard that reads keys from it."""
    with transaction.atomic():
        QueryModel.objects.select_for_update().get(pk=found.pk)
        if Sync.objects.filter(model=found).exists() or reading_keys_of(found):
            return False
        audit.record(None, found.team, audit.Action.MODEL_REMOVED, found, before={"sql": found.sql})
        QueryModel.objects.filter(pk=found.pk).delete()
    return True


def _usable(request: TeamRequest, public_id: UUID) -> QueryModel:
    """The team's own, or one that another team shares with it: that is only looked at."""
    return get_object_or_404(models_for(request.team), public_id=public_id)


def _get(request: TeamRequest, public_id: UUID) -> QueryModel:
    found = QueryModel.objects.select_related("source", "team")
    return get_object_or_404(found, team=request.team, public_id=public_id)


def _columns(found: QueryModel) -> tuple[tuple[Column, ...], str]:
    """The columns, asked now where the source worked the last time; else why not."""
    if found.source.health == Source.Health.ATTENTION:
        return (), "The source does not work at the moment; its columns are shown when it does."
    try:
        return quick_reader(found.source).describe(found.sql), ""
    except (SourceError, Unreachable) as error:
        return (), str(error)
