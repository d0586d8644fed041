"""An in-memory stand-in of the bulk endpoint that costs next to nothing: what is measured is us.

`python -m tests.benchmarks.stub` prints its port. A job is complete when it is first looked at.
"""

import itertools
import socket
import threading

import orjson

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


class Stub:
    """Speaks just enough HTTP/1.1 with keep-alive."""

    def __init__(self) -> None:
        self._jobs: dict[bytes, bytes] = {}
        self._number = itertools.count(1)
        self.first_at = 0.0

    def serve(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb", buffering=1 << 18) as wire:
            while line := wire.readline():
                method, path, _ = line.split(b" ", 2)
                length = 0
                while (header := wire.readline()) != b"\r\n":
                    if header[:15].lower() == b"content-length:":
                        length = int(header[15:])
                body = wire.read(length) if length else b""
                status, answer = self._answer(method, path, body)
                head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                connection.sendall(head % (status, len(answer)) + answer)

    def _answer(self, method: bytes, path: bytes, body: bytes) -> tuple[bytes, bytes]:
        if path.endswith(b"/fields"):
            return b"200 OK", FIELDS
        if method == b"POST":
            job = b"job%d" % next(self._number)
            items = orjson.loads(body)["items"]
            results = [
                {"requestId": item["request_id"], "status": "completed", "operation": "upsert"}
                for item in items
            ]
            self._jobs[job] = self._job(job, "completed", results)
            return b"202 Accepted", self._job(job, "enqueued", [])
        done = self._jobs.pop(path.rpartition(b"/")[2], None)
        return (b"200 OK", done) if done else (b"404 Not Found", b'{"code":"not_found"}')

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
    Stub().serve()
