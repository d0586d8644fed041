"""The switches of a sandbox: what goes wrong, how often, and how large the account's limits are.

A chance is two switches: `<name>_rate`, the share of times that it happens, and `<name>_next`, the
number of next times that it happens for certain. At most one wire fault strikes a request.
"""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = bool | int | float | str

GROUP_WIRE = "Answers that go wrong"


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch. `kind` is rate (0 to 1), count, seconds, flag or text."""

    key: str
    label: str
    kind: str
    default: Value
    group: str
    help: str = ""

    def read(self, value: object) -> Value:
        """The value of a form or of JSON, checked. ValueError says what is wrong with it."""
        if self.kind == "text":
            return str(value).strip()
        if self.kind == "flag":
            if isinstance(value, bool):
                return value
            if str(value).lower() in {"1", "on", "true", "yes", "0", "off", "false", "no", ""}:
                return str(value).lower() in {"1", "on", "true", "yes"}
            raise ValueError(f"{self.key} must be on or off.")
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(f"{self.key} must be a number.")
        try:
            number = float(value)
        except ValueError:
            raise ValueError(f"{self.key} must be a number.") from None
        if not 0 <= number < float("inf"):
            raise ValueError(f"{self.key} must be 0 or more.")
        if self.kind == "rate" and number > 1:
            raise ValueError(f"{self.key} must be from 0 to 1.")
        if self.kind == "count":
            if number != int(number):
                raise ValueError(f"{self.key} must be a whole number.")
            return int(number)
        return number


def chance(name: str, label: str, group: str, help: str = "") -> tuple[Switch, Switch]:
    """The two switches of something that happens by chance, or the next few times for certain."""
    return (
        Switch(f"{name}_rate", label, "rate", 0.0, group, help),
        Switch(f"{name}_next", label, "count", 0, group, help),
    )


SERVER_ERRORS = {"error_500": 500, "error_502": 502, "error_503": 503, "error_504": 504}
WIRE_FAULTS = (
    "limit_window",
    "limit_concurrency",
    "drop_before",
    *SERVER_ERRORS,
    "drop_after",
    "truncate",
    "garble",
    "slow",
)
WIRE = (
    *chance("error_500", "500 Internal Server Error", GROUP_WIRE),
    *chance("error_502", "502 Bad Gateway", GROUP_WIRE),
    *chance("error_503", "503 Service Unavailable", GROUP_WIRE),
    *chance("error_504", "504 Gateway Timeout", GROUP_WIRE),
    *chance("limit_window", "429 with Retry-After", GROUP_WIRE),
    *chance("limit_concurrency", "429 without Retry-After", GROUP_WIRE),
    *chance("drop_before", "Connection closed, nothing applied", GROUP_WIRE),
    *chance("drop_after", "Applied, then the connection closed without an answer", GROUP_WIRE),
    *chance(
        "truncate", "Applied, then the answer cut off half way", GROUP_WIRE, "Fewer bytes than announced."
    ),
    *chance("garble", "Applied, then half of the JSON as a whole answer", GROUP_WIRE),
    *chance("slow", "Applied, then a slow answer", GROUP_WIRE),
    Switch("latency_seconds", "How long every answer takes, in seconds", "seconds", 0.0, GROUP_WIRE),
    Switch("slow_seconds", "How slow a slow answer is, in seconds", "seconds", 150.0, GROUP_WIRE),
    Switch("retry_after", "Retry-After of the 429s above, in seconds", "seconds", 1.0, GROUP_WIRE),
    Switch(
        "errors_applied", "The 500s to 504s above come after the write was applied", "flag", False, GROUP_WIRE
    ),
    Switch("html_errors", "The errors above have a body of HTML, not JSON", "flag", False, GROUP_WIRE),
    Switch("down", "Out of order: 503 for every request", "flag", False, GROUP_WIRE),
    Switch(
        "only",
        "Strike only requests that begin with",
        "text",
        "",
        GROUP_WIRE,
        "Method and path, as in “POST /v2/” or “GET /v2/bulk/”. Empty: all.",
    ),
    Switch(
        "seed", "Seed of chance", "count", 0, GROUP_WIRE, "The same seed, the same order of luck. 0: none."
    ),
)


class Faults:
    """The values of the switches, and the dice. Safe to use from several threads.

    `listeners` are called, without arguments, after every change.
    """

    def __init__(self, switches: tuple[Switch, ...], saved: Mapping[str, object] | None = None) -> None:
        self.switches = {switch.key: switch for switch in switches}
        self.listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._values: dict[str, Value] = {key: switch.default for key, switch in self.switches.items()}
        for key, value in (saved or {}).items():
            if key in self.switches:
                self._values[key] = self.switches[key].read(value)
        self._dice = random.Random(self._values["seed"] or None)  # noqa: S311 - luck, not secrets

    def set(self, **changes: object) -> None:
        """Change switches. ValueError, and no change at all, where a name or a value is wrong."""
        unknown = sorted(set(changes) - set(self.switches))
        if unknown:
            raise ValueError(f"There is no switch named {', '.join(unknown)}.")
        read = {key: self.switches[key].read(value) for key, value in changes.items()}
        with self._lock:
            self._values |= read
            if "seed" in read:
                self._dice = random.Random(read["seed"] or None)  # noqa: S311 - luck, not secrets
        self._tell()

    def reset(self, *, group: str = "") -> None:
        """Put all switches, or those of one group, back to their defaults."""
        self.set(**{k: s.default for k, s in self.switches.items() if group in ("", s.group)})

    def values(self) -> dict[str, Value]:
        with self._lock:
            return dict(self._values)

    def flag(self, key: str) -> bool:
        return bool(self._values[key])

    def number(self, key: str) -> float:
        return float(self._values[key])

    def text(self, key: str) -> str:
        return str(self._values[key])

    def armed(self, name: str) -> bool:
        """Whether this can happen at all."""
        return bool(self._values[f"{name}_next"] or self._values[f"{name}_rate"])

    def hit(self, name: str) -> bool:
        """Throw the dice: does it happen this time? Uses up one of the certain next times."""
        if not self.armed(name):
            return False
        with self._lock:
            left = int(self._values[f"{name}_next"])
            if left:
                self._values[f"{name}_next"] = left - 1
            elif not self._dice.random() < float(self._values[f"{name}_rate"]):
                return False
        if left:
            self._tell()
        return True

    def strike(self, request_line: str) -> str:
        """The wire fault that strikes this request (“POST /v2/bulk”), or an empty text."""
        if not request_line.startswith(self.text("only")):
            return ""
        return next((name for name in WIRE_FAULTS if self.hit(name)), "")

    def between(self, low: float, high: float) -> float:
        """A number between the two, by the same dice."""
        with self._lock:
            return self._dice.uniform(low, high)

    def _tell(self) -> None:
        for listener in self.listeners:
            listener()
