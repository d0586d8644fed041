"""What a worker may send to an account now: grants of the budget, and the breaker, remembered for a moment.

Asking the database for each call would cost more than the call, so grants are asked for a few at a time,
and an account that answered a moment ago is not asked after again.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import TypeVar

from django.utils import timezone

from destinations import budget, failures, use
from destinations.http import Sent
from destinations.models import RemoteAccount
from syncs.engine.calls import Rest, Stop, Way
from syncs.engine.lease import Lease
from syncs.models import Run

T = TypeVar("T")

OUTAGE_STOPS_AFTER = timedelta(hours=2)  # one of an hour is sat out
GRANT = 10  # requests asked of the budget at once; more where so many leave in a moment
MOST_GRANTED = 80
GRANT_LASTS = 0.5  # seconds that a grant should last
SLOTS_LAST = 1.0  # seconds after which slots are asked for again: other workers may want some
BEAT_EVERY = 15.0  # seconds after which the budget hears that we still hold our slots
TICK = 0.05  # seconds between looks at whether a call in flight wants a request more
PAYS_AGAIN = 0.25  # seconds until it is asked for again where there was none
CALM = 1.0  # seconds for which we believe what we know of the breaker


class Allowance:
    """One worker's share of an account. `rest` is what it waits for, once nothing is allowed."""

    def __init__(self, account: RemoteAccount, way: Way, lease: Lease) -> None:
        self.rest = Rest(timezone.now())
        self._account = account
        self._label = way.adapter.label
        self._rules = budget.rules(account, way.limits, part_percent=way.part_percent)
        self._tally = use.Tally(account)
        self.gate = budget.Gate(lengths=self._rules.published)
        self._holder = str(lease.token)
        if lease.former is not None:
            budget.release(account.pk, self._rules, str(lease.former), self.gate)
        self._granted_slots = 0
        self._grant = GRANT
        self._granted_at = 0.0  # monotonic, as are those below
        self._slots_until = 0.0
        self._up_until = 0.0  # until when we need not ask whether the account is down
        self._calm_until = 0.0  # until when we need not say that it answers
        self._beat_at = time.monotonic()
        self._pays_at = 0.0

    @property
    def slots(self) -> int:
        """How many calls may be in flight at the most."""
        return self._rules.concurrency

    def release(self) -> None:
        """Give everything back."""
        self._tally.write()
        budget.release(self._account.pk, self._rules, self._holder, self.gate)

    def beat(self) -> None:
        """Let the budget hear, now and then, that we still hold our slots; and write what was counted."""
        self._tally.beat()
        if time.monotonic() - self._beat_at >= BEAT_EVERY:
            self._beat_at = time.monotonic()
            budget.renew(self._account.pk, self._rules, self._holder)

    def sent(self, exchanges: Sequence[Sent]) -> None:
        """Requests that were made, to be counted."""
        self._tally.add(exchanges)

    def landing(self, landed: SimpleQueue[T], timeout: float, in_flight: int) -> T:
        """The next that lands within `timeout` seconds; Empty where none does.

        Meanwhile calls in flight get the further requests that they wait for.
        """
        until = time.monotonic() + timeout
        while True:
            if self.gate.waiting and time.monotonic() >= self._pays_at:
                self.pay(self.gate.waiting, in_flight)
            left = until - time.monotonic()
            with suppress(Empty):
                return landed.get(timeout=max(0.0, min(left, TICK)))
            if left <= TICK:
                raise Empty

    def pay(self, wanted: int, in_flight: int) -> None:
        """Ask the budget for requests of calls that are on their way."""
        self._ask(wanted, 0, in_flight, timezone.now())
        self._pays_at = time.monotonic() + (0.0 if self.gate.left else PAYS_AGAIN)

    @property
    def has_all_slots(self) -> bool:
        """Whether no other worker, and no refusal, leaves us fewer."""
        return self._granted_slots >= self.slots

    def calls(self, wanted: int, *, in_flight: int, ahead: int = 0) -> int:
        """How many of the wanted calls may leave now, `ahead` of which need no slot yet."""
        now = timezone.now()
        if self._is_down(now):
            return 0
        free = self.gate.left - in_flight  # a call in flight may have to pay yet
        if free < wanted or time.monotonic() > self._slots_until:
            self._ask(wanted, free, in_flight, now)
        return max(0, min(wanted, self.gate.left - in_flight, self._granted_slots + ahead - in_flight))

    def answered(self) -> None:
        """The account answers. Written at once after a failure of ours, else now and then."""
        if time.monotonic() >= self._calm_until:
            budget.answered(self._account.pk)
            self._calm_until = time.monotonic() + CALM

    def failed(self, reason: str, now: datetime) -> bool:
        """A temporary failure. True where the account counts as down; Stop where it has for too long."""
        opened = budget.failed(self._account.pk, reason)
        self._up_until = self._calm_until = 0.0
        outage = budget.outage(self._account.pk) if opened else None
        if outage is not None and now - outage.since > OUTAGE_STOPS_AFTER:
            said = " ".join(outage.reason.replace(failures.AGAIN, "").split())  # for now it is not
            raise Stop(
                f"{self._label} has not been answering since {outage.since:%d %B %H:%M} UTC: {said} The rows "
                "that were not sent go with the next run: by its schedule, or once somebody who may edit the "
                "sync starts it.",
                by=Run.StoppedBy.DESTINATION,
            )
        return opened

    def _ask(self, wanted: int, free: int, in_flight: int, now: datetime) -> None:
        if free < wanted:
            self._resize_grant()
        grant = budget.take(
            self._account.pk,
            self._rules,
            self._holder,
            self.gate,
            requests=max(0, max(wanted, self._grant) - free),
            slots=self.slots,
            in_flight=min(in_flight, self.slots),  # the others wait for a slot of ours
        )
        self._granted_slots = grant.slots
        self._slots_until = time.monotonic() + SLOTS_LAST
        if grant.wait is not None:
            until = datetime.fromtimestamp(grant.wait.until, tz=now.tzinfo)
            self.rest = Rest(until, budget.wait_text(grant.wait, self._label))

    def _resize_grant(self) -> None:
        """A grant was used up: the next is larger if that was quick, and small again if it was not."""
        now = time.monotonic()
        is_quick = now - self._granted_at < GRANT_LASTS
        self._grant = min(MOST_GRANTED, self._grant * 2) if is_quick else GRANT
        self._granted_at = now

    def _is_down(self, now: datetime) -> bool:
        """Whether the account's breaker is open. When its pause is over, a call may try."""
        if time.monotonic() < self._up_until:
            return False
        outage = budget.outage(self._account.pk)
        self._up_until = time.monotonic() + CALM if outage is None else 0.0
        if outage is None or outage.until <= now:
            return False
        why = f"{self._label} has not been answering since {outage.since:%H:%M} UTC: {outage.reason}"
        self.rest = Rest(outage.until, why)
        return True
