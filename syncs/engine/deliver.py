"""Sends a run's batches, and settles what comes back.

One thread conducts: it claims batches, keeps within the account's budget, writes what is proved. A pool of
threads only talks to the destination. Nothing is decided twice: what an answer means for a batch is
`journal.py`, how it is written `settle.py`.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from queue import Empty, SimpleQueue
from typing import NamedTuple

import requests
from django.db import transaction
from django.utils import timezone

from destinations import budget, connect
from destinations.contract import (
    Adapter,
    Call,
    Limits,
    Mode,
    Outcome,
    Pending,
    Target,
    Verdict,
)
from destinations.errors import (
    AuthExpired,
    ContractBroken,
    DestinationError,
    Misconfigured,
    RateLimited,
    Rejected,
    Temporary,
)
from destinations.models import Connection, Exchange
from syncs.engine import faults, settle
from syncs.engine.journal import Journal, Out
from syncs.engine.lease import Lease
from syncs.engine.settle import Held
from syncs.models import Batch, Run

LONGEST_BACKOFF = 60.0
OUTAGE_STOPS_AFTER = timedelta(hours=1)
CANCEL_WAITS = timedelta(seconds=60)  # for jobs that the destination is working on
OPEN_JOBS_PER_SLOT = 4
GRANT = 10  # requests asked of the budget at once; more where so many leave in a moment
MOST_GRANTED = 80
GRANT_LASTS = 0.5  # seconds that a grant should last
SLOTS_LAST = 1.0  # seconds after which slots are asked for again: other workers may want some
ALIKE_STOPS = 3
GIVES_WAY_AFTER = 0.3  # seconds to sleep from which on another run is served instead
BEAT_EVERY = 15.0  # seconds after which the budget hears that we still hold our slots
LOOK_EVERY = 1.0  # seconds between looks at whether somebody cancelled
READ_AHEAD = 8  # batches read at once: a query costs as much as a few batches
LANDING = 0.001  # seconds to wait after a call landed: those that land together are written together

_TILL_SETTLED = "Waiting until an unanswered request of an earlier run can no longer take effect."

Answer = Sequence[Outcome] | Pending | Exception


class Stop(Exception):
    """The run cannot go on: a person must act, as the message says. `reconnect`: on the connection."""

    def __init__(self, message: str, *, reconnect: bool = False) -> None:
        super().__init__(message)
        self.reconnect = reconnect


class Open(NamedTuple):
    """A batch that is not settled, as the conductor's list has it."""

    pk: int
    stage: int
    number: int
    due_at: datetime


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
        self._account = way.connection.account
        self._rules = budget.rules(self._account, way.limits)
        self._slots = self._rules.concurrency
        self._gate = budget.Gate()
        self._holder = str(lease.token)
        if lease.former is not None:
            budget.release(self._account.pk, self._rules, str(lease.former), self._gate)
        self._session: requests.Session = connect.session(self._slots)
        self._open_adapter = connect.opener(way.connection, gate=self._gate, session=self._session)
        self._pool = ThreadPoolExecutor(self._slots, thread_name_prefix="call")
        self._flights: dict[Future[Answer], Flight] = {}
        self._landed: SimpleQueue[Future[Answer]] = SimpleQueue()
        self._done: list[Future[Answer]] = []  # landed, and not yet read
        self._ahead: dict[int, Batch] = {}  # read, and not yet claimed
        self._jobs: dict[int, Held] = {}  # pending at the destination, held by us
        self._open = self._load()  # by pk, in the order of sending
        self._granted_slots = 0
        self._grant = GRANT
        self._granted_at = 0.0  # monotonic, as are those below
        self._slots_until = 0.0
        self._up_until = 0.0  # until when we need not ask whether the account is down
        self._calm_until = 0.0  # until when we need not say that it answers
        self._looked_at = 0.0
        self._beat_at = time.monotonic()
        self._cancelled_at: datetime | None = run.cancel_requested_at
        self._alike: tuple[str, int] = ("", 0)
        self._failed_owners: frozenset[str] | None = None
        self._rest = Rest(timezone.now())
        self._stop: Stop | None = None

    def __enter__(self) -> "Delivery":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._session.close()
        budget.release(self._account.pk, self._rules, self._holder, self._gate)

    def work(self, until: float) -> Rest | None:
        """Deliver until `until` (monotonic). None: everything is settled, or a cancel has been obeyed.

        Raises Stop where a person must act, LostLease where another worker has the run. Calls in flight
        are always waited for.
        """
        try:
            while True:
                self._lease.demand()
                late = time.monotonic() >= until
                self._turn(send=not late)
                if self._stop is not None:
                    raise self._stop
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
            self._land()
            claimed = self._claim(due) if due and self._stop is None else []
        for held in claimed:
            self._launch(held)

    def _is_over(self) -> bool:
        """Whether a cancel has been asked for and nothing is left to wait for."""
        if time.monotonic() - self._beat_at >= BEAT_EVERY:
            self._beat_at = time.monotonic()
            budget.renew(self._account.pk, self._rules, self._holder)
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
        if self._rest.due_at > due:
            return self._rest
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

    def _allowed(self, wanted: int, now: datetime) -> int:
        """How many of the wanted calls may leave now. Grants are asked for ahead, a few at a time."""
        in_flight = len(self._flights)
        free = self._gate.left - in_flight  # a call in flight may have to pay yet
        if free < wanted or time.monotonic() > self._slots_until:
            if free < wanted:
                self._resize_grant()
            grant = budget.take(
                self._account.pk,
                self._rules,
                self._holder,
                self._gate,
                requests=max(0, max(wanted, self._grant) - free),
                slots=self._slots,
                in_flight=in_flight,
            )
            self._granted_slots = grant.slots
            self._slots_until = time.monotonic() + SLOTS_LAST
            if grant.wait is not None:
                self._rest = Rest(
                    datetime.fromtimestamp(grant.wait.until, tz=now.tzinfo),
                    budget.wait_text(grant.wait, self._way.adapter.label),
                )
        return max(0, min(wanted, self._gate.left - in_flight, self._granted_slots - in_flight))

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
        self._up_until = time.monotonic() + LOOK_EVERY if outage is None else 0.0
        if outage is None or outage.until <= now:
            return False
        why = f"{self._way.adapter.label} is not answering since {outage.since:%H:%M} UTC: {outage.reason}"
        self._rest = Rest(outage.until, why)
        return True

    def _launch(self, held: Held) -> None:
        out = held.journal.call
        assert out is not None  # noqa: S101 - what was claimed has a call to make
        batch = held.batch
        adapter = self._open_adapter(held.call_id)
        target = self._way.target(batch.object_key)
        future = self._pool.submit(_make, adapter, target, held, self._way.mode, out)
        self._flights[future] = Flight(held, adapter)
        future.add_done_callback(self._landed.put)

    def _claim(self, due: Sequence[Open]) -> list[Held]:
        """Batches that may go now, marked as being sent; those whose job we look at are ours already."""
        now = timezone.now()
        if self._is_down(now):
            return []
        due = due[: self._allowed(len(due), now)]
        claimed = []
        for one in due:
            held: Held | None = self._jobs.get(one.pk)
            if held is None:
                held = settle.claim(self._batch(one.pk), self._lease, now)
            if held is None:
                self._lease.lose()
            out = held.journal.call
            if out is not None and out.state is None and held.journal.lost and not held.converges:
                held.journal.failed(
                    "its answer was lost.", may_be_applied=True, counts=False, converges=False
                )
            if held.journal.call is None:
                self._settle([held], [])
            else:
                claimed.append(held)
        return claimed

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

    def _land(self) -> None:
        """Settle, or keep, the batches whose calls are done. If one fails, the others are left for later."""
        settled: list[Held] = []
        exchanges: list[Exchange] = []
        while self._done:
            future = self._done.pop()
            flight = self._flights.pop(future)
            exchanges += connect.exchange_rows(
                flight.adapter, self._way.connection, team_id=self.run.team_id, subject=self.run.public_id
            )
            self._read(flight, future.result())
            if flight.held.journal.call is None:
                settled.append(flight.held)
        self._settle(settled, exchanges)

    def _read(self, flight: Flight, answer: Answer) -> None:
        """Enter an answer into its batch's journal; keep the batch unless it is done."""
        held, journal = flight.held, flight.held.journal
        now = timezone.now()
        out = journal.call
        assert out is not None  # noqa: S101 - a call that flies stands in its journal
        pause, error = 0.0, ""
        looking = out.state is not None
        match answer:
            case Pending(state=state):
                self._answered()
                journal.pending(state, now)
                pause = self._look_again(out.looks)
                self._give_up_overdue(journal, now)
            case RateLimited():
                error = str(answer)
                pause = self._after_refusal(answer, out.failures)
            case Temporary():
                error = str(answer)
                opened = budget.failed(self._account.pk, error)
                self._up_until = self._calm_until = 0.0
                if opened:
                    self._stop_after_long_outage(now)
                journal.failed(
                    error, may_be_applied=answer.may_be_applied, counts=not opened, converges=held.converges
                )
                pause = _backoff(max(out.failures, out.missed))
                self._give_up_overdue(journal, now)
            case Rejected() if not looking:
                self._answered()
                error = str(answer)
                journal.refused(error, answer.field)
            case AuthExpired() | Misconfigured():
                error = str(answer)
                self._stop = Stop(error, reconnect=isinstance(answer, AuthExpired))
            case DestinationError():
                error = str(answer)
                journal.answered(
                    [Outcome(Verdict.UNPROVED, error)] * len(journal.positions(out)),
                    converges=held.converges,
                )
            case Exception():
                if not looking:
                    journal.lost_answer()
                error = faults.tell(self.run, answer)
                self._stop = Stop(error)
            case _:
                self._answered()
                journal.answered(answer, converges=held.converges)
                pause = _backoff(1)
        if journal.call is not None:
            due_at = now + timedelta(seconds=pause)
            settle.keep(held, self._lease, due_at=due_at, error=error)
            self._put_back(held, due_at)

    def _stop_after_long_outage(self, now: datetime) -> None:
        outage = budget.outage(self._account.pk)
        if outage is not None and now - outage.since > OUTAGE_STOPS_AFTER:
            self._stop = Stop(
                f"{self._way.adapter.label} has not been answering since {outage.since:%d %B %H:%M} UTC: "
                f"{outage.reason} The rows that were not sent wait for the next run."
            )

    def _answered(self) -> None:
        """The account answers. Written at once after a failure of ours, else now and then."""
        if time.monotonic() >= self._calm_until:
            budget.answered(self._account.pk)
            self._calm_until = time.monotonic() + LOOK_EVERY

    def _put_back(self, held: Held, due_at: datetime) -> None:
        batch = held.batch
        self._open[batch.pk] = self._open[batch.pk]._replace(due_at=due_at)
        if batch.status == Batch.Status.SENDING:
            self._jobs[batch.pk] = held
        else:
            self._jobs.pop(batch.pk, None)

    def _look_again(self, looks: int) -> float:
        """Seconds until the next look at a pending job: growing, and not in step with others."""
        first, longest = self._way.limits.poll_seconds
        return min(longest, first * 1.5**looks) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret

    def _give_up_overdue(self, journal: Journal, now: datetime) -> None:
        out = journal.call
        if out is None or out.state is None or not out.since:
            return
        deadline = self._way.limits.poll_deadline_seconds
        if (now - datetime.fromisoformat(out.since)).total_seconds() > deadline:
            label = self._way.adapter.label
            reason = f"{label} has not finished the job within {deadline / 60:.0f} minutes."
            journal.overdue(reason, converges=True)

    def _after_refusal(self, error: RateLimited, failures: int) -> float:
        """Seconds to wait after "too many requests"; the account waits as a whole where a time was named."""
        if error.retry_after is not None:
            return error.retry_after + random.uniform(0, 0.5)  # noqa: S311 - no secret
        return random.uniform(0.2, 2.0)  # noqa: S311 - no secret

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
            self._watch_for_alike(held)

    def _owners(self, settled: list[Held]) -> frozenset[str]:
        """Rows whose companion failed. All companions are settled before the first row is sent."""
        if not any(held.batch.stage != Batch.Stage.COMPANIONS for held in settled):
            return frozenset()
        if self._failed_owners is None:
            self._failed_owners = settle.failed_owners(self.run)
        return self._failed_owners

    def _watch_for_alike(self, held: Held) -> None:
        """Three batches refused whole in the same words are not about their rows."""
        if held.journal.is_all_accepted:
            self._alike = ("", 0)
            return
        outcomes = held.journal.proved.values()
        words = {o.reason for o in outcomes if o.verdict is Verdict.REJECTED}
        if len(outcomes) < 2 or len(words) != 1 or any(o.verdict is not Verdict.REJECTED for o in outcomes):
            self._alike = ("", 0)
            return
        reason = words.pop()
        self._alike = (reason, self._alike[1] + 1 if self._alike[0] == reason else 1)
        if self._alike[1] >= ALIKE_STOPS:
            self._stop = Stop(
                f"{ALIKE_STOPS} batches in a row were refused in the same words: “{reason}” Whoever edits "
                "the sync must look at its mapping; the rows that were not sent wait for the next run."
            )

    def _tell(self, waits_for: str) -> None:
        if waits_for != self.run.waits_for:
            self.run.waits_for = waits_for
            Run.objects.filter(pk=self.run.pk, lease_token=self._lease.token).update(waits_for=waits_for)


def _make(adapter: Adapter, target: Target, held: Held, mode: Mode, out: Out) -> Answer:
    """One call, in a thread of its own: an answer, or the error that came instead."""
    try:
        call = held.call
        if call is None:
            operations = held.payload.operations(held.batch.pk, mode, held.journal.positions(out))
            call = held.call = Call(held.call_id, operations)
        answer = adapter.send(target, call) if out.state is None else adapter.advance(target, call, out.state)
    except Exception as error:  # every error is an answer; the conductor decides
        return error
    if not isinstance(answer, Pending) and (
        not isinstance(answer, Sequence) or len(answer) != len(call.operations)
    ):
        return ContractBroken(f"{adapter.label} must answer once for each operation, in order.")
    return answer


def _backoff(failures: int) -> float:
    """Exponential with full jitter."""
    return random.uniform(0, min(LONGEST_BACKOFF, 2.0**failures))  # noqa: S311 - no secret
