"""Jobs of Qualified as it would answer them, and calls to put in them."""

from destinations.adapters.qualified import Adapter
from destinations.contract import JSON, Call, Mode, Operation, Target

LEADS = Target(Adapter.object("leads"), "email")
COMPANIES = Target(Adapter.object("companies"), "domain")
TIMES = {"createdAt": "2026-01-05T08:00:00Z", "updatedAt": "2026-01-05T08:00:00Z"}


def job(status: str, *results: dict[str, JSON], **more: JSON) -> dict[str, JSON]:
    failed = sum(one.get("status") == "failed" for one in results)
    counts = {"totalRecords": 2, "processedRecords": len(results), "failedRecords": failed}
    return {"job": {"id": "job_1", "status": status, **counts, "result": list(results), **TIMES, **more}}


def done(request_id: str) -> dict[str, JSON]:
    return {"requestId": request_id, "status": "completed", "operation": "create", "errors": []}


def failed(request_id: str, *errors: str) -> dict[str, JSON]:
    return {"requestId": request_id, "status": "failed", "operation": "create", "errors": list(errors)}


def leads(*values: dict[str, JSON]) -> Call:
    """Operations with the ids 1, 2, …, for leads."""
    operations = [
        Operation(str(number), Mode.UPSERT, str(one["email"]), one)
        for number, one in enumerate(values, start=1)
    ]
    return Call("call", tuple(operations))


TWO_LEADS = leads({"email": "ann@x.test", "title": "VP"}, {"email": "ben@x.test"})
