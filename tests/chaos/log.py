"""The log of a long run: each seed and how it ended, as it goes. `make chaos` loads it: `-p tests.chaos.log`.

`CHAOS_SEEDS=50` are the seeds 0 to 49, `CHAOS_SEEDS=120-149` just those; `CHAOS_LOG` names the file.
`CHAOS_SLOWER=2` is for a machine that others keep busy: whatever must be done in a time may take twice that.
"""

import os
import time
from collections import Counter
from pathlib import Path
from typing import TextIO

import pytest
from _pytest.terminal import TerminalReporter

SLOWER = float(os.environ.get("CHAOS_SLOWER", "1"))


def seeds(text: str) -> list[int]:
    """The seeds that "50" (the first so many) or "120-149" (both included) stands for; "" is none."""
    first, dash, last = text.partition("-")
    return list(range(int(first), int(last) + 1) if dash else range(int(first or 0)))


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # of pytest-xdist: one process keeps the log
        terminal: TerminalReporter = config.pluginmanager.getplugin("terminalreporter")
        path = Path(os.environ.get("CHAOS_LOG", "var/chaos.log"))
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w", encoding="utf-8", buffering=1)
        config.add_cleanup(file.close)
        config.pluginmanager.register(Log(file, terminal))


class Log:
    """A line for each test that ran, on the terminal and in the file, and one with the sums."""

    def __init__(self, file: TextIO, terminal: TerminalReporter) -> None:
        self._file, self._terminal = file, terminal
        self._counts: Counter[str] = Counter()
        self._began = time.monotonic()
        self._write(f"Seeds {os.environ.get('CHAOS_SEEDS', '')}, begun {time.strftime('%F %T %Z')}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not _counts(report):
            return
        outcome = report.outcome if report.when == "call" or report.skipped else f"failed in {report.when}"
        self._counts[outcome] += 1
        name, _, which = report.nodeid.rpartition("::")[2].partition("[")
        what = name.removeprefix("test_").replace("_", " ")
        self._write(f"{outcome:<8} {report.duration:6.1f} s  {which.rstrip(']'):<19} {what}")
        if report.user_properties:
            self._write("".join(f"\n{'':24}{what}: {figure}" for what, figure in report.user_properties)[1:])
        if report.failed:
            self._file.write(f"{report.longreprtext}\n")

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """No dots: the lines tell how far it is."""
        return (report.outcome, "", "") if _counts(report) else None

    def pytest_sessionfinish(self) -> None:
        sums = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self._counts.items()))
        self._write(f"{sums or 'nothing ran'}, in {(time.monotonic() - self._began) / 60:.0f} minutes")

    def _write(self, line: str) -> None:
        self._terminal.ensure_newline()
        self._terminal.write_line(line)
        self._file.write(f"{line}\n")


def _counts(report: pytest.TestReport) -> bool:
    """Whether the report is of the test itself, or of something around it that did not pass."""
    return report.when == "call" or report.outcome != "passed"
