"""Looking at a few records where they are, for a person who asks: within the account's budget, once."""

from collections.abc import Callable, Sequence
from uuid import uuid4

from destinations import budget, use
from destinations.connect import Opener, adapter_of, exchange_rows, session
from destinations.contract import Call, Found, Operation, Target
from destinations.errors import AuthExpired, Cause, RateLimited
from destinations.models import Connection


def look_up(connection: Connection, target: Target, operations: Sequence[Operation]) -> list[Found]:
    """What is there under the operations' keys: one answer each, in order; as many requests as they take.

    Raises DestinationError: the service's refusal, or RateLimited where the budget has nothing left for now,
    or the account is down.
    """
    kind = adapter_of(connection)
    at_once = target.object.finds[target.upsert_key]
    calls = [operations[at : at + at_once] for at in range(0, len(operations), at_once)]
    rules = budget.rules(connection.account, kind.limits_for(connection.options))
    gate, holder = budget.Gate(lengths=rules.published), f"person {uuid4()}"
    found: list[Found] = []

    def ask(requests: int) -> budget.Grant:
        return budget.take(
            connection.account_id, rules, holder, gate, requests=requests, slots=1, is_few=True
        )

    def pay() -> None:
        """What was granted lasts a moment: a slow service, or a new token, takes longer."""
        if not gate.left:
            ask(1)

    gate.on_empty = pay
    try:
        grant = ask(len(calls))
        if grant.slots < 1 or grant.requests < len(calls):
            told = "The account’s budget of requests is used up for now."
            if grant.wait is not None:
                told = budget.wait_text(grant.wait, kind.label)
            raise RateLimited(f"Nothing was asked. {told}", retry_after=None, cause=Cause.BUDGET)
        with session(threads=1) as over:
            opener = Opener(connection, gate=gate, session=over)
            for number, some in enumerate(calls):
                found += _found(opener, connection, target, Call(f"look-{number}", tuple(some)), pay)
        budget.answered(connection.account_id)
    finally:
        budget.release(connection.account_id, rules, holder, gate)
    return found


def _found(
    opener: Opener, connection: Connection, target: Target, call: Call, pay: Callable[[], None]
) -> list[Found]:
    """One look-up; once more with a new token where the service wants one."""
    while True:
        adapter = opener(call.id)
        pay()
        try:
            return adapter.find(target, call)
        except AuthExpired:
            if not opener.may_renew(adapter):
                raise
            opener.renew(adapter)
        finally:
            use.keep(connection.account, exchange_rows(adapter, connection, team_id=connection.team_id))
