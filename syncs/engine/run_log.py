"""Lines of the log about runs: when they begin, go on and end, with counts. Never what a row holds.

Not why a run stopped either: the sentence on its page may quote a value.
"""

import logging
from contextlib import AbstractContextManager

from syncadmin.lib import logs
from syncs.models import Run

log = logging.getLogger(__name__)

COUNTS = (
    "read",
    "unchanged",
    "held_back",
    "invalid",
    "planned",
    "accepted",
    "rejected",
    "in_doubt",
    "waiting",
)


def about(run: Run) -> AbstractContextManager[None]:
    """Lines written within are about this run, fetched with its sync and team."""
    return logs.about(run=run.public_id, sync=run.sync.public_id, team=run.team.slug)


def asked(run: Run) -> None:
    with logs.about(run=run.public_id, sync=run.sync.public_id):
        log.info("A run was asked for (%s).", run.trigger)


def planning(run: Run) -> None:
    log.info("The run is planned, attempt %s.", run.plan_attempt)


def planned(run: Run) -> None:
    log.info("Planned: %s", _words(run), extra=_counts(run))


def ended(run: Run) -> None:
    at = f", at: {run.stopped_by}" if run.stopped_by else ""
    level = logging.WARNING if run.status == Run.Status.STOPPED else logging.INFO
    log.log(level, "The run ended as %s%s: %s", run.status, at, _words(run), extra=_counts(run))


def _counts(run: Run) -> dict[str, int]:
    return {f"{name}_count": getattr(run, f"{name}_count") for name in COUNTS}


def _words(run: Run) -> str:
    counts = ((name, getattr(run, f"{name}_count")) for name in COUNTS)
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts if count) or "no rows"
