"""An in-memory stand-in of the bulk endpoint that costs next to nothing: what is measured is us.

`python -m tests.benchmarks.stub` prints its port. A job is complete when it is first looked at.
"""

import itertools

import orjson

from tests.benchmarks.wire import Stub

FIELDS = orjson.dumps(
    {
        "data": [
            {"id": name, "label": name, "name": name, "type": kind}
            for name, kind in [
                *((f"f{n}", "string") for n in range(1, 10)),
                ("score", "decimal"),
            ]
        ]
    }
)


class Bulk(Stub):
    def __init__(self) -> None:
        self._jobs: dict[bytes, bytes] = {}
        self._number = itertools.count(1)

    def answer(self, method: bytes, path: bytes, body: bytes) -> tuple[bytes, bytes, bytes]:
        if path.endswith(b"/fields"):
            return b"200 OK", FIELDS, b""
        if method == b"POST":
            job = b"job%d" % next(self._number)
            items = orjson.loads(body)["items"]
            results = [
                {"requestId": item["request_id"], "status": "completed", "operation": "upsert"}
                for item in items
            ]
            self._jobs[job] = self._job(job, "completed", results)
            return b"202 Accepted", self._job(job, "enqueued", []), b""
        done = self._jobs.pop(path.rpartition(b"/")[2], None)
        return (b"200 OK", done, b"") if done else (b"404 Not Found", b'{"code":"not_found"}', b"")

    def _job(self, job: bytes, status: str, results: list[dict[str, str]]) -> bytes:
        return orjson.dumps(
            {
                "job": {
                    "id": job.decode(),
                    "status": status,
                    "totalRecords": len(results),
                    "processedRecords": len(results),
                    "failedRecords": 0,
                    "result": results,
                }
            }
        )


if __name__ == "__main__":
    Bulk().serve()
