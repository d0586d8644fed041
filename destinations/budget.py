"""The database edge of a remote account's budget and breaker. What is decided here is decided by `pacing.py`.

The budget moves by compare-and-swap on `budget_version`: one short read and one short write, nothing held
over HTTP. The breaker moves by conditional updates:

```
closed ──5 temporary failures in a row──▶ paused until down_until ──▶ one holder tries ──answer──▶ closed
                                              ▲                            │
                                              └── failure: a longer pause ─┘
```

All of it belongs to the coordinator's thread; threads that send see only the `Gate`.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from destinations import pacing
from destinations.contract import Limits, Window
from destinations.errors import Misconfigured
from destinations.gate import Gate, learnt
from destinations.models import RemoteAccount
from destinations.pacing import Grant, Rules, State
from destinations.waits import Wait, Why, wait_text

__all__ = [
    "Gate",
    "Grant",
    "Outage",
    "answered",
    "failed",
    "outage",
    "own_windows",
    "release",
    "renew",
    "rules",
    "settle_observations",
    "spend",
    "take",
    "used",
    "wait_text",
]

T = TypeVar("T")

FAILURES_OPEN = 5  # temporary failures in a row
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
LONGEST_WINDOW = 31 * 86_400
CALM_CONFLICTS = 3  # swaps that may fail before we step aside for a moment


@dataclass(frozen=True, slots=True)
class Outage:
    """The account has not answered since `since`; nobody calls before `until`."""

    since: datetime
    until: datetime
    reason: str


def own_windows(written: Any) -> tuple[Window, ...]:
    """The windows that are set on an account, shortest first; ValueError with a sentence for people."""
    if not isinstance(written, list):
        raise ValueError("The limits must be a list of [requests, seconds].")
    lowest: dict[float, int] = {}
    for pair in written:
        match pair:
            case [int() as requests, int() | float() as seconds] if not isinstance(requests, bool):
                if requests < 1 or not 0 < seconds <= LONGEST_WINDOW:
                    raise ValueError("Each limit must allow at least one request, in at most 31 days.")
                lowest[float(seconds)] = min(requests, lowest.get(float(seconds), requests))
            case _:
                raise ValueError("Each limit must be [requests, seconds], as in [2000, 900].")
    return tuple(Window(requests, seconds) for seconds, requests in sorted(lowest.items()))


def rules(account: RemoteAccount, limits: Limits, *, part_percent: int = 100) -> Rules:
    """The adapter's limits, with what is set on the account laid over them.

    `part_percent` is the part of what is not kept in reserve beyond which the holder waits: for a team that
    uses another's connection.

    Where the account has as many windows as the service publishes, they stand for each other, shortest
    for shortest: so the service's headers are understood.
    """
    try:
        windows = own_windows(account.windows or [])
    except ValueError as error:
        raise Misconfigured(f"{error} An admin must correct them on the account {account}.") from None
    published = tuple(sorted(limits.windows, key=lambda window: window.seconds))
    if not windows:
        windows = published
    stands_for: Mapping[float, float] = {}
    if len(windows) == len(published):
        pairs = zip(published, windows, strict=True)
        stands_for = {theirs.seconds: ours.seconds for theirs, ours in pairs}
    wanted = account.concurrency or limits.default_concurrency
    watched = frozenset(stands_for.get(seconds, seconds) for seconds in limits.watched_seconds)
    slots = max(1, min(wanted, limits.concurrency) * part_percent // 100)
    reserve = min(99, 100 - (100 - account.reserve_percent) * part_percent // 100)
    return Rules(windows, slots, reserve, stands_for, watched)


def take(
    account_id: int,
    rules: Rules,
    holder: str,
    gate: Gate,
    *,
    requests: int,
    slots: int,
    in_flight: int = 0,
    is_few: bool = False,
    now: float | None = None,
) -> Grant:
    """Write what the gate learnt, then fill it with up to `requests` more. Counts as a heartbeat.

    `slots` is how many requests the holder wants in flight altogether, `in_flight` how many are. While
    the account's breaker is open nothing is granted; when its pause is over, one call of one holder.
    `is_few`: as `pacing.take` says.
    """
    report = gate.report()

    def change(known: _Known) -> tuple[State, Grant]:
        at = _now(now)
        state = learnt(known.budget, rules, report, holder)
        down = _down(known, state, rules, holder, at)
        if isinstance(down, Wait):
            held = pacing.take(
                state,
                rules,
                holder,
                at,
                requests=0,
                slots=in_flight,
                in_flight=in_flight,
                still_open=report.still_open,
            )
            return held.state, replace(held, wait=down)
        most = slots if down is None else min(slots, in_flight + 1)
        grant = pacing.take(
            state if down is None else down,
            rules,
            holder,
            at,
            requests=requests,
            slots=most,
            in_flight=in_flight,
            still_open=report.still_open,
            is_few=is_few,
        )
        return grant.state, grant

    grant = _swap(account_id, change)
    gate.fill(grant)
    return grant


def renew(account_id: int, rules: Rules, holder: str, *, now: float | None = None) -> None:
    """A heartbeat, for a holder that takes nothing for a while: at least every 20 seconds."""
    _move(account_id, lambda state: pacing.renew(state, rules, holder, _now(now)))


def settle_observations(account_id: int, rules: Rules, gate: Gate) -> None:
    """Write what the gate learnt: refusals, what the service's headers say, requests not used."""
    report = gate.report()
    if report:
        _move(account_id, lambda state: learnt(state, rules, report, ""))


def release(account_id: int, rules: Rules, holder: str, gate: Gate, *, now: float | None = None) -> None:
    """The holder is done: give back what is left in the gate, and its slots."""
    report = gate.report(everything=True)
    _move(
        account_id,
        lambda state: pacing.release(learnt(state, rules, report, holder), rules, holder, _now(now)),
    )


def spend(account_id: int, rules: Rules, requests: int, *, now: float | None = None) -> None:
    """Count requests that a person's test sent without asking."""
    _move(account_id, lambda state: pacing.spend(state, rules, _now(now), requests=requests))


def outage(account_id: int) -> Outage | None:
    """The account's outage; None where it answers, as far as we know."""
    found = RemoteAccount.objects.values_list("down_since", "down_until", "down_reason").get(pk=account_id)
    since, until, reason = found
    return Outage(since, until or since, reason) if since else None


def failed(account_id: int, reason: str, *, now: datetime | None = None) -> bool:
    """Count a temporary failure; True where the account is, or was just now, taken for down.

    A failure that comes in during a pause belongs to a call from before, and lengthens nothing. The
    pauses grow from 1 to 60 seconds, with full jitter.
    """
    at = now or timezone.now()
    account = RemoteAccount.objects.filter(pk=account_id)
    counted = account.filter(Q(down_until__isnull=True) | Q(down_until__lte=at)).update(
        failure_count=F("failure_count") + 1
    )
    count, since = account.values_list("failure_count", "down_since").get()
    if counted and count >= FAILURES_OPEN:
        ceiling = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(count - FAILURES_OPEN, 16))
        pause = random.uniform(0, ceiling)  # noqa: S311 - no secret
        # Only by the last of several failures that came in together.
        account.filter(failure_count=count).update(
            down_since=Coalesce("down_since", at),
            down_until=at + timedelta(seconds=pause),
            down_reason=reason,
        )
        return True
    return since is not None


def answered(account_id: int) -> None:
    """The account answers: close the breaker. Writes nothing where nothing was wrong."""
    troubled = RemoteAccount.objects.filter(
        Q(failure_count__gt=0) | Q(down_since__isnull=False), pk=account_id
    )
    if troubled.exists():
        troubled.update(failure_count=0, down_since=None, down_until=None, down_reason="")


class _Known(NamedTuple):
    """An account's row, as far as a swap reads it."""

    budget: State
    budget_version: int
    down_since: datetime | None
    down_until: datetime | None


def _swap(account_id: int, change: Callable[[_Known], tuple[State, T]]) -> T:
    """Change the budget as if alone: read, decide, write if nobody wrote since, else again.

    Each failed swap means that another one succeeded, so this ends.
    """
    account = RemoteAccount.objects.filter(pk=account_id)
    conflicts = 0
    while True:
        known = _Known(*account.values_list(*_Known._fields).get())
        state, answer = change(known)
        if state == known.budget:
            return answer
        version = known.budget_version
        if account.filter(budget_version=version).update(budget=state, budget_version=version + 1) == 1:
            return answer
        conflicts += 1
        if conflicts > CALM_CONFLICTS:
            time.sleep(random.uniform(0, 0.005))  # noqa: S311 - no secret


def _move(account_id: int, change: Callable[[State], State]) -> None:
    _swap(account_id, lambda known: (change(known.budget), None))


def _down(known: _Known, state: State, rules: Rules, holder: str, now: float) -> State | Wait | None:
    """None: the account is up. A Wait: it is down. A state: the holder may try whether it is back."""
    if known.down_since is None:
        return None
    until = (known.down_until or known.down_since).timestamp()
    if until > now:
        return Wait(Why.DOWN, until)
    trying = pacing.trial(state, rules, holder, now, down_until=until)
    return Wait(Why.DOWN, now + pacing.SLOT_PAUSE_SECONDS) if trying is None else trying


def _now(given: float | None) -> float:
    return time.time() if given is None else given


def used(account: RemoteAccount, rules: Rules) -> dict[float, int]:
    """Requests used of each window as far as we know, by us and by others, by the window's seconds."""
    known = pacing.renew(account.budget, rules, "", time.time())  # without what is past
    found = {}
    for window in rules.windows:
        state = known["windows"][f"{window.seconds:g}"]
        found[window.seconds] = sum(used for _, used in state["used"]) + (state["foreign"] or [0])[0]
    return found
