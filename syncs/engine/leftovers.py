"""What earlier runs sent and left: it may still take effect, and overwrite what is sent now.

**Jobs** that a run handed over and did not wait for: it was cancelled or stopped, or could not look at them
too often. The sync's next run makes no plan before they are over, or so old that nobody waits for a job any
more. Their rows are in doubt, and so planned again, but for those that the job is found to have accepted.

**Requests** whose answer was lost have a settling time. The ledger has it by row (`settles_at`); here it is
by upsert key, as another row may have taken over the key since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import cast

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from destinations import connect, use
from destinations.contract import Outcome, Pending, Verdict
from destinations.errors import AuthExpired, DestinationError, Misconfigured, RateLimited, Temporary
from syncs.engine import answers, attention, keys, ledger
from syncs.engine.allowance import Allowance
from syncs.engine.batches import Payload, read_outcomes
from syncs.engine.calls import Answer, Rest, Way, make
from syncs.engine.journal import Journal
from syncs.engine.lease import Lease
from syncs.engine.settle import Held
from syncs.models import Batch, Run

LAST_RUNS = 20  # more than can end within a settling time


def watch(run: Run, lease: Lease, way: Way, *, until: float) -> Rest | None:
    """Look at what earlier runs left, as long as a look is due. None: nothing is left; plan.

    `until` is monotonic. Raises what a run may end with where nothing can be looked at: a refused key, an
    outage that lasts.
    """
    if not _left(run).exists():
        return None
    allowance = Allowance(way.connection.account, way, lease)
    allowance.gate.on_empty = lambda: allowance.pay(1, 1)
    try:
        with connect.session(threads=1) as over:
            open_adapter = connect.Opener(way.connection, gate=allowance.gate, session=over)
            looked = False
            while (batch := _left(run).first()) is not None:
                lease.demand()
                now = timezone.now()
                if batch.due_at > now or (looked and monotonic() >= until):
                    return Rest(max(batch.due_at, now), _tell(run, way))
                if not allowance.calls(1, in_flight=0):
                    return allowance.rest
                _look(batch, lease, way, allowance, open_adapter)
                looked = True
    finally:
        allowance.release()
    return None


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Digests of upsert keys (as of `keys.match_digests`) that unanswered requests hold, and until when."""

    matches: frozenset[bytes] = frozenset()
    until: datetime | None = None


def unsettled(run: Run, settle_seconds: float) -> Unsettled:
    """What the sync's last runs sent, of any generation, that may take effect yet."""
    since = timezone.now() - timedelta(seconds=settle_seconds)
    last = Run.objects.filter(
        sync_id=run.sync_id, number__range=(run.number - LAST_RUNS, run.number - 1), finished_at__gt=since
    )
    matches: set[bytes] = set()
    until = None
    sent = Batch.objects.filter(run__in=last, settled_at__gt=since).exclude(stage=Batch.Stage.COMPANIONS)
    for batch in sent.only("payload", "outcomes", "settled_at").iterator(chunk_size=20):
        settled = read_outcomes(bytes(batch.outcomes))
        payload = Payload(bytes(batch.payload))
        open_ones = range(len(payload)) if settled.lost else settled.in_doubt
        found = keys.match_digests(payload.row(at).match_key for at in open_ones)
        if found and batch.settled_at is not None:
            matches.update(found)
            until = max(filter(None, (until, batch.settled_at + timedelta(seconds=settle_seconds))))
    return Unsettled(frozenset(matches), until)


def _left(run: Run) -> QuerySet[Batch]:
    """Batches of the sync's runs with a job that was left, the one to look at next first."""
    return (
        Batch.objects.filter(run__sync_id=run.sync_id, left_at__isnull=False)
        .select_related("run__sync")
        .order_by("due_at")
    )


def _look(batch: Batch, lease: Lease, way: Way, allowance: Allowance, open_adapter: connect.Opener) -> None:
    """Look at the first job that the batch left, if it is not too old, and write down what is left then."""
    journal = Journal.read(batch.operation_count, bytes(batch.journal))
    held = Held(batch, Payload(bytes(batch.payload)), journal)
    adapter = open_adapter(held.call_id)
    due_at = timezone.now()
    accepted: dict[int, str] = {}
    if not _is_too_old(held, way, due_at):
        out = journal.left[0]
        answer = make(adapter, way.target(batch.object_key), held, way.mode, out, leaving=True)
        if isinstance(answer, AuthExpired) and open_adapter.may_renew(adapter):
            open_adapter.renew(adapter)
            answer = RateLimited("The sign-in was renewed.", retry_after=0)  # look again
        seen = connect.exchange_rows(
            adapter, way.connection, team_id=batch.team_id, subject=batch.run.public_id
        )
        use.keep(way.connection.account, seen)
        due_at += timedelta(seconds=_enter(held, answer, way, allowance))
        if not isinstance(answer, Pending | Exception):
            told = zip(journal.positions(out), cast("Sequence[Outcome]", answer), strict=True)
            accepted = {at: one.remote_id for at, one in told if one.verdict is Verdict.ACCEPTED}
    else:
        journal.left.pop(0)
    is_left = bool(journal.left)
    with transaction.atomic():
        lease.fence()
        if accepted:
            ledger.accept_late(batch, accepted)
            rows = [held.payload.row(at) for at in accepted]
            attention.close_late(batch.run, [keys.row_key(row.owner or row.key_text) for row in rows])
        Batch.objects.filter(pk=batch.pk).update(
            journal=journal.write_left(), due_at=due_at, left_at=batch.left_at if is_left else None
        )


def _enter(held: Held, answer: Answer, way: Way, allowance: Allowance) -> float:
    """Enter an answer in the journal; the seconds until the next look. Raises what ends the run."""
    out = held.journal.left[0]
    match answer:
        case Pending(state=state):
            allowance.answered()
            out.state = dict(state)
            out.looks += 1
            out.missed = 0
            return answers.look_again(way.limits, out.looks)
        case RateLimited():
            return answers.after_refusal(answer)
        case Temporary():
            allowance.failed(str(answer), timezone.now())
            out.missed += 1
            return answers.backoff(out.missed)
        case AuthExpired() | Misconfigured():
            raise answer
        case Exception() if not isinstance(answer, DestinationError):
            raise answer
    allowance.answered()
    held.journal.left.pop(0)  # done, or no longer known there
    return 0.0


def _is_too_old(held: Held, way: Way, now: datetime) -> bool:
    since = datetime.fromisoformat(held.journal.left[0].since)
    return now - since > timedelta(seconds=way.limits.poll_deadline_seconds)


def _tell(run: Run, way: Way) -> str:
    count = _left(run).count()
    jobs = "a job" if count == 1 else f"{count} jobs"
    return f"Waiting until {way.adapter.label} is done with {jobs} that an earlier run left there."
