"""What may go wrong at the stand-in: rates that can change while it runs, drawn from a seed.

One request suffers at most one fault. Each draw depends only on the seed and the request's number.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# At the wire, for any published path. "after": the work is done, then the answer goes wrong.
REQUEST = (
    "error_before",  # 500, 502, 503 or 504; nothing was done
    "error_after",  # 500 for a request that was done
    "dropped_before",  # the connection is reset, nothing was done
    "dropped_after",  # the connection is closed without an answer, all was done
    "truncated",  # half of the body, then the connection is closed; all was done
    "garbled",  # a whole answer that is no JSON; all was done
    "limited_window",  # 429 with Retry-After
    "limited_concurrency",  # 429 without Retry-After
    "slow",  # the answer takes `slow_seconds`
)
# The fate of a job, drawn when it is accepted.
JOB = (
    "job_failed",  # ends as failed; some of its items are applied, some are told, some are not
    "missing_results",  # ends as completed and leaves items out of the results, applied or not
    "poll_gone",  # every look at it is a 404; applied or not
    "strange_results",  # lies: the results name items that nobody sent; all are applied
    "more_results",  # … or name strangers beside them, and each item twice; all are applied
)
# An item that would pass is refused.
ITEM = ("item_failed",)

PUBLISHED_ROUGHNESS: Mapping[str, float] = {
    "error_before": 0.03,
    "error_after": 0.02,
    "dropped_before": 0.02,
    "dropped_after": 0.03,
    "truncated": 0.03,
    "garbled": 0.01,
    "limited_window": 0.02,
    "limited_concurrency": 0.02,
    "job_failed": 0.04,
    "missing_results": 0.04,
    "poll_gone": 0.02,
    "strange_results": 0.03,
    "more_results": 0.03,
}


@dataclass(slots=True)
class Faults:
    """The switches. `next` holds faults for the next bulk submissions, first come, whatever the rates."""

    seed: int = 0
    rates: dict[str, float] = field(default_factory=dict)
    next: list[str] = field(default_factory=list)
    slow_seconds: float = 3
    latency: tuple[float, float] = (0.05, 2.5)
    answer_seconds: tuple[float, float] = (0, 0.04)

    def change(self, wanted: Mapping[str, Any]) -> None:
        """Take over any of the switches. ValueError for a name that is none."""
        for name, value in wanted.items():
            if name == "rates":
                if unknown := set(value) - {*REQUEST, *JOB, *ITEM}:
                    raise ValueError(f"no such fault: {sorted(unknown)[0]}")
                self.rates = {str(fault): float(rate) for fault, rate in value.items()}
            elif name == "next":
                self.next = list(value)
            elif name in {"latency", "answer_seconds"}:
                setattr(self, name, (float(value[0]), float(value[1])))
            elif name in {"seed", "slow_seconds"}:
                setattr(self, name, value)
            else:
                raise ValueError(f"no such switch: {name}")

    def dice(self, number: int, purpose: str) -> random.Random:
        """The dice of one request, for one purpose."""
        return random.Random(f"{self.seed}/{number}/{purpose}")

    def draw(self, names: tuple[str, ...], dice: random.Random) -> str:
        """The one fault that happens, or ""."""
        point = dice.random()
        for name in names:
            point -= self.rates.get(name, 0)
            if point < 0:
                return name
        return ""

    def of_request(self, number: int, *, is_submission: bool) -> str:
        if is_submission and self.next and self.next[0] in REQUEST:
            return self.next.pop(0)
        return self.draw(REQUEST, self.dice(number, "request"))

    def of_job(self, number: int) -> str:
        if self.next and self.next[0] in JOB:
            return self.next.pop(0)
        return self.draw(JOB, self.dice(number, "job"))
