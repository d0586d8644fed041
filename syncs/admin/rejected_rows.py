"""Rows that did not arrive: which, why, who must act; and sending them again."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from destinations.models import Exchange
from syncadmin.lib import personal
from syncadmin.lib.history import HistoryAdmin, list_of, page_of
from syncadmin.lib.narrowing import TeamScope, as_uuid
from syncadmin.lib.shown import NOTHING, Tone, link, moment, preformatted, pretty, short, tag
from syncadmin.teams.models import Team
from syncs.admin import again
from syncs.admin.batches import exchange_lines
from syncs.admin.scopes import ProblemFilter, RunScope, StageFilter, SyncScope
from syncs.engine.catalogue import title_of
from syncs.models import Batch, RejectedRow, Run, Sync
from syncs.views import told

MOST_FOUND = 1_000
OF_ONE_RUN = (
    "stage",
    "problem",
    "field",
    "-pk",
)  # its index has them so: nothing is sorted, alike rows are together

STAGES = {
    RejectedRow.Stage.INVALID: ("Stopped", Tone.CARE),
    RejectedRow.Stage.HELD_BACK: ("Held back", Tone.QUIET),
    RejectedRow.Stage.REJECTED: ("Refused", Tone.BAD),
    RejectedRow.Stage.IN_DOUBT: ("In doubt", Tone.CARE),
    RejectedRow.Stage.LEFT_BEHIND: ("Left behind", Tone.QUIET),
}
WHO = {
    RejectedRow.Who.DATA: "Source's owner",
    RejectedRow.Who.EDITOR: "Sync's editor",
    RejectedRow.Who.ADMIN: "Destination's admin",
    RejectedRow.Who.NOBODY: "Nobody",
}


@admin.register(RejectedRow)
class RejectedRowAdmin(HistoryAdmin):
    list_display = (
        "record",
        "key_short",
        "of_run",
        "stage_short",
        "problem_title",
        "field_short",
        "reason_short",
        "who_short",
        "told_at",
    )
    list_filter = (StageFilter, ProblemFilter, "who", TeamScope, SyncScope, RunScope)
    list_select_related = ("run__sync",)
    list_fields: ClassVar = (
        "public_id",
        "key_text",
        "match_key",
        "part",
        "payload",  # its values must not stand in the reason
        "stage",
        "problem",
        "field",
        "reason",
        "who",
        "created_at",
        "run__number",
        "run__public_id",
        "run__sync__name",
    )
    about = "Rows that did not arrive, or were held back. The newest first; those of a run by problem."
    hides_in_lists = True
    search_fields = ("key_text",)
    search_help_text = "A whole primary key, a whole e-mail address (or other upsert key), or a run's id"
    actions = ("send_again",)
    fieldsets = (
        (
            "What happened",
            {"fields": ("stage_label", "problem_title", "field", "reason_shown", "who_acts", "told_at")},
        ),
        (
            "Which row",
            {"fields": ("key_shown", "match_key_shown", "of_team", "of_sync", "of_run", "of_batch")},
        ),
        ("What would have been sent", {"fields": ("payload_shown",)}),
        ("For the record", {"classes": ("collapse",), "fields": ("public_id", "key_digest")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[RejectedRow]:
        return super().get_queryset(request).select_related("team", "sync", "run__sync")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        term = request.GET.get("q", "")
        is_of_run = "run" in request.GET or _runs(term).exists()
        return OF_ONE_RUN if is_of_run else ("-pk",)

    def search(self, queryset: QuerySet[RejectedRow], term: str) -> QuerySet[RejectedRow]:
        if run := _runs(term).first():
            return queryset.filter(run=run)
        # Two look-ups, each in an index that begins with the sync or the team: "or" would read the table.
        by_key = queryset.filter(sync__in=Sync.objects.order_by().values("pk"), key_text=term)
        by_person = queryset.filter(
            team__in=Team.objects.order_by().values("pk"), match_key__in={term, term.lower()}
        )
        found = {pk for rows in (by_key, by_person) for pk in rows.values_list("pk", flat=True)[:MOST_FOUND]}
        return queryset.filter(pk__in=found)

    @admin.display(description="Record")
    def record(self, row: RejectedRow) -> str:
        return str(row.public_id)[:8]

    @admin.display(description="Primary key")
    def key_shown(self, row: RejectedRow) -> str:
        key = personal.text(row.key_text) or "(no primary key)"
        return f"{key} (companion)" if row.part else key

    @admin.display(description="Primary key")
    def key_short(self, row: RejectedRow) -> str:
        return short(self.key_shown(row), 60)

    @admin.display(description="Run")
    def of_run(self, row: RejectedRow) -> SafeString:
        return link(page_of(row.run), short(str(row.run), 60))

    @admin.display(description="Stage")
    def stage_label(self, row: RejectedRow) -> SafeString:
        found = RejectedRow.Stage(row.stage)
        return tag(found.label, STAGES[found][1])

    @admin.display(description="Stage")
    def stage_short(self, row: RejectedRow) -> SafeString:
        return tag(*STAGES[RejectedRow.Stage(row.stage)])

    @admin.display(description="Who acts")
    def who_short(self, row: RejectedRow) -> str:
        return WHO[RejectedRow.Who(row.who)]

    @admin.display(description="Problem")
    def problem_title(self, row: RejectedRow) -> str:
        return title_of(row.problem)

    @admin.display(description="Field")
    def field_short(self, row: RejectedRow) -> str:
        return short(row.field, 40)

    @admin.display(description="Who acts")
    def who_acts(self, row: RejectedRow) -> str:
        return row.get_who_display()

    @admin.display(description="Reason")
    def reason_short(self, row: RejectedRow) -> str:
        return short(told.reason(row), 110)

    @admin.display(description="Reason")
    def reason_shown(self, row: RejectedRow) -> str:
        return told.reason(row)

    @admin.display(description="Upsert key")
    def match_key_shown(self, row: RejectedRow) -> str:
        return personal.text(row.match_key) or NOTHING

    @admin.display(description="Time")
    def told_at(self, row: RejectedRow) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description="Team")
    def of_team(self, row: RejectedRow) -> SafeString:
        return link(list_of(RejectedRow, team=row.team.public_id), row.team.name)

    @admin.display(description="Sync")
    def of_sync(self, row: RejectedRow) -> SafeString:
        return link(page_of(row.sync), row.sync.name)

    @admin.display(description="Batch")
    def of_batch(self, row: RejectedRow) -> SafeString | str:
        batch = _batch_of(row)
        if batch is None:
            return "It was never in one" if row.batch_number is None else "Not kept any more"
        return link(page_of(batch), f"Batch {batch.number:,}")

    @admin.display(description="Values")
    def payload_shown(self, row: RejectedRow) -> SafeString:
        return (
            preformatted(pretty(personal.values(row.payload)))
            if row.payload
            else SafeString("Nothing is kept.")
        )

    @admin.display(description="Digest of the key")
    def key_digest(self, row: RejectedRow) -> str:
        return personal.text(bytes(row.key).hex()) or NOTHING

    def title(self, row: RejectedRow) -> str:
        return f"{row} of {row.run}"

    def hides(self, row: RejectedRow) -> bool:
        return True

    def in_app(self, row: RejectedRow) -> str:
        return reverse("run_row", args=[row.team.slug, row.run.public_id, row.public_id])

    def offers(self, row: RejectedRow) -> Iterator[tuple[str, str]]:
        if row.stage in RejectedRow.ATTENTION and row.key_text:
            yield "send_again", "Send this row again"

    def links(self, row: RejectedRow) -> Iterator[tuple[str, str]]:
        yield "Run", page_of(row.run)
        yield "Failed records of the run", list_of(RejectedRow, run=row.run.public_id)
        yield "Requests of the run", list_of(Exchange, subject=row.run.public_id)

    def more(self, request: HttpRequest, row: RejectedRow) -> dict[str, Any]:
        batch = _batch_of(row)
        return {"exchanges": exchange_lines(batch) if batch is not None else []}

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("syncs.add_run")

    @admin.action(description="Send these rows again", permissions=["send"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[RejectedRow]) -> None:
        for answer in again.rows(chosen, request.user):  # type: ignore[arg-type]
            self.message_user(request, answer.text, answer.level)


def _runs(term: str) -> QuerySet[Run]:
    """The run that a term names, if it does."""
    public_id = as_uuid(term)
    return Run.objects.filter(public_id=public_id).only("pk") if public_id else Run.objects.none()


def _batch_of(row: RejectedRow) -> Batch | None:
    """The batch that carried the row, without its payload."""
    if row.batch_number is None:
        return None
    found = Batch.objects.filter(
        run_id=row.run_id, plan_attempt=row.plan_attempt, number=row.batch_number
    ).only("number", "team_id", "attempt", "run__public_id")
    return found.select_related("run").first()
