"""Why a request has to wait, and how that is said to people. Pure."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from destinations.contract import Window


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
