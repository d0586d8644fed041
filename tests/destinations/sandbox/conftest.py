"""A running sandbox, and a client that holds every answer against the published facts."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from destinations.sandbox.running import API_KEY, Sandbox, running_sandbox
from tests.destinations.openapi import load

UNPUBLISHED = (502, 503, 504)


class Api:
    """Calls a sandbox as an integration would. Answers must be as the vendor's document says."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = API_KEY,
        checked: bool = True,
        **more: Any,
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"}
        answer = self.session.request(
            method, self.url + path, json=body, headers=headers, timeout=more.pop("timeout", 10), **more
        )
        if checked and answer.status_code not in UNPUBLISHED:
            facts = load("qualified" if path.startswith("/v2/") else "qualified_per_object")
            facts.check_answer(method, path, answer.status_code, answer.json())
        return answer

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.call("POST", path, body, **more)

    def submit(self, *items: dict[str, Any]) -> str:
        """Submit a bulk job of these items; its id."""
        load("qualified").check_request("POST", "/v2/bulk", {"items": list(items)})
        answer = self.post("/v2/bulk", {"items": list(items)})
        assert answer.status_code == 202
        return str(answer.json()["job"]["id"])

    def finished(self, job: str) -> dict[str, Any]:
        """Poll a job until it is final; the job."""
        for _ in range(1000):
            found: dict[str, Any] = self.get(f"/v2/bulk/{job}").json()["job"]
            if found["status"] in ("completed", "failed"):
                return found
            time.sleep(0.005)
        raise AssertionError(f"Job {job} did not finish.")

    def run(self, *items: dict[str, Any]) -> dict[str, Any]:
        """Submit these items and wait; the finished job."""
        return self.finished(self.submit(*items))


def lead(email: str, *, request_id: str = "", **fields: Any) -> dict[str, Any]:
    """A bulk item for a lead."""
    data = {"email": email, "fields": fields}
    return {"entity": "lead", "action": "POST", "data": data, "request_id": request_id or email}


def company(domain: str, *, request_id: str = "", **fields: Any) -> dict[str, Any]:
    """A bulk item for a company."""
    data = {"domain": domain, "fields": fields}
    return {"entity": "company", "action": "POST", "data": data, "request_id": request_id or domain}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(switches={"job_seconds": 0.01}) as running:
        yield running


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    client = Api(sandbox.url)
    with client.session:
        yield client
