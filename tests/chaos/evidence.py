"""What the stand-in's journal proves: who was sent when, what was answered, and why anything came twice."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from tests.chaos import published
from tests.chaos.log import SLOWER

Key: TypeAlias = tuple[str, str]  # (entity, e-mail address or domain)
Entry: TypeAlias = Mapping[str, Any]

# So many looks at a job went wrong that a client may give up.
PATIENCE = 5
# A client that has an answer in its hands needs a moment to write it down; a kill in it excuses a repeat.
WRITING_DOWN_SECONDS = 1.5 * SLOWER
# What a client sent in its last moment is let in when it is dead already: later, the busier the machine.
ON_THE_WAY_SECONDS = 1.0 * SLOWER


@dataclass(frozen=True, slots=True)
class Interruption:
    """Something that the test did to the client.

    "kill", "cancel", "full" (asked to send all again), or "clock" (put forward or back).
    """

    what: str
    at: float


@dataclass(slots=True)
class Submission:
    """One record in one request, with what became of it as far as the client was told.

    `told` is the item's status in the first whole answer of a finished job that names it; `ended_as` is
    the job's own status there ("gone" for a 404). `broken_looks` counts answers about it that went wrong.
    """

    number: int
    key: Key
    request_id: str
    values: Mapping[str, Any]
    began: float
    answered_at: float | None = None
    is_accepted: bool = False
    job: str = ""
    ended_as: str = ""
    told: str = ""
    applied: bool = False
    broken_looks: int = 0

    @property
    def is_proved(self) -> bool:
        return self.is_accepted and self.told == "completed"


@dataclass(slots=True)
class Evidence:
    """A journal, read once."""

    submissions: dict[Key, list[Submission]] = field(default_factory=lambda: defaultdict(list))
    requests: list[Entry] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    answers: dict[int, Entry] = field(default_factory=dict)

    @property
    def records_sent(self) -> int:
        return sum(len(found) for found in self.submissions.values())

    def sent_since(self, at: float) -> list[Submission]:
        return [one for found in self.submissions.values() for one in found if one.began >= at]

    def last_accepted(self, key: Key) -> Submission | None:
        """The newest submission that the client was told is accepted."""
        return next((one for one in reversed(self.submissions.get(key, [])) if one.is_proved), None)

    def unexplained(
        self, interruptions: Iterable[Interruption] = (), *, writing_down: float = WRITING_DOWN_SECONDS
    ) -> list[str]:
        """Every record that was sent again, unchanged, though its last sending was known to have arrived.

        A repeat is explained when the answer before it was lost, broken or a refusal; when the job was
        lost, failed or silent about the record; or when the client was killed or cancelled before it can
        have written down what it was told.
        """
        stops = sorted(interruptions, key=lambda one: one.at)
        return [
            f"{again.key[1]} in request {again.number}, as in request {before.number}: {blame}"
            for found in self.submissions.values()
            for before, again in pairwise(found)
            if before.values == again.values and (blame := _blame(before, again, stops, writing_down))
        ]


def _blame(before: Submission, again: Submission, stops: list[Interruption], writing_down: float) -> str:
    """Why sending again was wrong, or "" where it was right."""
    if before.request_id == again.request_id and before.number == again.number:
        return "twice in one request"
    if not before.is_accepted or before.answered_at is None:
        return ""
    since, until = before.began - ON_THE_WAY_SECONDS, before.answered_at + writing_down
    if any(stop.what == "kill" and since <= stop.at <= until for stop in stops):
        return ""
    if any(stop.what in {"cancel", "full"} and before.began <= stop.at <= again.began for stop in stops):
        return ""
    if before.told == "completed":
        return "its arrival was proved"
    if any(stop.what == "clock" and before.began <= stop.at <= again.began for stop in stops):
        return ""  # by the clock, its job took longer than anybody waits for one
    unproved = before.told == "failed" or before.ended_as or before.broken_looks >= PATIENCE
    return "" if unproved else "its job was accepted, and no look at it said that it failed"


def read(path: Path) -> Evidence:
    """Read the journal as it stands."""
    found = Evidence()
    by_number: dict[int, list[Submission]] = defaultdict(list)
    by_job: dict[str, list[Submission]] = defaultdict(list)
    looked_at: dict[int, str] = {}
    for entry in entries(path):
        number = entry.get("number", 0)
        match entry["kind"]:
            case "violation":
                found.violations.append(f"request {number}: {entry['what']}")
            case "request":
                found.requests.append(entry)
                if entry["method"] == "GET" and "/bulk/" in entry["path"]:
                    looked_at[number] = entry["path"].rpartition("/")[2]
                for submission in _submissions(entry):
                    by_number[number].append(submission)
                    found.submissions[submission.key].append(submission)
            case "applied":
                for submission in by_number[number]:
                    applied = (entry["entity"], entry["key"]) == submission.key
                    submission.applied = submission.applied or applied
            case "answer":
                found.answers[number] = entry
                # Whether anybody still waited for a slow answer is not known here: it counts as lost.
                is_whole = entry["whole"] and entry["fault"] != "slow"
                is_good = is_whole and entry["status"] in {200, 201, 202}
                for submission in by_number[number]:
                    submission.answered_at = entry["at"]
                    submission.is_accepted = is_good
                    submission.job = entry.get("job", "")
                    by_job[submission.job].append(submission)
                    if is_good and entry["status"] != 202:
                        submission.told = "completed"
                if job := looked_at.get(number):
                    _tell(by_job[job], entry)
    return found


def _submissions(entry: Entry) -> Iterator[Submission]:
    single = "lead" if entry["path"].endswith("/leads") else "company"
    items: list[dict[str, Any]] = entry.get("items") or []
    if entry["method"] == "POST" and isinstance(entry.get("data"), dict) and "/bulk" not in entry["path"]:
        items = [{"entity": single, "data": entry["data"], "request_id": ""}]
    for item in items:
        if not isinstance(item, dict):
            continue
        entity = item.get("entity", single)
        yield Submission(
            number=entry["number"],
            key=(entity, published.key_of(entity, item.get("data"))),
            request_id=str(item.get("request_id", "")),
            values=item.get("data") or {},
            began=entry["began"],
        )


def _tell(submissions: list[Submission], answer: Entry) -> None:
    """Note what a look at a job told about its records. The first word that ends it counts.

    "There is no such job" is said by the status alone, whatever became of the body behind it.
    """
    is_readable = answer["whole"] or (answer["status"] == 404 and answer["fault"] != "dropped_after")
    if "results" not in answer or not is_readable or answer["status"] not in {200, 404}:
        for submission in submissions:
            submission.broken_looks += 1
        return
    if answer["job_status"] not in {"completed", "failed", "gone"}:
        return
    for submission in submissions:
        if not submission.ended_as:
            submission.ended_as = answer["job_status"]
            submission.told = answer["results"].get(submission.request_id, "")


def entries(path: Path) -> Iterator[Entry]:
    """The journal's lines. A last line that is still being written is left for the next reading."""
    if path.exists():
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                yield orjson.loads(line)
