"""What people do with runs, for the audit log. What schedules start is in the list of runs alone."""

from collections.abc import Mapping

from syncadmin.teams import audit
from syncadmin.teams.audit import Action, Subject
from syncs.models import Run

# By themselves; and by a program, of which whoever lets it in knows more.
TOLD_ELSEWHERE = (Run.Trigger.SCHEDULE, Run.Trigger.AFTER, Run.Trigger.CALL)


def started(run: Run) -> None:
    """In the transaction that makes the run."""
    if run.trigger in TOLD_ELSEWHERE:
        return
    again = run.trigger == Run.Trigger.RETRY
    audit.record(
        run.started_by,
        run.sync.team,
        Action.ROWS_SENT_AGAIN if again else Action.RUN_STARTED,
        named(run),
        after=_told(run),
    )


def cancelled(by: audit.By, run: Run) -> None:
    """In the transaction that asks for its end."""
    audit.record(by, run.sync.team, Action.RUN_CANCELLED, named(run))


def decided(by: audit.By, run: Run, *, approved: bool) -> None:
    """In the transaction of a decision about a run that waited for approval."""
    action = Action.RUN_APPROVED if approved else Action.RUN_DENIED
    audit.record(by, run.sync.team, action, named(run), after={"rows": run.planned_count})


def downloaded(by: audit.By, run: Run, what: Mapping[str, object]) -> None:
    """Rows of the run, or what went over the wire for them, leave the app; `what` says which."""
    audit.record(by, run.team, Action.DOWNLOADED, named(run), after=what)


def named(run: Run) -> Subject:
    """The run, as the log names it."""
    return Subject("run", f"{run.sync.name} #{run.number}", str(run.public_id))


def _told(run: Run) -> dict[str, object]:
    """What was asked for. Keys of rows are people's: their number is enough."""
    told: dict[str, object] = {}
    if run.dry_run:
        told["sends"] = "nothing"
    elif run.full:
        told["sends"] = "every row"
    if run.limit is not None:
        told["at_most"] = run.limit
    if run.keys is not None:
        told["rows"] = len(run.keys)
    elif run.open_rows is not None:
        told["rows"] = "what needs attention"
    return told
