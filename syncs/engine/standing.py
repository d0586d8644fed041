"""Where a row of a sync stands, decided from what is kept of it. Asks the database nothing."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from destinations.contract import Verdict
from syncs.engine.guard_watch import MOST_LISTED, PROBLEM
from syncs.models import Batch, LedgerEntry, RejectedRow, Run, Sync, WaitingRetry

Stage = RejectedRow.Stage


class State(StrEnum):
    """What is true of a row now; what somebody must look at comes first."""

    REFUSED = "refused"
    INVALID = "invalid"
    IN_DOUBT = "in_doubt"
    UNSENT = "unsent"  # planned by a run that ended before it
    UNAPPROVED = "unapproved"  # planned by a run that somebody must look at first
    LEFT_BEHIND = "left_behind"  # its row has another upsert key now
    HELD_BACK = "held_back"
    SENDING = "sending"
    WAITING = "waiting"
    ASKED_FOR = "asked_for"  # a run of chosen rows is about to look at it
    NEW_THERE = "new_there"  # arrived in a run that still goes on
    THERE = "there"
    GONE = "gone"  # stopped once, and not met since


NEEDS_SOMEBODY = (
    *(State.REFUSED, State.INVALID, State.IN_DOUBT, State.UNSENT, State.UNAPPROVED),
    State.LEFT_BEHIND,
)
MOVES = (State.SENDING, State.WAITING, State.ASKED_FOR, State.NEW_THERE)
IS_THERE = (State.THERE, State.NEW_THERE)
_OPEN = {
    Stage.INVALID: State.INVALID,
    Stage.REJECTED: State.REFUSED,
    Stage.IN_DOUBT: State.IN_DOUBT,
}


@dataclass(frozen=True, slots=True)
class Planned:
    """Its place in a run's plan. `is_kept`: what was sent can be read. `verdict`: None while unsettled."""

    run: Run
    batch: Batch
    position: int
    is_kept: bool
    verdict: Verdict | None


@dataclass(slots=True)
class OfSync:
    """What is known of a sync, whatever the row. Runs that only tried things are left out.

    `last` is the newest run over all rows that came to its end, `newest` the newest of any kind; `next_at`
    when its schedule starts it next, `follows` the name of the sync that it comes after; `wish` holds rows
    that are sent again as soon as a run has ended.
    """

    sync: Sync
    newest: Run | None = None
    last: Run | None = None
    next_at: datetime | None = None
    follows: str = ""
    wish: WaitingRetry | None = None

    @property
    def active(self) -> Run | None:
        return self.newest if self.newest is not None and not self.newest.is_over else None

    @property
    def stopped(self) -> Run | None:
        """The newest run, where it ended before its work was done."""
        ended_early = (Run.Status.STOPPED, Run.Status.CANCELLED)
        return self.newest if self.newest is not None and self.newest.status in ended_early else None

    @property
    def unlisted_guards(self) -> list[str]:
        """Guards that held back more rows in the last run than it keeps."""
        rows = self.last.held_by if self.last is not None else []
        return [str(name) for name, count in rows if count > MOST_LISTED]


@dataclass(slots=True)
class Standing:
    """One row (part 0) or companion (part 1) in one sync, with all that is kept of it.

    `failed` is the newest time that it did not arrive, `left_behind` the newest time that it came with
    another upsert key; `planned` its place in the sync's newest run, `sent` in the run that the destination
    last accepted. `match_key` is the upsert key, as far as one is known.
    """

    of: OfSync
    key_text: str
    part: int
    match_key: str = ""
    entry: LedgerEntry | None = None
    failed: RejectedRow | None = None
    left_behind: RejectedRow | None = None
    planned: Planned | None = None
    sent: Planned | None = None
    is_asked_by_former_key: bool = False

    @property
    def sync(self) -> Sync:
        return self.of.sync

    @property
    def state(self) -> State:
        return self._on_its_way() or self._stopped() or self._known()

    def _on_its_way(self) -> State | None:
        """What the newest run has to say, where it planned the row or was started for it."""
        planned, active = self.planned, self.of.active
        if planned is not None and planned.verdict is None:
            if active is None:
                return State.UNSENT
            if active.waits_for_approval:
                return State.UNAPPROVED
            is_out = planned.batch.status == Batch.Status.SENDING
            return State.SENDING if is_out else State.WAITING
        if self.is_wished_for:
            return State.ASKED_FOR
        if active is None:
            return None
        if planned is not None and planned.verdict is Verdict.ACCEPTED:
            return State.NEW_THERE
        is_before_plan = active.status in (Run.Status.QUEUED, Run.Status.PLANNING)
        is_chosen = active.keys is not None and self.part == 0 and self.key_text in active.keys
        return State.ASKED_FOR if is_before_plan and is_chosen and not active.dry_run else None

    def _stopped(self) -> State | None:
        """Why it did not arrive the last time, where that still counts."""
        failed = self.failed
        if self.left_behind is not None and self.is_asked_by_former_key:
            return State.LEFT_BEHIND
        if failed is None or failed.run.number <= self.accepted_in:
            return None
        if failed.stage == Stage.HELD_BACK:
            return None if self._was_met_since(failed) else State.HELD_BACK
        return _OPEN.get(Stage(failed.stage)) if failed.is_open else None

    def _was_met_since(self, failed: RejectedRow) -> bool:
        """Whether a later run over all rows had nothing against it. Of a guard it keeps the first rows."""
        last = self.of.last
        if last is None or last.number <= failed.run.number:
            return False
        return not (failed.problem == PROBLEM and failed.field in self.of.unlisted_guards)

    def _known(self) -> State:
        entry = self.entry
        if entry is None:
            return State.GONE
        is_over = self.failed is not None and not self.failed.is_open
        if entry.refused_fingerprint is not None and not is_over:
            return State.REFUSED
        if entry.fingerprint is not None:
            return State.THERE
        return State.IN_DOUBT if entry.settles_at is not None else State.GONE

    @property
    def is_wished_for(self) -> bool:
        """Whether a run of it begins as soon as the one that is going on has ended."""
        wish = self.of.wish
        return wish is not None and self.part == 0 and self.key_text in wish.keys

    @property
    def accepted_in(self) -> int:
        """The number of the run in which the destination last accepted it; 0: never, or it is in doubt."""
        entry = self.entry
        return entry.run_number if entry is not None and entry.fingerprint is not None else 0

    @property
    def is_elsewhere_too(self) -> bool:
        """Whether an older record of it is at the destination, whatever became of the newest."""
        return self.entry is not None and self.entry.accepted_at is not None
