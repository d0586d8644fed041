"""What the pages say of a run: where it is, whether anybody works on it, what becomes of a row next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.html import format_html

from destinations import registry
from destinations.connect import adapter_of
from destinations.contract import Adapter
from destinations.errors import Misconfigured
from syncadmin.lib.shown import counted
from syncs.engine.catalogue import GUARD
from syncs.engine.keys import companion_key, row_key
from syncs.engine.lease import LASTS, RENEW_EVERY
from syncs.models import LedgerEntry, RejectedRow, Run, Sync, WorkerBeat

UNSERVED = timedelta(seconds=60)
RENEWED_LATELY = timedelta(seconds=LASTS - 2 * RENEW_EVERY)  # what is left of a lease whose holder lives

Stage = RejectedRow.Stage
# How a run ended that a brake had held; without one, somebody cancelled it.
NOT_SENT: dict[str, str] = {
    Run.Decision.DENIED: "It was not approved.",
    Run.Decision.EXPIRED: "Nobody approved it in time.",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run's records go, in people's words. `note` is what the service does with them."""

    destination: str
    object: str
    note: str = ""


def place_of(run: Run) -> Place:
    """Needs the run's sync with its connection."""
    sync = run.sync
    try:
        adapter = adapter_of(sync.connection)
        found = adapter.object(sync.object_key)
    except (Misconfigured, KeyError):  # an adapter that this installation has no more
        return Place(sync.connection.destination, sync.object_key)
    return Place(adapter.label, found.label, found.note)


def adapter_of_run(run: Run) -> type[Adapter] | None:
    """Where the run's records go; None where this installation has no such destination any more."""
    return registry.adapters().get(run.sync.connection.destination)


def sentence(run: Run, place: Place) -> str:
    """Where the run is, or how it ended."""
    destination, status = place.destination, Run.Status
    if run.cancel_requested_at is not None and not run.is_over:
        return "It is being cancelled. What is on its way is still waited for, a minute at most."
    match run.status:
        case status.QUEUED:
            return "It waits for its turn."
        case status.PLANNING:
            return "The model is read and compared with what was sent before. Nothing has been sent yet."
        case status.APPROVAL:
            return "Nothing has been sent: it waits until an admin of the team has looked at it."
        case status.DELIVERING:
            return f"What is new or changed is being sent to {destination}."
        case status.FINISHING:
            return "What arrived is being written down."
        case status.STOPPED:
            return NOT_SENT.get(run.decision, "It could not go on; somebody must act.") + _left(run)
        case status.CANCELLED:
            return NOT_SENT.get(run.decision, "Somebody cancelled it.") + _left(run)
    if run.dry_run:
        return f"A try: {counted(run.planned_count, 'row')} would be sent, and nothing was."
    if run.status == status.ATTENTION:
        rest = f"; {counted(run.accepted_count, 'row')} arrived" if run.accepted_count else ""
        return f"{counted(run.attention_count, 'row needs', 'rows need')} attention{rest}."
    if run.accepted_count:
        return f"Everything that was new or changed arrived in {destination}."
    if not run.read_count:
        return "The model has no rows, so there was nothing to send."
    return "Nothing had to be sent."


def _left(run: Run) -> str:
    if not run.waiting_count:
        return ""
    was_held = run.decision in {Run.Decision.DENIED, Run.Decision.EXPIRED}
    then = "the next run looks at them again" if was_held else "the next run sends them"
    return f" {counted(run.waiting_count, 'row was', 'rows were')} not sent; {then}."


# Is anybody there?


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nobody works on a run, and what to do."""

    what: str
    todo: str


NO_WORKER = Trouble(
    "No worker is running, so nothing is sent.",
    format_html(
        "Whoever hosts Syncadmin starts one with <code>{}</code> (with Docker: <code>{}</code>). Runs go on "
        "by themselves then: nothing is lost, and nothing needs to be started again.",
        "python manage.py up",
        "docker compose up --detach",
    ),
)


def trouble_of(run: Run, now: datetime | None = None) -> Trouble | None:
    """Why nobody works on an active run; None where somebody does, or where it only waits its turn.

    That no worker is there is told at once; that they are all busy, or stuck, after a minute.
    """
    now = now or timezone.now()
    lease_ends = run.lease_expires_at
    if (
        run.is_over
        or run.waits_for_approval
        or (lease_ends is not None and lease_ends - now > RENEWED_LATELY)
    ):
        return None
    if not WorkerBeat.objects.are_alive():
        return NO_WORKER
    if lease_ends is not None and lease_ends > now:
        return None
    since = max(at for at in (run.created_at, run.due_at, lease_ends, run.served_at) if at)
    if now - since < UNSERVED:
        return None
    minutes = counted(int((now - since).total_seconds() // 60), "minute")
    if Run.objects.active().filter(lease_expires_at__gt=now).exists():
        return Trouble(
            f"No worker has been free for {minutes}: they are busy with other runs.",
            "It begins by itself, in turn. If that is often so, whoever hosts Syncadmin can set WORKERS "
            "higher.",
        )
    return Trouble(
        f"Workers are running, but none has taken this run for {minutes}.",
        "A stuck worker is replaced by itself. If this goes on, whoever hosts Syncadmin must restart it.",
    )


# What becomes of a row


def entry_of(row: RejectedRow) -> LedgerEntry | None:
    """What the sync knows of the row now."""
    key = companion_key(row.match_key) if row.part else row_key(row.key_text)
    found = LedgerEntry.objects.filter(sync=row.sync_id, generation=row.run.generation, key=key)
    return found.defer("record").first()


def mark_arrived(sync: Sync, rows: Sequence[RejectedRow]) -> None:
    """Set `arrived_in` of each row that needs attention no more: the number of the run in which it arrived
    since, else None. One query.
    """

    def key_of(row: RejectedRow) -> bytes:
        return companion_key(row.match_key) if row.part else bytes(row.key)

    closed = [key_of(row) for row in rows if not row.is_open]
    entries = LedgerEntry.objects.filter(
        sync=sync, generation=sync.generation, key__in=closed, fingerprint__isnull=False
    )
    arrived = {bytes(key): number for key, number in entries.values_list("key", "run_number")}
    for row in rows:
        number = None if row.is_open else arrived.get(key_of(row))
        is_since = number is not None and number > row.run.number
        row.arrived_in = number if is_since else None  # type: ignore[attr-defined]


def next_try(row: RejectedRow, entry: LedgerEntry | None) -> str:
    """When the row will be tried again, as far as is known now. Needs its run and sync."""
    if row.stage == Stage.HELD_BACK:
        if row.problem == GUARD:
            return "It is not sent as long as the guard holds it back; each run looks at it again."
        return "It is not sent as long as an equal row is sent in its place."
    if row.stage == Stage.LEFT_BEHIND:
        return "There is nothing to send: the row itself has its new record."
    if not row.key_text:
        return "Once it has a primary key, the next run sends it."
    if row.run.generation != row.sync.generation:
        return "The sync was changed since, and its next run sends every row anew."
    if entry is not None and entry.fingerprint is not None and entry.run_number > row.run.number:
        return f"It arrived since, in run #{entry.run_number}."
    if row.stage == Stage.INVALID:
        return "Every run looks at it again; it is sent as soon as it is right."
    if entry is None or entry.refused_fingerprint is None:
        return "The next run sends it again."
    return next_of_refused(entry, row.sync)


def next_of_refused(entry: LedgerEntry, sync: Sync) -> str:
    """When what the destination refused is tried again."""
    unless = "unless the row or the mapping changes before, or somebody sends it again here"
    if entry.next_try_at is not None and entry.next_try_at > timezone.now():
        at = timezone.localtime(entry.next_try_at)
        return f"The first run after {at:%-d %B %Y, %H:%M} {at.tzname()} tries it again, {unless}."
    if entry.next_try_run is not None and entry.next_try_run > sync.last_run_number + 1:
        return f"Run #{entry.next_try_run} tries it again, {unless}."
    return "The next run sends it again."
