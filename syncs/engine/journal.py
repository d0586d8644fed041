"""What a batch still has to send, and what is proved so far: its calls, step by step. Pure.

A batch begins as one call of all its operations, or as several small ones. An answer proves some of them;
those without proof are sent again if that converges. A call that the destination refuses whole is halved,
at most MOST_SPLITS times a batch; the same refusal in both halves refuses both. The journal is JSON in the
batch's row, so that another worker goes on where this one died.

A call may be a look-up instead. Before an update by a key it finds the records' ids; an operation whose
record is missing is refused, never created. An insert whose answer was lost does not converge: it is looked
up, waits until it can no longer take effect, is looked up again, and is sent again only where both times
nothing was there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

import orjson

from destinations.contract import ACCEPTED, Found, Outcome, Verdict

MOST_ATTEMPTS = 5
MOST_SPLITS = 10  # each costs two calls more

MISSING = "No record with this key was found there, so there is nothing to update."
AMBIGUOUS = "Several records there have this key, so it is not known which one to update."
EXISTS = "A record with this key is there already, with other values. Insert leaves it alone."
SEVERAL = "several records there have this key."
NEVER_ARRIVED = "The record was sent several times and never arrived."


@dataclass(slots=True)
class Out:
    """A call: the positions it carries and how it fared.

    `at` None means all of the batch. `find`: it is a look-up. `state` is what `Adapter.advance` needs while
    the service works on it, `since` when that began. `failures` counts used-up attempts, `looks` how often
    a pending job was looked at, or a record looked up; `missed` how many looks in a row failed. `lost`: its
    own answer went missing. Halves of one call share a `pair` and know its `refusal`; a half that was
    refused alike is `suspect` until the other half has its answer.
    """

    at: list[int] | None = None
    state: dict[str, Any] | None = None
    since: str = ""
    failures: int = 0
    looks: int = 0
    missed: int = 0
    find: bool = False
    lost: bool = False
    pair: int = 0
    refusal: str = ""
    suspect: bool = False


@dataclass(slots=True)
class Journal:
    """The calls of one batch of `size` operations, the first being the next to send.

    `proved` holds the outcomes by position. `given_up` are positions that failed too often though nothing
    speaks against them: the next run tries them again. `lost`: an answer went missing on the way. `left`
    are calls whose job nobody waits for any more in this run, though it may still take effect.
    `remote_ids` are those that look-ups found, by position. Of the run, not written: whether what is sent
    twice `converges`, and whether the service `finds` a record by its key.
    """

    size: int
    calls: list[Out] = field(default_factory=lambda: [Out()])
    proved: dict[int, Outcome] = field(default_factory=dict)
    given_up: set[int] = field(default_factory=set)
    splits: int = 0
    lost: bool = False
    left: list[Out] = field(default_factory=list)
    remote_ids: dict[int, str] = field(default_factory=dict)
    converges: bool = field(default=True, compare=False)
    finds: bool = field(default=False, compare=False)

    @classmethod
    def begin(
        cls,
        size: int,
        per_call: int,
        *,
        find: Sequence[int] = (),
        find_per_call: int = 1,
        in_doubt: bool = False,
    ) -> Self:
        """The journal of a batch that was never sent: look-ups of the positions to `find`, then its calls.

        `in_doubt`: those may be there from an earlier run, and are sent only where they are not.
        """
        looks = [
            Out(at=list(find[n : n + find_per_call]), find=True, lost=in_doubt, looks=int(in_doubt))
            for n in range(0, len(find), find_per_call)
        ]
        if per_call >= size and not in_doubt:
            return cls(size, [*looks, Out()])
        later = set(find) if in_doubt else set()
        at = [position for position in range(size) if position not in later]
        calls = [Out(at=at[n : n + per_call]) for n in range(0, len(at), per_call)]
        return cls(size, [*looks, *calls], lost=in_doubt)

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
            {int(at): remote_id for at, remote_id in stored.get("remote_ids", {}).items()},
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
                "remote_ids": {str(at): remote_id for at, remote_id in self.remote_ids.items()},
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
        if not self.calls[0].find:
            self.calls[0].lost = self.lost = True

    def answered(self, outcomes: Sequence[Outcome]) -> None:
        """The call was answered: one outcome per operation, in order."""
        call = self.calls.pop(0)
        if outcomes.count(ACCEPTED) == len(outcomes):  # what most are
            self.proved.update(zip(self.positions(call), outcomes, strict=True))
            self._release(call)
            return
        again: list[int] = []
        look: list[int] = []
        for at, outcome in zip(self.positions(call), outcomes, strict=True):
            if outcome.verdict is Verdict.UNPROVED and self.converges and call.failures + 1 < MOST_ATTEMPTS:
                again.append(at)
            elif outcome.verdict is Verdict.UNPROVED and self.finds and not self.converges:
                look.append(at)
            else:
                self.proved[at] = outcome
        if again:
            self.lost = True
            self.calls.append(Out(at=again, failures=call.failures + 1, lost=True))
        if look:
            self.lost = True
            self.calls.append(Out(at=look, find=True, lost=True, failures=call.failures))
        self._release(call)

    def found(self, found: Sequence[Found], now: datetime) -> None:
        """The look-up was answered: what it found for each operation, in order."""
        call = self.calls.pop(0)
        absent: list[int] = []
        for at, what in zip(self.positions(call), found, strict=True):
            if not (call.lost or call.refusal):
                self._identify(at, what)
            elif what.records == 1 and what.is_as_sent:
                self.proved[at] = Outcome(Verdict.ACCEPTED, remote_id=what.remote_id)
            elif call.refusal or what.records == 1:
                self.proved[at] = Outcome(Verdict.REJECTED, call.refusal or EXISTS)
            elif what.records:
                self.proved[at] = Outcome(Verdict.UNPROVED, SEVERAL)
            else:
                absent.append(at)
        self._forget_proved()
        if not absent:
            return
        if not call.looks:
            again = Out(
                at=absent, find=True, lost=True, looks=1, failures=call.failures, since=now.isoformat()
            )
            self.calls.append(again)
        elif call.failures + 1 < MOST_ATTEMPTS:
            self.calls += [Out(at=[at], failures=call.failures + 1) for at in absent]
        else:
            self._reject(absent, NEVER_ARRIVED, "")
            self.given_up.update(absent)

    def failed(self, reason: str, *, may_be_applied: bool, counts: bool) -> bool:
        """The call failed for now. False: it used up its attempts, and its operations have outcomes.

        `counts` is False where the failure uses up no attempt (an outage). What may have been applied and
        does not converge is not sent again as it is: it is looked up, or in doubt at once.
        """
        call = self.calls[0]
        if may_be_applied and call.state is None:
            self.lost_answer()
        if counts and call.state is None:
            call.failures += 1
        elif counts:
            call.missed += 1
        stuck = may_be_applied and call.state is None and not (call.find or self.converges)
        if max(call.failures, call.missed) < MOST_ATTEMPTS and not stuck:
            return True
        self._leave(self.calls.pop(0))
        at = list(self.positions(call))
        if stuck and self.finds:
            self.calls.insert(0, Out(at=at, find=True, lost=True, failures=call.failures))
            return True
        doubt = call.lost or call.state is not None
        for position in at:
            self.proved[position] = Outcome(Verdict.UNPROVED if doubt else Verdict.REJECTED, reason)
            if not doubt:
                self.given_up.add(position)
        self._forget_proved()
        self._release(call)
        return False

    def overdue(self, reason: str) -> None:
        """The service never finished the job: its operations are unproved."""
        call = self.calls[0]
        call.failures = MOST_ATTEMPTS - 1  # a job that may still be working is not raced by a second one
        self.answered([Outcome(Verdict.UNPROVED, reason)] * len(self.positions(call)))

    def refused(self, reason: str, where: str = "") -> None:
        """The destination will never take the call as it is: halve it, or refuse its operations."""
        call = self.calls.pop(0)
        at = list(self.positions(call))
        if call.find:
            verdict = Verdict.UNPROVED if call.lost else Verdict.REJECTED
            self.proved.update(dict.fromkeys(at, Outcome(verdict, reason, where)))
            self._forget_proved()
            return
        if call.failures and self.finds and not self.converges and len(at) == 1:
            # An earlier attempt may be what stands in this one's way.
            self.calls.insert(0, Out(at=at, find=True, refusal=reason))
            return
        sibling = self._sibling(call)
        if len(at) == 1 or self.splits >= MOST_SPLITS:
            self._reject(at, reason, where)
            self._release(call)
        elif call.refusal != reason:
            self._halve(call, reason)
            self._release(call)
        elif sibling is None:
            self._halve(call, reason)
        elif sibling.suspect:
            self.calls.remove(sibling)
            self._reject([*at, *self.positions(sibling)], reason, where)
        else:
            call.suspect = True
            self.calls.append(call)

    def abandon(self, reason: str, *, sending: bool) -> int:
        """No more calls: what may be applied is in doubt, the rest stays unsent. Returns how many stay."""
        for number, call in enumerate(self.calls):
            self._leave(call)
            out = number == 0 and not call.find and (sending or call.state is not None)
            for at in self.positions(call):
                if at not in self.proved and (out or call.lost or (call.find and call.refusal)):
                    self.proved[at] = Outcome(Verdict.UNPROVED, reason)
        self.calls = []
        return self.size - len(self.proved)

    def _identify(self, at: int, what: Found) -> None:
        """Before an update: the record's id, or why there is nothing to update."""
        if what.records == 1:
            self.remote_ids[at] = what.remote_id
        else:
            self._reject([at], AMBIGUOUS if what.records else MISSING, "")

    def _forget_proved(self) -> None:
        """Take what has its outcome out of the calls to come."""
        for call in self.calls if self.proved else ():
            call.at = [at for at in self.positions(call) if at not in self.proved]
        self.calls = [call for call in self.calls if call.at != []]

    def _leave(self, call: Out) -> None:
        if call.state is not None:
            self.left.append(call)

    def _reject(self, at: Sequence[int], reason: str, where: str) -> None:
        for position in at:
            self.proved[position] = Outcome(Verdict.REJECTED, reason, where)

    def _halve(self, call: Out, reason: str) -> None:
        at = list(self.positions(call))
        self.splits += 1
        middle = len(at) // 2
        halves = [at[:middle], at[middle:]]
        self.calls[:0] = [Out(at=half, lost=call.lost, pair=self.splits, refusal=reason) for half in halves]

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
                self._halve(sibling, sibling.refusal)
