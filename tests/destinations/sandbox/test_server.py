import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest

from destinations.sandbox.running import Sandbox, running_sandbox
from tests.destinations.sandbox.conftest import Api, lead

ROOT = Path(__file__).parents[3]


def talk(sandbox: Sandbox, sent: bytes) -> bytes:
    """Send raw bytes and read until the sandbox closes the connection."""
    with socket.create_connection((sandbox.server.address, sandbox.server.port), timeout=60) as connection:
        connection.sendall(sent)
        received = b""
        while more := connection.recv(65536):
            received += more
        return received


def test_many_requests_share_one_connection(sandbox):
    get = b"GET /v2/leads/fields HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox-key\r\n\r\n"
    received = talk(sandbox, get * 2 + get.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert received.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Transfer-Encoding: chunked\r\n", b"411"),
        (b"Content-Length: some\r\n", b"411"),
        (b"Content-Length: -5\r\n", b"411"),
        (b"Content-Length: 99999999999\r\n", b"413"),
    ],
)
def test_a_body_without_a_plain_length_is_refused(sandbox, head, status):
    received = talk(sandbox, b"POST /v2/bulk HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
    assert received.startswith(b"HTTP/1.1 " + status)
    assert sandbox.requests == []


def test_half_a_body_is_not_acted_on(sandbox):
    body = orjson.dumps({"email": "ann@acme.test"})
    head = b"POST /v2/leads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox-key\r\n"
    head += b"Content-Length: 500\r\n\r\n"
    with socket.create_connection((sandbox.server.address, sandbox.server.port), timeout=60) as connection:
        connection.sendall(head + body)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert (sandbox.requests, sandbox.leads()) == ([], {})


def test_ten_clients_at_once_are_all_served(sandbox):
    def work(client):
        api = Api(sandbox.url)
        with api.session:
            return [api.submit(lead(f"p{client}-{n}@acme.test")) for n in range(10)]

    with ThreadPoolExecutor(10) as pool:
        jobs = [job for done in pool.map(work, range(10)) for job in done]

    assert sandbox.wait_for_jobs()
    assert len(set(jobs)) == len(sandbox.leads()) == 100
    assert sandbox.peak_in_flight <= 10
    assert {seen.status for seen in sandbox.requests} == {202}


def test_what_came_in_is_recorded_with_its_body(sandbox, api):
    api.get("/v2/leads?email=ann@acme.test")
    api.post("/v2/leads", {"email": "ann@acme.test"})
    listed, written = sandbox.requests
    assert (listed.method, listed.path, listed.query) == ("GET", "/v2/leads", "email=ann@acme.test")
    assert (written.method, written.path, written.json()) == ("POST", "/v2/leads", {"email": "ann@acme.test"})
    assert listed.at <= written.at


def test_a_slow_answer_does_not_keep_the_sandbox_from_stopping():
    with ThreadPoolExecutor(1) as pool, running_sandbox() as sandbox:
        sandbox.faults.set(slow_next=1, slow_seconds=1000)
        api = Api(sandbox.url)
        slow = pool.submit(lambda: api.post("/v2/leads", {"email": "ann@acme.test"}, timeout=60))
        while sandbox.leads() == {}:
            pass
    assert slow.result().status_code == 201
    api.session.close()


def test_a_port_that_is_taken_is_told(sandbox):
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=sandbox.server.port).start()


def test_the_sandbox_needs_no_django():
    code = "import sys, destinations.sandbox.running; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
