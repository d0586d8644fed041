"""Reads what came back: enters it into the batch's journal, and says when to go on.

`journal.py` decides what an answer means for the operations; here it is what it means for the run, the
account and the time.
"""

import random
from datetime import datetime

from django.utils import timezone

from destinations.contract import Limits, Outcome, Pending, Verdict
from destinations.errors import (
    AuthExpired,
    DestinationError,
    Misconfigured,
    RateLimited,
    Rejected,
    Temporary,
)
from syncs.engine import faults, reasons
from syncs.engine.allowance import Allowance
from syncs.engine.calls import Answer, Stop, Way, stopped_by
from syncs.engine.journal import Journal
from syncs.engine.settle import Held
from syncs.models import Run

LONGEST_BACKOFF = 60.0
ALIKE_STOPS = 3


class Reading:
    """Of one run's answers. `stop` is why the run cannot go on, once one said so."""

    def __init__(self, run: Run, way: Way, allowance: Allowance) -> None:
        self.stop: Stop | None = None
        self._run = run
        self._way = way
        self._allowance = allowance
        self._alike: tuple[str, int] = ("", 0)

    def enter(self, held: Held, answer: Answer) -> tuple[float, str]:
        """Enter an answer. Returns the seconds until the batch's next call, and the error for its row."""
        journal, now = held.journal, timezone.now()
        out = journal.call
        assert out is not None  # noqa: S101 - a call that flies stands in its journal
        looking = out.state is not None
        match answer:
            case Pending(state=state, at_once=at_once):
                self._allowance.answered()
                journal.pending(state, now, is_look=not at_once)
                self._give_up_overdue(journal, now)
                return 0.0 if at_once else look_again(self._way.limits, out.looks), ""
            case RateLimited():
                return after_refusal(answer), str(answer)
            case Temporary():
                opened = self._failed(str(answer), now)
                journal.failed(
                    str(answer),
                    may_be_applied=answer.may_be_applied,
                    counts=not opened,
                )
                self._give_up_overdue(journal, now)
                return max(backoff(max(out.failures, out.missed)), self._till_look(journal)), str(answer)
            case Rejected() if not looking:
                self._allowance.answered()
                journal.refused(str(answer), answer.field)
                return self._till_look(journal), str(answer)
            case AuthExpired() | Misconfigured():
                self.stop = Stop(str(answer), by=stopped_by(answer))
                return 0.0, str(answer)
            case DestinationError():
                unproved = [Outcome(Verdict.UNPROVED, str(answer))] * len(journal.positions(out))
                if out.find:
                    journal.refused(str(answer))
                else:
                    journal.answered(unproved)
                return self._till_look(journal), str(answer)
            case Exception():
                if not looking:
                    journal.lost_answer()
                told = faults.tell(self._run, answer)
                self.stop = Stop(told)
                return 0.0, told
        self._allowance.answered()
        if out.find:
            journal.found(answer, now)  # type: ignore[arg-type]  # what `Adapter.find` gives
            return self._till_look(journal), ""
        before = len(journal.calls)
        journal.answered(answer)  # type: ignore[arg-type]  # what `Adapter.send` gives
        again = len(journal.calls) >= before  # what was unproved goes again
        return max(backoff(1) if again else 0.0, self._till_look(journal)), ""

    def watch(self, held: Held) -> None:
        """Three batches refused whole in the same words are not about their rows: the run stops.

        Unless the words are known to be about rows: a record that is missing, or there already.
        """
        if held.journal.is_all_accepted:
            self._alike = ("", 0)
            return
        outcomes = held.journal.proved.values()
        words = {o.reason for o in outcomes if o.verdict is Verdict.REJECTED}
        if (
            len(outcomes) < 2
            or len(words) != 1
            or any(o.verdict is not Verdict.REJECTED for o in outcomes)
            or reasons.is_of_data(next(iter(words)), self._way.adapter)
        ):
            self._alike = ("", 0)
            return
        reason = words.pop()
        self._alike = (reason, self._alike[1] + 1 if self._alike[0] == reason else 1)
        if self._alike[1] >= ALIKE_STOPS:
            self.stop = Stop(
                f"{ALIKE_STOPS} batches in a row were refused in the same words: “{reason}” Whoever edits "
                "the sync must look at its mapping; the rows that were not sent wait for the next run."
            )

    def _failed(self, reason: str, now: datetime) -> bool:
        try:
            return self._allowance.failed(reason, now)
        except Stop as stop:
            self.stop = stop
            return True

    def _till_look(self, journal: Journal) -> float:
        """Seconds until the next call may go: a second look-up waits until what was lost has settled."""
        out = journal.call
        if out is None or not (out.find and out.looks and out.since):
            return 0.0
        waited = (timezone.now() - datetime.fromisoformat(out.since)).total_seconds()
        return max(0.0, self._way.limits.settle_seconds - waited)

    def _give_up_overdue(self, journal: Journal, now: datetime) -> None:
        out = journal.call
        if out is None or out.state is None or not out.since:
            return
        deadline = self._way.limits.poll_deadline_seconds
        if (now - datetime.fromisoformat(out.since)).total_seconds() > deadline:
            label = self._way.adapter.label
            reason = f"{label} has not finished the job within {deadline / 60:.0f} minutes."
            journal.overdue(reason)


def look_again(limits: Limits, looks: int) -> float:
    """Seconds until the next look at a pending job: growing, and not in step with others."""
    first, longest = limits.poll_seconds
    return min(longest, first * 1.5**looks) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret


def after_refusal(error: RateLimited) -> float:
    """Seconds to wait after "too many requests"; the account waits as a whole where a time was named."""
    if error.retry_after is not None:
        return error.retry_after + random.uniform(0, 0.5)  # noqa: S311 - no secret
    return random.uniform(0.2, 2.0)  # noqa: S311 - no secret


def backoff(failures: int) -> float:
    """Exponential with full jitter."""
    return random.uniform(0, min(LONGEST_BACKOFF, 2.0**failures))  # noqa: S311 - no secret
