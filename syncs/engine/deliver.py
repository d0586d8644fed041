"""Sends a run's batches, and settles what comes back.

One thread conducts: it claims batches, keeps within the account's budget, writes what is proved. A pool of
threads only talks to the destination. Nothing is decided twice: what an answer means for a batch is
`journal.py`, how it is written `settle.py`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from queue import Empty, SimpleQueue
from typing import NamedTuple

import requests
from django.db import transaction
from django.utils import timezone

from destinations import connect
from destinations.contract import Adapter
from destinations.errors import AuthExpired, Temporary, TooMany
from destinations.models import Exchange
from syncs.engine import settle
from syncs.engine.allowance import Allowance
from syncs.engine.answers import Reading
from syncs.engine.batches import packing_for
from syncs.engine.calls import Answer, Flight, Rest, Way, make
from syncs.engine.lease import Lease
from syncs.engine.settle import Held
from syncs.models import Batch, Run

CANCEL_WAITS = timedelta(seconds=60)  # for jobs that the destination is working on
SIGN_IN_PAUSE = timedelta(seconds=5)  # where a token could not be renewed for now
OPEN_JOBS_PER_SLOT = 4
GIVES_WAY_AFTER = 0.3  # seconds to sleep from which on another run is served instead
LOOK_EVERY = 1.0  # seconds between looks at whether somebody cancelled
READ_AHEAD = 8  # batches read at once: a query costs as much as a few batches
LANDING = 0.001  # seconds to wait after a call landed: those that land together are written together

_TILL_SETTLED = "Waiting until an unanswered request of an earlier run can no longer take effect."


class Open(NamedTuple):
    """A batch that is not settled, as the conductor's list has it."""

    pk: int
    stage: int
    number: int
    due_at: datetime


class Delivery:
    """One worker's share of a run's delivery. Use as a context manager: it lets go of the budget."""

    def __init__(
        self,
        run: Run,
        lease: Lease,
        way: Way,
        *,
        others_wait: Callable[[], bool],
        look: Callable[[], None],
    ) -> None:
        """`others_wait`: whether to give way rather than to sleep. `look` is called about each second."""
        self.run = run
        self._lease = lease
        self._way = way
        self._others_wait = others_wait
        self._look = look
        self._allowance = Allowance(way.connection.account, way, lease)
        self._reading = Reading(run, way, self._allowance)
        self._slots = self._allowance.slots
        self._session: requests.Session = connect.session(self._slots)
        self._open_adapter = connect.Opener(way.connection, gate=self._allowance.gate, session=self._session)
        self._expired: Adapter | None = None  # the service no longer takes its token
        self._pool = ThreadPoolExecutor(self._slots, thread_name_prefix="call")
        self._flights: dict[Future[Answer], Flight] = {}
        self._landed: SimpleQueue[Future[Answer]] = SimpleQueue()
        self._done: list[Future[Answer]] = []  # landed, and not yet read
        self._ahead: dict[int, Batch] = {}  # read, and not yet claimed
        self._jobs: dict[int, Held] = {}  # pending at the destination, held by us
        self._open = self._load()  # by pk, in the order of sending
        self._looked_at = 0.0  # monotonic
        self._cancelled_at: datetime | None = run.cancel_requested_at
        self._failed_owners: frozenset[str] | None = None
        self._refuses_many: set[str] = set()  # objects whose largest packing the account does not take

    def __enter__(self) -> "Delivery":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._session.close()
        self._allowance.release()

    def work(self, until: float) -> Rest | None:
        """Deliver until `until` (monotonic). None: everything is settled, or a cancel has been obeyed.

        Raises Stop where a person must act, LostLease where another worker has the run. Calls in flight
        are always waited for.
        """
        try:
            while True:
                self._lease.demand()
                late = time.monotonic() >= until
                self._turn(send=not late and self._is_signed_in())
                if self._reading.stop is not None:
                    raise self._reading.stop
                if self._is_over():
                    return None
                rest = self._next()
                if self._flights:
                    self._await(self._patience(rest))
                    continue
                if rest is None:
                    return None
                pause = (rest.due_at - timezone.now()).total_seconds()
                if late or time.monotonic() + pause > until:
                    return rest
                if pause > GIVES_WAY_AFTER and self._others_wait():
                    return rest
                self._tell(rest.waits_for if pause > LOOK_EVERY else "")
                time.sleep(max(0.0, min(pause, LOOK_EVERY)))
        finally:
            self._drain()

    # What to do next

    def _load(self) -> dict[int, Open]:
        found = (
            Batch.objects.filter(run=self.run, plan_attempt=self.run.plan_attempt)
            .exclude(status=Batch.Status.SETTLED)
            .order_by("stage", "number")
            .values_list("pk", "stage", "number", "due_at")
        )
        return {row[0]: Open(*row) for row in found}

    def _turn(self, *, send: bool) -> None:
        """Write what came back and claim what goes next, in one transaction; then let it go."""
        self._await(0)
        due = self._due(len(self._done)) if send else []
        if not self._done and not due:
            return
        with transaction.atomic():
            onward = self._land(send=send)
            allowed = 0
            if (onward or due) and self._reading.stop is None:
                allowed = self._allowance.calls(len(onward) + len(due), in_flight=len(self._flights))
            going = self._go_on(onward, allowed)
            going += self._claim(due[: allowed - len(going)])
        for held in going:
            self._launch(held)

    def _is_signed_in(self) -> bool:
        """Whether the credentials are good now. The service may be asked, so in no transaction."""
        try:
            if self._expired is not None:
                self._open_adapter.renew(self._expired)
                self._expired = None
            self._open_adapter.keep_fresh()
        except Temporary as error:
            self._allowance.rest = Rest(timezone.now() + SIGN_IN_PAUSE, str(error))
            return False
        return True

    def _is_over(self) -> bool:
        """Whether a cancel has been asked for and nothing is left to wait for."""
        self._allowance.beat()
        if time.monotonic() - self._looked_at >= LOOK_EVERY:
            self._looked_at = time.monotonic()
            self._look()
            self._cancelled_at = Run.objects.values_list("cancel_requested_at", flat=True).get(pk=self.run.pk)
        if self._cancelled_at is None or self._flights:
            return False
        return not self._jobs or timezone.now() - self._cancelled_at > CANCEL_WAITS

    def _await(self, timeout: float) -> None:
        """Wait for a call to land, and take all that have."""
        with suppress(Empty):
            if timeout > 0:
                self._done.append(self._landed.get(timeout=timeout))
                if len(self._done) < len(self._flights):
                    time.sleep(LANDING)
            while True:
                self._done.append(self._landed.get_nowait())

    def _ready(self) -> Iterator[Open]:
        """Batches that may go when they are due, in order: companions before rows.

        Not those that are out. No new job where the destination works on many, or the run is cancelled.
        """
        flying = self._flying()
        jobs = self._jobs.keys() | flying
        if self._cancelled_at is not None or len(jobs) >= self._slots * OPEN_JOBS_PER_SLOT:
            yield from (self._open[pk] for pk in self._jobs if pk not in flying)
            return
        stage = next((one.stage for one in self._open.values()), None)
        for one in self._open.values():
            if stage == Batch.Stage.COMPANIONS != one.stage:
                return
            if one.pk not in flying:
                yield one

    def _flying(self) -> set[int]:
        return {flight.held.batch.pk for flight in self._flights.values()}

    def _next(self) -> Rest | None:
        """When the next batch may go; None where none waits for its time."""
        now, due = timezone.now(), None
        for one in self._ready():
            due = one.due_at if due is None else min(due, one.due_at)
            if due <= now:
                break
        if due is None:
            return None
        if self._allowance.rest.due_at > due:
            return self._allowance.rest
        if self._jobs:
            return Rest(due, "Waiting for the destination to work through what was sent.")
        return Rest(due, _TILL_SETTLED if self._is_late else "")

    @property
    def _is_late(self) -> bool:
        """Whether nothing is left but what waits out an unanswered request."""
        return all(one.stage == Batch.Stage.LATE_ROWS for one in self._open.values())

    def _patience(self, rest: Rest | None) -> float:
        """Seconds to wait for a call in flight: until another may go."""
        if rest is None or len(self._flights) >= self._slots:
            return LOOK_EVERY
        return min(LOOK_EVERY, max(0.005, (rest.due_at - timezone.now()).total_seconds()))

    def _due(self, landed: int) -> list[Open]:
        """Batches to send, or whose job to look at, as many as slots are free once those `landed` are."""
        now = timezone.now()
        free = self._slots - len(self._flights) + landed
        return list(islice((one for one in self._ready() if one.due_at <= now), free))

    def _launch(self, held: Held) -> None:
        out = held.journal.call
        assert out is not None  # noqa: S101 - what was claimed has a call to make
        batch = held.batch
        adapter = self._open_adapter(held.call_id)
        target = self._way.target(batch.object_key)
        future = self._pool.submit(make, adapter, target, held, self._way.mode, out)
        self._flights[future] = Flight(held, adapter)
        future.add_done_callback(self._landed.put)

    def _claim(self, due: Sequence[Open]) -> list[Held]:
        """Batches that may go now, marked as being sent; those whose job we look at are ours already."""
        now = timezone.now()
        claimed = []
        for one in due:
            held: Held | None = self._jobs.get(one.pk)
            if held is None:
                held = settle.claim(self._batch(one.pk), self._lease, now, self._way.journal)
            if held is None:
                self._lease.lose()
            out, journal = held.journal.call, held.journal
            if out is not None and out.state is None and out.lost and not (out.find or journal.converges):
                journal.failed("its answer was lost.", may_be_applied=True, counts=False)
            if journal.call is None:
                self._settle([held], [])
            elif held.batch.object_key in self._refuses_many and self._is_of_many(held):
                self._scatter(held)
            else:
                claimed.append(held)
        return claimed

    def _go_on(self, onward: Sequence[Held], allowed: int) -> list[Held]:
        """Batches whose next call goes at once; those for which there is no room wait for their turn."""
        now = timezone.now()
        for held in onward[:allowed]:
            settle.go_on(held, self._lease, now)
        for held in onward[allowed:]:
            settle.keep(held, self._lease, due_at=now, error="")
            self._put_back(held, now)
        return list(onward[:allowed])

    def _batch(self, pk: int) -> Batch:
        """A batch to claim. The next ones are read with it; a claim notices if they are not as they were."""
        if pk not in self._ahead:
            held = self._jobs.keys() | self._flying()
            next_ones = (other for other in self._open if other not in held)
            self._ahead = Batch.objects.in_bulk({pk, *islice(next_ones, READ_AHEAD)})
        batch = self._ahead.pop(pk)
        batch.run = self.run
        return batch

    # What came back

    def _drain(self) -> None:
        """Wait for calls in flight: what they bring is settled, whatever made us stop."""
        while self._flights and self._lease.is_held:
            self._await(LOOK_EVERY)
            self._turn(send=False)

    def _land(self, *, send: bool) -> list[Held]:
        """Settle, or keep, the batches whose calls are done. If one fails, the others are left for later.

        Returns those whose next call may go at once.
        """
        settled: list[Held] = []
        onward: list[Held] = []
        exchanges: list[Exchange] = []
        while self._done:
            future = self._done.pop()
            flight = self._flights.pop(future)
            exchanges += connect.exchange_rows(
                flight.adapter, self._way.connection, team_id=self.run.team_id, subject=self.run.public_id
            )
            held, answer = flight.held, future.result()
            if isinstance(answer, TooMany) and self._is_of_many(held):
                self._refuses_many.add(held.batch.object_key)
                self._scatter(held)
                continue
            if isinstance(answer, AuthExpired) and self._open_adapter.may_renew(flight.adapter):
                self._expired = flight.adapter
                pause, error = 0.0, str(answer)
            else:
                pause, error = self._reading.enter(held, answer)
            out = held.journal.call
            if out is None:
                settled.append(held)
            elif send and not (pause or error) and out.state is None and self._cancelled_at is None:
                onward.append(held)
            else:
                due_at = timezone.now() + timedelta(seconds=pause)
                settle.keep(held, self._lease, due_at=due_at, error=error)
                self._put_back(held, due_at)
        self._settle(settled, exchanges)
        return onward

    def _is_of_many(self, held: Held) -> bool:
        """Whether the batch goes by a packing that is not the smallest, and nothing of it went yet."""
        packings, journal = self._way.packings(held.batch.object_key), held.journal
        is_whole = not (journal.proved or journal.lost) and len(journal.calls) == 1
        return is_whole and packing_for(held.batch.operation_count, packings) is not packings[-1]

    def _scatter(self, held: Held) -> None:
        """The account takes no such batch: its operations go as smaller ones."""
        packings = self._way.packings(held.batch.object_key)[1:]
        now = timezone.now()
        self._open.pop(held.batch.pk, None)
        for one in settle.scatter(self.run, held, self._lease, packings, due_at=now):
            self._open[one.pk] = Open(one.pk, one.stage, one.number, now)
        self._open = dict(sorted(self._open.items(), key=lambda item: (item[1].stage, item[1].number)))

    def _put_back(self, held: Held, due_at: datetime) -> None:
        batch = held.batch
        self._open[batch.pk] = self._open[batch.pk]._replace(due_at=due_at)
        if batch.status == Batch.Status.SENDING:
            self._jobs[batch.pk] = held
        else:
            self._jobs.pop(batch.pk, None)

    def _settle(self, settled: list[Held], exchanges: list[Exchange]) -> None:
        if not settled and not exchanges:
            return
        settle.settle(
            self.run,
            settled,
            exchanges,
            self._lease,
            failed_owners=self._owners(settled),
            adapter=self._way.adapter,
            companion=self._way.companion(self.run.sync.object_key),
        )
        for held in settled:
            self._open.pop(held.batch.pk, None)
            self._jobs.pop(held.batch.pk, None)
            self._reading.watch(held)

    def _owners(self, settled: list[Held]) -> frozenset[str]:
        """Rows whose companion failed. All companions are settled before the first row is sent."""
        if not any(held.batch.stage != Batch.Stage.COMPANIONS for held in settled):
            return frozenset()
        if self._failed_owners is None:
            self._failed_owners = settle.failed_owners(self.run)
        return self._failed_owners

    def _tell(self, waits_for: str) -> None:
        if waits_for != self.run.waits_for:
            self.run.waits_for = waits_for
            Run.objects.filter(pk=self.run.pk, lease_token=self._lease.token).update(waits_for=waits_for)
