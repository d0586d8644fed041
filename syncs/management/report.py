"""A run in words and in JSON, as the commands print it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.utils import timezone

from syncs.engine.brakes import Shown
from syncs.models import RejectedRow, Run

MOST_REASONS = 8
LONGEST_REASON = 300


def exit_code(run: Run) -> int:
    """0 nothing needs attention, 1 some rows do, 2 it did not finish."""
    if run.status not in Run.GOOD:
        return 2
    return 1 if run.invalid_count + run.rejected_count + run.in_doubt_count else 0


def seconds(run: Run) -> float:
    """From its first step to its end, or until now."""
    if run.started_at is None:
        return 0.0
    return round(((run.finished_at or timezone.now()) - run.started_at).total_seconds(), 3)


def counts(run: Run) -> dict[str, Any]:
    """The object of `run --json`; the names are a promise."""
    return {
        "run": str(run.public_id),
        "status": run.status,
        "read": run.read_count,
        "unchanged": run.unchanged_count,
        "deferred": run.deferred_count,
        "held_back": run.held_back_count,
        "invalid": run.invalid_count,
        "planned": run.planned_count,
        "accepted": run.accepted_count,
        "rejected": run.rejected_count,
        "in_doubt": run.in_doubt_count,
        "waiting": run.waiting_count,
        "seconds": seconds(run),
    }


def details(run: Run) -> dict[str, Any]:
    """The run as `runs --json` lists it."""
    return counts(run) | {
        "team": run.team.slug,
        "sync": run.sync.name,
        "number": run.number,
        "trigger": run.trigger,
        "full": run.full,
        "dry_run": run.dry_run,
        "limit": run.limit,
        "created_at": run.created_at.isoformat(),
        "started_at": run.started_at.isoformat() if run.started_at else None,
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "stop_reason": run.stop_reason,
        "stopped_by": run.stopped_by,
        "waits_for": run.waits_for,
        "held": list(held(run)),
        "notes": run.notes,
    }


def reasons(run: Run, most: int = MOST_REASONS) -> list[dict[str, Any]]:
    """Rows that need attention, alike ones together, the most frequent first; each with one example."""
    rows = RejectedRow.objects.filter(run=run, plan_attempt=run.plan_attempt).exclude(
        stage=RejectedRow.Stage.HELD_BACK
    )
    groups = (
        rows.order_by()
        .values("stage", "problem", "field", "who", "part")
        .annotate(rows=Count("pk"))
        .order_by("-rows", "stage", "problem", "field")[:most]
    )
    found = []
    for group in groups:
        number = group.pop("rows")
        example = rows.filter(**group).order_by("pk").values("key_text", "reason")[0]
        del group["part"]
        found.append({"rows": number, **group, "example": example["key_text"], "reason": example["reason"]})
    return found


def lines(run: Run) -> Iterator[str]:
    """The run for people, reasons included."""
    status = run.get_status_display()
    yield f"Run {run.number} of {run.sync.name} ({run.team.slug}): {status.lower()}, {_told(seconds(run))}"
    if run.stop_reason:
        yield f"  {run.stop_reason}"
    if run.waits_for and not run.is_over:
        yield f"  {run.waits_for}"
    yield from (f"  {line}" for line in held(run))
    yield f"  {_counted(run.read_count, 'row')} read: " + _list(
        (run.unchanged_count, "unchanged"),
        (run.deferred_count, "refused before and not due yet"),
        (run.held_back_count, "held back"),
        (run.invalid_count, "stopped for their data"),
        (run.planned_count, "to be sent"),
    )
    if run.dry_run:
        yield "  A dry run: nothing was sent."
    elif run.planned_count:
        yield f"  {_counted(run.planned_count, 'row')} to be sent: " + _list(
            (run.accepted_count, "arrived"),
            (run.rejected_count, "refused"),
            (run.in_doubt_count, "in doubt"),
            (run.waiting_count, "waiting"),
        )
    for note in run.notes:
        yield f"  {note}"
    found = reasons(run, MOST_REASONS + 1)
    if found:
        yield "  What needs attention:"
    for reason in found[:MOST_REASONS]:
        where = f" · {reason['field']}" if reason["field"] else ""
        stage, who = RejectedRow.Stage(reason["stage"]).label, RejectedRow.Who(reason["who"]).label
        yield f"    {_counted(reason['rows'], 'row')} · {stage}{where} · who acts: {who}"
        yield f"      such as {reason['example'] or 'a row without a key'}: {_cut(reason['reason'])}"
    if len(found) > MOST_REASONS:
        yield "    … and more kinds; the Django admin lists every row"
    yield f"  Its id is {run.public_id}"


def held(run: Run) -> Iterator[str]:
    """Why the run waits for approval; nothing where it does not."""
    if not run.waits_for_approval:
        return
    shown = Shown.read(run.brakes or {})
    yield "Nothing has been sent: it waits until somebody has looked at this."
    yield from shown.since
    yield from (one.text for one in shown.found if not any(one.text in line for line in shown.since))
    if run.approval_ends_at is not None:
        yield f"It can be approved until {run.approval_ends_at:%Y-%m-%d %H:%M} UTC, and ends then."


def progress(run: Run) -> str:
    """Where an active run is, in one short line."""
    parts = [run.get_status_display()]
    if run.status == Run.Status.DELIVERING:
        done = run.planned_count - run.waiting_count
        parts.append(f"{done:,} of {run.planned_count:,} rows done")
    if run.waits_for:
        parts.append(run.waits_for)
    return " · ".join(parts)


def _list(*parts: tuple[int, str]) -> str:
    return ", ".join(f"{number:,} {what}" for number, what in parts if number) or "nothing"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _told(duration: float) -> str:
    return f"{duration:.1f} s" if duration < 60 else str(timedelta(seconds=round(duration)))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"
