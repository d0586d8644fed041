"""What pages say of history that is no longer kept."""

from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format

from syncs.models import Kept, Run

Kind = Kept.Kind

SUBJECTS = {
    Kind.RUNS: "Runs",
    Kind.ROWS: "Records that did not arrive",
    Kind.REQUESTS: "Requests",
    Kind.PAYLOADS: "What was sent",
}


def words(kind: Kept.Kind, *, since: datetime | None, is_last: bool = True) -> str:
    """What is missing of what begins at `since` (None: ever); "" where nothing is, or more follows."""
    if not is_last:
        return ""
    kept = Kept.objects.filter(kind=kind, removed_until__isnull=False).first()
    if kept is None or kept.removed_until is None or (since is not None and since >= kept.removed_until):
        return ""
    until = timezone.localtime(kept.removed_until)
    before = date_format(until, "j F" if until.year == timezone.localtime().year else "j F Y")
    verb = "was" if kind == Kind.PAYLOADS else "were"
    return f"{SUBJECTS[kind]} before {before} {verb} removed {_why(kept)}."


def of_run(kind: Kept.Kind, run: Run) -> str:
    """What is missing of a run that has fewer rows of this kind than it counted; "" if nothing went yet."""
    kept = Kept.objects.filter(kind=kind, removed_until__gt=run.created_at).first()
    if kept is None:
        return ""
    if kind == Kind.PAYLOADS:
        return f"What was sent in this run was removed {_why(kept)}. The numbers stay."
    return (
        f"Records of this run that did not arrive were removed {_why(kept)}; those that need attention now "
        "are kept. The numbers stay."
    )


def _why(kept: Kept) -> str:
    days, megabytes = _limits(Kind(kept.kind))
    return f"to keep within {megabytes:,} MB" if kept.is_by_size else f"after {days:,} days"


def _limits(kind: Kept.Kind) -> tuple[int, int]:
    match kind:
        case Kind.REQUESTS:
            return settings.EXCHANGES_KEEP_DAYS, settings.KEEP_EXCHANGES_MB
        case Kind.PAYLOADS:
            return settings.KEEP_DAYS, settings.KEEP_PAYLOADS_MB
        case Kind.ROWS:
            return settings.HISTORY_KEEP_DAYS, settings.KEEP_RECORDS_MB
    return settings.HISTORY_KEEP_DAYS, 0
