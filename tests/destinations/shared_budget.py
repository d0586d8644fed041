"""A simulation of one account's budget: workers of ours and a second client, on a clock of its own.

Nothing is stubbed but time and the wire: budget and gate are the real ones, asked as the engine asks.
"""

import heapq
import itertools
import json
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from destinations import gate as gates
from destinations import pacing
from destinations.contract import Meter
from destinations.errors import RateLimited
from destinations.gate import Gate
from destinations.pacing import Rules, State

NOON = 1_790_000_000.0  # a Unix time; nothing depends on which
LEAST_PAUSE = 0.005  # the engine waits at least so long for a slot
GRANT, MOST_GRANTED, GRANT_LASTS, SLOTS_LAST = 10, 80, 0.5, 1.0  # as in the engine's allowance


@dataclass(slots=True)
class Other:
    """A second client: the times of its requests. It comes a window before us, or at `begins_at`."""

    share: float
    kind: str = "even"  # even, random, bursts
    begins_at: float | None = None

    def times(self, limit: int, seconds: float, begin: float, dice: random.Random) -> Iterator[float]:
        if not self.share:
            return
        gap = seconds / (limit * self.share)
        at = begin - seconds * dice.uniform(1, 2) if self.begins_at is None else begin + self.begins_at
        while True:
            if self.kind == "bursts":
                at += seconds * dice.uniform(0.2, 0.4)
                for number in range(max(1, round(0.3 * limit * self.share))):
                    yield at + number * 0.001
            else:
                at += gap if self.kind == "even" else dice.expovariate(1 / gap)
                yield at


@dataclass(slots=True)
class Seen:
    """One of the service's windows."""

    ours: int = 0
    others: int = 0
    lowest: int = 0
    refused: int = 0


class Service:
    """Counts in windows that begin at multiples of their length. `early`: its headers are made on arrival."""

    def __init__(self, limit: int, seconds: float, *, early: bool, tells_limit: bool) -> None:
        self.limit, self.seconds, self.early, self.tells_limit = limit, seconds, early, tells_limit
        self.windows: dict[int, Seen] = {}

    def window(self, now: float) -> Seen:
        return self.windows.setdefault(math.floor(now / self.seconds), Seen(lowest=self.limit))

    def left(self, now: float) -> int:
        seen = self.window(now)
        return self.limit - seen.ours - seen.others

    def count(self, now: float, *, ours: bool) -> bool:
        seen, fits = self.window(now), self.left(now) > 0
        if ours:
            seen.ours += fits
            seen.refused += not fits
        else:
            seen.others += fits
        seen.lowest = min(seen.lowest, self.left(now))
        return fits

    def meter(self, now: float) -> Meter | None:
        return Meter(self.seconds, self.left(now), limit=self.limit if self.tells_limit else None)


class SlidingService(Service):
    """One that counts the last so many seconds."""

    def __init__(self, limit: int, seconds: float, *, early: bool, tells_limit: bool) -> None:
        super().__init__(limit, seconds, early=early, tells_limit=tells_limit)
        self.counted: deque[float] = deque()

    def left(self, now: float) -> int:
        while self.counted and self.counted[0] <= now - self.seconds:
            self.counted.popleft()
        return self.limit - len(self.counted)

    def count(self, now: float, *, ours: bool) -> bool:
        if self.left(now) > 0:
            self.counted.append(now)
        return super().count(now, ours=ours)


@dataclass(slots=True)
class Worker:
    """One of ours: so many slots, as many calls as are left."""

    name: str
    slots: int
    gate: Gate
    calls: int = 1_000_000
    in_flight: int = 0
    granted_slots: int = 0
    grant: int = GRANT
    granted_at: float = -9.0
    slots_until: float = -9.0
    wakes_at: float | None = None


@dataclass
class World:
    """What happens is a heap of (time, number, what); `latency` draws the seconds that a request takes."""

    rules: Rules
    service: Service
    workers: int
    slots: int
    latency: Callable[[], float]
    state: State = field(default_factory=dict)
    now: float = NOON
    began: float = NOON
    sent: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.team = [
            Worker(f"w{number}", self.slots, Gate(clock=lambda: self.now)) for number in range(self.workers)
        ]

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (when, next(self._numbers), what))

    def run(self, seconds: float, other: Other, dice: random.Random, begin: float = NOON) -> None:
        self.now = self.began = begin
        for worker in self.team:
            self.at(begin + dice.uniform(0, 0.3), lambda worker=worker: self.turn(worker))  # type: ignore[misc]
        times = (
            other.times(self.service.limit, self.service.seconds, begin, dice) if other.share else iter(())
        )

        def eat() -> None:
            self.service.count(self.now, ours=False)
            self.at(next(times), eat)

        for at in times:
            if at >= begin:
                self.at(at, eat)
                break
            self.service.count(at, ours=False)
        while self._heap and self._heap[0][0] < begin + seconds:
            self.now, _, what = heapq.heappop(self._heap)
            what()

    def turn(self, worker: Worker) -> None:
        """As `Allowance.calls`: ask where too little is left, and send what may go."""
        worker.wakes_at = None
        wanted = min(worker.slots - worker.in_flight, worker.calls)
        free = worker.gate.left
        pause = 1.0
        if free < wanted or self.now > worker.slots_until:
            if free < wanted:
                is_quick = self.now - worker.granted_at < GRANT_LASTS
                worker.grant = min(MOST_GRANTED, worker.grant * 2) if is_quick else GRANT
                worker.granted_at = self.now
            until = self.ask(worker, max(0, max(wanted, worker.grant) - free))
            pause = max(LEAST_PAUSE, (until or self.now) - self.now)
        going = min(wanted, worker.gate.left, worker.granted_slots - worker.in_flight)
        for _ in range(max(0, going)):
            self.send(worker)
        if worker.calls and worker.in_flight < worker.slots:
            self.wake(worker, self.now + pause)

    def wake(self, worker: Worker, when: float) -> None:
        if worker.wakes_at is None or when < worker.wakes_at:
            worker.wakes_at = when
            self.at(when, lambda: self.turn(worker) if worker.wakes_at == when else None)

    def ask(self, worker: Worker, requests: int) -> float | None:
        report = worker.gate.report()
        state = gates.learnt(self.state, self.rules, report, worker.name)
        grant = pacing.take(
            state,
            self.rules,
            worker.name,
            self.now,
            requests=requests,
            slots=worker.slots,
            in_flight=worker.in_flight,
            still_open=report.still_open,
        )
        self.state = json.loads(json.dumps(grant.state))
        worker.gate.fill(grant)
        worker.granted_slots, worker.slots_until = grant.slots, self.now + SLOTS_LAST
        return grant.retry_at

    def send(self, worker: Worker) -> None:
        try:
            ticket = worker.gate.take()
        except RateLimited:
            return
        worker.in_flight, worker.calls = worker.in_flight + 1, worker.calls - 1
        there, back = self.latency() / 2, self.latency() / 2
        self.sent.append(self.now)

        def arrive() -> None:
            fits = self.service.count(self.now, ours=True)
            early = self.service.meter(self.now)
            self.at(self.now + back, lambda: answer(early if self.service.early else None, fits))

        def answer(early: Meter | None, fits: bool) -> None:
            if (meter := early or self.service.meter(self.now)) is not None:
                worker.gate.observe(meter, ticket)
            worker.gate.landed()
            if not fits:
                pause = self.service.seconds - self.now % self.service.seconds
                worker.gate.refused(pause, sent_at=self.now)
            worker.in_flight -= 1
            self.wake(worker, self.now)

        self.at(self.now + there, arrive)

    # What came of it

    def whole_windows(self) -> list[Seen]:
        """Those of the service's windows in which we sent, but the last."""
        first = math.floor(self.began / self.service.seconds)
        return [seen for at, seen in sorted(self.service.windows.items()) if at >= first][:-1]

    def most_within(self, seconds: float) -> int:
        """The most of our requests in any interval of that length."""
        most = first = 0
        for last, at in enumerate(self.sent):
            while at - self.sent[first] > seconds:
                first += 1
            most = max(most, last - first + 1)
        return most
