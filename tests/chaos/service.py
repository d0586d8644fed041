"""The state of the stand-in: an account's records, its jobs and limits, and what breaks them.

Everything that happens is written to the journal first: one JSON object a line, appended and flushed.
"""

import os
import random
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from tests.chaos import published
from tests.chaos.faults import Faults

ALL_SCOPES = ("bulk_job:manage", "lead:manage", "company:manage")
PUBLISHED_WINDOWS = ((2000, 900.0), (7000, 3600.0), (120_000, 86_400.0))


class Journal:
    """An append-only file of JSON lines; a line is on its way to the disk when `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, kind: str, **entry: Any) -> None:
        os.write(self._file, orjson.dumps({"kind": kind, "at": time.time(), **entry}) + b"\n")


@dataclass(slots=True)
class Job:
    """One accepted batch. It is applied when it completes, so that jobs overtake each other."""

    id: str
    number: int
    items: list[dict[str, Any]]
    accepted_at: float
    due_at: float
    fate: str
    status: str = "enqueued"
    results: list[dict[str, Any]] = field(default_factory=list)
    failed: int = 0
    updated_at: float = 0

    def as_json(self) -> dict[str, Any]:
        done = self.status in {"completed", "failed"}
        return {
            "id": self.id,
            "status": self.status,
            "totalRecords": len(self.items),
            "processedRecords": len(self.results) if done else 0,
            "failedRecords": self.failed,
            "result": self.results,
            "createdAt": _iso(self.accepted_at),
            "updatedAt": _iso(self.updated_at or self.accepted_at),
            "aNewMember": {"to": "be ignored"},
        }


class Service:
    """One account of the vendor. All of its methods may be called from many threads."""

    def __init__(
        self,
        journal: Journal,
        faults: Faults,
        *,
        key: str,
        scopes: Iterable[str] = ALL_SCOPES,
        concurrency: int = 10,
        windows: Iterable[tuple[int, float]] = PUBLISHED_WINDOWS,
    ) -> None:
        self.journal, self.faults = journal, faults
        self.key, self.scopes, self.concurrency = key, set(scopes), concurrency
        self.windows = [(int(requests), float(seconds)) for requests, seconds in windows]
        self.records: dict[str, dict[str, dict[str, Any]]] = {entity: {} for entity in published.ENTITIES}
        self.jobs: dict[str, Job] = {}
        self._open_jobs: list[Job] = []
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self.in_flight = self.most_in_flight = 0
        self._arrivals: deque[float] = deque()
        self._number = 0
        self._lock = threading.RLock()
        threading.Thread(target=self._work, daemon=True).start()

    def violation(self, what: str, number: int) -> None:
        """Note what a careful client never does."""
        with self._lock:
            self.violations.append(what)
            self.journal.write("violation", number=number, what=what)

    def arrive(self, at: float) -> tuple[int, int | None, float]:
        """Let a request in: (its number, status of a refusal or None, seconds of its Retry-After or 0)."""
        with self._lock:
            self._number += 1
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self.counts["requests"] += 1
            if self.in_flight > self.concurrency:
                self.violation(
                    f"concurrency: {self.in_flight} at once, {self.concurrency} allowed", self._number
                )
                return self._number, 429, 0
            longest = max((seconds for _, seconds in self.windows), default=0)
            while self._arrivals and self._arrivals[0] <= at - longest:
                self._arrivals.popleft()
            for requests, seconds in self.windows:
                recent = [one for one in self._arrivals if one > at - seconds]
                if len(recent) >= requests:
                    self.violation(f"window: more than {requests} requests in {seconds:g} s", self._number)
                    return self._number, 429, max(recent[0] + seconds - at, 0.01)
            self._arrivals.append(at)
            return self._number, None, 0

    def leave(self) -> None:
        with self._lock:
            self.in_flight -= 1

    def quota(self, at: float) -> dict[str, str]:
        """The RateLimit headers: they describe the first window only."""
        with self._lock:
            if not self.windows:
                return {}
            requests, seconds = self.windows[0]
            recent = [one for one in self._arrivals if one > at - seconds]
            return {
                "RateLimit-Limit": str(requests),
                "RateLimit-Remaining": str(max(requests - len(recent), 0)),
                "RateLimit-Reset": str(int((recent[0] if recent else at) + seconds)),
            }

    def submit(self, number: int, items: list[dict[str, Any]]) -> Job:
        """Accept a batch: its items may still fail, one by one, when the job completes."""
        dice = self.faults.dice(number, "latency")
        now = time.time()
        with self._lock:
            job = Job(
                id="job_" + secrets.token_hex(8),
                number=number,
                items=items,
                accepted_at=now,
                due_at=now + dice.uniform(*self.faults.latency),
                fate=self.faults.of_job(number),
            )
            self.jobs[job.id] = job
            self._open_jobs.append(job)
            self.counts["jobs"] += 1
            self.counts["items"] += len(items)
            self.journal.write("job", job=job.id, number=number, fate=job.fate, due_at=job.due_at)
            return job

    def upsert(self, number: int, entity: str, data: Mapping[str, Any], *, request_id: str) -> bool:
        """Apply one record. True: it is new."""
        key = published.key_of(entity, data)
        with self._lock:
            known = self.records[entity].get(key)
            record = published.merged(known or {"id": f"{entity}_{len(self.records[entity]) + 1}"}, data)
            self.records[entity][key] = record
            self.counts["applied"] += 1
            self.journal.write(
                "applied", number=number, entity=entity, key=key, data=data, request_id=request_id
            )
            return known is None

    def look(self, job_id: str) -> dict[str, Any] | None:
        """A job as it stands, or None: there is no such job (any more)."""
        with self._lock:
            job = self.jobs.get(job_id)
            return None if job is None or job.fate == "poll_gone" else job.as_json()

    def change(self, wanted: Mapping[str, Any]) -> None:
        """Change the account itself: its key, scopes, limits; `hurry` ends jobs as if their time had come.

        ValueError for a name that is none.
        """
        with self._lock:
            for name, value in wanted.items():
                if name == "hurry":
                    for job in self._open_jobs:
                        job.due_at = job.accepted_at
                    continue
                if name == "windows":
                    self.windows = [(int(requests), float(seconds)) for requests, seconds in value]
                elif name == "scopes":
                    self.scopes = set(value)
                elif name in {"key", "concurrency"}:
                    setattr(self, name, value)
                else:
                    raise ValueError(f"no such setting: {name}")

    def state(self) -> dict[str, Any]:
        with self._lock:
            return {
                "lead": self.records["lead"],
                "company": self.records["company"],
                "counts": dict(self.counts),
                "violations": self.violations,
                "most_in_flight": self.most_in_flight,
                "unfinished_jobs": len(self._open_jobs),
            }

    def _work(self) -> None:
        """Complete the jobs whose time has come, in the order of their times."""
        while True:
            time.sleep(0.01)
            now = time.time()
            with self._lock:
                self._open_jobs.sort(key=lambda job: job.due_at)
                while self._open_jobs and self._open_jobs[0].due_at <= now:
                    self._complete(self._open_jobs.pop(0))
                for job in self._open_jobs:
                    if job.due_at - now < (job.due_at - job.accepted_at) / 2:
                        job.status = "processing"

    def _complete(self, job: Job) -> None:
        dice = self.faults.dice(job.number, "fate")
        told_if_failed = dice.random() < 0.5
        seen: set[tuple[str, str]] = set()
        for item in job.items:
            entity, data = str(item.get("entity", "")), item.get("data", {})
            request_id = str(item["request_id"])
            skipped, left_out = self._fate(job.fate, dice)
            key = (entity, published.key_of(entity, data))
            reason = self._refusal(item, seen)
            seen.add(key)
            if not reason and dice.random() < self.faults.rates.get("item_failed", 0):
                reason = "Internal error, please try again"
            created = False
            if not reason and not skipped:
                created = self.upsert(job.number, entity, data, request_id=request_id)
            if left_out and not (job.fate == "job_failed" and not skipped and told_if_failed):
                continue
            job.failed += bool(reason)
            job.results.append(
                {
                    "requestId": request_id,
                    "status": "failed" if reason else "completed",
                    "operation": "create" if created else "update",
                    "errors": [reason] if reason else [],
                }
            )
        strangers = [{**result, "requestId": f"stranger-{result['requestId']}"} for result in job.results]
        if job.fate == "strange_results":
            job.results = strangers
        elif job.fate == "more_results":
            job.results += [*job.results, *strangers]
        dice.shuffle(job.results)
        job.status = "failed" if job.fate == "job_failed" else "completed"
        job.updated_at = time.time()

    def _refusal(self, item: Mapping[str, Any], seen: set[tuple[str, str]]) -> str:
        if wrong := published.wrong_with_item(item):
            return wrong
        key = published.key_of(item["entity"], item["data"])
        if key and (item["entity"], key) in seen:
            return f"{published.KEY_NAMES[item['entity']].title()} appears twice in the batch"
        return published.wrong_with_data(item["entity"], item["data"])[0]

    @staticmethod
    def _fate(fate: str, dice: random.Random) -> tuple[bool, bool]:
        """(the item is not applied, the item is left out of the results)."""
        if fate == "job_failed":
            return dice.random() < 0.5, True
        if fate == "missing_results":
            left_out = dice.random() < 0.3
            return left_out and dice.random() < 0.5, left_out
        if fate == "poll_gone":
            return dice.random() < 0.5, False
        return False, False


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
