"""The budget of a remote account: how many requests may go now, over all workers.

Pure: state in, state out; the caller brings the time (Unix seconds) and keeps the state, which is JSON:

```
{"windows": {"900": {"used": [[bucket, requests], …], "foreign": [requests, until], "told": [limit, until],
                    "foreign_then": [[requests, until], …], "spread": true}},
 "holders": {holder: [slots, wanted, until]},
 "blocked_until": at, "throttle": [slots, since], "trial": [down_until, holder, until]}
```

**Windows.** Requests are granted, then sent until `Grant.use_by`. Use is kept in buckets of a 120th
of the window, and a bucket counts until nothing that was granted in it can lie in the same window as a
request sent now. So in any interval of a window's length at most `Rules.allowed` requests leave, in
whatever order the holders come.

**Foreign use.** Where the service says that fewer requests remain than we think, the difference was used
by others. It counts like our own until the service's window is over; where it does not say when that is,
the most that was seen in a window's length counts. There our requests are spread evenly over the window
while others use it.

**Told limits.** A limit that the service's headers tell counts instead of the one we were given.

**Slots** are requests in flight. A holder has them until it lets go or its heartbeat stops. While
another holder has less than its even share, nobody is given more than that.

**Refusals.** With a time, the whole account waits for it. Without one, too many requests were in
flight: the usable slots are halved and grow back one by one. After an outage's pause one holder tries
whether the account is back, and the others wait for what it finds.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any, TypeAlias

from destinations.contract import Meter, Window

State: TypeAlias = Mapping[str, Any]  # JSON, as drawn above; {} is an account that was never used

BUCKETS = 120
SPREAD = 10  # parts of a window over which we spread our requests where others use it, too
TOLD_SECONDS = 3_600.0  # for so long a limit is believed that the service told
FLIGHT_SECONDS = 0.25  # from leaving us to being counted by the service
HOLDER_SECONDS = 45.0  # a holder that was not heard of for this long has lost its slots
SLOT_PAUSE_SECONDS = 1.0  # when to look again for a free slot; nothing tells when one is let go
RECOVERY_SECONDS = 10.0  # a throttled account gets one slot back after each of these
LEAST_BLOCK_SECONDS = 0.5  # "Retry-After: 0" is a rounded-down part of a second
MOST_BLOCK_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What an account allows us.

    `reserve_percent` of each window is left to the team's other tools. `published` maps the length of
    a window as the service publishes it to the length it has on this account, for reading its headers.
    """

    windows: tuple[Window, ...]
    concurrency: int
    reserve_percent: int = 0
    published: Mapping[float, float] = field(default_factory=dict)

    def allowed(self, window: Window, told: int | None = None) -> int:
        """Requests that may leave in any interval of the window's length; at least one.

        `told` is the limit that the service says, where it does.
        """
        return max(1, (told or window.requests) * (100 - self.reserve_percent) // 100)

    @property
    def use_seconds(self) -> float:
        """How long a grant may be used: short beside the shortest window, as it lengthens each."""
        shortest = min((window.seconds for window in self.windows), default=900.0)
        return min(15.0, max(0.5, shortest / BUCKETS))

    def counted_seconds(self, window: Window) -> float:
        """How long a grant counts in the window after its bucket's end."""
        return window.seconds + self.use_seconds + FLIGHT_SECONDS


class Why(StrEnum):
    WINDOW = "window"
    ASKED = "asked"
    SLOTS = "slots"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Wait:
    """Why less was granted than asked for, and until when. `wait_text` says it to people."""

    why: Why
    until: float
    window: Window | None = None
    slots: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """What a holder may do now.

    `requests` may be sent until `use_by`; what is left then is given back with `at`. `slots` is how
    many requests the holder may have in flight altogether. `wait` is None where all was granted.
    """

    state: State
    requests: int
    slots: int
    at: float
    use_by: float
    wait: Wait | None = None

    @property
    def retry_at(self) -> float | None:
        return self.wait.until if self.wait else None


def take(
    state: State, rules: Rules, holder: str, now: float, *, requests: int, slots: int, in_flight: int = 0
) -> Grant:
    """Grant up to `requests` more requests, and slots up to `slots` in all. Counts as a heartbeat.

    `in_flight` is what the holder has out now: slots beyond it that are no longer granted are let go.
    A holder that is granted no slot is granted no request.
    """
    draft = _copy(state, rules, now)
    usable = _usable(draft, rules, now)
    granted_slots = _take_slots(draft, usable, holder, now, wanted=slots, in_flight=in_flight)
    wait: Wait | None = None
    granted = 0
    if granted_slots <= in_flight and slots > in_flight:
        wait = Wait(Why.SLOTS, now + SLOT_PAUSE_SECONDS, slots=usable)
    if requests > 0 and granted_slots > 0:
        granted, short = _room(draft, rules, now, requests)
        wait = short or wait
        for window in rules.windows:
            _book(draft, window, now, granted)
    return Grant(draft, granted, granted_slots, now, now + rules.use_seconds, wait)


def give_back(state: State, rules: Rules, now: float, *, granted_at: float, requests: int) -> State:
    """Return granted requests that were never sent."""
    draft = _copy(state, rules, now)
    for window in rules.windows:
        _book(draft, window, granted_at, -requests)
    return draft


def spend(state: State, rules: Rules, now: float, *, requests: int) -> State:
    """Count requests that were sent without asking (a person's connection test)."""
    draft = _copy(state, rules, now)
    for window in rules.windows:
        _book(draft, window, now, requests)
    return draft


def renew(state: State, rules: Rules, holder: str, now: float) -> State:
    """A heartbeat: the holder keeps its slots for another while."""
    draft = _copy(state, rules, now)
    if holder in draft["holders"]:
        held, wanted, _ = draft["holders"][holder]
        draft["holders"][holder] = [held, wanted, now + HOLDER_SECONDS]
    return draft


def release(state: State, rules: Rules, holder: str, now: float) -> State:
    """The holder has nothing in flight any more and wants nothing."""
    draft = _copy(state, rules, now)
    draft["holders"].pop(holder, None)
    return draft


def is_held(state: State, now: float) -> bool:
    """Whether a live holder has slots, or waits for some."""
    return any(held[2] > now for held in state.get("holders", {}).values())


def observed(state: State, rules: Rules, now: float, meter: Meter) -> State:
    """Believe the service where it says that fewer requests remain than we think."""
    draft = _copy(state, rules, now)
    seconds = rules.published.get(meter.window_seconds, meter.window_seconds)
    for window in rules.windows:
        if window.seconds == seconds:
            known = draft["windows"][_name(window)]
            # Beside others as exactly as we know; alone rather too many: nobody is seen who is not there.
            since = now - (window.seconds if known.get("spread") else rules.counted_seconds(window))
            width = window.seconds / BUCKETS
            own = sum(requests for at, requests in known["used"] if (at + 1) * width > since)
            if meter.limit:
                known["told"] = [meter.limit, now + TOLD_SECONDS]
            foreign = max(0, (_told(known) or window.requests) - max(0, meter.remaining) - own)
            resets = window.seconds if meter.resets_in_seconds is None else meter.resets_in_seconds
            until = now + min(max(resets, 0.0), window.seconds)
            # Without a word on when the window ends, others are taken to use as much as in the last one.
            higher = [one for one in _foreign(known) if one[0] > foreign]
            kept = higher if meter.resets_in_seconds is None else []
            known["spread"] = meter.resets_in_seconds is None
            _set_foreign(known, [*kept, [foreign, until]] if foreign else kept)
    return draft


def refused(state: State, rules: Rules, now: float, *, sent_at: float, retry_after: float | None) -> State:
    """Obey "too many requests". A refusal of what was sent before the last halving halves nothing."""
    draft = _copy(state, rules, now)
    if retry_after is not None:
        pause = min(max(retry_after, LEAST_BLOCK_SECONDS), MOST_BLOCK_SECONDS)
        draft["blocked_until"] = max(draft["blocked_until"] or 0.0, now + pause)
    elif draft["throttle"] is None or sent_at > draft["throttle"][1]:
        draft["throttle"] = [max(1, _usable(draft, rules, now) // 2), now]
    return draft


def trial(state: State, rules: Rules, holder: str, now: float, *, down_until: float) -> State | None:
    """Let one holder try whether an account is back whose pause ended at `down_until`.

    None where another holder's trial is out and not too old.
    """
    draft = _copy(state, rules, now)
    known = draft["trial"]
    if known and known[0] == down_until and known[1] != holder and known[2] > now:
        return None
    draft["trial"] = [down_until, holder, now + HOLDER_SECONDS]
    return draft


def wait_text(wait: Wait, service: str, zone: tzinfo = UTC) -> str:
    """Say to people what is waited for: "Waiting for Acme's limit of 100 requests in 10 seconds until …"."""
    if wait.why is Why.SLOTS:
        return f"Waiting for other requests to {service} to finish: at most {wait.slots} go at once."
    at = _clock(wait.until, zone)
    if wait.why is Why.DOWN:
        return f"{service} is not answering. It is tried again at {at}."
    if wait.window is None:
        return f"{service} asked us to wait until {at}."
    limit = f"{wait.window.requests:,} requests in {duration(wait.window.seconds)}"
    return f"Waiting for {service}'s limit of {limit} until {at}."


def duration(seconds: float) -> str:
    """A length of time in the largest unit that fits evenly: "15 minutes", "1 day"."""
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length and seconds % length == 0:
            count = f"{seconds / length:.0f}"
            return f"{count} {unit}" if count == "1" else f"{count} {unit}s"
    return "1 second" if seconds == 1 else f"{seconds:g} seconds"


def _clock(at: float, zone: tzinfo) -> str:
    # The next full second: a time that has not yet come when it is read.
    moment = datetime.fromtimestamp(math.ceil(at), zone)
    return f"{moment:%H:%M:%S} {moment.tzname()}" if moment.second else f"{moment:%H:%M} {moment.tzname()}"


def _name(window: Window) -> str:
    return f"{window.seconds:g}"


def _copy(state: State, rules: Rules, now: float) -> dict[str, Any]:
    """A state of our own to change, without what is past: only the rules' windows, only live holders."""
    windows: dict[str, Any] = {}
    for window in rules.windows:
        known = state.get("windows", {}).get(_name(window), {})
        width = window.seconds / BUCKETS
        past = now - rules.counted_seconds(window)
        windows[_name(window)] = {
            "used": [[at, used] for at, used in known.get("used", ()) if (at + 1) * width > past],
        }
        windows[_name(window)] |= {"spread": True} if known.get("spread") else {}
        _set_foreign(windows[_name(window)], [one for one in _foreign(known) if one[1] > now])
        told = known.get("told")
        if told and told[1] > now:
            windows[_name(window)]["told"] = list(told)
    throttle = state.get("throttle")
    blocked_until, trying = state.get("blocked_until"), state.get("trial")
    return {
        "windows": windows,
        "holders": {name: list(held) for name, held in state.get("holders", {}).items() if held[2] > now},
        "blocked_until": blocked_until if blocked_until and blocked_until > now else None,
        "throttle": list(throttle) if throttle and _grown(throttle, now) < rules.concurrency else None,
        "trial": list(trying) if trying and trying[2] > now else None,
    }


def _book(draft: dict[str, Any], window: Window, at: float, requests: int) -> None:
    """Add requests to the bucket of a time; a negative number takes back what the bucket still has."""
    used = draft["windows"][_name(window)]["used"]
    bucket = math.floor(at / (window.seconds / BUCKETS))
    for entry in reversed(used):
        if entry[0] == bucket:
            entry[1] = max(0, entry[1] + requests)
            return
    if requests > 0:
        used.append([bucket, requests])


def _room(draft: dict[str, Any], rules: Rules, now: float, requests: int) -> tuple[int, Wait | None]:
    """How many of the requests fit now, and what the rest waits for."""
    if draft["blocked_until"]:
        return 0, Wait(Why.ASKED, draft["blocked_until"])
    fits, wait = requests, None
    for window in rules.windows:
        known = draft["windows"][_name(window)]
        counted = sum(used for _, used in known["used"]) + _expected(known)
        room = max(0, rules.allowed(window, _told(known)) - counted)
        until = _frees_at(known, rules, window, now) if room < requests else now
        if known.get("spread"):
            share, next_share = _share(known, rules, window, now)
            if share < min(room, requests):
                room, until = share, max(until, next_share) if room < requests else next_share
        if room < requests and (wait is None or until > wait.until):
            wait = Wait(Why.WINDOW, until, window)
        fits = min(fits, room)
    return fits, wait


def _frees_at(known: Mapping[str, Any], rules: Rules, window: Window, now: float) -> float:
    """The first time at which the window has room for one request more than `now`."""
    width, counts = window.seconds / BUCKETS, rules.counted_seconds(window)
    ends = [((at + 1) * width + counts, used) for at, used in known["used"] if used]
    falling = [requests for requests, _ in _foreign(known)]
    for (requests, until), then in zip(_foreign(known), [*falling[1:], 0], strict=False):
        ends.append((until, requests - then))
    left = sum(used for _, used in ends)
    for end, used in sorted(ends):
        left -= used
        if left < rules.allowed(window, _told(known)):
            return float(end)
    return now


def _foreign(known: Mapping[str, Any]) -> list[list[float]]:
    """Use by others as [requests, until], falling: what counts once the one before is over comes next."""
    first = known.get("foreign")
    return [list(one) for one in (*([first] if first else ()), *known.get("foreign_then", ()))]


def _set_foreign(known: dict[str, Any], found: list[list[float]]) -> None:
    known["foreign"] = found[0] if found else None
    if not (found and known.get("spread")):
        known.pop("spread", None)
    known.pop("foreign_then", None)
    if len(found) > 1:
        known["foreign_then"] = found[1:]


def _expected(known: Mapping[str, Any]) -> int:
    """What others will have used of the window: between two of our looks they go on."""
    foreign = known["foreign"][0] if known["foreign"] else 0
    return math.ceil(foreign * SPREAD / (SPREAD - 1)) if known.get("spread") else int(foreign)


def _share(known: Mapping[str, Any], rules: Rules, window: Window, now: float) -> tuple[int, float]:
    """Beside others we go evenly: what is left for this part of the window, and when the next begins.

    So we hear all along what they use, and nothing that they need is gone before they come.
    """
    part, width = window.seconds / SPREAD, window.seconds / BUCKETS
    ours = max(1, rules.allowed(window, _told(known)) - _expected(known))
    recent = [(at, used) for at, used in known["used"] if used and (at + 1) * width > now - part]
    left = max(0, math.ceil(ours / SPREAD) - sum(used for _, used in recent))
    return left, min(((at + 1) * width + part for at, _ in recent), default=now)


def _told(known: Mapping[str, Any]) -> int | None:
    """The window's limit as the service told it; None where it did not, of late."""
    told = known.get("told")
    return int(told[0]) if told else None


def _usable(draft: Mapping[str, Any], rules: Rules, now: float) -> int:
    """Requests that may be in flight now, over all holders."""
    throttle = draft["throttle"]
    return min(rules.concurrency, _grown(throttle, now)) if throttle else rules.concurrency


def _grown(throttle: list[Any], now: float) -> int:
    slots, since = throttle
    return int(slots) + int(max(0.0, now - since) // RECOVERY_SECONDS)


def _take_slots(
    draft: dict[str, Any], usable: int, holder: str, now: float, *, wanted: int, in_flight: int
) -> int:
    """Give the holder slots up to what it wants, its share and what is free; never below its flight."""
    others = {name: held for name, held in draft["holders"].items() if name != holder}
    free = usable - sum(int(held) for held, _, _ in others.values())
    share = max(1, usable // (len(others) + 1))
    if any(held < min(theirs, share) for held, theirs, _ in others.values()):
        free = min(free, share)
    slots = max(in_flight, min(wanted, free), 0)
    if slots or wanted:
        draft["holders"][holder] = [slots, wanted, now + HOLDER_SECONDS]
    else:
        draft["holders"].pop(holder, None)
    return slots
