"""Salesloft's bulk jobs: opened, filled, started, worked off one at a time by a thread, then told row by row.

The rows are applied in portions, each in one transaction with what came of it, so that a job goes on where
it was after a restart. Rows draw nothing from the budget.
"""

import time
from collections.abc import Callable
from typing import Any

from destinations.sandbox.answers import Refused
from destinations.sandbox.clock import Clock
from destinations.sandbox.faults import Faults, Switch, chance
from destinations.sandbox.job_thread import LONGEST_NAP, JobThread
from destinations.sandbox.salesloft_answers import not_found, unprocessable
from destinations.sandbox.salesloft_fields import PEOPLE_ENTITY, Known
from destinations.sandbox.salesloft_job_state import (
    ERROR,
    EXECUTING,
    MISSING,
    OPEN,
    SUCCESS,
    Job,
    JobRow,
)
from destinations.sandbox.salesloft_records import Writes, in_words
from destinations.sandbox.salesloft_state import SalesloftState

GROUP = "Bulk jobs"
SWITCHES = (
    Switch("job_seconds", "How long a job takes at least, in seconds", "seconds", 0.5, GROUP),
    Switch("hold_jobs", "Hold all jobs where they are", "flag", False, GROUP),
    Switch("retention_seconds", "Results are kept for this many seconds", "seconds", 30 * 86400.0, GROUP),
    Switch("bulk_jobs", "The account may use bulk jobs", "flag", True, GROUP, "Off: each call is refused."),
    Switch("bulk_refusal", "… and with which status it is refused", "count", 403, GROUP, "403 or 404."),
    *chance("job_fail", "A job is done before all of its rows are processed", GROUP),
    Switch("job_fail_part", "… after this share of them", "rate", 0.5, GROUP),
    *chance("job_stuck", "A job never ends", GROUP),
    *chance("job_lost", "A job is applied, but gone (404) as soon as it is done", GROUP),
    *chance("upload_short", "An upload is kept, but answered with one record fewer", GROUP),
    *chance("upload_twice", "An upload is kept twice, and answered with twice the records", GROUP),
    *chance("row_fail", "A row is refused for no reason of its own", GROUP),
    *chance("row_missing", "A row is left out of the results", GROUP),
    Switch("missing_applied", "… and yet it was applied", "flag", True, GROUP),
)
TYPES = ("person/upsert",)
MOST_ROWS = 5000
PORTION = 500
FAIL, STUCK, LOST = "fail", "stuck", "lost"


class Jobs(JobThread[Job]):
    """The jobs of one team. `known` is asked for whenever a portion is worked off."""

    def __init__(
        self, state: SalesloftState, faults: Faults, clock: Clock, known: Callable[[], Known]
    ) -> None:
        super().__init__("sandbox-salesloft-jobs", faults, clock)
        self._state = state
        self._faults = faults
        self._clock = clock
        self._known = known

    # What the endpoints do

    def create(self, body: dict[str, Any], scopes: frozenset[str]) -> Job:
        if faults := {name: ["is not a field"] for name in body.keys() - {"type", "name"}}:
            raise unprocessable(faults)
        if body.get("type") not in TYPES:
            raise unprocessable({"type": ["is not included in the list"]})
        name = _name(body)
        fate = next((fate for fate in (FAIL, STUCK, LOST) if self._faults.hit(f"job_{fate}")), "")
        now = self._clock.now()
        id = self._state.add_job(name=name, type=body["type"], fate=fate, scopes=scopes, now=now)
        return self.look(id)

    def look(self, id: int) -> Job:
        """The job as it stands. Refused (404) where there is none, or none any more."""
        job = self._state.job(id)
        if job is None or (job.fate == LOST and job.finished_at is not None):
            raise not_found()
        return job

    def change(self, id: int, body: dict[str, Any]) -> Job:
        """Rename a job, start it, or both. Refused (422) where it is not open."""
        with self._state.transaction():
            self._open(id)
            if faults := {name: ["is not a field"] for name in body.keys() - {"ready_to_execute", "name"}}:
                raise unprocessable(faults)
            ready = body.get("ready_to_execute", False)
            if not isinstance(ready, bool):
                raise unprocessable({"ready_to_execute": ["must be true or false"]})
            now = self._clock.now()
            if (name := _name(body)) is not None:
                self._state.rename_job(id, name, now=now)
            if ready:
                self._state.make_job_ready(id, now=now)
        self.wake()
        return self.look(id)

    def upload(self, id: int, body: dict[str, Any]) -> int:
        """Add rows to an open job; how many the answer tells of."""
        rows = body.get("data")
        if body.keys() != {"data"} or not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ROWS:
            raise unprocessable({"data": [f"must be a list of 1 to {MOST_ROWS} records"]})
        if not all(isinstance(each, dict) for each in rows):
            raise unprocessable({"data": ["must be a list of objects"]})
        with self._state.transaction():
            self._open(id)
            if self._faults.hit("upload_twice"):
                rows = rows + rows
            self._state.add_job_rows(id, rows, now=self._clock.now())
        return len(rows) - (1 if self._faults.hit("upload_short") else 0)

    def rows(self, id: int, after: int, statuses: list[str], *, limit: int, results: bool) -> list[JobRow]:
        """Rows above an id, of all statuses where none is named. As results: none until the job is done."""
        job = self.look(id)
        kept = self._clock.now() - self._faults.number("retention_seconds")
        if results and (job.finished_at is None or job.finished_at < kept):
            return []
        wanted = set(statuses) or {"pending", SUCCESS, ERROR}
        if not results and SUCCESS in wanted:
            wanted.add(MISSING)
        if results:
            wanted &= {SUCCESS, ERROR}
        return self._state.job_rows_after(id, after, wanted, limit=limit)

    def remove(self, id: int) -> None:
        """Cancel and forget a job; what its rows did stays done."""
        self.look(id)
        self._state.remove_job(id)
        self.wake()

    def _open(self, id: int) -> None:
        if self.look(id).state != OPEN:
            raise unprocessable({"state": ["must be open"]})

    def wait_until_done(self, seconds: float) -> bool:
        """Wait until no job is left that can still finish. False: the time was too short."""
        until = time.monotonic() + seconds
        while any(job.fate != STUCK for job in self._state.executing_jobs()):
            if time.monotonic() > until:
                return False
            time.sleep(0.005)
        return True

    # The thread

    def _next_due(self) -> tuple[Job | None, float]:
        able = [job for job in self._state.executing_jobs() if job.fate != STUCK]
        if not able or self._faults.flag("hold_jobs"):
            return None, LONGEST_NAP
        nap = (able[0].ready_at or 0) + self._faults.number("job_seconds") - self._clock.now()
        return (None, min(nap, LONGEST_NAP)) if nap > 0 else (able[0], 0)

    def _work(self, job: Job) -> None:
        """Apply the next portion of a job, and finish it with the last one."""
        with self._state.transaction():
            found = self._state.job(job.id)
            if found is None or found.state != EXECUTING:
                return  # cancelled in between
            now = self._clock.now()
            limit = PORTION
            if job.fate == FAIL:
                limit = min(limit, int(found.total * self._faults.number("job_fail_part")) - found.processed)
            rows = self._state.pending_job_rows(job.id, limit=limit) if limit > 0 else []
            if rows:
                self._apply(rows, found.scopes, now)
                self._state.settle_job_rows(job.id, rows, now=now)
            else:
                self._state.finish_job(job.id, now=now)

    def _broke(self, job: Job) -> None:
        self._state.finish_job(job.id, now=self._clock.now())

    def _apply(self, rows: list[JobRow], scopes: frozenset[str], now: float) -> None:
        writes = Writes(self._state, PEOPLE_ENTITY, [row.record for row in rows], self._known(), now)
        for row in rows:
            is_missing = self._faults.hit("row_missing")
            if is_missing and not self._faults.flag("missing_applied"):
                row.status = MISSING
                continue
            if self._faults.hit("row_fail"):
                row.status, row.error = ERROR, "Something went wrong while processing this record"
                continue
            if row.record.get("crm_id") and PEOPLE_ENTITY.crm_scope not in scopes:
                row.status, row.error = ERROR, f"The token lacks the scope {PEOPLE_ENTITY.crm_scope}"
                continue
            try:
                row.upsert_type, person = writes.upsert(row.record)
            except Refused as refused:
                row.status, row.error = ERROR, in_words(refused)
            else:
                row.status, row.resource_id = (MISSING if is_missing else SUCCESS), person.id
        writes.save()


def _name(body: dict[str, Any]) -> str | None:
    name = body.get("name")
    if "name" in body and not isinstance(name, str):
        raise unprocessable({"name": ["must be a text"]})
    return name
