"""What others use of a window that we share: learnt from what the service says is left.

Pure. Works on one window's part of the budget's state (`known`), which is JSON:

```
"foreign": [requests, until], "foreign_then": [[requests, until], …], "spread": true   by level
"watch": {"from": [at, left, surely, perhaps], "last": [at, left], "least": rate, "most": rate, "width": rate}
"past":  [[at, least, most, width], …]                                                     by rate
```

**By level.** Where fewer requests remain than we think, the difference was used by others. It counts like
our own until the service's window is over; where it does not say when that is, the most that was seen in a
window's length counts. What we sent before the service's window began hides some of it.

**By rate.** Between two answers in one window of the service, what is left falls by our requests and by
those of others. We know of ours how many were surely counted between the two, and how many perhaps; so
others used at least `least` and at most `most` requests a second, one request more or less for the moments
at both ends. That hides nothing, and says so early: after a silence of S seconds others are known to use
less than one in S. Who uses as much in the next window as in the last ones never meets us.

**Unknown.** Before two answers have been compared nobody knows: then our requests go one by one, evenly.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from destinations.contract import Meter

Known: TypeAlias = Mapping[str, Any]

SPREAD = 10  # parts of a window over which we spread our requests where others use it, too
SILENCE = 4  # after this part of a window without an answer others may have come
BROKEN = 2  # after this one, another window of the service may have begun without our seeing it
LEAST_WINDOWS = 3  # for so many windows we remember the most that others surely used
MOST_WINDOWS = 10  # … and how little it was at the most


@dataclass(frozen=True, slots=True)
class Counted:
    """How many of our requests, ever, an answer counts whose request left at `sent_at`.

    At least `surely`, at most `perhaps`: the others were on their way, or not yet sent.
    """

    sent_at: float
    surely: int
    perhaps: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many requests others will have used when a window is over.

    They may be fewer by so many as `doubt` says. `is_blind`: nothing tells what they do but the level.
    """

    expected: int
    doubt: float
    is_blind: bool = False


class Span(NamedTuple):
    """What was seen in one of the service's windows, of which we heard last at `at`. Requests a second."""

    at: float
    least: float
    most: float | None
    width: float | None


def copied(known: Known, seconds: float, now: float) -> dict[str, Any]:
    """The part of a window's state that is kept here, as our own to change, without what is past."""
    found: dict[str, Any] = {"spread": True} if known.get("spread") else {}
    _set_foreign(found, [one for one in _foreign(known) if one[1] > now])
    past = [list(one) for one in known.get("past", ()) if one[0] > now - MOST_WINDOWS * seconds]
    watch = known.get("watch")
    if watch and watch["last"][0] > now - MOST_WINDOWS * seconds:
        found["watch"] = dict(watch)
    return found | ({"past": past} if past else {})


def told(known: dict[str, Any], seconds: float, now: float, meter: Meter, *, limit: int, own: int) -> None:
    """Learn by level: `own` is what we used of the window as far as the service may still count it."""
    foreign = max(0, limit - max(0, meter.remaining) - own)
    resets = seconds if meter.resets_in_seconds is None else meter.resets_in_seconds
    until = now + min(max(resets, 0.0), seconds)
    # Without a word on when the window ends, others are taken to use as much as in the last one.
    higher = [one for one in _foreign(known) if one[0] > foreign]
    kept = higher if meter.resets_in_seconds is None else []
    known["spread"] = meter.resets_in_seconds is None
    _set_foreign(known, [*kept, [foreign, until]] if foreign else kept)


def watched(known: dict[str, Any], seconds: float, now: float, left: int, counted: Counted) -> None:
    """Learn by rate, from an answer that came at `now` and said that so many are left."""
    watch = known.get("watch")
    if watch is not None:
        last_at, last_left = watch["last"]
        is_later = counted.sent_at >= last_at
        if counted.sent_at < watch["from"][0] or (not is_later and left > last_left):
            return  # overtaken by another answer
        is_over = is_later and (left > last_left or counted.sent_at > last_at + seconds / BROKEN)
        if not is_over and now - watch["from"][0] <= seconds:
            _compare(watch, seconds, now, left, counted)
            return
        if watch["most"] is not None:
            seen = [last_at, watch["least"], watch["most"], watch["width"]]
            known["past"] = [*known.get("past", ()), seen]
    known["watch"] = {
        "from": [now, left, counted.surely, counted.perhaps, counted.sent_at],
        "last": [now, left],
        "least": 0.0,
        "most": None,
        "width": None,
    }


def _compare(watch: dict[str, Any], seconds: float, now: float, left: int, counted: Counted) -> None:
    began_at, had, surely, perhaps, began_sent_at = watch["from"]
    watch["last"] = [max(now, watch["last"][0]), min(left, watch["last"][1])]
    most = had - left - max(0, counted.surely - perhaps)
    least = had - left - max(0, counted.perhaps - surely)
    longest, shortest = now - began_sent_at, counted.sent_at - began_at
    watch["least"] = max(0.0, (least - 1) / max(longest, seconds / SILENCE))
    if shortest > 0:
        width = (max(most, 0) - max(least, 0) + 2) / shortest
        if watch["width"] is None or width <= watch["width"]:
            watch["most"], watch["width"] = (max(most, 0) + 1) / shortest, width


def is_silent(known: Known, seconds: float, now: float) -> bool:
    """Whether nothing was heard for a while, so that others may have come."""
    watch = known.get("watch")
    return watch is None or now - watch["last"][0] > seconds / SILENCE


def is_shared(known: Known, seconds: float, now: float) -> bool:
    """Whether others were seen of late."""
    return bool(known.get("spread")) or any(span.least > 0 for span in _spans(known, seconds, now))


def foreign(known: Known) -> int:
    """Requests of others that count now, by level."""
    found = known.get("foreign")
    return int(found[0]) if found else 0


def outlook(known: Known, seconds: float, now: float) -> Outlook:
    """What was last seen at the most, unless somebody surely used more since."""
    spans = _spans(known, seconds, now)
    at = max(range(len(spans)), key=lambda number: spans[number].least, default=0)
    seen = [span for span in spans[at:] if span.most is not None and span.most >= spans[at].least]
    if not seen:
        return Outlook(foreign(known), math.inf, is_blind=True)
    most, width = min((span.most or 0.0, span.width or 0.0) for span in seen)
    return Outlook(max(foreign(known), math.ceil(most * seconds) - 1), width * seconds)


def by_level(known: Known) -> Outlook:
    """The same where only the level tells: between two of our looks others go on."""
    found = foreign(known)
    return Outlook(math.ceil(found * SPREAD / (SPREAD - 1)) if known.get("spread") else found, 0.0)


def levels(known: Known) -> list[tuple[float, int]]:
    """When how many of others' requests cease to count, by level."""
    falling = _foreign(known)
    lower = [*(requests for requests, _ in falling), 0][1:]
    return [(one[1], int(one[0] - then)) for one, then in zip(falling, lower, strict=False)]


def _spans(known: Known, seconds: float, now: float) -> list[Span]:
    """The service's windows that we watched, the running one last."""
    found = [Span(*one) for one in known.get("past", ())]
    if watch := known.get("watch"):
        found.append(Span(watch["last"][0], watch["least"], watch["most"], watch["width"]))
    since = now - LEAST_WINDOWS * seconds
    return [span if span.at > since else span._replace(least=0.0) for span in found]


def _foreign(known: Known) -> list[list[float]]:
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
