"""The budget of a remote account: how many requests may go now, over all workers.

Pure: state in, state out; the caller brings the time (Unix seconds) and keeps the state, which is JSON:

```
{"windows": {"900": {"used": [[bucket, requests], …], "told": [limit, until], …what `others.py` keeps…}},
 "booked": requests granted, ever, "granted_at": at,
 "holders": {holder: [slots, wanted, until, open]},
 "blocked_until": at, "throttle": [slots, since], "trial": [down_until, holder, until]}
```

**Windows.** Requests are granted, then sent until `Grant.use_by`. Use is kept in buckets of a 120th
of the window, and a bucket counts until nothing that was granted in it can lie in the same window as a
request sent now. So in any interval of a window's length at most `Rules.allowed` requests leave, in
whatever order the holders come.

**Others.** What others use counts like our own; how it is learnt is told in `others.py`. Beside others our
requests are spread evenly over the window, so that we hear all along what they use. Of a window that the
service tells of without its end we expect them to use as much as they were seen to at the most, and while
that is unknown, or after a silence, our requests go one by one until an answer tells.

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
from typing import Any, TypeAlias

from destinations import others
from destinations.contract import Meter, Window
from destinations.others import SPREAD, Counted
from destinations.waits import Wait, Why

State: TypeAlias = Mapping[str, Any]  # JSON, as drawn above; {} is an account that was never used

BUCKETS = 120
TOLD_SECONDS = 3_600.0  # for so long a limit is believed that the service told
FLIGHT_SECONDS = 0.25  # from leaving us to being counted by the service
HOLDER_SECONDS = 45.0  # a holder that was not heard of for this long has lost its slots
SLOT_PAUSE_SECONDS = 1.0  # when to look again for a free slot; nothing tells when one is let go
RECOVERY_SECONDS = 10.0  # a throttled account gets one slot back after each of these
LEAST_BLOCK_SECONDS = 0.5  # "Retry-After: 0" is a rounded-down part of a second
MOST_BLOCK_SECONDS = 86_400.0
VAGUE = 0.25  # of a window: where others' use is known less exactly than that, our requests find out
NEW = 0.125  # … in a row while we used less of it than that, then one by one
ALONE = 0.01  # … of which so much may be left to others of whom nothing was ever seen


@dataclass(frozen=True, slots=True)
class Rules:
    """What an account allows us.

    `reserve_percent` of each window is left to the team's other tools. `published` maps the length of
    a window as the service publishes it to the length it has on this account, for reading its headers.
    `watched` are the lengths, on this account, of windows that the service tells of without their end.
    """

    windows: tuple[Window, ...]
    concurrency: int
    reserve_percent: int = 0
    published: Mapping[float, float] = field(default_factory=dict)
    watched: frozenset[float] = frozenset()

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


@dataclass(frozen=True, slots=True)
class Grant:
    """What a holder may do now.

    `requests` may be sent until `use_by`; what is left then is given back with `at`. `slots` is how
    many requests the holder may have in flight altogether. `wait` is None where all was granted.
    `booked` is how many were granted to all holders, ever.
    """

    state: State
    requests: int
    slots: int
    at: float
    use_by: float
    wait: Wait | None = None
    booked: int = 0

    @property
    def retry_at(self) -> float | None:
        return self.wait.until if self.wait else None


def take(
    state: State,
    rules: Rules,
    holder: str,
    now: float,
    *,
    requests: int,
    slots: int,
    in_flight: int = 0,
    still_open: int = 0,
    is_few: bool = False,
) -> Grant:
    """Grant up to `requests` more requests, and slots up to `slots` in all. Counts as a heartbeat.

    `in_flight` is what the holder has out now: slots beyond it that are no longer granted are let go.
    A holder that is granted no slot is granted no request. `still_open` is how many granted requests of
    the holder were not answered yet, sent or not. `is_few`: a person waits for a handful of requests,
    which need not go one by one to learn what others do.
    """
    draft = _copy(state, rules, now)
    usable = _usable(draft, rules, now)
    granted_slots = _take_slots(draft, usable, holder, now, wanted=slots, in_flight=in_flight)
    wait: Wait | None = None
    granted = 0
    if granted_slots <= in_flight and slots > in_flight:
        wait = Wait(Why.SLOTS, now + SLOT_PAUSE_SECONDS, slots=usable)
    if requests > 0 and granted_slots > 0:
        granted, short = _room(draft, rules, now, requests, is_few=is_few)
        wait = short or wait
        _book(draft, rules, now, granted)
        draft["granted_at"] = now if granted else draft["granted_at"]
    if holder in draft["holders"]:
        draft["holders"][holder][3] = still_open + granted
    return Grant(draft, granted, granted_slots, now, now + rules.use_seconds, wait, draft["booked"])


def give_back(state: State, rules: Rules, now: float, *, granted_at: float, requests: int) -> State:
    """Return granted requests that were never sent."""
    draft = _copy(state, rules, now)
    _book(draft, rules, granted_at, -requests)
    return draft


def spend(state: State, rules: Rules, now: float, *, requests: int) -> State:
    """Count requests that were sent without asking (a person's connection test)."""
    draft = _copy(state, rules, now)
    _book(draft, rules, now, requests)
    return draft


def renew(state: State, rules: Rules, holder: str, now: float) -> State:
    """A heartbeat: the holder keeps its slots for another while."""
    draft = _copy(state, rules, now)
    if holder in draft["holders"]:
        held, wanted, _, still_open = draft["holders"][holder]
        draft["holders"][holder] = [held, wanted, now + HOLDER_SECONDS, still_open]
    return draft


def release(state: State, rules: Rules, holder: str, now: float) -> State:
    """The holder has nothing in flight any more and wants nothing."""
    draft = _copy(state, rules, now)
    draft["holders"].pop(holder, None)
    return draft


def is_held(state: State, now: float) -> bool:
    """Whether a live holder has slots, or waits for some."""
    return any(held[2] > now for held in state.get("holders", {}).values())


def observed(state: State, rules: Rules, now: float, meter: Meter, counted: Counted | None = None) -> State:
    """Believe the service where it says that fewer requests remain than we think.

    `counted` is what the answer counts of ours; without it only the level tells.
    """
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
            limit = _told(known) or window.requests
            others.told(known, window.seconds, now, meter, limit=limit, own=own)
            if counted is not None and seconds in rules.watched:
                others.watched(known, seconds, now, meter.remaining, counted)
    return draft


def open_elsewhere(state: State, holder: str) -> int:
    """Granted requests of other holders that were not answered yet, as far as they said."""
    return sum(held[3] for name, held in state.get("holders", {}).items() if name != holder)


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
        } | others.copied(known, window.seconds, now)
        told = known.get("told")
        if told and told[1] > now:
            windows[_name(window)]["told"] = list(told)
    throttle = state.get("throttle")
    blocked_until, trying = state.get("blocked_until"), state.get("trial")
    return {
        "windows": windows,
        "booked": state.get("booked", 0),
        "granted_at": state.get("granted_at"),
        "holders": {name: [*held, 0][:4] for name, held in state.get("holders", {}).items() if held[2] > now},
        "blocked_until": blocked_until if blocked_until and blocked_until > now else None,
        "throttle": list(throttle) if throttle and _grown(throttle, now) < rules.concurrency else None,
        "trial": list(trying) if trying and trying[2] > now else None,
    }


def _book(draft: dict[str, Any], rules: Rules, at: float, requests: int) -> None:
    """Add requests to the bucket of a time; a negative number takes back what the bucket still has."""
    draft["booked"] = max(0, draft["booked"] + requests)
    for window in rules.windows:
        used = draft["windows"][_name(window)]["used"]
        bucket = math.floor(at / (window.seconds / BUCKETS))
        found = next((entry for entry in reversed(used) if entry[0] == bucket), None)
        if found is not None:
            found[1] = max(0, found[1] + requests)
        elif requests > 0:
            used.append([bucket, requests])


def _room(
    draft: dict[str, Any], rules: Rules, now: float, requests: int, *, is_few: bool
) -> tuple[int, Wait | None]:
    """How many of the requests fit now, and what the rest waits for."""
    if draft["blocked_until"]:
        return 0, Wait(Why.ASKED, draft["blocked_until"])
    fits, wait = requests, None
    for window in rules.windows:
        room, until = _room_in(draft, rules, window, now, requests, is_few=is_few)
        if room < requests and (wait is None or until > wait.until):
            wait = Wait(Why.WINDOW, until, window)
        fits = min(fits, room)
    return fits, wait


def _room_in(
    draft: Mapping[str, Any], rules: Rules, window: Window, now: float, requests: int, *, is_few: bool
) -> tuple[int, float]:
    """How many of the requests fit into a window now, and when more of them do."""
    known, seconds = draft["windows"][_name(window)], window.seconds
    allowed = rules.allowed(window, _told(known))
    free = allowed - sum(used for _, used in known["used"])
    is_watched = seconds in rules.watched
    outlook = others.outlook(known, seconds, now) if is_watched else others.by_level(known)
    room = max(0, free - outlook.expected)
    until = _frees_at(known, rules, window, now, outlook.expected if is_watched else 0)
    if is_watched and not is_few and free > others.foreign(known):
        is_shared = others.is_shared(known, seconds, now)
        is_vague = outlook.doubt > allowed * VAGUE if is_shared else outlook.expected > allowed * ALONE
        if outlook.is_blind or others.is_silent(known, seconds, now) or (is_vague and not room):
            is_new = free > allowed * (1 - NEW)
            pace = seconds / (allowed if room or (is_vague and is_new) else SPREAD)
            next_at = max(now, (draft["granted_at"] or 0.0) + pace)
            return (1, now + pace) if next_at <= now else (0, next_at if room else min(next_at, until))
    if others.is_shared(known, seconds, now):
        share, next_share = _share(known, window, now, max(1, allowed - outlook.expected))
        if share < min(room, requests):
            return share, next_share
    return room, until


def _frees_at(known: Mapping[str, Any], rules: Rules, window: Window, now: float, expected: int) -> float:
    """The first time at which the window has room for one request more than `now`.

    `expected`: so many at least go to others.
    """
    width, counts = window.seconds / BUCKETS, rules.counted_seconds(window)
    ends = [((at + 1) * width + counts, used, 0) for at, used in known["used"] if used]
    ends += [(until, 0, used) for until, used in others.levels(known)]
    own, foreign = sum(used for _, used, _ in ends), sum(used for _, _, used in ends)
    allowed = rules.allowed(window, _told(known))
    for end, ours, theirs in sorted(ends):
        own, foreign = own - ours, foreign - theirs
        if own + max(foreign, expected) < allowed:
            return float(end)
    return now + window.seconds / SPREAD if expected else now


def _share(known: Mapping[str, Any], window: Window, now: float, ours: int) -> tuple[int, float]:
    """Beside others we go evenly: what is left for this part of the window, and when the next begins.

    So we hear all along what they use, and nothing that they need is gone before they come.
    """
    part, width = window.seconds / SPREAD, window.seconds / BUCKETS
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
    rest = {name: held for name, held in draft["holders"].items() if name != holder}
    free = usable - sum(int(held[0]) for held in rest.values())
    share = max(1, usable // (len(rest) + 1))
    if any(held[0] < min(held[1], share) for held in rest.values()):
        free = min(free, share)
    slots = max(in_flight, min(wanted, free), 0)
    if slots or wanted:
        draft["holders"][holder] = [slots, wanted, now + HOLDER_SECONDS, in_flight]
    else:
        draft["holders"].pop(holder, None)
    return slots
