"""What is set up: sources, models and syncs with their mappings. To look at; no secret is ever shown."""

import json
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from destinations.models import Exchange
from syncadmin.lib import personal
from syncadmin.lib.history import HistoryAdmin, list_of, page_of
from syncadmin.lib.narrowing import TeamScope
from syncadmin.lib.shown import NOTHING, Tone, link, moment, preformatted, pretty, tag, without_secrets
from syncs.admin.runs import status_tag
from syncs.models import FieldMapping, QueryModel, RejectedRow, Run, Source, Sync

MOST_LINKS = 50
RECENT_RUNS = 10

HEALTH = {
    Source.Health.UNTESTED: Tone.QUIET,
    Source.Health.GOOD: Tone.GOOD,
    Source.Health.ATTENTION: Tone.BAD,
}


@admin.register(Source)
class SourceAdmin(HistoryAdmin):
    about = "Where rows come from."
    list_display = ("name", "team_name", "kind", "health_label", "checked")
    list_filter = ("health", "kind", TeamScope)
    list_select_related = ("team",)
    search_fields = ("name",)
    search_help_text = "A part of the name"
    ordering = ("name", "pk")
    fieldsets = (
        (None, {"fields": ("name", "team_name", "kind", "time_zone")}),
        ("Health", {"fields": ("health_label", "health_reason", "checked")}),
        ("Settings", {"fields": ("options_shown", "secrets")}),
        ("For the record", {"classes": ("collapse",), "fields": ("public_id", "created", "updated")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        return super().get_queryset(request).select_related("team")

    def search(self, queryset: QuerySet[Source], term: str) -> QuerySet[Source]:
        return queryset.filter(name__icontains=term)

    @admin.display(description="Team")
    def team_name(self, source: Source) -> str:
        return source.team.name

    @admin.display(description="Health")
    def health_label(self, source: Source) -> SafeString:
        found = Source.Health(source.health)
        return tag(found.label, HEALTH[found])

    @admin.display(description="Last tested")
    def checked(self, source: Source) -> SafeString | str:
        return moment(source.checked_at)

    @admin.display(description="Settings")
    def options_shown(self, source: Source) -> SafeString:
        return preformatted(pretty(without_secrets(source.options)))

    @admin.display(description="Secrets")
    def secrets(self, source: Source) -> str:
        return "Stored, encrypted; never shown" if source.sealed_credentials else "None"

    @admin.display(description="Created")
    def created(self, source: Source) -> SafeString | str:
        return moment(source.created_at)

    @admin.display(description="Changed")
    def updated(self, source: Source) -> SafeString | str:
        return moment(source.updated_at)

    def in_app(self, source: Source) -> str:
        return reverse("source", args=[source.team.slug, source.public_id])

    def more(self, request: HttpRequest, source: Source) -> dict[str, Any]:
        models = source.models.order_by("name")[:MOST_LINKS]
        return {"parts_title": "Models", "parts": [(page_of(one), one.name, "") for one in models]}


@admin.register(QueryModel)
class QueryModelAdmin(HistoryAdmin):
    about = "Queries and tables of the teams' sources, each with its primary key."
    list_display = ("name", "team_name", "source_name", "key", "updated")
    list_filter = (TeamScope,)
    list_select_related = ("team", "source")
    search_fields = ("name",)
    search_help_text = "A part of the name"
    ordering = ("name", "pk")
    fieldsets = (
        (None, {"fields": ("name", "team_name", "of_source", "key", "sql_shown")}),
        ("For the record", {"classes": ("collapse",), "fields": ("public_id", "created", "updated")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[QueryModel]:
        return super().get_queryset(request).select_related("team", "source")

    def search(self, queryset: QuerySet[QueryModel], term: str) -> QuerySet[QueryModel]:
        return queryset.filter(name__icontains=term)

    @admin.display(description="Team")
    def team_name(self, model: QueryModel) -> str:
        return model.team.name

    @admin.display(description="Source")
    def source_name(self, model: QueryModel) -> str:
        return model.source.name

    @admin.display(description="Source")
    def of_source(self, model: QueryModel) -> SafeString:
        return link(page_of(model.source), model.source.name)

    @admin.display(description="Primary key")
    def key(self, model: QueryModel) -> str:
        return ", ".join(str(column) for column in model.primary_key)

    @admin.display(description="SQL")
    def sql_shown(self, model: QueryModel) -> SafeString:
        return preformatted(personal.mentions(model.sql))

    @admin.display(description="Created")
    def created(self, model: QueryModel) -> SafeString | str:
        return moment(model.created_at)

    @admin.display(description="Changed")
    def updated(self, model: QueryModel) -> SafeString | str:
        return moment(model.updated_at)

    def hides(self, model: QueryModel) -> bool:
        return personal.mentions(model.sql) != model.sql

    def in_app(self, model: QueryModel) -> str:
        return reverse("model", args=[model.team.slug, model.public_id])

    def more(self, request: HttpRequest, model: QueryModel) -> dict[str, Any]:
        syncs = model.syncs.order_by("name")[:MOST_LINKS]
        return {"parts_title": "Syncs", "parts": [(page_of(one), one.name, "") for one in syncs]}


@admin.register(Sync)
class SyncAdmin(HistoryAdmin):
    about = "What goes where, and how the last run ended."
    list_display = (
        "name",
        "team_name",
        "model_name",
        "goes_to",
        "mode",
        "paused_label",
        "last_run",
    )
    list_filter = ("paused", "mode", TeamScope)
    search_fields = ("name",)
    search_help_text = "A part of the name"
    ordering = ("name", "pk")
    fieldsets = (
        (None, {"fields": ("name", "team_name", "paused_label", "last_run")}),
        ("What goes where", {"fields": ("of_model", "of_connection", "object_key", "mode", "upsert_key")}),
        (
            "For the record",
            {
                "classes": ("collapse",),
                "fields": ("public_id", "generation", "keep_records", "created", "updated"),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sync]:
        last = Run.objects.filter(sync=OuterRef("pk"), number=OuterRef("last_run_number")).values("status")
        return (
            super()
            .get_queryset(request)
            .select_related("team", "model", "connection")
            .defer("connection__sealed_credentials", "connection__fields", "model__sql")
            .annotate(last_status=Subquery(last[:1]))
        )

    def search(self, queryset: QuerySet[Sync], term: str) -> QuerySet[Sync]:
        return queryset.filter(name__icontains=term)

    @admin.display(description="Team")
    def team_name(self, sync: Sync) -> str:
        return sync.team.name

    @admin.display(description="Model")
    def model_name(self, sync: Sync) -> str:
        return sync.model.name

    @admin.display(description="Goes to")
    def goes_to(self, sync: Sync) -> str:
        return f"{sync.object_key} of {sync.connection.name}"

    @admin.display(description="Paused")
    def paused_label(self, sync: Sync) -> SafeString | str:
        return tag("Paused", Tone.CARE) if sync.paused else "No"

    @admin.display(description="Last run")
    def last_run(self, sync: Sync) -> SafeString | str:
        status = sync.last_status  # type: ignore[attr-defined]
        return status_tag(status) if status else NOTHING

    @admin.display(description="Model")
    def of_model(self, sync: Sync) -> SafeString:
        return link(page_of(sync.model), sync.model.name)

    @admin.display(description="Connection")
    def of_connection(self, sync: Sync) -> SafeString:
        return link(page_of(sync.connection), sync.connection.name)

    @admin.display(description="Created")
    def created(self, sync: Sync) -> SafeString | str:
        return moment(sync.created_at)

    @admin.display(description="Changed")
    def updated(self, sync: Sync) -> SafeString | str:
        return moment(sync.updated_at)

    def links(self, sync: Sync) -> Iterator[tuple[str, str]]:
        yield "Runs", list_of(Run, sync=sync.public_id)
        yield "Failed records", list_of(RejectedRow, sync=sync.public_id)
        yield "Requests of its connection", list_of(Exchange, connection=sync.connection.public_id)

    def in_app(self, sync: Sync) -> str:
        return reverse("sync", args=[sync.team.slug, sync.public_id])

    def more(self, request: HttpRequest, sync: Sync) -> dict[str, Any]:
        runs = sync.runs.order_by("-number").only("public_id", "number", "status", "created_at")
        return {
            "mappings": [_mapped(one) for one in sync.mappings.order_by("position")],
            "parts_title": "Last runs",
            "parts": [
                (page_of(run), f"Run {run.number:,}", status_tag(run.status)) for run in runs[:RECENT_RUNS]
            ],
        }


def _mapped(one: FieldMapping) -> dict[str, str]:
    """A mapping in words."""
    empty = one.get_empty_display()
    if one.empty == FieldMapping.Empty.DEFAULT:
        empty = f"{empty}: {_json(one.default)}"
    return {
        "field": one.field,
        "filled": _filled(one),
        "steps": ", ".join(step if isinstance(step, str) else _json(step) for step in one.steps),
        "empty": empty,
    }


def _filled(one: FieldMapping) -> str:
    if one.first_of is not None:
        return f"the first that is not empty of {', '.join(one.first_of)}"
    if one.template is not None:
        return f"template {_json(one.template)}"
    if one.variable is not None:
        return f"run variable {one.variable}"
    return f"column {one.column}" if one.column is not None else f"always {_json(one.value)}"


def _json(value: Any) -> str:
    return personal.mentions(json.dumps(value, ensure_ascii=False))
