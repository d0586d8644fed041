"""Sends a run's batches, and settles what comes back.

One thread conducts: it claims batches, keeps within the account's budget, writes what is proved. Calls are
made in threads of their own, as `flights.py` has it. Nothing is decided twice: what an answer means for a
batch is `journal.py`, how it is written `settle.py`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils import timezone

from destinations.errors import AuthExpired, Temporary, TooMany
from destinations.http import Sent
from syncs.engine import bulk, open_batches, settle, telling
from syncs.engine.allowance import Allowance
from syncs.engine.answers import Reading
from syncs.engine.calls import Rest, Way
from syncs.engine.flights import Flights
from syncs.engine.lease import Lease
from syncs.engine.open_batches import Open, ReadAhead
from syncs.engine.scatter import scatter
from syncs.engine.settle import Held
from syncs.models import Batch, Run

CANCEL_WAITS = timedelta(seconds=60)  # for jobs that the destination is working on
SIGN_IN_PAUSE = timedelta(seconds=5)  # where a token could not be renewed for now
OPEN_JOBS_PER_SLOT = 8
GIVES_WAY_AFTER = 0.3  # seconds to sleep from which on another run is served instead
LOOK_EVERY = 1.0  # seconds between looks at whether somebody cancelled


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
        self._flights = Flights(way, lease, self._allowance)
        self._ahead = ReadAhead(run)
        self._jobs: dict[int, Held] = {}  # pending at the destination, held by us
        self._open = open_batches.load(run)  # by pk, in the order of sending
        self._words: dict[str, Any] = way.words(run.sync.object_key)
        self._large: list[Held] = []  # to be scattered …
        self._long: list[Held] = []  # … or answered and to be settled, in transactions of their own
        self._looked_at = 0.0  # monotonic
        self._cancelled_at: datetime | None = run.cancel_requested_at
        self._owners = settle.FailedOwners(run)
        self._refuses_many: set[str] = set()  # objects whose largest packing the account does not take

    def __enter__(self) -> "Delivery":
        return self

    def __exit__(self, *_: object) -> None:
        self._flights.close()
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
                if late or self._cancelled_at is not None:
                    self._flights.recall()
                self._turn(send=not late and self._is_signed_in())
                if self._reading.stop is not None:
                    raise self._reading.stop
                if self._is_over():
                    return None
                rest = self._next()
                if self._flights:
                    self._flights.wait(self._patience(rest))
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

    def _turn(self, *, send: bool) -> None:
        """Write what came back and claim what goes next, in one transaction; then let it go."""
        landed = self._flights.wait(0)
        due = self._due(landed) if send else []
        if not landed and not due:
            return
        together = bulk.Together()
        with transaction.atomic():
            onward = self._land(together, send=send)
            allowed = 0
            if (onward or due) and self._reading.stop is None:
                wanted = len(onward) + len(due)
                allowed = self._allowance.calls(wanted, in_flight=len(self._flights), ahead=self._spare)
            going = self._go_on(onward, allowed, together)
            going += self._claim(due[: allowed - len(going)], together)
            self._write(together)
        for held in going:
            self._flights.launch(held)
        while self._large:
            self._scatter(self._large.pop())
        while self._long:
            self._settle_long(self._long.pop())

    def _write(self, together: bulk.Together) -> None:
        if not together.run():
            self._lease.lose()

    def _is_signed_in(self) -> bool:
        """Whether the credentials are good now. The service may be asked, so in no transaction."""
        try:
            self._flights.sign_in()
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

    def _ready(self) -> Iterator[Open]:
        """Batches that may go when they are due, in order: companions before rows.

        Not those that are out. No new job where the destination works on many, or the run is cancelled.
        """
        flying = self._flights.batches
        jobs = self._jobs.keys() | flying
        if self._cancelled_at is not None or len(jobs) >= self._flights.slots * OPEN_JOBS_PER_SLOT:
            yield from (self._open[pk] for pk in self._jobs if pk not in flying)
            return
        stage = next((one.stage for one in self._open.values()), None)
        for one in self._open.values():
            if stage == Batch.Stage.COMPANIONS != one.stage:
                return
            if one.pk not in flying:
                yield one

    def _after(self) -> Iterator[int]:
        """Batches that are not out, in order."""
        held = self._jobs.keys() | self._flights.batches
        return (pk for pk in self._open if pk not in held)

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
        return Rest(due, open_batches.waits_for(self._open))

    def _patience(self, rest: Rest | None) -> float:
        """Seconds to wait for a call in flight: until another may go."""
        if rest is None or len(self._flights) >= self._flights.slots + self._spare:
            return LOOK_EVERY
        return min(LOOK_EVERY, max(0.005, (rest.due_at - timezone.now()).total_seconds()))

    def _due(self, landed: int) -> list[Open]:
        """Batches to send, or whose job to look at, as many as slots are free once those `landed` are."""
        now = timezone.now()
        free = self._flights.slots + self._spare - len(self._flights) + landed
        return list(islice((one for one in self._ready() if one.due_at <= now), max(0, free)))

    @property
    def _spare(self) -> int:
        """How many calls may wait for a thread; none where another worker may want it."""
        return self._flights.spare if self._cancelled_at is None and self._allowance.has_all_slots else 0

    def _claim(self, due: Sequence[Open], together: bulk.Together) -> list[Held]:
        """Batches that may go now, marked as being sent; those whose job we look at are ours already."""
        now = timezone.now()
        claimed = []
        for one in due:
            held: Held | None = self._jobs.get(one.pk)
            if held is None:
                batch = self._ahead.take(one.pk, self._after(), write=lambda: self._write(together))
                held = settle.claim(batch, self._lease, now, self._way.journal, together=together)
            if held is None:
                self._lease.lose()
            out, journal = held.journal.call, held.journal
            is_new = out is not None and out.state is None
            if out is not None and is_new and out.lost and not (out.find or journal.converges):
                journal.failed("its answer was lost.", may_be_applied=True, counts=False)
            if journal.call is None:
                self._settle([held], [], together)
            elif is_new and held.batch.object_key in self._refuses_many and self._way.smaller(held):
                self._large.append(held)
                break  # one a turn: the others may go meanwhile
            else:
                claimed.append(held)
        return claimed

    def _go_on(self, onward: Sequence[Held], allowed: int, together: bulk.Together) -> list[Held]:
        """Batches whose next call goes at once; those for which there is no room wait for their turn."""
        now = timezone.now()
        for held in onward[:allowed]:
            settle.go_on(held, self._lease, now, together)
        for held in onward[allowed:]:
            settle.keep(held, self._lease, due_at=now, error="", together=together)
            self._put_back(held, now)
        return list(onward[:allowed])

    # What came back

    def _drain(self) -> None:
        """Wait for calls in flight: what they bring is settled, whatever made us stop."""
        self._flights.recall()
        while self._flights and self._lease.is_held:
            self._flights.wait(LOOK_EVERY)
            self._turn(send=False)

    def _land(self, together: bulk.Together, *, send: bool) -> list[Held]:
        """Settle, or keep, the batches whose calls are done. If one fails, the others are left for later.

        Returns those whose next call may go at once.
        """
        settled: list[Held] = []
        onward: list[Held] = []
        exchanges: list[Sent] = []
        while (landed := self._flights.take()) is not None:
            flight, answer = landed
            exchanges += flight.exchanges
            held = flight.held
            if answer is None:
                self._go_on([held], 0, together)
                continue
            if isinstance(answer, TooMany) and self._way.smaller(held):
                self._refuses_many.add(held.batch.object_key)
                self._large.append(held)
                continue
            if isinstance(answer, AuthExpired) and self._flights.may_renew(flight):
                pause, error = 0.0, str(answer)
            else:
                pause, error = self._reading.enter(held, answer)
            out = held.journal.call
            if out is None:
                (self._long if telling.is_long(held.journal) else settled).append(held)
            elif send and not (pause or error) and out.state is None and self._cancelled_at is None:
                onward.append(held)
            else:
                due_at = timezone.now() + timedelta(seconds=pause)
                settle.keep(held, self._lease, due_at=due_at, error=error, together=together)
                self._put_back(held, due_at)
        self._allowance.sent(exchanges)
        self._settle(settled, exchanges, together)
        return onward

    def _scatter(self, held: Held) -> None:
        """The account takes no such call: what is unproved goes as smaller batches."""
        packings = self._way.smaller(held)
        made = scatter(self.run, held, self._lease, packings, due_at=timezone.now(), begin=self._way.journal)
        self._open.pop(held.batch.pk, None)
        self._jobs.pop(held.batch.pk, None)
        self._open = open_batches.with_more(self._open, made)
        self._long += [held] if held.journal.proved else []

    def _put_back(self, held: Held, due_at: datetime) -> None:
        batch = held.batch
        self._ahead.forget(batch.pk)
        self._open[batch.pk] = self._open[batch.pk]._replace(due_at=due_at)
        if batch.status == Batch.Status.SENDING:
            self._jobs[batch.pk] = held
        else:
            self._jobs.pop(batch.pk, None)

    def _settle_long(self, held: Held) -> None:
        batch, together = held.batch, bulk.Together()
        telling.ahead(batch, held.payload, held.journal, self._lease, **self._words)
        with transaction.atomic():
            self._settle([held], [], together, is_told=True)
            self._write(together)

    def _settle(
        self, settled: list[Held], exchanges: list[Sent], together: bulk.Together, *, is_told: bool = False
    ) -> None:
        if not settled and not exchanges:
            return
        settle.settle(
            self.run,
            settled,
            exchanges,
            self._lease,
            failed_owners=self._owners.of(settled),
            **self._words,
            together=together,
            is_told=is_told,
        )
        for held in settled:
            self._open.pop(held.batch.pk, None)
            self._jobs.pop(held.batch.pk, None)
            self._reading.watch(held)

    def _tell(self, waits_for: str) -> None:
        if waits_for != self.run.waits_for:
            self.run.waits_for = waits_for
            Run.objects.filter(pk=self.run.pk, lease_token=self._lease.token).update(waits_for=waits_for)
