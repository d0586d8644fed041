"""Batches: what was sent together, and what became of each operation."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from destinations.models import Exchange
from syncadmin.lib import personal
from syncadmin.lib.history import HistoryAdmin, list_of, page_of
from syncadmin.lib.narrowing import as_uuid
from syncadmin.lib.shown import NOTHING, Tone, counted, link, moment, tag
from syncs.admin import operations
from syncs.admin.scopes import RunScope
from syncs.models import Batch, RejectedRow, Run

SHOWN_EXCHANGES = 100

SHOWN_ALONE = 100  # operations of a batch whose own requests are looked for
TONES = {
    Batch.Status.PLANNED: Tone.QUIET,
    Batch.Status.SENDING: Tone.BUSY,
    Batch.Status.WAITING: Tone.CARE,
    Batch.Status.SETTLED: Tone.GOOD,
}


def exchange_lines(batch: Batch) -> list[dict[str, Any]]:
    """The last requests that carried the batch, in their order, for `_exchanges.html`. Needs its run."""
    first = max(1, batch.attempt - SHOWN_EXCHANGES + 1)
    calls = [f"{batch.pk}-{attempt}" for attempt in range(first, batch.attempt + 1)]
    if batch.operation_count <= SHOWN_ALONE:  # its operations may have gone one by one
        calls += [f"{calls[-1]}-{position}" for position in range(batch.operation_count) if batch.attempt]
    carried = Exchange.objects.filter(team_id=batch.team_id, subject=batch.run.public_id, call__in=calls)
    newest = carried.order_by("-pk").only(
        "public_id", "method", "url", "status", "error", "started_at", "milliseconds"
    )[:SHOWN_EXCHANGES]
    return [
        {
            "it": one,
            "address": page_of(one),
            "started": moment(one.started_at),
            "url": personal.address(one.url),
            "error": personal.words(one.error),
        }
        for one in reversed(newest)
    ]


@admin.register(Batch)
class BatchAdmin(HistoryAdmin):
    list_display = (
        "numbered",
        "of_run",
        "stage",
        "object_key",
        "status_label",
        "operations",
        "arrived",
        "refused",
        "in_doubt",
        "attempt",
        "first_sent",
        "settled",
    )
    list_filter = ("status", "stage", RunScope)
    list_select_related = ("run__sync",)
    list_fields: ClassVar = (
        "number",
        "plan_attempt",
        "stage",
        "object_key",
        "status",
        "operation_count",
        "accepted_count",
        "rejected_count",
        "in_doubt_count",
        "attempt",
        "first_sent_at",
        "settled_at",
        "run__number",
        "run__public_id",
        "run__sync__name",
    )
    about = "What was sent together, and what became of each row."
    search_fields = ("run__public_id",)
    search_help_text = "A run's id"
    fieldsets = (
        (
            "What happened",
            {"fields": ("of_run", "status_label", "stage", "object_key", "error", "halved")},
        ),
        (
            "Rows",
            {"fields": ("operations", "row_count", "arrived", "refused", "in_doubt")},
        ),
        ("Times", {"fields": ("attempt", "first_sent", "last_sent", "due", "settled", "folded")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        return super().get_queryset(request).select_related("run__sync")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-plan_attempt", "number") if "run" in request.GET else ("-pk",)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The batch by its number, or by the id of a call that carried it."""
        return super().get_object(request, object_id.partition("-")[0], from_field)

    def search(self, queryset: QuerySet[Batch], term: str) -> QuerySet[Batch]:
        public_id = as_uuid(term)
        if public_id is None:
            return queryset.none()
        return queryset.filter(run__in=Run.objects.filter(public_id=public_id))

    @admin.display(description="Batch")
    def numbered(self, batch: Batch) -> str:
        return f"Batch {batch.number:,}"

    @admin.display(description="Run")
    def of_run(self, batch: Batch) -> SafeString:
        return link(page_of(batch.run), batch.run)

    @admin.display(description="Status")
    def status_label(self, batch: Batch) -> SafeString:
        found = Batch.Status(batch.status)
        return tag(found.label, TONES[found])

    @admin.display(description="Operations")
    def operations(self, batch: Batch) -> str:
        return f"{batch.operation_count:,}"

    @admin.display(description="Rows arrived")
    def arrived(self, batch: Batch) -> str:
        return f"{batch.accepted_count:,}"

    @admin.display(description="Refused")
    def refused(self, batch: Batch) -> str:
        return f"{batch.rejected_count:,}"

    @admin.display(description="In doubt")
    def in_doubt(self, batch: Batch) -> str:
        return f"{batch.in_doubt_count:,}"

    @admin.display(description="Last error")
    def error(self, batch: Batch) -> str:
        return personal.words(batch.last_error) or NOTHING

    @admin.display(description="Halved")
    def halved(self, batch: Batch) -> str:
        """How often a call was refused whole, which only an open batch remembers."""
        try:
            splits = operations.journal_of(batch).splits
        except operations.Unreadable:
            splits = 0
        return f"{counted(splits, 'time')}, as the destination refused a call whole" if splits else NOTHING

    @admin.display(description="First sent")
    def first_sent(self, batch: Batch) -> SafeString | str:
        return moment(batch.first_sent_at)

    @admin.display(description="Last sent")
    def last_sent(self, batch: Batch) -> SafeString | str:
        return moment(batch.last_sent_at)

    @admin.display(description="Next due")
    def due(self, batch: Batch) -> SafeString | str:
        return NOTHING if batch.status == Batch.Status.SETTLED else moment(batch.due_at)

    @admin.display(description="Settled")
    def settled(self, batch: Batch) -> SafeString | str:
        return moment(batch.settled_at)

    @admin.display(description="Written to what was sent")
    def folded(self, batch: Batch) -> SafeString | str:
        return moment(batch.folded_at)

    def links(self, batch: Batch) -> Iterator[tuple[str, str]]:
        run = batch.run.public_id
        yield "Run", page_of(batch.run)
        yield "Batches of the run", list_of(Batch, run=run)
        yield "Failed records of the run", list_of(RejectedRow, run=run)

    def hides(self, batch: Batch) -> bool:
        return True

    def more(self, request: HttpRequest, batch: Batch) -> dict[str, Any]:
        shown: dict[str, Any] = {"exchanges": exchange_lines(batch)}
        start = request.GET.get("at", "")
        try:
            page = operations.page(batch, int(start) if start.isdecimal() else 0)
            shown |= {"page": page, "rows": _rows_of(batch, page), "calls": operations.calls_of(batch)}
        except operations.Unreadable:
            shown["unreadable"] = True
        return shown


def _rows_of(batch: Batch, page: operations.Page) -> list[tuple[operations.Shown, str]]:
    """Operations with the address of the rejected row that tells of them, where there is one."""
    owners = [one.key for one in page.shown]
    part = int(batch.stage == Batch.Stage.COMPANIONS)
    rows = RejectedRow.objects.filter(
        sync_id=batch.run.sync_id,
        key_text__in=owners,
        run_id=batch.run_id,
        plan_attempt=batch.plan_attempt,
        batch_number=batch.number,
        part=part,
    ).only("key_text", "public_id")
    pages = {row.key_text: page_of(row) for row in rows} if owners else {}
    return [(one, pages.get(one.key, "")) for one in page.shown]
