"""One call, and where it goes. Nothing here touches our database: calls are made in threads of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from destinations.contract import Adapter, Call, Found, Limits, Mode, Outcome, Packing, Pending, Target
from destinations.errors import AuthExpired, Cause, ContractBroken, DestinationError, Misconfigured
from destinations.models import Connection
from syncs.engine.batches import Payload, packing_for
from syncs.engine.journal import Journal, Out
from syncs.engine.settle import Held
from syncs.models import Batch, Run
from syncs.sources.base import SourceError

Answer: TypeAlias = Sequence[Outcome] | Sequence[Found] | Pending | Exception


class Stop(Exception):
    """The run cannot go on: a person must act, as the message says. `by`: where, a `Run.StoppedBy`."""

    def __init__(self, message: str, *, by: str = "") -> None:
        super().__init__(message)
        self.by = by


def stopped_by(error: Exception) -> str:
    """Where a person must act, as a `Run.StoppedBy`; empty: at the sync."""
    match error:
        case Stop():
            return error.by
        case AuthExpired():
            return Run.StoppedBy.SIGN_IN
        case Misconfigured() if error.cause is not Cause.PERMISSION:
            return ""  # what the sync maps, more often than not
        case DestinationError():
            return Run.StoppedBy.DESTINATION
        case SourceError():
            return Run.StoppedBy.SOURCE
    return ""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing can be done before `due_at`; `waits_for` says why, in plain words."""

    due_at: datetime
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a run's calls go."""

    connection: Connection
    adapter: type[Adapter]
    limits: Limits
    upsert_key: str
    mode: Mode
    part_percent: int = 100  # of the account's limits: less where another team shares its connection

    def target(self, object_key: str) -> Target:
        found = self.adapter.object(object_key)
        key = self.upsert_key if self.upsert_key in found.upsert_keys else found.upsert_keys[0]
        return Target(found, key)

    def packings(self, object_key: str) -> tuple[Packing, ...]:
        """How operations of an object are packed, the largest packing first."""
        found = self.adapter.object(object_key)
        return self.adapter.packings(found, self.mode, self.connection.options)

    def smaller(self, held: Held) -> tuple[Packing, ...]:
        """The packings by which what is unproved of the batch can go where the account does not take its
        call; none: there are no smaller ones, or something went already that must not go twice.
        """
        journal = held.journal
        if journal.call is None or journal.call.find or (journal.lost and not journal.converges):
            return ()
        size = len(journal.positions(journal.call))
        return tuple(one for one in self.packings(held.batch.object_key) if one.per_call < size)

    def finds(self, object_key: str) -> int:
        """How many records a look-up by the upsert key takes; 0 where there is none."""
        target = self.target(object_key)
        return target.object.finds.get(target.upsert_key, 0)

    def journal(self, batch: Batch, payload: Payload, per_call: int = 0) -> Journal:
        """The batch's journal; of one that was never sent a new one, with the look-ups that it needs.

        `per_call` is how many operations its calls carry; 0: as many as is usual for its size.
        """
        size, finds = batch.operation_count, self.finds(batch.object_key)
        if batch.journal:
            journal = Journal.read(size, bytes(batch.journal))
        else:
            per_call = per_call or packing_for(size, self.packings(batch.object_key)).per_call
            target = self.target(batch.object_key)
            find: list[int] = []
            if target.object.found_first(self.mode, target.upsert_key):
                find = payload.without_remote_id()
            elif self.mode is Mode.INSERT and finds:
                find = payload.in_doubt()
            journal = Journal.begin(
                size,
                per_call,
                find=find,
                find_per_call=finds or 1,
                in_doubt=bool(find) and self.mode is Mode.INSERT,
            )
        journal.converges, journal.finds = self.mode is not Mode.INSERT, finds > 0
        return journal

    def companion(self, object_key: str) -> str:
        """What to call the object's companion; empty where it has none."""
        found = self.adapter.object(object_key).companion
        return found.label if found else ""

    def words(self, object_key: str) -> dict[str, Any]:
        """What the reasons of rows that did not arrive are worded by."""
        return {"adapter": self.adapter, "companion": self.companion(object_key)}


def make(
    adapter: Adapter, target: Target, held: Held, mode: Mode, out: Out, *, leaving: bool = False
) -> Answer:
    """One call, in a thread of its own: an answer, or the error that came instead.

    `leaving`: its run has ended, so that nothing more of it may begin.
    """
    try:
        call = held.call
        if call is None:
            at = held.journal.positions(out)
            known = held.journal.remote_ids
            operations = held.payload.operations(held.batch.pk, mode, at, known, to_find=out.find)
            call = held.call = Call(held.call_id, operations)
        answer = _answer(adapter, target, call, out, leaving=leaving)
    except Exception as error:  # every error is an answer; the conductor decides
        return error
    if not isinstance(answer, Pending) and (
        not isinstance(answer, Sequence) or len(answer) != len(call.operations)
    ):
        return ContractBroken(f"{adapter.label} must answer once for each operation, in order.")
    return answer


def _answer(adapter: Adapter, target: Target, call: Call, out: Out, *, leaving: bool) -> Answer:
    if out.find:
        return adapter.find(target, call)
    if out.state is None:
        return adapter.send(target, call)
    return (adapter.leave if leaving else adapter.advance)(target, call, out.state)
