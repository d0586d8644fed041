"""`manage.py` with another time: an hour that is over sooner, and a clock that a test puts forward and back.

    HURRY=60 CLOCK_FILE=… python -m tests.chaos.clockwork up --no-web

`HURRY` divides the waits for a destination that is down, so that an hour of it takes a minute. `CLOCK_FILE`
holds seconds by which the wall clock of all these processes is wrong, read anew at each look at the clock;
the monotonic clock goes on as ever, as it does where an administrator or NTP steps a machine's clock.
"""

import os
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django
from django.core.management import execute_from_command_line
from django.utils import timezone


def hurry(times: float) -> None:
    """What an outage makes us wait is over so many times sooner."""
    from destinations import budget
    from syncs.engine import allowance, answers, ground

    replace(budget, "FIRST_PAUSE", budget.FIRST_PAUSE / times)
    replace(budget, "LONGEST_PAUSE", budget.LONGEST_PAUSE / times)
    replace(allowance, "OUTAGE_STOPS_AFTER", allowance.OUTAGE_STOPS_AFTER / times)
    replace(ground, "TRIED_WITHIN", ground.TRIED_WITHIN / times)

    def backoff(failures: int) -> float:
        return random.uniform(0, min(answers.LONGEST_BACKOFF, 2.0**failures)) / times

    replace(answers, "backoff", backoff)


def follow(file: Path) -> None:
    """The clock is wrong by what the file says."""
    from destinations.gate import Gate

    right = time.time

    def wrong() -> float:
        try:
            return right() + float(file.read_text() or 0)
        except (OSError, ValueError):  # it is being written
            return right()

    replace(time, "time", wrong)
    replace(Gate.__init__, "__kwdefaults__", {**(Gate.__init__.__kwdefaults__ or {}), "clock": wrong})
    replace(timezone, "now", lambda: datetime.fromtimestamp(wrong(), UTC))


def replace(owner: Any, name: str, value: Any) -> None:
    """Swap what is there; an AttributeError tells that the product has moved on."""
    getattr(owner, name)
    setattr(owner, name, value)


class Clock:
    """The wall clock of a world's processes, as a test puts it forward and back."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.wrong_by = self.most = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.wrong_by, UTC)

    def step(self, seconds: float) -> None:
        """Put it forward, or back."""
        self.wrong_by += seconds
        self.most = max(self.most, self.wrong_by)
        draft = self.file.with_suffix(".draft")
        draft.write_text(str(self.wrong_by))
        draft.replace(self.file)

    def catch_up(self) -> None:
        """Whatever waits for a time that it once showed, waits no longer."""
        self.step(self.most - self.wrong_by)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncadmin.settings")
    django.setup()
    from syncadmin.supervisor import services
    from syncadmin.supervisor.processes import Service

    if times := float(os.environ.get("HURRY", "0")):
        hurry(times)
    if file := os.environ.get("CLOCK_FILE", ""):
        follow(Path(file))
    # The pool that the supervisor starts has this clock, too.
    command = (sys.executable, "-m", "tests.chaos.clockwork", "qcluster")
    replace(services, "worker", lambda: Service("worker", command))
    execute_from_command_line(["manage.py", *sys.argv[1:]])


if __name__ == "__main__":
    main()
