"""One call, and where it goes. Nothing here touches our database: calls are made in threads of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from destinations.contract import Adapter, Call, Limits, Mode, Outcome, Pending, Target
from destinations.errors import ContractBroken
from destinations.models import Connection
from syncs.engine.journal import Out
from syncs.engine.settle import Held

Answer: TypeAlias = Sequence[Outcome] | Pending | Exception


class Stop(Exception):
    """The run cannot go on: a person must act, as the message says. `reconnect`: on the connection."""

    def __init__(self, message: str, *, reconnect: bool = False) -> None:
        super().__init__(message)
        self.reconnect = reconnect


@dataclass(frozen=True, slots=True)
class Flight:
    """A call that a thread is making."""

    held: Held
    adapter: Adapter


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

    def target(self, object_key: str) -> Target:
        found = self.adapter.object(object_key)
        key = self.upsert_key if self.upsert_key in found.upsert_keys else found.upsert_keys[0]
        return Target(found, key)

    def companion(self, object_key: str) -> str:
        """What to call the object's companion; empty where it has none."""
        found = self.adapter.object(object_key).companion
        return found.label if found else ""


def make(
    adapter: Adapter, target: Target, held: Held, mode: Mode, out: Out, *, leaving: bool = False
) -> Answer:
    """One call, in a thread of its own: an answer, or the error that came instead.

    `leaving`: its run has ended, so that nothing more of it may begin.
    """
    try:
        call = held.call
        if call is None:
            operations = held.payload.operations(held.batch.pk, mode, held.journal.positions(out))
            call = held.call = Call(held.call_id, operations)
        if out.state is None:
            answer = adapter.send(target, call)
        else:
            answer = (adapter.leave if leaving else adapter.advance)(target, call, out.state)
    except Exception as error:  # every error is an answer; the conductor decides
        return error
    if not isinstance(answer, Pending) and (
        not isinstance(answer, Sequence) or len(answer) != len(call.operations)
    ):
        return ContractBroken(f"{adapter.label} must answer once for each operation, in order.")
    return answer
