"""Runs: what happened, in numbers that add up, and why."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from destinations.models import Exchange
from syncadmin.lib import personal
from syncadmin.lib.history import HistoryAdmin, list_of, page_of
from syncadmin.lib.narrowing import TeamScope, as_uuid
from syncadmin.lib.shown import NOTHING, Tone, counted, duration, link, moment, short, tag
from syncs.admin import again, problems
from syncs.admin.scopes import NEED_ATTENTION, SyncScope
from syncs.engine.catalogue import title_of
from syncs.engine.run import cancel
from syncs.models import Batch, RejectedRow, Run, Sync
from syncs.views import told
from syncs.views.run_approval import reasons

MOST_PROBLEMS = 30
SHOWN_KEYS = 20
MOST_RUNS_AT_ONCE = 100
MOST_SYNCS_FOUND = 100

TONES = {
    Run.Status.QUEUED: Tone.QUIET,
    Run.Status.PLANNING: Tone.BUSY,
    Run.Status.APPROVAL: Tone.CARE,
    Run.Status.DELIVERING: Tone.BUSY,
    Run.Status.FINISHING: Tone.BUSY,
    Run.Status.SUCCEEDED: Tone.GOOD,
    Run.Status.ATTENTION: Tone.CARE,
    Run.Status.STOPPED: Tone.BAD,
    Run.Status.CANCELLED: Tone.QUIET,
}


def status_tag(status: str) -> SafeString:
    found = Run.Status(status)
    return tag("Needs attention" if found == Run.Status.ATTENTION else found.label, TONES[found])


def took(run: Run) -> timedelta | None:
    """From its first step to its end, or until now."""
    return (run.finished_at or timezone.now()) - run.started_at if run.started_at else None


@admin.register(Run)
class RunAdmin(HistoryAdmin):
    list_display = (
        "run",
        "status_label",
        "team_name",
        "trigger",
        "read",
        "arrived",
        "no_change",
        "attention",
        "held_back",
        "waiting",
        "started",
        "took",
    )
    list_filter = ("status", "trigger", TeamScope, SyncScope)
    list_select_related = ("sync", "team")
    list_fields: ClassVar = (
        "public_id",
        "number",
        "status",
        "trigger",
        "dry_run",
        "sync__name",
        "team__name",
        "read_count",
        "unchanged_count",
        "held_back_count",
        "invalid_count",
        "accepted_count",
        "rejected_count",
        "in_doubt_count",
        "waiting_count",
        "created_at",
        "started_at",
        "finished_at",
    )
    about = "Every execution of a sync, the newest first."
    search_fields = ("public_id",)
    search_help_text = "A run's id, a sync's name, or a sync's name and a number: leads #12"
    actions = ("cancel_runs", "send_again")
    fieldsets = (
        (
            "What happened",
            {"fields": ("of_sync", "of_team", "status_label", "held", "stopped", "waits", "noticed", "kind")},
        ),
        ("Rows", {"fields": ("counts",)}),
        ("Times", {"fields": ("created", "started", "planned", "finished", "took", "cancel_requested")}),
        (
            "For the record",
            {
                "classes": ("collapse",),
                "fields": ("public_id", "trigger", "by", "generation", "version", "plan_attempt", "worker"),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        return super().get_queryset(request).select_related("sync", "team", "started_by", "decided_by")

    def search(self, queryset: QuerySet[Run], term: str) -> QuerySet[Run]:
        if public_id := as_uuid(term):
            return queryset.filter(public_id=public_id)
        name, mark, number = term.rpartition("#")
        numbered = bool(mark) and number.isdecimal()
        name = name.strip() if numbered else term
        syncs = Sync.objects.filter(name__icontains=name).order_by("name")
        found = queryset.filter(sync__in=list(syncs.values_list("pk", flat=True)[:MOST_SYNCS_FOUND]))
        return found.filter(number=int(number)) if numbered else found

    # In lists

    @admin.display(description="Run")
    def run(self, run: Run) -> str:
        return f"{short(run.sync.name, 60)} #{run.number}{' (dry run)' if run.dry_run else ''}"

    @admin.display(description="Status")
    def status_label(self, run: Run) -> SafeString:
        return status_tag(run.status)

    @admin.display(description="Team")
    def team_name(self, run: Run) -> str:
        return short(run.team.name, 40)

    @admin.display(description="Read")
    def read(self, run: Run) -> str:
        return f"{run.read_count:,}"

    @admin.display(description="Arrived")
    def arrived(self, run: Run) -> str:
        return f"{run.accepted_count:,}"

    @admin.display(description="No change")
    def no_change(self, run: Run) -> str:
        return f"{run.unchanged_count:,}"

    @admin.display(description="Needs attention")
    def attention(self, run: Run) -> SafeString | str:
        bad = run.invalid_count + run.rejected_count + run.in_doubt_count
        return _rows(run, NEED_ATTENTION, bad)

    @admin.display(description="Held back")
    def held_back(self, run: Run) -> SafeString | str:
        return _rows(run, RejectedRow.Stage.HELD_BACK, run.held_back_count)

    @admin.display(description="Waiting")
    def waiting(self, run: Run) -> str:
        return f"{run.waiting_count:,}"

    @admin.display(description="Started")
    def started(self, run: Run) -> SafeString | str:
        return moment(run.started_at)

    @admin.display(description="Took")
    def took(self, run: Run) -> str:
        return duration(took(run))

    # On its page

    @admin.display(description="Sync")
    def of_sync(self, run: Run) -> SafeString:
        return link(page_of(run.sync), run.sync.name)

    @admin.display(description="Team")
    def of_team(self, run: Run) -> SafeString:
        return link(list_of(Run, team=run.team.public_id), run.team.name)

    @admin.display(description="Why it stopped")
    def stopped(self, run: Run) -> str:
        return personal.words(run.stop_reason) or NOTHING

    @admin.display(description="Approval")
    def held(self, run: Run) -> str:
        told = reasons(run)
        if run.decision:
            by = f" by {run.decided_by}" if run.decided_by else ""
            told.append(f"{run.get_decision_display()}{by}.")
        return " ".join(told) or NOTHING

    @admin.display(description="Waits for")
    def waits(self, run: Run) -> str:
        return personal.words(run.waits_for) or NOTHING

    @admin.display(description="What it noticed")
    def noticed(self, run: Run) -> str:
        return "\n".join(personal.words(str(note)) for note in run.notes) or NOTHING

    @admin.display(description="Kind")
    def kind(self, run: Run) -> str:
        parts = [
            "every row is sent, changed or not" if run.full else "what changed is sent",
            "a dry run: nothing leaves" if run.dry_run else "",
            f"at most {counted(run.limit, 'row')}" if run.limit is not None else "",
            _keys(run.keys) if run.keys is not None else "",
        ]
        told = "; ".join(part for part in parts if part)
        return told[0].upper() + told[1:]

    @admin.display(description="How they add up")
    def counts(self, run: Run) -> SafeString:
        return render_to_string("admin/syncs/run/_counts.html", {"lines": _counts(run)})

    @admin.display(description="Asked for")
    def created(self, run: Run) -> SafeString | str:
        return moment(run.created_at)

    @admin.display(description="Planned")
    def planned(self, run: Run) -> SafeString | str:
        return moment(run.planned_at)

    @admin.display(description="Finished")
    def finished(self, run: Run) -> SafeString | str:
        return moment(run.finished_at)

    @admin.display(description="Cancel asked for")
    def cancel_requested(self, run: Run) -> SafeString | str:
        return moment(run.cancel_requested_at)

    @admin.display(description="Started by")
    def by(self, run: Run) -> str:
        return str(run.started_by or NOTHING)

    @admin.display(description="Worker")
    def worker(self, run: Run) -> str:
        if run.is_over or run.lease_expires_at is None:
            return NOTHING
        alive = run.lease_expires_at > timezone.now()
        return f"{run.lease_holder}{'' if alive else ' (not heard of since; another worker takes over)'}"

    def links(self, run: Run) -> Iterator[tuple[str, str]]:
        yield "Failed records", list_of(RejectedRow, run=run.public_id)
        yield "Batches", list_of(Batch, run=run.public_id)
        yield "Requests", list_of(Exchange, subject=run.public_id)
        yield "Sync", page_of(run.sync)

    def hides(self, run: Run) -> bool:
        return True

    def in_app(self, run: Run) -> str:
        return reverse("run", args=[run.team.slug, run.public_id])

    def offers(self, run: Run) -> Iterator[tuple[str, str]]:
        if not run.is_over:
            yield "cancel_runs", "Cancel this run"
        elif run.attention_count:
            yield "send_again", "Send the rows that need attention again"

    def more(self, request: HttpRequest, run: Run) -> dict[str, Any]:
        return {"problems": _problems(run), "batches": _batches(run), "most_problems": MOST_PROBLEMS}

    # What can be done

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("syncs.change_run")

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("syncs.add_run")

    @admin.action(description="Cancel the selected runs", permissions=["cancel"])
    def cancel_runs(self, request: HttpRequest, chosen: QuerySet[Run]) -> None:
        asked = over = 0
        for run in chosen[:MOST_RUNS_AT_ONCE]:
            if cancel(run):
                asked += 1
                self.log_change(request, run, "Cancelled.")
            else:
                over += 1
        if asked:
            words = (
                f"{counted(asked, 'run is', 'runs are')} being cancelled. What is in flight is still settled."
            )
            self.message_user(request, words, messages.SUCCESS)
        if over:
            words = f"{counted(over, 'run was', 'runs were')} over already."
            self.message_user(request, words, messages.WARNING)

    @admin.action(description="Send the rows that need attention again", permissions=["send"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[Run]) -> None:
        for answer in again.runs(chosen[:MOST_RUNS_AT_ONCE], request.user):  # type: ignore[arg-type]
            self.message_user(request, answer.text, answer.level)


def _rows(run: Run, stage: str, count: int) -> SafeString | str:
    """A count that leads to exactly the rows it counts."""
    return link(list_of(RejectedRow, run=run.public_id, stage=stage), f"{count:,}") if count else "0"


def _keys(keys: list[str]) -> str:
    if not personal.is_shown():
        return f"only {counted(len(keys), 'row')} {personal.HIDDEN}"
    more = f" and {len(keys) - SHOWN_KEYS:,} more" if len(keys) > SHOWN_KEYS else ""
    return f"only {counted(len(keys), 'row')}: {', '.join(keys[:SHOWN_KEYS])}{more}"


def _counts(run: Run) -> list[dict[str, Any]]:
    """The sums of a run as lines: each is the sum of the deeper ones below it."""
    stage = RejectedRow.Stage
    lines = [
        (0, "Read from the model", run.read_count, ""),
        (1, "No change since they last arrived", run.unchanged_count, ""),
        (1, "Refused before, and not due to be tried again yet", run.deferred_count, ""),
        (1, "Held back", run.held_back_count, stage.HELD_BACK),
        (1, "Stopped for their data", run.invalid_count, stage.INVALID),
        (1, "To be sent", run.planned_count, ""),
        (2, "Arrived", run.accepted_count, ""),
        (2, "Refused by the destination", run.rejected_count, stage.REJECTED),
        (2, "In doubt", run.in_doubt_count, stage.IN_DOUBT),
        (2, "Waiting", run.waiting_count, ""),
        (0, "Beside these: rows that left the model", run.left_count, ""),
        (0, "Among these: rows whose upsert key changed", run.rekeyed_count, stage.LEFT_BEHIND),
        (0, "Among these: rows whose upsert key was tidied", run.normalised_count, ""),
    ]
    return [
        {"depth": depth, "words": words, "count": _rows(run, linked, count) if linked else f"{count:,}"}
        for depth, words, count, linked in lines
    ]


def _problems(run: Run) -> list[dict[str, Any]]:
    """The run's rows by stage and problem, the most frequent first, each with a row as example."""
    found = problems.counted(run.pk)[: MOST_PROBLEMS + 1]
    examples = RejectedRow.objects.in_bulk([one.example for one in found])
    return [
        {
            "stage": RejectedRow.Stage(one.stage).label,
            "problem": title_of(one.problem),
            "rows": f"{'more than ' if one.is_cut else ''}{one.count:,}",
            "url": list_of(RejectedRow, run=run.public_id, stage=one.stage, problem=one.problem),
            "example": examples[one.example],
            "example_key": personal.text(examples[one.example].key_text),
            "example_reason": told.reason(examples[one.example]),
            "example_url": page_of(examples[one.example]),
        }
        for one in found
        if one.example in examples
    ]


def _batches(run: Run) -> str:
    """How many batches are where: "12 settled, 3 planned"."""
    found = Batch.objects.filter(run=run, plan_attempt=run.plan_attempt).order_by()
    counts = dict(found.values_list("status").annotate(Count("pk")))
    return ", ".join(
        f"{counts[status]:,} {status.label.lower()}" for status in Batch.Status if status in counts
    )
