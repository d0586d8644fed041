"""An in-memory stand-in of Salesloft's upserts that costs next to nothing: what is measured is us.

`python -m tests.benchmarks.salesloft_stub LATENCY LIMIT SECONDS` prints its port. Each answer takes LATENCY
seconds from the request's arrival; LIMIT requests may come in each window of SECONDS, beginning at whole
multiples of it. `GET /figures` tells when each request came, and how many were refused.
"""

import itertools
import sys
import threading
import time

import orjson

from tests.benchmarks.wire import Stub

METER = (
    b"x-ratelimit-limit-minute: %d\r\nx-ratelimit-remaining-minute: %d\r\nx-ratelimit-endpoint-cost: 1\r\n"
)


class Upserts(Stub):
    def __init__(self, latency: float, limit: int, seconds: float) -> None:
        self.latency = latency
        self._limit, self._seconds = limit, seconds
        self._number = itertools.count(1)
        self._lock = threading.Lock()
        self._came: list[float] = []
        self._used: dict[float, int] = {}
        self._refused = 0

    def answer(self, method: bytes, path: bytes, body: bytes) -> tuple[bytes, bytes, bytes]:
        if path == b"/figures":
            return b"200 OK", orjson.dumps({"came": self._came, "refused": self._refused}), b""
        if method != b"POST":
            return b"200 OK", b'{"data":[]}', b""
        now = time.time()
        with self._lock:
            window = now // self._seconds
            left = self._limit - self._used.get(window, 0) - 1
            if left < 0:
                self._refused += 1
                return b"429 Too Many Requests", b'{"error":"Too many requests"}', METER % (self._limit, 0)
            self._used[window] = self._limit - left
            self._came.append(now)
        person = b'{"data":{"upsert_type":"create","person":{"id":%d}}}' % next(self._number)
        return b"200 OK", person, METER % (self._limit, left)


if __name__ == "__main__":
    Upserts(float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])).serve()
