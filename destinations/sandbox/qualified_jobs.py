"""Bulk jobs: accepted at once, worked off later by a thread, kept for a day.

A job is enqueued, then processing, then completed or failed. Its records change at the moment it
finishes, in one transaction with its result. Jobs finish in the order they came, unless `overtake` is on.
"""

from collections.abc import Callable
from typing import Any

import orjson

from destinations.sandbox.clock import Clock, iso
from destinations.sandbox.faults import Faults, Switch, chance
from destinations.sandbox.ids import decode, encode
from destinations.sandbox.job_thread import LONGEST_NAP, JobThread
from destinations.sandbox.qualified_fields import Schema
from destinations.sandbox.qualified_records import Writes
from destinations.sandbox.qualified_state import Job, QualifiedState

GROUP = "Bulk jobs"
SWITCHES = (
    Switch("job_seconds", "How long a job takes, in seconds", "seconds", 0.5, GROUP),
    Switch("job_spread", "… give or take this share of it", "rate", 0.2, GROUP),
    Switch(
        "overtake", "Jobs overtake each other", "flag", False, GROUP, "Each takes up to four times as long."
    ),
    Switch("hold_jobs", "Hold all jobs where they are", "flag", False, GROUP),
    Switch(
        "retention_seconds",
        "Finished jobs are kept for this many seconds",
        "seconds",
        86400.0,
        GROUP,
        "Then 404.",
    ),
    *chance("job_fail", "A job fails", GROUP),
    Switch("job_fail_part", "… after it applied this share of its items", "rate", 0.0, GROUP),
    *chance("job_stuck", "A job never ends", GROUP),
    *chance("job_expire", "A job is applied, but gone (404) as soon as it has finished", GROUP),
    *chance("item_fail", "An item is refused for no reason of its own", GROUP),
    *chance("item_missing", "An item is left out of the result", GROUP),
    Switch("missing_applied", "… and yet it was applied", "flag", True, GROUP),
    *chance("item_duplicate", "An item is in the result twice", GROUP),
)

FAIL, STUCK, EXPIRE = "fail", "stuck", "expire"


class Jobs(JobThread[Job]):
    """The jobs of one account. `schema` is asked for whenever a job begins to work."""

    def __init__(
        self, state: QualifiedState, faults: Faults, clock: Clock, schema: Callable[[], Schema]
    ) -> None:
        super().__init__("sandbox-jobs", faults, clock)
        self._state = state
        self._faults = faults
        self._clock = clock
        self._schema = schema
        self._waiting = {job.id: job for job in state.waiting_jobs()}  # changed under the condition

    def submit(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        """Accept checked items, each with its `entity`; the job as it is answered."""
        now = self._clock.now()
        seconds = self._faults.number("job_seconds")
        if self._faults.flag("overtake"):
            takes = self._faults.between(0, 4 * seconds)
        else:
            spread = self._faults.number("job_spread")
            takes = self._faults.between(seconds * (1 - spread), seconds * (1 + spread))
        fate = next((fate for fate in (FAIL, STUCK, EXPIRE) if self._faults.hit(f"job_{fate}")), "")
        body = orjson.dumps(items)
        due_at = now + takes
        if not self._faults.flag("overtake"):
            with self._news:
                due_at = max([due_at, *(job.due_at for job in self._waiting.values() if job.fate != STUCK)])
        starts_at = now + takes / 4
        # The state is never asked while the condition is held: the worker takes the two the other way round.
        id = self._state.add_job(
            items=body, total=len(items), fate=fate, created_at=now, starts_at=starts_at, due_at=due_at
        )
        job = Job(id, "waiting", fate, len(items), 0, 0, now, starts_at, due_at, None)
        with self._news:
            self._waiting[id] = job
        self.wake()
        return self._shown(job, status="enqueued", changed_at=now, result=b"[]")

    def look(self, encoded: str) -> dict[str, Any] | None:
        """The job as it stands. None: there is no such job, or not any more."""
        id = decode("job", encoded)
        job = self._state.job(id) if id is not None else None
        if job is None or self._is_gone(job):
            return None
        if job.finished_at is not None:
            result = self._state.job_result(job.id)
            return self._shown(job, status=job.status, changed_at=job.finished_at, result=result)
        held = self._faults.flag("hold_jobs")
        if self._clock.now() < job.starts_at or held:
            return self._shown(job, status="enqueued", changed_at=job.created_at, result=b"[]")
        return self._shown(job, status="processing", changed_at=job.starts_at, result=b"[]")

    def wait_until_done(self, seconds: float) -> bool:
        """Wait until no job is left that can still finish. False: the time was too short."""
        with self._news:
            return self._news.wait_for(
                lambda: all(job.fate == STUCK for job in self._waiting.values()), seconds
            )

    def forget_all(self) -> None:
        """Called after the state's records were cleared."""
        left = {job.id: job for job in self._state.waiting_jobs()}
        with self._news:
            self._waiting = left
        self.wake()

    def _is_gone(self, job: Job) -> bool:
        if job.finished_at is None:
            return False
        kept = self._faults.number("retention_seconds")
        return job.fate == EXPIRE or job.finished_at + kept < self._clock.now()

    def _shown(self, job: Job, *, status: str, changed_at: float, result: bytes) -> dict[str, Any]:
        return {
            "job": {
                "id": encode("job", job.id),
                "status": status,
                "totalRecords": job.total,
                "processedRecords": job.processed,
                "failedRecords": job.failed,
                "result": orjson.Fragment(result),
                "createdAt": iso(job.created_at),
                "updatedAt": iso(changed_at),
            }
        }

    def _next_due(self) -> tuple[Job | None, float]:
        with self._news:
            able = [job for job in self._waiting.values() if job.fate != STUCK]
        if not able or self._faults.flag("hold_jobs"):
            return None, LONGEST_NAP
        first = min(able, key=lambda job: (job.due_at, job.id))
        nap = first.due_at - self._clock.now()
        return (None, min(nap, LONGEST_NAP)) if nap > 0 else (first, 0)

    def _work(self, job: Job) -> None:
        self._finish(job)
        self._broke(job)

    def _broke(self, job: Job) -> None:
        """Over, one way or the other."""
        with self._news:
            self._waiting.pop(job.id, None)
        self.wake()

    def _finish(self, job: Job) -> None:
        """Apply the items and store the result, together or not at all."""
        now = self._clock.now()
        with self._state.transaction():
            items = orjson.loads(self._state.job_items(job.id))
            if job.fate == FAIL:
                items = items[: int(len(items) * self._faults.number("job_fail_part"))]
            result, failed = self._process(items, now)
            self._state.finish_job(
                job.id,
                status="failed" if job.fate == FAIL else "completed",
                result=orjson.dumps(result),
                processed=len(items),
                failed=failed,
                now=now,
            )
            self._state.forget_jobs(finished_before=now - self._faults.number("retention_seconds"))

    def _process(self, items: list[dict[str, Any]], now: float) -> tuple[list[dict[str, Any]], int]:
        """Apply items in their order; the result's entries, and how many failed."""
        faults = self._faults
        writes = Writes(self._state, self._schema(), [(item["entity"], item["data"]) for item in items], now)
        result: list[dict[str, Any]] = []
        failed = 0
        for item in items:
            missing = faults.hit("item_missing")
            if missing and not faults.flag("missing_applied"):
                continue
            if faults.hit("item_fail"):
                done: Any = []
                errors = ["Something went wrong while processing this item"]
            else:
                done = writes.apply(item["entity"], item["data"])
                errors = [] if isinstance(done, str) else [problem.message for problem in done]
            if errors:
                failed += 1
            entry = {
                "requestId": item["request_id"],
                "status": "failed" if errors else "completed",
                "operation": done if isinstance(done, str) else "upsert",
                "errors": errors,
            }
            if not missing:
                result.append(entry)
                if faults.hit("item_duplicate"):
                    result.append(entry)
        writes.save()
        return result, failed
