"""The calls that are out. A pool of threads makes them, and only talks to the destination: what goes and what
an answer means is decided by the one thread that conducts.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import requests

from destinations import connect
from destinations.contract import Adapter, Mode, Target
from destinations.errors import RateLimited
from destinations.http import Sent
from syncadmin.lib import logs
from syncs.engine.allowance import Allowance
from syncs.engine.calls import Answer, Way, make
from syncs.engine.journal import Out
from syncs.engine.lease import Lease
from syncs.engine.settle import Held
from syncs.engine.steady import keep_no_statements

QUICK = 0.1  # seconds: where calls take less, the next ones are claimed before a thread is free
AHEAD = 2  # calls that may then wait for each thread
LANDING = 0.001  # seconds to wait after a call landed: those that land together are written together
LANDING_SHARE = 0.2  # … or this share of what a call takes, while every thread has another one to make
LONGEST_LANDING = 0.005


@dataclass(frozen=True, slots=True)
class Flight:
    """A call that a thread is making."""

    held: Held
    adapter: Adapter

    @property
    def exchanges(self) -> Sequence[Sent]:
        """What was sent for it so far."""
        return connect.exchanges_of(self.adapter)


def _begin(bind: Callable[[], None]) -> None:
    """In a new thread."""
    bind()
    keep_no_statements()


class Flights:
    """One worker's calls to an account, at most `slots` at once; those beyond wait for a thread."""

    def __init__(self, way: Way, lease: Lease, allowance: Allowance) -> None:
        self.slots = allowance.slots
        self._way = way
        self._lease = lease
        self._allowance = allowance
        self._session: requests.Session = connect.session(self.slots)
        self._open = connect.Opener(way.connection, gate=allowance.gate, session=self._session)
        self._expired: Adapter | None = None  # the service no longer takes its token
        self._pool = ThreadPoolExecutor(self.slots, "call", initializer=_begin, initargs=(logs.bound(),))
        self._out: dict[Future[Answer], Flight] = {}
        self._landing: SimpleQueue[Future[Answer]] = SimpleQueue()
        self._landed: list[Future[Answer]] = []
        self._took = QUICK  # seconds of the call that ended last

    def __len__(self) -> int:
        """How many are out, those included that have landed and were not taken yet."""
        return len(self._out)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._session.close()

    @property
    def batches(self) -> set[int]:
        """The ids of the batches whose calls are out."""
        return {flight.held.batch.pk for flight in self._out.values()}

    @property
    def spare(self) -> int:
        """How many may wait for a thread: where calls are quick, a thread shall not wait for a turn.

        None that must not be sent twice: if we die, it would count as sent.
        """
        is_quick = self._took < QUICK and self._way.mode is not Mode.INSERT
        return self.slots * AHEAD if is_quick else 0

    def sign_in(self) -> None:
        """Make sure that the credentials are good. Temporary where that fails for now, AuthExpired for good.

        The service may be asked, so in no transaction.
        """
        if self._expired is not None:
            self._open.renew(self._expired)
            self._expired = None
        self._open.keep_fresh()

    def may_renew(self, flight: Flight) -> bool:
        """Whether a new token may put the refusal of the old one right. It is got by the next `sign_in`."""
        if not self._open.may_renew(flight.adapter):
            return False
        self._expired = flight.adapter
        return True

    def launch(self, held: Held) -> None:
        out = held.journal.call
        assert out is not None  # noqa: S101 - what was claimed has a call to make
        adapter = self._open(held.call_id)
        target = self._way.target(held.batch.object_key)
        future = self._pool.submit(self._call, adapter, target, held, out)
        self._out[future] = Flight(held, adapter)
        future.add_done_callback(self._landing.put)

    def recall(self) -> None:
        """Take back the calls that wait for a thread. They land as ones that were never sent."""
        for future, flight in self._out.items():
            if (out := flight.held.journal.call) is not None and out.state is None:
                future.cancel()

    def wait(self, timeout: float) -> int:
        """Wait for a call to land. Returns how many have."""
        with suppress(Empty):
            if timeout > 0:
                self._landed.append(self._allowance.landing(self._landing, timeout, len(self._out)))
                time.sleep(self._pause())
            while True:
                self._landed.append(self._landing.get_nowait())
        return len(self._landed)

    def take(self) -> tuple[Flight, Answer | None] | None:
        """One that has landed, with its answer; without one if it never left. None: no more has landed.

        Those never left that were recalled, or whose grant ran out while they waited for a thread. LostLease
        where the lease went meanwhile.
        """
        if not self._landed:
            return None
        future = self._landed.pop()
        flight = self._out.pop(future)
        answer = None if future.cancelled() else future.result()
        if isinstance(answer, RateLimited) and not flight.exchanges:
            answer = None
        return flight, answer

    def _pause(self) -> float:
        """For those that land next; writing takes long, and keeps threads from beginning their calls."""
        busy = len(self._out) - len(self._landed)
        if busy < self.slots:
            return LANDING if busy else 0.0
        return min(LONGEST_LANDING, max(LANDING, self._took * LANDING_SHARE))

    def _call(self, adapter: Adapter, target: Target, held: Held, out: Out) -> Answer:
        """One call, in a thread of its own."""
        self._lease.demand()
        began = time.monotonic()
        try:
            return make(adapter, target, held, self._way.mode, out)
        finally:
            self._took = time.monotonic() - began
