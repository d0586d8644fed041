"""What a batch still has to send, and what is proved so far: its calls, step by step. Pure.

A batch begins as one call of all its operations. An answer proves some of them; those without proof are
sent again if that converges. A call that the destination refuses whole is halved, at most MOST_SPLITS
times a batch; the same refusal in both halves refuses both. The journal is JSON in the batch's row, so
that another worker goes on where this one died.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

import orjson

from destinations.contract import ACCEPTED, Outcome, Verdict

MOST_ATTEMPTS = 5
MOST_SPLITS = 10  # each costs two calls more


@dataclass(slots=True)
class Out:
    """A call: the positions it carries and how it fared.

    `at` None means all of the batch. `state` is what `Adapter.advance` needs while the service works on
    it, `since` when that began. `failures` counts used-up attempts, `looks` how often a pending job was
    looked at, `missed` how many looks in a row failed. Halves of one call share a `pair` and know its
    `refusal`; a half that was refused alike is `suspect` until the other half has its answer.
    """

    at: list[int] | None = None
    state: dict[str, Any] | None = None
    since: str = ""
    failures: int = 0
    looks: int = 0
    missed: int = 0
    pair: int = 0
    refusal: str = ""
    suspect: bool = False


@dataclass(slots=True)
class Journal:
    """The calls of one batch of `size` operations, the first being the next to send.

    `proved` holds the outcomes by position. `given_up` are positions that failed too often though nothing
    speaks against them: the next run tries them again. `lost`: an answer went missing on the way. `left`
    are calls whose job nobody waits for any more in this run, though it may still take effect.
    """

    size: int
    calls: list[Out] = field(default_factory=lambda: [Out()])
    proved: dict[int, Outcome] = field(default_factory=dict)
    given_up: set[int] = field(default_factory=set)
    splits: int = 0
    lost: bool = False
    left: list[Out] = field(default_factory=list)

    @classmethod
    def read(cls, size: int, written: bytes) -> Self:
        """The journal in a batch's row; an empty one is a batch that was never sent."""
        if not written:
            return cls(size)
        stored = orjson.loads(written)
        return cls(
            size,
            [Out(**call) for call in stored["calls"]],
            {
                int(at): Outcome(Verdict(verdict), reason, where, remote_id)
                for at, (verdict, reason, where, remote_id) in stored["proved"].items()
            },
            set(stored["given_up"]),
            stored["splits"],
            stored["lost"],
            [Out(**call) for call in stored.get("left", ())],
        )

    def write(self) -> bytes:
        return orjson.dumps(
            {
                "calls": self.calls,
                "proved": {str(at): list(outcome) for at, outcome in self.proved.items()},
                "given_up": sorted(self.given_up),
                "splits": self.splits,
                "lost": self.lost,
                "left": self.left,
            }
        )

    def write_left(self) -> bytes:
        """What a settled batch keeps: the jobs that are left, without a word of what was answered."""
        left = [replace(call, refusal="") for call in self.left]
        return Journal(self.size, calls=[], left=left).write() if left else b""

    @property
    def call(self) -> Out | None:
        """The call to send, or to look at, next. None: every operation has its outcome."""
        return self.calls[0] if self.calls else None

    @property
    def is_all_accepted(self) -> bool:
        """Whether every outcome so far is a plain acceptance."""
        return list(self.proved.values()).count(ACCEPTED) == len(self.proved)

    def positions(self, call: Out) -> Sequence[int]:
        return range(self.size) if call.at is None else call.at

    def pending(self, state: Mapping[str, Any], now: datetime, *, is_look: bool = True) -> None:
        """The call is not done: the service works on it, or (`is_look` False) a step of ours is next."""
        call = self.calls[0]
        if call.state is None:
            call.since = now.isoformat()
        else:
            call.looks += is_look
            call.missed = 0
        call.state = dict(state)

    def lost_answer(self) -> None:
        """The call may have been applied, and we do not know: its sender died, or the wire did."""
        self.lost = True

    def answered(self, outcomes: Sequence[Outcome], *, converges: bool) -> None:
        """The call was answered: one outcome per operation, in order."""
        call = self.calls.pop(0)
        if outcomes.count(ACCEPTED) == len(outcomes):  # what most are
            self.proved.update(zip(self.positions(call), outcomes, strict=True))
            self._release(call)
            return
        again: list[int] = []
        for at, outcome in zip(self.positions(call), outcomes, strict=True):
            if outcome.verdict is Verdict.UNPROVED and converges and call.failures + 1 < MOST_ATTEMPTS:
                again.append(at)
            else:
                self.proved[at] = outcome
        if again:
            self.lost = True
            self.calls.append(Out(at=again, failures=call.failures + 1))
        self._release(call)

    def failed(self, reason: str, *, may_be_applied: bool, counts: bool, converges: bool) -> bool:
        """The call failed for now. False: it used up its attempts, and its operations have outcomes.

        `counts` is False where the failure uses up no attempt (an outage). What may have been applied and
        does not converge is not sent again: it is in doubt at once.
        """
        call = self.calls[0]
        if may_be_applied and call.state is None:
            self.lost = True
        if counts and call.state is None:
            call.failures += 1
        elif counts:
            call.missed += 1
        stuck = may_be_applied and call.state is None and not converges
        if max(call.failures, call.missed) < MOST_ATTEMPTS and not stuck:
            return True
        doubt = self.lost or call.state is not None
        self._leave(self.calls.pop(0))
        for at in self.positions(call):
            self.proved[at] = Outcome(Verdict.UNPROVED if doubt else Verdict.REJECTED, reason)
            if not doubt:
                self.given_up.add(at)
        self._release(call)
        return False

    def overdue(self, reason: str, *, converges: bool) -> None:
        """The service never finished the job: its operations are unproved."""
        call = self.calls[0]
        call.failures = MOST_ATTEMPTS - 1  # a job that may still be working is not raced by a second one
        self.answered([Outcome(Verdict.UNPROVED, reason)] * len(self.positions(call)), converges=converges)

    def refused(self, reason: str, where: str = "") -> None:
        """The destination will never take the call as it is: halve it, or refuse its operations."""
        call = self.calls.pop(0)
        at = list(self.positions(call))
        sibling = self._sibling(call)
        if len(at) == 1 or self.splits >= MOST_SPLITS:
            self._reject(at, reason, where)
            self._release(call)
        elif call.refusal != reason:
            self._halve(at, reason)
            self._release(call)
        elif sibling is None:
            self._halve(at, reason)
        elif sibling.suspect:
            self.calls.remove(sibling)
            self._reject([*at, *self.positions(sibling)], reason, where)
        else:
            call.suspect = True
            self.calls.append(call)

    def abandon(self, reason: str, *, sending: bool) -> int:
        """No more calls: what may be applied is in doubt, the rest stays unsent. Returns how many stay."""
        unsent = 0
        for number, call in enumerate(self.calls):
            self._leave(call)
            out = number == 0 and (sending or call.state is not None)
            for at in self.positions(call):
                if out or self.lost:
                    self.proved[at] = Outcome(Verdict.UNPROVED, reason)
                else:
                    unsent += 1
        self.calls = []
        return unsent

    def _leave(self, call: Out) -> None:
        if call.state is not None:
            self.left.append(call)

    def _reject(self, at: Sequence[int], reason: str, where: str) -> None:
        for position in at:
            self.proved[position] = Outcome(Verdict.REJECTED, reason, where)

    def _halve(self, at: list[int], reason: str) -> None:
        self.splits += 1
        middle = len(at) // 2
        halves = [at[:middle], at[middle:]]
        self.calls[:0] = [Out(at=half, pair=self.splits, refusal=reason) for half in halves]

    def _sibling(self, call: Out) -> Out | None:
        """The other half, while it has no answer of its own."""
        return next((other for other in self.calls if call.pair and other.pair == call.pair), None)

    def _release(self, call: Out) -> None:
        """The call fared otherwise than its suspect half: so the refusal is of some rows, not of all."""
        sibling = self._sibling(call)
        if sibling is not None and sibling.suspect:
            self.calls.remove(sibling)
            if self.splits >= MOST_SPLITS:
                self._reject(self.positions(sibling), sibling.refusal, "")
            else:
                self._halve(list(self.positions(sibling)), sibling.refusal)
