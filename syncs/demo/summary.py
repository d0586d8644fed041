"""What the runs came to, for people: the totals, then what needs attention and who must act."""

from collections.abc import Iterator, Sequence

from syncs.demo.screen import WIDTH, cut, wrapped
from syncs.management import report
from syncs.models import RejectedRow, Run

MOST_LINES = 3  # of a reason
COLUMNS = ("Read", "Arrived", "No change", "Needs attention", "Held back", "Waiting")


def totals(run: Run) -> tuple[int, ...]:
    """The run's rows by COLUMNS: what was read, and what became of it. They add up.

    A row that was refused before and is not due yet waits too.
    """
    return (
        run.read_count,
        run.accepted_count,
        run.unchanged_count,
        run.invalid_count + run.rejected_count + run.in_doubt_count,
        run.held_back_count,
        run.waiting_count + run.deferred_count,
    )


def lines(runs: Sequence[Run]) -> Iterator[str]:
    yield from _table(runs)
    yield ""
    for run in runs:
        yield from _remarks(run)
    for run in runs:
        yield from _reasons(run)


def _table(runs: Sequence[Run]) -> Iterator[str]:
    widths = [max(6, len(column)) for column in COLUMNS]
    heads = (f"{column:>{width}}" for column, width in zip(COLUMNS, widths, strict=True))
    yield "  ".join([f"  {'':9}", *heads])
    for run in runs:
        numbers = (f"{number:>{width},}" for number, width in zip(totals(run), widths, strict=True))
        yield "  ".join([f"  {run.sync.name:9}", *numbers])


def _remarks(run: Run) -> Iterator[str]:
    name = run.sync.name
    if run.status not in Run.GOOD:
        state = run.get_status_display().lower()
        yield from wrapped(f"{name}: {state}. {run.stop_reason or run.waits_for}", indent=2)
    for note in run.notes:
        yield from wrapped(f"{name}: {note}", indent=2)
    if run.held_back_count:
        yield from wrapped(
            f"{name}: {run.held_back_count:,} held back: each is equal to another row, which is sent once.",
            indent=2,
        )
    if run.deferred_count:
        yield from wrapped(
            f"{name}: {run.deferred_count:,} of those that wait were refused before. They are sent again "
            "when they change, and else from time to time.",
            indent=2,
        )


def _reasons(run: Run) -> Iterator[str]:
    found = report.reasons(run, report.MOST_REASONS + 1)
    if not found:
        return
    yield ""
    yield f"  {run.sync.name}: rows that need attention, alike ones together"
    for reason in found[: report.MOST_REASONS]:
        who = RejectedRow.Who(reason["who"]).label.lower()
        what = reason["field"] or reason["problem"].replace("_", " ")
        yield cut(f"  {reason['rows']:5,}  {what}. Who acts: {who}", WIDTH)
        where = f"Row {reason['example']}" if reason["example"] else "A row without a key"
        if reason["stage"] != RejectedRow.Stage.INVALID:
            where += f", {RejectedRow.Stage(reason['stage']).label.lower()}"
        yield from wrapped(f"{where}: {reason['reason']}", indent=9, most=MOST_LINES)
    if len(found) > report.MOST_REASONS:
        yield "         … and more kinds; the admin pages list every row"
